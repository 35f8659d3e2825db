//! `BIT`, `ENUM` and `SET` columns: cells of variable width with a number in them.

use std::sync::Arc;

use arrow_array::types::{UInt16Type, UInt64Type};
use arrow_array::{Array, ArrayRef, DictionaryArray, StringArray};
use arrow_buffer::ScalarBuffer;

use super::buffer::{primitive, primitive_ref};
use super::layout::RawColumn;
use super::row_error::{RowError, RowResult};
use super::text::TextBuilder;
use crate::enum_set::{bit_to_u64, split_cell, write_set_names};
use crate::error::{Error, Result};
use crate::output::StringLayout;

/// A `BIT` column as unsigned numbers.
pub(super) fn bits(column: RawColumn) -> RowResult<ArrayRef> {
    let values = numbers(&column, bit_to_u64)?;
    primitive_ref::<UInt64Type>(values, column.nulls)
}

/// An `ENUM` column as keys of a dictionary whose last entry is the empty string of number 0.
///
/// The number counts; the name behind it is not looked at: the members are the column's.
pub(super) fn members(column: RawColumn, dictionary: &Arc<StringArray>) -> RowResult<ArrayRef> {
    let count = dictionary.len().saturating_sub(1);
    let keys = numbers(&column, |cell| member_key(split_cell(cell)?.0, count))?;
    let keys = primitive::<UInt16Type>(keys, column.nulls)?;
    let values: ArrayRef = Arc::<StringArray>::clone(dictionary);
    let array = DictionaryArray::try_new(keys, values).map_err(RowError::arrow("ENUM"))?;
    Ok(Arc::new(array))
}

/// A `SET` column as the names of its members with commas between them.
pub(super) fn sets(
    column: RawColumn,
    members: &[String],
    layout: StringLayout,
) -> RowResult<ArrayRef> {
    let mut text = TextBuilder::new(&column);
    for (row, cell) in column.variable_cells().enumerate() {
        if !column.is_null(row) {
            split_cell(cell)
                .and_then(|(mask, _)| write_set_names(members, mask, text.text()))
                .map_err(RowError::at(row))?;
        }
        text.end_row();
    }
    text.finish(column.nulls, layout)
}

/// The dictionary key of an `ENUM` member: its number less one; number 0 is behind all members.
fn member_key(number: u64, members: usize) -> Result<u16> {
    let key = match number.checked_sub(1) {
        Some(index) => usize::try_from(index).ok().filter(|index| *index < members),
        None => Some(members),
    };
    key.and_then(|key| u16::try_from(key).ok()).ok_or_else(|| Error::OutOfRange {
        what: "ENUM",
        value: number.to_string(),
        target: format!("an ENUM of {members} members"),
    })
}

/// The number in every cell; a NULL's is zero.
fn numbers<T: arrow_buffer::ArrowNativeType>(
    column: &RawColumn,
    read: impl Fn(&[u8]) -> Result<T>,
) -> RowResult<ScalarBuffer<T>> {
    let mut values = Vec::with_capacity(column.len);
    for (row, cell) in column.variable_cells().enumerate() {
        values.push(if column.is_null(row) {
            T::default()
        } else {
            read(cell).map_err(RowError::at(row))?
        });
    }
    Ok(values.into())
}
