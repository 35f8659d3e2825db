//! The operator that writes edits in one transaction.

use std::fmt;
use std::sync::{Arc, LazyLock};

use arrow::array::{RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    ExecutionPlanProperties as _, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use futures::stream;

use super::job::WriteJob;
use super::run::{self, RunMetrics};
use super::source::run_by_snapshot;

/// One column with a row for each table: how many of its rows were changed.
pub(super) static SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(vec![Field::new("count", DataType::UInt64, false)])));

/// Sorts the edits of one table or several by their keys and writes them in one transaction of two phases, which is
/// there as a whole or not at all, and counts the rows of each that it changed.
///
/// A plan with this operator runs once: its timestamp is the transaction's.
#[derive(Debug, Clone)]
pub struct TidbWriteExec {
    jobs: Vec<Arc<WriteJob>>,
    /// The edits of each.
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl TidbWriteExec {
    /// Writes the edits that each job has.
    pub(super) fn new(tables: Vec<(Arc<WriteJob>, Arc<dyn ExecutionPlan>)>) -> Self {
        let (jobs, inputs) = tables.into_iter().unzip();
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&SCHEMA)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        Self { jobs, inputs, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for TidbWriteExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_tree = kind == DisplayFormatType::TreeRender;
        if !is_tree {
            f.write_str("TidbWriteExec: ")?;
        }
        for job in &self.jobs {
            let (what, table) = (&job.kind, job.target.label());
            match is_tree {
                true => writeln!(f, "{what} {table}")?,
                false => write!(f, "{what}, table={table}, ")?,
            }
        }
        match self.jobs.first() {
            Some(job) if !is_tree => {
                let (start_ts, query) = (job.snapshot.start_ts().version(), job.snapshot.query());
                write!(f, "mode=bypass, start_ts={start_ts}, query={query}")
            }
            _ => Ok(()),
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
        vec![Distribution::SinglePartition; self.inputs.len()]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.inputs.len()]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        if inputs.len() != self.jobs.len() {
            return internal_err!("a write has one child for each of its tables");
        }
        Ok(Arc::new(Self { inputs, ..Self::clone(&self) }))
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
        if self.inputs.iter().any(|input| input.output_partitioning().partition_count() != 1) {
            return internal_err!("a write has the edits of one partition only");
        }
        let context = run_by_snapshot(context)?;
        let mut tables = Vec::with_capacity(self.jobs.len());
        for (job, input) in self.jobs.iter().zip(&self.inputs) {
            job.begin().map_err(DataFusionError::from)?;
            tables.push((Arc::clone(job), input.execute(0, Arc::clone(&context))?));
        }
        let (jobs, metrics) = (self.jobs.clone(), RunMetrics::new(&context, &self.metrics));
        let count = stream::once(async move {
            let rows = run::run(jobs, tables, &metrics).await.map_err(DataFusionError::from)?;
            let counts = Arc::new(UInt64Array::from(rows));
            Ok(RecordBatch::try_new(Arc::clone(&SCHEMA), vec![counts])?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&SCHEMA), count)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
