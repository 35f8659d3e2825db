//! One column's value in a row: no flag, since the column's type tells.

use std::borrow::Cow;

use crate::datum::Datum;
use crate::decimal::Decimal;
use crate::error::{Error, Result};
use crate::field_type::{FieldType, tp};
use crate::json;
use crate::number;
use crate::vector::VectorRef;

const WHAT: &str = "row value";

/// Appends a value that is not `NULL` as rows have it: integers, times, `ENUM`, `SET` and `BIT` in
/// one, two, four or eight little-endian bytes, floats memory-comparable, decimals with the column's
/// precision and scale, anything else as it is.
///
/// Whether the column can hold the value is [`check_stored`](super::check_stored)'s question; here
/// only its kind is looked at.
///
/// # Errors
/// [`Error::Malformed`] when a column of this type has no such values, [`Error::OutOfRange`] for a
/// decimal that doesn't fit. `out` is as it was then.
pub fn encode_value(out: &mut Vec<u8>, field_type: &FieldType, value: &Datum<'_>) -> Result<()> {
    match (field_type.tp, value) {
        (tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG, Datum::Int(_))
            if !field_type.is_unsigned() =>
        {
            return encode_number(out, value);
        }
        (tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG, Datum::UInt(_))
            if field_type.is_unsigned() =>
        {
            return encode_number(out, value);
        }
        (tp::YEAR, Datum::Int(_))
        | (
            tp::DATE | tp::DATETIME | tp::TIMESTAMP | tp::ENUM | tp::SET | tp::BIT,
            Datum::UInt(_),
        )
        | (tp::DURATION, Datum::Duration(_)) => return encode_number(out, value),
        (tp::FLOAT | tp::DOUBLE, Datum::Float(value)) => number::encode_f64(out, *value),
        (tp::NEW_DECIMAL, Datum::Decimal(value)) => {
            let (precision, scale) = decimal_size(field_type)?;
            value.encode(out, precision, scale)?;
        }
        (tp::JSON, Datum::Json(tp, body)) => {
            out.push(*tp);
            out.extend_from_slice(body);
        }
        (tp::TIDB_VECTOR_FLOAT32, Datum::VectorFloat32(value)) => out.extend_from_slice(value),
        (_, Datum::Bytes(value)) if field_type.is_string() => out.extend_from_slice(value),
        _ => return Err(wrong_kind(field_type, value)),
    }
    Ok(())
}

/// Reads a value as [`encode_value`] writes it.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Truncated`] when the bytes are not one value of the type,
/// [`Error::Unsupported`] for a type this version does not know.
pub fn decode_value<'a>(bytes: &'a [u8], field_type: &FieldType) -> Result<Datum<'a>> {
    let mut rest = bytes;
    let value = match field_type.tp {
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG if field_type.is_unsigned() => {
            return decode_unsigned(bytes).map(Datum::UInt);
        }
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG | tp::YEAR => {
            return decode_signed(bytes).map(Datum::Int);
        }
        tp::DATE | tp::DATETIME | tp::TIMESTAMP | tp::ENUM | tp::SET | tp::BIT => {
            return decode_unsigned(bytes).map(Datum::UInt);
        }
        tp::DURATION => return decode_signed(bytes).map(Datum::Duration),
        _ if field_type.is_string() => return Ok(Datum::Bytes(Cow::Borrowed(bytes))),
        tp::FLOAT | tp::DOUBLE => Datum::Float(number::decode_f64(&mut rest)?),
        tp::NEW_DECIMAL => Datum::Decimal(Decimal::decode(&mut rest)?),
        tp::JSON => {
            let (tp, body) = json::take_value(&mut rest)?;
            Datum::Json(tp, Cow::Borrowed(body))
        }
        tp::TIDB_VECTOR_FLOAT32 => {
            VectorRef::from_cell(bytes)?;
            return Ok(Datum::VectorFloat32(Cow::Borrowed(bytes)));
        }
        _ => return Err(Error::unsupported(WHAT, format!("type {}", field_type.name()))),
    };
    if !rest.is_empty() {
        return Err(Error::malformed(WHAT, format!("{} bytes too many", rest.len())));
    }
    Ok(value)
}

/// Precision and scale of a `DECIMAL` column.
pub(crate) fn decimal_size(field_type: &FieldType) -> Result<(u8, u8)> {
    match (u8::try_from(field_type.flen), u8::try_from(field_type.decimal)) {
        (Ok(precision), Ok(scale)) => Ok((precision, scale)),
        _ => Err(Error::OutOfRange {
            what: "decimal",
            value: format!("({}, {})", field_type.flen, field_type.decimal),
            target: "a precision and scale".to_owned(),
        }),
    }
}

/// Appends an integer in as few little-endian bytes as hold it: one, two, four or eight.
pub(super) fn encode_number(out: &mut Vec<u8>, value: &Datum<'_>) -> Result<()> {
    let (bytes, len) = match value {
        Datum::Int(value) | Datum::Duration(value) => {
            let len = match *value {
                -0x80..=0x7f => 1,
                -0x8000..=0x7fff => 2,
                -0x8000_0000..=0x7fff_ffff => 4,
                _ => 8,
            };
            (value.to_le_bytes(), len)
        }
        Datum::UInt(value) => {
            let len = match *value {
                0..=0xff => 1,
                0x100..=0xffff => 2,
                0x1_0000..=0xffff_ffff => 4,
                _ => 8,
            };
            (value.to_le_bytes(), len)
        }
        other => return Err(Error::malformed(WHAT, format!("{} for a number", other.kind()))),
    };
    out.extend(bytes.iter().take(len));
    Ok(())
}

fn decode_unsigned(bytes: &[u8]) -> Result<u64> {
    Ok(match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
        _ => u64::from_le_bytes(eight(bytes)?),
    })
}

fn decode_signed(bytes: &[u8]) -> Result<i64> {
    Ok(match *bytes {
        [a] => i64::from(i8::from_le_bytes([a])),
        [a, b] => i64::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        _ => i64::from_le_bytes(eight(bytes)?),
    })
}

fn eight(bytes: &[u8]) -> Result<[u8; 8]> {
    bytes
        .try_into()
        .map_err(|_| Error::malformed(WHAT, format!("an integer of {} bytes", bytes.len())))
}

/// The error for a value of a kind that columns of a type don't have.
pub(crate) fn wrong_kind(field_type: &FieldType, value: &Datum<'_>) -> Error {
    let sign = if field_type.is_unsigned() { " unsigned" } else { "" };
    let reason = format!("{} for a column of type {}{sign}", value.kind(), field_type.name());
    Error::malformed(WHAT, reason)
}
