//! How far a transaction is.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of a transaction, for whoever shows progress; shared, only ever growing.
#[derive(Debug, Default)]
pub struct TxnProgress {
    keys_prewritten: AtomicU64,
    bytes_prewritten: AtomicU64,
    keys_committed: AtomicU64,
    regions_finished: AtomicU64,
}

impl TxnProgress {
    /// Mutations that stores have taken in.
    #[must_use]
    pub fn keys_prewritten(&self) -> u64 {
        self.keys_prewritten.load(Ordering::Relaxed)
    }

    /// Bytes of their keys and values.
    #[must_use]
    pub fn bytes_prewritten(&self) -> u64 {
        self.bytes_prewritten.load(Ordering::Relaxed)
    }

    /// Keys that are committed. A large transaction is committed region by region, where stores do not
    /// tell how many keys there were: the count then jumps at the end.
    #[must_use]
    pub fn keys_committed(&self) -> u64 {
        self.keys_committed.load(Ordering::Relaxed)
    }

    /// Requests of the second phase (commit or rollback) that are done: for a large transaction, regions.
    #[must_use]
    pub fn regions_finished(&self) -> u64 {
        self.regions_finished.load(Ordering::Relaxed)
    }

    pub(super) fn prewrote(&self, keys: usize, bytes: usize) {
        self.keys_prewritten.fetch_add(keys as u64, Ordering::Relaxed);
        self.bytes_prewritten.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn committed(&self, keys: u64) {
        self.keys_committed.fetch_add(keys, Ordering::Relaxed);
    }

    pub(super) fn finished_region(&self) {
        self.regions_finished.fetch_add(1, Ordering::Relaxed);
    }
}
