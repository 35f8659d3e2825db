//! The safe points of garbage collection and what holds them back, as PD keeps them.
//!
//! The transaction safe point says which snapshots may begin; the GC safe point, never above it, which
//! versions may be gone. Barriers, and the older "service safe points" in the same list, hold the first one
//! back until they expire.

use std::collections::BTreeMap;

/// The service whose safe point is the transaction safe point itself.
const GC_WORKER: &str = "gc_worker";

/// Why a safe point or barrier cannot be set as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GcError {
    #[error("trying to decrease txn safe point, current value: {current}, given: {target}")]
    DecreasingTxnSafePoint { current: u64, target: u64 },
    #[error("trying to decrease GC safe point, current value: {current}, given: {target}")]
    DecreasingGcSafePoint { current: u64, target: u64 },
    #[error("GC safe point {target} exceeds the txn safe point {limit}")]
    ExceedsTxnSafePoint { target: u64, limit: u64 },
    #[error("GC barrier {barrier} is behind the txn safe point {limit}")]
    BarrierBehind { barrier: u64, limit: u64 },
    #[error("invalid argument: {0}")]
    Invalid(&'static str),
}

/// Something that holds garbage collection back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Barrier {
    pub(crate) ts: u64,
    /// Seconds since the Unix epoch; `None` never expires.
    pub(crate) expires: Option<u64>,
}

impl Barrier {
    /// Seconds left at `now`.
    pub(crate) fn ttl(&self, now: u64) -> i64 {
        let left = self.expires.map_or(u64::MAX, |expires| expires.saturating_sub(now));
        i64::try_from(left).unwrap_or(i64::MAX)
    }
}

/// Safe points and barriers; `now` is in seconds since the Unix epoch everywhere.
#[derive(Debug, Default)]
pub(crate) struct GcState {
    txn_safe_point: u64,
    gc_safe_point: u64,
    barriers: BTreeMap<String, Barrier>,
}

impl GcState {
    /// With these safe points and no barriers.
    pub(crate) fn restore(txn_safe_point: u64, gc_safe_point: u64) -> Self {
        Self { txn_safe_point, gc_safe_point, barriers: BTreeMap::new() }
    }

    pub(crate) fn txn_safe_point(&self) -> u64 {
        self.txn_safe_point
    }

    pub(crate) fn gc_safe_point(&self) -> u64 {
        self.gc_safe_point
    }

    /// The barriers that have not expired.
    pub(crate) fn barriers(&mut self, now: u64) -> impl Iterator<Item = (&str, Barrier)> {
        self.barriers.retain(|_, barrier| barrier.expires.is_none_or(|expires| expires > now));
        self.barriers.iter().map(|(id, barrier)| (id.as_str(), *barrier))
    }

    /// Moves the transaction safe point to `target`, or as far as barriers let it; returns the old one, the
    /// new one and what stood in the way.
    pub(crate) fn advance_txn(
        &mut self,
        target: u64,
        now: u64,
    ) -> Result<(u64, u64, String), GcError> {
        let old = self.txn_safe_point;
        if target < old {
            return Err(GcError::DecreasingTxnSafePoint { current: old, target });
        }
        let least = self.barriers(now).min_by_key(|(_, barrier)| barrier.ts);
        let blocker = least.filter(|(_, barrier)| barrier.ts < target);
        let (new, why) = match blocker {
            Some((id, barrier)) => {
                let why = format!("GC barrier \"{id}\" at {}", barrier.ts);
                (barrier.ts.max(old), why)
            }
            None => (target, String::new()),
        };
        self.txn_safe_point = new;
        Ok((old, new, why))
    }

    /// Moves the GC safe point; returns the old and the new one.
    pub(crate) fn advance_gc(&mut self, target: u64) -> Result<(u64, u64), GcError> {
        let old = self.gc_safe_point;
        if target < old {
            return Err(GcError::DecreasingGcSafePoint { current: old, target });
        }
        if target > self.txn_safe_point {
            let limit = self.txn_safe_point;
            return Err(GcError::ExceedsTxnSafePoint { target, limit });
        }
        self.gc_safe_point = target;
        Ok((old, target))
    }

    /// The older way to move the GC safe point: it never goes back, and takes the transaction safe point
    /// along.
    pub(crate) fn update_gc(&mut self, target: u64) -> u64 {
        self.gc_safe_point = self.gc_safe_point.max(target);
        self.txn_safe_point = self.txn_safe_point.max(self.gc_safe_point);
        self.gc_safe_point
    }

    pub(crate) fn set_barrier(
        &mut self,
        id: &str,
        ts: u64,
        ttl: i64,
        now: u64,
    ) -> Result<Barrier, GcError> {
        if id.is_empty() || id == GC_WORKER {
            return Err(GcError::Invalid("barrier_id"));
        }
        let Ok(ttl @ 1..) = u64::try_from(ttl) else {
            return Err(GcError::Invalid("ttl_seconds"));
        };
        if ts < self.txn_safe_point {
            return Err(GcError::BarrierBehind { barrier: ts, limit: self.txn_safe_point });
        }
        let forever =
            i64::try_from(now.saturating_add(ttl)).is_err() || ttl >= i64::MAX.unsigned_abs();
        let expires = (!forever).then(|| now.saturating_add(ttl));
        let barrier = Barrier { ts, expires };
        self.barriers.insert(id.to_owned(), barrier);
        Ok(barrier)
    }

    pub(crate) fn delete_barrier(&mut self, id: &str) -> Option<Barrier> {
        self.barriers.remove(id)
    }

    /// The older way to set and remove barriers, and to move the transaction safe point; returns the least
    /// safe point of all, which garbage collection respects. One that is too old changes nothing.
    pub(crate) fn update_service(&mut self, id: &str, ts: u64, ttl: i64, now: u64) -> u64 {
        if id == GC_WORKER {
            // One that would go back is answered by the safe point as it is.
            let _ = self.advance_txn(ts, now);
        } else if ttl > 0 {
            // As above.
            let _ = self.set_barrier(id, ts, ttl, now);
        } else {
            self.barriers.remove(id);
        }
        self.txn_safe_point
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn barriers_hold_the_txn_safe_point_back_until_they_expire() {
        let mut gc = GcState::default();
        gc.set_barrier("backup", 50, 10, 100).unwrap();
        let (old, new, why) = gc.advance_txn(80, 105).unwrap();
        assert_eq!((old, new), (0, 50));
        assert!(why.contains("backup"), "{why}");
        assert_eq!(gc.advance_txn(80, 110).unwrap(), (50, 80, String::new()));
        assert_eq!(
            gc.advance_txn(79, 110),
            Err(GcError::DecreasingTxnSafePoint { current: 80, target: 79 })
        );
        assert_eq!(
            gc.set_barrier("late", 79, 10, 110),
            Err(GcError::BarrierBehind { barrier: 79, limit: 80 })
        );
    }

    #[test]
    fn the_gc_safe_point_stays_below_the_txn_safe_point() {
        let mut gc = GcState::default();
        gc.advance_txn(50, 0).unwrap();
        assert_eq!(gc.advance_gc(40).unwrap(), (0, 40));
        assert!(matches!(gc.advance_gc(39), Err(GcError::DecreasingGcSafePoint { .. })));
        assert!(matches!(gc.advance_gc(51), Err(GcError::ExceedsTxnSafePoint { .. })));
        assert_eq!(gc.update_gc(30), 40);
        assert_eq!(gc.update_gc(60), 60);
        assert_eq!(gc.txn_safe_point(), 60);
    }

    #[test]
    fn services_share_the_list_with_barriers() {
        let mut gc = GcState::default();
        assert_eq!(gc.update_service("br", 30, 60, 0), 0);
        assert_eq!(gc.update_service("gc_worker", 45, i64::MAX, 1), 30);
        assert_eq!(gc.update_service("cdc", 20, 60, 1), 30, "too old");
        assert_eq!(gc.barriers(1).map(|(id, _)| id).collect::<Vec<_>>(), ["br"]);
        assert_eq!(gc.update_service("br", 0, 0, 2), 30);
        assert_eq!(gc.update_service("gc_worker", 45, i64::MAX, 2), 45);
    }

    #[test]
    fn endless_barriers_have_the_longest_time_to_live() {
        let mut gc = GcState::default();
        let barrier = gc.set_barrier("pin", 5, i64::MAX, 1000).unwrap();
        assert_eq!(barrier.ttl(2000), i64::MAX);
        assert_eq!(gc.delete_barrier("pin"), Some(barrier));
        assert_eq!(gc.delete_barrier("pin"), None);
        assert!(matches!(gc.set_barrier("x", 5, 0, 0), Err(GcError::Invalid(_))));
    }
}
