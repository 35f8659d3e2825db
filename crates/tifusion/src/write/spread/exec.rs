//! The operator that writes over several machines.

use std::fmt;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning,
    PlanProperties, ReplaceChildrenOptions, displayable,
};
use futures::stream;

use super::driver::Driver;
use super::jobs::WriteJobs;
use super::sent::SentWrite;
use crate::write::commit_exec::SCHEMA;
use crate::write::job::WriteJob;
use crate::write::run::{self, RunMetrics};
use crate::write::source::run_by_snapshot;

/// Writes rows to a table in one transaction, which others encode and prewrite on several machines, and this process
/// begins and commits; counts the rows that it changed.
///
/// A plan with this operator runs once: its timestamp is the transaction's.
#[derive(Debug, Clone)]
pub struct TidbSpreadWriteExec {
    sent: Arc<SentWrite>,
    job: Arc<WriteJob>,
    /// What runs elsewhere first; no part of this plan to whoever changes plans.
    edits: Arc<dyn ExecutionPlan>,
    jobs: Arc<dyn WriteJobs>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl TidbSpreadWriteExec {
    /// Writes the `edits` of `job`, which is `sent`, by `jobs`.
    pub(super) fn new(
        sent: Arc<SentWrite>,
        job: Arc<WriteJob>,
        edits: Arc<dyn ExecutionPlan>,
        jobs: Arc<dyn WriteJobs>,
    ) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&SCHEMA)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        Self { sent, job, edits, jobs, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for TidbSpreadWriteExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, table) = (&self.job.kind, self.job.target.label());
        if kind == DisplayFormatType::TreeRender {
            return writeln!(f, "{what} {table}");
        }
        let snapshot = &self.job.snapshot;
        let (start_ts, query) = (snapshot.start_ts().version(), snapshot.query());
        write!(
            f,
            "TidbSpreadWriteExec: {what}, table={table}, mode=bypass, start_ts={start_ts}, query={query}, \
             prewrites on executors of\n{}",
            displayable(self.edits.as_ref()).indent(false).to_string().trim_end()
        )
    }
}

impl ExecutionPlan for TidbSpreadWriteExec {
    fn name(&self) -> &'static str {
        "TidbSpreadWriteExec"
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        if children.is_empty() {
            return Ok(self);
        }
        internal_err!("a write over several machines has no children")
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
        let context = run_by_snapshot(context)?;
        self.job.begin().map_err(DataFusionError::from)?;
        let metrics = RunMetrics::new(&context, &self.metrics);
        let driver = Driver {
            sent: Arc::clone(&self.sent),
            job: Arc::clone(&self.job),
            edits: Arc::clone(&self.edits),
            jobs: Arc::clone(&self.jobs),
            context,
        };
        let jobs = vec![Arc::clone(&self.job)];
        let count = stream::once(async move {
            let rows = run::run(jobs, driver, &metrics).await.map_err(DataFusionError::from)?;
            let counts = Arc::new(UInt64Array::from(rows));
            Ok(RecordBatch::try_new(Arc::clone(&SCHEMA), vec![counts])?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&SCHEMA), count)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
