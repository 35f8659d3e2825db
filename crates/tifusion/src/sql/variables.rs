//! `SET` and `RESET`.

use datafusion::dataframe::DataFrame;
use datafusion::sql::parser::{ResetStatement, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::{Expr, ObjectName, Set, Statement, Value};

use super::plan;
use crate::error::{Error, Result};
use crate::session::TidbContext;

/// What all of this crate's variables begin with.
const PREFIX: &str = "tidb.";

/// Runs a `SET`; `tidb.time_zone` and `datafusion.execution.time_zone` are kept the same.
pub(super) async fn set(
    context: &TidbContext,
    set: &Set,
    statement: &DfStatement,
) -> Result<DataFrame> {
    let before = context.config().settings().time_zone.clone();
    if let Set::SetTimeZone { local: false, value } = set {
        let zone = text(value).ok_or_else(|| {
            Error::invalid(format!("SET TIME ZONE {value}: expected a zone in quotes"))
        })?;
        context.change_options(|config| config.set_in_session("time_zone", &zone))?;
        context.follow_time_zone(&before).await?;
        return context.nothing();
    }
    let frame = plan::plan(context, statement.clone()).await?;
    context.follow_time_zone(&before).await?;
    Ok(frame)
}

/// Runs a `RESET`: a variable of ours gets the value that it had when connecting.
pub(super) async fn reset(context: &TidbContext, reset: &ResetStatement) -> Result<DataFrame> {
    let ResetStatement::Variable(name) = reset;
    let before = context.config().settings().time_zone.clone();
    if let Some(key) = variable(name).strip_prefix(PREFIX) {
        let connected = context.connected();
        context.change_options(|config| config.copy_in_session(key, connected))?;
        context.follow_time_zone(&before).await?;
        return context.nothing();
    }
    let frame = plan::plan(context, DfStatement::Reset(reset.clone())).await?;
    context.follow_time_zone(&before).await?;
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

/// Whether a statement shows a variable, so that it reads no names of tables.
pub(super) fn shows_variable(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::ShowVariable { .. }
            | Statement::ShowVariables { .. }
            | Statement::ShowStatus { .. }
            | Statement::ShowFunctions { .. }
            | Statement::ShowCollation { .. }
    )
}
