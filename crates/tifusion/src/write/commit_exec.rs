//! The operator that writes edits in one transaction.

use std::fmt;
use std::sync::{Arc, LazyLock};

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, LexRequirement, OrderingRequirements, PhysicalExpr,
    PhysicalSortRequirement,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    ExecutionPlanProperties as _, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use futures::stream;

use super::edit::{KEY, KIND};
use super::job::WriteJob;
use super::run::{self, RunMetrics};

/// One column with one row: how many rows were changed.
pub(super) static SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(vec![Field::new("count", DataType::UInt64, false)])));

/// Writes sorted edits in one transaction of two phases, which is there as a whole or not at all, and counts
/// the rows that it changed.
///
/// A plan with this operator runs once: its timestamp is the transaction's.
#[derive(Debug, Clone)]
pub struct TidbWriteExec {
    job: Arc<WriteJob>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl TidbWriteExec {
    /// Writes the edits of `input` for `job`.
    pub(super) fn new(job: Arc<WriteJob>, input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&SCHEMA)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        Self { job, input, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for TidbWriteExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, table) = (&self.job.kind, self.job.target.label());
        match kind {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                let start_ts = self.job.snapshot.start_ts().version();
                let query = self.job.snapshot.query();
                write!(
                    f,
                    "TidbWriteExec: {what}, table={table}, start_ts={start_ts}, query={query}"
                )
            }
            DisplayFormatType::TreeRender => writeln!(f, "{what} {table}"),
        }
    }
}

impl ExecutionPlan for TidbWriteExec {
    fn name(&self) -> &'static str {
        "TidbWriteExec"
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    /// By key, and what is deleted before what is put.
    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let schema = self.input.schema();
        let columns = [KEY, KIND].into_iter().filter_map(|name| {
            let column = Column::new_with_schema(name, &schema).ok()?;
            let ascending = SortOptions { descending: false, nulls_first: true };
            Some(PhysicalSortRequirement::new(Arc::new(column), Some(ascending)))
        });
        vec![LexRequirement::new(columns).map(OrderingRequirements::new)]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self { input, ..Self::clone(&self) })),
            _ => internal_err!("a write has one child"),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> DataFusionResult<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("a write has one partition");
        }
        if self.input.output_partitioning().partition_count() != 1 {
            return internal_err!("a write has the edits of one partition only");
        }
        self.job.begin().map_err(DataFusionError::from)?;
        let edits = self.input.execute(0, context)?;
        let (job, metrics) = (Arc::clone(&self.job), RunMetrics::new(&self.metrics));
        let count = stream::once(async move {
            let rows = run::run(&job, edits, &metrics).await.map_err(DataFusionError::from)?;
            let counts = Arc::new(UInt64Array::from_value(rows, 1));
            Ok(RecordBatch::try_new(Arc::clone(&SCHEMA), vec![counts])?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&SCHEMA), count)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
