//! `DELETE` and `UPDATE`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AssignmentTarget, Delete, Expr, ObjectName, ObjectNamePart, Update, visit_expressions,
};
use tifusion_schema::model::ci_str::to_lower;

use super::select::{self, Rows};
use super::target::deleted_from;
use super::{Write, literal};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::table::TidbTable;
use crate::write::WriteKind;

/// What a `DELETE` writes.
///
/// # Errors
/// When it asks for what can't be had.
pub(super) fn delete(delete: &Delete, table: &TidbTable, config: &Config) -> Result<Write> {
    if delete.returning.is_some() || delete.output.is_some() {
        return Err(Error::unsupported("DELETE … RETURNING"));
    }
    check_filtered(&delete.selection, "DELETE", table, config)?;
    let rows = Rows {
        table: deleted_from(delete)?,
        selection: &delete.selection,
        order_by: &delete.order_by,
        limit: &delete.limit,
    };
    let query = select::keys(&rows, table, Vec::new())?;
    Ok(Write { kind: WriteKind::Delete, query })
}

/// What an `UPDATE` writes.
///
/// # Errors
/// When it asks for what can't be had, names columns that the table does not have, or means one thing in
/// standard SQL and another in MySQL.
pub(super) fn update(update: &Update, table: &TidbTable, config: &Config) -> Result<Write> {
    if update.from.is_some() {
        return Err(Error::unsupported(
            "UPDATE … FROM: use subqueries in SET and WHERE instead of a join",
        ));
    }
    if update.returning.is_some() || update.output.is_some() || update.or.is_some() {
        return Err(Error::unsupported("UPDATE with OR, OUTPUT or RETURNING"));
    }
    check_filtered(&update.selection, "UPDATE", table, config)?;
    let (mut columns, mut values, mut names): (Vec<_>, Vec<_>, Vec<String>) = Default::default();
    for assignment in &update.assignments {
        let AssignmentTarget::ColumnName(name) = &assignment.target else {
            return Err(Error::unsupported(format!("SET {}: set columns one by one", assignment)));
        };
        let offset = offset(name, table)?;
        if columns.contains(&offset) {
            return Err(Error::invalid(format!("column {name} is set twice")));
        }
        if literal::is_default(&assignment.value) {
            return Err(Error::unsupported(format!("SET {name} = DEFAULT: give a value")));
        }
        if let Some(before) = uses(&assignment.value, &names) {
            return Err(Error::unsupported(format!(
                "SET {assignment} uses {before}, which the statement sets before: MySQL would take its new \
                 value, standard SQL the old one; use two statements, or set {name} first"
            )));
        }
        columns.push(offset);
        let mut value = assignment.value.clone();
        literal::make_number(&mut value, table, offset)?;
        values.push(value);
        names.push(last_part(name));
    }
    let rows = Rows {
        table: &update.table,
        selection: &update.selection,
        order_by: &update.order_by,
        limit: &update.limit,
    };
    let query = select::keys(&rows, table, values)?;
    Ok(Write { kind: WriteKind::Update { columns }, query })
}

/// A statement without `WHERE` is more often a mistake than not.
pub(super) fn check_filtered(
    selection: &Option<Expr>,
    what: &str,
    table: &TidbTable,
    config: &Config,
) -> Result<()> {
    if selection.is_some() || config.settings().write_all_rows {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{what} of all rows of {}: say WHERE, or SET tidb.write.allow_all_rows = true",
        table.label()
    )))
}

/// The offset of a column by its name.
pub(super) fn offset(name: &ObjectName, table: &TidbTable) -> Result<usize> {
    let column = last_part(name);
    table
        .column_offset(&column)
        .ok_or_else(|| Error::invalid(format!("Unknown column '{column}' in {}", table.label())))
}

fn last_part(name: &ObjectName) -> String {
    match name.0.last() {
        Some(ObjectNamePart::Identifier(ident)) => ident.value.clone(),
        _ => name.to_string(),
    }
}

/// The first of `names` that an expression may use.
fn uses(expr: &Expr, names: &[String]) -> Option<String> {
    let mut found = None;
    let _ = visit_expressions(expr, |expr| {
        let ident = match expr {
            Expr::Identifier(ident) => Some(ident),
            Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        if let Some(ident) = ident
            && let Some(name) = names.iter().find(|name| to_lower(name) == to_lower(&ident.value))
        {
            found = Some(name.clone());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    found
}
