//! Fates of transactions, remembered: an end never changes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::status::Fate;
use crate::error::{ClientError, ErrorKind, Result};
use crate::timestamp::Timestamp;

/// Fates remembered (TiDB's figure); the oldest goes first.
const CAPACITY: usize = 2048;

/// Gates kept before those that nobody waits at are swept out.
const GATES_BEFORE_SWEEP: usize = 1024;

/// The bounded memory of ended transactions.
#[derive(Debug, Default)]
pub(super) struct FateCache {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    fates: HashMap<Timestamp, Fate>,
    order: VecDeque<Timestamp>,
}

impl FateCache {
    pub(super) fn get(&self, txn: Timestamp) -> Option<Fate> {
        self.inner.lock().fates.get(&txn).copied()
    }

    /// Remembers a fate.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when another fate was told before: no lock may be resolved by either.
    pub(super) fn put(&self, txn: Timestamp, fate: Fate) -> Result<()> {
        let mut inner = self.inner.lock();
        match inner.fates.get(&txn) {
            Some(known) if *known == fate => return Ok(()),
            Some(known) => {
                return Err(ClientError::new(
                    ErrorKind::Protocol,
                    format!("the stores contradict about transaction {txn}: {known:?}, {fate:?}"),
                ));
            }
            None => {}
        }
        if inner.order.len() >= CAPACITY
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.fates.remove(&oldest);
        }
        inner.order.push_back(txn);
        inner.fates.insert(txn, fate);
        Ok(())
    }
}

/// One gate per transaction, so that a hundred tasks that meet the same transaction's locks ask
/// about it once.
#[derive(Debug, Default)]
pub(super) struct TxnGates {
    gates: Mutex<HashMap<Timestamp, Weak<tokio::sync::Mutex<()>>>>,
}

impl TxnGates {
    pub(super) fn gate(&self, txn: Timestamp) -> Arc<tokio::sync::Mutex<()>> {
        let mut gates = self.gates.lock();
        if gates.len() >= GATES_BEFORE_SWEEP {
            gates.retain(|_, gate| gate.strong_count() > 0);
        }
        if let Some(gate) = gates.get(&txn).and_then(Weak::upgrade) {
            return gate;
        }
        let gate = Arc::default();
        gates.insert(txn, Arc::downgrade(&gate));
        gate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_fate_goes_first_and_the_cache_stays_bounded() {
        let cache = FateCache::default();
        for ts in 0..=CAPACITY as u64 {
            cache.put(Timestamp::new(ts), Fate::RolledBack).unwrap();
        }
        assert_eq!(cache.get(Timestamp::new(0)), None);
        assert_eq!(cache.get(Timestamp::new(1)), Some(Fate::RolledBack));
        let inner = cache.inner.lock();
        assert_eq!((inner.fates.len(), inner.order.len()), (CAPACITY, CAPACITY));
    }

    #[test]
    fn a_second_fate_is_an_error_and_the_first_one_stays() {
        let cache = FateCache::default();
        let txn = Timestamp::new(5);
        cache.put(txn, Fate::Committed(Timestamp::new(9))).unwrap();
        cache.put(txn, Fate::Committed(Timestamp::new(9))).unwrap();
        let error = cache.put(txn, Fate::RolledBack).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert_eq!(cache.get(txn), Some(Fate::Committed(Timestamp::new(9))));
    }

    #[test]
    fn gates_are_shared_while_used_and_swept_afterwards() {
        let gates = TxnGates::default();
        let held = gates.gate(Timestamp::new(1));
        assert!(Arc::ptr_eq(&held, &gates.gate(Timestamp::new(1))));
        for ts in 2..4000 {
            drop(gates.gate(Timestamp::new(ts)));
        }
        assert!(gates.gates.lock().len() <= GATES_BEFORE_SWEEP);
        assert!(Arc::ptr_eq(&held, &gates.gate(Timestamp::new(1))));
    }
}
