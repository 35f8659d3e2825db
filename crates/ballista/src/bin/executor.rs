//! `tifusion-executor`: runs tasks of statements over a cluster of TiDB.

use std::path::PathBuf;
use std::process::ExitCode;

use ballista_executor::executor_process::ExecutorProcessConfig;
use clap::Parser;
use tifusion_ballista::{Error, executor, process};

/// Runs tasks of statements over a cluster of TiDB.
#[derive(Debug, Parser)]
#[command(name = "tifusion-executor")]
struct Arguments {
    /// Configuration of TiFusion (TOML): how PD and the stores are reached.
    #[arg(long)]
    config: PathBuf,
    /// Host of the scheduler.
    #[arg(long, default_value = "localhost")]
    scheduler_host: String,
    /// Port of the scheduler.
    #[arg(long, default_value_t = 50050)]
    scheduler_port: u16,
    /// IP address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    bind_host: String,
    /// Name or address by which sessions and other executors reach it.
    #[arg(long)]
    external_host: Option<String>,
    /// Port that rows are fetched at.
    #[arg(long, default_value_t = 50051)]
    port: u16,
    /// Port that the scheduler gives tasks to.
    #[arg(long, default_value_t = 50052)]
    grpc_port: u16,
    /// Tasks at once; 0 for as many as there are cores.
    #[arg(long, default_value_t = 0)]
    vcores: usize,
    /// Folder for rows between stages; a temporary one unless given.
    #[arg(long)]
    work_dir: Option<String>,
    /// Bytes that all tasks together may hold; a part of the machine's memory unless given.
    #[arg(long)]
    memory_pool_size: Option<u64>,
    /// Seconds between heartbeats.
    #[arg(long, default_value_t = 10)]
    heartbeat_seconds: u64,
    /// Seconds to wait for the scheduler at the start.
    #[arg(long, default_value_t = 60)]
    connect_timeout_seconds: u16,
}

fn main() -> ExitCode {
    process::run(|| {
        let arguments = Arguments::parse();
        async move { run(arguments).await }
    })
}

async fn run(arguments: Arguments) -> Result<(), Error> {
    let context = process::connect(&arguments.config).await?;
    let config = ExecutorProcessConfig {
        scheduler_host: arguments.scheduler_host,
        scheduler_port: arguments.scheduler_port,
        bind_host: arguments.bind_host,
        external_host: arguments.external_host,
        port: arguments.port,
        grpc_port: arguments.grpc_port,
        vcores: arguments.vcores,
        work_dir: arguments.work_dir,
        memory_pool_size: arguments.memory_pool_size,
        executor_heartbeat_interval_seconds: arguments.heartbeat_seconds,
        scheduler_connect_timeout_seconds: arguments.connect_timeout_seconds,
        ..ExecutorProcessConfig::default()
    };
    executor::serve(&context, config).await
}
