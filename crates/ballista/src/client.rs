//! The way to a scheduler, and how long it is waited for.

use std::time::Duration;

use ballista_core::extension::{BallistaGrpcMetadataInterceptor, SessionConfigExt as _};
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::utils::{GrpcClientConfig, create_grpc_client_endpoint};
use datafusion::execution::TaskContext;
use tifusion::distribute::error_of_task;
use tifusion::{Error, ErrorKind, Result};
use tokio::time::Instant;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::once::GIVEN_TWICE;

/// How often the scheduler is asked how far a job is.
pub(super) const INTERVAL: Duration = Duration::from_millis(20);

/// How long a job may be unknown to the scheduler that was given it.
const PATIENCE_AT_FIRST: Duration = Duration::from_secs(30);

/// How long one may be that it has known.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

pub(super) type Scheduler =
    SchedulerGrpcClient<InterceptedService<Channel, BallistaGrpcMetadataInterceptor>>;

pub(super) async fn connect(url: &str, context: &TaskContext) -> Result<Scheduler> {
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

pub(super) fn unreachable(url: &str, status: &tonic::Status) -> Error {
    let message = format!("the scheduler at {url} does not answer: {}", status.message());
    Error::new(ErrorKind::Unavailable, message)
}

/// The error of a job that failed with these words, if it is one that we know: that of a task of ours, or that of a scheduler of
/// ours which ended the job as an executor was lost.
pub(super) fn error_of(words: &str) -> Option<Error> {
    let lost =
        || words.contains(GIVEN_TWICE).then(|| Error::new(ErrorKind::Unavailable, GIVEN_TWICE));
    error_of_task(words).or_else(lost)
}

/// How long a scheduler has not known a job.
#[derive(Debug)]
pub(super) struct Unknown {
    pub(super) since: Instant,
    /// How long it may be so: it may not have come to it, or be between two of its lists with it.
    patience: Duration,
}

impl Unknown {
    pub(super) fn begin() -> Self {
        Self { since: Instant::now(), patience: PATIENCE_AT_FIRST }
    }

    pub(super) fn known(&mut self) {
        *self = Self { since: Instant::now(), patience: PATIENCE };
    }

    pub(super) fn is_lost(&self) -> bool {
        self.since.elapsed() > self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_was_ended_for_a_lost_executor_may_be_run_again() {
        let error = error_of(&format!("Job 7 failed: {GIVEN_TWICE}")).unwrap();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error_of("Job 7 failed: something else").is_none());
    }

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
