//! Which columns a table's rows are in the order of, when they are read by their keys.
//!
//! Keys compare as TiDB compares, batches as DataFusion does; a column counts if the two agree on all of
//! its values.

use tifusion_codec::collation::Collation;
use tifusion_codec::field_type::tp;
use tifusion_schema::{ColumnInfo, HandleKind, IndexInfo, TableInfo};

use crate::config::ZeroDate;
use crate::error::Result;
use crate::scan::order::{KeyOrder, KeyOrderColumn};

/// What else it depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances {
    /// Whether strings compare by the new collations, if that is known.
    pub(crate) new_collation: Option<bool>,
    /// What a date becomes that no calendar has.
    pub(crate) zero_date: ZeroDate,
}

/// The order of a table's record keys.
pub(crate) fn of_rows(table: &TableInfo, circumstances: Circumstances) -> Result<KeyOrder> {
    let by_number = |column: &ColumnInfo, is_split| KeyOrder {
        columns: vec![part(column, false)],
        is_unique: true,
        is_split,
    };
    Ok(match table.handle()? {
        HandleKind::Int(column) => by_number(column, column.field_type.is_unsigned()),
        HandleKind::RowId => by_number(&ColumnInfo::extra_handle(), false),
        HandleKind::Common(index) => of_index(table, index, circumstances)?,
    })
}

/// The order of keys that hold the columns of `index`, up to the first whose order is another.
pub(crate) fn of_index(
    table: &TableInfo,
    index: &IndexInfo,
    circumstances: Circumstances,
) -> Result<KeyOrder> {
    let columns = table.index_columns(index)?;
    let mut parts = Vec::with_capacity(columns.len());
    for (of_index, column) in &columns {
        let alike = of_index.prefix_length().is_none();
        let Some(nullable) = likeness(column, circumstances).filter(|_| alike) else { break };
        parts.push(part(column, nullable));
        if is_two_nulls(column, circumstances) {
            break;
        }
    }
    let is_unique = index.unique
        && parts.len() == columns.len()
        && parts.iter().all(|column| !column.is_nullable);
    Ok(KeyOrder { columns: parts, is_unique, is_split: false })
}

fn part(column: &ColumnInfo, is_nullable: bool) -> KeyOrderColumn {
    KeyOrderColumn { name: column.name.as_str().into(), is_nullable }
}

/// Whether two keys of a column become `NULL`, so that what is behind them in the key begins anew between
/// rows that are equal in the column: `NULL` and the zero date.
fn is_two_nulls(column: &ColumnInfo, circumstances: Circumstances) -> bool {
    let field_type = &column.field_type;
    field_type.tp == tp::TIMESTAMP
        && !field_type.is_not_null()
        && circumstances.zero_date == ZeroDate::Null
}

/// Whether a column may have `NULL`, if its values are ordered in keys as in batches.
fn likeness(column: &ColumnInfo, circumstances: Circumstances) -> Option<bool> {
    let field_type = &column.field_type;
    let is_nullable = !field_type.is_not_null();
    let becomes_null = circumstances.zero_date == ZeroDate::Null;
    match field_type.tp {
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG => Some(is_nullable),
        tp::YEAR | tp::NEW_DECIMAL | tp::DURATION => Some(is_nullable),
        // 0000-00-00 is the only one of its kind, and comes first.
        tp::TIMESTAMP => Some(is_nullable || becomes_null),
        // 2024-02-00 is between others.
        tp::DATE | tp::DATETIME if becomes_null => None,
        tp::DATE | tp::DATETIME => Some(is_nullable),
        _ if field_type.is_string() => {
            // Blanks at the end, which no key of a padded collation has, decide in a batch.
            let collation = Collation::of(field_type, circumstances.new_collation?).ok()?;
            (collation == Collation::Binary).then_some(is_nullable)
        }
        // Of floats, a key takes the two zeros for one. ENUM and SET compare by number.
        _ => None,
    }
}
