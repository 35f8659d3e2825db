//! From the chosen way to a table's rows to what the stores are asked to read.

use tifusion_schema::{ColumnInfo, HandleKind, IndexInfo, ScanColumn, ScanOptions};

use super::TidbTable;
use crate::access::path::{AccessPath, PathSource};
use crate::config::{Isolation, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::pushdown::lower::Physical;
use crate::pushdown::scope::Scope;
use crate::scan::entries::IndexEntries;
use crate::scan::pushed::Pushdown;
use crate::scan::spec::{ColumnarSource, LookupOptions, LookupSource, RowKeys, Source};

/// What the stores read, and send of it.
#[derive(Debug)]
pub(super) struct ReadColumns {
    /// What it is read from.
    pub(super) source: Source,
    /// The columns of that.
    pub(super) columns: Vec<ScanColumn>,
    /// The places of those that are sent.
    pub(super) output: Vec<u32>,
    /// Over which of them expressions can be lowered.
    pub(super) scope: Scope,
}

/// The columns that a scan needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Those that are sent.
    pub(super) sent: &'a [ColumnInfo],
    /// Those besides that filters need.
    pub(super) more: &'a [ColumnInfo],
    /// Whether only the number of rows matters, not the one column that is sent.
    pub(super) counts: bool,
}

impl TidbTable {
    /// What is read along `path`.
    pub(super) fn read_columns(
        &self,
        settings: &Settings,
        path: &AccessPath,
        wanted: Wanted<'_>,
        filters: &[Physical],
    ) -> Result<ReadColumns> {
        let mut read: Vec<ColumnInfo> = [wanted.sent, wanted.more].concat();
        let source = match &path.source {
            PathSource::Covering { index_id } => {
                return self.entries(settings, path, *index_id, wanted);
            }
            PathSource::Table => Source::Table(RowKeys::of(&self.info)?),
            PathSource::Columnar => Source::Columnar(ColumnarSource {
                rows: RowKeys::of(&self.info)?,
                or_tikv: self.is_read_from_tikv(settings),
                batch: settings.batch_cop,
            }),
            PathSource::Lookup { index_ids } => {
                let handle_place = self.handle_place(&mut read)?;
                let lookup = self.lookup(settings, path, index_ids, filters)?;
                Source::Lookup(LookupSource { handle_place, ..lookup })
            }
        };
        let for_tiflash = matches!(source, Source::Columnar(_));
        let options = ScanOptions { for_tiflash, ..self.scan_options() };
        let columns = read.iter().map(|column| ScanColumn::new(&self.info, column, options));
        let named = read.iter().map(|column| (column.name.as_str(), &column.field_type));
        Ok(ReadColumns {
            source,
            columns: columns.collect::<Result<_, _>>()?,
            output: (0..).take(wanted.sent.len()).collect(),
            scope: match for_tiflash {
                true => self.scope(settings, named).for_tiflash(),
                false => self.scope(settings, named),
            },
        })
    }

    /// What is read of an index that holds all columns.
    fn entries(
        &self,
        settings: &Settings,
        path: &AccessPath,
        index_id: i64,
        Wanted { sent, counts, .. }: Wanted<'_>,
    ) -> Result<ReadColumns> {
        let index = self.index(index_id)?;
        let entries = IndexEntries::of(&self.info, index)?;
        let place = |column: &ColumnInfo| {
            let place =
                if counts { entries.place_of_some(column.id) } else { entries.place(column.id) };
            place.and_then(|place| u32::try_from(place).ok()).ok_or_else(|| {
                let message = format!("no entry has {}", column.name.as_str());
                Error::invalid(message)
                    .with_context("index", index.name.as_str())
                    .with_context("table", self.label())
            })
        };
        let ranges = path.tables.iter().flat_map(|table| &table.ranges);
        Ok(ReadColumns {
            source: Source::Index(entries.source(ranges)),
            columns: entries.scan_columns(&self.info, self.scan_options())?,
            output: sent.iter().map(place).collect::<Result<_>>()?,
            scope: self.scope(settings, entries.named()),
        })
    }

    /// How rows are found by indexes.
    fn lookup(
        &self,
        settings: &Settings,
        path: &AccessPath,
        index_ids: &[i64],
        filters: &[Physical],
    ) -> Result<LookupSource> {
        let mut indexes = Vec::with_capacity(index_ids.len());
        let mut handle = None;
        for index_id in index_ids {
            let index = self.index(*index_id)?;
            let entries = IndexEntries::of(&self.info, index)?;
            handle = Some(entries.handle_columns(self.cluster.known_collation())?);
            let ranges = path.tables.iter().flat_map(|table| &table.ranges);
            let mut side = entries.side(&self.info, self.scan_options(), ranges)?;
            // Of several indexes each has entries of rows that only the others' filters let pass.
            if index_ids.len() == 1 {
                let scope = self.scope(settings, entries.named());
                let pushed = Pushdown::new(scope, filters, &self.schema);
                pushed.conditions().clone_into(&mut side.conditions);
                side.is_exact = pushed.is_exact();
            }
            indexes.push(side);
        }
        let handle = handle.ok_or_else(|| Error::invalid("a lookup without an index"))?;
        let options = LookupOptions {
            batch_size: settings.index_batch_size,
            concurrency: settings.index_concurrency,
            downgrade_threshold: settings.downgrade_threshold,
            is_at_snapshot: settings.isolation == Isolation::Si,
        };
        Ok(LookupSource {
            rows: RowKeys::of(&self.info)?,
            indexes,
            handle,
            handle_place: None,
            new_collation: self.cluster.new_collation(),
            settled: Vec::new(),
            options,
        })
    }

    /// The place of an integer handle among the columns that are read, of which it becomes one.
    fn handle_place(&self, read: &mut Vec<ColumnInfo>) -> Result<Option<usize>> {
        let handle = match self.info.handle()? {
            HandleKind::Int(column) => column.clone(),
            HandleKind::RowId => ColumnInfo::extra_handle(),
            HandleKind::Common(_) => return Ok(None),
        };
        let place = read.iter().position(|column| column.id == handle.id);
        Ok(Some(place.unwrap_or_else(|| {
            read.push(handle);
            read.len() - 1
        })))
    }

    pub(super) fn index(&self, index_id: i64) -> Result<&IndexInfo> {
        self.info.find_index_by_id(index_id).ok_or_else(|| {
            Error::new(ErrorKind::Data, format!("no index {index_id}"))
                .with_context("table", self.label())
        })
    }

    fn scan_options(&self) -> ScanOptions {
        ScanOptions {
            new_collation: self.cluster.new_collation(),
            system_zone: self.cluster.system_zone(),
            ..ScanOptions::default()
        }
    }
}
