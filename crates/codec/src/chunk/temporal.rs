//! `DATE`, `DATETIME` and `TIMESTAMP` (cells of eight bytes: the fields of the wall time as bits) and
//! `TIME` (nanoseconds).

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::types::{Date32Type, DurationMicrosecondType, TimestampMicrosecondType};
use arrow_buffer::{ArrowNativeType, BooleanBufferBuilder, NullBuffer, ScalarBuffer};

use super::buffer::{primitive, primitive_ref};
use super::layout::RawColumn;
use super::row_error::{RowError, RowResult};
use crate::duration;
use crate::error::{Error, Result};
use crate::output::ZeroDate;
use crate::time::{CoreTime, InvalidTime, core_bits_to_days, core_bits_to_micros};

/// A `DATE` column as days since 1970-01-01.
pub(super) fn dates(column: RawColumn, zero_date: ZeroDate) -> RowResult<ArrayRef> {
    let (values, nulls) = calendar(column, zero_date, i32::MIN, core_bits_to_days)?;
    primitive_ref::<Date32Type>(values, nulls)
}

/// A `DATETIME` or `TIMESTAMP` column as microseconds since 1970-01-01 00:00:00, its wall times taken
/// as UTC's.
pub(super) fn timestamps(
    column: RawColumn,
    zero_date: ZeroDate,
    zone: Option<Arc<str>>,
) -> RowResult<ArrayRef> {
    let (values, nulls) = calendar(column, zero_date, i64::MIN, core_bits_to_micros)?;
    timestamp_array(values, nulls, zone)
}

/// An array of microseconds since the epoch.
pub(crate) fn timestamp_array(
    values: ScalarBuffer<i64>,
    nulls: Option<NullBuffer>,
    zone: Option<Arc<str>>,
) -> RowResult<ArrayRef> {
    Ok(Arc::new(primitive::<TimestampMicrosecondType>(values, nulls)?.with_timezone_opt(zone)))
}

/// A `TIME` column as microseconds.
pub(super) fn durations(column: RawColumn) -> RowResult<ArrayRef> {
    let limit = duration::MAX_NANOS;
    let mut beyond = false;
    let nanos = || column.cells().iter().map(|cell| i64::from_le_bytes(*cell));
    let values: ScalarBuffer<i64> = nanos()
        .map(|nanos| {
            beyond |= (nanos > limit) | (nanos < -limit);
            duration::to_micros(nanos)
        })
        .collect();
    if beyond {
        for (row, nanos) in nanos().enumerate() {
            if (nanos > limit || nanos < -limit) && !column.is_null(row) {
                let value = format!("{nanos} ns");
                let target = "-838:59:59 to 838:59:59".to_owned();
                return Err(RowError {
                    row,
                    error: Error::OutOfRange { what: "TIME", value, target },
                });
            }
        }
    }
    primitive_ref::<DurationMicrosecondType>(values, column.nulls)
}

/// Decides on a time that is on no calendar: `Ok` makes it NULL.
pub(crate) fn invalid_time(
    zero_date: ZeroDate,
    invalid: InvalidTime,
    time: impl FnOnce() -> CoreTime,
) -> Result<()> {
    match (zero_date, invalid) {
        (ZeroDate::Null, InvalidTime::Zero | InvalidTime::ZeroInDate | InvalidTime::NoSuchDay) => {
            Ok(())
        }
        (ZeroDate::Error, _) | (_, InvalidTime::OutOfRange) => Err(invalid.into_error(time())),
    }
}

/// Values and validity of a column of times; `missing` is a value that `convert` never returns.
fn calendar<T: ArrowNativeType>(
    column: RawColumn,
    zero_date: ZeroDate,
    missing: T,
    convert: impl Fn(u64) -> Result<T, InvalidTime>,
) -> RowResult<(ScalarBuffer<T>, Option<NullBuffer>)> {
    let cells = column.cells();
    let fast = |cell: &[u8; 8]| convert(u64::from_le_bytes(*cell)).unwrap_or(missing);
    let mut values: Vec<T> = cells.iter().map(fast).collect();
    let mut validity = None;
    for (row, (value, cell)) in values.iter_mut().zip(cells).enumerate() {
        if *value != missing {
            continue;
        }
        *value = T::default();
        let bits = u64::from_le_bytes(*cell);
        if let (Err(invalid), false) = (convert(bits), column.is_null(row)) {
            invalid_time(zero_date, invalid, || CoreTime::from_core_bits(bits))
                .map_err(RowError::at(row))?;
            validity.get_or_insert_with(|| validity_of(&column)).set_bit(row, false);
        }
    }
    let nulls = match validity {
        Some(mut validity) => Some(NullBuffer::new(validity.finish())),
        None => column.nulls,
    };
    Ok((values.into(), nulls))
}

/// A copy of the column's validity, to be changed.
fn validity_of(column: &RawColumn) -> BooleanBufferBuilder {
    let mut validity = BooleanBufferBuilder::new(column.len);
    match &column.nulls {
        Some(nulls) => validity.append_buffer(nulls.inner()),
        None => validity.append_n(column.len, true),
    }
    validity
}
