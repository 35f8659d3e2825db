//! TiFusion on Ballista: the same SQL over several machines.
//!
//! ```text
//!   session (TidbContext)                 scheduler                       executors
//!   names, rights, start_ts    logical    tables at start_ts,   stages    regions by a client of
//!   GC held back, commits   ──────────►   pushdown, stages   ──────────►  their own, TiKV's answers
//!            ▲                  plan                                          │ Arrow Flight
//!            └────────────────────────────── rows ◄───────────────────────────┘
//! ```
//!
//! [`connect`] makes a session whose queries over TiDB's tables run on a Ballista cluster; [`standalone`] is the same with
//! the cluster in this process. [`scheduler`] and [`executor`] set up the processes of a cluster, as the programs
//! `tifusion-scheduler` and `tifusion-executor` do.
//!
//! **One statement, one snapshot**, wherever it is read: the session takes the timestamp, holds garbage collection back
//! until the last row has arrived, and looks at the end whether it could. Scheduler and executors read at that timestamp or
//! fail. **Writes are the session's**: `INSERT … SELECT` reads on the cluster at the transaction's timestamp, and the
//! session encodes and commits the rows as without Ballista, so that an executor that dies or runs a task twice has
//! nothing to do with what is written.
//!
//! Secrets don't travel: each process connects to PD and the stores by its own configuration file. Ballista's own ports are
//! open to whoever reaches them; keep them in a network that you trust.

mod codec;
mod error;
pub mod executor;
mod planner;
pub mod process;
pub mod scheduler;
mod session;
mod standalone;

pub use codec::{TidbLogicalCodec, TidbPhysicalCodec};
pub use error::Error;
pub use session::{connect, connect_with};
pub use standalone::{Standalone, standalone};
