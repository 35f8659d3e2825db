//! What a read has learnt about the locks in its way.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tifusion_proto::kvrpcpb;

use crate::timestamp::Timestamp;

/// The transactions whose locks one read ignores or reads through. Holds for the read's timestamp
/// only: a transaction pushed past one snapshot may commit before another.
#[derive(Debug)]
pub struct ReadLocks {
    start_ts: Timestamp,
    sets: Mutex<Sets>,
}

/// How much a read knew at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Knowledge(u64);

/// Transactions, each with the count of things known before it.
#[derive(Debug, Default)]
struct Sets {
    resolved: BTreeMap<u64, u64>,
    committed: BTreeMap<u64, u64>,
    count: u64,
}

impl ReadLocks {
    /// Nothing learnt yet, for a read at `start_ts`.
    #[must_use]
    pub fn new(start_ts: Timestamp) -> Self {
        Self { start_ts, sets: Mutex::default() }
    }

    /// The read's timestamp.
    #[must_use]
    pub fn start_ts(&self) -> Timestamp {
        self.start_ts
    }

    /// Ignores the transaction's locks from now on.
    pub fn ignore(&self, txn: Timestamp) {
        let sets = &mut *self.sets.lock();
        sets.count += 1;
        sets.resolved.entry(txn.version()).or_insert(sets.count);
    }

    /// Reads through the transaction's locks from now on.
    pub fn read_through(&self, txn: Timestamp) {
        let sets = &mut *self.sets.lock();
        sets.count += 1;
        sets.committed.entry(txn.version()).or_insert(sets.count);
    }

    /// What is known now.
    #[must_use]
    pub fn knowledge(&self) -> Knowledge {
        Knowledge(self.sets.lock().count)
    }

    /// Whether it has been learnt since `then` how to get past the transaction's locks. A store that
    /// reports one that was known then has not listened.
    #[must_use]
    pub fn learnt_since(&self, txn: Timestamp, then: Knowledge) -> bool {
        let sets = self.sets.lock();
        let learnt = |set: &BTreeMap<u64, u64>| set.get(&txn.version()).copied();
        learnt(&sets.resolved).or_else(|| learnt(&sets.committed)).is_some_and(|at| at > then.0)
    }

    /// Whether it is known how to get past the transaction's locks.
    #[must_use]
    pub fn knows(&self, txn: Timestamp) -> bool {
        let sets = self.sets.lock();
        sets.resolved.contains_key(&txn.version()) || sets.committed.contains_key(&txn.version())
    }

    /// Tells the store, in a request's context.
    pub fn fill(&self, context: &mut kvrpcpb::Context) {
        let sets = self.sets.lock();
        context.resolved_locks = sets.resolved.keys().copied().collect();
        context.committed_locks = sets.committed.keys().copied().collect();
    }
}
