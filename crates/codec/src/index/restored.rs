//! What index values hold so that text can be restored of which the key has only the sort key.

use super::KeyColumn;
use crate::datum::Datum;
use crate::error::Result;
use crate::row::RowBuilder;

/// The restored columns of an entry of [`IndexValueForm::Version0`](super::IndexValueForm::Version0):
/// if one column needs it, a row of all columns of the index, cut as in the key. `None` if none does.
///
/// # Errors
/// As [`RowBuilder::push_unchecked`] and [`RowBuilder::write`].
pub fn restored_version0(columns: &[KeyColumn], values: &[&Datum<'_>]) -> Result<Option<Vec<u8>>> {
    if !columns.iter().any(KeyColumn::needs_restoring) {
        return Ok(None);
    }
    let mut row = RowBuilder::new();
    for (column, value) in columns.iter().zip(values) {
        row.push_unchecked(column.id, column.field_type(), &column.cut(value))?;
    }
    write(&mut row).map(Some)
}

/// The restored columns of an entry of [`IndexValueForm::Version1`](super::IndexValueForm::Version1): a
/// row of those columns of the index and of the primary key that need it, where the number of trailing
/// blanks stands for text of which the key lacks only these. `None` if none does.
///
/// A column of both is in the row as the primary key's, in the longer of both prefixes.
///
/// # Errors
/// As [`restored_version0`].
pub fn restored_version1(
    columns: &[KeyColumn],
    values: &[&Datum<'_>],
    primary: &[KeyColumn],
    primary_values: &[&Datum<'_>],
) -> Result<Option<Vec<u8>>> {
    let mut row = RowBuilder::new();
    let is_primary = |column: &KeyColumn| primary.iter().any(|part| part.id == column.id);
    for (column, value) in columns.iter().zip(values) {
        if !column.needs_restoring() || is_primary(column) {
            continue;
        }
        let value = column.cut(value);
        if column.lacks_only_blanks() {
            row.push_number(column.id, &Datum::UInt(blanks(&value).cast_unsigned()))?;
        } else {
            row.push_unchecked(column.id, column.field_type(), &value)?;
        }
    }
    for (part, value) in primary.iter().zip(primary_values) {
        if !part.needs_restoring() {
            continue;
        }
        let same = columns.iter().find(|column| column.id == part.id);
        let value = part.cut_to_longer(same.unwrap_or(part), value);
        if part.lacks_only_blanks() {
            // Signed here and unsigned above, as TiDB has it: 128 blanks take two bytes here.
            row.push_number(part.id, &Datum::Int(blanks(&value)))?;
        } else {
            row.push_unchecked(part.id, part.field_type(), &value)?;
        }
    }
    if row.is_empty() { Ok(None) } else { write(&mut row).map(Some) }
}

fn write(row: &mut RowBuilder) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    row.write(&mut out)?;
    Ok(out)
}

/// Blanks at the end of text, none in a `NULL`.
fn blanks(value: &Datum<'_>) -> i64 {
    let Datum::Bytes(text) = value else { return 0 };
    let blanks = text.iter().rev().take_while(|byte| **byte == b' ').count();
    // Memory is never longer than i64::MAX.
    i64::try_from(blanks).unwrap_or(i64::MAX)
}
