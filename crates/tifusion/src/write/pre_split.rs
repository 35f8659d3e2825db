//! How many regions a large write splits off beforehand.

use std::time::Duration;

/// Bytes of keys and values that are to be in one region: 96 MiB, as in TiSpark, which is what TiKV of its time made
/// of one.
const BYTES_PER_REGION: u64 = 96 << 20;

/// Regions that a write splits off, at most (TiSpark's figure).
pub(crate) const MOST_REGIONS: u64 = 4096;

/// Keys for a region where they are what counts, as in TiSpark.
const KEYS_PER_REGION: u64 = 960_000;

/// How regions are split before a large write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PreSplit {
    /// Whether they are at all.
    pub(crate) is_on: bool,
    /// How many there are to be; 0 to go by their size.
    pub(crate) number: u64,
    /// Whether a region's size is that of its keys and values, or else how many keys it has.
    pub(crate) by_bytes: bool,
    /// Bytes of keys and values for each.
    pub(crate) bytes: u64,
    /// Keys for each.
    pub(crate) keys: u64,
    /// Rows below which nothing is split.
    pub(crate) threshold: u64,
    /// How many there are to be at least.
    pub(crate) least: u64,
    /// How many there are to be at most.
    pub(crate) most: u64,
    /// Longest wait until the new regions have arrived at their stores.
    pub(crate) wait: Duration,
}

impl Default for PreSplit {
    fn default() -> Self {
        Self {
            is_on: true,
            number: 0,
            by_bytes: true,
            bytes: BYTES_PER_REGION,
            keys: KEYS_PER_REGION,
            threshold: 0,
            least: 1,
            most: MOST_REGIONS,
            wait: Duration::ZERO,
        }
    }
}

impl PreSplit {
    /// In how many pieces the keys are to lie; one where nothing is to be split.
    pub(super) fn pieces(&self, rows: u64, keys: u64, bytes: u64) -> u64 {
        if !self.is_on || rows < self.threshold {
            return 1;
        }
        let pieces = match (self.number, self.by_bytes) {
            (0, true) => bytes.checked_div(self.bytes).unwrap_or(0),
            (0, false) => keys.checked_div(self.keys).unwrap_or(0),
            (number, _) => number,
        };
        pieces.max(self.least).min(self.most.min(MOST_REGIONS)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_counted_by_what_is_asked_for_within_bounds() {
        let split = PreSplit::default();
        assert_eq!(split.pieces(1, 1, 3 * BYTES_PER_REGION), 3);
        assert_eq!(split.pieces(0, 0, 0), 1);
        assert_eq!(split.pieces(1, 1, u64::MAX), MOST_REGIONS);
        let split = PreSplit { threshold: 10, least: 4, most: 6, ..split };
        assert_eq!(split.pieces(9, 9, u64::MAX), 1);
        assert_eq!(split.pieces(10, 10, 1), 4);
        let by_keys = |keys| PreSplit { by_bytes: false, keys, ..split };
        assert_eq!(by_keys(2).pieces(10, 11, 0), 5);
        assert_eq!(by_keys(0).pieces(10, 11, 0), 4);
        assert_eq!(PreSplit { number: 9, ..split }.pieces(10, 0, 0), 6);
        assert_eq!(PreSplit { is_on: false, ..split }.pieces(10, 10, u64::MAX), 1);
    }
}
