//! Count-min sketches: how often a value occurs, of statistics version 1.

use prost::Message;

use super::murmur3::hash128;
use super::unusable::Unusable;

/// Rows that a sketch may have; TiDB makes five.
const MOST_ROWS: usize = 64;

/// `tipb.CMSketch`, without the frequent values that very old versions kept in it.
#[derive(Clone, PartialEq, Message)]
struct SketchMessage {
    #[prost(message, repeated, tag = "1")]
    rows: Vec<RowMessage>,
    #[prost(uint64, optional, tag = "3")]
    default_value: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct RowMessage {
    #[prost(uint32, repeated, packed = "false", tag = "1")]
    counters: Vec<u32>,
}

/// How often the values of a column or the prefixes of an index occur, frequent ones apart: counters
/// that values share by their hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CmSketch {
    rows: Vec<Vec<u32>>,
    width: u64,
    /// Of all values together.
    count: u64,
    /// Of a value whose counters say nothing.
    default_value: u64,
}

impl CmSketch {
    /// Reads the column `cm_sketch` of `mysql.stats_histograms`; `None` if there is none in it.
    ///
    /// # Errors
    /// [`Unusable::Sketch`] and [`Unusable::SketchShape`] when it is no sketch.
    pub fn decode(blob: &[u8]) -> Result<Option<Self>, Unusable> {
        let message = SketchMessage::decode(blob)
            .map_err(|error| Unusable::Sketch { reason: error.to_string() })?;
        let rows: Vec<Vec<u32>> = message.rows.into_iter().map(|row| row.counters).collect();
        let Some(last) = rows.last() else { return Ok(None) };
        let width = last.len();
        let depth = rows.len();
        if width < 2 || depth > MOST_ROWS || rows.iter().any(|row| row.len() != width) {
            return Err(Unusable::SketchShape { depth });
        }
        let count = last.iter().map(|counter| u64::from(*counter)).sum();
        let width = u64::try_from(width).unwrap_or(u64::MAX);
        Ok(Some(Self { rows, width, count, default_value: message.default_value.unwrap_or(0) }))
    }

    /// Bytes that it takes in memory, about.
    #[must_use]
    pub fn size(&self) -> usize {
        self.rows.iter().map(|row| row.len() * 4).sum()
    }

    /// How often `value` occurs: the median of its counters without what the others in them are
    /// expected to have counted.
    #[must_use]
    pub fn count_of(&self, value: &[u8]) -> u64 {
        let (h1, h2) = hash128(value);
        let mut least = u64::MAX;
        let mut clean: Vec<u64> = Vec::with_capacity(self.rows.len());
        for (row, factor) in self.rows.iter().zip(0_u64..) {
            let at = h1.wrapping_add(h2.wrapping_mul(factor)) % self.width;
            let counter = usize::try_from(at).ok().and_then(|at| row.get(at));
            let counter = u64::from(counter.copied().unwrap_or(0));
            least = least.min(counter);
            let noise = self.count.saturating_sub(counter) / (self.width - 1);
            // One more than there is, so that zero means a counter that nobody touched.
            clean.push(if counter == 0 { 0 } else { counter.saturating_sub(noise) + 1 });
        }
        clean.sort_unstable();
        let middle = |at: usize| clean.get(at).copied().unwrap_or(0);
        let (low, high) = (middle(clean.len().saturating_sub(1) / 2), middle(clean.len() / 2));
        let median = low + (high - low) / 2;
        match median.min(least.saturating_add(1)).checked_sub(1) {
            None => 0,
            Some(count) if self.is_vague(count) => self.default_value,
            Some(count) => count,
        }
    }

    /// Whether so small a count may as well be one that a value got from others.
    fn is_vague(&self, count: u64) -> bool {
        let crowd = (self.count / self.width).saturating_mul(2);
        self.default_value > 0 && (count == 0 || (count > self.default_value && count < crowd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(rows: &[Vec<u32>], default_value: u64) -> Vec<u8> {
        let rows = rows.iter().map(|counters| RowMessage { counters: counters.clone() }).collect();
        SketchMessage { rows, default_value: Some(default_value) }.encode_to_vec()
    }

    /// A sketch that these values were counted in.
    fn sketch(values: &[(&[u8], u32)], default_value: u64) -> CmSketch {
        let mut rows = vec![vec![0_u32; 64]; 5];
        for (value, count) in values {
            let (h1, h2) = hash128(value);
            for (row, factor) in rows.iter_mut().zip(0_u64..) {
                let at = h1.wrapping_add(h2.wrapping_mul(factor)) % 64;
                row[usize::try_from(at).unwrap()] += count;
            }
        }
        CmSketch::decode(&blob(&rows, default_value)).unwrap().unwrap()
    }

    #[test]
    fn values_are_counted_and_strangers_are_not() {
        let sketch = sketch(&[(b"a", 7), (b"b", 100), (b"c", 1)], 0);
        assert_eq!(sketch.count_of(b"a"), 7 - 1, "less the noise of the others");
        assert_eq!(sketch.count_of(b"b"), 100);
        assert_eq!(sketch.count_of(b"stranger"), 0);
    }

    #[test]
    fn a_sketch_of_a_sample_has_a_default_for_what_is_left_of_noise() {
        let values: Vec<(Vec<u8>, u32)> = (0..200_u8).map(|i| (vec![i], 3)).collect();
        let values: Vec<(&[u8], u32)> =
            values.iter().map(|(value, count)| (value.as_slice(), *count)).collect();
        let sketch = sketch(&values, 2);
        assert_eq!(sketch.count_of(b"stranger"), 2);
    }

    #[test]
    fn what_is_no_sketch_is_an_error() {
        assert_eq!(CmSketch::decode(b""), Ok(None));
        assert!(matches!(CmSketch::decode(b"no sketch"), Err(Unusable::Sketch { .. })));
        let uneven = blob(&[vec![1, 2], vec![1]], 0);
        assert_eq!(CmSketch::decode(&uneven), Err(Unusable::SketchShape { depth: 2 }));
        let narrow = blob(&[vec![1]], 0);
        assert_eq!(CmSketch::decode(&narrow), Err(Unusable::SketchShape { depth: 1 }));
        let deep = blob(&vec![vec![1, 2]; 100], 0);
        assert_eq!(CmSketch::decode(&deep), Err(Unusable::SketchShape { depth: 100 }));
    }
}
