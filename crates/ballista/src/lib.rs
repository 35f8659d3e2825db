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
//! fail. **One write, one transaction**, which the session begins and commits: executors encode the rows in one job, and
//! prewrite what that has laid down in another, so that an executor that dies or runs a task twice can neither write a row
//! twice nor leave a part of them. What can't be done so the session encodes, prewrites and commits by itself.
//!
//! Secrets don't travel: each process connects to PD and the stores by its own configuration file. Ballista's own ports are
//! open to whoever reaches them; keep them in a network that you trust.

mod cancel;
mod client;
mod codec;
mod early_jobs;
mod error;
pub mod executor;
mod files;
mod job_exec;
mod jobs;
mod once;
mod planner;
pub mod process;
pub mod scheduler;
mod session;
mod standalone;
mod vcores;

pub use cancel::cancelled;
pub use codec::{TidbLogicalCodec, TidbPhysicalCodec};
pub use error::Error;
pub use session::{connect, connect_with};
pub use standalone::{Standalone, standalone};
