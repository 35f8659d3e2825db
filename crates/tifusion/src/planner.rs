//! The query planner: it gives each execution of a statement its snapshot.

pub(crate) mod dml_write;
mod refresh;
pub(crate) mod rights;
pub(crate) mod table_factor;
pub(crate) mod time_text;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{DmlStatement, LogicalPlan, WriteOp};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{
    DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner as _,
};
use tifusion_client::Timestamp;

use crate::catalog::UnreadableTable;
use crate::cluster::Cluster;
use crate::config::TidbOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::meta::{Need, ReadAt, SYSTEM_DATABASE, View};
use crate::metrics;
use crate::reading::{ViewUse, different_times};
use crate::rights_check::RightsCheckExec;
use crate::snapshot_check::SnapshotCheckExec;
use crate::statement::StatementSnapshot;
use crate::stats::{self, StatementStatistics};
use crate::table::TidbTable;
use crate::write::{PlannedWrite, TidbWrite, WriteKind, WritePlanner, WrittenTable, write_plan};

/// Plans statements over the tables of one cluster.
///
/// Each time a statement is planned for execution one timestamp is taken, and the description of
/// each of its tables must be the one that held at that timestamp. A table that changed since the
/// statement's names were resolved is replaced by its new self when all columns that the statement
/// uses are still there, the same; else the statement must be given anew.
#[derive(Debug)]
pub(crate) struct TidbQueryPlanner {
    cluster: Arc<Cluster>,
    inner: Option<Arc<dyn QueryPlanner + Send + Sync>>,
}

impl TidbQueryPlanner {
    /// A planner for the tables of `cluster`, which leaves the rest to `inner` (DataFusion's own
    /// unless given).
    pub(crate) fn new(
        cluster: Arc<Cluster>,
        inner: Option<Arc<dyn QueryPlanner + Send + Sync>>,
    ) -> Self {
        Self { cluster, inner }
    }

    async fn plan_inner(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let Some(inner) = &self.inner else {
            let writes: Vec<Arc<dyn ExtensionPlanner + Send + Sync>> = vec![Arc::new(WritePlanner)];
            let planner = DefaultPhysicalPlanner::with_extension_planners(writes);
            return planner.create_physical_plan(plan, session).await;
        };
        // Another planner does not know our node: it plans the rows that are written.
        let (Some(write), Some(state)) =
            (TidbWrite::of(plan), session.as_any().downcast_ref::<SessionState>())
        else {
            return inner.create_physical_plan(plan, session).await;
        };
        let mut writes = Vec::with_capacity(write.writes().len());
        for write in write.writes() {
            let input = inner.create_physical_plan(&write.input, session).await?;
            writes.push(PlannedWrite::new(write, input));
        }
        let plan = write_plan(writes, state).await?;
        DefaultPhysicalPlanner::default().optimize_physical_plan(plan, state, |_, _| {})
    }

    /// The schema as of now, as of the time that the tables are to be read at, or as of the snapshot
    /// that the statement around this plan has, with the names of the databases of tables and views.
    async fn view(
        &self,
        tables: &Tables,
        outer: Option<&StatementSnapshot>,
        deadline: Option<Instant>,
    ) -> Result<View> {
        let mut databases: Vec<_> =
            tables.readable().map(|table| table.database().to_owned()).collect();
        databases.extend(tables.views().map(|view| view.database.to_string()));
        databases.extend(tables.written.iter().map(|table| table.database.1.to_string()));
        databases.push(SYSTEM_DATABASE.to_owned());
        databases.sort_unstable();
        databases.dedup();
        let (meta, need) = (self.cluster.meta(), Need::Tables(&databases));
        let as_of = tables.as_of(outer)?;
        let deadline = outer.map_or(deadline, StatementSnapshot::deadline);
        if let Some(ts) = as_of {
            return meta.view_of_past(ReadAt { ts, deadline }, need).await;
        }
        let Some(outer) = outer else { return meta.view(need, deadline).await };
        let at = ReadAt { ts: outer.start_ts(), deadline };
        // What this process knows of the schema may be older or younger than what another has begun with.
        if outer.is_of_elsewhere() {
            return meta.view_of_past(at, need).await;
        }
        meta.view_at(at, outer.schema_version(), need).await?.ok_or_else(|| {
            Error::new(
                ErrorKind::SchemaChanged,
                "the cluster's schema changed while the statement was planned: run it again",
            )
        })
    }

    /// The plan over the tables as they are at a snapshot, that snapshot, and what is known of the
    /// tables.
    async fn pin(
        &self,
        plan: &LogicalPlan,
        tables: &Tables,
        state: &SessionState,
    ) -> Result<Pinned> {
        // Within the planning of a statement (of a frame that is used as a table, say) there is a
        // snapshot already.
        let outer = state.config().get_extension::<StatementSnapshot>();
        let config = TidbOptions::config_of(state.config_options()).unwrap_or_default();
        let deadline = self.cluster.deadline(&config);
        let taken = self.cluster.client().clock().now();
        let view = self.view(tables, outer.as_deref(), deadline).await?;
        let snapshot = outer.unwrap_or_else(|| {
            let query = self.cluster.client().query_id();
            let snapshot =
                StatementSnapshot::new(view.ts(), view.version(), taken, deadline, query);
            Arc::new(if tables.is_past() { snapshot.of_past() } else { snapshot })
        });
        for used in tables.views() {
            refresh::check_view(used, &view, self.cluster.meta()).await?;
        }
        for table in &tables.written {
            refresh::check_written(table, &view).await?;
        }
        let compared = stats::compared_columns(plan)?;
        let needs: Vec<stats::Need> =
            tables.readable().map(|table| stats::Need::of_names(table.info(), &compared)).collect();
        // What is known of tables now says more than what was known then, and is kept for others.
        let known_by = match tables.is_past() {
            true => {
                self.cluster
                    .meta()
                    .view(Need::Tables(&[SYSTEM_DATABASE.to_owned()]), deadline)
                    .await?
            }
            false => view.clone(),
        };
        let loaded = self.cluster.statistics(&known_by, &needs, stats::PATIENCE).await;
        let statistics = StatementStatistics::new(&needs, loaded);
        let mut fresh = Vec::new();
        for provider in &tables.providers {
            if let Some(table) = provider.downcast_ref::<TidbTable>()
                && let Some(now) = refresh::refreshed(table, &view, &config).await?
            {
                fresh.push((Arc::clone(provider), Arc::new(now)));
            }
        }
        let plan = if fresh.is_empty() { plan.clone() } else { refresh::replace(plan, &fresh)? };
        Ok(Pinned { plan, snapshot, statistics })
    }
}

/// Whether a plan is a write, or the explanation of one.
fn is_write(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Explain(explain) => is_write(&explain.plan),
        LogicalPlan::Analyze(analyze) => is_write(&analyze.input),
        LogicalPlan::Dml(_) => true,
        plan => TidbWrite::of(plan).is_some(),
    }
}

/// Whether a statement shows how it is carried out.
fn explains(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_))
}

/// What a statement does, in a word.
fn kind_of(plan: &LogicalPlan) -> &'static str {
    match plan {
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) => "explain",
        LogicalPlan::Dml(dml) => match dml.op {
            WriteOp::Insert(InsertOp::Append) => "insert",
            WriteOp::Insert(InsertOp::Overwrite | InsertOp::Replace) => "replace",
            WriteOp::Delete => "delete",
            WriteOp::Update => "update",
            _ => "other",
        },
        plan => TidbWrite::of(plan).map_or("select", TidbWrite::word),
    }
}

/// What is written from must be a snapshot, whatever the session reads otherwise: a value from before a
/// transaction that had committed would undo it.
fn read_by_snapshot(state: &mut SessionState) -> Result<()> {
    let options = state.config_mut().options_mut();
    match options.extensions.get_mut::<TidbOptions>() {
        Some(ours) => ours.config_mut().set_in_session("request.isolation.level", "SI"),
        None => Ok(()),
    }
}

/// A plan over the tables as they are at a snapshot.
struct Pinned {
    plan: LogicalPlan,
    snapshot: Arc<StatementSnapshot>,
    statistics: StatementStatistics,
}

#[async_trait]
impl QueryPlanner for TidbQueryPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let tables = Tables::of(plan)?;
        let rights = match tables.is_ours() {
            true => self.cluster.rights().await?,
            false => None,
        };
        if let Some(need) = tables.listing {
            let config = TidbOptions::config_of(session.config_options()).unwrap_or_default();
            let deadline = self.cluster.deadline(&config);
            match self.cluster.stale_read(&config, deadline).await? {
                Some(ts) => self.cluster.meta().view_of_past(ReadAt { ts, deadline }, need).await?,
                None => self.cluster.meta().view(need, deadline).await?,
            };
        }
        tables.check(&self.cluster)?;
        if tables.readable().next().is_none() && tables.written.is_empty() {
            return self.plan_inner(plan, session).await;
        }
        let Some(state) = session.as_any().downcast_ref::<SessionState>() else {
            return Err(Error::unsupported(
                "tables of TiDB can be planned by a SessionState only, not by another Session",
            )
            .into());
        };
        let inner = state.config().get_extension::<StatementSnapshot>().is_some();
        if !tables.written.is_empty() && (inner || tables.writes > 1 || !is_write(plan)) {
            return Err(Error::unsupported(
                "a write is a statement of its own, not a part of another one: it has a timestamp of its own",
            )
            .into());
        }
        if !inner {
            metrics::statement(kind_of(plan));
        }
        if let (Some(authorizer), Some(rights)) = (self.cluster.authorizer(), &rights) {
            rights::check(&tables, authorizer, rights, explains(plan)).await?;
        }
        let Pinned { plan, snapshot, statistics } = self.pin(plan, &tables, state).await?;
        let mut state = state.clone();
        state.config_mut().set_extension(Arc::clone(&snapshot));
        state.config_mut().set_extension(Arc::new(statistics));
        if let Some(rights) = &rights {
            state.config_mut().set_extension(Arc::clone(rights));
        }
        if !tables.written.is_empty() {
            read_by_snapshot(&mut state)?;
        }
        let plan = self.plan_inner(&plan, &state).await?;
        if inner {
            return Ok(plan);
        }
        let plan: Arc<dyn ExecutionPlan> = match rights {
            None => plan,
            Some(rights) => {
                let views = rights::of_definers(&tables);
                Arc::new(RightsCheckExec::new(plan, Arc::clone(&self.cluster), rights, views))
            }
        };
        // A write looks at its snapshot before it commits.
        if !tables.written.is_empty() {
            return Ok(plan);
        }
        let client = self.cluster.client().clone();
        let config = TidbOptions::config_of(state.config_options()).unwrap_or_default();
        let settings = Arc::new(config.settings().clone());
        Ok(Arc::new(SnapshotCheckExec::new(plan, client, snapshot, settings)))
    }
}

/// What is done to a table.
struct OwnWrite {
    table: Arc<WrittenTable>,
    kind: WriteKind,
}

/// What a plan reads.
struct Tables {
    /// The providers of all its scans, those of subqueries included.
    providers: Vec<Arc<dyn TableProvider>>,
    /// The names that it lists through `information_schema`.
    listing: Option<Need<'static>>,
    /// Those that it writes to.
    written: Vec<Arc<WrittenTable>>,
    /// Those of them that this crate's own writes are to, and what is done.
    own_writes: Vec<OwnWrite>,
    /// How many transactions write to them.
    writes: usize,
    /// Why it does not write what it should.
    refused: Option<Error>,
}

impl Tables {
    fn of(plan: &LogicalPlan) -> DataFusionResult<Self> {
        let mut tables = Self {
            providers: Vec::new(),
            listing: None,
            written: Vec::new(),
            own_writes: Vec::new(),
            writes: 0,
            refused: None,
        };
        plan.apply_with_subqueries(|node| {
            match node {
                LogicalPlan::TableScan(scan) => {
                    if let Ok(provider) = source_as_provider(&scan.source) {
                        tables.providers.push(provider);
                    }
                    if scan.table_name.schema() == Some("information_schema") {
                        tables.list(scan.table_name.table());
                    }
                }
                LogicalPlan::Dml(dml) => {
                    if let Ok(provider) = source_as_provider(&dml.target) {
                        tables.write(dml, provider);
                    }
                }
                LogicalPlan::Extension(_) => {
                    if let Some(write) = TidbWrite::of(node) {
                        let written = write.writes().iter().map(|write| &write.table);
                        tables.written.extend(written.map(Arc::clone));
                        let own = write.writes().iter().map(|write| OwnWrite {
                            table: Arc::clone(&write.table),
                            kind: write.kind.clone(),
                        });
                        tables.own_writes.extend(own);
                        tables.writes += 1;
                    }
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(tables)
    }

    /// Takes note of a write that DataFusion's own planner made.
    fn write(&mut self, dml: &DmlStatement, provider: Arc<dyn TableProvider>) {
        if let Some(table) = provider.downcast_ref::<TidbTable>() {
            // A rule has looked at what is inserted, before it was rewritten.
            if !matches!(dml.op, WriteOp::Insert(_)) {
                self.refused = dml_write::check(dml, table).err();
            }
            self.written.push(Arc::new(table.written()));
            self.writes += 1;
        } else if provider.is::<UnreadableTable>() {
            self.providers.push(provider);
        }
    }

    fn list(&mut self, table: &str) {
        match table {
            "df_settings" | "routines" | "parameters" => {}
            "schemata" => self.listing = self.listing.or(Some(Need::Databases)),
            _ => self.listing = Some(Need::Everything),
        }
    }

    /// Whether anything of it is the cluster's.
    fn is_ours(&self) -> bool {
        self.listing.is_some() || !self.written.is_empty() || self.readable().next().is_some()
    }

    fn readable(&self) -> impl Iterator<Item = &TidbTable> {
        self.providers.iter().filter_map(|provider| provider.downcast_ref::<TidbTable>())
    }

    /// The views around the tables.
    fn views(&self) -> impl Iterator<Item = &Arc<ViewUse>> {
        self.readable().flat_map(|table| &table.reading().views)
    }

    /// Whether a table is read as of a time of its own.
    fn is_past(&self) -> bool {
        self.readable().any(|table| table.reading().as_of.is_some())
    }

    /// The one time that all tables, and the statement around them, are to be read at; `None` for now.
    ///
    /// # Errors
    /// When there is more than one.
    fn as_of(&self, outer: Option<&StatementSnapshot>) -> Result<Option<Timestamp>> {
        let mut all = self.readable().map(|table| table.reading().as_of);
        let Some(first) = outer.map(StatementSnapshot::as_of).or_else(|| all.next()) else {
            return Ok(None);
        };
        match all.find(|other| *other != first) {
            None => Ok(first),
            Some(other) => Err(different_times(first, other)),
        }
    }

    /// Refuses what can't be read, and what must not be written.
    fn check(&self, cluster: &Arc<Cluster>) -> Result<()> {
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        for provider in &self.providers {
            if let Some(table) = provider.downcast_ref::<UnreadableTable>() {
                return Err(table.reason().clone());
            }
        }
        let read = self.readable().find(|table| !Arc::ptr_eq(table.cluster(), cluster));
        let read = read.map(|table| table.label());
        let written = || self.written.iter().find(|table| !Arc::ptr_eq(&table.cluster, cluster));
        match read.or_else(|| written().map(|table| table.label())) {
            None => Ok(()),
            Some(table) => Err(Error::invalid(format!(
                "{table} belongs to another TidbContext: a statement reads and writes one cluster"
            ))),
        }
    }
}
