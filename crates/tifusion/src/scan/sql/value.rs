//! From values of the binary protocol to datums, which become Arrow's as those of the stores do.

use std::borrow::Cow;

use mysql_async::Value;
use tifusion_codec::FieldType;
use tifusion_codec::datum::{Datum, encode_value};
use tifusion_codec::decimal::Decimal;
use tifusion_codec::field_type::tp;
use tifusion_codec::time::{CoreTime, MAX_FSP, TimeKind};
use tifusion_codec::{duration, vector};

use crate::error::{Error, ErrorKind, Result};

/// Adds a value of this type behind those of the row before it.
///
/// # Errors
/// When it is no value of the type.
pub(super) fn push(row: &mut Vec<u8>, value: Value, field_type: &FieldType) -> Result<()> {
    let datum = datum(value, field_type)?;
    encode_value(row, &datum).map_err(malformed)
}

fn malformed(error: tifusion_codec::error::Error) -> Error {
    Error::new(ErrorKind::Data, "a value of TiDB's has no datum").with_source(error)
}

fn datum(value: Value, field_type: &FieldType) -> Result<Datum<'static>> {
    let unexpected = |value: &Value| {
        let message = format!("TiDB sent {} for {}", kind(value), field_type.name());
        Error::new(ErrorKind::Data, message)
    };
    Ok(match (field_type.tp, value) {
        (_, Value::NULL) => Datum::Null,
        (
            tp::TINY
            | tp::SHORT
            | tp::INT24
            | tp::LONG
            | tp::LONG_LONG
            | tp::YEAR
            | tp::ENUM
            | tp::BIT,
            value,
        ) => {
            let is_number = matches!(field_type.tp, tp::ENUM | tp::BIT);
            match value {
                Value::Int(value) if is_number => Datum::UInt(value.cast_unsigned()),
                Value::Int(value) => Datum::Int(value),
                Value::UInt(value) => Datum::UInt(value),
                other => return Err(unexpected(&other)),
            }
        }
        (tp::FLOAT | tp::DOUBLE, Value::Float(value)) => Datum::Float(f64::from(value)),
        (tp::FLOAT | tp::DOUBLE, Value::Double(value)) => Datum::Float(value),
        (tp::NEW_DECIMAL, Value::Bytes(text)) => Datum::Decimal(parsed(&text)?),
        (tp::NEW_DECIMAL, Value::Int(value)) => {
            Datum::Decimal(Decimal::from_i128(i128::from(value), 0).map_err(malformed)?)
        }
        (tp::NEW_DECIMAL, Value::UInt(value)) => {
            Datum::Decimal(Decimal::from_i128(i128::from(value), 0).map_err(malformed)?)
        }
        (
            tp::DATE | tp::NEW_DATE | tp::DATETIME | tp::TIMESTAMP,
            Value::Date(year, month, day, hour, minute, second, micro),
        ) => {
            let (kind, fsp) = (TimeKind::DateTime, MAX_FSP);
            let time = CoreTime { year, month, day, hour, minute, second, micro, kind, fsp };
            Datum::UInt(time.to_packed())
        }
        (tp::DURATION, Value::Time(is_negative, days, hours, minutes, seconds, micros)) => {
            let hours = i128::from(days) * 24 + i128::from(hours);
            let seconds = (hours * 60 + i128::from(minutes)) * 60 + i128::from(seconds);
            let micros = seconds * 1_000_000 + i128::from(micros);
            let micros = if is_negative { -micros } else { micros };
            let nanos = i64::try_from(micros).ok().and_then(duration::from_micros);
            Datum::Duration(nanos.ok_or_else(|| {
                Error::new(ErrorKind::Data, format!("TiDB sent a TIME of {micros} µs"))
            })?)
        }
        (tp::TIDB_VECTOR_FLOAT32, Value::Bytes(text)) => {
            let elements = vector::parse(&String::from_utf8_lossy(&text));
            let mut bytes = Vec::new();
            let elements = elements.map_err(malformed)?;
            vector::encode(&mut bytes, &elements).map_err(malformed)?;
            Datum::VectorFloat32(Cow::Owned(bytes))
        }
        (_, Value::Bytes(bytes)) if field_type.is_string() => Datum::Bytes(Cow::Owned(bytes)),
        (_, other) => return Err(unexpected(&other)),
    })
}

fn parsed(text: &[u8]) -> Result<Decimal> {
    String::from_utf8_lossy(text).parse().map_err(malformed)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::NULL => "NULL",
        Value::Bytes(_) => "bytes",
        Value::Int(_) => "an integer",
        Value::UInt(_) => "an unsigned integer",
        Value::Float(_) => "a FLOAT",
        Value::Double(_) => "a DOUBLE",
        Value::Date(..) => "a date",
        Value::Time(..) => "a TIME",
    }
}

#[cfg(test)]
mod tests {
    use tifusion_codec::field_type::flag;

    use super::*;

    fn of(code: u8, value: Value) -> Result<Datum<'static>> {
        datum(value, &FieldType::new(code, 0))
    }

    #[test]
    fn values_are_the_stores_datums() {
        assert_eq!(of(tp::LONG, Value::NULL).unwrap(), Datum::Null);
        assert_eq!(of(tp::LONG, Value::Int(-1)).unwrap(), Datum::Int(-1));
        assert_eq!(of(tp::ENUM, Value::Int(2)).unwrap(), Datum::UInt(2));
        assert_eq!(of(tp::FLOAT, Value::Float(0.5)).unwrap(), Datum::Float(0.5));
        let span = Value::Time(true, 34, 22, 59, 59, 1);
        let nanos = -((34 * 24 + 22) * 3600 + 59 * 60 + 59) * 1_000_000_000_i64 - 1000;
        assert_eq!(of(tp::DURATION, span).unwrap(), Datum::Duration(nanos));
        let zero = Value::Date(0, 0, 0, 0, 0, 0, 0);
        assert_eq!(of(tp::DATE, zero).unwrap(), Datum::UInt(0));
        let sum = of(tp::NEW_DECIMAL, Value::Bytes(b"-12.50".to_vec())).unwrap();
        assert!(matches!(sum, Datum::Decimal(sum) if sum.to_string() == "-12.50"));
    }

    #[test]
    fn what_is_no_value_of_the_type_is_an_error() {
        for (code, value) in [
            (tp::LONG, Value::Double(1.0)),
            (tp::DATE, Value::Bytes(b"2024-01-01".to_vec())),
            (tp::DURATION, Value::Time(false, u32::MAX, 0, 0, 0, 0)),
            (tp::NEW_DECIMAL, Value::Bytes(b"x".to_vec())),
        ] {
            assert_eq!(of(code, value).unwrap_err().kind(), ErrorKind::Data);
        }
        let unsigned = FieldType::new(tp::LONG_LONG, flag::UNSIGNED);
        assert_eq!(datum(Value::UInt(u64::MAX), &unsigned).unwrap(), Datum::UInt(u64::MAX));
    }
}
