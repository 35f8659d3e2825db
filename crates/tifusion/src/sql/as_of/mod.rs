//! `AS OF TIMESTAMP` behind the names of tables: a statement that reads the past, schema and rows.
//!
//! [`words`] finds it in the text ([`function`] where it is one), for the parser does not know it; [`uses`] which tables have it;
//! [`moment`] which time it is.

mod function;
mod moment;
mod uses;
pub(super) mod words;

use datafusion::execution::session_state::SessionState;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::ObjectName;
use tifusion_client::Timestamp;

use self::moment::Clock;
use self::uses::Uses;
use super::guard::resolve;
use crate::error::{Error, Result};
use crate::session::TidbSession;

/// The time in the past that `statement` itself reads its tables of TiDB as of; `None` if it names none.
///
/// # Errors
/// When its tables have different times or some have none, when the time is no time, lies in the
/// future, or is older than what the garbage collector keeps.
pub(super) async fn timestamp(
    session: &TidbSession,
    statement: &DfStatement,
    state: &SessionState,
) -> Result<Option<Timestamp>> {
    let uses = Uses::of(statement)?;
    if uses.with.is_empty() {
        return Ok(None);
    }
    for (name, _) in &uses.with {
        if !is_ours(session, name, state)? {
            return Err(Error::invalid(format!(
                "{name} is no table of TiDB: it can't be read AS OF a TIMESTAMP"
            )));
        }
    }
    for name in &uses.without {
        if is_ours(session, name, state)? {
            return Err(Error::invalid(format!(
                "can not set different time in the as of: {name} has none, where all tables of a \
                 statement are read AS OF one TIMESTAMP or none is"
            )));
        }
    }
    let config = session.config();
    let cluster = session.catalog().cluster();
    let deadline = cluster.deadline(&config);
    let now = cluster.meta().timestamp(deadline).await?;
    let zone = config.settings().time_zone.as_str().parse()?;
    let clock = Clock { now, zone };
    let mut times = uses.with.iter().map(|(_, expr)| moment::timestamp(expr, clock));
    let Some(first) = times.next().transpose()? else { return Ok(None) };
    for other in times {
        let other = other?;
        if other != first {
            return Err(crate::reading::different_times(Some(first), Some(other)));
        }
    }
    cluster.check_past(first, now, deadline, "AS OF TIMESTAMP").await?;
    Ok(Some(first))
}

/// Refuses a statement that writes.
pub(super) fn writes() -> Error {
    Error::invalid(
        "a statement that reads AS OF a TIMESTAMP can't write: what it writes would be of that time",
    )
}

/// Whether a statement reads tables as of a time of its own.
///
/// # Errors
/// Where a time is given to what is no table.
pub(super) fn is_used(statement: &DfStatement) -> Result<bool> {
    Ok(!Uses::of(statement)?.with.is_empty())
}

/// Whether it is the name of a table of the cluster.
fn is_ours(session: &TidbSession, name: &ObjectName, state: &SessionState) -> Result<bool> {
    let lower_case = state.config_options().sql_parser.enable_ident_normalization;
    let full = resolve(&object_name_to_table_reference(name.clone(), lower_case)?, state);
    let is_ours = *full.catalog == *session.connected().catalog();
    if is_ours && &*full.schema == "information_schema" {
        return Err(Error::unsupported(
            "information_schema shows what is there now, not beside tables AS OF a TIMESTAMP",
        ));
    }
    Ok(is_ours)
}
