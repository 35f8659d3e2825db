//! The timestamp oracle.

use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

/// Bits of a timestamp's logical part.
pub(crate) const LOGICAL_BITS: u32 = 18;
const LOGICAL_MASK: u64 = (1 << LOGICAL_BITS) - 1;

/// Hands out timestamps that only grow: the wall clock's milliseconds, shifted, then a counter.
#[derive(Debug)]
pub(crate) struct Oracle {
    last: Mutex<u64>,
}

impl Oracle {
    /// All timestamps will be above `floor`.
    pub(crate) fn above(floor: u64) -> Self {
        Self { last: Mutex::new(floor) }
    }

    /// The last of `count` consecutive timestamps within one millisecond; `None` when so many do not fit
    /// into one.
    pub(crate) fn take(&self, count: u32) -> Option<u64> {
        let more = u64::from(count).checked_sub(1).filter(|more| *more <= LOGICAL_MASK)?;
        let mut last = self.last.lock();
        let mut first = last.saturating_add(1).max(now_ms() << LOGICAL_BITS);
        if (first & LOGICAL_MASK) + more > LOGICAL_MASK {
            first = ((first >> LOGICAL_BITS) + 1) << LOGICAL_BITS;
        }
        *last = first + more;
        Some(*last)
    }

    /// Makes all further timestamps greater than `timestamp`.
    pub(crate) fn pass(&self, timestamp: u64) {
        let mut last = self.last.lock();
        *last = timestamp.max(*last);
    }

    /// The greatest timestamp that may have been handed out.
    pub(crate) fn last(&self) -> u64 {
        (*self.last.lock()).max(now_ms() << LOGICAL_BITS)
    }
}

/// A timestamp's milliseconds and counter.
pub(crate) fn parts(timestamp: u64) -> (i64, i64) {
    let physical = i64::try_from(timestamp >> LOGICAL_BITS).unwrap_or(i64::MAX);
    (physical, i64::try_from(timestamp & LOGICAL_MASK).unwrap_or(0))
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_only_grow_and_follow_the_clock() {
        let before = now_ms();
        let oracle = Oracle::above(0);
        let mut last = 0;
        for count in [1, 1, 100, 1 << 18, 7, (1 << 18) - 3] {
            let end = oracle.take(count).unwrap();
            let start = end - u64::from(count - 1);
            assert!(start > last);
            assert_eq!(start >> LOGICAL_BITS, end >> LOGICAL_BITS, "within one millisecond");
            last = end;
        }
        let (physical, logical) = parts(last);
        assert!(physical >= i64::try_from(before).unwrap() && logical >= 0);
        assert!(oracle.last() >= last);
        assert_eq!((oracle.take(0), oracle.take((1 << 18) + 1)), (None, None));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_matter() {
        let future = (now_ms() + 3_600_000) << LOGICAL_BITS;
        assert!(Oracle::above(future).take(1).unwrap() > future);
    }
}
