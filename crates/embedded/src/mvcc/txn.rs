//! What one command is about to change.

use std::sync::Arc;

use super::concurrency::{Concurrency, MemoryLocks};
use super::key;
use super::lock::Lock;
use super::write::Write;
use crate::engine::{Batch, Column};

/// A lock that a one-phase commit would have written.
#[derive(Debug)]
pub(crate) struct OnePcLock {
    /// The raw key.
    pub(crate) key: Vec<u8>,
    /// The lock.
    pub(crate) lock: Lock,
    /// Whether the transaction's pessimistic lock is on the key.
    pub(crate) replaces_pessimistic: bool,
}

/// The changes that a command has decided on, for one transaction at a time.
#[derive(Debug)]
pub(crate) struct MvccTxn {
    /// The transaction.
    pub(crate) start_ts: u64,
    /// The newest timestamp read at, and locks in memory.
    pub(crate) concurrency: Arc<Concurrency>,
    /// Locks of a one-phase commit that was not decided yet.
    pub(crate) one_pc_locks: Vec<OnePcLock>,
    /// Locks in memory until the changes are in the engine.
    pub(crate) guards: MemoryLocks,
    batch: Batch,
    released: Vec<(u64, Vec<u8>)>,
    committed: Vec<(u64, u64)>,
}

/// What is to be written, and what follows once it is.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The changes.
    pub(crate) batch: Batch,
    /// Locks in memory until then.
    pub(crate) guards: MemoryLocks,
    /// Locks that are gone then: whose, and on which key.
    pub(crate) released: Vec<(u64, Vec<u8>)>,
    /// Transactions that are known to be committed then, and when.
    pub(crate) committed: Vec<(u64, u64)>,
}

impl MvccTxn {
    /// No changes yet.
    pub(crate) fn new(start_ts: u64, concurrency: Arc<Concurrency>) -> Self {
        Self {
            start_ts,
            concurrency,
            one_pc_locks: Vec::new(),
            guards: MemoryLocks::default(),
            batch: Batch::default(),
            released: Vec::new(),
            committed: Vec::new(),
        }
    }

    /// Locks `raw`.
    pub(crate) fn put_lock(&mut self, raw: &[u8], lock: &Lock) {
        self.batch.put(Column::Lock, key::encoded(raw), lock.to_bytes());
    }

    /// Removes the transaction's lock from `raw`.
    pub(crate) fn unlock(&mut self, raw: &[u8]) {
        self.batch.delete(Column::Lock, key::encoded(raw));
        self.released.push((self.start_ts, raw.to_vec()));
    }

    /// Writes a value too long for its record.
    pub(crate) fn put_value(&mut self, raw: &[u8], start_ts: u64, value: Vec<u8>) {
        self.batch.put(Column::Default, key::versioned(raw, start_ts), value);
    }

    /// Removes a value.
    pub(crate) fn delete_value(&mut self, raw: &[u8], start_ts: u64) {
        self.batch.delete(Column::Default, key::versioned(raw, start_ts));
    }

    /// Writes a commit or rollback record.
    pub(crate) fn put_write(&mut self, raw: &[u8], commit_ts: u64, write: &Write) {
        self.batch.put(Column::Write, key::versioned(raw, commit_ts), write.to_bytes());
    }

    /// Removes a commit or rollback record.
    pub(crate) fn delete_write(&mut self, raw: &[u8], commit_ts: u64) {
        self.batch.delete(Column::Write, key::versioned(raw, commit_ts));
    }

    /// Notes that a transaction is committed once the changes are written.
    pub(crate) fn note_committed(&mut self, start_ts: u64, commit_ts: u64) {
        self.committed.push((start_ts, commit_ts));
    }

    /// Remembers a protected rollback on `raw` in another transaction's lock there, if that transaction may pick
    /// this very timestamp to commit at and so write over the rollback's record.
    pub(crate) fn mark_rollback_on_mismatching_lock(&mut self, raw: &[u8], mut lock: Lock) {
        if lock.use_async_commit && self.start_ts >= lock.min_commit_ts {
            lock.rollback_ts.push(self.start_ts);
            self.put_lock(raw, &lock);
        }
    }

    /// Gives all changes up.
    pub(crate) fn clear(&mut self) {
        self.batch.clear();
        self.one_pc_locks.clear();
        self.released.clear();
        self.committed.clear();
        self.guards = MemoryLocks::default();
    }

    /// What is to be written.
    pub(crate) fn into_outcome(self) -> Outcome {
        let Self { batch, guards, released, committed, .. } = self;
        Outcome { batch, guards, released, committed }
    }
}
