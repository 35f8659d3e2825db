//! Histograms: buckets of about as many rows each, by the keys of values.

use super::scale::{Ruler, Scale, fraction};
use super::span::KeySpan;
use super::unusable::Unusable;

/// Buckets that are kept of one column; TiDB makes 256 by default.
pub const MOST_BUCKETS: usize = 100_000;

/// Values from one bound to the other, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// The key of the least value.
    pub lower: Vec<u8>,
    /// The key of the greatest value.
    pub upper: Vec<u8>,
    /// Rows of the bucket.
    pub rows: u64,
    /// Those of them that have its greatest value.
    pub repeats: u64,
    /// How many different values they have; 0 if nobody counted.
    pub ndv: u64,
}

/// The values of a column or an index, frequent ones apart in statistics of version 2, `NULL` apart in
/// those of one column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    buckets: Vec<Bucket>,
    /// For each bucket, how many rows it and those before it have.
    ends: Vec<u64>,
    scales: Vec<Scale>,
}

impl Histogram {
    /// A histogram of these buckets; `scales` are those of the columns in the keys.
    ///
    /// # Errors
    /// [`Unusable::Bucket`] when the buckets are not ascending, [`Unusable::TooMany`].
    pub fn new(mut buckets: Vec<Bucket>, scales: Vec<Scale>) -> Result<Self, Unusable> {
        if buckets.len() > MOST_BUCKETS {
            return Err(Unusable::TooMany { what: "buckets", most: MOST_BUCKETS });
        }
        let mut ends = Vec::with_capacity(buckets.len());
        let mut end = 0_u64;
        let mut above: &[u8] = &[];
        for (number, bucket) in buckets.iter().enumerate() {
            let refuse = |reason| Err(Unusable::Bucket { bucket: number, reason });
            if bucket.lower > bucket.upper {
                return refuse("ends below its beginning");
            }
            if bucket.lower.as_slice() < above {
                return refuse("begins below the end of the one before");
            }
            above = &bucket.upper;
            end = end.saturating_add(bucket.rows);
            ends.push(end);
        }
        for bucket in &mut buckets {
            bucket.repeats = bucket.repeats.min(bucket.rows);
            bucket.ndv = bucket.ndv.min(bucket.rows);
        }
        Ok(Self { buckets, ends, scales })
    }

    /// The buckets, ascending.
    #[must_use]
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Rows of all buckets.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The least and the greatest key.
    #[must_use]
    pub fn bounds(&self) -> Option<(&[u8], &[u8])> {
        Some((&self.buckets.first()?.lower, &self.buckets.last()?.upper))
    }

    /// The bucket with a key, if it is in one.
    pub(super) fn bucket_of(&self, key: &[u8]) -> Option<&Bucket> {
        let at = self.buckets.partition_point(|bucket| bucket.upper.as_slice() < key);
        self.buckets.get(at).filter(|bucket| bucket.lower.as_slice() <= key)
    }

    /// Rows with keys in a span: what is between two points of a line that ascends with the keys.
    pub(super) fn rows_in(&self, span: KeySpan<'_>) -> f64 {
        let total = as_f64(self.rows());
        let end = if span.end.is_empty() { total } else { self.below(span.end) };
        (end - self.below(span.start)).max(0.0)
    }

    /// Rows with keys below `key`.
    fn below(&self, key: &[u8]) -> f64 {
        let at = self.buckets.partition_point(|bucket| bucket.upper.as_slice() < key);
        let before = at.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0);
        let before = as_f64(before);
        let Some(bucket) = self.buckets.get(at) else { return before };
        if key <= bucket.lower.as_slice() {
            return before;
        }
        let others = as_f64(bucket.rows - bucket.repeats);
        before + others * fraction(&self.scales, &bucket.lower, &bucket.upper, key)
    }

    /// The buckets that a span touches.
    pub(super) fn touched(&self, span: KeySpan<'_>) -> &[Bucket] {
        let first = self.buckets.partition_point(|bucket| bucket.upper.as_slice() < span.start);
        let end = match span.end {
            [] => self.buckets.len(),
            end => self.buckets.partition_point(|bucket| bucket.lower.as_slice() < end),
        };
        self.buckets.get(first..end).unwrap_or_default()
    }

    /// What share of the rows that came since, between 0 and 1, a span should hold: their density falls
    /// from the ends of the histogram on, to nothing at its own width from there, half of them on each
    /// side (TiDB's model).
    pub(super) fn share_outside(&self, span: KeySpan<'_>) -> f64 {
        let Some((low, high)) = self.bounds() else { return 0.0 };
        let ruler = Ruler::between(&self.scales, low, high);
        let (low, high) = (ruler.place(low), ruler.place(high));
        let width = high - low;
        let start = ruler.place(span.start);
        let end = if span.end.is_empty() { f64::MAX } else { ruler.place(span.end) };
        if !(width > 0.0 && width.is_finite()) {
            return 0.0;
        }
        // How far from the histogram a point is, in its widths: 1 is where nothing is expected.
        let weight = |distance: f64| {
            let left = 1.0 - distance.clamp(0.0, 1.0);
            left * left
        };
        let below = weight((low - end) / width) - weight((low - start) / width);
        let above = weight((start - high) / width) - weight((end - high) / width);
        let share = (below + above) / 2.0;
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 53 bits")]
pub(super) fn as_f64(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use tifusion_codec::datum::{self, Datum};
    use tifusion_codec::key::prefix_next;

    use super::*;

    fn key(value: i64) -> Vec<u8> {
        let mut out = Vec::new();
        datum::encode_key(&mut out, &Datum::Int(value)).unwrap();
        out
    }

    fn bucket(lower: i64, upper: i64, rows: u64, repeats: u64) -> Bucket {
        Bucket { lower: key(lower), upper: key(upper), rows, repeats, ndv: 0 }
    }

    /// 100 rows from 0 to 10, of which 20 have 10; 50 with 20; 30 from 31 to 40.
    fn histogram() -> Histogram {
        let buckets = vec![bucket(0, 10, 100, 20), bucket(20, 20, 50, 50), bucket(31, 40, 30, 0)];
        Histogram::new(buckets, vec![Scale::Plain]).unwrap()
    }

    fn rows(histogram: &Histogram, from: i64, before: i64) -> f64 {
        let (start, end) = (key(from), key(before));
        histogram.rows_in(KeySpan { start: &start, end: &end })
    }

    #[test]
    fn rows_are_spread_over_a_bucket_but_for_its_last_value() {
        let histogram = histogram();
        let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-9, "{got} for {want}");
        close(rows(&histogram, 0, 5), 40.0);
        close(rows(&histogram, 0, 10), 80.0);
        close(rows(&histogram, 0, 11), 100.0);
        close(rows(&histogram, 10, 11), 20.0);
        close(rows(&histogram, 11, 20), 0.0);
        close(rows(&histogram, 20, 21), 50.0);
        close(rows(&histogram, -100, 100), 180.0);
        close(rows(&histogram, 40, 30), 0.0);
        let everything = KeySpan { start: &[], end: &[] };
        close(histogram.rows_in(everything), 180.0);
    }

    #[test]
    fn the_bucket_of_a_key_and_those_of_a_span() {
        let histogram = histogram();
        assert_eq!(histogram.bucket_of(&key(5)).unwrap().rows, 100);
        assert_eq!(histogram.bucket_of(&key(15)), None);
        assert_eq!(histogram.bucket_of(&key(41)), None);
        let (a, b) = (key(5), key(20));
        assert_eq!(histogram.touched(KeySpan { start: &a, end: &b }).len(), 1);
        let next = prefix_next(&b);
        assert_eq!(histogram.touched(KeySpan { start: &a, end: &next }).len(), 2);
        assert_eq!(histogram.touched(KeySpan { start: &b, end: &a }).len(), 0);
    }

    #[test]
    fn what_is_outside_is_denser_the_nearer_it_is() {
        let histogram = histogram();
        let share = |from: i64, before: i64| {
            let (start, end) = (key(from), key(before));
            histogram.share_outside(KeySpan { start: &start, end: &end })
        };
        let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-9, "{got} for {want}");
        close(share(0, 40), 0.0);
        close(share(40, 80), 0.5);
        close(share(40, 1000), 0.5);
        close(share(40, 60), 0.375);
        close(share(60, 80), 0.125);
        close(share(-40, 0), 0.5);
        close(share(-1000, 1000), 1.0);
        close(share(2000, 3000), 0.0);
        close(histogram.share_outside(KeySpan { start: &[], end: &[] }), 1.0);
    }

    #[test]
    fn buckets_that_contradict_each_other_are_refused() {
        let refused = |buckets| Histogram::new(buckets, vec![]).unwrap_err();
        assert!(matches!(refused(vec![bucket(5, 4, 1, 1)]), Unusable::Bucket { bucket: 0, .. }));
        let overlap = vec![bucket(0, 10, 1, 1), bucket(9, 20, 1, 1)];
        assert!(matches!(refused(overlap), Unusable::Bucket { bucket: 1, .. }));
        let touching = vec![bucket(0, 10, 1, 1), bucket(10, 20, 1, 9)];
        let touching = Histogram::new(touching, vec![]).unwrap();
        assert_eq!(touching.buckets()[1].repeats, 1, "not more than the bucket has");
        assert_eq!(Histogram::default().bounds(), None);
        assert!(rows(&Histogram::default(), 0, 9).abs() < f64::EPSILON);
    }
}
