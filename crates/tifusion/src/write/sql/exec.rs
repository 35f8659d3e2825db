//! The operator that writes through TiDB's SQL port.

use std::fmt;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    ExecutionPlanProperties as _, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use futures::stream;

use super::job::SqlWriteJob;
use super::run::{self, SqlMetrics};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::scan::TikvScanExec;
use crate::snapshot_check::SnapshotCheckExec;
use crate::statement::StatementSnapshot;
use crate::write::command::{OnDuplicate, WriteKind};
use crate::write::commit_exec::SCHEMA;
use crate::write::node::PlannedWrite;
use crate::write::source::run_by_snapshot;

/// Writes the rows of its input through TiDB's SQL port, or sends a statement there, in one transaction, and counts
/// the rows that it changed.
///
/// A plan with this operator runs once.
#[derive(Debug, Clone)]
pub struct TidbSqlWriteExec {
    job: Arc<SqlWriteJob>,
    /// The rows; `None` for a statement that TiDB finds the rows of.
    input: Option<Arc<dyn ExecutionPlan>>,
    /// The order of the rows, where they have one: of those that replace each other the last one counts.
    order: Option<OrderingRequirements>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// The operators that write a plan's rows to its table, or do what the statement says there.
///
/// # Errors
/// When it is not known where TiDB is, or an option is none of this way.
pub(in crate::write) fn plan(
    write: &PlannedWrite,
    snapshot: &Arc<StatementSnapshot>,
    config: &Config,
) -> Result<Arc<dyn ExecutionPlan>> {
    check_source(write)?;
    let client = write.table.cluster.client().clone();
    let job = Arc::new(SqlWriteJob::new(write, Arc::clone(snapshot), config)?);
    let input: Option<Arc<dyn ExecutionPlan>> = match &job.kind {
        WriteKind::Statement(_) => None,
        _ => {
            let (input, settings) = (Arc::clone(&write.input), Arc::new(config.settings().clone()));
            Some(Arc::new(SnapshotCheckExec::new(input, client, Arc::clone(snapshot), settings)))
        }
    };
    Ok(Arc::new(TidbSqlWriteExec::new(job, input)))
}

/// Refuses rows that replace those that they are made of: they were read before TiDB's transaction begins, and what
/// others commit in between would be undone.
fn check_source(write: &PlannedWrite) -> Result<()> {
    let replaces =
        matches!(write.kind, WriteKind::Insert { on_duplicate: OnDuplicate::Replace, .. });
    let name = (&*write.table.database.1, write.table.info.name.as_str());
    if replaces && (write.reads_itself || reads(write.input.as_ref(), name)) {
        return Err(Error::unsupported(format!(
            "can't replace rows of {0} by rows made of them through TiDB's SQL port: another's changes in between \
             would be lost; UPDATE {0}, or SET tidb.write.mode = bypass",
            write.table.label()
        )));
    }
    Ok(())
}

fn reads(plan: &dyn ExecutionPlan, (database, table): (&str, &str)) -> bool {
    let is_scan = plan.downcast_ref::<TikvScanExec>().is_some_and(|scan| {
        let (of_database, of_table) = scan.table();
        of_database.eq_ignore_ascii_case(database) && of_table.eq_ignore_ascii_case(table)
    });
    is_scan || plan.children().into_iter().any(|child| reads(child.as_ref(), (database, table)))
}

impl TidbSqlWriteExec {
    fn new(job: Arc<SqlWriteJob>, input: Option<Arc<dyn ExecutionPlan>>) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&SCHEMA)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        let order = input.as_ref().and_then(|input| input.output_ordering());
        let order = order.map(|order| OrderingRequirements::from(order.clone()));
        Self { job, input, order, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for TidbSqlWriteExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, table) = (&self.job.kind, self.job.label());
        match kind {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                let place = self.job.port.place();
                write!(f, "TidbSqlWriteExec: {what}, table={table}, mode=sql, at={place}")?;
                match &self.job.kind {
                    WriteKind::Statement(statement) => write!(f, ", statement={}", statement.sql),
                    _ => Ok(()),
                }
            }
            DisplayFormatType::TreeRender => writeln!(f, "{what} {table}\nmode=sql"),
        }
    }
}

impl ExecutionPlan for TidbSqlWriteExec {
    fn name(&self) -> &'static str {
        "TidbSqlWriteExec"
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        self.input.iter().map(|_| Distribution::SinglePartition).collect()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.input.iter().map(|_| self.order.clone()).collect()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        self.input.iter().map(|_| false).collect()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.input.iter().collect()
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
        let input = children.pop();
        if input.is_some() != self.input.is_some() || !children.is_empty() {
            return internal_err!("a write has other children than before");
        }
        Ok(Arc::new(Self { input, ..Self::clone(&self) }))
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
        let input = match &self.input {
            Some(input) if input.output_partitioning().partition_count() != 1 => {
                return internal_err!("a write has the rows of one partition only");
            }
            input => input,
        };
        let context = run_by_snapshot(context)?;
        self.job.begin().map_err(DataFusionError::from)?;
        let rows = input.as_ref().map(|input| input.execute(0, context)).transpose()?;
        let (job, metrics) = (Arc::clone(&self.job), SqlMetrics::new(&self.metrics));
        let count = stream::once(async move {
            let rows = run::run(&job, rows, &metrics).await.map_err(DataFusionError::from)?;
            let counts = Arc::new(UInt64Array::from_value(rows, 1));
            Ok(RecordBatch::try_new(Arc::clone(&SCHEMA), vec![counts])?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&SCHEMA), count)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
