//! Frequent values.

use super::span::KeySpan;
use super::unusable::Unusable;

/// Frequent values that are kept of one column; TiDB makes at most 100 000, and 100 by default.
pub const MOST_TOP_VALUES: usize = 100_000;

/// The most frequent values of a column or an index, by their keys, with how often they occur.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopValues {
    /// Ascending, no key twice.
    values: Vec<(Vec<u8>, u64)>,
    /// For each value, how many rows it and those before it have.
    ends: Vec<u64>,
}

impl TopValues {
    /// These values, in whatever order. One that is there twice counts once, as the more frequent: an
    /// `ANALYZE` that was interrupted leaves such.
    ///
    /// # Errors
    /// [`Unusable::TooMany`].
    pub fn new(mut values: Vec<(Vec<u8>, u64)>) -> Result<Self, Unusable> {
        if values.len() > MOST_TOP_VALUES {
            return Err(Unusable::TooMany { what: "frequent values", most: MOST_TOP_VALUES });
        }
        values.sort_unstable_by(|(a, m), (b, n)| a.cmp(b).then(n.cmp(m)));
        values.dedup_by(|(next, _), (kept, _)| next == kept);
        let ends = values
            .iter()
            .scan(0_u64, |end, (_, count)| {
                *end = end.saturating_add(*count);
                Some(*end)
            })
            .collect();
        Ok(Self { values, ends })
    }

    /// Keys and counts, ascending by key.
    #[must_use]
    pub fn values(&self) -> &[(Vec<u8>, u64)] {
        &self.values
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The rows that have one of them.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// How often the least frequent of them occurs.
    pub(super) fn least(&self) -> Option<u64> {
        self.values.iter().map(|(_, count)| *count).min()
    }

    /// How often a value occurs, `None` if it is none of them.
    #[must_use]
    pub fn count_of(&self, key: &[u8]) -> Option<u64> {
        let at = self.values.binary_search_by(|(value, _)| value.as_slice().cmp(key)).ok()?;
        self.values.get(at).map(|(_, count)| *count)
    }

    /// The rows with values in a span.
    pub(super) fn rows_in(&self, span: KeySpan<'_>) -> u64 {
        let below = |key: &[u8]| {
            let count = self.values.partition_point(|(value, _)| value.as_slice() < key);
            count.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0)
        };
        let end = if span.end.is_empty() { self.rows() } else { below(span.end) };
        end.saturating_sub(below(span.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top() -> TopValues {
        let values = [(b"m", 5), (b"c", 7), (b"x", 1), (b"c", 6)];
        TopValues::new(values.map(|(key, count)| (key.to_vec(), count)).to_vec()).unwrap()
    }

    #[test]
    fn values_are_found_and_counted_once() {
        let top = top();
        assert_eq!(top.len(), 3);
        assert_eq!(top.rows(), 13);
        assert_eq!((top.count_of(b"c"), top.count_of(b"d")), (Some(7), None));
        assert_eq!(top.least(), Some(1));
        assert_eq!(TopValues::default().rows(), 0);
    }

    #[test]
    fn spans_are_half_open() {
        let top = top();
        let rows = |start: &[u8], end: &[u8]| top.rows_in(KeySpan { start, end });
        assert_eq!(rows(b"", b""), 13);
        assert_eq!(rows(b"c", b"m"), 7);
        assert_eq!(rows(b"d", b"n"), 5);
        assert_eq!(rows(b"m", b""), 6);
        assert_eq!(rows(b"z", b""), 0);
        assert_eq!(rows(b"z", b"a"), 0);
    }

    #[test]
    fn too_many_are_refused() {
        let many = vec![(vec![1], 1); MOST_TOP_VALUES + 1];
        assert!(matches!(TopValues::new(many), Err(Unusable::TooMany { .. })));
    }
}
