//! What writes over several machines need of whoever runs jobs there.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;

use crate::error::Result;

/// Where a partition of a job's result lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFile {
    /// The executor that has it, by its id.
    pub executor: String,
    /// Its host.
    pub host: String,
    /// The port at which it gives files.
    pub port: u16,
    /// The job.
    pub job: String,
    /// The stage of the job.
    pub stage: usize,
    /// The partition of the stage.
    pub partition: usize,
    /// Which of the partition's files.
    pub file: Option<u64>,
    /// Whether the file has other partitions, too.
    pub is_sorted: bool,
}

/// Reads results of jobs.
#[async_trait]
pub trait EditFiles: Debug + Send + Sync {
    /// The batches of a partition.
    ///
    /// # Errors
    /// When they can't be had. What comes must not be an error that has whoever runs the job make them again.
    async fn open(
        &self,
        file: &JobFile,
        context: &TaskContext,
    ) -> DataFusionResult<SendableRecordBatchStream>;

    /// Whether somebody listens where a file is, if that is answered soon.
    async fn is_there(&self, file: &JobFile) -> bool;
}

/// Runs jobs on several machines.
#[async_trait]
pub trait WriteJobs: EditFiles {
    /// The operators that give the rows of a plan on several machines; `None` for a plan that is not worth it, or
    /// does not run there.
    ///
    /// # Errors
    /// When the plan can't be made.
    async fn plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> DataFusionResult<Option<Arc<dyn ExecutionPlan>>>;

    /// Whether operators arrive as they were sent.
    ///
    /// # Errors
    /// Why not.
    fn check(&self, plan: &Arc<dyn ExecutionPlan>, session: &dyn Session) -> DataFusionResult<()>;

    /// Runs operators as one job; where the partitions of its result lie comes back when all of them are there. The
    /// job is cancelled when nobody waits for it any more.
    ///
    /// # Errors
    /// Why it failed: what [`error_of_job`](super::error_of_job) makes of its words.
    async fn run(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        context: &TaskContext,
    ) -> Result<Vec<JobFile>>;
}

/// What a session's configuration has as an extension, so that its writes are done by jobs where that can be.
#[derive(Debug)]
pub struct WritesOnJobs {
    jobs: Arc<dyn WriteJobs>,
}

impl WritesOnJobs {
    /// Writes are done by these.
    #[must_use]
    pub fn new(jobs: Arc<dyn WriteJobs>) -> Self {
        Self { jobs }
    }

    /// Who runs them.
    pub(super) fn jobs(&self) -> &Arc<dyn WriteJobs> {
        &self.jobs
    }
}
