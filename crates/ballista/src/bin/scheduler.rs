//! `tifusion-scheduler`: plans statements over a cluster of TiDB and gives their tasks to executors.

use std::path::PathBuf;
use std::process::ExitCode;

use ballista_scheduler::config::SchedulerConfig;
use clap::Parser;
use tifusion_ballista::{Error, process, scheduler};

/// Plans statements over a cluster of TiDB and gives their tasks to executors.
#[derive(Debug, Parser)]
#[command(name = "tifusion-scheduler")]
struct Arguments {
    /// Configuration of TiFusion (TOML): how PD and the stores are reached.
    #[arg(long)]
    config: PathBuf,
    /// IP address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    bind_host: String,
    /// Port for sessions and executors.
    #[arg(long, default_value_t = 50050)]
    port: u16,
    /// Name or address by which executors reach it.
    #[arg(long, default_value = "localhost")]
    external_host: String,
    /// Seconds without a heartbeat after which an executor counts as dead, and its tasks run elsewhere: more than
    /// twice the executors' --heartbeat-seconds.
    #[arg(long, default_value_t = 30)]
    executor_timeout_seconds: u64,
    /// Seconds after which the files of a finished statement are deleted; a session has fetched its rows by then.
    #[arg(long, default_value_t = 300)]
    clean_up_seconds: u64,
}

fn main() -> ExitCode {
    process::run(|| {
        let arguments = Arguments::parse();
        async move { run(arguments).await }
    })
}

async fn run(arguments: Arguments) -> Result<(), Error> {
    let context = process::connect(&arguments.config).await?;
    let timeout = arguments.executor_timeout_seconds;
    let config = SchedulerConfig {
        bind_host: arguments.bind_host,
        bind_port: arguments.port,
        external_host: arguments.external_host,
        executor_timeout_seconds: timeout,
        expire_dead_executor_interval_seconds: timeout.div_ceil(4).max(1),
        no_executors_grace_period_seconds: timeout,
        finished_job_data_clean_up_interval_seconds: arguments.clean_up_seconds,
        finished_job_state_clean_up_interval_seconds: arguments.clean_up_seconds,
        ..SchedulerConfig::default()
    };
    scheduler::serve(&context, config).await
}
