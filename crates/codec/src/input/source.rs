//! Values out of Arrow arrays.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Decimal256Type, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, PrimitiveArray};
use arrow_buffer::i256;
use arrow_schema::{DataType, TimeUnit};

use super::error::{InputError, Refusal};
use super::value::{InputValue, Moment};
use crate::decimal::{Decimal, MAX_SCALE};
use crate::time::MICROS_PER_DAY;

/// What values of an Arrow type mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Null,
    Int,
    UInt,
    Float,
    Decimal,
    Text,
    Bytes,
    Date,
    DateTime,
    Timestamp,
    Duration,
    Vector,
}

/// What values of an Arrow type mean; `None` for a type that no column takes.
pub(super) fn meaning(data_type: &DataType) -> Option<Meaning> {
    Some(match data_type {
        DataType::Null => Meaning::Null,
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64 => Meaning::Int,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => Meaning::UInt,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Meaning::Float,
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Meaning::Decimal,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Meaning::Text,
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Meaning::Bytes,
        DataType::Date32 | DataType::Date64 => Meaning::Date,
        DataType::Timestamp(_, None) => Meaning::DateTime,
        DataType::Timestamp(_, Some(_)) => Meaning::Timestamp,
        DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_) => Meaning::Duration,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            match item.data_type() {
                DataType::Float32 | DataType::Float64 => Meaning::Vector,
                _ => return None,
            }
        }
        DataType::Dictionary(_, values) => return meaning(values),
        _ => return None,
    })
}

/// Why there is no value.
pub(super) enum Missing {
    /// The value is there, but it is not one of any column.
    Refused(Refusal, String),
    /// It is not there.
    Error(InputError),
}

impl Missing {
    fn out_of_range(value: impl ToString) -> Self {
        Self::Refused(Refusal::OutOfRange, value.to_string())
    }
}

/// The value of a row.
pub(super) fn value(array: &dyn Array, row: usize) -> Result<InputValue<'_>, Missing> {
    let length = array.len();
    if row >= length {
        return Err(Missing::Error(InputError::NoSuchValue { index: row, length }));
    }
    if array.is_null(row) {
        return Ok(InputValue::Null);
    }
    Ok(match array.data_type() {
        DataType::Null => InputValue::Null,
        DataType::Boolean => InputValue::Int(array.as_boolean().value(row).into()),
        DataType::Int8 => InputValue::Int(at::<Int8Type>(array, row).into()),
        DataType::Int16 => InputValue::Int(at::<Int16Type>(array, row).into()),
        DataType::Int32 => InputValue::Int(at::<Int32Type>(array, row).into()),
        DataType::Int64 => InputValue::Int(at::<Int64Type>(array, row)),
        DataType::UInt8 => InputValue::UInt(at::<UInt8Type>(array, row).into()),
        DataType::UInt16 => InputValue::UInt(at::<UInt16Type>(array, row).into()),
        DataType::UInt32 => InputValue::UInt(at::<UInt32Type>(array, row).into()),
        DataType::UInt64 => InputValue::UInt(at::<UInt64Type>(array, row)),
        DataType::Float16 => InputValue::Float32(at::<Float16Type>(array, row).to_f32()),
        DataType::Float32 => InputValue::Float32(at::<Float32Type>(array, row)),
        DataType::Float64 => InputValue::Float64(at::<Float64Type>(array, row)),
        DataType::Decimal32(_, scale) => narrow(at::<Decimal32Type>(array, row).into(), *scale)?,
        DataType::Decimal64(_, scale) => narrow(at::<Decimal64Type>(array, row).into(), *scale)?,
        DataType::Decimal128(_, scale) => narrow(at::<Decimal128Type>(array, row), *scale)?,
        DataType::Decimal256(_, scale) => wide(at::<Decimal256Type>(array, row), *scale)?,
        DataType::Utf8 => InputValue::Text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => InputValue::Text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => InputValue::Text(array.as_string_view().value(row)),
        DataType::Binary => InputValue::Bytes(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => InputValue::Bytes(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => InputValue::Bytes(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => InputValue::Bytes(array.as_fixed_size_binary().value(row)),
        DataType::Date32 => InputValue::Date(at::<Date32Type>(array, row).into()),
        DataType::Date64 => date64(at::<Date64Type>(array, row))?,
        DataType::Timestamp(unit, zone) => {
            let moment = moment(timestamp(array, row, unit), unit)?;
            match zone {
                None => InputValue::DateTime(moment),
                Some(_) => InputValue::Timestamp(moment),
            }
        }
        DataType::Time32(unit) | DataType::Time64(unit) | DataType::Duration(unit) => {
            InputValue::Duration(moment(length_of_time(array, row), unit)?)
        }
        DataType::List(_) => vector(array.as_list::<i32>().value(row).as_ref())?,
        DataType::LargeList(_) => vector(array.as_list::<i64>().value(row).as_ref())?,
        DataType::FixedSizeList(..) => vector(array.as_fixed_size_list().value(row).as_ref())?,
        DataType::Dictionary(..) => return of_dictionary(array, row),
        other => {
            let from = other.to_string();
            return Err(Missing::Error(InputError::Unsupported { from, to: "a value".to_owned() }));
        }
    })
}

/// The array has the type that its data type says, as all arrays have.
fn at<T: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> T::Native {
    array.as_primitive::<T>().value(row)
}

fn of_dictionary(array: &dyn Array, row: usize) -> Result<InputValue<'_>, Missing> {
    let dictionary = array.as_any_dictionary();
    let values = dictionary.values().as_ref();
    let key = match value(dictionary.keys(), row)? {
        InputValue::Int(key) => usize::try_from(key).ok(),
        InputValue::UInt(key) => usize::try_from(key).ok(),
        _ => None,
    };
    let missing = InputError::NoSuchValue { index: row, length: values.len() };
    value(values, key.ok_or(Missing::Error(missing))?)
}

/// `unscaled × 10^-scale`; a negative scale means zeros before the point.
fn narrow(unscaled: i128, scale: i8) -> Result<InputValue<'static>, Missing> {
    match u8::try_from(scale) {
        Ok(digits @ 0..=MAX_SCALE) => {
            decimal(Decimal::from_i128(unscaled, digits), unscaled, scale)
        }
        _ => decimal(of_text(unscaled.to_string(), scale), unscaled, scale),
    }
}

fn wide(unscaled: i256, scale: i8) -> Result<InputValue<'static>, Missing> {
    match u8::try_from(scale) {
        Ok(digits @ 0..=MAX_SCALE) => {
            decimal(Decimal::from_i256(unscaled, digits), unscaled, scale)
        }
        _ => decimal(of_text(unscaled.to_string(), scale), unscaled, scale),
    }
}

/// Scales that no `DECIMAL` has.
fn of_text(integer: String, scale: i8) -> crate::Result<Decimal> {
    match u8::try_from(scale) {
        Ok(scale) => Decimal::from_integer_text(&integer, scale),
        Err(_) => {
            let zeros = "0".repeat(usize::from(scale.unsigned_abs()));
            Decimal::from_integer_text(&(integer + &zeros), 0)
        }
    }
}

fn decimal(
    value: crate::Result<Decimal>,
    unscaled: impl ToString,
    scale: i8,
) -> Result<InputValue<'static>, Missing> {
    value.map(InputValue::Decimal).map_err(|_| {
        Missing::out_of_range(format!("{}e{}", unscaled.to_string(), -i32::from(scale)))
    })
}

/// A date, or, where the milliseconds are no whole days, a wall time.
fn date64(millis: i64) -> Result<InputValue<'static>, Missing> {
    const MILLIS_PER_DAY: i64 = MICROS_PER_DAY / 1000;
    if millis % MILLIS_PER_DAY == 0 {
        return Ok(InputValue::Date(millis / MILLIS_PER_DAY));
    }
    moment(millis, &TimeUnit::Millisecond).map(InputValue::DateTime)
}

fn timestamp(array: &dyn Array, row: usize, unit: &TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => at::<TimestampSecondType>(array, row),
        TimeUnit::Millisecond => at::<TimestampMillisecondType>(array, row),
        TimeUnit::Microsecond => at::<TimestampMicrosecondType>(array, row),
        TimeUnit::Nanosecond => at::<TimestampNanosecondType>(array, row),
    }
}

fn length_of_time(array: &dyn Array, row: usize) -> i64 {
    match array.data_type() {
        DataType::Time32(TimeUnit::Second) => at::<Time32SecondType>(array, row).into(),
        DataType::Time32(_) => at::<Time32MillisecondType>(array, row).into(),
        DataType::Time64(TimeUnit::Microsecond) => at::<Time64MicrosecondType>(array, row),
        DataType::Time64(_) => at::<Time64NanosecondType>(array, row),
        DataType::Duration(TimeUnit::Second) => at::<DurationSecondType>(array, row),
        DataType::Duration(TimeUnit::Millisecond) => at::<DurationMillisecondType>(array, row),
        DataType::Duration(TimeUnit::Microsecond) => at::<DurationMicrosecondType>(array, row),
        _ => at::<DurationNanosecondType>(array, row),
    }
}

fn moment(value: i64, unit: &TimeUnit) -> Result<Moment, Missing> {
    let (factor, fsp) = match unit {
        TimeUnit::Second => (1_000_000, 0),
        TimeUnit::Millisecond => (1000, 3),
        TimeUnit::Microsecond => (1, 6),
        TimeUnit::Nanosecond => {
            let nanos = u16::try_from(value.rem_euclid(1000)).unwrap_or_default();
            return Ok(Moment { micros: value.div_euclid(1000), nanos, fsp: 6 });
        }
    };
    match value.checked_mul(factor) {
        Some(micros) => Ok(Moment { micros, nanos: 0, fsp }),
        None => Err(Missing::out_of_range(format!("{value} ({unit:?})"))),
    }
}

fn vector(elements: &dyn Array) -> Result<InputValue<'static>, Missing> {
    if elements.null_count() > 0 {
        return Err(Missing::Refused(Refusal::Incorrect, "a vector with NULL in it".to_owned()));
    }
    let vector: Option<Vec<f32>> = match elements.data_type() {
        DataType::Float32 => Some(of::<Float32Type>(elements).values().to_vec()),
        DataType::Float64 => {
            of::<Float64Type>(elements).values().iter().map(|value| to_f32(*value)).collect()
        }
        _ => None,
    };
    let vector = vector.ok_or_else(|| Missing::out_of_range("an element of a vector"))?;
    Ok(InputValue::Vector(Cow::Owned(vector)))
}

fn of<T: ArrowPrimitiveType>(array: &dyn Array) -> &PrimitiveArray<T> {
    array.as_primitive()
}

/// The nearest `f32`; `None` beyond their range.
fn to_f32(value: f64) -> Option<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "a VECTOR has no more digits")]
    let narrow = value as f32;
    (value.abs() <= f64::from(f32::MAX)).then_some(narrow)
}
