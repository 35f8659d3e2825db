//! A session of DataFusion's with a cluster in it.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use datafusion::config::{CatalogOptions, OptimizerOptions};
use datafusion::dataframe::DataFrame;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::catalog::{LiveConfig, TidbCatalog, ViewPlanner};
use crate::cluster::Cluster;
use crate::config::{Config, TidbOptions, TimeZone};
use crate::error::{Error, Result};
use crate::functions;
use crate::optimizer;
use crate::planner::TidbQueryPlanner;
use crate::planner::dml_write;
use crate::planner::null_aware;
use crate::planner::rights;
use crate::planner::table_factor::TableFactors;
use crate::planner::time_text;
use crate::schema_changer::SchemaChanger;
use crate::statement::Begun;
use crate::write::WritesOnJobs;

/// The database that unqualified names are looked for in until `USE`: the one that MySQL and TiDB
/// come with.
const FIRST_DATABASE: &str = "test";

/// Distinct values of a join's smaller side, in each of its partitions, that the other side is read by.
const JOIN_VALUES: usize = 50_000;

/// Bytes of all these values.
const BYTES_OF_JOIN_VALUES: usize = 4 << 20;

/// DataFusion's session and what was added to it; clones share it.
#[derive(Clone)]
pub(crate) struct TidbSession {
    engine: SessionContext,
    catalog: Arc<TidbCatalog>,
    connected: Arc<Config>,
    schema_changer: Option<Arc<dyn SchemaChanger>>,
    /// Whether a planner of somebody else plans what ours has pinned.
    has_planner: bool,
}

/// The names of all rules of a session to which nobody has added any.
static OWN_RULES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let mut builder = SessionStateBuilder::new_with_default_features();
    time_text::register(&mut builder);
    null_aware::register(&mut builder);
    dml_write::register(&mut builder);
    rule_names(&optimizer::register(builder).build()).map(str::to_owned).collect()
});

/// The names of all rules by which a state plans.
fn rule_names(state: &SessionState) -> impl Iterator<Item = &str> {
    let analyzer = state.analyzer().rules.iter().map(|rule| rule.name());
    let optimizer = state.optimizers().iter().map(|rule| rule.name());
    let physical = state.physical_optimizers().iter().map(|rule| rule.name());
    analyzer.chain(optimizer).chain(physical)
}

impl TidbSession {
    /// A session over `cluster`, on top of a state that is still to be built, which opens views by
    /// `views`.
    ///
    /// # Errors
    /// When the state has a catalog of the cluster's name already.
    pub(crate) fn new(
        cluster: Arc<Cluster>,
        config: Config,
        mut builder: SessionStateBuilder,
        views: Arc<dyn ViewPlanner>,
    ) -> Result<Self> {
        let inner = builder.query_planner().take();
        let has_planner = inner.is_some();
        let planner = TidbQueryPlanner::new(Arc::clone(&cluster), inner);
        let mut given = builder.config().take().unwrap_or_default();
        let engine_defaults = CatalogOptions::default();
        let chosen = &given.options().catalog;
        let follow = chosen.default_catalog == engine_defaults.default_catalog
            && chosen.default_schema == engine_defaults.default_schema;
        prepare(&mut given, &config);
        time_text::register(&mut builder);
        null_aware::register(&mut builder);
        dml_write::register(&mut builder);
        rights::register(&mut builder, &cluster);
        builder.relation_planners().get_or_insert_default().insert(0, Arc::new(TableFactors));
        let builder = optimizer::register(builder);
        let state = builder.with_config(given).with_query_planner(Arc::new(planner)).build();
        let engine = SessionContext::new_with_state(state);
        let connected = Arc::new(config);
        let live = LiveConfig::new(Arc::clone(&connected));
        live.bind(engine.state_weak_ref());
        let catalog = Arc::new(TidbCatalog::live(cluster, live, views));
        let name = connected.catalog();
        if engine.catalog(name).is_some() {
            return Err(Error::invalid(format!(
                "the session has a catalog named {name:?} already: give this one another name, \
                 by spark.sql.catalog.<name>.pd.addresses"
            )));
        }
        engine.register_catalog(name, Arc::clone(&catalog) as _);
        engine.register_udf(functions::ti_version());
        let session = Self { engine, catalog, connected, schema_changer: None, has_planner };
        // Whoever chose where unqualified names are looked for is not overruled.
        if follow {
            let schema = session.catalog.schema_of(FIRST_DATABASE);
            session.set_defaults(session.connected.catalog(), &schema);
        }
        Ok(session)
    }

    /// DataFusion's session.
    pub(crate) fn engine(&self) -> &SessionContext {
        &self.engine
    }

    /// The cluster's catalog.
    pub(crate) fn catalog(&self) -> &Arc<TidbCatalog> {
        &self.catalog
    }

    /// The configuration as it is now.
    pub(crate) fn config(&self) -> Arc<Config> {
        TidbOptions::config_of(self.engine.state_ref().read().config_options())
            .unwrap_or_else(|| Arc::clone(&self.connected))
    }

    /// The configuration as it was when connecting.
    pub(crate) fn connected(&self) -> &Arc<Config> {
        &self.connected
    }

    /// Who changes the schema in the place of TiDB.
    pub(crate) fn schema_changer(&self) -> Option<&Arc<dyn SchemaChanger>> {
        self.schema_changer.as_ref()
    }

    /// Has the schema changed by `changer`.
    pub(crate) fn set_schema_changer(&mut self, changer: Arc<dyn SchemaChanger>) {
        self.schema_changer = Some(changer);
    }

    /// Whether a planner or a rule of the caller's has a say in what a statement does.
    pub(crate) fn is_planned_by_others(&self) -> bool {
        let state = self.engine.state_ref();
        let state = state.read();
        // Ballista's planner gives the work to others, and changes nothing of what it is.
        let is_shared_out = state.config().get_extension::<WritesOnJobs>().is_some();
        let by_planner = self.has_planner && !is_shared_out;
        by_planner || rule_names(&state).any(|name| !OWN_RULES.contains(name))
    }

    /// The frame of `plan`, which reads what is there now, its timestamp asked for already. Its names were resolved by the
    /// schema version `seen`, if nobody has looked since whether it is the newest.
    pub(crate) fn begin(&self, plan: LogicalPlan, seen: Option<i64>) -> DataFrame {
        let cluster = self.catalog.cluster();
        let taken = cluster.client().clock().now();
        let asked = cluster.meta().ask_timestamp(cluster.deadline(&self.config()));
        let mut state = self.engine.state();
        state.config_mut().set_extension(Arc::new(Begun::new(taken, asked, seen)));
        DataFrame::new(state, plan)
    }

    /// The result of a statement that has none.
    pub(crate) fn nothing(&self) -> Result<DataFrame> {
        let plan = LogicalPlanBuilder::empty(false).build()?;
        Ok(DataFrame::new(self.engine.state(), plan))
    }

    /// Sets where unqualified names are looked for.
    pub(crate) fn set_defaults(&self, catalog: &str, schema: &str) {
        let state = self.engine.state_ref();
        CurrentDatabase::new(catalog, schema).set(&mut state.write());
    }

    /// Changes the session's own options; [`TidbContext::follow_time_zone`] comes after.
    pub(crate) fn change_options(
        &self,
        change: impl FnOnce(&mut Config) -> Result<()>,
    ) -> Result<()> {
        let state = self.engine.state_ref();
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
        let theirs = self.engine.state_ref().read().config_options().execution.time_zone.clone();
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
        self.engine.sql(&set).await?;
        Ok(())
    }
}

/// Where names without a database or a catalog are looked up.
#[derive(Debug, Clone)]
pub(crate) struct CurrentDatabase {
    catalog: String,
    database: String,
}

impl CurrentDatabase {
    /// This one.
    pub(crate) fn new(catalog: &str, database: &str) -> Self {
        Self { catalog: catalog.to_owned(), database: database.to_owned() }
    }

    /// The session's.
    pub(crate) fn of(session: &TidbSession) -> Self {
        let state = session.engine().state_ref();
        let state = state.read();
        let options = &state.config_options().catalog;
        Self::new(&options.default_catalog, &options.default_schema)
    }

    /// Has names be looked up there.
    pub(crate) fn set(&self, state: &mut SessionState) {
        let options = &mut state.config_mut().options_mut().catalog;
        self.catalog.clone_into(&mut options.default_catalog);
        self.database.clone_into(&mut options.default_schema);
    }
}

/// Adds to a session's configuration what it needs for the cluster.
fn prepare(engine: &mut SessionConfig, config: &Config) {
    let options = engine.options_mut();
    options.catalog.information_schema = true;
    options.catalog.create_default_catalog_and_schema = true;
    options.execution.time_zone = Some(config.settings().time_zone.to_string());
    options.extensions.insert(TidbOptions::new(config.clone()));
    // So many values of one side of a join become single keys to read of the other side. Whoever chose
    // how many is not overruled.
    let (chosen, engine_defaults) = (&mut options.optimizer, OptimizerOptions::default());
    if chosen.hash_join_inlist_pushdown_max_distinct_values
        == engine_defaults.hash_join_inlist_pushdown_max_distinct_values
        && chosen.hash_join_inlist_pushdown_max_size
            == engine_defaults.hash_join_inlist_pushdown_max_size
    {
        chosen.hash_join_inlist_pushdown_max_distinct_values = JOIN_VALUES;
        chosen.hash_join_inlist_pushdown_max_size = BYTES_OF_JOIN_VALUES;
    }
}
