//! What a way costs, in bytes that a store could read one after another in that time.

use std::ops::Add;

use tifusion_codec::FieldType;
use tifusion_codec::field_type::tp;
use tifusion_schema::stats::TableStatistics;
use tifusion_schema::{ColumnInfo, TableInfo};

use super::estimate::count;
use super::index::IndexRanges;

/// Of finding the start of a range.
const SEEK: f64 = 1_000.0;

/// Of finding one row by its handle, besides reading it: rows that an index finds are scattered.
const LOOKUP: f64 = 1_000.0;

/// What a byte of columns costs: TiDB's factors for a byte of TiFlash's scan and of TiKV's, 11.6 and 40.7.
const COLUMNAR: f64 = 0.285;

/// Rows besides those that are read, which a scan of columns costs from the start, as TiDB counts them.
const COLUMNAR_START: f64 = 10_000.0;

/// Of a second round of requests.
const ROUND_TRIP: f64 = 30_000.0;

/// Bytes of a row or an entry besides its columns: the key's head, its version, what RocksDB adds.
const HEAD: f64 = 30.0;

/// Bytes of text or bytes of which nobody knows how long they are.
const UNKNOWN_LENGTH: f64 = 32.0;

/// A cost; the less, the better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost(f64);

impl Cost {
    /// Of nothing.
    pub(super) const NOTHING: Self = Self(0.0);

    /// The number.
    pub(super) fn value(self) -> f64 {
        self.0
    }

    /// The order of costs.
    pub(super) fn total_cmp(self, other: Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

/// Of reading `rows` of `width` bytes in some ranges.
pub(super) fn of_scan(rows: f64, ranges: usize, width: f64) -> Cost {
    Cost(count(ranges) * SEEK + rows * width)
}

/// Of reading `width` bytes of the columns of `rows` rows in some ranges, where each column is kept by itself.
pub(super) fn of_columns(rows: f64, ranges: usize, width: f64) -> Cost {
    Cost(count(ranges) * SEEK + (rows + COLUMNAR_START) * width * COLUMNAR)
}

/// Of reading `rows` of `width` bytes by their handles, after those were found.
pub(super) fn of_lookup(rows: f64, width: f64) -> Cost {
    Cost(ROUND_TRIP + rows * (LOOKUP + width))
}

/// How many bytes rows and entries have.
#[derive(Debug)]
pub(super) struct Widths<'a> {
    info: &'a TableInfo,
    statistics: &'a TableStatistics,
}

impl<'a> Widths<'a> {
    pub(super) fn new(info: &'a TableInfo, statistics: &'a TableStatistics) -> Self {
        Self { info, statistics }
    }

    /// A row: a store reads all of its columns, whichever are needed.
    pub(super) fn row(&self) -> f64 {
        let columns = self.info.columns.iter().filter(|column| column.state.is_public());
        HEAD + columns.map(|column| self.column(column)).sum::<f64>()
    }

    /// These columns, where others need not be read.
    pub(super) fn columns(&self, ids: &[i64]) -> f64 {
        let columns = ids.iter().filter_map(|id| self.info.find_column_by_id(*id));
        // There is always one: a count reads that, and a row's id is none of the table's.
        columns.map(|column| self.column(column)).sum::<f64>().max(1.0)
    }

    /// An entry of an index: the columns of its key, and the handle.
    pub(super) fn entry(&self, keys: &IndexRanges) -> f64 {
        let columns = keys.columns().iter().chain(keys.handle_columns());
        let columns = columns.filter_map(|id| self.info.find_column_by_id(*id));
        HEAD + columns.map(|column| self.column(column)).sum::<f64>()
    }

    fn column(&self, column: &ColumnInfo) -> f64 {
        self.statistics.average_size(column.id).unwrap_or_else(|| typical(&column.field_type))
    }
}

/// Bytes of a value in a row.
fn typical(field_type: &FieldType) -> f64 {
    match field_type.tp {
        tp::TINY | tp::YEAR => 1.0,
        tp::SHORT | tp::ENUM => 2.0,
        tp::INT24 | tp::LONG | tp::FLOAT => 4.0,
        tp::NEW_DECIMAL => 10.0,
        tp::LONG_LONG | tp::DOUBLE | tp::BIT | tp::SET => 8.0,
        tp::DATE | tp::DATETIME | tp::TIMESTAMP | tp::DURATION => 8.0,
        _ if field_type.is_string() && (1..32).contains(&field_type.flen) => {
            u32::try_from(field_type.flen).map_or(UNKNOWN_LENGTH, f64::from)
        }
        _ => UNKNOWN_LENGTH,
    }
}
