//! SQL around DataFusion's: what TiDB has and DataFusion lacks is done here, the rest is passed on
//! with its names resolved as TiDB resolves them.

mod as_of;
mod ddl;
pub(crate) mod dml;
mod guard;
mod insert_set;
mod keywords;
mod missing;
mod names;
mod parens;
mod parse;
mod plan;
mod script;
mod show;
pub(crate) mod source;
mod variables;
mod view;

use std::fmt;

use datafusion::dataframe::DataFrame;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{Ident, Statement as SqlStatement};

use ddl::SchemaStatement;
use show::StatsScope;
pub(crate) use show::use_database;
use source::SqlText;
pub(crate) use view::view_planner;

use crate::error::Result;
use crate::session::{CurrentDatabase, TidbSession};

/// A statement that was parsed, for [`TidbContext::run`](crate::TidbContext::run).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement(Parsed);

/// What a statement was parsed to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Parsed {
    /// A statement of DataFusion's, and its text where a part of it may be for TiDB to read.
    Engine(Box<DfStatement>, Option<SqlText>),
    /// A statement that may be for TiDB as a whole.
    Schema(Box<SchemaStatement>),
}

impl Statement {
    /// The statement as DataFusion's parser has it; `None` for one that only TiDB understands.
    #[must_use]
    pub fn as_datafusion(&self) -> Option<&DfStatement> {
        match &self.0 {
            Parsed::Engine(statement, _) => Some(statement),
            Parsed::Schema(schema) => schema.engine.as_ref(),
        }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Parsed::Engine(statement, _) => statement.fmt(f),
            Parsed::Schema(schema) => f.write_str(&schema.written),
        }
    }
}

/// The statements of a script, in the dialect of the session.
///
/// # Errors
/// When it can't be parsed.
pub(crate) fn parse(state: &SessionState, script: &str) -> Result<Vec<Statement>> {
    Ok(script::parse(state, script)?.into_iter().map(Statement).collect())
}

/// Plans a statement, and runs those that have no result to wait for.
///
/// # Errors
/// When it names what is not there, or asks for what can't be had.
pub(crate) async fn run(session: &TidbSession, statement: Statement) -> Result<DataFrame> {
    let (statement, text) = match statement.0 {
        Parsed::Engine(statement, text) => (*statement, text),
        Parsed::Schema(schema) => {
            // Boxed: it is large, and few statements are of this kind.
            if let Some(frame) = Box::pin(ddl::run(session, &schema)).await? {
                return Ok(frame);
            }
            let state = session.engine().state();
            (schema.engine.map_or_else(|| script::parse_one(&state, &schema.written), Ok)?, None)
        }
    };
    match &statement {
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
            SqlStatement::Set(set) => return variables::set(session, set, &statement).await,
            _ => {}
        },
        DfStatement::Reset(reset) => return variables::reset(session, reset).await,
        _ => {}
    }
    if let Some(frame) = dml::plan(session, &statement, text.as_ref()).await? {
        return Ok(frame);
    }
    plan::plan(session, statement).await
}

/// The plan of a query, over the tables as they are now.
///
/// # Errors
/// When it names what is not there, or can't be planned.
pub(crate) async fn query_plan(
    session: &TidbSession,
    query: DfStatement,
    database: &CurrentDatabase,
) -> Result<LogicalPlan> {
    let mut state = session.engine().state();
    database.set(&mut state);
    plan::logical_plan(session, query, state).await
}

/// What a query asks of the tables as they were last seen; `None` for what is no query, and where they must be looked at
/// first.
///
/// # Errors
/// When it can't be had whatever the tables are.
pub(crate) async fn query_as_seen(
    session: &TidbSession,
    statement: &Statement,
) -> Result<Option<SeenQuery>> {
    let query = statement.as_datafusion().filter(|statement| is_query(statement));
    let Some(query) = query else { return Ok(None) };
    let seen = plan::plan_as_seen(session, query).await?;
    Ok(seen.map(|(plan, schema_version)| SeenQuery { plan, schema_version }))
}

/// Whether it is a `SELECT`, `WITH` or `VALUES`.
pub(crate) fn is_query(statement: &DfStatement) -> bool {
    matches!(statement, DfStatement::Statement(statement) if matches!(**statement, SqlStatement::Query(_)))
}

/// A query over the tables as they were when the schema had a version.
#[derive(Debug)]
pub(crate) struct SeenQuery {
    pub(crate) plan: LogicalPlan,
    pub(crate) schema_version: i64,
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
