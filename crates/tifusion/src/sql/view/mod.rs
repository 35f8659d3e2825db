//! Views of TiDB: their text parsed as TiDB's, planned over the tables it names.
//!
//! A view's text is TiDB's SQL, and means what it means there. [`text`] refuses by name what DataFusion
//! understands differently, by the words; [`meaning`] by the types of what they stand for.

mod collation;
mod functions;
mod meaning;
mod text;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::common::config::Dialect;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

use tifusion_schema::model::ci_str::to_lower;

use super::parse;
use super::plan::{Names, plan_over};
use crate::catalog::{TidbCatalog, ViewPlanner};
use crate::error::{Error, ErrorKind, Result};
use crate::reading::ViewUse;
use crate::session::CurrentDatabase;

/// What opens views.
pub(crate) fn view_planner() -> Arc<dyn ViewPlanner> {
    Arc::new(TidbViews)
}

/// The refusal of a part of a view's text.
fn differs(what: impl std::fmt::Display, why: &str) -> Error {
    Error::unsupported(format!("{what} in a view: {why}"))
}

#[derive(Debug)]
struct TidbViews;

#[async_trait]
impl ViewPlanner for TidbViews {
    async fn plan(
        &self,
        used: &ViewUse,
        catalog: TidbCatalog,
        mut state: SessionState,
    ) -> Result<LogicalPlan> {
        let Some(view) = &used.info.view else {
            return Err(Error::new(ErrorKind::Data, "a view without a SELECT"));
        };
        speak_tidb(&mut state, catalog.name(), &used.database);
        let limit = state.config_options().sql_parser.recursion_limit.get();
        let mut statement = parse::parse_view(&view.select, limit)?;
        text::check(&mut statement)?;
        let names = Names::of(&statement, &state, &catalog)?;
        if names.lists() {
            return Err(Error::unsupported("a view over information_schema"));
        }
        let catalog = catalog.with_tables_of(names.databases()).await?;
        let plan = plan_over(Some(catalog), &names, &mut statement, state).await?;
        let plan = meaning::check(plan)?;
        named(plan, used, !view.columns.is_empty())
    }
}

/// Has a session read SQL as TiDB does in `database`, as far as that is a setting.
fn speak_tidb(state: &mut SessionState, catalog: &str, database: &str) {
    CurrentDatabase::new(catalog, database).set(state);
    let options = state.config_mut().options_mut();
    options.sql_parser.dialect = Dialect::MySQL;
    options.sql_parser.enable_ident_normalization = true;
    options.sql_parser.parse_float_as_decimal = true;
    "nulls_min".clone_into(&mut options.sql_parser.default_null_ordering);
}

/// `plan` with the columns that the view has: those of its `SELECT` in order, and in metadata of old
/// versions of TiDB, which keep the names in the `SELECT` too, those of the same names.
fn named(plan: LogicalPlan, used: &ViewUse, by_name: bool) -> Result<LogicalPlan> {
    let names = used.info.public_columns().into_iter().map(|column| column.name.original.clone());
    let names: Vec<String> = names.collect();
    let mut columns = plan.schema().columns();
    if by_name {
        let find =
            |name: &String| columns.iter().find(|column| to_lower(&column.name) == to_lower(name));
        columns = names.iter().filter_map(|name| find(name).cloned()).collect();
    }
    if columns.len() != names.len() {
        return Err(Error::new(
            ErrorKind::Data,
            format!("it has {} columns, and its SELECT {}", names.len(), columns.len()),
        ));
    }
    let columns = columns.into_iter().map(Expr::Column).zip(names);
    let columns: Vec<Expr> = columns.map(|(column, name)| column.alias(name)).collect();
    Ok(LogicalPlanBuilder::from(plan).project(columns)?.build()?)
}
