//! `INSERT`, `REPLACE`, `DELETE` and `UPDATE` of tables of TiDB.
//!
//! DataFusion's own planner fills columns that are left out with `NULL`, casts by its own rules, and may tell a
//! table to delete more rows than the statement means (filters with subqueries). So a statement is taken
//! apart here: its rows are those of a query that DataFusion plans like every other, and
//! [`write`](crate::write) does with them what the statement says.

mod exact;
mod forms;
mod insert;
mod literal;
mod passed_on;
mod select;
pub(crate) mod target;
mod update;

use std::sync::Arc;

use datafusion::common::display::{PlanType, ToStringifiedPlan as _};
use datafusion::common::format::ExplainStatementOptions;
use datafusion::dataframe::DataFrame;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Analyze, Explain, LogicalPlan};
use datafusion::sql::parser::{ExplainStatement, Statement as DfStatement};
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::{Query, Statement};

use super::as_of;
use super::plan::{Names, plan_over};
use crate::config::{Config, TidbOptions, WriteMode};
use crate::error::{Error, Result};
use crate::session::TidbSession;
use crate::sql::source::SqlText;
use crate::table::TidbTable;
use crate::write::{TableWrite, WriteKind, WriteOptions, check_enabled};
use target::Target;

/// What a statement writes, and the query whose rows say so.
struct Write {
    kind: WriteKind,
    query: Box<Query>,
}

/// Plans a statement that writes to a table of the cluster; `None` for any other.
///
/// # Errors
/// When it names what is not there, asks for what can't be had, or writing is off.
pub(super) async fn plan(
    session: &TidbSession,
    statement: &DfStatement,
    text: Option<&SqlText>,
) -> Result<Option<DataFrame>> {
    let (sql, explain) = match statement {
        DfStatement::Explain(ExplainStatement { options, statement }) => match &**statement {
            DfStatement::Statement(sql) => (&**sql, Some(options.clone())),
            _ => return Ok(None),
        },
        DfStatement::Statement(sql) => (&**sql, None),
        _ => return Ok(None),
    };
    let state = session.engine().state();
    let (sql, is_prepared) = match sql {
        Statement::Prepare { statement, .. } => (&**statement, true),
        sql => (sql, false),
    };
    let Some(name) = target::name(sql)? else { return Ok(None) };
    let lower_case = state.config_options().sql_parser.enable_ident_normalization;
    let name = object_name_to_table_reference(name, lower_case)?;
    let Some(target) = Target::find(session, &state, &name).await? else { return Ok(None) };
    let table = Arc::clone(&target.table);
    if is_prepared {
        return Err(Error::unsupported("PREPARE of a statement that writes: give it as it is"));
    }
    let config = session.config();
    let mode = config.settings().write_mode;
    check_enabled(&config, mode, table.database(), table.info())?;
    let write = match sql {
        Statement::Insert(insert) if mode != WriteMode::Sql || !passed_on::is_for_tidb(insert) => {
            insert::write(insert, &table)?
        }
        Statement::Insert(_) | Statement::Delete(_) | Statement::Update(_)
            if mode == WriteMode::Sql =>
        {
            let statement = passed_on::PassedOn { sql, text, table: &table };
            statement.write(session, &state).await?
        }
        Statement::Delete(delete) => update::delete(delete, &table, &config)?,
        Statement::Update(update) => update::update(update, &table, &config)?,
        _ => return Ok(None),
    };
    planned(session, state, target, write, explain).await.map(Some)
}

async fn planned(
    session: &TidbSession,
    mut state: SessionState,
    target: Target,
    mut write: Write,
    explain: Option<ExplainStatementOptions>,
) -> Result<DataFrame> {
    let config = settings(session, &mut state)?;
    let mode = config.settings().write_mode;
    literal::make_doubles(&mut write.query);
    literal::make_bytes(&mut write.query);
    let select = DfStatement::Statement(Box::new(Statement::Query(write.query)));
    let mut select = match explain {
        None => select,
        Some(options) => {
            DfStatement::Explain(ExplainStatement { options, statement: Box::new(select) })
        }
    };
    // That of a base table is found again when it is planned, that of a view is not.
    if as_of::is_used(&select)? {
        return Err(as_of::writes());
    }
    let names = Names::of(&select, &state, session.catalog())?;
    let view = target.view_with(&names).await?;
    let catalog = session.catalog().pinned(view, config, None);
    let input = plan_over(Some(catalog), &names, &mut select, state.clone()).await?;
    Ok(DataFrame::new(state, placed(input, &target.table, (write.kind, mode))?))
}

/// How a statement that writes is planned: numbers keep their digits, and a date that no calendar has is not
/// taken for `NULL`.
fn settings(session: &TidbSession, state: &mut SessionState) -> Result<Arc<Config>> {
    let options = state.config_mut().options_mut();
    options.sql_parser.parse_float_as_decimal = true;
    // Else a subquery with several rows would make several of a row.
    options.optimizer.enable_physical_uncorrelated_scalar_subquery = true;
    let Some(ours) = options.extensions.get_mut::<TidbOptions>() else {
        return Ok(session.config());
    };
    ours.config_mut().set_in_session("zero_date", "error")?;
    Ok(Arc::new(ours.config_mut().clone()))
}

/// The plan of the query, or of its explanation, with the write around the query.
fn placed(
    plan: LogicalPlan,
    table: &TidbTable,
    (kind, mode): (WriteKind, WriteMode),
) -> Result<LogicalPlan> {
    let written = Arc::new(table.written());
    let write = |input| TableWrite {
        table: Arc::clone(&written),
        kind: kind.clone(),
        options: WriteOptions { mode: Some(mode), ..WriteOptions::default() },
        input,
    };
    let around = |input: LogicalPlan| {
        check_width(&input, table, &kind)?;
        Ok::<_, Error>(write(exact::exact(input)?).into_plan())
    };
    Ok(match plan {
        LogicalPlan::Explain(explain) => {
            let write = around(Arc::unwrap_or_clone(explain.plan))?;
            let stringified_plans = vec![write.to_stringified(PlanType::InitialLogicalPlan)];
            LogicalPlan::Explain(Explain { plan: Arc::new(write), stringified_plans, ..explain })
        }
        LogicalPlan::Analyze(analyze) => {
            let input = Arc::new(around(Arc::unwrap_or_clone(analyze.input))?);
            LogicalPlan::Analyze(Analyze { input, ..analyze })
        }
        input => around(input)?,
    })
}

/// Refuses a query with more or fewer columns than are written.
fn check_width(input: &LogicalPlan, table: &TidbTable, kind: &WriteKind) -> Result<()> {
    let WriteKind::Insert { columns, .. } = kind else { return Ok(()) };
    let given = input.schema().fields().len();
    if given == columns.len() {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Column count doesn't match value count: {} columns of {} are written, and there are {given} \
         values",
        columns.len(),
        table.label()
    )))
}
