//! The process that plans statements and gives their tasks to executors.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ballista_core::ConfigProducer;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::start_server;
use ballista_scheduler::scheduler_server::SessionBuilder;
use datafusion::config::CatalogOptions;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::SessionConfig;
use tifusion::TidbContext;
use tifusion::config::TidbOptions;
use tifusion::distribute::{PlanCodec, sent_plans};

use crate::codec::{TidbLogicalCodec, TidbPhysicalCodec};
use crate::early_jobs::EarlyJobs;
use crate::error::Error;
use crate::session::{for_ballista, with_rules};
use crate::vcores::CountedVcores;

/// `config` with what a scheduler needs to know of the cluster that `context` is connected to: its codecs, and sessions
/// that plan statements over its tables.
#[must_use]
pub fn configure(context: &TidbContext, config: SchedulerConfig) -> SchedulerConfig {
    let codec = PlanCodec::new(context);
    SchedulerConfig {
        override_logical_codec: Some(Arc::new(TidbLogicalCodec::new(codec.clone()))),
        override_physical_codec: Some(Arc::new(TidbPhysicalCodec::new(codec))),
        override_session_builder: Some(sessions(context.clone())),
        override_config_producer: Some(options(context)),
        ..config
    }
}

/// Serves until the process ends.
///
/// # Errors
/// When the address is none or taken, or Ballista refuses the configuration.
pub async fn serve(context: &TidbContext, config: SchedulerConfig) -> Result<(), Error> {
    let config = configure(context, config);
    let ip: IpAddr = config
        .bind_host
        .parse()
        .map_err(|source| Error::Listen { address: config.bind_host.clone(), source })?;
    let address = SocketAddr::new(ip, config.bind_port);
    let jobs = BallistaCluster::new_from_config(&config).await?.job_state();
    let jobs = Arc::new(EarlyJobs::new(jobs));
    let cluster = BallistaCluster::new(Arc::new(CountedVcores::default()), jobs);
    Ok(start_server(cluster, address, Arc::new(config)).await?)
}

/// What each session of a scheduler or an executor begins with: options of TiDB's as this process has them, over which
/// go those that came with the statement and that a session may set.
pub(crate) fn options(context: &TidbContext) -> ConfigProducer {
    let config = context.config();
    Arc::new(move || {
        let options = TidbOptions::new(config.as_ref().clone());
        for_ballista(SessionConfig::new()).with_option_extension(options)
    })
}

/// What makes the session of each statement.
pub(crate) fn sessions(context: TidbContext) -> SessionBuilder {
    Arc::new(move |config| session(&context, config))
}

/// A session for one statement.
fn session(
    context: &TidbContext,
    mut config: SessionConfig,
) -> datafusion::common::Result<SessionState> {
    // Where the session looks for names is among its options: those of its plans are found already.
    let CatalogOptions { default_catalog, default_schema, .. } = CatalogOptions::default();
    let catalog = &mut config.options_mut().catalog;
    (catalog.default_catalog, catalog.default_schema) = (default_catalog, default_schema);
    let builder = SessionStateBuilder::new_with_default_features()
        .with_config(config)
        .with_runtime_env(context.session_context().runtime_env());
    let session = context.another(with_rules(builder))?;
    let state = session.session_context().state();
    let planner = sent_plans(PlanCodec::new(context), Arc::clone(state.query_planner()));
    Ok(SessionStateBuilder::new_from_existing(state).with_query_planner(planner).build())
}
