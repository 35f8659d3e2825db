//! `INSERT` and `REPLACE`.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    AssignmentTarget, Expr, Insert, OnInsert, Parens, Query, SetExpr, Values,
};

use super::update::offset;
use super::{Write, forms, literal, select};
use crate::error::{Error, Result};
use crate::table::TidbTable;
use crate::write::{OnDuplicate, SQL_MODE_HINT, WriteKind};

/// What an `INSERT` or `REPLACE` writes.
///
/// # Errors
/// When it asks for what can't be had, or names columns that the table does not have.
pub(super) fn write(insert: &Insert, table: &TidbTable) -> Result<Write> {
    check(insert)?;
    let mut columns = columns(insert, table)?;
    let mut query = source(insert)?;
    if let Some(values) = values_of(&mut query.body) {
        leave_defaults_out(values, &mut columns)?;
        for row in &mut values.rows {
            for (value, offset) in row.content.iter_mut().zip(&columns) {
                literal::make_number(value, table, *offset)?;
            }
        }
        forms::spread(values, &mut columns, table)?;
    }
    let on_duplicate = match (insert.replace_into, insert.ignore) {
        (true, _) => OnDuplicate::Replace,
        (false, true) => OnDuplicate::Skip,
        (false, false) => OnDuplicate::Fail,
    };
    Ok(Write { kind: WriteKind::Insert { columns, on_duplicate }, query })
}

/// The rows of `VALUES` where a query is nothing else, in parentheses or not.
fn values_of(body: &mut SetExpr) -> Option<&mut Values> {
    match body {
        SetExpr::Values(values) => Some(values),
        SetExpr::Query(query) => values_of(&mut query.body),
        _ => None,
    }
}

fn check(insert: &Insert) -> Result<()> {
    if matches!(insert.on, Some(OnInsert::DuplicateKeyUpdate(_))) {
        return Err(Error::unsupported(format!(
            "INSERT … ON DUPLICATE KEY UPDATE, which TiDB's engine decides row by row: use REPLACE, or INSERT and \
             UPDATE; {SQL_MODE_HINT}"
        )));
    }
    let refused = if insert.on.is_some() {
        "INSERT … ON CONFLICT: use REPLACE, or INSERT and UPDATE"
    } else if insert.or.is_some() {
        "INSERT OR …: use REPLACE"
    } else if insert.overwrite {
        "INSERT OVERWRITE: use REPLACE, or DELETE and INSERT"
    } else if insert.returning.is_some() || insert.output.is_some() {
        "INSERT … RETURNING"
    } else if insert.partitioned.is_some() || !insert.after_columns.is_empty() {
        "INSERT … PARTITION: rows go where their values say"
    } else if insert.table_alias.is_some() || insert.insert_alias.is_some() {
        "INSERT with an alias"
    } else if insert.settings.is_some() || insert.format_clause.is_some() {
        "INSERT … SETTINGS or FORMAT"
    } else if insert.multi_table_insert_type.is_some() {
        "INSERT into several tables: one statement for each"
    } else {
        return Ok(());
    };
    Err(Error::unsupported(refused))
}

/// The offsets of the columns that are written.
fn columns(insert: &Insert, table: &TidbTable) -> Result<Vec<usize>> {
    let mut columns = Vec::new();
    let named = !insert.columns.is_empty() || !insert.assignments.is_empty();
    if !named {
        let info = table.info();
        let public = info.public_columns();
        return Ok(public.iter().filter_map(|column| info.column_offset(column.id)).collect());
    }
    let assigned = insert.assignments.iter().map(|assignment| match &assignment.target {
        AssignmentTarget::ColumnName(name) => Ok(name),
        AssignmentTarget::Tuple(_) => {
            Err(Error::unsupported(format!("SET {assignment}: set columns one by one")))
        }
    });
    for name in insert.columns.iter().map(Ok).chain(assigned) {
        let name = name?;
        let offset = offset(name, table)?;
        if columns.contains(&offset) {
            return Err(Error::invalid(format!("Column '{name}' specified twice")));
        }
        columns.push(offset);
    }
    Ok(columns)
}

/// The query whose rows are written.
fn source(insert: &Insert) -> Result<Box<Query>> {
    if let Some(source) = &insert.source {
        return Ok(source.clone());
    }
    let content: Vec<Expr> =
        insert.assignments.iter().map(|assignment| assignment.value.clone()).collect();
    if content.is_empty() {
        return Err(Error::unsupported("INSERT of a row of defaults: name a column"));
    }
    let row = Parens {
        opening_token: AttachedToken::empty(),
        content,
        closing_token: AttachedToken::empty(),
    };
    let values = Values { explicit_row: false, value_keyword: false, rows: vec![row] };
    let mut query = select::template()?;
    *query.body = SetExpr::Values(values);
    Ok(query)
}

/// Takes columns out of which all rows have the default.
fn leave_defaults_out(values: &mut Values, columns: &mut Vec<usize>) -> Result<()> {
    for at in (0..columns.len()).rev() {
        let defaults =
            values.rows.iter().filter(|row| row.content.get(at).is_some_and(literal::is_default));
        match defaults.count() {
            0 => {}
            count if count == values.rows.len() && columns.len() > 1 => {
                columns.remove(at);
                for row in &mut values.rows {
                    row.content.remove(at);
                }
            }
            _ => {
                return Err(Error::unsupported(
                    "DEFAULT in some rows of a column, or in all columns: use one statement for the rows \
                     with DEFAULT, which leaves the column out",
                ));
            }
        }
    }
    Ok(())
}
