//! A TiDB table as DataFusion sees it.

mod other_ways;
mod read_columns;
mod rights;
mod sql_scan;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result as DataFusionResult, plan_err};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::ExecutionPlan;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tifusion_codec::FieldType;
use tifusion_schema::model::column::EXTRA_HANDLE_ID;
use tifusion_schema::stats::TableStatistics;
use tifusion_schema::{ColumnInfo, ColumnType, HandleKind, TableInfo, TypeOptions, column_type};

use self::other_ways::WaysOfTable;
use self::read_columns::{ReadColumns, Wanted};
use crate::access::path::{AccessPath, Demand, IndexUse, PathSource, usable_indexes};
use crate::access::source_keys::KeysOfTable;
use crate::access::{FilteredTable, PhysicalRanges, key_order};
use crate::allowance::Allowance;
use crate::cluster::Cluster;
use crate::config::{Config, Isolation, ReadEngines, Settings, TidbOptions, TimeZone, ZeroDate};
use crate::error::{Error, ErrorKind, Result};
use crate::meta::SYSTEM_DATABASE;
use crate::pushdown::blacklist::Blacklist;
use crate::pushdown::logical;
use crate::pushdown::lower::Physical;
use crate::pushdown::scope::{Circumstances, Scope};
use crate::reading::{Reading, partition_ids};
use crate::scan::TikvScanExec;
use crate::scan::answer::ScanColumns;
use crate::scan::estimates::ScanEstimates;
use crate::scan::exec::ScanReader;
use crate::scan::order::KeyOrder;
use crate::scan::partition::{ByRegion, RegionBounds, RegionRanges, pieces, spread, together};
use crate::scan::pushed::Pushdown;
use crate::scan::spec::{AccessSummary, Segment, Source, TableScanSpec};
use crate::statement::StatementSnapshot;
use crate::stats::StatementStatistics;
use crate::write::{OnDuplicate, PlannedWrite, WriteKind, WriteOptions, WrittenTable, write_plan};

/// Physical tables whose regions are looked up at once.
const LOOKUPS_AT_ONCE: usize = 8;

/// Ranges of one physical table whose regions are looked up one by one. Those of more are found while they
/// are read: between the first and the last may be all regions of a large table.
const RANGES_LOOKED_UP: usize = 64;

/// Name of the column that shows the row id of tables without a clustered key.
pub const ROW_ID_COLUMN: &str = "_tidb_rowid";

/// A table of TiDB, as of one schema version.
///
/// It can be read in sessions that TiFusion set up (see [`TidbContext`](crate::TidbContext)), for
/// their query planner gives each statement its snapshot; elsewhere a scan is refused.
#[derive(Debug, Clone)]
pub struct TidbTable {
    cluster: Arc<Cluster>,
    database_id: i64,
    database: Arc<str>,
    info: Arc<TableInfo>,
    schema_version: i64,
    columns: Vec<TableColumn>,
    column_ids: Vec<i64>,
    schema: SchemaRef,
    reading: Reading,
    /// Ids of the partitions that [`Reading::partitions`] names.
    only: Option<Vec<i64>>,
}

/// A visible column.
#[derive(Debug, Clone)]
struct TableColumn {
    info: ColumnInfo,
    kind: ColumnType,
}

impl TidbTable {
    /// The table that `info` describes in `database`, with the Arrow types that `config` asks for.
    pub(crate) fn new(
        cluster: Arc<Cluster>,
        (database_id, database): (i64, Arc<str>),
        info: Arc<TableInfo>,
        schema_version: i64,
        config: &Config,
    ) -> Result<Self> {
        let settings = config.settings();
        let options = type_options(settings);
        let mut columns: Vec<TableColumn> = info
            .public_columns()
            .into_iter()
            .map(|column| TableColumn {
                info: column.clone(),
                kind: column_type(&info, column, &options),
            })
            .collect();
        if settings.show_rowid && matches!(info.handle()?, HandleKind::RowId) {
            let column = ColumnInfo::extra_handle();
            let kind = column_type(&info, &column, &options);
            columns.push(TableColumn { info: column, kind });
        }
        let fields: Vec<Field> = columns.iter().map(|column| column.kind.field().clone()).collect();
        let schema = Arc::new(Schema::new(fields));
        let column_ids = columns.iter().map(|column| column.info.id).collect();
        Ok(Self {
            cluster,
            database_id,
            database,
            info,
            schema_version,
            columns,
            column_ids,
            schema,
            reading: Reading::default(),
            only: None,
        })
    }

    /// The same table, read so.
    ///
    /// # Errors
    /// When it does not have the partitions to be read.
    pub(crate) fn read(mut self, reading: Reading) -> Result<Self> {
        let names = reading.partitions.as_deref();
        self.only = names.map(|names| partition_ids(&self.info, names)).transpose()?;
        let is_shown = self.columns.iter().any(|column| column.info.id == EXTRA_HANDLE_ID);
        if reading.row_id && !is_shown && matches!(self.info.handle()?, HandleKind::RowId) {
            let column = ColumnInfo::extra_handle();
            let kind = column_type(&self.info, &column, &TypeOptions::default());
            let fields = self.schema.fields().iter().map(|field| field.as_ref().clone());
            let fields: Vec<Field> = fields.chain([kind.field().clone()]).collect();
            self.schema = Arc::new(Schema::new(fields));
            self.column_ids.push(column.id);
            self.columns.push(TableColumn { info: column, kind });
        }
        self.reading = reading;
        Ok(self)
    }

    /// The same table, of which these partitions are read.
    ///
    /// # Errors
    /// When it does not have them.
    pub(crate) fn read_partitions(&self, names: Vec<String>, config: &Config) -> Result<Self> {
        let reading = Reading { partitions: Some(names.into()), ..self.reading.clone() };
        self.with_config(config)?.read(reading)
    }

    /// The same table, whose row ids are shown.
    ///
    /// # Errors
    /// When its description contradicts itself.
    pub(crate) fn read_row_ids(&self, config: &Config) -> Result<Self> {
        self.with_config(config)?.read(Reading { row_id: true, ..self.reading.clone() })
    }

    /// How it is read.
    pub(crate) fn reading(&self) -> &Reading {
        &self.reading
    }

    /// TiDB's description of the table.
    pub(crate) fn info(&self) -> &Arc<TableInfo> {
        &self.info
    }

    /// The cluster that it is in.
    pub(crate) fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Id and name of its database.
    pub(crate) fn database_ref(&self) -> (i64, &Arc<str>) {
        (self.database_id, &self.database)
    }

    /// The database, as TiDB spells it.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The table's name, as TiDB spells it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.info.name.as_str()
    }

    /// The schema version that the description is of.
    #[must_use]
    pub fn schema_version(&self) -> i64 {
        self.schema_version
    }

    /// The columns to output, and the one to read when there is none to output.
    fn project(&self, projection: Option<&Vec<usize>>) -> Result<Vec<&TableColumn>> {
        let Some(projection) = projection else { return Ok(self.columns.iter().collect()) };
        let mut columns = Vec::with_capacity(projection.len());
        for index in projection {
            let column = self.columns.get(*index).ok_or_else(|| {
                let columns = self.columns.len();
                Error::invalid(format!("column {index} of the {columns} of {}", self.label()))
            })?;
            columns.push(column);
        }
        Ok(columns)
    }

    /// The column that costs least to read: for scans that only count rows.
    fn cheapest_column(&self) -> Result<ColumnInfo> {
        Ok(match self.info.handle()? {
            HandleKind::Int(column) => column.clone(),
            HandleKind::RowId => ColumnInfo::extra_handle(),
            HandleKind::Common(_) => {
                let columns = self.info.primary_key_columns()?;
                let width = |column: &ColumnInfo| {
                    let kind = column_type(&self.info, column, &TypeOptions::default());
                    kind.field().data_type().primitive_width().unwrap_or(usize::MAX)
                };
                columns.into_iter().min_by_key(|column| width(column)).cloned().ok_or_else(
                    || {
                        Error::new(ErrorKind::Data, "a clustered key without columns")
                            .with_context("table", self.label())
                    },
                )?
            }
        })
    }

    fn scan_columns(&self, settings: &Settings, output: &[&TableColumn]) -> Result<ScanColumns> {
        for column in output {
            if let Some(unsupported) = column.kind.unsupported() {
                return Err(Error::from(unsupported.clone().in_table(&self.label())));
            }
        }
        let zero_date = settings.zero_date;
        if output.is_empty() {
            let column = self.cheapest_column()?;
            let kind = column_type(&self.info, &column, &type_options(settings));
            return ScanColumns::row_count((&column.field_type, kind.field()), zero_date);
        }
        let fields = output.iter().map(|column| (&column.info.field_type, column.kind.field()));
        ScanColumns::new(fields, zero_date)
    }

    /// How rows of the columns of these names are decoded, and where these are in [`TableInfo::columns`]; `None` if one
    /// of them is in no record.
    pub(crate) fn point_columns(
        &self,
        config: &Config,
        names: &[&str],
    ) -> Option<(ScanColumns, Vec<usize>)> {
        let column = |name: &&str| {
            let column = self.columns.iter().find(|column| column.info.name.as_str() == *name)?;
            (!column.info.is_virtual_generated()).then_some(column)
        };
        let output: Vec<&TableColumn> = names.iter().map(column).collect::<Option<_>>()?;
        let offset = |column: &&TableColumn| self.info.column_offset(column.info.id);
        let offsets = output.iter().map(offset).collect::<Option<_>>()?;
        let columns = self.scan_columns(config.settings(), &output).ok()?;
        (!output.is_empty()).then_some((columns, offsets))
    }

    /// The table as one to write to.
    pub(crate) fn written(&self) -> WrittenTable {
        WrittenTable {
            cluster: Arc::clone(&self.cluster),
            database: (self.database_id, Arc::clone(&self.database)),
            info: Arc::clone(&self.info),
            schema_version: self.schema_version,
        }
    }

    /// The same table, with the types that `config` asks for.
    ///
    /// # Errors
    /// When its description contradicts itself.
    pub(crate) fn with_config(&self, config: &Config) -> Result<Self> {
        let database = (self.database_id, Arc::clone(&self.database));
        let (cluster, info) = (Arc::clone(&self.cluster), Arc::clone(&self.info));
        Self::new(cluster, database, info, self.schema_version, config)
    }

    /// For each of the columns that are written by these names, its offset in [`TableInfo::columns`].
    ///
    /// # Errors
    /// When the table has no such column, or one comes twice.
    pub(crate) fn written_columns<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<usize>> {
        let mut offsets = Vec::new();
        for name in names {
            let offset = self.column_offset(name).ok_or_else(|| {
                Error::invalid(format!("{} has no column {name:?} to write", self.label()))
            })?;
            if offsets.contains(&offset) {
                return Err(Error::invalid(format!(
                    "column {name:?} of {} comes twice",
                    self.label()
                )));
            }
            offsets.push(offset);
        }
        Ok(offsets)
    }

    /// Where the visible column of this name stands in [`TableInfo::columns`].
    pub(crate) fn column_offset(&self, name: &str) -> Option<usize> {
        self.info.column_offset(self.info.find_column(name)?.id)
    }

    /// `database.table`, for people.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.database, self.name())
    }

    /// The columns that the stores send for `output`: at least one.
    fn sent_columns(&self, output: &[&TableColumn]) -> Result<Vec<ColumnInfo>> {
        if output.is_empty() {
            return Ok(vec![self.cheapest_column()?]);
        }
        Ok(output.iter().map(|column| column.info.clone()).collect())
    }

    /// The columns that `filters` need besides those that are `sent`.
    fn filter_columns(&self, sent: &[ColumnInfo], filters: &[Physical]) -> Vec<ColumnInfo> {
        let names: BTreeSet<String> = filters
            .iter()
            .flat_map(collect_columns)
            .map(|column| column.name().to_owned())
            .collect();
        let is_sent = |name: &str| sent.iter().any(|column| column.name.as_str() == name);
        self.columns
            .iter()
            .filter(|column| column.kind.unsupported().is_none())
            .map(|column| &column.info)
            .filter(|column| names.contains(column.name.as_str()))
            .filter(|column| !is_sent(column.name.as_str()))
            .cloned()
            .collect()
    }

    /// Over which of the stores' columns expressions can be lowered.
    fn scope<'a>(
        &self,
        settings: &Settings,
        columns: impl IntoIterator<Item = (&'a str, &'a FieldType)>,
    ) -> Scope {
        let blacklist =
            Blacklist::new(&settings.unsupported_exprs, self.cluster.pushdown_blacklist());
        let circumstances = Circumstances {
            new_collation: self.cluster.new_collation(),
            zero_date: settings.zero_date,
            is_utc: settings.time_zone == TimeZone::utc(),
            blacklist: Arc::new(blacklist),
        };
        Scope::new(columns, circumstances)
    }

    fn spec(
        &self,
        settings: &Settings,
        read: ReadColumns,
        access: AccessSummary,
        snapshot: &StatementSnapshot,
    ) -> TableScanSpec {
        let ReadColumns { source, columns, output, .. } = read;
        TableScanSpec {
            database: Arc::clone(&self.database),
            table: self.info.name.as_str().into(),
            columns,
            output,
            conditions: Vec::new(),
            source,
            reduction: None,
            access,
            limit: None,
            order: None,
            start_ts: snapshot.start_ts().version(),
            schema_version: snapshot.schema_version(),
            format: settings.codec_format,
        }
    }

    /// What filters are looked at with.
    fn filtered(&self) -> FilteredTable<'_> {
        FilteredTable {
            info: &self.info,
            schema: &self.schema,
            column_ids: &self.column_ids,
            new_collation: self.cluster.known_collation(),
            only: self.only.as_deref(),
        }
    }

    /// What the rows are in the order of when they are read along `path`.
    fn key_order(&self, path: &AccessPath, settings: &Settings) -> Result<KeyOrder> {
        let circumstances = self.orders(settings);
        let index_id = match &path.source {
            PathSource::Table => return key_order::of_rows(&self.info, circumstances),
            PathSource::Columnar => return Ok(KeyOrder::default()),
            PathSource::Covering { index_id } => *index_id,
            PathSource::Lookup { index_ids } => match index_ids.as_slice() {
                // An entry and its row may tell different values where locks are passed over.
                [index_id] if settings.isolation == Isolation::Si => *index_id,
                _ => return Ok(KeyOrder::default()),
            },
        };
        let index = self.index(index_id)?;
        key_order::of_index(&self.info, index, &path.fixed, circumstances)
    }

    /// What orders of keys depend on.
    fn orders(&self, settings: &Settings) -> key_order::Circumstances {
        key_order::Circumstances {
            new_collation: self.cluster.known_collation(),
            zero_date: settings.zero_date,
        }
    }

    /// What the scan's dynamic filters are looked at with; `None` if they are of no use to it.
    fn keys(&self, source: &PathSource) -> Option<Arc<KeysOfTable>> {
        let index_id = match source {
            PathSource::Table | PathSource::Columnar => None,
            PathSource::Covering { index_id } => Some(*index_id),
            PathSource::Lookup { index_ids } => match index_ids.as_slice() {
                [index_id] => Some(*index_id),
                _ => return None,
            },
        };
        Some(Arc::new(KeysOfTable {
            info: Arc::clone(&self.info),
            schema: Arc::clone(&self.schema),
            column_ids: self.column_ids.clone(),
            new_collation: self.cluster.known_collation(),
            index_id,
        }))
    }

    /// Whether rows can be found by an index.
    fn has_indexes(&self, settings: &Settings) -> bool {
        self.is_read_from_tikv(settings) && usable_indexes(&self.info).next().is_some()
    }

    /// Whether rows may be read from TiKV.
    pub(crate) fn is_read_from_tikv(&self, settings: &Settings) -> bool {
        self.engines(settings).tikv
    }

    /// The engines that the table may be read from: what TiDB keeps for itself is TiKV's.
    fn engines(&self, settings: &Settings) -> ReadEngines {
        match self.database.eq_ignore_ascii_case(SYSTEM_DATABASE) {
            true => ReadEngines::TIKV,
            false => settings.engines,
        }
    }

    /// What each of `target` output partitions of a scan reads, at most so many.
    async fn partitions(
        &self,
        spec: &TableScanSpec,
        tables: Vec<PhysicalRanges>,
        target: usize,
        deadline: Option<Instant>,
    ) -> Result<Vec<Vec<Segment>>> {
        Ok(if spec.source.indexes().len() > 1 {
            together(tables.into_iter().map(|it| (it.physical_id, it.ranges)), target)
        } else if spec.is_small() {
            vec![whole(tables)]
        } else {
            spread(self.region_ranges(tables, deadline).await?, target)
        })
    }

    /// The ranges to read by the regions that hold them, in key order.
    async fn region_ranges(
        &self,
        tables: Vec<PhysicalRanges>,
        deadline: Option<Instant>,
    ) -> Result<Vec<RegionRanges>> {
        let tables = stream::iter(tables);
        let found = tables.map(|table| self.regions_of(table, deadline)).buffered(LOOKUPS_AT_ONCE);
        let ranges: Vec<Vec<RegionRanges>> = found.try_collect().await?;
        Ok(ranges.into_iter().flatten().collect())
    }

    /// Those of one physical table.
    async fn regions_of(
        &self,
        table: PhysicalRanges,
        deadline: Option<Instant>,
    ) -> Result<Vec<RegionRanges>> {
        if table.ranges.len() > RANGES_LOOKED_UP {
            return Ok(pieces(table.physical_id, &table.ranges));
        }
        let mut by_region = ByRegion::new(table.physical_id);
        for range in &table.ranges {
            let regions = self.locate(&range.start, &range.end, deadline).await?;
            by_region.add(std::slice::from_ref(range), &regions);
        }
        Ok(by_region.into_ranges().collect())
    }

    /// The bounds of the regions of a range of keys.
    async fn locate(
        &self,
        start: &[u8],
        end: &[u8],
        deadline: Option<Instant>,
    ) -> Result<Vec<RegionBounds>> {
        let mut bo = self.cluster.plan_backoffer(deadline);
        let regions = self.cluster.client().regions();
        let regions = regions
            .locate_range(&mut bo, start, end)
            .await
            .map_err(|error| Error::from(error.with_table(self.label())))?;
        let bounds = regions.into_iter().map(|region| RegionBounds {
            start: region.start_key.clone(),
            end: region.end_key.clone(),
        });
        Ok(bounds.collect())
    }
}

/// One piece for each physical table, whose regions are found while it is read: a small limit is
/// reached before PD had listed the regions of a large table.
fn whole(tables: Vec<PhysicalRanges>) -> Vec<Segment> {
    let segment =
        |PhysicalRanges { physical_id, ranges }| Segment { physical_id, ranges, regions: None };
    tables.into_iter().map(segment).collect()
}

fn type_options(settings: &Settings) -> TypeOptions {
    TypeOptions {
        time_zone: settings.time_zone.to_arc(),
        zero_date_null: settings.zero_date == ZeroDate::Null,
        string_views: false,
    }
}

#[async_trait]
impl TableProvider for TidbTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let Some(snapshot) = state.config().get_extension::<StatementSnapshot>() else {
            return plan_err!(
                "{} is a table of TiDB: it can be read in a TidbContext, or in a session whose \
                 state was built with TidbContext's parts, which give each statement its snapshot",
                self.label()
            );
        };
        let config = TidbOptions::config_of(state.config_options()).unwrap_or_default();
        let settings = config.settings();
        // TiDB looks at the same user's rights itself.
        if let Some(port) = self.cluster.read_port() {
            let given = filters.len();
            let filters = logical::physical(filters, &self.schema, state)?;
            // What is not looked at leaves too many rows.
            let limit = limit.filter(|_| filters.len() == given);
            let known = state.config().get_extension::<StatementStatistics>();
            let way = (port, &snapshot, settings);
            return Ok(self.sql_scan(way, projection, filters, (limit, known))?);
        }
        let output = self.project(projection)?;
        let columns = self.scan_columns(settings, &output)?;
        let given = filters.len();
        let filters = logical::physical(filters, &self.schema, state)?;
        let sent = self.sent_columns(&output)?;
        let more = self.filter_columns(&sent, &filters);
        let needed = output.iter().map(|column| &column.info).chain(&more);
        self.check_scan(state, needed.clone())?;
        let needed: Vec<i64> = needed.map(|column| column.id).collect();
        let known = state.config().get_extension::<StatementStatistics>();
        let known = known.as_ref().and_then(|known| known.of(self.info.id));
        let unknown = TableStatistics::unknown();
        let demand = Demand {
            columns: &needed,
            statistics: known.map_or(&unknown, |known| &known.statistics),
            indexes: match (settings.index_read, settings.index_first) {
                (true, true) => IndexUse::First,
                (true, false) => IndexUse::ByCost,
                (false, _) => IndexUse::Never,
            },
            engines: self.engines(settings),
        };
        let path = self.filtered().choose(&filters, &demand)?;
        let wanted = Wanted { sent: &sent, more: &more, counts: output.is_empty() };
        let read = self.read_columns(settings, &path, wanted, &filters)?;
        let pushdown = Pushdown::new(read.scope.clone(), &filters, &self.schema);
        let (key_order, keys) = (self.key_order(&path, settings)?, self.keys(&path.source));
        let AccessPath { tables, summary, rows, read_rows, price, .. } = path;
        let mut spec = self.spec(settings, read, summary, &snapshot);
        if let Source::Lookup(lookup) = spec.source {
            spec.source = Source::Lookup(lookup.settling(pushdown.conditions()));
        }
        pushdown.conditions().clone_into(&mut spec.conditions);
        // What passes too many rows says nothing of how many of them are enough.
        spec.limit = limit.filter(|_| filters.len() == given && pushdown.is_exact());
        if let Some(allowance) = state.config().get_extension::<Allowance>() {
            allowance.take(read_rows, spec.limit)?;
        }
        let target = state.config().target_partitions();
        let partitions = self.partitions(&spec, tables, target, snapshot.deadline()).await?;
        let has_indexes = demand.indexes != IndexUse::Never && self.has_indexes(settings);
        let others = has_indexes.then(|| WaysOfTable {
            table: self.clone(),
            settings: settings.clone(),
            sent,
            more,
            filters,
            statistics: demand.statistics.clone(),
            indexes: demand.indexes,
            price,
        });
        let reader = ScanReader::Stores(self.cluster.client().clone());
        let settings = settings.clone();
        let scan = (spec, columns);
        let estimates = known.map_or_else(ScanEstimates::default, |known| {
            let output = output.iter().map(|column| (&column.info, column.kind.field()));
            ScanEstimates::new(&known.statistics, known.is_compared, output).narrowed(rows)
        });
        let scan = TikvScanExec::new(reader, settings, snapshot, scan, pushdown, partitions)
            .with_estimates(estimates)
            .with_key_order(key_order);
        let scan = match keys {
            Some(keys) => scan.with_keys(keys),
            None => scan,
        };
        Ok(Arc::new(match others {
            Some(others) => scan.with_other_ways(Arc::new(others)),
            None => scan,
        }))
    }

    /// Writes the rows of a frame (`DataFrame::write_table`), its columns matched by their names.
    async fn insert_into(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        op: InsertOp,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let on_duplicate = match op {
            InsertOp::Append => OnDuplicate::Fail,
            InsertOp::Replace => OnDuplicate::Replace,
            InsertOp::Overwrite => {
                return Err(Error::unsupported(format!(
                    "overwriting {}: use REPLACE, or DELETE and INSERT",
                    self.label()
                ))
                .into());
            }
        };
        let schema = input.schema();
        let names = schema.fields().iter().map(|field| field.name().as_str());
        let columns = self.written_columns(names)?;
        let kind = WriteKind::Insert { columns, on_duplicate };
        let (table, options) = (Arc::new(self.written()), WriteOptions::default());
        let reads_itself = false;
        let write = PlannedWrite { table, kind, options, input, reads_itself };
        Ok(write_plan(vec![write], state).await?)
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(logical::support(filters))
    }
}
