//! `SET` and `RESET`.

use datafusion::dataframe::DataFrame;
use datafusion::sql::parser::{ResetStatement, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::{Expr, ObjectName, Set, Value};

use super::plan;
use crate::error::{Error, Result};
use crate::session::TidbSession;

/// What all of this crate's variables begin with.
const PREFIX: &str = "tidb.";

/// Runs a `SET`; `tidb.time_zone` and `datafusion.execution.time_zone` are kept the same.
pub(super) async fn set(
    session: &TidbSession,
    set: &Set,
    statement: &DfStatement,
) -> Result<DataFrame> {
    let before = session.config().settings().time_zone.clone();
    if let Set::SetTimeZone { local: false, value } = set {
        let zone = text(value).ok_or_else(|| {
            Error::invalid(format!("SET TIME ZONE {value}: expected a zone in quotes"))
        })?;
        session.change_options(|config| config.set_in_session("time_zone", &zone))?;
        session.follow_time_zone(&before).await?;
        return session.nothing();
    }
    let frame = plan::plan(session, statement.clone()).await?;
    session.follow_time_zone(&before).await?;
    Ok(frame)
}

/// Runs a `RESET`: a variable of ours gets the value that it had when connecting.
pub(super) async fn reset(session: &TidbSession, reset: &ResetStatement) -> Result<DataFrame> {
    let ResetStatement::Variable(name) = reset;
    let before = session.config().settings().time_zone.clone();
    if let Some(key) = variable(name).strip_prefix(PREFIX) {
        let connected = session.connected();
        session.change_options(|config| config.copy_in_session(key, connected))?;
        session.follow_time_zone(&before).await?;
        return session.nothing();
    }
    let frame = plan::plan(session, DfStatement::Reset(reset.clone())).await?;
    session.follow_time_zone(&before).await?;
    Ok(frame)
}

fn variable(name: &ObjectName) -> String {
    let parts = name.0.iter().filter_map(|part| part.as_ident());
    parts.map(|ident| ident.value.to_ascii_lowercase()).collect::<Vec<_>>().join(".")
}

fn text(value: &Expr) -> Option<String> {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        Expr::Identifier(ident) => Some(ident.value.clone()),
        _ => None,
    }
}
