//! What resolving locks reports to the read that met them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::timestamp::Timestamp;

/// What came of the locks in a read's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resolved {
    /// The least time for which a transaction in the way may be alive.
    pub wait: Option<Duration>,
    /// Whether anything was learnt or cleaned up, so that asking again will not meet the same locks.
    pub progress: bool,
}

/// A transaction that a write has to wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The transaction.
    pub txn: Timestamp,
    /// A key that it holds.
    pub key: Vec<u8>,
    /// How long it may be alive.
    pub wait: Duration,
}

/// Counts of locks met; shared, only ever growing.
#[derive(Debug, Default)]
pub struct LockStats {
    pub(super) met: AtomicU64,
    pub(super) waits: AtomicU64,
}

impl LockStats {
    /// Locks met.
    #[must_use]
    pub fn met(&self) -> u64 {
        self.met.load(Ordering::Relaxed)
    }

    /// Waits for a lock.
    #[must_use]
    pub fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }
}
