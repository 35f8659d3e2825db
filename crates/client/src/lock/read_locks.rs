//! What a read has learnt about the locks in its way.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tifusion_proto::kvrpcpb;

use super::decision::Verdict;
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

/// Transactions, each with the count of things known before it. None is in both sets: a store asks
/// first whether a lock is ignored, and would lose the write of one that is committed.
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

    /// Ignores the transaction's locks from now on, unless it is known to be committed.
    pub fn ignore(&self, txn: Timestamp) {
        let sets = &mut *self.sets.lock();
        if sets.committed.contains_key(&txn.version()) {
            return;
        }
        sets.count += 1;
        sets.resolved.entry(txn.version()).or_insert(sets.count);
    }

    /// Reads through the transaction's locks from now on.
    pub fn read_through(&self, txn: Timestamp) {
        let sets = &mut *self.sets.lock();
        sets.count += 1;
        sets.resolved.remove(&txn.version());
        sets.committed.entry(txn.version()).or_insert(sets.count);
    }

    /// What is known now.
    #[must_use]
    pub fn knowledge(&self) -> Knowledge {
        Knowledge(self.sets.lock().count)
    }

    /// What has been learnt since `then` about getting past the transaction's locks: to ignore them
    /// or to read through them. A store that reports one that was known then has not listened.
    #[must_use]
    pub fn learnt_since(&self, txn: Timestamp, then: Knowledge) -> Option<Verdict> {
        let sets = self.sets.lock();
        let learnt = |set: &BTreeMap<u64, u64>, verdict| {
            set.get(&txn.version()).filter(|at| **at > then.0).map(|_| verdict)
        };
        learnt(&sets.committed, Verdict::ReadThrough)
            .or_else(|| learnt(&sets.resolved, Verdict::Ignore))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(read: &ReadLocks) -> (Vec<u64>, Vec<u64>) {
        let mut context = kvrpcpb::Context::default();
        read.fill(&mut context);
        (context.resolved_locks, context.committed_locks)
    }

    #[test]
    fn a_committed_transaction_is_read_through_whoever_wants_to_ignore_it() {
        let txn = Timestamp::new(5);
        for ignored_first in [false, true] {
            let read = ReadLocks::new(Timestamp::new(9));
            let then = read.knowledge();
            if ignored_first {
                read.ignore(txn);
            }
            read.read_through(txn);
            read.ignore(txn);
            assert_eq!(told(&read), (vec![], vec![5]));
            assert_eq!(read.learnt_since(txn, then), Some(Verdict::ReadThrough));
            assert_eq!(read.learnt_since(txn, read.knowledge()), None);
        }
    }
}
