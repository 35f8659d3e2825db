//! A session over one cluster.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use datafusion::dataframe::DataFrame;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::catalog::{LiveConfig, TidbCatalog, config_of};
use crate::cluster::Cluster;
use crate::config::{Config, TidbOptions, TimeZone};
use crate::error::{Error, Result};
use crate::functions;
use crate::planner::TidbQueryPlanner;
use crate::sql::{self, Statement};

/// The schema that unqualified names are looked for in until `USE`: MySQL's and TiDB's own
/// playground.
const FIRST_DATABASE: &str = "test";

/// A DataFusion session whose catalog is a TiDB cluster.
///
/// ```no_run
/// use std::collections::HashMap;
/// use tifusion::TidbContext;
///
/// # async fn example() -> tifusion::Result<()> {
/// let config = HashMap::from([("pd.addresses".to_owned(), "127.0.0.1:2379".to_owned())]);
/// let ctx = TidbContext::connect(config).await?;
/// ctx.sql("SELECT COUNT(*) FROM tidb.shop.orders").await?.show().await?;
/// # Ok(())
/// # }
/// ```
///
/// The session is an ordinary [`SessionContext`] with four additions: the catalog, a query planner
/// that gives each execution of a statement one snapshot, the options `tidb.*`, and the function
/// `ti_version()`. What is registered in [`TidbContext::session_context`] can be joined with tables
/// of TiDB. Statements given to [`TidbContext::sql`] rather than to the session itself also have
/// `USE`, `SHOW DATABASES` and names without regard to case, and find all tables they name at one
/// schema version.
///
/// Clones share the session.
#[derive(Clone)]
pub struct TidbContext {
    session: SessionContext,
    catalog: Arc<TidbCatalog>,
    connected: Arc<Config>,
}

impl fmt::Debug for TidbContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TidbContext")
            .field("session", &self.session.session_id())
            .field("config", &self.connected)
            .finish_non_exhaustive()
    }
}

impl TidbContext {
    /// Connects to the cluster that `config` names; [`config`](crate::config) has its keys.
    ///
    /// # Errors
    /// For unknown keys and wrong values, and when PD, or a store with the cluster's metadata, can't
    /// be reached (within 15 s and 20 s).
    pub async fn connect(config: HashMap<String, String>) -> Result<Self> {
        Self::connect_with(config, SessionStateBuilder::new_with_default_features()).await
    }

    /// Connects with a runtime of the caller's: its memory pool bounds what statements may hold.
    ///
    /// # Errors
    /// As [`TidbContext::connect`].
    pub async fn connect_with_runtime(
        config: HashMap<String, String>,
        runtime: Arc<RuntimeEnv>,
    ) -> Result<Self> {
        let builder = SessionStateBuilder::new_with_default_features().with_runtime_env(runtime);
        Self::connect_with(config, builder).await
    }

    /// Connects on top of a session state of the caller's making: its functions, catalogs, rules,
    /// configuration and runtime stay, and its query planner plans what ours has pinned to a
    /// snapshot. A session that exists is continued by
    /// `SessionStateBuilder::new_from_existing(session.state())`.
    ///
    /// # Errors
    /// As [`TidbContext::connect`].
    pub async fn connect_with(
        config: HashMap<String, String>,
        mut builder: SessionStateBuilder,
    ) -> Result<Self> {
        let mut config = Config::from_map(&config)?;
        let given = builder.config().take().unwrap_or_default();
        if let Some(zone) = &given.options().execution.time_zone
            && config.is_default("time_zone")
        {
            config.set_in_session("time_zone", zone)?;
        }
        let cluster = Cluster::connect(&config).await?;
        Self::over(cluster, config, builder.with_config(given))
    }

    /// A session over a cluster that is there.
    pub(crate) fn over(
        cluster: Arc<Cluster>,
        config: Config,
        mut builder: SessionStateBuilder,
    ) -> Result<Self> {
        let inner = builder.query_planner().take();
        let planner = TidbQueryPlanner::new(Arc::clone(&cluster), inner);
        let mut given = builder.config().take().unwrap_or_default();
        prepare(&mut given, &config);
        let state = builder.with_config(given).with_query_planner(Arc::new(planner)).build();
        let session = SessionContext::new_with_state(state);
        let connected = Arc::new(config);
        let live = LiveConfig::new(Arc::clone(&connected));
        live.bind(session.state_weak_ref());
        let catalog = Arc::new(TidbCatalog::live(cluster, live));
        let name = connected.catalog().to_owned();
        if session.catalog(&name).is_some() {
            return Err(Error::invalid(format!(
                "the session has a catalog named {name:?} already: give this one another name, \
                 by spark.sql.catalog.<name>.pd.addresses"
            )));
        }
        session.register_catalog(&name, Arc::clone(&catalog) as _);
        session.register_udf(functions::ti_version());
        let context = Self { session, catalog, connected };
        context.set_defaults(&name, &context.catalog.schema_of(FIRST_DATABASE));
        Ok(context)
    }

    /// The DataFusion session: register tables, functions and files there as ever.
    #[must_use]
    pub fn session_context(&self) -> &SessionContext {
        &self.session
    }

    /// Plans one statement: what DataFusion knows, and `USE`, `SHOW DATABASES`, `SHOW TABLES` and
    /// `SHOW COLUMNS` as in TiDB. A query runs when the frame is collected, each time on a new
    /// snapshot; `SET`, `USE` and `CREATE` take effect at once.
    ///
    /// # Errors
    /// When the text is not one statement, names what is not there, or asks for what can't be had.
    pub async fn sql(&self, statement: &str) -> Result<DataFrame> {
        let mut statements = self.parse(statement)?;
        match (statements.pop(), statements.is_empty()) {
            (Some(statement), true) => self.run(statement).await,
            (None, _) => Err(Error::invalid("there is no statement in the text")),
            (Some(_), false) => Err(Error::invalid(
                "the text has more than one statement: give them one by one, TidbContext::parse \
                 takes them apart",
            )),
        }
    }

    /// The statements of a script, in order, each for [`TidbContext::run`].
    ///
    /// # Errors
    /// When the text can't be parsed.
    pub fn parse(&self, script: &str) -> Result<Vec<Statement>> {
        sql::parse(&self.session.state(), script)
    }

    /// Plans a statement that was parsed, as [`TidbContext::sql`] does.
    ///
    /// # Errors
    /// As [`TidbContext::sql`].
    pub async fn run(&self, statement: Statement) -> Result<DataFrame> {
        sql::run(self, statement).await
    }

    /// Makes `database` the one where unqualified names are looked for, as `USE` does.
    ///
    /// # Errors
    /// When the cluster has no such database, or can't be reached.
    pub async fn use_database(&self, database: &str) -> Result<()> {
        sql::use_database(self, database).await
    }

    /// The session's configuration as it is now.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        config_of(&self.session.state_ref().read()).unwrap_or_else(|| Arc::clone(&self.connected))
    }

    /// The cluster's catalog.
    #[must_use]
    pub fn catalog(&self) -> &Arc<TidbCatalog> {
        &self.catalog
    }

    /// The configuration as it was when connecting.
    pub(crate) fn connected(&self) -> &Arc<Config> {
        &self.connected
    }

    /// The result of a statement that has none.
    pub(crate) fn nothing(&self) -> Result<DataFrame> {
        let plan = LogicalPlanBuilder::empty(false).build()?;
        Ok(DataFrame::new(self.session.state(), plan))
    }

    /// Sets where unqualified names are looked for.
    pub(crate) fn set_defaults(&self, catalog: &str, schema: &str) {
        let state = self.session.state_ref();
        let mut state = state.write();
        let options = &mut state.config_mut().options_mut().catalog;
        catalog.clone_into(&mut options.default_catalog);
        schema.clone_into(&mut options.default_schema);
    }

    /// Changes the session's own options; [`TidbContext::follow_time_zone`] comes after.
    pub(crate) fn change_options(
        &self,
        change: impl FnOnce(&mut Config) -> Result<()>,
    ) -> Result<()> {
        let state = self.session.state_ref();
        let mut state = state.write();
        let options = state.config_mut().options_mut();
        match options.extensions.get_mut::<TidbOptions>() {
            Some(ours) => change(ours.config_mut()),
            None => Ok(()),
        }
    }

    /// Takes `datafusion.execution.time_zone` over into `tidb.time_zone` if that is what has
    /// changed since the latter was `before`, and the reverse. A zone that TiDB does not know is
    /// taken back.
    ///
    /// # Errors
    /// When it was taken back.
    pub(crate) async fn follow_time_zone(&self, before: &TimeZone) -> Result<()> {
        let theirs = self.session.state_ref().read().config_options().execution.time_zone.clone();
        let ours = self.config().settings().time_zone.clone();
        if ours != *before {
            return self.set_their_zone(&ours).await;
        }
        if theirs.as_deref() == Some(before.as_str()) {
            return Ok(());
        }
        let connected = Arc::clone(&self.connected);
        let changed = self.change_options(|config| match &theirs {
            Some(zone) => config.set_in_session("time_zone", zone),
            None => config.copy_in_session("time_zone", &connected),
        });
        let ours = self.config().settings().time_zone.clone();
        self.set_their_zone(&ours).await?;
        changed
    }

    /// Sets DataFusion's zone by a statement: some of its functions keep the zone, and are made
    /// anew by it.
    async fn set_their_zone(&self, zone: &TimeZone) -> Result<()> {
        let set = format!("SET datafusion.execution.time_zone = '{zone}'");
        self.session.sql(&set).await?;
        Ok(())
    }
}

/// Adds to a session's configuration what it needs for the cluster.
fn prepare(session: &mut SessionConfig, config: &Config) {
    let options = session.options_mut();
    options.catalog.information_schema = true;
    options.catalog.create_default_catalog_and_schema = true;
    options.execution.time_zone = Some(config.settings().time_zone.to_string());
    options.extensions.insert(TidbOptions::new(config.clone()));
}

#[cfg(test)]
mod tests;
