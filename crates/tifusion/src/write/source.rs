//! What rows that are written are made of: it is read at a snapshot, whatever the session reads otherwise, for a value from before
//! a transaction that had committed would undo it.

use std::sync::Arc;

use datafusion::config::ConfigOptions;
use datafusion::execution::{SessionState, TaskContext};

use crate::config::{Isolation, TidbOptions};
use crate::error::Result;

/// The key of how tables are read, and its value for a snapshot.
const SNAPSHOT: (&str, &str) = ("request.isolation.level", "SI");

/// Has what is planned read at the snapshot.
///
/// # Errors
/// None that is known of.
pub(crate) fn plan_by_snapshot(state: &mut SessionState) -> Result<()> {
    by_snapshot(state.config_mut().options_mut())
}

/// Has what runs read at the snapshot where it is not planned before, as by a scheduler, or where others are told the session's
/// options, as executors are.
///
/// # Errors
/// None that is known of.
pub(super) fn run_by_snapshot(context: Arc<TaskContext>) -> Result<Arc<TaskContext>> {
    let config = TidbOptions::config_of(context.session_config().options());
    if config.is_none_or(|config| config.settings().isolation == Isolation::Si) {
        return Ok(context);
    }
    let mut config = context.session_config().clone();
    by_snapshot(config.options_mut())?;
    Ok(Arc::new(TaskContext::new(
        context.task_id(),
        context.session_id(),
        config,
        context.scalar_functions().clone(),
        context.higher_order_functions().clone(),
        context.aggregate_functions().clone(),
        context.window_functions().clone(),
        context.runtime_env(),
    )))
}

fn by_snapshot(options: &mut ConfigOptions) -> Result<()> {
    match options.extensions.get_mut::<TidbOptions>() {
        Some(ours) => ours.config_mut().set_in_session(SNAPSHOT.0, SNAPSHOT.1),
        None => Ok(()),
    }
}
