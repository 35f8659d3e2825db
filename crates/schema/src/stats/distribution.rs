//! How the values of a column or an index are distributed, and how many rows a range of them has.

use tifusion_codec::datum::flag;
use tifusion_codec::key::prefix_next;

use super::cm_sketch::CmSketch;
use super::histogram::{Histogram, as_f64};
use super::span::{KeySpan, datums};
use super::top_values::TopValues;
use super::unusable::Unusable;
use super::value_key::compact_form;

/// What a version of statistics is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatsVersion {
    /// Histograms of all values, and sketches.
    V1,
    /// Histograms of all values but the frequent ones.
    V2,
}

impl StatsVersion {
    /// The version that `mysql.stats_histograms` calls `stats_ver`; `None` if there are no statistics.
    ///
    /// # Errors
    /// [`Unusable::Version`].
    pub fn of(stats_ver: i64) -> Result<Option<Self>, Unusable> {
        match stats_ver {
            0 => Ok(None),
            1 => Ok(Some(Self::V1)),
            2 => Ok(Some(Self::V2)),
            other => Err(Unusable::Version(other)),
        }
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}

/// What is known of all values of a column or an index together: a row of `mysql.stats_histograms`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// What the statistics are made of; `None` if there were only counts (a column that was added
    /// since, say).
    pub version: Option<StatsVersion>,
    /// When they were made or last changed.
    pub changed_at: u64,
    /// Different values, `NULL` not among them.
    pub ndv: u64,
    /// Rows with `NULL`; 0 for an index of several columns.
    pub null_count: u64,
    /// Bytes of all values together.
    pub total_size: u64,
    /// How much the order of the values is that of the rows, -1 to 1.
    pub correlation: f64,
}

/// How single values are distributed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Values {
    /// Ranges of values.
    pub histogram: Histogram,
    /// Frequent values.
    pub top: TopValues,
    /// Counters of values, of version 1.
    pub sketch: Option<CmSketch>,
}

/// How the values of a column or an index are distributed.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Of all values together.
    pub summary: Summary,
    /// Of single values; `None` if they were not loaded, or can't be used.
    pub values: Option<Values>,
}

/// What keys are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyShape {
    /// Columns in a whole key.
    pub(super) columns: usize,
    /// Whether no two rows have the same key without a `NULL` in it.
    pub(super) is_unique: bool,
    /// Whether the keys are a column's, which version 1 counted in another form.
    pub(super) is_column: bool,
}

/// A table's rows as of now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Population {
    /// Rows, at least zero.
    pub(super) rows: f64,
    /// Rows that came, went or changed since `ANALYZE`.
    pub(super) modified: f64,
}

impl Distribution {
    /// Rows of the table when the statistics were made, as far as they tell.
    #[must_use]
    pub fn analyzed_rows(&self) -> Option<u64> {
        let values = self.values.as_ref()?;
        let top = match self.summary.version? {
            StatsVersion::V1 => 0,
            StatsVersion::V2 => values.top.rows(),
        };
        let not_null = values.histogram.rows().saturating_add(top);
        Some(not_null.saturating_add(self.summary.null_count)).filter(|rows| *rows > 0)
    }

    /// The least and the greatest key that the statistics know.
    #[must_use]
    pub fn bounds(&self) -> Option<(&[u8], &[u8])> {
        let values = self.values.as_ref()?;
        let top = values.top.values();
        let top = top.first().zip(top.last()).map(|((a, _), (b, _))| (a.as_slice(), b.as_slice()));
        match (values.histogram.bounds(), top) {
            (Some((low, high)), Some((least, most))) => Some((low.min(least), high.max(most))),
            (bounds, top) => bounds.or(top),
        }
    }

    /// Bytes that it takes in memory, about.
    #[must_use]
    pub fn size(&self) -> usize {
        /// Of a bucket or a frequent value besides its keys.
        const EACH: usize = 80;
        let Some(values) = &self.values else { return size_of::<Self>() };
        let buckets = values.histogram.buckets().iter();
        let buckets = buckets.map(|bucket| bucket.lower.len() + bucket.upper.len() + EACH);
        let top = values.top.values().iter().map(|(key, _)| key.len() + EACH);
        let sketch = values.sketch.as_ref().map_or(0, CmSketch::size);
        size_of::<Self>() + buckets.chain(top).sum::<usize>() + sketch
    }

    /// Rows with keys in a span, `None` if the statistics don't tell. Never more than the table has.
    pub(super) fn rows_in(
        &self,
        span: KeySpan<'_>,
        shape: KeyShape,
        now: Population,
    ) -> Option<f64> {
        let analyzed = as_f64(self.analyzed_rows()?);
        let model = Model {
            version: self.summary.version?,
            summary: &self.summary,
            values: self.values.as_ref()?,
            shape,
            now,
            analyzed,
            growth: now.rows / analyzed,
        };
        let rows = model.rows_in(span);
        Some(if rows.is_finite() { rows.clamp(0.0, now.rows) } else { now.rows })
    }

    /// A bound on the rows with keys in a span: those of all buckets that it touches.
    pub(super) fn most_rows_in(&self, span: KeySpan<'_>, now: Population) -> Option<f64> {
        let analyzed = as_f64(self.analyzed_rows()?);
        let values = self.values.as_ref()?;
        let touched: f64 =
            values.histogram.touched(span).iter().map(|bucket| as_f64(bucket.rows)).sum();
        let top = match self.summary.version? {
            StatsVersion::V1 => 0.0,
            StatsVersion::V2 => as_f64(values.top.rows_in(span)),
        };
        Some((touched + top) * now.rows / analyzed)
    }

    /// How often the sketch has counted a key or the first columns of one, in rows of now.
    pub(super) fn sketched(&self, key: &[u8], now: Population) -> Option<f64> {
        let analyzed = as_f64(self.analyzed_rows()?);
        let sketch = self.values.as_ref()?.sketch.as_ref()?;
        Some(as_f64(sketch.count_of(key)) * now.rows / analyzed)
    }
}

/// Statistics with all that an estimate needs besides.
struct Model<'a> {
    version: StatsVersion,
    summary: &'a Summary,
    values: &'a Values,
    shape: KeyShape,
    now: Population,
    analyzed: f64,
    /// Rows of now for each analyzed one.
    growth: f64,
}

impl Model<'_> {
    fn rows_in(&self, span: KeySpan<'_>) -> f64 {
        if span.is_empty() {
            return 0.0;
        }
        // An index of several columns counts its NULLs like any other value.
        let (span, has_null) = match self.shape.columns {
            1 => span.without_null(),
            _ => (span, false),
        };
        let nulls = if has_null { as_f64(self.summary.null_count) * self.growth } else { 0.0 };
        if span.is_empty() {
            return nulls;
        }
        let prefix = span.as_prefix().filter(|prefix| prefix.len() == self.shape.columns);
        let rows = match prefix {
            Some(_) => self.rows_of(span.start),
            None => self.rows_between(span),
        };
        nulls + rows
    }

    /// Rows with one key.
    fn rows_of(&self, key: &[u8]) -> f64 {
        let has_null =
            || datums(key).is_some_and(|datums| datums.iter().any(|datum| *datum == [flag::NIL]));
        if self.shape.is_unique && !has_null() {
            return 1.0;
        }
        if self.version == StatsVersion::V1 && self.is_outside(key) {
            return self.newcomers();
        }
        self.growth * self.analyzed_rows_of(key)
    }

    fn analyzed_rows_of(&self, key: &[u8]) -> f64 {
        if self.version == StatsVersion::V1 && self.values.histogram.rows() == 0 {
            return 0.0;
        }
        if let Some(count) = self.values.top.count_of(key) {
            return as_f64(count);
        }
        if let (StatsVersion::V1, Some(sketch)) = (self.version, &self.values.sketch) {
            let compact = if self.shape.is_column { compact_form(key) } else { None };
            return as_f64(sketch.count_of(compact.as_deref().unwrap_or(key)));
        }
        match self.values.histogram.bucket_of(key) {
            Some(bucket) if bucket.upper == key => as_f64(bucket.repeats),
            Some(bucket) => self.rows_per_value(bucket.rows, bucket.repeats, bucket.ndv),
            None => self.rows_per_any_value(),
        }
    }

    fn is_outside(&self, key: &[u8]) -> bool {
        let bounds = self.values.histogram.bounds();
        bounds.is_some_and(|(low, high)| key < low || key > high)
    }

    /// Rows with a value that was not there when version 1 counted.
    fn newcomers(&self) -> f64 {
        /// Values that a column is taken to have at least.
        const LEAST_VALUES: u64 = 100;
        let added = (self.now.rows - self.analyzed).max(0.0);
        (self.now.rows / as_f64(self.summary.ndv.max(LEAST_VALUES))).min(added)
    }

    /// Rows of each value of a bucket but its last.
    fn rows_per_value(&self, rows: u64, repeats: u64, ndv: u64) -> f64 {
        match ndv {
            0 | 1 => self.rows_per_any_value(),
            ndv => as_f64(rows - repeats) / as_f64(ndv - 1),
        }
    }

    /// Rows of each value of which nothing else is known.
    fn rows_per_any_value(&self) -> f64 {
        let Values { histogram, top, .. } = self.values;
        let ndv = as_f64(self.summary.ndv);
        let others = match self.version {
            StatsVersion::V1 => ndv,
            StatsVersion::V2 => ndv - as_f64(u64::try_from(top.len()).unwrap_or(u64::MAX)),
        };
        if others > 0.0 && histogram.rows() > 0 {
            return as_f64(histogram.rows()) / others;
        }
        // All values that there were are frequent ones.
        if self.now.modified <= 0.0 {
            let least = as_f64(top.least().unwrap_or(0));
            return if others > 0.0 { (least - 1.0).max(1.0) } else { 0.0 };
        }
        let not_null = self.analyzed - as_f64(self.summary.null_count);
        let added = self.now.rows - self.analyzed;
        let added = if added < 0.0 { not_null.min(self.now.rows) } else { added };
        let values = if ndv > 0.0 { ndv } else { not_null.max(self.now.rows).sqrt() };
        (added / (values * self.growth)).max(1.0)
    }

    /// Rows with keys in a span that is no single key, without `NULL`.
    ///
    /// What is counted as on a line can be less than what one value in the span would have; and the
    /// span may hold any value. So at least the rows of one value are expected: an estimate never
    /// shrinks when its span grows.
    fn rows_between(&self, span: KeySpan<'_>) -> f64 {
        let Values { histogram, top, .. } = self.values;
        let frequent = match self.version {
            StatsVersion::V1 => 0.0,
            StatsVersion::V2 => as_f64(top.rows_in(span)),
        };
        let counted = (histogram.rows_in(span) + frequent) * self.growth;
        let rows = counted.max(self.rows_of_one_value_in(span)) + self.rows_outside(span);
        match span.integers() {
            Some(values) if self.shape.is_unique => rows.min(as_f64(values)),
            _ => rows,
        }
    }

    fn rows_of_one_value_in(&self, span: KeySpan<'_>) -> f64 {
        if self.shape.is_unique {
            return 1.0;
        }
        let touched = self.values.histogram.touched(span);
        let is_inside = match touched {
            [only] => {
                let is_below = !span.end.is_empty() && span.end <= only.upper.as_slice();
                span.start >= only.lower.as_slice() && is_below
            }
            _ => false,
        };
        let anywhere = if is_inside { 0.0 } else { self.rows_per_any_value() };
        let of_buckets = touched
            .iter()
            .map(|bucket| self.rows_per_value(bucket.rows, bucket.repeats, bucket.ndv));
        let known = of_buckets.fold(anywhere, f64::max) * self.growth;
        match self.version {
            StatsVersion::V1 if self.reaches_out(span) => known.max(self.newcomers()),
            _ => known,
        }
    }

    fn reaches_out(&self, span: KeySpan<'_>) -> bool {
        let Some((low, high)) = self.values.histogram.bounds() else { return false };
        let is_above = span.end.is_empty() || span.end > prefix_next(high).as_slice();
        span.start < low || is_above
    }

    /// Rows beyond the ends of the histogram that came since.
    fn rows_outside(&self, span: KeySpan<'_>) -> f64 {
        let histogram = &self.values.histogram;
        if self.now.modified <= 0.0 || !self.reaches_out(span) {
            return 0.0;
        }
        let share = histogram.share_outside(span);
        let added = (self.now.rows - self.analyzed).max(0.0);
        let rows = share * as_f64(histogram.rows()).max(added);
        let one = if self.shape.is_unique { 1.0 } else { self.rows_per_any_value() };
        rows.max(one).min(self.now.modified)
    }
}

#[cfg(test)]
#[path = "distribution_tests.rs"]
mod tests;
