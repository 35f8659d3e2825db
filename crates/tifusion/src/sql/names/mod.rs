//! Names of columns without regard to case, as in TiDB.
//!
//! DataFusion puts unquoted names into lower case and then compares exactly, so a column `UserId`
//! could be reached as `"UserId"` only. Here every name in a parsed statement that fits no column or
//! alias exactly, and one but for its case, gets that one's spelling (quoted). What already fits is
//! left alone, so a statement that DataFusion understands means what it means there.
//!
//! Names are resolved where they stand: in a subquery its own tables go first, then those around it;
//! `ORDER BY` and `HAVING` see the names that the `SELECT` list gives. Where two tables spell a name
//! differently and there is no qualifier, it is left alone.

mod scope;
mod walk;

use std::collections::HashMap;

use datafusion::common::TableReference;
use datafusion::sql::parser::{CopyToSource, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::Statement;

use crate::error::Result;
use walk::Speller;

/// The columns of the tables that a statement names, by the names that it uses for them (in
/// DataFusion's form: unquoted parts in lower case).
pub(crate) type TableColumns = HashMap<TableReference, Vec<String>>;

/// Gives every name of a column in `statement` the spelling that the table has. `lower_case` says
/// whether DataFusion puts unquoted names into lower case (it does unless told otherwise).
///
/// # Errors
/// `NATURAL JOIN` and `USING` over columns whose spelling differs between the two sides, which
/// DataFusion has no way to express.
pub(crate) fn spell_columns(
    statement: &mut DfStatement,
    tables: &TableColumns,
    lower_case: bool,
) -> Result<()> {
    let mut speller = Speller::new(tables, lower_case);
    spell(statement, &mut speller);
    speller.finish()
}

fn spell(statement: &mut DfStatement, speller: &mut Speller<'_>) {
    match statement {
        DfStatement::Statement(statement) => spell_sql(statement, speller),
        DfStatement::CopyTo(copy) => {
            if let CopyToSource::Query(query) = &mut copy.source {
                speller.query(query, None);
            }
        }
        DfStatement::Explain(explain) => spell(&mut explain.statement, speller),
        DfStatement::CreateExternalTable(_) | DfStatement::Reset(_) => {}
    }
}

fn spell_sql(statement: &mut Statement, speller: &mut Speller<'_>) {
    match statement {
        Statement::Query(query) => drop(speller.query(query, None)),
        Statement::Insert(insert) => {
            if let Some(source) = &mut insert.source {
                speller.query(source, None);
            }
        }
        Statement::CreateView(view) => drop(speller.query(&mut view.query, None)),
        Statement::CreateTable(table) => {
            if let Some(query) = &mut table.query {
                speller.query(query, None);
            }
        }
        Statement::Prepare { statement, .. } | Statement::Explain { statement, .. } => {
            spell_sql(statement, speller);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
