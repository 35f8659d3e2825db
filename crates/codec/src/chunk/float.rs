//! `FLOAT` (cells of four bytes) and `DOUBLE` (eight).

use arrow_array::ArrayRef;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_buffer::ScalarBuffer;

use super::buffer::{primitive_ref, scalar_buffer};
use super::layout::RawColumn;
use super::row_error::RowResult;

/// A `FLOAT` column as `Float32`.
pub(super) fn float32(column: RawColumn) -> RowResult<ArrayRef> {
    primitive_ref::<Float32Type>(scalar_buffer(column.data, f32::from_le_bytes), column.nulls)
}

/// A `FLOAT` column as `Float64`, exactly.
pub(super) fn widened(column: RawColumn) -> RowResult<ArrayRef> {
    let cells = column.cells().iter();
    let values: ScalarBuffer<f64> = cells.map(|cell| f32::from_le_bytes(*cell).into()).collect();
    primitive_ref::<Float64Type>(values, column.nulls)
}

/// A `DOUBLE` column as `Float64`.
pub(super) fn float64(column: RawColumn) -> RowResult<ArrayRef> {
    primitive_ref::<Float64Type>(scalar_buffer(column.data, f64::from_le_bytes), column.nulls)
}
