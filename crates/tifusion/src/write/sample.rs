//! Where a large write splits regions beforehand, from a sample of its keys.

use super::pre_split::PreSplit;

/// Keys that are kept, at most.
const MOST_KEYS: usize = 4096;

/// Each key in so many, evenly over all that come: when there are too many, every second one goes.
#[derive(Debug, Default)]
pub(super) struct KeySample {
    keys: Vec<Vec<u8>>,
    stride: u64,
    seen: u64,
    bytes: u64,
}

impl KeySample {
    /// Takes note of a pair of these lengths.
    pub(super) fn see(&mut self, key: &[u8], value_bytes: usize) {
        let stride = self.stride.max(1);
        if self.seen.is_multiple_of(stride) {
            self.keys.push(key.to_vec());
        }
        self.seen += 1;
        self.bytes += (key.len() + value_bytes) as u64;
        if self.keys.len() >= MOST_KEYS {
            let mut at = 0_usize;
            self.keys.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.stride = stride * 2;
        }
    }

    /// The keys at which to split, in order, so that all pieces take about the same; none if there is one. The
    /// keys are of so many rows.
    pub(super) fn split_keys(&self, split: &PreSplit, rows: u64) -> Vec<Vec<u8>> {
        let pieces = split.pieces(rows, self.seen, self.bytes);
        if pieces < 2 {
            return Vec::new();
        }
        let mut sorted: Vec<&Vec<u8>> = self.keys.iter().collect();
        sorted.sort_unstable();
        let at = |piece: u64| {
            let place = piece.saturating_mul(sorted.len() as u64) / pieces;
            sorted.get(usize::try_from(place).ok()?).map(|key| (*key).clone())
        };
        let mut keys: Vec<Vec<u8>> = (1..pieces).filter_map(at).collect();
        keys.dedup();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_bytes(bytes: u64) -> PreSplit {
        PreSplit { bytes, ..PreSplit::default() }
    }

    #[test]
    fn pieces_are_of_about_the_same_size_whatever_the_order_of_the_keys() {
        let mut sample = KeySample::default();
        for n in 0..100_000_u32 {
            let key = n.wrapping_mul(2_654_435_761).to_be_bytes();
            sample.see(&key, 96);
        }
        assert!(sample.keys.len() < MOST_KEYS && sample.keys.len() > MOST_KEYS / 4);
        let keys = sample.split_keys(&by_bytes(1_000_000), 1);
        assert_eq!(keys.len(), 9);
        for (key, tenth) in keys.iter().zip(1..) {
            let key = u64::from(u32::from_be_bytes(key.as_slice().try_into().unwrap()));
            let wanted = u64::from(u32::MAX) / 10 * tenth;
            assert!(key.abs_diff(wanted) < u64::from(u32::MAX) / 50, "{key} for {wanted}");
        }
    }

    #[test]
    fn small_writes_split_nothing() {
        let mut sample = KeySample::default();
        sample.see(b"a", 10);
        sample.see(b"b", 10);
        assert!(sample.split_keys(&by_bytes(12), 2).is_empty());
        assert!(sample.split_keys(&by_bytes(0), 2).is_empty());
        assert_eq!(sample.split_keys(&by_bytes(10), 2), [b"b"]);
    }
}
