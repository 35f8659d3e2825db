//! From a write in a logical plan to the operators that do it.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result as DataFusionResult;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::command::WriteKind;
use super::commit_exec::TidbWriteExec;
use super::encode_exec::TidbEncodeExec;
use super::job::WriteJob;
use super::node::TidbWrite;
use super::options::WriteOptions;
use super::refuse;
use super::sql;
use super::target::{WriteTarget, WrittenTable};
use crate::config::{TidbOptions, WriteMode};
use crate::error::{Error, Result};
use crate::meta::ReadAt;
use crate::snapshot_check::SnapshotCheckExec;
use crate::statement::StatementSnapshot;

/// Plans writes for DataFusion's own planner.
#[derive(Debug)]
pub(crate) struct WritePlanner;

#[async_trait]
impl ExtensionPlanner for WritePlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> DataFusionResult<Option<Arc<dyn ExecutionPlan>>> {
        let write = node.as_any().downcast_ref::<TidbWrite>();
        let (Some(write), [input]) = (write, physical_inputs) else { return Ok(None) };
        let what = (write.kind.clone(), write.options.clone());
        let plan = write_plan(&write.table, what, Arc::clone(input), session).await?;
        Ok(Some(plan))
    }
}

/// The operators that write the rows of `input` to `table`.
///
/// # Errors
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for a table that is not written to, by name;
/// when types of the input are none for the columns; and what kept the cluster from answering.
pub(crate) async fn write_plan(
    table: &WrittenTable,
    what: (WriteKind, WriteOptions),
    input: Arc<dyn ExecutionPlan>,
    session: &dyn Session,
) -> Result<Arc<dyn ExecutionPlan>> {
    let snapshot = session.config().get_extension::<StatementSnapshot>().ok_or_else(|| {
        Error::unsupported(
            "tables of TiDB are written to in a TidbContext, which gives each statement its snapshot",
        )
    })?;
    if snapshot.as_of().is_some() {
        return Err(Error::invalid(
            "a statement that reads AS OF a TIMESTAMP can't write: what it writes would be of that time",
        ));
    }
    let config = TidbOptions::config_of(session.config_options()).unwrap_or_default();
    let mode = what.1.mode.unwrap_or(config.settings().write_mode);
    refuse::check_enabled(&config, mode, &table.database.1, &table.info)?;
    if mode == WriteMode::Sql {
        return sql::plan(table, what, input, snapshot, &config);
    }
    let target = Arc::new(WriteTarget::new(table)?);
    let at = ReadAt { ts: snapshot.start_ts(), deadline: snapshot.deadline() };
    refuse::check_cluster(&target, at, snapshot.schema_version()).await?;
    let client = target.cluster.client().clone();
    let job = Arc::new(WriteJob::new(target, what, Arc::clone(&snapshot), &config)?);
    // What the input read must have been there, and this is said before anything is committed.
    let settings = Arc::new(config.settings().clone());
    let input = Arc::new(SnapshotCheckExec::new(input, client, snapshot, settings));
    let edits = Arc::new(TidbEncodeExec::new(Arc::clone(&job), input)?);
    Ok(Arc::new(TidbWriteExec::new(job, edits)))
}
