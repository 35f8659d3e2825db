//! `DECIMAL` columns: cells of 40 bytes.

use std::sync::Arc;

use arrow_array::types::{Decimal128Type, Decimal256Type, DecimalType};
use arrow_array::{ArrayRef, ArrowNativeTypeOp, PrimitiveArray};
use arrow_buffer::{NullBuffer, ScalarBuffer};

use super::buffer::primitive;
use super::layout::RawColumn;
use super::row_error::{RowError, RowResult};
use crate::decimal::{CHUNK_LEN, chunk_to_i128, chunk_to_i256};
use crate::error::{Error, Result};

/// The column as `Decimal128`.
pub(super) fn decimals128(column: RawColumn, precision: u8, scale: u8) -> RowResult<ArrayRef> {
    let convert = |cell: &_| chunk_to_i128(cell, scale);
    decimals::<Decimal128Type>(column, precision, scale, convert)
}

/// The column as `Decimal256`.
pub(super) fn decimals256(column: RawColumn, precision: u8, scale: u8) -> RowResult<ArrayRef> {
    let convert = |cell: &_| chunk_to_i256(cell, scale);
    decimals::<Decimal256Type>(column, precision, scale, convert)
}

/// The largest value of `precision` digits; the smallest is its negative.
pub(crate) fn limit<T: DecimalType>(precision: u8) -> T::Native {
    let limits = T::MAX_FOR_EACH_PRECISION;
    limits.get(usize::from(precision)).or(limits.last()).copied().unwrap_or_default()
}

/// `value`, the digits without the point, unless it is beyond `limit`.
#[inline]
pub(crate) fn within<T: DecimalType>(value: T::Native, limit: T::Native) -> Result<T::Native> {
    if value <= limit && value >= limit.neg_wrapping() {
        Ok(value)
    } else {
        beyond::<T>(value, limit)
    }
}

#[cold]
fn beyond<T: DecimalType>(value: T::Native, limit: T::Native) -> Result<T::Native> {
    Err(Error::OutOfRange {
        what: "DECIMAL",
        value: format!("{value:?} without its point"),
        target: format!("{limit:?}"),
    })
}

/// An array of `values`, which have been checked.
pub(crate) fn decimal_array<T: DecimalType>(
    values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
    precision: u8,
    scale: u8,
) -> RowResult<ArrayRef> {
    let array: PrimitiveArray<T> = primitive(ScalarBuffer::from(values), nulls)?;
    // A scale is at most a precision, a precision at most 76.
    let scale = scale.cast_signed();
    let array = array.with_precision_and_scale(precision, scale);
    Ok(Arc::new(array.map_err(RowError::arrow("decimals"))?))
}

fn decimals<T: DecimalType>(
    column: RawColumn,
    precision: u8,
    scale: u8,
    convert: impl Fn(&[u8; CHUNK_LEN]) -> Result<T::Native>,
) -> RowResult<ArrayRef> {
    let mut values = Vec::with_capacity(column.len);
    let limit = limit::<T>(precision);
    for (row, cell) in column.cells().iter().enumerate() {
        values.push(match convert(cell).and_then(|value| within::<T>(value, limit)) {
            Ok(value) => value,
            Err(_) if column.is_null(row) => T::Native::default(),
            Err(error) => return Err(RowError { row, error }),
        });
    }
    decimal_array::<T>(values, column.nulls, precision, scale)
}
