//! Whether a write goes over several machines.

use std::sync::Arc;

use datafusion::execution::session_state::SessionState;
use datafusion::physical_plan::ExecutionPlan;

use super::encode_exec::FramedEditsExec;
use super::exec::TidbSpreadWriteExec;
use super::jobs::WritesOnJobs;
use super::sent::{SentKind, SentWrite};
use crate::config::{Config, WriteMode};
use crate::error::Result;
use crate::meta::ReadAt;
use crate::statement::StatementSnapshot;
use crate::write::guard::SchemaGuard;
use crate::write::job::WriteJob;
use crate::write::node::{TableWrite, TidbWrite};
use crate::write::plan::checked;
use crate::write::refuse;
use crate::write::target::{RowKeyColumn, WriteTarget};

/// The operator that does a write over several machines; `None` where the session does it. Why it does what is read
/// on several machines is in the log.
///
/// # Errors
/// As [`write_plan`](crate::write::write_plan).
pub(crate) async fn spread_plan(
    write: &TidbWrite,
    state: &SessionState,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(on_jobs) = state.config().get_extension::<WritesOnJobs>() else { return Ok(None) };
    let [write] = write.writes() else { return Ok(here("it is to several tables")) };
    let parts = [(&*write.table, &write.kind, &write.options)];
    let (snapshot, config) = checked(&parts, state)?;
    let mode = write.options.mode.unwrap_or(config.settings().write_mode);
    if mode == WriteMode::Sql || write.options.dry_run {
        return Ok(None);
    }
    let jobs = Arc::clone(on_jobs.jobs());
    let Some(input) = jobs.plan(&write.input, &elsewhere(state, &snapshot)).await? else {
        return Ok(None);
    };
    let target = Arc::new(WriteTarget::new(&write.table)?);
    let Some(kind) = sent_kind(write, &target)? else { return Ok(None) };
    let at = ReadAt { ts: snapshot.start_ts(), deadline: snapshot.deadline() };
    refuse::check_cluster(&target, at, snapshot.schema_version()).await?;
    let (sent, job) = sent_write(write, target, kind, &snapshot, &config).await?;
    let edits = FramedEditsExec::new(Arc::clone(&sent), Arc::clone(&job), input)?;
    let edits: Arc<dyn ExecutionPlan> = Arc::new(edits);
    if let Err(error) = jobs.check(&edits, state) {
        return Ok(here(&error.strip_backtrace()));
    }
    Ok(Some(Arc::new(TidbSpreadWriteExec::new(sent, job, edits, jobs))))
}

/// The session as it plans what other processes run.
fn elsewhere(state: &SessionState, snapshot: &StatementSnapshot) -> SessionState {
    let mut state = state.clone();
    state.config_mut().set_extension(Arc::new(snapshot.clone().of_elsewhere()));
    state
}

/// A write that goes through the session.
fn here<T>(why: &str) -> Option<T> {
    tracing::info!(%why, "a write goes through this process, not over Ballista's executors");
    None
}

/// What is done, if that can be done on several machines.
fn sent_kind(write: &TableWrite, target: &WriteTarget) -> Result<Option<SentKind>> {
    if write.options.deduplicate {
        return Ok(here("of rows with one key the last is written"));
    }
    let Some(kind) = SentKind::of(&write.kind) else {
        return Ok(here("rows of the table may be in the way of new ones"));
    };
    match &kind {
        SentKind::Insert { columns } => {
            let info = &target.info;
            let left_out = |(offset, _): &(usize, _)| !columns.contains(offset);
            let mut left_out = info.columns.iter().enumerate().filter(left_out);
            if left_out.any(|(_, column)| column.default_is_expr) {
                return Ok(here("a default is an expression"));
            }
        }
        // Which of the edits of one key comes to what nobody knows before they are merged.
        SentKind::Update { columns } => {
            let changes_key = |part: &RowKeyColumn| match part {
                RowKeyColumn::RowId => false,
                RowKeyColumn::Column(offset) => columns.contains(offset),
            };
            if target.row_key_columns()?.iter().any(changes_key) {
                return Ok(here("rows get other keys"));
            }
        }
        SentKind::Delete => {}
    }
    Ok(Some(kind))
}

async fn sent_write(
    write: &TableWrite,
    target: Arc<WriteTarget>,
    kind: SentKind,
    snapshot: &Arc<StatementSnapshot>,
    config: &Config,
) -> Result<(Arc<SentWrite>, Arc<WriteJob>)> {
    let (start_ts, query) = (snapshot.start_ts(), snapshot.query());
    let guard = SchemaGuard::new(Arc::clone(&target), start_ts, query).await?;
    let how = (write.kind.clone(), write.options.clone());
    let job = Arc::new(WriteJob::new(target, how, Arc::clone(snapshot), config)?);
    let sent = Arc::new(SentWrite::of(&job, kind, guard.table_json()));
    Ok((sent, job))
}
