//! The statistics of a table or a partition, and what they say about ranges.

use std::collections::BTreeMap;
use std::sync::Arc;

use tifusion_codec::datum::{self, Datum};

use super::distribution::{Distribution, KeyShape, Population, StatsVersion};
use super::estimate::{Estimate, HistogramId, Origin, WhyPseudo};
use super::histogram::as_f64;
use super::pseudo::{self, PSEUDO_ROWS};
use super::span::{KeySpan, datums, equal_columns};
use crate::model::{IndexInfo, TableInfo};

/// A half-open range of keys that are memory-comparable datums one after another; an empty end is no
/// bound. The keys of an index are those of its entries behind the index's prefix, the keys of a column
/// those that an index over this column alone would have.
pub type KeyRange = (Vec<u8>, Vec<u8>);

/// The statistics of a table, or of one of its partitions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableStatistics {
    /// Rows, as far as anybody counted.
    pub rows: Option<u64>,
    /// Rows that came, went or changed since `ANALYZE`.
    pub modified: u64,
    /// When `mysql.stats_meta` last changed; 0 if the table is not in it.
    pub version: u64,
    /// The distributions that were loaded.
    pub distributions: BTreeMap<HistogramId, Arc<Distribution>>,
}

impl TableStatistics {
    /// Statistics of a table of which nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Rows for estimates: those that were counted, or a guess. A count of none is no count: TiDB
    /// writes one for a new table, and what came since some time later.
    #[must_use]
    pub fn rows_or_pseudo(&self) -> u64 {
        self.counted_rows().unwrap_or(PSEUDO_ROWS)
    }

    /// Rows, if somebody counted some.
    #[must_use]
    pub fn counted_rows(&self) -> Option<u64> {
        self.rows.filter(|rows| *rows > 0)
    }

    /// The distribution of a column or an index.
    #[must_use]
    pub fn distribution(&self, id: HistogramId) -> Option<&Distribution> {
        self.distributions.get(&id).map(|distribution| &**distribution)
    }

    /// Different values of a column now, `NULL` not among them; none more than the table has rows.
    #[must_use]
    pub fn distinct_values(&self, column_id: i64) -> Option<u64> {
        let summary = self.distribution(HistogramId::Column(column_id))?.summary;
        (summary.ndv > 0).then(|| summary.ndv.min(self.rows_or_pseudo()))
    }

    /// Rows with `NULL` in a column.
    #[must_use]
    pub fn nulls(&self, column_id: i64) -> Option<u64> {
        let distribution = self.distribution(HistogramId::Column(column_id))?;
        distribution.summary.version?;
        Some(distribution.summary.null_count.min(self.rows_or_pseudo()))
    }

    /// The least and the greatest value of a column that the statistics know, if those are whole numbers, and hardly a
    /// row has come since.
    #[must_use]
    pub fn span(&self, column_id: i64) -> Option<(i128, i128)> {
        /// Of so many rows one may have changed.
        const SETTLED: u64 = 10;
        if self.modified > self.rows? / SETTLED {
            return None;
        }
        let (least, greatest) = self.distribution(HistogramId::Column(column_id))?.bounds()?;
        let number = |mut key: &[u8]| match datum::decode_one(&mut key).ok()? {
            Datum::Int(value) => Some(i128::from(value)),
            Datum::UInt(value) => Some(i128::from(value)),
            _ => None,
        };
        number(least).zip(number(greatest))
    }

    /// Bytes of a value of a column on average, as TiDB stores it.
    #[must_use]
    pub fn average_size(&self, column_id: i64) -> Option<f64> {
        let distribution = self.distribution(HistogramId::Column(column_id))?;
        let rows = distribution.analyzed_rows().or(self.counted_rows())?;
        let size = distribution.summary.total_size;
        (size > 0).then(|| as_f64(size) / as_f64(rows))
    }

    /// Rows whose column or index `id` has a key in one of `ranges`, which are disjoint.
    ///
    /// Where there is something to count at least one row is expected. With statistics of single
    /// values, more and wider ranges of a column never have fewer rows (but for single values of
    /// version 1, whose sketch knows more than its histogram).
    #[must_use]
    pub fn estimate(&self, table: &TableInfo, id: HistogramId, ranges: &[KeyRange]) -> Estimate {
        let rows = as_f64(self.rows_or_pseudo());
        let now = Population { rows, modified: as_f64(self.modified) };
        let spans = || ranges.iter().map(KeySpan::of).filter(|span| !span.is_empty());
        let known = match id {
            HistogramId::Column(column) => self.of_column(table, column, spans(), now),
            HistogramId::Index(index) => table
                .find_index_by_id(index)
                .and_then(|info| self.of_index(table, info, spans(), now)),
        };
        let (sum, origin) = known.unwrap_or_else(|| {
            let shape = shape_of(table, id);
            let guess = spans().map(|span| pseudo::rows_in(span, shape, now)).sum();
            (guess, Origin::Pseudo(self.why_pseudo(id)))
        });
        let least = if spans().next().is_some() { rows.min(1.0) } else { 0.0 };
        let rows = if sum.is_finite() { sum.clamp(least, rows) } else { rows };
        Estimate { rows, origin }
    }

    fn why_pseudo(&self, id: HistogramId) -> WhyPseudo {
        match self.distribution(id) {
            Some(distribution) if distribution.summary.version.is_some() => WhyPseudo::NotLoaded,
            _ => WhyPseudo::NotAnalyzed,
        }
    }

    fn of_column<'a>(
        &self,
        table: &TableInfo,
        column_id: i64,
        spans: impl Iterator<Item = KeySpan<'a>>,
        now: Population,
    ) -> Option<(f64, Origin)> {
        let id = HistogramId::Column(column_id);
        let distribution = self.distribution(id)?;
        let shape = shape_of(table, id);
        let mut sum = 0.0;
        for span in spans {
            sum += distribution.rows_in(span, shape, now)?;
        }
        distribution.analyzed_rows()?;
        Some((sum, Origin::Analyzed(distribution.summary.version?)))
    }

    fn of_index<'a>(
        &self,
        table: &TableInfo,
        index: &IndexInfo,
        spans: impl Iterator<Item = KeySpan<'a>>,
        now: Population,
    ) -> Option<(f64, Origin)> {
        let parts = IndexParts {
            statistics: self,
            table,
            columns: columns_of(table, index),
            own: self.distribution(HistogramId::Index(index.id)),
            shape: shape_of(table, HistogramId::Index(index.id)),
            now,
        };
        let mut sum = 0.0;
        let mut origin = None;
        for span in spans {
            let (rows, version) = parts.rows_in(span)?;
            sum += rows;
            origin = Some(Origin::Analyzed(version));
        }
        let version = || parts.own.and_then(|own| own.analyzed_rows().and(own.summary.version));
        Some((sum, origin.or_else(|| version().map(Origin::Analyzed))?))
    }
}

/// What is known about an index: its own statistics and those of its columns.
struct IndexParts<'a> {
    statistics: &'a TableStatistics,
    table: &'a TableInfo,
    /// Ids of the columns; `None` for one of which keys hold a prefix, whose own statistics say
    /// nothing about keys.
    columns: Vec<Option<i64>>,
    own: Option<&'a Distribution>,
    shape: KeyShape,
    now: Population,
}

impl IndexParts<'_> {
    fn rows_in(&self, span: KeySpan<'_>) -> Option<(f64, StatsVersion)> {
        let (equal, rest) = equal_columns(span);
        let own = || {
            let own = self.own?;
            Some((own.rows_in(span, self.shape, self.now)?, own.summary.version?))
        };
        if self.shape.columns == 1 || equal >= self.shape.columns {
            return own().or_else(|| self.by_columns(span, equal, rest));
        }
        if let Some(rows) = self.by_sketch(span, equal, rest) {
            return Some((rows, StatsVersion::V1));
        }
        let Some((rows, version)) = self.by_columns(span, equal, rest) else { return own() };
        let Some(own) = self.own else { return Some((rows, version)) };
        let most = own.most_rows_in(span, self.now).zip(own.rows_in(span, self.shape, self.now));
        Some((most.map_or(rows, |(buckets, line)| rows.min(buckets.max(line))), version))
    }

    /// By the sketch of version 1, which has counted all first columns of the keys.
    fn by_sketch(&self, span: KeySpan<'_>, equal: usize, rest: Option<KeySpan<'_>>) -> Option<f64> {
        let own = self.own.filter(|own| own.summary.version == Some(StatsVersion::V1))?;
        if equal == 0 {
            return None;
        }
        let rest_len = rest.map_or(0, |rest| rest.start.len());
        let prefix = span.start.get(..span.start.len().checked_sub(rest_len)?)?;
        let rows = own.sketched(prefix, self.now)?;
        let share = match rest {
            None => 1.0,
            Some(rest) => self.share_of(equal, rest).map_or(1.0, |(share, _)| share),
        };
        Some(rows * share)
    }

    /// By the statistics of the columns: the most selective one counts whole, each next one by its
    /// root, the root of that, and so on, for columns tell something about each other.
    fn by_columns(
        &self,
        span: KeySpan<'_>,
        equal: usize,
        rest: Option<KeySpan<'_>>,
    ) -> Option<(f64, StatsVersion)> {
        /// Columns that count.
        const MOST: usize = 4;
        let prefix = datums(span.start).unwrap_or_default();
        let mut shares = Vec::new();
        let mut version = None;
        for (column, datum) in prefix.into_iter().take(equal).enumerate() {
            let end = tifusion_codec::key::prefix_next(datum);
            let known = self.share_of(column, KeySpan { start: datum, end: &end });
            shares.extend(known.map(|(share, _)| share));
            version = version.or(known.map(|(_, version)| version));
        }
        let known = rest.and_then(|rest| self.share_of(equal, rest));
        shares.extend(known.map(|(share, _)| share));
        let version = version.or(known.map(|(_, version)| version))?;
        shares.sort_unstable_by(f64::total_cmp);
        let mut exponent = 1.0;
        let mut selectivity = 1.0;
        for share in shares.iter().take(MOST) {
            selectivity *= share.powf(exponent);
            exponent /= 2.0;
        }
        if let [first, second, ..] = shares.as_slice() {
            // No smaller than one key's share, unless a column alone is.
            selectivity =
                selectivity.max(first.min(*second).min(self.share_of_a_key(shares.len())));
        }
        Some((selectivity * self.now.rows, version))
    }

    /// What share of the rows has one key; a little more where not all columns are given.
    fn share_of_a_key(&self, given: usize) -> f64 {
        let ndv = self.own.map(|own| as_f64(own.summary.ndv)).filter(|ndv| *ndv > 0.0);
        let keys = ndv.unwrap_or(self.now.rows).min(self.now.rows).max(1.0);
        if given < self.shape.columns { 1.0 / keys / 0.9 } else { 1.0 / keys }
    }

    /// What share of the rows has a value of one column in a span.
    fn share_of(&self, column: usize, span: KeySpan<'_>) -> Option<(f64, StatsVersion)> {
        if self.now.rows <= 0.0 {
            return None;
        }
        let id = HistogramId::Column((*self.columns.get(column)?)?);
        let shape = shape_of(self.table, id);
        let distribution = self.statistics.distribution(id)?;
        let rows = distribution.rows_in(span, shape, self.now)?;
        Some(((rows / self.now.rows).clamp(0.0, 1.0), distribution.summary.version?))
    }
}

fn columns_of(table: &TableInfo, index: &IndexInfo) -> Vec<Option<i64>> {
    let columns = table.index_columns(index).unwrap_or_default();
    let columns = columns.into_iter().map(|(part, column)| {
        let is_whole = part.prefix_length().is_none() && !column.is_array;
        is_whole.then_some(column.id)
    });
    columns.collect()
}

fn shape_of(table: &TableInfo, id: HistogramId) -> KeyShape {
    match id {
        HistogramId::Column(id) => {
            let is_handle = || {
                let column = table.find_column_by_id(id);
                table.pk_is_handle && column.is_some_and(|column| column.is_primary_key())
            };
            let is_indexed = || {
                let mut unique = table.indices.iter().filter(|index| {
                    index.unique && index.state.is_public() && index.columns.len() == 1
                });
                unique.any(|index| columns_of(table, index) == [Some(id)])
            };
            KeyShape { columns: 1, is_unique: is_handle() || is_indexed(), is_column: true }
        }
        HistogramId::Index(id) => {
            let index = table.find_index_by_id(id);
            KeyShape {
                columns: index.map_or(1, |index| index.columns.len()),
                is_unique: index.is_some_and(|index| index.unique && !index.multi_valued),
                is_column: false,
            }
        }
    }
}

#[cfg(test)]
#[path = "table_statistics_tests.rs"]
mod tests;
