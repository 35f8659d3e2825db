//! Jobs of which the session needs to know where their results lie.

use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::{
    ExecuteQueryParams, GetJobStatusParams, KeyValuePair, PartitionLocation, execute_query_result,
    job_status,
};
use ballista_core::version::insert_version_header;
use datafusion::execution::TaskContext;
use tifusion::distribute::{JobFile, error_of_job};
use tifusion::{Error, ErrorKind, Result};

use crate::cancel;
use crate::client::{INTERVAL, PATIENCE, Scheduler, Unknown, connect, error_of, unreachable};

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
                    let words = failed.error;
                    return Err(error_of(&words).unwrap_or_else(|| error_of_job(&words)));
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

impl Drop for Job {
    fn drop(&mut self) {
        if !self.is_over {
            let (scheduler, job) = (self.scheduler.clone(), self.id.clone());
            cancel::in_background(cancel::run(scheduler, job));
        }
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
