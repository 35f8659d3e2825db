//! Cells of Arrow batches: the connector's side of a comparison.

use arrow::array::{Array, AsArray as _, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use chrono::{DateTime, TimeZone as _};
use chrono_tz::Tz;

use crate::cell::{Cell, Decimal};

/// How an instant becomes a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// As the wall clock of its column's zone.
    Wall,
    /// As the wall clock of UTC.
    Utc,
}

/// The cells of `batches`.
#[must_use]
pub fn rows(batches: &[RecordBatch], clock: Clock) -> Vec<Vec<Cell>> {
    let row_of = |batch: &RecordBatch, row| {
        batch.columns().iter().map(|array| cell(array.as_ref(), row, clock)).collect()
    };
    batches
        .iter()
        .flat_map(|batch| (0..batch.num_rows()).map(move |row| row_of(batch, row)))
        .collect()
}

/// The cell of `array` at `row`.
///
/// # Panics
/// If the type is one that no answer has.
#[must_use]
pub fn cell(array: &dyn Array, row: usize, clock: Clock) -> Cell {
    /// An integer cell.
    macro_rules! int {
        ($arrow:ty) => {
            Cell::Int(array.as_primitive::<$arrow>().value(row).into())
        };
    }
    if array.is_null(row) {
        return Cell::Null;
    }
    let decimal = |text: String| Cell::Decimal(Decimal::parse(&text));
    let text = |text: &str| Cell::Text(text.to_owned());
    match array.data_type() {
        DataType::Null => Cell::Null,
        DataType::Boolean => Cell::Int(i128::from(array.as_boolean().value(row))),
        DataType::Int8 => int!(Int8Type),
        DataType::Int16 => int!(Int16Type),
        DataType::Int32 => int!(Int32Type),
        DataType::Int64 => int!(Int64Type),
        DataType::UInt8 => int!(UInt8Type),
        DataType::UInt16 => int!(UInt16Type),
        DataType::UInt32 => int!(UInt32Type),
        DataType::UInt64 => int!(UInt64Type),
        DataType::Float32 => Cell::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Cell::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, _) => {
            decimal(array.as_primitive::<Decimal128Type>().value_as_string(row))
        }
        DataType::Decimal256(_, _) => {
            decimal(array.as_primitive::<Decimal256Type>().value_as_string(row))
        }
        DataType::Date32 => Cell::Date(array.as_primitive::<Date32Type>().value(row).into()),
        DataType::Timestamp(_, zone) => {
            let zone = zone.as_deref().filter(|_| clock == Clock::Wall);
            Cell::DateTime(wall(instant(array, row), zone))
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            Cell::Time(array.as_primitive::<DurationMicrosecondType>().value(row))
        }
        DataType::Utf8 => text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => text(array.as_string_view().value(row)),
        DataType::Binary => Cell::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        DataType::LargeBinary => Cell::Bytes(array.as_binary::<i64>().value(row).to_vec()),
        DataType::BinaryView => Cell::Bytes(array.as_binary_view().value(row).to_vec()),
        DataType::List(item) if *item.data_type() == DataType::Float32 => {
            Cell::Text(vector(array.as_list::<i32>().value(row).as_ref()))
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            cell(dictionary.values().as_ref(), dictionary.normalized_keys()[row], clock)
        }
        other => panic!("no answer has a {other}"),
    }
}

/// Microseconds of a `Timestamp`.
fn instant(array: &dyn Array, row: usize) -> i64 {
    let DataType::Timestamp(unit, _) = array.data_type() else { panic!("not a timestamp") };
    match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row) * 1_000_000,
        TimeUnit::Millisecond => {
            array.as_primitive::<TimestampMillisecondType>().value(row) * 1_000
        }
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => {
            let nanos = array.as_primitive::<TimestampNanosecondType>().value(row);
            assert_eq!(nanos % 1_000, 0, "TiDB has no nanoseconds");
            nanos / 1_000
        }
    }
}

/// A vector as TiDB shows it.
fn vector(items: &dyn Array) -> String {
    let items = items.as_primitive::<Float32Type>().values();
    format!("[{}]", items.iter().map(f32::to_string).collect::<Vec<_>>().join(","))
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
        let (hours, minutes) =
            zone.trim_start_matches(['+', '-']).split_once(':').expect("a zone or an offset");
        let number = |text: &str| text.parse::<i64>().expect("an offset");
        sign * (number(hours) * 3600 + number(minutes) * 60)
    };
    micros + offset_seconds * 1_000_000
}
