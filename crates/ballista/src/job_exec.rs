//! A query that the scheduler runs, and that ends there when nobody waits for its rows any more.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
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
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::protobuf::LogicalPlanNode;
use futures::{Stream, StreamExt as _};

use crate::cancel;
use crate::client::{INTERVAL, error_of};

/// How long a query that was given up is waited for to be told its job's number, which the scheduler tells when it has planned it.
const PATIENCE: Duration = Duration::from_secs(600);

type Query = DistributedQueryExec<LogicalPlanNode>;

/// Gives a logical plan to the scheduler, and its rows from there, by Ballista's own operator. That lets the job run on
/// when the rows are dropped (Ctrl-C, a caller that has enough), in Ballista 55: this one cancels it.
#[derive(Debug)]
pub(crate) struct JobExec {
    scheduler: String,
    config: BallistaConfig,
    plan: LogicalPlan,
    codec: Arc<dyn LogicalExtensionCodec>,
    session_id: String,
    properties: Arc<PlanProperties>,
    /// What runs, or ran last.
    last: Mutex<Option<Arc<Query>>>,
}

impl JobExec {
    /// Has the scheduler at this URL run a plan.
    pub(crate) fn new(
        scheduler: String,
        config: BallistaConfig,
        plan: LogicalPlan,
        codec: Arc<dyn LogicalExtensionCodec>,
        session_id: String,
    ) -> Self {
        let query = Query::new(scheduler.clone(), config.clone(), plan.clone(), session_id.clone());
        let (properties, last) = (Arc::clone(query.properties()), Mutex::default());
        Self { scheduler, config, plan, codec, session_id, properties, last }
    }

    /// The query of one run, and what gives its rows. An operator of Ballista's knows the number of one job.
    fn begin(&self) -> (Arc<Query>, Arc<dyn ExecutionPlan>) {
        let explained = match &self.plan {
            LogicalPlan::Analyze(analyze) => Some(analyze),
            _ => None,
        };
        let sent = explained.map_or(&self.plan, |analyze| &*analyze.input);
        let query = Arc::new(Query::with_extension(
            self.scheduler.clone(),
            self.config.clone(),
            sent.clone(),
            Arc::clone(&self.codec),
            self.session_id.clone(),
        ));
        let rows: Arc<dyn ExecutionPlan> = match explained {
            None => Arc::clone(&query) as _,
            Some(analyze) => Arc::new(DistributedExplainAnalyzeExec::new(
                Arc::clone(&query),
                self.scheduler.clone(),
                Arc::clone(analyze.schema.inner()),
                analyze.verbose,
            )),
        };
        (query, rows)
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

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() {
            return Ok(self);
        }
        internal_err!("a query of a scheduler has no children")
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
        let (query, rows) = self.begin();
        let rows = rows.execute(partition, Arc::clone(&context))?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&query));
        let (schema, scheduler) = (rows.schema(), self.scheduler.clone());
        let job = Job { rows, scheduler, query, context };
        Ok(Box::pin(JobRows { schema, job: Some(job), is_begun: false }))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref()?.metrics()
    }
}

/// The rows of a job.
struct JobRows {
    schema: SchemaRef,
    /// Until the last row was taken.
    job: Option<Job>,
    /// Whether the scheduler may have been asked for anything.
    is_begun: bool,
}

/// A job, and its rows.
struct Job {
    rows: SendableRecordBatchStream,
    scheduler: String,
    query: Arc<Query>,
    context: Arc<TaskContext>,
}

impl Stream for JobRows {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.is_begun = true;
        let Some(job) = &mut self.job else { return Poll::Ready(None) };
        let next = job.rows.poll_next_unpin(cx).map_err(error_of_ours);
        if let Poll::Ready(None) = next {
            self.job = None;
        }
        next
    }
}

/// What failed in a task, as it was there.
fn error_of_ours(error: DataFusionError) -> DataFusionError {
    error_of(&error.to_string()).map_or(error, DataFusionError::from)
}

impl RecordBatchStream for JobRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Drop for JobRows {
    fn drop(&mut self) {
        // A job whose rows come is over, which the scheduler says itself.
        if let Some(job) = self.job.take().filter(|_| self.is_begun) {
            cancel::in_background(job.end());
        }
    }
}

impl Job {
    async fn end(mut self) {
        // What was asked of the scheduler may be answered only now.
        let began = tokio::time::Instant::now();
        while self.query.job_id().is_none() && began.elapsed() < PATIENCE {
            tokio::select! {
                next = self.rows.next() => if !matches!(next, Some(Ok(_))) { break },
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
        if let Some(job) = self.query.job_id() {
            cancel::at(&self.scheduler, job.as_str().to_owned(), &self.context).await;
        }
    }
}
