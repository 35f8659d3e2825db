//! Planning of statements that come from another process.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlan, TableScan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::buffer::BufferExec;

use super::codec::PlanCodec;
use super::sent_table::SentTable;
use super::tasks_exec::TikvTasksExec;
use crate::config::{Config, TidbOptions};
use crate::error::{Error, Result};
use crate::meta::{Need, ReadAt, View};
use crate::scan::TikvScanExec;
use crate::statement::StatementSnapshot;
use crate::table::TidbTable;
use crate::write::told_if_ours;

/// A planner of statements whose tables come from [`PlanCodec::decode_table`], around the planner of a
/// [`TidbContext`](crate::TidbContext)'s session: it looks the tables up at the snapshot that the statement has, and makes
/// scans of the plan that can be shared out ([`TikvTasksExec`]).
#[must_use]
pub fn sent_plans(
    codec: PlanCodec,
    inner: Arc<dyn QueryPlanner + Send + Sync>,
) -> Arc<dyn QueryPlanner + Send + Sync> {
    Arc::new(SentPlans { codec, inner })
}

/// The provider that a table came with, and the table.
type LookedUp = (Arc<dyn TableProvider>, Arc<dyn TableProvider>);

#[derive(Debug)]
struct SentPlans {
    codec: PlanCodec,
    inner: Arc<dyn QueryPlanner + Send + Sync>,
}

#[async_trait]
impl QueryPlanner for SentPlans {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        // The session that sent it hears of a failure as text.
        self.plan(plan, session).await.map_err(told_if_ours)
    }
}

impl SentPlans {
    async fn plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let sent = sent_tables(plan)?;
        let Some(snapshot) = snapshot_of(&sent)? else {
            return self.inner.create_physical_plan(plan, session).await;
        };
        let Some(state) = session.as_any().downcast_ref::<SessionState>() else {
            return Err(Error::unsupported(
                "statements of other processes are planned by a SessionState only",
            )
            .into());
        };
        let config = TidbOptions::config_of(state.config_options()).unwrap_or_default();
        let tables = self.look_up(&sent, &snapshot, &config).await?;
        let plan = with_tables(plan, &tables)?;
        let mut state = state.clone();
        state.config_mut().set_extension(snapshot);
        let plan = self.inner.create_physical_plan(&plan, &state).await?;
        shared_out(plan)
    }

    /// The tables as they are at the snapshot, beside the providers that they come for.
    async fn look_up(
        &self,
        sent: &[Arc<dyn TableProvider>],
        snapshot: &StatementSnapshot,
        config: &Config,
    ) -> Result<Vec<LookedUp>> {
        let cluster = self.codec.cluster();
        let sent = || sent.iter().filter_map(|it| Some((it, it.downcast_ref::<SentTable>()?)));
        let mut databases: Vec<String> =
            sent().map(|(_, table)| table.database().to_owned()).collect();
        databases.sort_unstable();
        databases.dedup();
        let at = ReadAt { ts: snapshot.start_ts(), deadline: snapshot.deadline() };
        let view = cluster.meta().view_of_past(at, Need::Tables(&databases)).await?;
        let mut tables = Vec::new();
        for (provider, table) in sent() {
            let found: Arc<dyn TableProvider> =
                Arc::new(self.look_up_one(table, &view, config).await?);
            tables.push((Arc::clone(provider), found));
        }
        Ok(tables)
    }

    async fn look_up_one(
        &self,
        sent: &SentTable,
        view: &View,
        config: &Config,
    ) -> Result<TidbTable> {
        let cluster = self.codec.cluster();
        let (database_id, table_id) = sent.ids();
        let info = cluster.meta().table(view, database_id, table_id).await?;
        let info = info.ok_or_else(|| sent.changed("is not there"))?;
        info.check_readable().map_err(tifusion_schema::Error::from)?;
        let database = (database_id, Arc::from(sent.database()));
        let table = TidbTable::new(Arc::clone(cluster), database, info, view.version(), config)?
            .read(sent.reading())?;
        if table.schema() != *sent.columns() {
            return Err(sent.changed("has other columns, or columns of other types,"));
        }
        Ok(table)
    }
}

/// The tables of a plan that are still to be looked up, subqueries' included.
fn sent_tables(plan: &LogicalPlan) -> DataFusionResult<Vec<Arc<dyn TableProvider>>> {
    let mut tables = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
            && provider.is::<SentTable>()
        {
            tables.push(provider);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(tables)
}

/// The one snapshot of all tables; `None` if there are none.
fn snapshot_of(tables: &[Arc<dyn TableProvider>]) -> Result<Option<Arc<StatementSnapshot>>> {
    let mut snapshots =
        tables.iter().filter_map(|table| Some(table.downcast_ref::<SentTable>()?.snapshot()));
    let Some(first) = snapshots.next() else { return Ok(None) };
    let is_same = |other: &Arc<StatementSnapshot>| {
        other.start_ts() == first.start_ts() && other.as_of() == first.as_of()
    };
    match snapshots.find(|other| !is_same(other)) {
        None => Ok(Some(Arc::clone(first))),
        Some(other) => Err(Error::invalid(format!(
            "the tables of one statement have two snapshots, {} and {}",
            first.start_ts(),
            other.start_ts()
        ))),
    }
}

/// `plan` with each first table replaced by its second.
fn with_tables(plan: &LogicalPlan, tables: &[LookedUp]) -> DataFusionResult<LogicalPlan> {
    let replaced = plan.clone().transform_down_with_subqueries(|node| {
        let LogicalPlan::TableScan(scan) = node else { return Ok(Transformed::no(node)) };
        let provider = source_as_provider(&scan.source)?;
        let found = tables.iter().find(|(sent, _)| Arc::ptr_eq(sent, &provider));
        Ok(match found {
            Some((_, table)) => {
                let source = provider_as_source(Arc::clone(table));
                Transformed::yes(LogicalPlan::TableScan(TableScan { source, ..scan }))
            }
            None => Transformed::no(LogicalPlan::TableScan(scan)),
        })
    })?;
    Ok(replaced.data)
}

/// The same plan, with what scans of tables of TiDB read as rows of inputs: so it can be sent.
///
/// # Errors
/// When a scan's ranges make no rows.
pub fn shared_out(plan: Arc<dyn ExecutionPlan>) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
    // Stages are begun side by side by the scheduler, which looks for what is read of several partitions right below a join.
    let at_once = plan.transform_up(|node| match node.downcast_ref::<BufferExec>() {
        Some(buffer) => Ok(Transformed::yes(Arc::clone(buffer.input()))),
        None => Ok(Transformed::no(node)),
    })?;
    let shared = at_once.data.transform_down(|node| match node.downcast_ref::<TikvScanExec>() {
        Some(scan) => {
            let tasks = TikvTasksExec::of(scan.clone())?;
            Ok(Transformed::new(Arc::new(tasks) as _, true, TreeNodeRecursion::Jump))
        }
        None => Ok(Transformed::no(node)),
    })?;
    Ok(shared.data)
}
