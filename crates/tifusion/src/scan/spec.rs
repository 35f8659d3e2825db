//! What a scan reads, as plain data: a plan codec can ship it.

use std::sync::Arc;

use tifusion_codec::key;
use tifusion_proto::tipb;
use tifusion_schema::{HandleKind, ScanColumn, TableInfo};

use crate::config::CodecFormat;
use crate::error::Result;

/// A scan that needs no more rows than this is neither spread over several partitions nor over many
/// requests at once: it is done before they had all begun.
const SMALL_LIMIT: usize = 10_000;

/// A half-open range of raw keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRange {
    /// First key.
    pub(crate) start: Vec<u8>,
    /// First key past the range; empty for no bound.
    pub(crate) end: Vec<u8>,
}

impl KeyRange {
    /// The keys of all rows of a table, or of its partition `physical_id`.
    ///
    /// Integer handles have bounds of a whole key's length, as TiDB sends them: TiKV takes a range
    /// whose end is the next prefix after its start for the one key `start` (`is_point`), and would
    /// find no row between the bare prefixes `t…_r` and `t…_s`.
    pub(crate) fn of_rows(info: &TableInfo, physical_id: i64) -> Result<Self> {
        let (start, end) = match info.handle()? {
            HandleKind::Common(_) => key::record_range(physical_id),
            HandleKind::Int(_) | HandleKind::RowId => {
                key::int_handle_range(physical_id, i64::MIN, i64::MAX)
            }
        };
        Ok(Self { start, end })
    }
}

/// A piece of one physical table (a table, or one of its partitions).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The id in the keys.
    pub(crate) physical_id: i64,
    /// Ranges, ascending and apart.
    pub(crate) ranges: Vec<KeyRange>,
    /// Regions that hold them, as known when the scan was planned; `None` if nobody asked.
    pub(crate) regions: Option<usize>,
}

/// How the table's filters narrow a scan, for `EXPLAIN`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AccessSummary {
    /// How many partitions of how many are read, and which; `None` if the table has none.
    pub(crate) partitions: Option<String>,
    /// The values of the key's columns that are read; `None` if all are, or if they are many.
    pub(crate) ranges: Option<String>,
}

/// The order in which a scan reads its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScanOrder {
    /// From the last to the first.
    pub(crate) desc: bool,
}

/// What all segments of a scan have in common.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TableScanSpec {
    /// Database, as TiDB spells it.
    pub(crate) database: Arc<str>,
    /// Table, as TiDB spells it.
    pub(crate) table: Arc<str>,
    /// Columns that the stores read, at least one.
    pub(crate) columns: Vec<ScanColumn>,
    /// Which of them they send, at least one, by their places.
    pub(crate) output: Vec<u32>,
    /// What a row must pass to be sent.
    pub(crate) conditions: Vec<tipb::Expr>,
    /// Columns of a clustered primary key that is not one integer.
    pub(crate) primary_column_ids: Vec<i64>,
    /// Those of them that the key holds a prefix of.
    pub(crate) primary_prefix_column_ids: Vec<i64>,
    /// How filters narrow it.
    pub(crate) access: AccessSummary,
    /// Most rows that anybody needs.
    pub(crate) limit: Option<usize>,
    /// The order in which it reads; `None` for any.
    pub(crate) order: Option<ScanOrder>,
    /// The snapshot.
    pub(crate) start_ts: u64,
    /// The schema version of the snapshot.
    pub(crate) schema_version: i64,
    /// Encoding to ask for.
    pub(crate) format: CodecFormat,
}

impl TableScanSpec {
    /// Whether it is done after a few rows, see [`SMALL_LIMIT`].
    pub(crate) fn is_small(&self) -> bool {
        self.limit.is_some_and(|limit| limit <= SMALL_LIMIT)
    }

    /// `database.table`, for people.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.database, self.table)
    }
}
