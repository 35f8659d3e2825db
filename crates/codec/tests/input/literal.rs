//! Arrays of one value, by a kind and a literal.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, Date32Array, Date64Array, Decimal128Array, Decimal256Array,
    DurationMicrosecondArray, DurationMillisecondArray, DurationNanosecondArray,
    DurationSecondArray, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array,
    LargeBinaryArray, LargeStringArray, StringArray, StringViewArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow_buffer::i256;
use tifusion_codec::duration;
use tifusion_codec::time::{CoreTime, MICROS_PER_DAY, TimeKind};

/// Text: JSON strings one after another, each perhaps repeated.
pub(crate) fn text(literal: &str) -> String {
    let mut out = String::new();
    let mut rest = literal;
    while !rest.is_empty() {
        let mut strings = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        let part = strings.next().unwrap().unwrap();
        rest = &rest[strings.byte_offset()..];
        let mut times = 1;
        if let Some(behind) = rest.strip_prefix('*') {
            let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
            times = behind[..digits].parse().unwrap();
            rest = &behind[digits..];
        }
        out.push_str(&part.repeat(times));
    }
    out
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().as_chunks::<2>().0;
    pairs.iter().map(|p| u8::from_str_radix(str::from_utf8(p).unwrap(), 16).unwrap()).collect()
}

/// The arrays that hold the value, of each Arrow type that can.
pub(crate) fn arrays(kind: &str, literal: &str) -> Vec<ArrayRef> {
    let (name, argument) =
        match kind.find(|c: char| c == '(' || (c.is_ascii_digit() && !kind.starts_with('f'))) {
            Some(at) => kind.split_at(at),
            None => (kind, ""),
        };
    let fsp = argument.parse().unwrap_or(0);
    match name {
        "int" => ints(literal.parse().unwrap()),
        "uint" => uints(literal.parse().unwrap()),
        "f32" => vec![Arc::new(Float32Array::from(vec![literal.parse::<f32>().unwrap()]))],
        "f64" => vec![Arc::new(Float64Array::from(vec![literal.parse::<f64>().unwrap()]))],
        "dec" => decimals(argument, literal),
        "text" => {
            let text = text(literal);
            vec![
                Arc::new(StringArray::from(vec![text.as_str()])),
                Arc::new(LargeStringArray::from(vec![text.as_str()])),
                Arc::new(StringViewArray::from(vec![text.as_str()])),
            ]
        }
        "bytes" => {
            let bytes = hex(literal);
            vec![
                Arc::new(BinaryArray::from(vec![bytes.as_slice()])),
                Arc::new(LargeBinaryArray::from(vec![bytes.as_slice()])),
            ]
        }
        "date" => {
            let days = CoreTime::parse(literal, TimeKind::Date, 0).unwrap().to_days().unwrap();
            vec![
                Arc::new(Date32Array::from(vec![days])),
                Arc::new(Date64Array::from(vec![i64::from(days) * (MICROS_PER_DAY / 1000)])),
            ]
        }
        "dt" => timestamps(literal, fsp, None),
        "ts" => timestamps(literal, fsp, Some("Europe/Rome")),
        "time" => durations(literal, fsp),
        other => panic!("{other}"),
    }
}

fn ints(value: i64) -> Vec<ArrayRef> {
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![value]))];
    if let Ok(value) = i32::try_from(value) {
        arrays.push(Arc::new(Int32Array::from(vec![value])));
    }
    if let Ok(value) = i16::try_from(value) {
        arrays.push(Arc::new(Int16Array::from(vec![value])));
    }
    if let Ok(value) = i8::try_from(value) {
        arrays.push(Arc::new(Int8Array::from(vec![value])));
    }
    arrays
}

fn uints(value: u64) -> Vec<ArrayRef> {
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(UInt64Array::from(vec![value]))];
    if let Ok(value) = u32::try_from(value) {
        arrays.push(Arc::new(UInt32Array::from(vec![value])));
    }
    if let Ok(value) = u16::try_from(value) {
        arrays.push(Arc::new(UInt16Array::from(vec![value])));
    }
    if let Ok(value) = u8::try_from(value) {
        arrays.push(Arc::new(UInt8Array::from(vec![value])));
    }
    arrays
}

fn decimals(size: &str, literal: &str) -> Vec<ArrayRef> {
    let size = size.trim_matches(['(', ')']);
    let (precision, scale) = size.split_once(',').unwrap();
    let (precision, scale) = (precision.parse().unwrap(), scale.parse().unwrap());
    let digits = literal.replace('.', "");
    let wide = Decimal256Array::from(vec![i256::from_string(&digits).unwrap()]);
    let mut arrays: Vec<ArrayRef> =
        vec![Arc::new(wide.with_precision_and_scale(precision, scale).unwrap())];
    if precision <= 38 {
        let narrow = Decimal128Array::from(vec![digits.parse::<i128>().unwrap()]);
        arrays.push(Arc::new(narrow.with_precision_and_scale(precision, scale).unwrap()));
    }
    arrays
}

fn timestamps(literal: &str, fsp: u8, zone: Option<&str>) -> Vec<ArrayRef> {
    let micros = CoreTime::parse(literal, TimeKind::DateTime, 6).unwrap().to_micros().unwrap();
    match fsp {
        0 => {
            let array = TimestampSecondArray::from(vec![micros / 1_000_000]);
            vec![Arc::new(array.with_timezone_opt(zone.map(str::to_owned)))]
        }
        3 => {
            let array = TimestampMillisecondArray::from(vec![micros / 1000]);
            vec![Arc::new(array.with_timezone_opt(zone.map(str::to_owned)))]
        }
        _ => {
            let array = TimestampMicrosecondArray::from(vec![micros]);
            let mut arrays: Vec<ArrayRef> =
                vec![Arc::new(array.with_timezone_opt(zone.map(str::to_owned)))];
            if let Some(nanos) = micros.checked_mul(1000) {
                let array = TimestampNanosecondArray::from(vec![nanos]);
                arrays.push(Arc::new(array.with_timezone_opt(zone.map(str::to_owned))));
            }
            arrays
        }
    }
}

fn durations(literal: &str, fsp: u8) -> Vec<ArrayRef> {
    let nanos = duration::parse(literal, 6).unwrap();
    match fsp {
        0 => vec![Arc::new(DurationSecondArray::from(vec![nanos / 1_000_000_000]))],
        3 => vec![Arc::new(DurationMillisecondArray::from(vec![nanos / 1_000_000]))],
        _ => vec![
            Arc::new(DurationMicrosecondArray::from(vec![nanos / 1000])),
            Arc::new(DurationNanosecondArray::from(vec![nanos])),
        ],
    }
}
