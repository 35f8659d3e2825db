//! SQL around DataFusion's: what TiDB has and DataFusion lacks is done here, the rest is passed on
//! with its names resolved as TiDB resolves them.

mod as_of;
pub(crate) mod dml;
mod guard;
mod keywords;
mod missing;
mod names;
mod parens;
mod parse;
mod plan;
mod show;
mod variables;
mod view;

use std::fmt;

use datafusion::dataframe::DataFrame;
use datafusion::execution::session_state::SessionState;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{Ident, Statement as SqlStatement};

use show::StatsScope;
pub(crate) use show::use_database;
pub(crate) use view::view_planner;

use crate::error::Result;
use crate::session::TidbSession;

/// A statement that was parsed, for [`TidbContext::run`](crate::TidbContext::run).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement(DfStatement);

impl Statement {
    /// The statement as DataFusion's parser has it.
    #[must_use]
    pub fn as_datafusion(&self) -> &DfStatement {
        &self.0
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The statements of a script, in the dialect of the session.
///
/// # Errors
/// When it can't be parsed.
pub(crate) fn parse(state: &SessionState, script: &str) -> Result<Vec<Statement>> {
    Ok(parse::parse(state, script)?.into_iter().map(Statement).collect())
}

/// Plans a statement, and runs those that have no result to wait for.
///
/// # Errors
/// When it names what is not there, or asks for what can't be had.
pub(crate) async fn run(session: &TidbSession, statement: Statement) -> Result<DataFrame> {
    match &statement.0 {
        DfStatement::Statement(sql) => match &**sql {
            SqlStatement::ShowDatabases { show_options, .. }
            | SqlStatement::ShowSchemas { show_options, .. } => {
                return show::databases(session, show_options).await;
            }
            SqlStatement::ShowTables { full, extended: false, show_options, .. } => {
                if let Some(frame) = show::tables(session, *full, show_options).await? {
                    return Ok(frame);
                }
            }
            SqlStatement::ShowColumns { extended: false, show_options, .. } => {
                return show::columns(session, show_options).await;
            }
            SqlStatement::ShowCreate { obj_type, obj_name } => {
                if let Some(frame) = show::create(session, obj_type, obj_name).await? {
                    return Ok(frame);
                }
            }
            SqlStatement::ShowVariable { variable } => {
                if let Some(frame) = show_words(session, variable).await? {
                    return Ok(frame);
                }
            }
            SqlStatement::Use(target) => return show::use_target(session, target).await,
            SqlStatement::Set(set) => return variables::set(session, set, &statement.0).await,
            _ => {}
        },
        DfStatement::Reset(reset) => return variables::reset(session, reset).await,
        _ => {}
    }
    if let Some(frame) = dml::plan(session, &statement.0).await? {
        return Ok(frame);
    }
    plan::plan(session, statement.0).await
}

/// A `SHOW` that the parser takes for one of a variable; `None` if it is one.
async fn show_words(session: &TidbSession, words: &[Ident]) -> Result<Option<DataFrame>> {
    let Some((first, rest)) = words.split_first() else { return Ok(None) };
    let frame = match first.value.to_ascii_lowercase().as_str() {
        _ if first.quote_style.is_some() => return Ok(None),
        "index" | "indexes" | "keys" => show::indexes(session, rest).await?,
        "stats" => show::stats(session, &StatsScope::of(rest)?).await?,
        "stats_meta" if rest.is_empty() => show::stats(session, &StatsScope::All).await?,
        _ => return Ok(None),
    };
    Ok(Some(frame))
}
