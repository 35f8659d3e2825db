//! What a scan is expected to bring, for DataFusion's choice of join order and build sides.
//!
//! Everything is inexact, for nothing here was counted at the statement's snapshot: DataFusion answers
//! `count(*)` from an exact number of rows. The least and the greatest value of a column are not told,
//! however inexact: where a filter leaves of them one value (`x >= 10`, and 10 was the greatest when
//! somebody looked), DataFusion 55 takes that for the column's only value, and then neither sorts nor
//! groups by it. Nor are the bytes of single columns: an inner join keeps those that its input has, however few rows
//! it leaves, a semi or anti join above it adds them up, and then the hash table is built of the larger side.

use std::fmt;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Statistics};
use tifusion_schema::ColumnInfo;
use tifusion_schema::stats::{HistogramId, TableStatistics};

use super::dynamic::KnownColumn;

/// Bytes of a value whose length nobody knows.
const UNKNOWN_LENGTH: f64 = 32.0;
/// Most rows that are told, far more than any table has: sums of them and of their bytes are numbers.
const MOST_ROWS: u64 = 1 << 48;
/// Rows of which it matters how many groups they have.
const MANY_ROWS: u64 = 1000;
/// Of an offset into the bytes of a column.
const OFFSET: f64 = 8.0;

/// What is expected of a scan of all rows, as plain data.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ScanEstimates {
    rows: Option<u64>,
    /// Rows of the table, whichever match.
    all: Option<u64>,
    basis: Option<Basis>,
    columns: Vec<ColumnEstimate>,
}

/// What is known of the columns that the statement compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// What `ANALYZE` of this version found.
    Analyzed(u8),
    /// Nothing.
    Pseudo,
}

/// What is expected of a column.
#[derive(Debug, Clone, PartialEq)]
struct ColumnEstimate {
    values: KnownColumn,
    /// Of one value, in Arrow.
    bytes: f64,
}

impl ScanEstimates {
    /// What `statistics` say about a scan of these columns; `compares` is whether the statement
    /// compares columns of the table, so that those were looked at.
    pub(crate) fn new<'a>(
        statistics: &TableStatistics,
        compares: bool,
        output: impl Iterator<Item = (&'a ColumnInfo, &'a Field)>,
    ) -> Self {
        let columns = output.map(|(column, field)| ColumnEstimate {
            values: KnownColumn {
                distinct: statistics.distinct_values(column.id),
                nulls: statistics.nulls(column.id),
                span: statistics.span(column.id),
            },
            bytes: bytes_of(field.data_type(), statistics.average_size(column.id)),
        });
        Self {
            rows: statistics.counted_rows(),
            all: statistics.counted_rows(),
            basis: compares.then(|| basis_of(statistics)),
            columns: columns.collect(),
        }
    }

    /// The rows, if anything is known of them.
    pub(super) fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// The table's rows, whichever match, if anything is known of them.
    pub(super) fn all_rows(&self) -> Option<u64> {
        self.all
    }

    /// Bytes of a row in Arrow.
    pub(super) fn row_bytes(&self) -> f64 {
        self.columns.iter().map(|column| column.bytes).sum()
    }

    /// What is known of the values of each of the output's columns.
    pub(super) fn known_columns(&self) -> impl Iterator<Item = KnownColumn> {
        self.columns.iter().map(|column| column.values)
    }

    /// What is expected when only `rows` of them match the scan's filters.
    pub(crate) fn narrowed(mut self, rows: Option<f64>) -> Self {
        let Some((all, rows)) = self.rows.zip(rows) else { return self };
        let rows = as_u64(rows.ceil()).clamp(1, all.max(1));
        for column in &mut self.columns {
            column.values.nulls = column.values.nulls.map(|nulls| share(nulls, rows, all));
        }
        Self { rows: Some(rows), ..self }
    }

    /// What is expected when only the columns at these places are output, in this order.
    pub(crate) fn project(&self, places: &[usize]) -> Self {
        let columns = places.iter().filter_map(|place| self.columns.get(*place).cloned());
        Self { columns: columns.collect(), ..self.clone() }
    }

    /// What is expected of a scan whose rows are grouped by the columns at these places (`None`: by
    /// something else) in each of `pieces` pieces.
    pub(crate) fn grouped(&self, keys: &[Option<usize>], pieces: usize, states: &Schema) -> Self {
        let pieces = u64::try_from(pieces).unwrap_or(u64::MAX);
        let keys = keys.iter().map(|place| self.columns.get((*place)?));
        let keys: Vec<Option<&ColumnEstimate>> = keys.collect();
        // `NULL` is a group too.
        let groups = keys.iter().try_fold(1_u64, |groups, key| {
            Some(groups.saturating_mul((*key)?.values.distinct?.saturating_add(1)))
        });
        let rows = match (groups, self.rows) {
            (_, _) if keys.is_empty() => Some(pieces),
            (Some(groups), rows) => {
                Some(groups.saturating_mul(pieces).min(rows.unwrap_or(u64::MAX)))
            }
            (None, rows) => rows,
        };
        let keys = keys.into_iter().chain(std::iter::repeat(None));
        let columns = states.fields().iter().zip(keys).map(|(field, key)| ColumnEstimate {
            values: KnownColumn {
                distinct: key.and_then(|key| key.values.distinct),
                ..KnownColumn::default()
            },
            bytes: key.map_or_else(|| bytes_of(field.data_type(), None), |key| key.bytes),
        });
        Self { rows, all: self.all, basis: self.basis, columns: columns.collect() }
    }

    /// Whether there are hardly less values than rows in one of the columns at these places: in groups
    /// by them the rows are as many, and work for the stores.
    pub(crate) fn has_groups_of_one(&self, keys: impl Iterator<Item = usize>) -> bool {
        let Some(rows) = self.rows.filter(|rows| *rows >= MANY_ROWS) else { return false };
        let values = keys.filter_map(|place| self.columns.get(place)?.values.distinct);
        values.max().is_some_and(|values| values >= rows / 2)
    }

    /// What is expected of a scan that brings `most` rows at most.
    pub(crate) fn at_most(&self, most: usize) -> Self {
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        Self { rows: self.rows.map(|rows| rows.min(most)), ..self.clone() }
    }

    /// The statistics of a scan that ends after `limit` rows, or of one of its `partitions`.
    pub(crate) fn statistics(
        &self,
        schema: &Schema,
        limit: Option<usize>,
        partitions: Option<usize>,
    ) -> Statistics {
        let Some(all) = self.rows else { return Statistics::new_unknown(schema) };
        let all = all.min(MOST_ROWS);
        let parts = u64::try_from(partitions.unwrap_or(1).max(1)).unwrap_or(u64::MAX);
        let limit = limit.and_then(|limit| u64::try_from(limit).ok()).unwrap_or(u64::MAX);
        let rows = all.div_ceil(parts).min(limit);
        let columns = self.columns.iter().map(|column| {
            let KnownColumn { distinct, nulls, .. } = column.values;
            ColumnStatistics {
                null_count: inexact(nulls.map(|nulls| share(nulls, rows, all))),
                distinct_count: inexact(distinct.map(|distinct| distinct.min(rows))),
                ..ColumnStatistics::new_unknown()
            }
        });
        let bytes = self.columns.iter().map(|column| bytes_in(column.bytes, rows));
        let bytes = bytes.fold(0, u64::saturating_add);
        Statistics {
            num_rows: inexact(Some(rows)),
            total_byte_size: inexact(Some(bytes)),
            column_statistics: columns.collect(),
        }
    }
}

/// `rows≈1000, stats=v2`, as far as it is known.
impl fmt::Display for ScanEstimates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rows) = self.rows {
            write!(f, ", rows≈{rows}")?;
        }
        match self.basis {
            None => Ok(()),
            Some(Basis::Analyzed(version)) => write!(f, ", stats=v{version}"),
            Some(Basis::Pseudo) => f.write_str(", stats=pseudo"),
        }
    }
}

fn basis_of(statistics: &TableStatistics) -> Basis {
    let columns = statistics.distributions.iter();
    let columns = columns.filter(|(id, _)| matches!(id, HistogramId::Column(_)));
    match columns.filter_map(|(_, known)| known.summary.version).next() {
        Some(version) => Basis::Analyzed(version.number()),
        None => Basis::Pseudo,
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 53 bits")]
fn as_f64(value: u64) -> f64 {
    value as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts from floats saturate"
)]
fn as_u64(value: f64) -> u64 {
    value.round() as u64
}

/// The part of `count` of `all` rows that falls on `rows`.
fn share(count: u64, rows: u64, all: u64) -> u64 {
    as_u64(as_f64(count) * as_f64(rows) / as_f64(all.max(1))).min(rows)
}

fn bytes_in(each: f64, rows: u64) -> u64 {
    as_u64(each * as_f64(rows))
}

fn inexact(value: Option<u64>) -> Precision<usize> {
    match value {
        Some(value) => Precision::Inexact(usize::try_from(value).unwrap_or(usize::MAX)),
        None => Precision::Absent,
    }
}

/// Bytes of a value in Arrow; `stored` are those that TiDB takes for it on average.
fn bytes_of(data_type: &DataType, stored: Option<f64>) -> f64 {
    match data_type {
        DataType::Dictionary(_, _) => 2.0,
        DataType::List(_) => OFFSET + stored.unwrap_or(UNKNOWN_LENGTH),
        _ => match data_type.primitive_width().and_then(|width| u32::try_from(width).ok()) {
            Some(width) => f64::from(width),
            None => OFFSET + stored.unwrap_or(UNKNOWN_LENGTH),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tifusion_codec::FieldType;
    use tifusion_codec::field_type::tp;
    use tifusion_schema::stats::{Distribution, StatsVersion, Summary};

    use super::*;

    /// Columns `a` (id 1, analyzed: 50 values, 100 of 1000 rows `NULL`) and `s` (id 2, 20 bytes each).
    fn columns() -> Vec<(ColumnInfo, Field)> {
        let column = |id, code, data_type| {
            let info =
                ColumnInfo { id, field_type: FieldType::new(code, 0), ..ColumnInfo::default() };
            (info, Field::new("c", data_type, true))
        };
        vec![
            column(1, tp::LONG_LONG, DataType::Int64),
            column(2, tp::VARCHAR, DataType::LargeUtf8),
            column(3, tp::VARCHAR, DataType::LargeUtf8),
        ]
    }

    fn statistics() -> TableStatistics {
        let summary = Summary {
            version: Some(StatsVersion::V2),
            changed_at: 1,
            ndv: 50,
            null_count: 100,
            total_size: 20_000,
            correlation: 0.0,
        };
        let known = Arc::new(Distribution { summary, values: None });
        let ids = [HistogramId::Column(1), HistogramId::Column(2)];
        TableStatistics {
            rows: Some(1000),
            modified: 0,
            version: 7,
            distributions: ids.map(|id| (id, Arc::clone(&known))).into(),
        }
    }

    fn schema() -> Schema {
        Schema::new(columns().into_iter().map(|(_, field)| field).collect::<Vec<_>>())
    }

    fn estimates(statistics: &TableStatistics, compares: bool) -> ScanEstimates {
        let columns = columns();
        ScanEstimates::new(statistics, compares, columns.iter().map(|(info, field)| (info, field)))
    }

    #[test]
    fn nothing_is_exact_and_no_value_is_told() {
        let all = estimates(&statistics(), true).statistics(&schema(), None, None);
        assert_eq!(all.num_rows, Precision::Inexact(1000));
        assert_eq!(all.total_byte_size, Precision::Inexact(8000 + 28_000 + 40_000));
        let [a, s, unknown] = all.column_statistics.as_slice() else { panic!("{all}") };
        assert_eq!(a.distinct_count, Precision::Inexact(50));
        assert_eq!(a.null_count, Precision::Inexact(100));
        assert_eq!(unknown.distinct_count, Precision::Absent);
        for column in [a, s, unknown] {
            assert_eq!(column.min_value, Precision::Absent);
            assert_eq!(column.max_value, Precision::Absent);
            assert_eq!(column.byte_size, Precision::Absent);
        }
    }

    #[test]
    fn a_limit_and_a_partition_have_their_part() {
        let estimates = estimates(&statistics(), true);
        let limited = estimates.statistics(&schema(), Some(10), None);
        assert_eq!(limited.num_rows, Precision::Inexact(10));
        assert_eq!(limited.column_statistics[0].distinct_count, Precision::Inexact(10));
        assert_eq!(limited.column_statistics[0].null_count, Precision::Inexact(1));
        let part = estimates.statistics(&schema(), None, Some(4));
        assert_eq!(part.num_rows, Precision::Inexact(250));
    }

    #[test]
    fn a_part_of_the_columns_keeps_what_is_known_of_them() {
        let estimates = estimates(&statistics(), true).project(&[1]);
        let part = schema().project(&[1]).unwrap();
        let known = estimates.statistics(&part, None, None);
        assert_eq!(known.num_rows, Precision::Inexact(1000));
        assert_eq!(known.column_statistics.len(), 1);
        assert_eq!(known.total_byte_size, Precision::Inexact(28_000));
    }

    #[test]
    fn a_count_beyond_all_measure_is_bounded() {
        let many = TableStatistics { rows: Some(u64::MAX), ..statistics() };
        let many = estimates(&many, true).statistics(&schema(), None, None);
        assert_eq!(many.num_rows, Precision::Inexact(1 << 48));
        assert!(many.total_byte_size.get_value().is_some_and(|bytes| *bytes < 1 << 60));
    }

    #[test]
    fn what_nobody_counted_is_absent() {
        let nothing = TableStatistics::unknown();
        let unknown = estimates(&nothing, true).statistics(&schema(), Some(10), None);
        assert_eq!(unknown, Statistics::new_unknown(&schema()));
        let empty = TableStatistics { rows: Some(0), version: 3, ..TableStatistics::unknown() };
        let unknown = estimates(&empty, true).statistics(&schema(), None, None);
        assert_eq!(unknown.num_rows, Precision::Absent);
    }

    #[test]
    fn groups_are_as_many_as_values_in_each_piece() {
        let all = estimates(&statistics(), true);
        let rows = |keys: &[Option<usize>], pieces| {
            let states = schema();
            all.grouped(keys, pieces, &states).statistics(&states, None, None).num_rows
        };
        assert_eq!(rows(&[Some(0)], 3), Precision::Inexact(153));
        assert_eq!(rows(&[Some(0), Some(0)], 1), Precision::Inexact(1000));
        assert_eq!(rows(&[Some(2)], 3), Precision::Inexact(1000));
        assert_eq!(rows(&[], 3), Precision::Inexact(3));
        assert!(!all.has_groups_of_one([0, 2].into_iter()));
        let mut distinct = statistics();
        for known in distinct.distributions.values_mut() {
            let summary = Summary { ndv: 600, ..known.summary };
            *known = Arc::new(Distribution { summary, values: None });
        }
        assert!(estimates(&distinct, true).has_groups_of_one([2, 0].into_iter()));
        distinct.rows = Some(999);
        assert!(!estimates(&distinct, true).has_groups_of_one([0].into_iter()));
        assert_eq!(
            all.at_most(7).statistics(&schema(), None, None).num_rows,
            Precision::Inexact(7)
        );
    }

    #[test]
    fn explain_shows_rows_and_what_they_rest_on() {
        assert_eq!(estimates(&statistics(), true).to_string(), ", rows≈1000, stats=v2");
        assert_eq!(estimates(&statistics(), false).to_string(), ", rows≈1000");
        let counted = TableStatistics { rows: Some(9), version: 3, ..TableStatistics::unknown() };
        assert_eq!(estimates(&counted, true).to_string(), ", rows≈9, stats=pseudo");
        assert_eq!(estimates(&TableStatistics::unknown(), true).to_string(), ", stats=pseudo");
        assert_eq!(ScanEstimates::default().to_string(), "");
    }
}
