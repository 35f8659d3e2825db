//! Arrow arrays to the values of columns.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use tifusion_codec::datum::Datum;
use tifusion_codec::decimal::Decimal;
use tifusion_codec::duration;
use tifusion_codec::field_type::tp;
use tifusion_codec::time::{CoreTime, MICROS_PER_DAY, TimeKind};
use tifusion_schema::{ColumnInfo, TableInfo};

use super::convert::{of_integer, refuse, to_datum};
use super::error::{BootstrapError, Result};
use super::load::{Cell, Source, places};
use super::sql::Value;

/// The rows of a batch.
pub(super) struct BatchReader<'a> {
    batch: &'a RecordBatch,
    /// For each column of the table, where it stands in the batch.
    places: Vec<Option<usize>>,
}

impl<'a> BatchReader<'a> {
    pub(super) fn new(table: &TableInfo, batch: &'a RecordBatch) -> Result<Self> {
        let schema = batch.schema_ref();
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().clone()).collect();
        Ok(Self { batch, places: places(table, &names)? })
    }
}

impl Source for BatchReader<'_> {
    fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    fn cell(&self, row: usize, offset: usize, column: &ColumnInfo) -> Result<Cell<'_>> {
        let place = self.places.get(offset).copied().flatten();
        let Some(array) = place.and_then(|place| self.batch.columns().get(place)) else {
            return Ok(Cell::Absent);
        };
        datum(array.as_ref(), row, column).map(Cell::Value)
    }
}

/// A value out of an array, by its meaning.
enum Scalar<'a> {
    Null,
    Int(i64),
    UInt(u64),
    Float(f64),
    Decimal(Decimal),
    Bytes(&'a [u8]),
    /// Days since 1970.
    Days(i64),
    /// Microseconds since 1970.
    Micros(i64),
    /// A length of time in nanoseconds.
    Nanos(i64),
}

/// The value of `column` in row `row` of `array`.
fn datum<'a>(array: &'a dyn Array, row: usize, column: &ColumnInfo) -> Result<Datum<'a>> {
    let scalar = scalar(array, row).map_err(|reason| {
        let name = array.data_type().to_string();
        match reason {
            None => BootstrapError::Unsupported(format!("column {} from {name}", column.name)),
            Some(reason) => refuse(column, &name, reason),
        }
    })?;
    convert(column, scalar)
}

/// Takes a value out of an array; `None` as error for a type that is not known.
fn scalar(array: &dyn Array, row: usize) -> Result<Scalar<'_>, Option<&'static str>> {
    if array.is_null(row) {
        return Ok(Scalar::Null);
    }
    macro_rules! primitive {
        ($tp:ty) => {
            array.as_primitive::<$tp>().value(row)
        };
    }
    Ok(match array.data_type() {
        DataType::Null => Scalar::Null,
        DataType::Boolean => Scalar::Int(array.as_boolean().value(row).into()),
        DataType::Int8 => Scalar::Int(primitive!(Int8Type).into()),
        DataType::Int16 => Scalar::Int(primitive!(Int16Type).into()),
        DataType::Int32 => Scalar::Int(primitive!(Int32Type).into()),
        DataType::Int64 => Scalar::Int(primitive!(Int64Type)),
        DataType::UInt8 => Scalar::UInt(primitive!(UInt8Type).into()),
        DataType::UInt16 => Scalar::UInt(primitive!(UInt16Type).into()),
        DataType::UInt32 => Scalar::UInt(primitive!(UInt32Type).into()),
        DataType::UInt64 => Scalar::UInt(primitive!(UInt64Type)),
        DataType::Float32 => Scalar::Float(primitive!(Float32Type).into()),
        DataType::Float64 => Scalar::Float(primitive!(Float64Type)),
        DataType::Decimal32(_, scale) => decimal(primitive!(Decimal32Type).into(), *scale)?,
        DataType::Decimal64(_, scale) => decimal(primitive!(Decimal64Type).into(), *scale)?,
        DataType::Decimal128(_, scale) => decimal(primitive!(Decimal128Type), *scale)?,
        DataType::Decimal256(_, scale) => {
            let scale = u8::try_from(*scale).map_err(|_| Some("a negative scale"))?;
            let value = Decimal::from_i256(primitive!(Decimal256Type), scale);
            Scalar::Decimal(value.map_err(|_| Some("too many digits"))?)
        }
        DataType::Utf8 => Scalar::Bytes(array.as_string::<i32>().value(row).as_bytes()),
        DataType::LargeUtf8 => Scalar::Bytes(array.as_string::<i64>().value(row).as_bytes()),
        DataType::Utf8View => Scalar::Bytes(array.as_string_view().value(row).as_bytes()),
        DataType::Binary => Scalar::Bytes(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => Scalar::Bytes(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => Scalar::Bytes(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => Scalar::Bytes(array.as_fixed_size_binary().value(row)),
        DataType::Date32 => Scalar::Days(primitive!(Date32Type).into()),
        DataType::Date64 => Scalar::Micros(micros(primitive!(Date64Type), &TimeUnit::Millisecond)?),
        DataType::Timestamp(unit, _) => Scalar::Micros(timestamp(array, row, unit)?),
        DataType::Duration(unit) => {
            let nanos = duration::from_micros(length(array, row, unit)?);
            Scalar::Nanos(nanos.ok_or(Some("out of range"))?)
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let key = match scalar(dictionary.keys(), row)? {
                Scalar::Int(key) => usize::try_from(key),
                Scalar::UInt(key) => usize::try_from(key),
                _ => return Err(None),
            };
            let key = key.map_err(|_| Some("a key that the dictionary lacks"))?;
            return scalar(dictionary.values().as_ref(), key);
        }
        _ => return Err(None),
    })
}

fn decimal(value: i128, scale: i8) -> Result<Scalar<'static>, Option<&'static str>> {
    let scale = u8::try_from(scale).map_err(|_| Some("a negative scale"))?;
    let value = Decimal::from_i128(value, scale);
    value.map(Scalar::Decimal).map_err(|_| Some("too many digits"))
}

/// Microseconds since 1970 of a timestamp.
fn timestamp(array: &dyn Array, row: usize, unit: &TimeUnit) -> Result<i64, Option<&'static str>> {
    let value = match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
    };
    micros(value, unit)
}

/// Microseconds of a length of time.
fn length(array: &dyn Array, row: usize, unit: &TimeUnit) -> Result<i64, Option<&'static str>> {
    let value = match unit {
        TimeUnit::Second => array.as_primitive::<DurationSecondType>().value(row),
        TimeUnit::Millisecond => array.as_primitive::<DurationMillisecondType>().value(row),
        TimeUnit::Microsecond => array.as_primitive::<DurationMicrosecondType>().value(row),
        TimeUnit::Nanosecond => array.as_primitive::<DurationNanosecondType>().value(row),
    };
    micros(value, unit)
}

fn micros(value: i64, unit: &TimeUnit) -> Result<i64, Option<&'static str>> {
    match unit {
        TimeUnit::Second => value.checked_mul(1_000_000).ok_or(Some("out of range")),
        TimeUnit::Millisecond => value.checked_mul(1000).ok_or(Some("out of range")),
        TimeUnit::Microsecond => Ok(value),
        TimeUnit::Nanosecond if value % 1000 == 0 => Ok(value / 1000),
        TimeUnit::Nanosecond => Err(Some("a fraction of a microsecond")),
    }
}

/// The column's value for a scalar of the same meaning; whether it fits is checked later.
fn convert<'a>(column: &ColumnInfo, scalar: Scalar<'a>) -> Result<Datum<'a>> {
    let field_type = &column.field_type;
    let time = |micros: i64, kind| {
        let fsp = u8::try_from(field_type.decimal).unwrap_or(0);
        CoreTime::from_micros(micros, kind, fsp)
            .map(|time| Datum::UInt(time.to_packed()))
            .map_err(|error| refuse(column, &format!("{micros} µs"), error.to_string()))
    };
    match (field_type.tp, scalar) {
        (_, Scalar::Null) => Ok(Datum::Null),
        (_, Scalar::Int(value)) => integer(column, value.into()),
        (_, Scalar::UInt(value)) => integer(column, value.into()),
        (tp::DOUBLE, Scalar::Float(value)) => Ok(Datum::Float(value)),
        (tp::FLOAT, Scalar::Float(value)) => {
            #[expect(clippy::cast_possible_truncation, reason = "a FLOAT column rounds")]
            let value = f64::from(value as f32);
            Ok(Datum::Float(value))
        }
        (tp::NEW_DECIMAL, Scalar::Decimal(value)) => Ok(Datum::Decimal(value)),
        (_, Scalar::Bytes(bytes)) => of_bytes(column, bytes),
        (tp::DATE, Scalar::Days(days)) => time(days.saturating_mul(MICROS_PER_DAY), TimeKind::Date),
        (tp::DATETIME, Scalar::Days(days)) => {
            time(days.saturating_mul(MICROS_PER_DAY), TimeKind::DateTime)
        }
        (tp::DATE, Scalar::Micros(micros)) => time(micros, TimeKind::Date),
        (tp::DATETIME | tp::TIMESTAMP, Scalar::Micros(micros)) => time(micros, TimeKind::DateTime),
        (tp::DURATION, Scalar::Nanos(nanos)) => Ok(Datum::Duration(nanos)),
        (_, other) => {
            let name = match other {
                Scalar::Float(_) => "a float",
                Scalar::Decimal(_) => "a decimal",
                Scalar::Days(_) => "a date",
                Scalar::Micros(_) => "a time",
                _ => "such a value",
            };
            Err(refuse(column, name, "another kind of value"))
        }
    }
}

fn integer(column: &ColumnInfo, value: i128) -> Result<Datum<'static>> {
    match of_integer(column, value) {
        Some(datum) => Ok(datum),
        None => to_datum(column, &Value::Number(value.to_string())),
    }
}

/// Text and bytes: as they are for a column of such, else what the text says.
fn of_bytes<'a>(column: &ColumnInfo, bytes: &'a [u8]) -> Result<Datum<'a>> {
    let field_type = &column.field_type;
    if field_type.is_string() && !matches!(field_type.tp, tp::STRING) {
        return Ok(Datum::Bytes(Cow::Borrowed(bytes)));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => to_datum(column, &Value::Text(text.to_owned())),
        Err(_) => to_datum(column, &Value::Bytes(bytes.to_vec())),
    }
}
