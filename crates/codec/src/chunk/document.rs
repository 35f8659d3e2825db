//! `JSON` and `VECTOR` columns: cells of variable width with a document in them.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, ListArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::FieldRef;

use super::layout::RawColumn;
use super::row_error::{RowError, RowResult};
use super::text::TextBuilder;
use crate::error::{Error, Result};
use crate::json::write_cell_text;
use crate::output::StringLayout;
use crate::vector::VectorRef;

/// A `JSON` column as text.
pub(super) fn json(column: RawColumn, layout: StringLayout) -> RowResult<ArrayRef> {
    let mut text = TextBuilder::new(&column);
    for (row, cell) in column.variable_cells().enumerate() {
        if !column.is_null(row) {
            write_cell_text(text.text(), cell).map_err(RowError::at(row))?;
        }
        text.end_row();
    }
    text.finish(column.nulls, layout)
}

/// A `VECTOR` column as lists of its elements.
pub(super) fn vectors(column: RawColumn, item: &FieldRef) -> RowResult<ArrayRef> {
    let mut elements: Vec<f32> = Vec::with_capacity(column.data.len() / 4);
    let mut ends = Vec::with_capacity(column.len.saturating_add(1));
    ends.push(0);
    for (row, cell) in column.variable_cells().enumerate() {
        if !column.is_null(row) {
            elements.extend(read_vector(cell).map_err(RowError::at(row))?.iter());
        }
        let end = i32::try_from(elements.len()).map_err(|_| Error::OutOfRange {
            what: "VECTOR",
            value: format!("{} elements", elements.len()),
            target: "an array with 32-bit offsets".to_owned(),
        });
        ends.push(end.map_err(RowError::at(row))?);
    }
    // The ends only grow.
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    let elements = Arc::new(Float32Array::from(elements));
    let lists = ListArray::try_new(Arc::clone(item), offsets, elements, column.nulls);
    Ok(Arc::new(lists.map_err(RowError::arrow("vectors"))?))
}

/// A cell's vector; as for TiKV an empty cell has no elements.
fn read_vector(cell: &[u8]) -> Result<VectorRef<'_>> {
    const NO_ELEMENTS: &[u8] = &0_u32.to_le_bytes();
    VectorRef::from_cell(if cell.is_empty() { NO_ELEMENTS } else { cell })
}
