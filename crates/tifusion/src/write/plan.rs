//! From a write in a logical plan to the operators that do it.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result as DataFusionResult;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::command::{OnDuplicate, WriteKind};
use super::commit_exec::TidbWriteExec;
use super::default_expr;
use super::encode_exec::TidbEncodeExec;
use super::first_rows_exec::FirstRowsExec;
use super::insert::InsertEncoder;
use super::job::WriteJob;
use super::last_rows_exec::last_rows;
use super::node::{PlannedWrite, TidbWrite};
use super::options::WriteOptions;
use super::refuse;
use super::rights::check_write;
use super::sql;
use super::target::{WriteTarget, WrittenTable};
use crate::config::{Config, TidbOptions, WriteMode};
use crate::error::{Error, Result};
use crate::meta::ReadAt;
use crate::snapshot_check::SnapshotCheckExec;
use crate::statement::{StatementSnapshot, statement_rights};

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
        let Some(write) = node.as_any().downcast_ref::<TidbWrite>() else { return Ok(None) };
        let inputs = physical_inputs.iter().map(Arc::clone);
        let writes = write.writes().iter().zip(inputs);
        let writes = writes.map(|(write, input)| PlannedWrite::new(write, input));
        let writes = writes.collect::<DataFusionResult<_>>()?;
        Ok(Some(write_plan(writes, session).await?))
    }
}

/// Knows the operators of the one write of a statement.
#[derive(Debug)]
pub(crate) struct PlannedBefore {
    plan: Arc<dyn ExecutionPlan>,
}

impl PlannedBefore {
    /// They are these.
    pub(crate) fn new(plan: Arc<dyn ExecutionPlan>) -> Self {
        Self { plan }
    }
}

#[async_trait]
impl ExtensionPlanner for PlannedBefore {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        _physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> DataFusionResult<Option<Arc<dyn ExecutionPlan>>> {
        Ok(node.as_any().is::<TidbWrite>().then(|| Arc::clone(&self.plan)))
    }
}

/// The operators that write to all of these tables in one transaction.
///
/// # Errors
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for a table that is not written to, by name;
/// when types of the input are none for the columns; and what kept the cluster from answering.
pub(crate) async fn write_plan(
    writes: Vec<PlannedWrite>,
    session: &dyn Session,
) -> Result<Arc<dyn ExecutionPlan>> {
    let parts: Vec<_> =
        writes.iter().map(|write| (&*write.table, &write.kind, &write.options)).collect();
    let (snapshot, config) = checked(&parts, session)?;
    let mode = |write: &PlannedWrite| write.options.mode.unwrap_or(config.settings().write_mode);
    if let Some(write) = writes.iter().find(|write| mode(write) == WriteMode::Sql) {
        if writes.len() > 1 {
            return Err(Error::unsupported(format!(
                "{} is written through TiDB's SQL port: such a transaction has one table",
                write.table.label()
            )));
        }
        return sql::plan(write, &snapshot, &config);
    }
    let mut tables = Vec::with_capacity(writes.len());
    for write in writes {
        tables.push(table_plan(write, &snapshot, &config, session).await?);
    }
    Ok(Arc::new(TidbWriteExec::new(tables)))
}

/// The snapshot and the configuration of a statement that does this to these tables, once it is known that it may.
///
/// # Errors
/// When writing is off, the table is not written to, the statement reads the past, or the user lacks a right.
pub(super) fn checked(
    writes: &[(&WrittenTable, &WriteKind, &WriteOptions)],
    session: &dyn Session,
) -> Result<(Arc<StatementSnapshot>, Arc<Config>)> {
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
    for (table, _, options) in writes {
        let mode = options.mode.unwrap_or(config.settings().write_mode);
        refuse::check_enabled(&config, mode, &table.database.1, &table.info)?;
    }
    for (table, kind, _) in writes.iter().filter(|(it, ..)| it.cluster.authorizer().is_some()) {
        check_write(table, kind, statement_rights(session)?.as_ref())?;
    }
    Ok((snapshot, config))
}

async fn table_plan(
    write: PlannedWrite,
    snapshot: &Arc<StatementSnapshot>,
    config: &Config,
    session: &dyn Session,
) -> Result<(Arc<WriteJob>, Arc<dyn ExecutionPlan>)> {
    let PlannedWrite { table, kind, options, input, .. } = write;
    let target = Arc::new(WriteTarget::new(&table)?);
    let at = ReadAt { ts: snapshot.start_ts(), deadline: snapshot.deadline() };
    refuse::check_cluster(&target, at, snapshot.schema_version()).await?;
    let client = target.cluster.client().clone();
    let now =
        default_expr::Now { at: snapshot.start_ts(), zone: config.settings().time_zone.zone() };
    let (kind, input) = default_expr::computed(&target, kind, input, now, session)?;
    let job = WriteJob::new(target, (kind, options), Arc::clone(snapshot), config)?;
    let job = Arc::new(job);
    // What the input read must have been there, and this is said before anything is committed.
    let settings = Arc::new(config.settings().clone());
    let input: Arc<dyn ExecutionPlan> =
        Arc::new(SnapshotCheckExec::new(input, client, Arc::clone(snapshot), settings));
    let input = match &job.kind {
        WriteKind::Insert { columns, on_duplicate } if job.options.deduplicate => {
            let encoder = InsertEncoder::new(&job, &input.schema(), columns, *on_duplicate)?;
            last_rows(&job, input, encoder)
        }
        WriteKind::Insert { columns, on_duplicate: OnDuplicate::Skip } => {
            let encoder = InsertEncoder::new(&job, &input.schema(), columns, OnDuplicate::Skip)?;
            Arc::new(FirstRowsExec::new(Arc::clone(&job), input, Arc::new(encoder)))
        }
        _ => input,
    };
    let edits = TidbEncodeExec::new(Arc::clone(&job), input)?;
    Ok((job, Arc::new(edits)))
}
