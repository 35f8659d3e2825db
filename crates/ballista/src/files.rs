//! Results of jobs, read from the executors that have them.

use std::time::Duration;

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::client::BallistaClient;
use ballista_core::extension::SessionConfigExt as _;
use ballista_core::serde::scheduler::{PartitionId, ShuffleLayout};
use ballista_core::utils::GrpcClientConfig;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use tifusion::distribute::{EditFiles, JobFile};
use tokio::net::TcpStream;

/// How long an executor may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Fetches files where they lie.
#[derive(Debug)]
pub(crate) struct ExecutorFiles;

#[async_trait]
impl EditFiles for ExecutorFiles {
    /// Ballista's own errors would have the scheduler look for the stage that made the file among those of the job that
    /// reads it: they are told in words.
    async fn open(
        &self,
        file: &JobFile,
        context: &TaskContext,
    ) -> Result<SendableRecordBatchStream> {
        let config = context.session_config();
        let grpc = GrpcClientConfig::from(&config.ballista_config());
        let client = BallistaClient::try_new(
            &file.host,
            file.port,
            grpc.max_message_size,
            config.ballista_use_tls(),
            config.ballista_override_create_grpc_client_endpoint(),
            grpc.io_retries_times.max(1),
            grpc.io_retry_wait_time_ms,
            grpc.initial_connection_window_size,
            grpc.initial_stream_window_size,
        );
        let told = |error| DataFusionError::Execution(format!("{}: {error}", file.host));
        let mut client = client.await.map_err(told)?;
        let job = JobId::from(file.job.clone());
        let partition = PartitionId::new(&job, file.stage, file.partition);
        let layout = match file.is_sorted {
            true => ShuffleLayout::Sort,
            false => ShuffleLayout::Passthrough,
        };
        client
            .fetch_partition(&file.executor, &partition, file.file, layout, true)
            .await
            .map_err(told)
    }

    async fn is_there(&self, file: &JobFile) -> bool {
        let connecting = TcpStream::connect((file.host.as_str(), file.port));
        matches!(tokio::time::timeout(PATIENCE, connecting).await, Ok(Ok(_)))
    }
}
