//! Which columns a table's rows are in the order of, when they are read by their keys.
//!
//! Keys compare as TiDB compares, batches as DataFusion does; a column counts if the two agree on all of
//! its values.

use std::sync::Arc;

use tifusion_codec::collation::Collation;
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::field_type::tp;
use tifusion_schema::model::IndexColumn;
use tifusion_schema::{ColumnInfo, HandleKind, IndexInfo, TableInfo};

use crate::config::ZeroDate;
use crate::error::Result;
use crate::scan::order::{Cut, FixedKey, KeyOrder, KeyOrderColumn};

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
    let by_number = |column: &ColumnInfo, is_unsigned: bool| KeyOrder {
        columns: vec![part(column, false)],
        is_unique: true,
        cut: is_unsigned.then_some(Cut::Unsigned),
        ..KeyOrder::default()
    };
    Ok(match table.handle()? {
        HandleKind::Int(column) => by_number(column, column.field_type.is_unsigned()),
        HandleKind::RowId => by_number(&ColumnInfo::extra_handle(), false),
        HandleKind::Common(index) => {
            // Its keys have no id of an index, and no `NULL`s either.
            KeyOrder { cut: None, ..of_index(table, index, &FixedKey::default(), circumstances)? }
        }
    })
}

/// The order of keys that hold the columns of `index` and begin with `fixed`, up to the first whose order is
/// another.
pub(crate) fn of_index(
    table: &TableInfo,
    index: &IndexInfo,
    fixed: &FixedKey,
    circumstances: Circumstances,
) -> Result<KeyOrder> {
    let columns = table.index_columns(index)?;
    let (before, behind) = columns.split_at(fixed.columns.min(columns.len()));
    let alike = |(of_index, column): &(&IndexColumn, &ColumnInfo)| {
        likeness(column, circumstances).filter(|_| of_index.prefix_length().is_none())
    };
    // What is one value in the key may be several here, of which nobody asks for an order then.
    let of_one = before.iter().filter(|it| alike(it).is_some());
    let of_one = of_one.map(|(_, column)| Arc::from(column.name.as_str())).collect::<Vec<_>>();
    let mut parts = Vec::with_capacity(behind.len());
    let mut cut = None;
    for it @ (_, column) in behind {
        let Some(nullable) = alike(it) else { break };
        if parts.is_empty() && nullable {
            let behind = [&fixed.datums[..], &behind_nulls(column)?].concat();
            cut = Some(Cut::Nulls { index_id: index.id, behind });
        }
        parts.push(part(column, nullable));
        if is_two_nulls(column, circumstances) {
            break;
        }
    }
    let is_unique = index.unique
        && of_one.len() + parts.len() == columns.len()
        && columns.iter().all(|it| alike(it) == Some(false));
    Ok(KeyOrder { fixed: of_one, columns: parts, is_unique, cut })
}

/// The first datum of a column that is no `NULL` here, or one before it that no key has.
fn behind_nulls(column: &ColumnInfo) -> Result<Vec<u8>> {
    if column.field_type.tp != tp::TIMESTAMP {
        // `NULL` is its flag and nothing behind.
        return Ok(vec![datum::flag::NIL + 1]);
    }
    // The zero date is `NULL` too, where it is not an error.
    let mut behind = Vec::new();
    datum::encode_key(&mut behind, &Datum::UInt(1))?;
    Ok(behind)
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
