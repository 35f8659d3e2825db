//! The query whose rows tell a statement what to write.

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, LimitClause, ObjectNamePart, OrderBy, OrderByExpr, OrderByKind, Query, Select,
    SelectItem, SetExpr, TableFactor, TableWithJoins,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::error::{Error, ErrorKind, Result};
use crate::planner::table_factor;
use crate::table::{ROW_ID_COLUMN, TidbTable};
use crate::write::{RowKeyColumn, WriteTarget};

/// Which rows of a table a statement changes.
pub(super) struct Rows<'a> {
    pub(super) table: &'a TableWithJoins,
    pub(super) selection: &'a Option<Expr>,
    pub(super) order_by: &'a [OrderByExpr],
    pub(super) limit: &'a Option<Expr>,
}

/// A query for the keys of `rows`, and `more` behind them.
pub(super) fn keys(rows: &Rows<'_>, target: &TidbTable, more: Vec<Expr>) -> Result<Box<Query>> {
    let key = WriteTarget::new(&target.written())?.row_key_columns()?;
    let needs_row_id = key.contains(&RowKeyColumn::RowId);
    let qualifier = qualifier(rows.table)?;
    let mut columns = Vec::with_capacity(key.len());
    for part in &key {
        let name = match part {
            RowKeyColumn::RowId => ROW_ID_COLUMN,
            RowKeyColumn::Column(offset) => {
                let column = target.info().columns.get(*offset);
                column.map_or(ROW_ID_COLUMN, |column| column.name.as_str())
            }
        };
        let name = Ident::with_quote('"', name);
        columns.push(Expr::CompoundIdentifier(vec![qualifier.clone(), name]));
    }
    columns.extend(more);
    let mut query = template()?;
    let SetExpr::Select(select) = &mut *query.body else { return Err(no_template()) };
    fill(select, columns, rows);
    if needs_row_id {
        // Those of this table here, and of no other that the statement reads.
        for from in &mut select.from {
            table_factor::show_row_id(&mut from.relation);
        }
    }
    if !rows.order_by.is_empty() {
        let kind = OrderByKind::Expressions(rows.order_by.to_vec());
        query.order_by = Some(OrderBy { kind, interpolate: None });
    }
    if rows.limit.is_some() {
        query.limit_clause = Some(LimitClause::LimitOffset {
            limit: rows.limit.clone(),
            offset: None,
            limit_by: Vec::new(),
        });
    }
    Ok(query)
}

fn fill(select: &mut Select, columns: Vec<Expr>, rows: &Rows<'_>) {
    let named = columns.into_iter().enumerate().map(|(at, expr)| SelectItem::ExprWithAlias {
        expr,
        alias: Ident::with_quote('"', format!("__write{at}")),
    });
    select.projection = named.collect();
    select.from = vec![rows.table.clone()];
    select.selection.clone_from(rows.selection);
}

/// By which name the table's columns are qualified.
pub(super) fn qualifier(table: &TableWithJoins) -> Result<Ident> {
    let unnamed = || Error::new(ErrorKind::Engine, format!("{table} has no name"));
    let TableFactor::Table { name, alias, .. } = &table.relation else { return Err(unnamed()) };
    if let Some(alias) = alias {
        return Ok(alias.name.clone());
    }
    match name.0.last() {
        Some(ObjectNamePart::Identifier(ident)) => Ok(ident.clone()),
        _ => Err(unnamed()),
    }
}

/// A query to be filled in.
pub(super) fn template() -> Result<Box<Query>> {
    let parsed = Parser::new(&GenericDialect {}).try_with_sql("SELECT 1 FROM t");
    let query = parsed.and_then(|mut parser| parser.parse_query());
    query.map_err(|error| no_template().with_source(error))
}

/// A query for the one row that nobody looks at.
pub(super) fn nothing() -> Result<Box<Query>> {
    let parsed = Parser::new(&GenericDialect {}).try_with_sql("SELECT 1");
    let query = parsed.and_then(|mut parser| parser.parse_query());
    query.map_err(|error| no_template().with_source(error))
}

fn no_template() -> Error {
    Error::new(ErrorKind::Engine, "the query of a statement that writes could not be made")
}
