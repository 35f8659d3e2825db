//! Chunks and rows that TiDB's own code encoded (`testdata/chunk.txt`).

use std::str::FromStr;
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, ListBuilder};
use arrow_array::types::{Decimal128Type, Decimal256Type, DecimalType, UInt16Type};
use arrow_array::{
    Array, ArrayRef, Date32Array, DictionaryArray, DurationMicrosecondArray, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, LargeBinaryArray,
    LargeStringArray, PrimitiveArray, StringArray, TimestampMicrosecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow_buffer::i256;
use arrow_schema::{DataType, TimeUnit};
use chrono::NaiveDateTime;
use tifusion_codec::FieldType;

use crate::check::{Column, shifted};
use crate::encoder::chunk_of_datums;

const VECTORS: &str = include_str!("../../testdata/chunk.txt");

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn parsed<T: FromStr<Err: std::fmt::Debug>>(values: &[Option<&str>]) -> Vec<Option<T>> {
    values.iter().map(|value| value.map(|text| text.parse().unwrap())).collect()
}

/// The Arrow type that a case's name stands for.
fn data_type(name: &str) -> DataType {
    let micros = |zone| DataType::Timestamp(TimeUnit::Microsecond, zone);
    let item = arrow_schema::Field::new("item", DataType::Float32, true);
    if let Some(decimal) = name.strip_prefix("Decimal") {
        let (width, rest) = decimal.split_once('(').unwrap();
        let (precision, scale) = rest.trim_end_matches(')').split_once(',').unwrap();
        let (precision, scale) = (precision.parse().unwrap(), scale.parse().unwrap());
        return match width {
            "128" => DataType::Decimal128(precision, scale),
            _ => DataType::Decimal256(precision, scale),
        };
    }
    match name {
        "Int8" => DataType::Int8,
        "Int16" => DataType::Int16,
        "Int32" => DataType::Int32,
        "Int64" => DataType::Int64,
        "UInt8" => DataType::UInt8,
        "UInt16" => DataType::UInt16,
        "UInt32" => DataType::UInt32,
        "UInt64" | "Bit" => DataType::UInt64,
        "Float32" => DataType::Float32,
        "Float64" => DataType::Float64,
        "Date32" => DataType::Date32,
        "Timestamp" => micros(None),
        "TimestampUtc" => micros(Some("UTC".into())),
        "Duration" => DataType::Duration(TimeUnit::Microsecond),
        "LargeUtf8" => DataType::LargeUtf8,
        "LargeBinary" => DataType::LargeBinary,
        "Enum" => DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8)),
        "Set" | "Json" => DataType::Utf8,
        "Vector" => DataType::List(Arc::new(item)),
        other => panic!("{other}"),
    }
}

/// Microseconds since the epoch, none for a time that chrono doesn't have.
fn micros(values: &[Option<&str>]) -> Vec<Option<i64>> {
    let parse = |text| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok();
    values.iter().map(|value| Some(parse((*value)?)?.and_utc().timestamp_micros())).collect()
}

fn decimals<T: DecimalType>(
    values: &[Option<&str>],
    (precision, scale): (u8, i8),
    parse: fn(&str) -> T::Native,
) -> ArrayRef {
    let unscaled = |text: &str| {
        let (int, frac) = text.split_once('.').unwrap_or((text, ""));
        parse(&format!("{int}{frac:0<0$}", usize::try_from(scale).unwrap()))
    };
    let values = values.iter().map(|value| value.map(unscaled));
    let array: PrimitiveArray<T> = values.collect();
    Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
}

fn texts(values: &[Option<&str>]) -> Vec<Option<String>> {
    let text = |hexed: &str| String::from_utf8(hex(hexed)).unwrap();
    values.iter().map(|value| value.map(text)).collect()
}

fn members(field_type: &FieldType, numbers: &[Option<&str>]) -> ArrayRef {
    let count = field_type.elems.len() as u16;
    let key = |number: u16| number.checked_sub(1).unwrap_or(count);
    let keys: UInt16Array = parsed(numbers).into_iter().map(|number| number.map(key)).collect();
    let values = field_type.elems.iter().map(String::as_str).chain([""]);
    let values = Arc::new(StringArray::from_iter_values(values));
    Arc::new(DictionaryArray::<UInt16Type>::try_new(keys, values).unwrap())
}

fn lists(values: &[Option<&str>]) -> ArrayRef {
    let mut builder = ListBuilder::new(Float32Builder::new());
    for value in values {
        let elements = |text: &str| -> Vec<Option<f32>> {
            let inside = text.trim_matches(['[', ']']).split(',').filter(|part| !part.is_empty());
            inside.map(|part| Some(part.parse().unwrap())).collect()
        };
        builder.append_option(value.map(elements));
    }
    Arc::new(builder.finish())
}

fn expected(name: &str, field_type: &FieldType, values: &[Option<&str>]) -> ArrayRef {
    match data_type(name) {
        DataType::Int8 => Arc::new(Int8Array::from(parsed(values))),
        DataType::Int16 => Arc::new(Int16Array::from(parsed(values))),
        DataType::Int32 => Arc::new(Int32Array::from(parsed(values))),
        DataType::Int64 => Arc::new(Int64Array::from(parsed(values))),
        DataType::UInt8 => Arc::new(UInt8Array::from(parsed(values))),
        DataType::UInt16 => Arc::new(UInt16Array::from(parsed(values))),
        DataType::UInt32 => Arc::new(UInt32Array::from(parsed(values))),
        DataType::UInt64 => Arc::new(UInt64Array::from(parsed(values))),
        DataType::Float32 => Arc::new(Float32Array::from(parsed(values))),
        DataType::Float64 => Arc::new(Float64Array::from(parsed(values))),
        DataType::Decimal128(precision, scale) => {
            decimals::<Decimal128Type>(values, (precision, scale), |text| text.parse().unwrap())
        }
        DataType::Decimal256(precision, scale) => {
            decimals::<Decimal256Type>(values, (precision, scale), |text| {
                i256::from_string(text).unwrap()
            })
        }
        DataType::Date32 => {
            let days = |micros: i64| i32::try_from(micros.div_euclid(86_400_000_000)).unwrap();
            let days = micros(values).into_iter().map(|value| value.map(days));
            Arc::new(days.collect::<Date32Array>())
        }
        DataType::Timestamp(_, zone) => {
            Arc::new(TimestampMicrosecondArray::from(micros(values)).with_timezone_opt(zone))
        }
        DataType::Duration(_) => Arc::new(DurationMicrosecondArray::from(parsed(values))),
        DataType::LargeUtf8 => Arc::new(LargeStringArray::from(texts(values))),
        DataType::LargeBinary => {
            Arc::new(values.iter().map(|v| v.map(hex)).collect::<LargeBinaryArray>())
        }
        DataType::Utf8 => Arc::new(StringArray::from(values.to_vec())),
        DataType::Dictionary(..) => members(field_type, values),
        DataType::List(_) => lists(values),
        other => panic!("{other}"),
    }
}

#[test]
fn what_tidb_encoded_is_read_as_the_values_it_encoded() {
    let mut cases = 0;
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<&str> = line.split('\t').collect();
        let [name, tp, flags, elems, values, chunk, compact, comparable] = parts[..] else {
            panic!("{line}")
        };
        let elems = elems.split(',').filter(|elem| !elem.is_empty()).map(str::to_owned).collect();
        let charset = if name == "LargeBinary" { "binary" } else { "utf8mb4" }.to_owned();
        let field_type = FieldType::new(tp.parse().unwrap(), flags.parse().unwrap());
        let field_type = FieldType { elems, charset, ..field_type };
        let values: Vec<_> =
            values.split('|').map(|value| (value != "NULL").then_some(value)).collect();
        let expected = expected(name, &field_type, &values);
        let column = Column::new(field_type, data_type(name));
        for shift in 0..8 {
            let data = shifted(&hex(chunk), shift);
            let batch = column.chunks().unwrap().decode(&data).unwrap();
            assert_eq!(batch.column(0), &expected, "{line}");
        }
        let tp = column.field_type.tp;
        let again = chunk_of_datums(tp, &column.field_type.elems, &hex(compact));
        assert_eq!(column.chunks().unwrap().decode(&again).unwrap().column(0), &expected, "{line}");
        for rows in [compact, comparable] {
            let batch = column.rows().unwrap().decode(&hex(rows).into()).unwrap();
            assert_eq!(batch.column(0), &expected, "{line}");
        }
        cases += expected.len();
    }
    assert!(cases > 250, "{cases}");
}
