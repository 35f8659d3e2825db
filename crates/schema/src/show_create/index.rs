//! Keys and constraints.

use super::{Words, quote};
use crate::model::constraint::{ConstraintInfo, ForeignKeyInfo};
use crate::model::state::{IndexType, ReferOption};
use crate::model::{IndexInfo, TableInfo};

/// The clustered key of one integer column, which no index describes.
pub(super) fn clustered_key(table: &TableInfo) -> Option<String> {
    let column = table.columns.iter().find(|column| column.is_visible() && column.is_primary_key());
    let name = quote::name(&column.filter(|_| table.pk_is_handle)?.name.original);
    Some(format!("  PRIMARY KEY ({name}) /*T![clustered_index] CLUSTERED */"))
}

/// An index.
pub(super) fn definition(table: &TableInfo, index: &IndexInfo) -> Words {
    if index.is_columnar() {
        return Err(format!("columnar index {}", index.name));
    }
    let mut line = match (index.primary, index.unique) {
        (true, _) => "  PRIMARY KEY ".to_owned(),
        (false, true) => format!("  UNIQUE KEY {} ", quote::name(&index.name.original)),
        (false, false) => format!("  KEY {} ", quote::name(&index.name.original)),
    };
    let columns = table.index_columns(index).map_err(|_| format!("index {}", index.name))?;
    let parts = columns.into_iter().map(|(part, column)| {
        if column.hidden {
            return format!("({})", column.generated_expr);
        }
        let name = quote::name(&part.name.original);
        match part.prefix_length() {
            Some(length) => format!("{name}({length})"),
            None => name,
        }
    });
    line.push_str(&format!("({})", parts.collect::<Vec<_>>().join(",")));
    if index.is_partial() {
        line.push_str(&format!(" WHERE {}", index.condition));
    }
    if index.invisible {
        line.push_str(" /*!80000 INVISIBLE */");
    }
    if !index.comment.is_empty() {
        line.push_str(&format!(" COMMENT {}", quote::text(&index.comment)));
    }
    if index.index_type == IndexType::Hypo {
        line.push_str(" /* HYPO INDEX */");
    }
    if index.primary {
        let kind = if table.is_common_handle { "CLUSTERED" } else { "NONCLUSTERED" };
        line.push_str(&format!(" /*T![clustered_index] {kind} */"));
    }
    if index.global {
        line.push_str(" /*T![global_index] GLOBAL */");
    }
    Ok(line)
}

/// A foreign key; the database of its parent is named where it is another.
pub(super) fn foreign_key(key: &ForeignKeyInfo, database: &str) -> String {
    let names = |columns: &[crate::model::ci_str::CiStr]| {
        quote::names(columns.iter().map(|column| column.original.as_str()))
    };
    let mut parent = quote::name(&key.ref_table.original);
    if !key.ref_schema.lower.is_empty() && !key.ref_schema.matches(database) {
        parent = format!("{}.{parent}", quote::name(&key.ref_schema.original));
    }
    let mut line = format!(
        "  CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {parent} ({})",
        quote::name(&key.name.original),
        names(&key.columns),
        names(&key.ref_columns),
    );
    for (event, option) in [("DELETE", key.on_delete), ("UPDATE", key.on_update)] {
        if option != ReferOption::NoOption {
            line.push_str(&format!(" ON {event} {option}"));
        }
    }
    // Before version 1 TiDB kept foreign keys and did not check them.
    if key.version < 1 {
        line.push_str(" /* FOREIGN KEY INVALID */");
    }
    line
}

/// A check constraint.
pub(super) fn check(check: &ConstraintInfo) -> String {
    let enforced = if check.enforced { "" } else { " /*!80016 NOT ENFORCED */" };
    format!("  CONSTRAINT {} CHECK (({})){enforced}", quote::name(&check.name.original), check.expr)
}
