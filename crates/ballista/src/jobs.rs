//! Jobs of which the session needs to know where their results lie.

use std::time::Duration;

use ballista_core::extension::{BallistaGrpcMetadataInterceptor, SessionConfigExt as _};
use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    CancelJobParams, ExecuteQueryParams, GetJobStatusParams, KeyValuePair, PartitionLocation,
    execute_query_result, job_status,
};
use ballista_core::utils::{GrpcClientConfig, create_grpc_client_endpoint};
use ballista_core::version::insert_version_header;
use datafusion::execution::TaskContext;
use tifusion::distribute::{JobFile, error_of_job};
use tifusion::{Error, ErrorKind, Result};
use tokio::time::Instant;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

/// How often the scheduler is asked how far a job is.
const INTERVAL: Duration = Duration::from_millis(20);

/// How long a job may be unknown to the scheduler that was given it.
const PATIENCE_AT_FIRST: Duration = Duration::from_secs(30);

/// How long one may be that it has known.
const PATIENCE: Duration = Duration::from_secs(3);

type Scheduler = SchedulerGrpcClient<InterceptedService<Channel, BallistaGrpcMetadataInterceptor>>;

/// A job that was begun. It is cancelled when it is dropped before its end.
struct Job {
    scheduler: Scheduler,
    id: String,
    is_over: bool,
}

/// Runs a physical plan as one job; where its result lies comes back.
///
/// # Errors
/// When the scheduler can't be reached, or the job fails: what failed in a task of ours is told as it was there.
pub(crate) async fn run(url: &str, plan: Vec<u8>, context: &TaskContext) -> Result<Vec<JobFile>> {
    let mut scheduler = connect(url, context).await?;
    let settings = context.session_config().options().entries().into_iter();
    let settings = settings.map(|entry| KeyValuePair { key: entry.key, value: entry.value });
    let mut request = tonic::Request::new(ExecuteQueryParams {
        query: Some(Query::PhysicalPlan(plan)),
        settings: settings.collect(),
        session_id: context.session_id(),
        operation_id: String::new(),
    });
    insert_version_header(request.metadata_mut());
    let answer =
        scheduler.execute_query(request).await.map_err(|status| unreachable(url, &status))?;
    let id = match answer.into_inner().result {
        Some(execute_query_result::Result::Success(begun)) => begun.job_id,
        Some(execute_query_result::Result::Failure(failure)) => {
            return Err(error_of_job(&format!("the scheduler refuses a job: {failure:?}")));
        }
        None => return Err(Error::new(ErrorKind::Engine, "the scheduler does not answer a job")),
    };
    let mut job = Job { scheduler, id, is_over: false };
    let outcome = job.finished(url).await;
    outcome?.into_iter().map(file).collect()
}

async fn connect(url: &str, context: &TaskContext) -> Result<Scheduler> {
    let config = context.session_config();
    let grpc = GrpcClientConfig::from(&config.ballista_config());
    let told = |error: &dyn std::fmt::Display| {
        Error::new(
            ErrorKind::Unavailable,
            format!("the scheduler at {url} can't be reached: {error}"),
        )
    };
    let mut endpoint =
        create_grpc_client_endpoint(url.to_owned(), Some(&grpc)).map_err(|error| told(&error))?;
    if let Some(customize) = config.ballista_override_create_grpc_client_endpoint() {
        endpoint = customize.configure_endpoint(endpoint).map_err(|error| told(&error))?;
    }
    let channel = endpoint.connect().await.map_err(|error| told(&error))?;
    let interceptor = config.ballista_grpc_interceptor().as_ref().clone();
    let scheduler = SchedulerGrpcClient::with_interceptor(channel, interceptor);
    Ok(scheduler
        .max_encoding_message_size(grpc.max_message_size)
        .max_decoding_message_size(grpc.max_message_size))
}

fn unreachable(url: &str, status: &tonic::Status) -> Error {
    let message = format!("the scheduler at {url} does not answer: {}", status.message());
    Error::new(ErrorKind::Unavailable, message)
}

impl Job {
    async fn finished(&mut self, url: &str) -> Result<Vec<PartitionLocation>> {
        let mut unknown = Unknown::begin();
        loop {
            let request = GetJobStatusParams { job_id: self.id.clone() };
            let answer = self.scheduler.get_job_status(request).await;
            let answer = match answer {
                Ok(answer) => answer.into_inner(),
                // A connection that breaks is no end of a job.
                Err(_) if unknown.since.elapsed() <= PATIENCE => {
                    tokio::time::sleep(INTERVAL).await;
                    continue;
                }
                Err(status) => return Err(unreachable(url, &status)),
            };
            match answer.status.and_then(|status| status.status) {
                Some(job_status::Status::Successful(_)) if answer.flight_proxy.is_some() => {
                    self.is_over = true;
                    return Err(Error::unsupported(
                        "a write over several machines whose executors are behind a proxy",
                    ));
                }
                Some(job_status::Status::Successful(successful)) => {
                    self.is_over = true;
                    return Ok(successful.partition_location);
                }
                Some(job_status::Status::Failed(failed)) => {
                    self.is_over = true;
                    return Err(error_of_job(&failed.error));
                }
                Some(_) => unknown.known(),
                None if unknown.is_lost() => {
                    return Err(Error::new(
                        ErrorKind::Unavailable,
                        format!(
                            "the scheduler at {url} does not know the job {:?} any more: it was replaced or begun anew",
                            self.id
                        ),
                    ));
                }
                None => {}
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

/// How long a scheduler has not known a job.
#[derive(Debug)]
struct Unknown {
    since: Instant,
    /// How long it may be so: it may not have come to it, or be between two of its lists with it.
    patience: Duration,
}

impl Unknown {
    fn begin() -> Self {
        Self { since: Instant::now(), patience: PATIENCE_AT_FIRST }
    }

    fn known(&mut self) {
        *self = Self { since: Instant::now(), patience: PATIENCE };
    }

    fn is_lost(&self) -> bool {
        self.since.elapsed() > self.patience
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let (scheduler, job) = (self.scheduler.clone(), self.id.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = cancel(scheduler, &job).await {
                    tracing::warn!(job, %error, "a job was not cancelled");
                }
            });
        }
    }
}

/// Ends the job of a scheduler.
///
/// # Errors
/// When the scheduler can't be reached.
pub(crate) async fn cancel_at(url: &str, job: &str, context: &TaskContext) -> Result<()> {
    let scheduler = connect(url, context).await?;
    cancel(scheduler, job).await.map_err(|status| unreachable(url, &status))
}

/// Ends a job, however far it is. One that is still planned can't be cancelled: that is waited for.
async fn cancel(mut scheduler: Scheduler, job: &str) -> Result<(), tonic::Status> {
    let mut unknown = Unknown::begin();
    unknown.known();
    loop {
        let request = GetJobStatusParams { job_id: job.to_owned() };
        let answer = scheduler.get_job_status(request).await?.into_inner();
        match answer.status.and_then(|status| status.status) {
            Some(job_status::Status::Successful(_) | job_status::Status::Failed(_)) => {
                return Ok(());
            }
            Some(job_status::Status::Running(_)) => {
                unknown.known();
                scheduler.cancel_job(CancelJobParams { job_id: job.to_owned() }).await?;
            }
            Some(job_status::Status::Queued(_)) => unknown.known(),
            None if unknown.is_lost() => return Ok(()),
            None => {}
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

fn file(location: PartitionLocation) -> Result<JobFile> {
    let malformed =
        || Error::new(ErrorKind::Engine, "the scheduler does not tell where a result lies");
    let is_sorted = location.is_sort_shuffle;
    let executor = location.executor_meta.ok_or_else(malformed)?;
    let partition = location.partition_id.ok_or_else(malformed)?;
    let size = |number: u32| usize::try_from(number).map_err(|_| malformed());
    Ok(JobFile {
        executor: executor.id,
        host: executor.host,
        port: u16::try_from(executor.port).map_err(|_| malformed())?,
        job: partition.job_id,
        stage: size(partition.stage_id)?,
        partition: size(partition.partition_id)?,
        file: location.file_id,
        is_sorted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_job_that_is_not_known_yet_is_waited_for_and_one_that_was_known_is_lost_sooner() {
        let mut unknown = Unknown::begin();
        tokio::time::sleep(PATIENCE + INTERVAL).await;
        assert!(!unknown.is_lost());
        tokio::time::sleep(PATIENCE_AT_FIRST).await;
        assert!(unknown.is_lost());
        unknown.known();
        assert!(!unknown.is_lost());
        tokio::time::sleep(PATIENCE + INTERVAL).await;
        assert!(unknown.is_lost());
    }
}
