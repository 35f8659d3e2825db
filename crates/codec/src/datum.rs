//! Datums: a flag byte that says what follows, then the value.
//!
//! Index keys and common handles are memory-comparable datums one after another, `TypeDefault`
//! answers and rows of the first format are compact ones (`util/codec/codec.go` of TiDB,
//! `codec/datum.rs` of TiKV). Times are [`Datum::UInt`] with a packed time, `ENUM`, `SET` and `BIT`
//! are [`Datum::UInt`] too: only the column's type tells.

use std::borrow::Cow;

use crate::bytes;
use crate::cursor::{take, take_array};
use crate::decimal::Decimal;
use crate::error::{Error, Result};
use crate::json;
use crate::number;
use crate::vector::VectorRef;

/// Flag bytes.
pub mod flag {
    /// `NULL`.
    pub const NIL: u8 = 0;
    /// Memory-comparable bytes.
    pub const BYTES: u8 = 1;
    /// Compact bytes.
    pub const COMPACT_BYTES: u8 = 2;
    /// Memory-comparable `i64`.
    pub const INT: u8 = 3;
    /// Memory-comparable `u64`.
    pub const UINT: u8 = 4;
    /// Memory-comparable `f64`.
    pub const FLOAT: u8 = 5;
    /// Decimal: precision, scale and MySQL's binary form.
    pub const DECIMAL: u8 = 6;
    /// Memory-comparable `i64` of nanoseconds.
    pub const DURATION: u8 = 7;
    /// Variable length `i64`.
    pub const VARINT: u8 = 8;
    /// Variable length `u64`.
    pub const VARUINT: u8 = 9;
    /// Binary JSON.
    pub const JSON: u8 = 10;
    /// `VECTOR`.
    pub const VECTOR_FLOAT32: u8 = 20;
    /// Above every value; ends of ranges only.
    pub const MAX: u8 = 250;
}

const WHAT: &str = "datum";

/// One value, which borrows its bytes where it can.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum<'a> {
    /// `NULL`.
    Null,
    /// A signed integer.
    Int(i64),
    /// An unsigned integer, a packed time, the number of an `ENUM`, the mask of a `SET`, a `BIT`.
    UInt(u64),
    /// A float or double.
    Float(f64),
    /// Bytes or text.
    Bytes(Cow<'a, [u8]>),
    /// A decimal; encoded with its own precision and scale, see [`encode_decimal`].
    Decimal(Decimal),
    /// A `TIME` in nanoseconds.
    Duration(i64),
    /// JSON: type byte (one of [`json::tp`]) and body.
    Json(u8, Cow<'a, [u8]>),
    /// A `VECTOR` in the encoding of [`crate::vector`].
    VectorFloat32(Cow<'a, [u8]>),
    /// Below every value but `NULL`: start of a range only, never decoded.
    MinNotNull,
    /// Above every value: end of a range only, never decoded.
    Max,
}

impl Datum<'_> {
    /// The same value with bytes of its own.
    #[must_use]
    pub fn into_owned(self) -> Datum<'static> {
        let owned = |bytes: Cow<'_, [u8]>| Cow::Owned(bytes.into_owned());
        match self {
            Self::Null => Datum::Null,
            Self::Int(value) => Datum::Int(value),
            Self::UInt(value) => Datum::UInt(value),
            Self::Float(value) => Datum::Float(value),
            Self::Bytes(value) => Datum::Bytes(owned(value)),
            Self::Decimal(value) => Datum::Decimal(value),
            Self::Duration(value) => Datum::Duration(value),
            Self::Json(tp, body) => Datum::Json(tp, owned(body)),
            Self::VectorFloat32(value) => Datum::VectorFloat32(owned(value)),
            Self::MinNotNull => Datum::MinNotNull,
            Self::Max => Datum::Max,
        }
    }

    /// The kind of value, for error messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Int(_) => "signed integer",
            Self::UInt(_) => "unsigned integer",
            Self::Float(_) => "float",
            Self::Bytes(_) => "bytes",
            Self::Decimal(_) => "decimal",
            Self::Duration(_) => "duration",
            Self::Json(..) => "JSON",
            Self::VectorFloat32(_) => "vector",
            Self::MinNotNull => "least value",
            Self::Max => "greatest value",
        }
    }
}

/// Takes one datum off the front of `input`.
///
/// # Errors
/// [`Error::Truncated`] when the input ends inside it, [`Error::Malformed`] on an unknown flag or a
/// value that breaks its format. `input` stays as it was then.
pub fn decode_one<'a>(input: &mut &'a [u8]) -> Result<Datum<'a>> {
    let mut rest = *input;
    let [flag] = *take_array(WHAT, &mut rest)?;
    let datum = match flag {
        flag::NIL => Datum::Null,
        flag::INT => Datum::Int(number::decode_i64(&mut rest)?),
        flag::VARINT => Datum::Int(number::decode_varint(&mut rest)?),
        flag::UINT => Datum::UInt(number::decode_u64(&mut rest)?),
        flag::VARUINT => Datum::UInt(number::decode_uvarint(&mut rest)?),
        flag::FLOAT => Datum::Float(number::decode_f64(&mut rest)?),
        flag::BYTES => Datum::Bytes(Cow::Owned(bytes::decode_bytes(&mut rest)?)),
        flag::COMPACT_BYTES => Datum::Bytes(Cow::Borrowed(bytes::decode_compact_bytes(&mut rest)?)),
        flag::DECIMAL => Datum::Decimal(Decimal::decode(&mut rest)?),
        flag::DURATION => Datum::Duration(number::decode_i64(&mut rest)?),
        flag::JSON => {
            let (tp, body) = json::take_value(&mut rest)?;
            Datum::Json(tp, Cow::Borrowed(body))
        }
        flag::VECTOR_FLOAT32 => Datum::VectorFloat32(Cow::Borrowed(take_vector(&mut rest)?)),
        other => return Err(unknown_flag(other)),
    };
    *input = rest;
    Ok(datum)
}

/// Takes one datum off the front of `input` without decoding it; returns its bytes with the flag.
///
/// # Errors
/// As [`decode_one`], but digits of decimals and insides of JSON are not looked at.
pub fn skip_one<'a>(input: &mut &'a [u8]) -> Result<&'a [u8]> {
    let mut rest = *input;
    let [flag] = *take_array(WHAT, &mut rest)?;
    match flag {
        flag::NIL => {}
        flag::INT | flag::UINT | flag::FLOAT | flag::DURATION => {
            take(WHAT, &mut rest, 8)?;
        }
        flag::VARINT | flag::VARUINT => {
            number::decode_uvarint(&mut rest)?;
        }
        flag::BYTES => {
            bytes::skip_bytes(&mut rest)?;
        }
        flag::COMPACT_BYTES => {
            bytes::decode_compact_bytes(&mut rest)?;
        }
        flag::DECIMAL => {
            Decimal::skip(&mut rest)?;
        }
        flag::JSON => {
            json::take_value(&mut rest)?;
        }
        flag::VECTOR_FLOAT32 => {
            take_vector(&mut rest)?;
        }
        other => return Err(unknown_flag(other)),
    }
    let len = input.len() - rest.len();
    take(WHAT, input, len)
}

fn take_vector<'a>(input: &mut &'a [u8]) -> Result<&'a [u8]> {
    let mut rest = *input;
    VectorRef::decode(&mut rest)?;
    let len = input.len() - rest.len();
    take(WHAT, input, len)
}

fn unknown_flag(flag: u8) -> Error {
    Error::malformed(WHAT, format!("unknown flag {flag}"))
}

/// Appends a datum in the memory-comparable form of keys.
///
/// # Errors
/// [`Error::Malformed`] for a decimal with more than 30 digits after the point, which no datum holds.
pub fn encode_key(out: &mut Vec<u8>, datum: &Datum<'_>) -> Result<()> {
    match datum {
        Datum::Int(value) => {
            out.push(flag::INT);
            number::encode_i64(out, *value);
        }
        Datum::UInt(value) => {
            out.push(flag::UINT);
            number::encode_u64(out, *value);
        }
        Datum::Bytes(value) => {
            out.push(flag::BYTES);
            bytes::encode_bytes(out, value);
        }
        other => return encode_either(out, other),
    }
    Ok(())
}

/// Appends a datum in the compact form of values.
///
/// # Errors
/// As [`encode_key`].
pub fn encode_value(out: &mut Vec<u8>, datum: &Datum<'_>) -> Result<()> {
    match datum {
        Datum::Int(value) => {
            out.push(flag::VARINT);
            number::encode_varint(out, *value);
        }
        Datum::UInt(value) => {
            out.push(flag::VARUINT);
            number::encode_uvarint(out, *value);
        }
        Datum::Bytes(value) => {
            out.push(flag::COMPACT_BYTES);
            bytes::encode_compact_bytes(out, value);
        }
        other => return encode_either(out, other),
    }
    Ok(())
}

/// Appends a decimal datum with the precision and scale of a column: within one column, these compare
/// by bytes, as index keys must.
///
/// # Errors
/// As [`Decimal::encode`]. `out` is as it was then.
pub fn encode_decimal(out: &mut Vec<u8>, value: &Decimal, precision: u8, scale: u8) -> Result<()> {
    let start = out.len();
    out.push(flag::DECIMAL);
    value.encode(out, precision, scale).inspect_err(|_| out.truncate(start))
}

/// The kinds of which keys and values have the same form.
fn encode_either(out: &mut Vec<u8>, datum: &Datum<'_>) -> Result<()> {
    match datum {
        Datum::Null => out.push(flag::NIL),
        Datum::Float(value) => {
            out.push(flag::FLOAT);
            number::encode_f64(out, *value);
        }
        Datum::Decimal(value) => encode_decimal(out, value, value.precision(), value.scale())?,
        Datum::Duration(nanos) => {
            out.push(flag::DURATION);
            number::encode_i64(out, *nanos);
        }
        Datum::Json(tp, body) => {
            out.extend_from_slice(&[flag::JSON, *tp]);
            out.extend_from_slice(body);
        }
        Datum::VectorFloat32(value) => {
            out.push(flag::VECTOR_FLOAT32);
            out.extend_from_slice(value);
        }
        Datum::MinNotNull => out.push(flag::BYTES),
        Datum::Max => out.push(flag::MAX),
        Datum::Int(_) | Datum::UInt(_) | Datum::Bytes(_) => return encode_key(out, datum),
    }
    Ok(())
}

#[cfg(test)]
#[path = "datum_tests.rs"]
mod tests;
