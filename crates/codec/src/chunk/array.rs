//! One column's cells to one Arrow array.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};

use super::layout::RawColumn;
use super::row_error::{RowError, RowResult};
use super::{decimal, document, enumerated, float, int, temporal, text};
use crate::error::Error;
use crate::output::{DecodeOptions, Target};

/// The cells of `column` as the array `target` asks for.
pub(crate) fn to_array(
    column: RawColumn,
    target: &Target,
    options: &DecodeOptions,
) -> RowResult<ArrayRef> {
    let zero_date = options.zero_date;
    match target {
        Target::Int { width, unsigned } => int::decode(column, *width, *unsigned),
        Target::Float32 => float::float32(column),
        Target::WidenedFloat => float::widened(column),
        Target::Float64 => float::float64(column),
        Target::Decimal128 { precision, scale } => decimal::decimals128(column, *precision, *scale),
        Target::Decimal256 { precision, scale } => decimal::decimals256(column, *precision, *scale),
        Target::Date32 => temporal::dates(column, zero_date),
        Target::Timestamp { zone } => {
            temporal::timestamps(column, zero_date, zone.as_ref().map(Arc::clone))
        }
        Target::Duration => temporal::durations(column),
        Target::Text(layout) => text::text(column, *layout),
        Target::Bytes(layout) => text::bytes(column, *layout),
        Target::Bit => enumerated::bits(column),
        Target::Enum { dictionary } => enumerated::members(column, dictionary),
        Target::Set { members, layout } => enumerated::sets(column, members, *layout),
        Target::Json(layout) => document::json(column, *layout),
        Target::Vector { item } => document::vectors(column, item),
    }
}

/// Refuses a NULL where the column may hold none.
pub(crate) fn check_nullable(array: &ArrayRef, nullable: bool) -> RowResult<()> {
    if nullable || array.null_count() == 0 {
        return Ok(());
    }
    let row = (0..array.len()).find(|row| array.is_null(*row)).unwrap_or_default();
    Err(RowError { row, error: Error::malformed("column", "NULL in a NOT NULL column") })
}
