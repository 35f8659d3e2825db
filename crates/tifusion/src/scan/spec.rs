//! What a scan reads, as plain data: a plan codec can ship it.

use std::fmt;
use std::sync::Arc;

use tifusion_codec::index::KeyColumn;
use tifusion_codec::key;
use tifusion_proto::tipb;
use tifusion_schema::{HandleKind, ScanColumn, TableInfo};

use super::reduction::Reduction;
use crate::config::{BatchCop, CodecFormat};
use crate::error::Result;
use crate::pushdown::handles;

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
    /// The way that was chosen, with its rows and what it costs; `None` if there was no choice.
    pub(crate) chosen: Option<String>,
    /// The ways that were not.
    pub(crate) rejected: Vec<String>,
}

/// `, chosen=[…], rejected=[…]`, where there was a choice.
impl fmt::Display for AccessSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(chosen) = &self.chosen else { return Ok(()) };
        write!(f, ", chosen=[{chosen}], rejected=[{}]", self.rejected.join("; "))
    }
}

/// What a scan reads its columns from. What the spec says besides (columns, conditions, output, limit)
/// is of the rows, or for [`Source::Index`] of the entries.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// Rows; the segments have ranges of their keys.
    Table(RowKeys),
    /// The same from the columns that TiFlash keeps of them.
    Columnar(ColumnarSource),
    /// Entries of an index, which hold all columns; the segments have ranges of the entries' keys.
    Index(IndexSource),
    /// Rows whose handles entries of indexes tell, both at the same snapshot. The segments have ranges
    /// of the entries' keys.
    Lookup(LookupSource),
}

/// Rows as TiFlash has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnarSource {
    /// How they are read.
    pub(crate) rows: RowKeys,
    /// Whether TiKV is asked where TiFlash has no answer.
    pub(crate) or_tikv: bool,
    /// Which scans ask for all regions of a store at once.
    pub(crate) batch: BatchCop,
}

/// How a scan of rows reads columns from their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RowKeys {
    /// Columns of a clustered primary key that is not one integer.
    pub(crate) primary_column_ids: Vec<i64>,
    /// Those of them that the key holds a prefix of.
    pub(crate) primary_prefix_column_ids: Vec<i64>,
}

impl RowKeys {
    /// Those of a table.
    ///
    /// # Errors
    /// When its description contradicts itself.
    pub(crate) fn of(info: &TableInfo) -> Result<Self> {
        Ok(Self {
            primary_column_ids: info.common_handle_column_ids()?,
            primary_prefix_column_ids: info.common_handle_prefix_column_ids()?,
        })
    }
}

/// An index whose entries are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexSource {
    /// Its id in the keys.
    pub(crate) index_id: i64,
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Columns of a common handle, which are the last of the entries'.
    pub(crate) primary_column_ids: Vec<i64>,
    /// Whether each range is the key of one entry at most: TiKV then gets the ones that end at the next
    /// prefix after their start, and would miss all but one entry of an index that is not unique.
    pub(crate) is_point_get: bool,
}

/// Indexes and what of their entries tells the rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LookupSource {
    /// How the rows are read.
    pub(crate) rows: RowKeys,
    /// The indexes: one, or several whose rows are put together.
    pub(crate) indexes: Vec<IndexSide>,
    /// What the handles are made of.
    pub(crate) handle: HandleColumns,
    /// The place of an integer handle among the rows' columns.
    pub(crate) handle_place: Option<usize>,
    /// Whether the cluster runs with the new collations.
    pub(crate) new_collation: bool,
    /// Conditions that every row passes whose entry is found.
    pub(crate) settled: Vec<tipb::Expr>,
    /// How the rows are asked for.
    pub(crate) options: LookupOptions,
}

/// The read of an index's entries for a lookup.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexSide {
    /// The index.
    pub(crate) index: IndexSource,
    /// Columns of its entries: its own, then the handle's.
    pub(crate) columns: Vec<ScanColumn>,
    /// What an entry must pass, over these columns: it may pass more than the rows' conditions, never
    /// less.
    pub(crate) conditions: Vec<tipb::Expr>,
    /// Whether the rows of those that pass pass all filters of the scan.
    pub(crate) is_exact: bool,
}

/// What handles are made of: the last columns of an index's entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HandleColumns {
    /// One integer.
    Int {
        /// Whether it is unsigned: the key has the signed one with the same bits.
        is_unsigned: bool,
    },
    /// The columns of a clustered key.
    Common(Vec<KeyColumn>),
}

/// How a lookup asks for rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LookupOptions {
    /// Most handles of a batch (`index.scan_batch_size`).
    pub(crate) batch_size: usize,
    /// Batches under way in one partition (`index.scan_concurrency`).
    pub(crate) concurrency: usize,
    /// Most ranges of a batch in one region (`plan.downgrade.index_threshold`).
    pub(crate) downgrade_threshold: usize,
    /// Whether each entry has a row: not where locks are passed over.
    pub(crate) is_at_snapshot: bool,
}

impl HandleColumns {
    /// How many columns they are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Int { .. } => 1,
            Self::Common(columns) => columns.len(),
        }
    }
}

impl LookupSource {
    /// The index that `segment` has keys of.
    pub(crate) fn index_of(&self, segment: &Segment) -> Option<&IndexSide> {
        let start = &segment.ranges.first()?.start;
        let (_, index_id, _) = key::decode_index_key(start).ok()?;
        self.indexes.iter().find(|side| side.index.index_id == index_id)
    }
}

impl LookupSource {
    /// How many entries tell enough rows; `None` if nobody knows.
    pub(crate) fn most_entries(&self, spec: &TableScanSpec) -> Option<usize> {
        let is_settled = |condition: &tipb::Expr| self.settled.contains(condition);
        let is_enough = self.options.is_at_snapshot && spec.conditions.iter().all(is_settled);
        spec.limit.filter(|_| is_enough)
    }

    /// The same over rows that pass `conditions`, which are made of the filters of the scan.
    pub(crate) fn settling(self, conditions: &[tipb::Expr]) -> Self {
        let is_exact = self.indexes.iter().all(|side| side.is_exact);
        let settled = if is_exact { conditions.to_vec() } else { Vec::new() };
        Self { settled, ..self }
    }

    /// The condition that a row's handle is one of these; `None` if there is none.
    pub(crate) fn is_one_of(&self, handles: &[i64]) -> Option<tipb::Expr> {
        let HandleColumns::Int { is_unsigned } = self.handle else { return None };
        handles::is_one_of(self.handle_place?, is_unsigned, handles, self.new_collation)
    }
}

impl Source {
    /// The names of the indexes it reads.
    pub(crate) fn indexes(&self) -> Vec<&str> {
        match self {
            Self::Table(_) | Self::Columnar(_) => Vec::new(),
            Self::Index(index) => vec![&index.name],
            Self::Lookup(lookup) => lookup.indexes.iter().map(|side| &*side.index.name).collect(),
        }
    }

    /// Whether it reads rows by their keys, all of them from one place.
    pub(crate) fn is_rows(&self) -> bool {
        matches!(self, Self::Table(_) | Self::Columnar(_))
    }

    /// How it reads them, for people; `None` if there are none.
    pub(crate) fn access(&self) -> Option<&'static str> {
        match self {
            Self::Table(_) | Self::Columnar(_) => None,
            Self::Index(_) => Some("covering"),
            Self::Lookup(_) => Some("lookup"),
        }
    }
}

/// The order in which a scan reads its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScanOrder {
    /// From the last to the first.
    pub(crate) desc: bool,
    /// Whether entries with `NULL` in the first column are read at the other end of the rest.
    pub(crate) nulls_apart: bool,
}

/// `asc`, `desc nulls first`.
impl fmt::Display for ScanOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.desc, self.nulls_apart) {
            (false, false) => "asc",
            (true, false) => "desc",
            (false, true) => "asc nulls last",
            (true, true) => "desc nulls first",
        })
    }
}

/// What all segments of a scan have in common.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TableScanSpec {
    /// Database, as TiDB spells it.
    pub(crate) database: Arc<str>,
    /// Table, as TiDB spells it.
    pub(crate) table: Arc<str>,
    /// Columns that the stores read, at least one: of rows, or of entries for [`Source::Index`].
    pub(crate) columns: Vec<ScanColumn>,
    /// Which of them they send, at least one, by their places.
    pub(crate) output: Vec<u32>,
    /// What a row must pass to be sent.
    pub(crate) conditions: Vec<tipb::Expr>,
    /// Where they are read.
    pub(crate) source: Source,
    /// What becomes of the rows that pass.
    pub(crate) reduction: Option<Reduction>,
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

    /// Whether a store of TiFlash is asked for all of its regions at once.
    pub(crate) fn is_batch(&self) -> bool {
        let Source::Columnar(columnar) = &self.source else { return false };
        match columnar.batch {
            BatchCop::Never => false,
            BatchCop::Reductions => self.reduction.is_some(),
            BatchCop::Always => self.reduction.is_some() || !self.is_small(),
        }
    }

    /// Whether rows are put into groups.
    pub(crate) fn makes_groups(&self) -> bool {
        matches!(self.reduction, Some(Reduction::Aggregate(_)))
    }

    /// Whether its rows come in the order of the entries that tell them.
    pub(crate) fn is_ordered_lookup(&self) -> bool {
        self.order.is_some() && matches!(self.source, Source::Lookup(_))
    }

    /// `database.table`, for people.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.database, self.table)
    }
}
