//! A query that the scheduler runs, and that ends there when nobody waits for its rows any more.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ballista_core::config::BallistaConfig;
use ballista_core::execution_plans::{DistributedExplainAnalyzeExec, DistributedQueryExec};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::protobuf::LogicalPlanNode;
use futures::{Stream, StreamExt as _};
use tifusion::distribute::error_of_task;

use crate::jobs;

/// How long a query that is given up is waited for to be told the number of its job.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked for.
const INTERVAL: Duration = Duration::from_millis(20);

type Query = DistributedQueryExec<LogicalPlanNode>;

/// Ballista's own operator, which gives a logical plan to the scheduler and its rows from there. Ballista 55 lets the job
/// run on when the rows are dropped (Ctrl-C, a caller that has enough): this one cancels it.
#[derive(Debug, Clone)]
pub(crate) struct JobExec {
    scheduler: String,
    query: Arc<Query>,
    /// The query, or what explains it.
    input: Arc<dyn ExecutionPlan>,
}

impl JobExec {
    /// Has the scheduler at this URL run a plan.
    pub(crate) fn new(
        scheduler: String,
        config: BallistaConfig,
        plan: &LogicalPlan,
        codec: Arc<dyn LogicalExtensionCodec>,
        session_id: String,
    ) -> Self {
        let explained = match plan {
            LogicalPlan::Analyze(analyze) => Some(analyze),
            _ => None,
        };
        let sent = explained.map_or(plan, |analyze| &analyze.input).clone();
        let query = Query::with_extension(scheduler.clone(), config, sent, codec, session_id);
        let query = Arc::new(query);
        let input: Arc<dyn ExecutionPlan> = match explained {
            None => Arc::clone(&query) as _,
            Some(analyze) => Arc::new(DistributedExplainAnalyzeExec::new(
                Arc::clone(&query),
                scheduler.clone(),
                Arc::clone(analyze.schema.inner()),
                analyze.verbose,
            )),
        };
        Self { scheduler, query, input }
    }
}

impl DisplayAs for JobExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match kind {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "JobExec: scheduler={}", self.scheduler)
            }
            DisplayFormatType::TreeRender => writeln!(f, "scheduler={}", self.scheduler),
        }
    }
}

impl ExecutionPlan for JobExec {
    fn name(&self) -> &'static str {
        "JobExec"
    }

    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
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
            (Some(input), true) => Ok(Arc::new(Self { input, ..Self::clone(&self) })),
            _ => internal_err!("a query of a scheduler has one child"),
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
        // The operator keeps the number of its first job: only that can be cancelled.
        let is_again = self.query.job_id().is_some();
        let rows = self.input.execute(partition, Arc::clone(&context))?;
        if is_again {
            return Ok(rows);
        }
        let (scheduler, query) = (self.scheduler.clone(), Arc::clone(&self.query));
        let schema = self.schema();
        Ok(Box::pin(JobRows { schema, job: Some(RunningJob { rows, scheduler, query, context }) }))
    }
}

/// The rows of a job.
struct JobRows {
    schema: SchemaRef,
    job: Option<RunningJob>,
}

/// What failed in a task as it was there.
fn error_of_ours(error: DataFusionError) -> DataFusionError {
    error_of_task(&error.to_string()).map_or(error, DataFusionError::from)
}

/// A job whose rows were not taken to their end.
struct RunningJob {
    rows: SendableRecordBatchStream,
    scheduler: String,
    query: Arc<Query>,
    context: Arc<TaskContext>,
}

impl Stream for JobRows {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(job) = &mut self.job else { return Poll::Ready(None) };
        let next = job.rows.poll_next_unpin(cx).map_err(error_of_ours);
        if let Poll::Ready(None) = next {
            self.job = None;
        }
        next
    }
}

impl RecordBatchStream for JobRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Drop for JobRows {
    fn drop(&mut self) {
        // A job whose rows come is over, which the scheduler says itself.
        if let (Some(job), Ok(runtime)) = (self.job.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(job.end());
        }
    }
}

impl RunningJob {
    async fn end(mut self) {
        // What was asked of the scheduler may be answered only now.
        let began = tokio::time::Instant::now();
        while self.query.job_id().is_none() && began.elapsed() < PATIENCE {
            tokio::select! {
                next = self.rows.next() => if !matches!(next, Some(Ok(_))) { break },
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
        let Some(job) = self.query.job_id() else { return };
        if let Err(error) = jobs::cancel_at(&self.scheduler, job.as_str(), &self.context).await {
            tracing::warn!(%error, job = job.as_str(), "a query was not cancelled");
        }
    }
}
