//! The query planner: it gives each execution of a statement its snapshot.

pub(crate) mod dml_write;
pub(crate) mod null_aware;
mod refresh;
pub(crate) mod rights;
pub(crate) mod table_factor;
mod tables;
pub(crate) mod time_text;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{LogicalPlan, WriteOp};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{
    DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner as _,
};
use tables::Tables;

use crate::auth::Rights;
use crate::cluster::Cluster;
use crate::config::TidbOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::meta::{Need, ReadAt, SYSTEM_DATABASE, View};
use crate::metrics;
use crate::rights_check::RightsCheckExec;
use crate::snapshot_check::SnapshotCheckExec;
use crate::statement::{Begun, StatementSnapshot};
use crate::stats::{self, StatementStatistics};
use crate::table::TidbTable;
use crate::write::{
    PlannedBefore, PlannedWrite, TidbWrite, WritePlanner, plan_by_snapshot, spread_plan, write_plan,
};

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
        let state = session.as_any().downcast_ref::<SessionState>();
        let (Some(write), Some(state)) = (written_by(plan), state) else {
            return inner.create_physical_plan(plan, session).await;
        };
        let written = plan_write(inner.as_ref(), write, state).await?;
        if TidbWrite::of(plan).is_some() {
            return Ok(written);
        }
        // Nor does it know how to explain it.
        let writes: Vec<Arc<dyn ExtensionPlanner + Send + Sync>> =
            vec![Arc::new(PlannedBefore::new(written))];
        let planner = DefaultPhysicalPlanner::with_extension_planners(writes);
        planner.create_physical_plan(plan, session).await
    }

    /// The schema as of now, as of the time that the tables are to be read at, or as of the snapshot
    /// that the statement around this plan has, with the names of the databases of tables and views.
    async fn view(
        &self,
        tables: &Tables,
        outer: Option<&StatementSnapshot>,
        deadline: Option<Instant>,
    ) -> Result<View> {
        let databases = tables.databases();
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

    /// The physical plan over tables of the cluster.
    async fn plan_tables(
        &self,
        plan: &LogicalPlan,
        tables: &Tables,
        state: &SessionState,
        rights: Option<&Arc<Rights>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        // Within the planning of a statement (of a frame that is used as a table, say) there is a
        // snapshot already.
        let outer = state.config().get_extension::<StatementSnapshot>();
        let is_of_now = outer.is_none() && tables.as_of(None)?.is_none();
        if is_of_now && tables.written.is_empty() && !self.cluster.client().is_apart() {
            // Boxed, for it is as large as what follows.
            let ahead = Box::pin(self.plan_ahead(plan, tables, state, rights)).await?;
            if let Some(plan) = ahead {
                return Ok(plan);
            }
        }
        let config = TidbOptions::config_of(state.config_options()).unwrap_or_default();
        let taken = self.cluster.client().clock().now();
        let view = self.view(tables, outer.as_deref(), self.cluster.deadline(&config)).await?;
        let pinned = self.pin(plan, tables, state, (view, taken)).await?;
        self.plan_pinned(pinned, tables, state, rights).await
    }

    /// The plan of a statement that reads what is there now, made by the schema as it was last seen while that is
    /// looked at; `None` if it is another, or might be.
    async fn plan_ahead(
        &self,
        plan: &LogicalPlan,
        tables: &Tables,
        state: &SessionState,
        rights: Option<&Arc<Rights>>,
    ) -> DataFusionResult<Option<Arc<dyn ExecutionPlan>>> {
        let config = TidbOptions::config_of(state.config_options()).unwrap_or_default();
        let deadline = self.cluster.deadline(&config);
        let databases = tables.databases();
        let begun = state.config().get_extension::<Begun>();
        let (taken, asked) = match begun.and_then(|begun| begun.timestamp()) {
            Some((taken, asked)) => (taken, Some(asked)),
            None => (self.cluster.client().clock().now(), None),
        };
        let need = Need::Tables(&databases);
        let ahead = self.cluster.meta().view_ahead(need, deadline, asked).await?;
        let Some((view, outlook)) = ahead else { return Ok(None) };
        let planned = async {
            let pinned = self.pin(plan, tables, state, (view, taken)).await?;
            self.plan_pinned(pinned, tables, state, rights).await
        };
        let planned = planned.await;
        if outlook.holds().await? { planned.map(Some) } else { Ok(None) }
    }

    /// The plan over the tables as they are in `view`, which was asked for at a time; its snapshot, unless the
    /// statement around it has one, and what is known of the tables.
    async fn pin(
        &self,
        plan: &LogicalPlan,
        tables: &Tables,
        state: &SessionState,
        (view, taken): (View, Instant),
    ) -> Result<Pinned> {
        if let Some(begun) = state.config().get_extension::<Begun>() {
            begun.check_version(view.version())?;
        }
        let config = TidbOptions::config_of(state.config_options()).unwrap_or_default();
        let deadline = self.cluster.deadline(&config);
        let snapshot = state.config().get_extension::<StatementSnapshot>().unwrap_or_else(|| {
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

    /// The physical plan at a snapshot.
    async fn plan_pinned(
        &self,
        Pinned { plan, snapshot, statistics }: Pinned,
        tables: &Tables,
        state: &SessionState,
        rights: Option<&Arc<Rights>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let inner = state.config().get_extension::<StatementSnapshot>().is_some();
        let mut state = state.clone();
        state.config_mut().set_extension(Arc::clone(&snapshot));
        state.config_mut().set_extension(Arc::new(statistics));
        if let Some(rights) = rights {
            state.config_mut().set_extension(Arc::clone(rights));
        }
        if !tables.written.is_empty() {
            plan_by_snapshot(&mut state)?;
        }
        let plan = self.plan_inner(&plan, &state).await?;
        if inner {
            return Ok(plan);
        }
        let plan: Arc<dyn ExecutionPlan> = match rights {
            None => plan,
            Some(rights) => {
                let (cluster, rights) = (Arc::clone(&self.cluster), Arc::clone(rights));
                let views = rights::of_definers(tables);
                Arc::new(RightsCheckExec::new(plan, cluster, rights, views))
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

/// The operators of a write whose rows another planner plans.
async fn plan_write(
    inner: &(dyn QueryPlanner + Send + Sync),
    write: &TidbWrite,
    state: &SessionState,
) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
    if let Some(plan) = spread_plan(write, state).await? {
        return Ok(plan);
    }
    let mut writes = Vec::with_capacity(write.writes().len());
    for write in write.writes() {
        let input = inner.create_physical_plan(&write.input, state).await?;
        let tables = Tables::of(&write.input)?;
        let reads_itself = tables.readable().any(|table| table.info().id == write.table.info.id);
        writes.push(PlannedWrite { reads_itself, ..PlannedWrite::new(write, input)? });
    }
    let plan = write_plan(writes, state).await?;
    DefaultPhysicalPlanner::default().optimize_physical_plan(plan, state, |_, _| {})
}

/// Whether a plan reads tables of the cluster, all of them as they are now.
pub(crate) fn reads_now(plan: &LogicalPlan) -> Result<bool> {
    if matches!(plan, LogicalPlan::Ddl(_)) {
        return Ok(false);
    }
    let tables = Tables::of(plan)?;
    let reads = tables.readable().next().is_some() && tables.written.is_empty();
    Ok(reads && tables.as_of(None)?.is_none())
}

/// The write that a plan is, or that it explains.
fn written_by(plan: &LogicalPlan) -> Option<&TidbWrite> {
    match plan {
        LogicalPlan::Explain(explain) => written_by(&explain.plan),
        LogicalPlan::Analyze(analyze) => written_by(&analyze.input),
        plan => TidbWrite::of(plan),
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
            if let Some(begun) = session.config().get_extension::<Begun>() {
                let config = TidbOptions::config_of(session.config_options()).unwrap_or_default();
                begun.check_newest(self.cluster.meta(), self.cluster.deadline(&config)).await?;
            }
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
        // What may be planned once more is counted once: when it succeeds, or when it is planned again.
        let begun = state.config().get_extension::<Begun>();
        let is_a_try = begun.is_some_and(|begun| begun.is_a_try());
        if !inner && !is_a_try {
            metrics::statement(kind_of(plan));
        }
        if let (Some(authorizer), Some(rights)) = (self.cluster.authorizer(), &rights) {
            rights::check(&tables, authorizer, rights, explains(plan)).await?;
        }
        let planned = Box::pin(self.plan_tables(plan, &tables, state, rights.as_ref())).await?;
        if !inner && is_a_try {
            metrics::statement(kind_of(plan));
        }
        Ok(planned)
    }
}
