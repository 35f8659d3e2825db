//! Locks of other transactions in the way of a read or a write: finding out about them and getting
//! past them.
//!
//! [`decision`] holds the rules as pure functions over what [`status`] and [`secondaries`] read from
//! the answers; [`LockResolver`] carries the steps out. A read needs not wait until a lock is gone: it
//! remembers in [`ReadLocks`] which transactions to ignore and which to read through, and the cleanup
//! goes on behind it. A write can only begin where no lock is left.

mod cache;
mod cleanup;
pub mod decision;
mod for_write;
mod info;
mod read_locks;
mod resolver;
pub mod secondaries;
mod stats;
pub mod status;

pub use info::Lock;
pub use read_locks::{Knowledge, ReadLocks};
pub use resolver::LockResolver;
pub use stats::{LockStats, Resolved, Waiting};
use tifusion_proto::kvrpcpb;

use crate::error::{ClientError, ErrorKind};

/// A key error that is no lock, as an error of this crate; `doing` says during what.
#[must_use]
pub fn key_error(error: &kvrpcpb::KeyError, doing: &str) -> ClientError {
    if let Some(conflict) = &error.conflict {
        return ClientError::new(
            ErrorKind::Conflict,
            format!(
                "{doing}: a newer version was committed at {} by transaction {}",
                conflict.conflict_commit_ts, conflict.conflict_ts
            ),
        )
        .with_key(&conflict.key);
    }
    let said = [&error.abort, &error.retryable].into_iter().find(|said| !said.is_empty());
    match said {
        Some(said) => ClientError::new(
            ErrorKind::Refused,
            format!("{doing}: the store refused the request: {said}"),
        ),
        None => ClientError::new(
            ErrorKind::Protocol,
            format!("{doing}: the store answered with the key error {:?}", Brief(error)),
        ),
    }
}

/// A key error without its debug information, which may be long and hold data.
struct Brief<'a>(&'a kvrpcpb::KeyError);

impl std::fmt::Debug for Brief<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let error = kvrpcpb::KeyError { debug_info: None, ..self.0.clone() };
        std::fmt::Debug::fmt(&error, f)
    }
}

#[cfg(test)]
mod tests;
