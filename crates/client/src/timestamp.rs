//! The timestamps that PD's oracle hands out.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bits of the logical part, as TiDB lays a timestamp out.
const LOGICAL_BITS: u32 = 18;
const LOGICAL_MASK: u64 = (1 << LOGICAL_BITS) - 1;

/// A point in the cluster's order of events: milliseconds since the Unix epoch shifted left by 18
/// bits, then a counter within that millisecond. Every `start_ts`, `commit_ts` and safe point is one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Before everything; TiDB's "no timestamp".
    pub const ZERO: Self = Self(0);
    /// After everything: TiKV reads the newest committed version at it and takes no lock as its own.
    pub const MAX: Self = Self(u64::MAX);
    /// The largest logical part.
    pub const MAX_LOGICAL: u64 = LOGICAL_MASK;

    /// The timestamp with this 64-bit form.
    #[must_use]
    pub const fn new(version: u64) -> Self {
        Self(version)
    }

    /// The timestamp of `logical` within the millisecond `physical_ms`; `None` when either does not
    /// fit (46 and 18 bits).
    #[must_use]
    pub const fn from_parts(physical_ms: u64, logical: u64) -> Option<Self> {
        if physical_ms > u64::MAX >> LOGICAL_BITS || logical > LOGICAL_MASK {
            return None;
        }
        Some(Self(physical_ms << LOGICAL_BITS | logical))
    }

    /// The 64-bit form, as requests carry it.
    #[must_use]
    pub const fn version(self) -> u64 {
        self.0
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn physical_ms(self) -> u64 {
        self.0 >> LOGICAL_BITS
    }

    /// The counter within the millisecond.
    #[must_use]
    pub const fn logical(self) -> u64 {
        self.0 & LOGICAL_MASK
    }

    /// The physical part as wall time.
    #[must_use]
    pub fn time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.physical_ms())
    }

    /// How far this timestamp's physical part is after `earlier`'s; zero when it is not.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.physical_ms().saturating_sub(earlier.physical_ms()))
    }
}

impl From<u64> for Timestamp {
    fn from(version: u64) -> Self {
        Self(version)
    }
}

impl From<Timestamp> for u64 {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({}: {} ms + {})", self.0, self.physical_ms(), self.logical())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_version_agree() {
        let timestamp = Timestamp::from_parts(1_700_000_000_123, 42).unwrap();
        assert_eq!(timestamp.version(), (1_700_000_000_123 << 18) + 42);
        assert_eq!(timestamp.physical_ms(), 1_700_000_000_123);
        assert_eq!(timestamp.logical(), 42);
        assert_eq!(Timestamp::from(timestamp.version()), timestamp);
        assert_eq!(u64::from(timestamp), timestamp.version());
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        assert_eq!(Timestamp::from_parts(0, 1 << 18), None);
        assert_eq!(Timestamp::from_parts(1 << 46, 0), None);
        assert_eq!(
            Timestamp::from_parts((1 << 46) - 1, Timestamp::MAX_LOGICAL),
            Some(Timestamp::MAX)
        );
    }

    #[test]
    fn order_is_physical_then_logical() {
        let early = Timestamp::from_parts(5, 9).unwrap();
        let late = Timestamp::from_parts(6, 0).unwrap();
        assert!(early < late);
        assert_eq!(late.saturating_since(early), Duration::from_millis(1));
        assert_eq!(early.saturating_since(late), Duration::ZERO);
    }
}
