//! Talks to PD and TiKV: channels, timestamps, regions, retries, coprocessor, snapshots, locks,
//! transactions.
//! Knows keys and bytes, not tables.
//!
//! What and how are apart: splitting tasks, classifying a region error, the steps of resolving a
//! lock, those of a transaction are pure functions; a thin runtime carries their decisions out over a [`transport`] that is
//! given from outside, as the [`clock`] is.

pub mod auto_id;
mod background;
pub mod backoff;
pub mod client;
pub mod clock;
pub mod cop;
pub mod error;
mod gc_check;
pub mod gc_hold;
pub mod lock;
pub mod metrics;
pub mod options;
pub mod pd;
mod query;
mod read;
pub mod region;
pub mod region_error;
pub mod sender;
mod slow;
pub mod snapshot;
pub mod split;
#[cfg(test)]
mod testing;
pub mod timestamp;
pub mod tls;
pub mod transport;
pub mod txn;

pub use client::Client;
pub use error::{ClientError, ErrorKind, Result, RetrySafety};
pub use options::ClientOptions;
pub use query::QueryId;
pub use timestamp::Timestamp;
