//! A statement that is planned and can be run, with its plan to look at.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNode as _;
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::{StreamExt as _, stream};

use crate::error::{Error, ErrorKind, Result};
use crate::scan::ScanProgress;
use crate::write::{TidbSpreadWriteExec, TidbSqlWriteExec, TidbWriteExec};

/// A statement that was planned: its snapshot is taken, nothing of it has been read.
///
/// It is run once; [`PlannedStatement::plan`] can be kept to watch how far it is:
///
/// ```no_run
/// use futures::StreamExt as _;
/// use tifusion::{ScanProgress, TidbContext};
///
/// # async fn example(context: &TidbContext) -> tifusion::Result<()> {
/// for statement in context.parse("SELECT * FROM shop.orders")? {
///     let planned = context.prepare(statement).await?;
///     let plan = planned.plan().clone();
///     let mut rows = planned.execute()?;
///     while let Some(batch) = rows.next().await {
///         println!("{} rows, {}", batch?.num_rows(), ScanProgress::of(plan.as_ref()).rows);
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct PlannedStatement {
    plan: Arc<dyn ExecutionPlan>,
    task: Arc<TaskContext>,
    limit: Option<TimeLimit>,
}

/// The longest time that a statement may take, and when that is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimit {
    timeout: Duration,
    end: Instant,
}

impl TimeLimit {
    /// A limit for what begins now; `None` for a time without an end.
    pub(crate) fn begin(timeout: Duration) -> Option<Self> {
        Some(Self { timeout, end: Instant::now().checked_add(timeout)? })
    }

    /// The result of `work`, if it is there in time.
    pub(crate) async fn bound<T>(self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match tokio::time::timeout_at(self.end.into(), work).await {
            Ok(result) => result.map_err(|error| self.name_in(error)),
            Err(_) => Err(self.error()),
        }
    }

    /// [`TimeLimit::bound`], if there is a limit.
    pub(crate) async fn bound_by<T>(
        limit: Option<Self>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match limit {
            Some(limit) => limit.bound(work).await,
            None => work.await,
        }
    }

    fn error(self) -> Error {
        let message = "the statement took longer than it may";
        self.name_in(Error::new(ErrorKind::DeadlineExceeded, message))
    }

    /// Says what the limit was where it is what ended the statement.
    fn name_in(self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::DeadlineExceeded => {
                error.with_context("statement.timeout", format!("{:?}", self.timeout))
            }
            _ => error,
        }
    }
}

impl fmt::Debug for PlannedStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlannedStatement")
            .field("plan", &self.plan.name())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// What `plan` plans within `limit`: once more where the cluster's schema changed meanwhile.
///
/// # Errors
/// Those of planning.
pub(crate) async fn planned_again<F: Future<Output = Result<PlannedStatement>>>(
    limit: Option<TimeLimit>,
    mut plan: impl FnMut() -> F,
) -> Result<PlannedStatement> {
    let planning = async {
        match plan().await {
            Err(error) if error.kind() == ErrorKind::SchemaChanged => {
                tracing::debug!(%error, "the statement is planned again");
                plan().await
            }
            result => result,
        }
    };
    TimeLimit::bound_by(limit, planning).await
}

impl PlannedStatement {
    /// Plans a frame.
    ///
    /// # Errors
    /// Those of making the physical plan.
    pub(crate) async fn new(frame: DataFrame, limit: Option<TimeLimit>) -> Result<Self> {
        let task = Arc::new(frame.task_ctx());
        let plan = frame.create_physical_plan().await?;
        Ok(Self { plan, task, limit })
    }

    /// The columns of its result.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    /// The plan that runs; its metrics grow while it does.
    #[must_use]
    pub fn plan(&self) -> &Arc<dyn ExecutionPlan> {
        &self.plan
    }

    /// How far its scans are.
    #[must_use]
    pub fn progress(&self) -> ScanProgress {
        ScanProgress::of(self.plan.as_ref())
    }

    /// Runs it, and gives its rows as they come. Dropping the stream cancels its requests on the
    /// stores; so does `statement.timeout`, which ends the stream with an error.
    ///
    /// # Errors
    /// When the plan can't begin.
    pub fn execute(self) -> Result<SendableRecordBatchStream> {
        // A write looks at the time itself: once its commit is sent, to stop would be to not know.
        let writes = self.plan.exists(|plan| {
            let is_ours = plan.is::<TidbWriteExec>() || plan.is::<TidbSpreadWriteExec>();
            Ok(is_ours || plan.is::<TidbSqlWriteExec>())
        })?;
        let rows = execute_stream(self.plan, self.task)?;
        Ok(match self.limit {
            Some(limit) if !writes => until(rows, limit),
            _ => rows,
        })
    }
}

/// The rows of a stream, and an error in place of those that take too long.
fn until(rows: SendableRecordBatchStream, limit: TimeLimit) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let bounded = stream::unfold(Some(rows), move |rows| async move {
        let mut rows = rows?;
        let next = async { rows.next().await.transpose().map_err(Error::from) };
        match limit.bound(next).await {
            Ok(batch) => batch.map(|batch| (Ok(batch), Some(rows))),
            Err(error) => Some((Err(DataFusionError::from(error)), None)),
        }
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, bounded))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Schema;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_takes_too_long_is_dropped_and_ends_in_an_error_that_names_the_limit() {
        let schema = Arc::new(Schema::empty());
        let held = Arc::new(());
        let watch = Arc::downgrade(&held);
        let never = stream::pending().inspect(move |_| drop(Arc::clone(&held)));
        let rows = Box::pin(RecordBatchStreamAdapter::new(schema, never));
        let limit = TimeLimit::begin(Duration::from_secs(5)).unwrap();
        let mut rows = until(rows, limit);
        let error = Error::from(rows.next().await.unwrap().unwrap_err());
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        assert!(error.to_string().contains("statement.timeout: 5s"), "{error}");
        assert!(watch.upgrade().is_none(), "the statement still runs");
        assert!(rows.next().await.is_none());
    }

    #[tokio::test]
    async fn other_errors_do_not_blame_the_limit() {
        let limit = TimeLimit::begin(Duration::from_secs(500)).unwrap();
        let failed = limit.bound(async { Err::<(), _>(Error::invalid("no")) }).await;
        assert_eq!(failed.unwrap_err().to_string(), "no");
        let late = Error::new(ErrorKind::DeadlineExceeded, "gave up");
        let failed = limit.bound(async { Err::<(), _>(late) }).await;
        assert_eq!(failed.unwrap_err().to_string(), "gave up (statement.timeout: 500s)");
    }
}
