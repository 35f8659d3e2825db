//! Cells of Arrow batches: the connector's side of a comparison.

use arrow::array::{Array, AsArray as _, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, TimeZone as _};
use chrono_tz::Tz;

use crate::cell::{Cell, Decimal, Rows};

/// The cells of `batches`.
#[must_use]
pub fn rows(batches: &[RecordBatch]) -> Rows {
    let columns = batches.first().map(|batch| {
        batch.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>()
    });
    let rows = batches
        .iter()
        .flat_map(|batch| {
            (0..batch.num_rows()).map(move |row| {
                batch.columns().iter().map(|array| cell(array.as_ref(), row)).collect()
            })
        })
        .collect();
    Rows { columns: columns.unwrap_or_default(), rows }
}

/// The cell of `array` at `row`.
///
/// # Panics
/// If the type is one that no answer has.
#[must_use]
pub fn cell(array: &dyn Array, row: usize) -> Cell {
    if array.is_null(row) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Null => Cell::Null,
        DataType::Boolean => Cell::Int(i128::from(array.as_boolean().value(row))),
        DataType::Int8 => Cell::Int(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Cell::Int(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Cell::Int(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Cell::Int(array.as_primitive::<Int64Type>().value(row).into()),
        DataType::UInt8 => Cell::Int(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => Cell::Int(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => Cell::Int(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => Cell::Int(array.as_primitive::<UInt64Type>().value(row).into()),
        DataType::Float32 => Cell::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Cell::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, _) => {
            Cell::Decimal(Decimal::parse(&array.as_primitive::<Decimal128Type>().value_as_string(row)))
        }
        DataType::Decimal256(_, _) => {
            Cell::Decimal(Decimal::parse(&array.as_primitive::<Decimal256Type>().value_as_string(row)))
        }
        DataType::Date32 => Cell::Date(array.as_primitive::<Date32Type>().value(row).into()),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            Cell::DateTime(wall(micros, zone.as_deref()))
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            Cell::Time(array.as_primitive::<DurationMicrosecondType>().value(row))
        }
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(row).to_owned()),
        DataType::Utf8View => Cell::Text(array.as_string_view().value(row).to_owned()),
        DataType::Binary => Cell::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        DataType::LargeBinary => Cell::Bytes(array.as_binary::<i64>().value(row).to_vec()),
        DataType::BinaryView => Cell::Bytes(array.as_binary_view().value(row).to_vec()),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            cell(dictionary.values().as_ref(), dictionary.normalized_keys()[row])
        }
        _ => {
            let options = FormatOptions::default();
            let formatter = ArrayFormatter::try_new(array, &options).expect("a printable type");
            Cell::Text(formatter.value(row).to_string())
        }
    }
}

/// The wall clock of `zone` at `micros`, as microseconds.
fn wall(micros: i64, zone: Option<&str>) -> i64 {
    let Some(zone) = zone else { return micros };
    let utc = DateTime::from_timestamp_micros(micros).expect("a time chrono has").naive_utc();
    let offset_seconds = if let Ok(zone) = zone.parse::<Tz>() {
        use chrono::Offset as _;
        i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc())
    } else {
        let sign = if zone.starts_with('-') { -1 } else { 1 };
        let (hours, minutes) = zone[1..].split_once(':').expect("a zone or an offset");
        let number = |text: &str| text.parse::<i64>().expect("an offset");
        sign * (number(hours) * 3600 + number(minutes) * 60)
    };
    micros + offset_seconds * 1_000_000
}
