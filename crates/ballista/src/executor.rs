//! The processes that run tasks.

use std::sync::Arc;

use ballista_core::registry::BallistaFunctionRegistry;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use tifusion::TidbContext;
use tifusion::distribute::PlanCodec;

use crate::codec::{TidbLogicalCodec, TidbPhysicalCodec};
use crate::error::Error;
use crate::scheduler::options;

/// `config` with what an executor needs to know of the cluster that `context` is connected to: all its tasks read by the
/// one client of `context`.
#[must_use]
pub fn configure(context: &TidbContext, config: ExecutorProcessConfig) -> ExecutorProcessConfig {
    let codec = PlanCodec::new(context);
    let functions = BallistaFunctionRegistry::from(&context.session_context().state());
    ExecutorProcessConfig {
        override_logical_codec: Some(Arc::new(TidbLogicalCodec::new(codec.clone()))),
        override_physical_codec: Some(Arc::new(TidbPhysicalCodec::new(codec))),
        override_function_registry: Some(Arc::new(functions)),
        override_config_producer: Some(options(context)),
        ..config
    }
}

/// Runs tasks until the process is told to stop.
///
/// # Errors
/// When the scheduler can't be reached, or an address is none or taken.
pub async fn serve(context: &TidbContext, config: ExecutorProcessConfig) -> Result<(), Error> {
    Ok(start_executor_process(Arc::new(configure(context, config))).await?)
}
