//! Collects one column's datums from row after row.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::types::{Date32Type, Decimal128Type, Decimal256Type};
use arrow_buffer::{BooleanBufferBuilder, NullBuffer, OffsetBuffer, ScalarBuffer, i256};
use bytes::Bytes;

use crate::chunk::array::to_array;
use crate::chunk::buffer::primitive_ref;
use crate::chunk::decimal::{decimal_array, limit, within};
use crate::chunk::layout::RawColumn;
use crate::chunk::row_error::RowResult;
use crate::chunk::temporal::{invalid_time, timestamp_array};
use crate::datum::{Datum, decode_one};
use crate::error::{Error, Result};
use crate::output::{CellWidth, DecodeOptions, Target};
use crate::time::{CoreTime, InvalidTime, TimeKind, packed_to_days, packed_to_micros};

/// The cells of a column so far.
///
/// Where a datum's value is a chunk's cell in another coat, the cell is kept and the chunk's own
/// conversion does the rest; times and decimals differ too much and are converted at once.
enum Cells {
    Fixed { data: Vec<u8>, width: usize },
    Variable { data: Vec<u8>, ends: Vec<i64> },
    Days(Vec<i32>),
    Micros { values: Vec<i64>, zone: Option<Arc<str>> },
    Decimals128 { values: Vec<i128>, precision: u8, scale: u8 },
    Decimals256 { values: Vec<i256>, precision: u8, scale: u8 },
}

impl Cells {
    /// No cells. Memory grows with the datums that are pushed, not before.
    fn new(target: &Target) -> Self {
        match (target, target.cell_width()) {
            (Target::Date32, _) => Self::Days(Vec::new()),
            (Target::Timestamp { zone }, _) => {
                Self::Micros { values: Vec::new(), zone: zone.clone() }
            }
            (&Target::Decimal128 { precision, scale }, _) => {
                Self::Decimals128 { values: Vec::new(), precision, scale }
            }
            (&Target::Decimal256 { precision, scale }, _) => {
                Self::Decimals256 { values: Vec::new(), precision, scale }
            }
            (_, CellWidth::Fixed(width)) => Self::Fixed { data: Vec::new(), width },
            (_, CellWidth::Variable) => Self::Variable { data: Vec::new(), ends: vec![0] },
        }
    }

    /// Adds a cell for a row that is NULL.
    fn push_null(&mut self) {
        match self {
            Self::Fixed { data, width } => data.resize(data.len().saturating_add(*width), 0),
            Self::Variable { data, ends } => ends.push(end_of(data)),
            Self::Days(values) => values.push(0),
            Self::Micros { values, .. } => values.push(0),
            Self::Decimals128 { values, .. } => values.push(0),
            Self::Decimals256 { values, .. } => values.push(i256::ZERO),
        }
    }
}

/// A column that grows by one datum per row.
pub(super) struct ColumnBuilder<'a> {
    target: &'a Target,
    cells: Cells,
    validity: BooleanBufferBuilder,
}

impl<'a> ColumnBuilder<'a> {
    /// A column without rows.
    pub(super) fn new(target: &'a Target) -> Self {
        Self { target, cells: Cells::new(target), validity: BooleanBufferBuilder::new(0) }
    }

    /// Takes the next row's datum off the front of `input`.
    pub(super) fn push(&mut self, input: &mut &[u8], options: &DecodeOptions) -> Result<()> {
        let datum = decode_one(input)?;
        let valid = !matches!(datum, Datum::Null) && self.push_value(&datum, options)?;
        if !valid {
            self.cells.push_null();
        }
        self.validity.append(valid);
        Ok(())
    }

    /// Adds a cell with the datum's value; `false` if that is a date to be read as NULL.
    fn push_value(&mut self, datum: &Datum<'_>, options: &DecodeOptions) -> Result<bool> {
        match (&mut self.cells, datum) {
            (Cells::Days(values), Datum::UInt(packed)) => {
                let time = || CoreTime::from_packed(*packed, TimeKind::Date, 0);
                return push_time(values, packed_to_days(*packed), time, options);
            }
            (Cells::Micros { values, .. }, Datum::UInt(packed)) => {
                let time = || CoreTime::from_packed(*packed, TimeKind::DateTime, 6);
                return push_time(values, packed_to_micros(*packed), time, options);
            }
            (Cells::Decimals128 { values, precision, scale }, Datum::Decimal(decimal)) => {
                let limit = limit::<Decimal128Type>(*precision);
                values.push(within::<Decimal128Type>(decimal.to_i128(*scale)?, limit)?);
            }
            (Cells::Decimals256 { values, precision, scale }, Datum::Decimal(decimal)) => {
                let limit = limit::<Decimal256Type>(*precision);
                values.push(within::<Decimal256Type>(decimal.to_i256(*scale)?, limit)?);
            }
            (Cells::Fixed { data, .. }, datum) => push_fixed(data, self.target, datum)?,
            (Cells::Variable { data, ends }, datum) => {
                push_variable(data, self.target, datum)?;
                ends.push(end_of(data));
            }
            (_, datum) => return Err(unexpected(datum, self.target)),
        }
        Ok(true)
    }

    /// The rows as an array.
    pub(super) fn finish(mut self, options: &DecodeOptions) -> RowResult<ArrayRef> {
        let len = self.validity.len();
        let nulls = Some(NullBuffer::new(self.validity.finish()));
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        let (offsets, data) = match self.cells {
            Cells::Fixed { data, .. } => (None, data),
            // The ends only grow.
            Cells::Variable { data, ends } => {
                (Some(OffsetBuffer::new(ScalarBuffer::from(ends))), data)
            }
            Cells::Days(values) => return primitive_ref::<Date32Type>(values.into(), nulls),
            Cells::Micros { values, zone } => return timestamp_array(values.into(), nulls, zone),
            Cells::Decimals128 { values, precision, scale } => {
                return decimal_array::<Decimal128Type>(values, nulls, precision, scale);
            }
            Cells::Decimals256 { values, precision, scale } => {
                return decimal_array::<Decimal256Type>(values, nulls, precision, scale);
            }
        };
        to_array(RawColumn { len, nulls, offsets, data: Bytes::from(data) }, self.target, options)
    }
}

/// Adds a time; `false`, and nothing added, if it is to be read as NULL.
fn push_time<T>(
    values: &mut Vec<T>,
    converted: Result<T, InvalidTime>,
    time: impl FnOnce() -> CoreTime,
    options: &DecodeOptions,
) -> Result<bool> {
    match converted {
        Ok(value) => values.push(value),
        Err(invalid) => {
            invalid_time(options.zero_date, invalid, time)?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Adds a chunk's cell of fixed width. As for both stores' own readers, an integer's column says
/// whether it is unsigned, its datum only how it was written.
fn push_fixed(data: &mut Vec<u8>, target: &Target, datum: &Datum<'_>) -> Result<()> {
    match (target, datum) {
        (Target::Int { .. } | Target::Duration, Datum::Int(value))
        | (Target::Duration, Datum::Duration(value)) => {
            data.extend_from_slice(&value.to_le_bytes());
        }
        (Target::Int { .. }, Datum::UInt(value)) => data.extend_from_slice(&value.to_le_bytes()),
        (Target::Float64, Datum::Float(value)) => data.extend_from_slice(&value.to_le_bytes()),
        (Target::Float32 | Target::WidenedFloat, Datum::Float(value)) => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a FLOAT was stored as a double and comes back as it was"
            )]
            let value = *value as f32;
            data.extend_from_slice(&value.to_le_bytes());
        }
        _ => return Err(unexpected(datum, target)),
    }
    Ok(())
}

/// Adds a chunk's cell of variable width; the names behind the numbers of `ENUM` and `SET` are left out,
/// since they aren't looked at.
fn push_variable(data: &mut Vec<u8>, target: &Target, datum: &Datum<'_>) -> Result<()> {
    match (target, datum) {
        (Target::Text(_) | Target::Bytes(_), Datum::Bytes(bytes))
        | (Target::Vector { .. }, Datum::VectorFloat32(bytes)) => data.extend_from_slice(bytes),
        (Target::Bit, Datum::UInt(value)) => data.extend_from_slice(&value.to_be_bytes()),
        (Target::Enum { .. } | Target::Set { .. }, Datum::UInt(value)) => {
            data.extend_from_slice(&value.to_le_bytes());
        }
        (Target::Json(_), Datum::Json(tp, body)) => {
            data.push(*tp);
            data.extend_from_slice(body);
        }
        _ => return Err(unexpected(datum, target)),
    }
    Ok(())
}

fn end_of(data: &[u8]) -> i64 {
    // Memory is never longer than i64::MAX.
    i64::try_from(data.len()).unwrap_or(i64::MAX)
}

fn unexpected(datum: &Datum<'_>, target: &Target) -> Error {
    let reason = format!("{} in a column of {}", datum.kind(), target.cells_name());
    Error::malformed("datum", reason)
}
