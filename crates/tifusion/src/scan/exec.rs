//! The plan node.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning,
    PlanProperties, ReplaceChildrenOptions, SortOrderPushdownResult,
};

use tifusion_client::Client;
use tokio::sync::Semaphore;

use super::answer::ScanColumns;
use super::dag;
use super::dynamic::{DynamicFilters, Known, Lists};
use super::estimates::ScanEstimates;
use super::keys::SourceKeys;
use super::order::{KeyOrder, RowOrder};
use super::other_ways::OtherWays;
use super::pushed::Pushdown;
use super::read::ScanPart;
use super::reduction::Reduction;
use super::spec::{Segment, Source, TableScanSpec};
use super::sql::{self, SqlPart, SqlSource};
use super::stream;
use crate::config::Settings;
use crate::pushdown::Exactness;
use crate::statement::StatementSnapshot;

/// What a scan asks of the stores, as plain data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanRequest {
    /// Encoded `tipb.DAGRequest`.
    pub dag: Bytes,
    /// Half-open ranges of raw keys.
    pub ranges: Vec<(Vec<u8>, Vec<u8>)>,
    /// Timestamp of the snapshot.
    pub start_ts: u64,
}

/// Whom a scan asks.
#[derive(Debug, Clone)]
pub(crate) enum ScanReader {
    /// The stores.
    Stores(Client),
    /// TiDB.
    SqlPort(Arc<SqlSource>),
}

/// Reads a table of TiDB through the coprocessors of its stores, or through TiDB's SQL port (`read.mode = sql`), where
/// `EXPLAIN` names it `TidbSqlScanExec` and shows the statement that is sent.
///
/// `EXPLAIN` shows what is read: table, columns, the index and whether its entries hold the columns
/// (`access=covering`) or tell which rows do (`access=lookup`), whether TiFlash is asked (`engine=tiflash`, and for all
/// regions of a store at once: `engine=tiflash batch`), partitions, regions and ranges as known when the
/// statement was planned (ranges by the values of the key's columns, if the filters leave few), the
/// limit given to the stores, the filters that they evaluate and why not the others, rows and
/// statistics as far as they are known, the snapshot's timestamp, and the id by which the stores' logs know the
/// statement.
#[derive(Debug, Clone)]
pub struct TikvScanExec {
    pub(super) reader: ScanReader,
    pub(super) settings: Settings,
    pub(super) snapshot: Arc<StatementSnapshot>,
    pub(super) spec: Arc<TableScanSpec>,
    pub(super) columns: Arc<ScanColumns>,
    pub(super) pushdown: Arc<Pushdown>,
    pub(super) partitions: Arc<[Vec<Segment>]>,
    pub(super) properties: Arc<PlanProperties>,
    pub(super) slots: Arc<Semaphore>,
    pub(super) metrics: ExecutionPlanMetricsSet,
    pub(super) estimates: Arc<ScanEstimates>,
    pub(super) key_order: Arc<KeyOrder>,
    /// What its rows are in the order of.
    pub(super) row_order: Arc<RowOrder>,
    /// `None` where nobody told how to find keys for them.
    pub(super) dynamic: Option<Arc<DynamicFilters>>,
    /// What finds other ways to its rows; `None` where nobody does.
    pub(super) others: Option<Arc<dyn OtherWays>>,
}

impl TikvScanExec {
    /// A scan of `spec`, each of `partitions` an output partition.
    pub(crate) fn new(
        reader: ScanReader,
        settings: Settings,
        snapshot: Arc<StatementSnapshot>,
        (spec, columns): (TableScanSpec, ScanColumns),
        pushdown: Pushdown,
        partitions: Vec<Vec<Segment>>,
    ) -> Self {
        let parts = (spec, Arc::new(columns));
        Self::of_parts(reader, settings, snapshot, parts, pushdown, partitions)
    }

    pub(super) fn of_parts(
        reader: ScanReader,
        settings: Settings,
        snapshot: Arc<StatementSnapshot>,
        (spec, columns): (TableScanSpec, Arc<ScanColumns>),
        pushdown: Pushdown,
        partitions: Vec<Vec<Segment>>,
    ) -> Self {
        let properties = properties(&columns, partitions.len(), &[]);
        let slots = Arc::new(Semaphore::new(settings.scan_concurrency.max(1)));
        Self {
            reader,
            slots,
            settings,
            snapshot,
            spec: Arc::new(spec),
            columns,
            pushdown: Arc::new(pushdown),
            partitions: partitions.into(),
            properties,
            metrics: ExecutionPlanMetricsSet::new(),
            estimates: Arc::default(),
            key_order: Arc::default(),
            row_order: Arc::default(),
            dynamic: None,
            others: None,
        }
    }

    /// The same, which can read in an order that `key_order` gives.
    pub(crate) fn with_key_order(self, key_order: KeyOrder) -> Self {
        Self { key_order: Arc::new(key_order), ..self }
    }

    /// Whether the rows of each partition are in an order.
    pub(crate) fn is_ordered(&self) -> bool {
        self.spec.order.is_some()
    }

    /// The same, reading `partitions`.
    pub(super) fn with_partitions(&self, partitions: Vec<Vec<Segment>>) -> Self {
        Self {
            properties: properties(&self.columns, partitions.len(), &self.row_order),
            partitions: partitions.into(),
            ..self.clone()
        }
    }

    /// The same, narrowed while it runs by filters for which `keys` finds the keys, as far as that pays for
    /// what is estimated of it.
    pub(crate) fn with_keys(self, keys: Arc<dyn SourceKeys>) -> Self {
        let names = self.columns.schema().fields().iter().map(|field| field.name().clone());
        let columns = names.zip(self.estimates.known_columns()).collect();
        let lists = match &self.reader {
            ScanReader::Stores(client) => Lists::of(&client.regions().known_stores()),
            ScanReader::SqlPort(_) => Lists::default(),
        };
        let known = Known { rows: self.estimates.rows(), columns, lists };
        let dynamic = DynamicFilters::none(keys, Arc::new(known));
        Self { dynamic: Some(Arc::new(dynamic)), ..self }
    }

    /// The same, waiting for the dynamic filters of `ids`; `None` if it has none of them.
    pub(crate) fn awaiting(&self, ids: &BTreeSet<u64>) -> Option<Self> {
        let dynamic = self.dynamic.as_ref()?.awaiting(ids)?;
        Some(Self { dynamic: Some(Arc::new(dynamic)), ..self.clone() })
    }

    /// The ids of its dynamic filters.
    pub(crate) fn dynamic_filter_ids(&self) -> BTreeSet<u64> {
        self.dynamic().map(|dynamic| dynamic.ids()).unwrap_or_default()
    }

    /// The same with these dynamic filters in the place of its own; `None` if they are its own.
    pub(crate) fn with_dynamic_filters(&self, filters: Vec<Arc<dyn PhysicalExpr>>) -> Option<Self> {
        let dynamic = self.dynamic.as_ref()?;
        let others = dynamic.cleared().with(self.takeable(filters), self.columns.schema());
        let changes = !others.are_those_of(dynamic);
        changes.then(|| Self { dynamic: Some(Arc::new(others)), ..self.clone() })
    }

    /// Those of `filters` that may narrow it while it runs.
    fn takeable(
        &self,
        filters: impl IntoIterator<Item = Arc<dyn PhysicalExpr>>,
    ) -> Vec<Arc<dyn PhysicalExpr>> {
        // A filter above a limit is no filter below it, nor is one above an aggregate.
        let takes = self.spec.limit.is_none();
        let filters = filters.into_iter().filter(|_| takes);
        filters.filter(|filter| self.is_filtered_whole(filter)).collect()
    }

    /// Whether there are filters that become known while the statement runs.
    pub(crate) fn has_dynamic_filters(&self) -> bool {
        self.dynamic().is_some()
    }

    /// The dynamic filters, if there are any.
    fn dynamic(&self) -> Option<&Arc<DynamicFilters>> {
        self.dynamic.as_ref().filter(|dynamic| !dynamic.is_empty())
    }

    /// Without dynamic filters.
    fn undirected(&self) -> Option<Arc<DynamicFilters>> {
        self.dynamic.as_ref().map(|dynamic| Arc::new(dynamic.cleared()))
    }

    /// The same with what is expected of it.
    pub(crate) fn with_estimates(self, estimates: ScanEstimates) -> Self {
        Self { estimates: Arc::new(estimates), ..self }
    }

    /// Database and table.
    #[must_use]
    pub fn table(&self) -> (&str, &str) {
        (&self.spec.database, &self.spec.table)
    }

    /// The timestamp of the snapshot it reads.
    #[must_use]
    pub fn start_ts(&self) -> u64 {
        self.spec.start_ts
    }

    /// Regions to read, as known when the scan was planned; `None` when they are found while it
    /// runs, as under a small limit, and when TiDB is asked.
    #[must_use]
    pub fn regions(&self) -> Option<usize> {
        if let ScanReader::SqlPort(_) = self.reader {
            return None;
        }
        self.partitions.iter().flatten().map(|segment| segment.regions).sum()
    }

    /// What is asked of the stores, before it is split by region: for entries, if rows are found by an
    /// index, for these say which rows are asked for.
    #[must_use]
    pub fn requests(&self) -> Vec<ScanRequest> {
        let segments = self.partitions.iter().flatten();
        segments
            .map(|segment| ScanRequest {
                dag: dag::encode_first(&self.spec, segment),
                ranges: segment
                    .ranges
                    .iter()
                    .map(|range| (range.start.clone(), range.end.clone()))
                    .collect(),
                start_ts: self.spec.start_ts,
            })
            .collect()
    }

    /// The scan with another part of its columns as output, which `places` gives in that order.
    fn project(&self, places: &[usize]) -> crate::error::Result<Self> {
        let counted = places.is_empty();
        let places = if counted { vec![self.columns.cheapest()] } else { places.to_vec() };
        let estimates = self.estimates.project(if counted { &[] } else { &places });
        let columns = self.columns.project(&places)?;
        let columns = if counted { columns.counted() } else { columns };
        let output = places.iter().filter_map(|place| self.spec.output.get(*place).copied());
        let spec = TableScanSpec { output: output.collect(), ..TableScanSpec::clone(&self.spec) };
        Ok(Self {
            properties: properties(&columns, self.partitions.len(), &self.row_order),
            spec: Arc::new(spec),
            columns: Arc::new(columns),
            estimates: Arc::new(estimates),
            ..self.clone()
        })
    }

    /// Whether it puts rows in order by columns that are not at these places.
    fn orders_by_more(&self, places: &[usize]) -> bool {
        let schema = self.columns.schema();
        let is_among =
            |name: &Arc<str>| schema.index_of(name).is_ok_and(|place| places.contains(&place));
        self.spec.is_ordered_lookup() && !self.row_order.iter().all(|(name, _)| is_among(name))
    }

    /// The statement that TiDB is given.
    fn sql(&self, source: &SqlSource) -> crate::error::Result<String> {
        sql::statement(&self.spec, source, self.columns.schema().fields().is_empty())
    }

    fn fmt_sql(&self, source: &SqlSource, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, label, place) = (self.name(), self.spec.label(), source.port.place());
        write!(f, "{name}: table={label}, mode=sql, at={place}")?;
        if let Ok(sql) = self.sql(source) {
            write!(f, ", sql=[{sql}]")?;
        }
        self.pushdown.fmt(self.spec.reduction.as_ref(), f)?;
        let (estimates, query) = (&self.estimates, self.snapshot.query());
        write!(f, "{estimates}, start_ts={}, query={query}", self.spec.start_ts)
    }

    /// How TiFlash is asked, if not region by region.
    fn shown_batch(&self) -> &'static str {
        if self.spec.is_batch() && self.regions() != Some(1) { " batch" } else { "" }
    }

    fn ranges(&self) -> usize {
        self.partitions.iter().flatten().map(|segment| segment.ranges.len()).sum()
    }

    fn column_names(&self) -> Vec<&str> {
        if let Some(Reduction::Aggregate(partial)) = &self.spec.reduction {
            return partial.read.iter().map(String::as_str).collect();
        }
        self.columns.schema().fields().iter().map(|field| field.name().as_str()).collect()
    }
}

pub(super) fn properties(
    columns: &ScanColumns,
    partitions: usize,
    row_order: &[(Arc<str>, SortOptions)],
) -> Arc<PlanProperties> {
    let schema = columns.schema();
    let order = row_order.iter().map_while(|(name, options)| {
        let column = Column::new(name, schema.index_of(name).ok()?);
        Some(PhysicalSortExpr::new(Arc::new(column), *options))
    });
    let orders = LexOrdering::new(order);
    let properties = PlanProperties::new(
        EquivalenceProperties::new_with_orderings(Arc::clone(schema), orders),
        Partitioning::UnknownPartitioning(partitions),
        EmissionType::Incremental,
        Boundedness::Bounded,
    );
    Arc::new(properties.with_scheduling_type(SchedulingType::Cooperative))
}

impl DisplayAs for TikvScanExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.column_names().join(", ");
        if let (
            ScanReader::SqlPort(source),
            DisplayFormatType::Default | DisplayFormatType::Verbose,
        ) = (&self.reader, kind)
        {
            return self.fmt_sql(source, f);
        }
        match kind {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "TikvScanExec: table={}, columns=[{columns}]", self.spec.label())?;
                if let Source::Columnar(_) = self.spec.source {
                    write!(f, ", engine=tiflash{}", self.shown_batch())?;
                }
                if let Some(access) = self.spec.source.access() {
                    let indexes = self.spec.source.indexes().join(" + ");
                    write!(f, ", index={indexes}, access={access}")?;
                }
                if let Some(partitions) = &self.spec.access.partitions {
                    write!(f, ", partitions={partitions}")?;
                }
                if let Some(regions) = self.regions() {
                    write!(f, ", regions={regions}")?;
                }
                match &self.spec.access.ranges {
                    Some(ranges) => write!(f, ", ranges={ranges}")?,
                    None => write!(f, ", ranges={}", self.ranges())?,
                }
                if let Some(limit) = self.spec.limit {
                    write!(f, ", limit={limit}")?;
                }
                if let Some(order) = self.spec.order {
                    write!(f, ", keep_order={order}")?;
                }
                if self.settings.replica_read.is_of_others() {
                    write!(f, ", replica_read=[{}]", self.settings.replica_read)?;
                }
                self.pushdown.fmt(self.spec.reduction.as_ref(), f)?;
                if let Some(dynamic) = self.dynamic() {
                    write!(f, ", dynamic_filters=[{dynamic}]")?;
                }
                write!(f, "{}", self.estimates)?;
                if kind == DisplayFormatType::Verbose {
                    write!(f, "{}", self.spec.access)?;
                }
                let query = self.snapshot.query();
                write!(f, ", start_ts={}, query={query}", self.spec.start_ts)
            }
            DisplayFormatType::TreeRender => {
                writeln!(f, "table={}", self.spec.label())?;
                writeln!(f, "columns={columns}")?;
                if let Source::Columnar(_) = self.spec.source {
                    writeln!(f, "engine=tiflash{}", self.shown_batch())?;
                }
                if let Some(access) = self.spec.source.access() {
                    writeln!(f, "index={}", self.spec.source.indexes().join(" + "))?;
                    writeln!(f, "access={access}")?;
                }
                if let Some(partitions) = &self.spec.access.partitions {
                    writeln!(f, "partitions={partitions}")?;
                }
                if let Some(ranges) = &self.spec.access.ranges {
                    writeln!(f, "ranges={ranges}")?;
                }
                self.pushdown.fmt_tree(f)?;
                if let Some(reduction) = &self.spec.reduction {
                    reduction.fmt_tree(f)?;
                }
                if let Some(dynamic) = self.dynamic() {
                    writeln!(f, "dynamic_filters={dynamic}")?;
                }
                match self.regions() {
                    Some(regions) => writeln!(f, "regions={regions}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl ExecutionPlan for TikvScanExec {
    fn name(&self) -> &'static str {
        match self.reader {
            ScanReader::Stores(_) => "TikvScanExec",
            ScanReader::SqlPort(_) => "TidbSqlScanExec",
        }
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(self.columns.schema())
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        // This is how the makers of dynamic filters learn that somebody reads them.
        self.dynamic().map_or(Ok(TreeNodeRecursion::Continue), |dynamic| dynamic.apply(f))
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("a scan has no children") }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        // Whoever made the dynamic filters makes new ones, or none: what these say is of the run before.
        let (metrics, dynamic) = (ExecutionPlanMetricsSet::new(), self.undirected());
        Ok(Arc::new(Self { metrics, dynamic, ..Self::clone(&self) }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let Some(segments) = self.partitions.get(partition) else {
            return internal_err!("partition {partition} of {}", self.partitions.len());
        };
        let client = match &self.reader {
            ScanReader::Stores(client) => client.clone(),
            ScanReader::SqlPort(source) => {
                let part = SqlPart {
                    sql: self.sql(source)?,
                    source: Arc::clone(source),
                    settings: self.settings.clone(),
                    snapshot: Arc::clone(&self.snapshot),
                    spec: Arc::clone(&self.spec),
                    columns: Arc::clone(&self.columns),
                };
                return Ok(sql::open(part, &context, &self.metrics));
            }
        };
        let part = ScanPart {
            client,
            settings: self.settings.clone(),
            snapshot: Arc::clone(&self.snapshot),
            spec: Arc::clone(&self.spec),
            columns: Arc::clone(&self.columns),
            segments: segments.clone(),
            slots: Arc::clone(&self.slots),
            dynamic: self.dynamic().cloned(),
            pushdown: Arc::clone(&self.pushdown),
            row_order: Arc::clone(&self.row_order),
            is_cacheable: true,
        };
        Ok(stream::open(part, partition, &context, &self.metrics))
    }

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let partitions = args.partition().map(|_| self.partitions.len());
        let schema = self.columns.schema();
        Ok(Arc::new(self.estimates.statistics(schema, self.spec.limit, partitions)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn supports_limit_pushdown(&self) -> bool {
        false
    }

    /// Takes over filters that the stores evaluate exactly. The plan's filters that a table scan is
    /// made with are evaluated already; here it is decided, on the very expressions that would be
    /// evaluated again, which need not be.
    ///
    /// In the last phase it keeps the dynamic filters, which their makers apply themselves.
    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        child_pushdown_result: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let filters = child_pushdown_result.parent_filters;
        // A filter above a limit is no filter below it, nor is one above an aggregate.
        if phase != FilterPushdownPhase::Pre || !self.is_plain() {
            let kept = vec![PushedDown::No; filters.len()];
            let answer = FilterPushdownPropagation::with_parent_pushdown_result(kept);
            let filters = self.takeable(filters.into_iter().map(|filter| filter.filter));
            let with = match &self.dynamic {
                Some(dynamic) if phase == FilterPushdownPhase::Post => {
                    dynamic.with(filters, self.columns.schema())
                }
                _ => return Ok(answer),
            };
            let dynamic = Some(Arc::new(with));
            return Ok(answer.with_updated_node(Arc::new(Self { dynamic, ..self.clone() })));
        }
        let mut pushdown = Pushdown::clone(&self.pushdown);
        let answers = filters
            .iter()
            .map(|filter| match pushdown.add(&filter.filter, self.columns.schema()) {
                Exactness::Exact => PushedDown::Yes,
                Exactness::Superset | Exactness::Never => PushedDown::No,
            })
            .collect();
        let conditions = pushdown.conditions().to_vec();
        let spec = TableScanSpec { conditions, ..TableScanSpec::clone(&self.spec) };
        let (spec, pushdown) = (Arc::new(spec), Arc::new(pushdown));
        Ok(FilterPushdownPropagation::with_parent_pushdown_result(answers)
            .with_updated_node(Arc::new(Self { spec, pushdown, ..self.clone() })))
    }

    /// Columns that only the stores' conditions need are read by the stores and not sent.
    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if matches!(self.spec.reduction, Some(Reduction::Aggregate(_))) {
            return Ok(None);
        }
        let mut places = Vec::with_capacity(projection.expr().len());
        for output in projection.expr() {
            match output.expr.downcast_ref::<Column>() {
                Some(column)
                    if column.name() == output.alias && !places.contains(&column.index()) =>
                {
                    places.push(column.index());
                }
                _ => return Ok(None),
            }
        }
        if places.len() >= self.columns.schema().fields().len() || self.orders_by_more(&places) {
            return Ok(None);
        }
        Ok(Some(Arc::new(self.project(&places)?)))
    }

    /// Reads in the order of the keys if that is the order asked for, so that nobody has to sort.
    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
    ) -> Result<SortOrderPushdownResult<Arc<dyn ExecutionPlan>>> {
        // Under a limit any rows will do, which is less to read than the first; and what the stores make
        // of rows has no order.
        let asked = self.key_order.of_rows(order, self.columns.schema());
        let Some((order, rows)) = asked.filter(|_| self.is_plain()) else {
            return Ok(SortOrderPushdownResult::Unsupported);
        };
        let Some(partitions) = self.key_order.arrange(&self.partitions, order) else {
            return Ok(SortOrderPushdownResult::Unsupported);
        };
        let spec = TableScanSpec { order: Some(order), ..TableScanSpec::clone(&self.spec) };
        let (spec, row_order) = (Arc::new(spec), Arc::new(rows));
        let ordered = Self { spec, row_order, ..self.clone() }.with_partitions(partitions);
        Ok(SortOrderPushdownResult::Exact { inner: Arc::new(ordered) })
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        if limit.is_some() && self.spec.reduction.is_some() {
            return None;
        }
        let spec = TableScanSpec { limit, ..TableScanSpec::clone(&self.spec) };
        // So many rows of all, not of those that a filter above leaves.
        let dynamic = if limit.is_some() { self.undirected() } else { self.dynamic.clone() };
        let limited = Self { spec: Arc::new(spec), dynamic, ..self.clone() };
        // The first few rows are in one place, unless there are several physical tables.
        let order = limited.spec.order.filter(|_| limited.spec.is_small());
        let one = order.and_then(|order| self.key_order.as_one(&self.partitions, order));
        Some(Arc::new(match one {
            Some(segments) => limited.with_partitions(vec![segments]),
            None => limited,
        }))
    }

    fn fetch(&self) -> Option<usize> {
        self.spec.limit
    }
}
