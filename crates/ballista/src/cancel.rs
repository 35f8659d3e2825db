//! Ends jobs that nobody waits for any more.

use std::sync::LazyLock;

use ballista_core::serde::protobuf::{CancelJobParams, GetJobStatusParams, job_status};
use datafusion::execution::TaskContext;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::client::{INTERVAL, PATIENCE, Scheduler, Unknown, connect};

/// Cancellations under way in this process.
static UNDER_WAY: LazyLock<watch::Sender<usize>> = LazyLock::new(|| watch::Sender::new(0));

/// Waits until all jobs that this process has given up so far are cancelled at their schedulers: a program that ends right
/// after a query that it dropped leaves it running else.
pub async fn cancelled() {
    // The sender is there for as long as the process is.
    drop(UNDER_WAY.subscribe().wait_for(|count| *count == 0).await);
}

/// One of [`UNDER_WAY`].
struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        UNDER_WAY.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// Does it in a task, if there is a runtime.
pub(super) fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    UNDER_WAY.send_modify(|count| *count += 1);
    let counted = Counted;
    runtime.spawn(async move {
        work.await;
        drop(counted);
    });
}

/// [`run`] for the scheduler at this URL.
pub(super) async fn at(url: &str, job: String, context: &TaskContext) {
    let tries = Patience::begin();
    let scheduler = loop {
        match connect(url, context).await {
            Ok(scheduler) => break scheduler,
            Err(_) if tries.is_left() => tokio::time::sleep(INTERVAL).await,
            Err(error) => return tracing::warn!(job, %error, "a job was not cancelled"),
        }
    };
    run(scheduler, job).await;
}

/// Ends a job, however far it is, or says in the log that it can't.
pub(super) async fn run(scheduler: Scheduler, job: String) {
    if let Err(status) = end(scheduler, &job).await {
        tracing::warn!(job, %status, "a job was not cancelled");
    }
}

/// Ends a job: one that is still planned is waited for, as only one that runs can be cancelled.
///
/// # Errors
/// When the scheduler does not answer for a while.
async fn end(mut scheduler: Scheduler, job: &str) -> Result<(), tonic::Status> {
    let mut unknown = Unknown::begin();
    let mut tries = Patience::begin();
    loop {
        match step(&mut scheduler, job).await {
            Ok(Step::Over) => return Ok(()),
            Ok(Step::Known) => {
                unknown.known();
                tries = Patience::begin();
            }
            Ok(Step::Unknown) if unknown.is_lost() => return Ok(()),
            Ok(Step::Unknown) => {}
            Err(status) if !tries.is_left() => return Err(status),
            Err(_) => {}
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// What a scheduler says of a job.
enum Step {
    Over,
    Known,
    Unknown,
}

/// Cancels the job if it runs.
async fn step(scheduler: &mut Scheduler, job: &str) -> Result<Step, tonic::Status> {
    let request = GetJobStatusParams { job_id: job.to_owned() };
    let answer = scheduler.get_job_status(request).await?.into_inner();
    Ok(match answer.status.and_then(|status| status.status) {
        Some(job_status::Status::Successful(_) | job_status::Status::Failed(_)) => Step::Over,
        Some(job_status::Status::Running(_)) => {
            scheduler.cancel_job(CancelJobParams { job_id: job.to_owned() }).await?;
            Step::Known
        }
        Some(job_status::Status::Queued(_)) => Step::Known,
        None => Step::Unknown,
    })
}

/// How long a scheduler may fail to answer.
struct Patience(Instant);

impl Patience {
    fn begin() -> Self {
        Self(Instant::now())
    }

    fn is_left(&self) -> bool {
        self.0.elapsed() < PATIENCE
    }
}
