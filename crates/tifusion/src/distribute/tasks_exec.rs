//! A scan that is told what to read by its input.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan,
    ExecutionPlanProperties as _, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use futures::{TryStreamExt as _, stream};

use super::segments;
use crate::scan::TikvScanExec;
use crate::write::told_if_ours;

/// Reads a table of TiDB in several processes. Each partition of the input is one of the scan: its rows say which
/// ranges of keys are read.
///
/// `EXPLAIN` shows the scan as [`TikvScanExec`] does.
#[derive(Debug, Clone)]
pub struct TikvTasksExec {
    scan: TikvScanExec,
    tasks: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl TikvTasksExec {
    /// `scan`, whose partitions read what `tasks` says.
    pub(super) fn new(scan: TikvScanExec, tasks: Arc<dyn ExecutionPlan>) -> Self {
        let partitions = tasks.output_partitioning().partition_count();
        let properties = PlanProperties::clone(scan.properties())
            .with_partitioning(Partitioning::UnknownPartitioning(partitions));
        Self { scan, tasks, properties: Arc::new(properties) }
    }

    /// `scan`, with what its partitions read as rows of an input.
    ///
    /// # Errors
    /// When they make no rows.
    pub(super) fn of(scan: TikvScanExec) -> crate::error::Result<Self> {
        let tasks = segments::to_plan(scan.segments())?;
        Ok(Self::new(scan, tasks))
    }

    /// The scan.
    #[must_use]
    pub fn scan(&self) -> &TikvScanExec {
        &self.scan
    }
}

/// Tells when a task is over what it has read: which executor reads how much is in the executors' logs.
struct TaskDone {
    table: String,
    query: u64,
    rows: usize,
    bytes: usize,
}

impl TaskDone {
    fn new(scan: &TikvScanExec) -> Self {
        let (database, table) = scan.table();
        let query = scan.snapshot().query().number();
        Self { table: format!("{database}.{table}"), query, rows: 0, bytes: 0 }
    }

    fn add(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
    }
}

impl Drop for TaskDone {
    fn drop(&mut self) {
        let Self { table, query, rows, bytes } = self;
        tracing::info!(%table, query, rows, bytes, "a task of a scan is done");
    }
}

impl DisplayAs for TikvTasksExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match kind {
            DisplayFormatType::TreeRender => {}
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                let tasks = self.tasks.output_partitioning().partition_count();
                write!(f, "TikvTasksExec: tasks={tasks}, ")?;
            }
        }
        self.scan.fmt_as(kind, f)
    }
}

impl ExecutionPlan for TikvTasksExec {
    fn name(&self) -> &'static str {
        "TikvTasksExec"
    }

    fn schema(&self) -> SchemaRef {
        self.scan.schema()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    /// The rows of a partition are the ranges of one: shared out anew they would be of no order.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.tasks]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(tasks), true) => Ok(Arc::new(Self::new(self.scan.clone(), tasks))),
            _ => internal_err!("a scan of tasks has one child"),
        }
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

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let tasks = self.tasks.execute(partition, Arc::clone(&context))?;
        let scan = self.scan.clone();
        let mut done = TaskDone::new(&self.scan);
        let rows = stream::once(async move {
            let batches: Vec<_> = tasks.try_collect().await?;
            let segments = batches.iter().map(segments::of_batch);
            let segments: Vec<_> =
                segments.collect::<Result<_, _>>().map_err(DataFusionError::from)?;
            scan.reading(segments.into_iter().flatten().collect()).execute(0, context)
        });
        let rows = rows.try_flatten().inspect_ok(move |batch| done.add(batch));
        // Whoever runs the task makes text of what failed.
        let rows = rows.map_err(told_if_ours);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.scan.statistics_from_inputs(&[], args)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.scan.metrics()
    }

    fn fetch(&self) -> Option<usize> {
        self.scan.fetch()
    }
}
