//! A Ballista cluster in this process.

use std::collections::HashMap;

use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::serde::BallistaCodec;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_executor::new_standalone_executor_from_builder;
use ballista_scheduler::standalone::new_standalone_scheduler_with_builder;
use std::sync::Arc;
use tifusion::TidbContext;
use tifusion::distribute::PlanCodec;

use crate::codec::{TidbLogicalCodec, TidbPhysicalCodec};
use crate::error::Error;
use crate::scheduler::{options, sessions};
use crate::session::connect;

/// How a cluster in one process is made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standalone {
    /// Executors.
    pub executors: usize,
    /// Tasks that each of them runs at once.
    pub vcores: usize,
}

impl Default for Standalone {
    /// One executor with as many tasks as the machine has cores.
    fn default() -> Self {
        let cores = std::thread::available_parallelism();
        Self { executors: 1, vcores: cores.map_or(1, std::num::NonZero::get) }
    }
}

/// Starts a scheduler and executors in this process, on ports of the loopback that are free, and connects to them as
/// [`connect`](crate::connect) does. They run as long as the runtime does. What is tried here runs on a real cluster
/// unchanged: plans are encoded, and rows travel, as between machines.
///
/// # Errors
/// As [`connect`](crate::connect), and when no port is free.
pub async fn standalone(
    config: HashMap<String, String>,
    cluster: Standalone,
) -> Result<TidbContext, Error> {
    let servers = TidbContext::connect(config.clone()).await?;
    let codec = || {
        let codec = PlanCodec::new(&servers);
        let tables = TidbLogicalCodec::new(codec.clone());
        BallistaCodec::new(Arc::new(tables), Arc::new(TidbPhysicalCodec::new(codec)))
    };
    let address = new_standalone_scheduler_with_builder(
        sessions(servers.clone()),
        options(&servers),
        codec(),
    )
    .await?;
    let host = format!("localhost:{}", address.port());
    for _ in 0..cluster.executors {
        // It listens already.
        let scheduler = SchedulerGrpcClient::connect(format!("http://{host}"))
            .await
            .map_err(|error| Error::Unreachable { url: host.clone(), source: error })?;
        let state = servers.session_context().state();
        let runtime = servers.session_context().runtime_env();
        new_standalone_executor_from_builder(
            scheduler,
            cluster.vcores,
            options(&servers),
            Arc::new(move |_| Ok(Arc::clone(&runtime))),
            codec(),
            BallistaFunctionRegistry::from(&state),
        )
        .await?;
    }
    connect(config, &format!("df://{host}")).await
}
