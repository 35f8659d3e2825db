//! From a row's datums to values, and from values to an answer's datums.

use std::borrow::Cow;

use bytes::Bytes;
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::decimal::MAX_SCALE;
use tifusion_codec::duration::MAX_NANOS;
use tifusion_codec::field_type::tp;
use tifusion_codec::number;
use tifusion_codec::time::{CoreTime, TimeKind, Zone};
use tifusion_proto::tipb::FieldType;

use super::decimal::{self, Rounding};
use super::error::EvalError;
use super::types::{EvalType, TypeExt};
use super::value::{Span, Value};

/// Reads one datum as a value of the type. A `TIMESTAMP` comes out in `zone`.
///
/// # Errors
/// When the datum is malformed or of another kind.
pub(crate) fn decode(input: &mut &[u8], ty: &FieldType, zone: Zone) -> Result<Value, EvalError> {
    let datum = datum::decode_one(input)?;
    let kind = datum.kind();
    let mismatch = || EvalError::other(format!("a {kind} datum in a column of type {}", ty.code()));
    if datum == Datum::Null {
        return Ok(Value::Null);
    }
    let Some(eval_type) = ty.eval_type() else {
        return match (ty.code(), datum) {
            (tp::SET, Datum::UInt(mask)) => Ok(Value::Set(mask)),
            _ => Err(mismatch()),
        };
    };
    Ok(match (eval_type, datum) {
        (EvalType::Int, Datum::Int(value)) => Value::Int(value),
        (EvalType::Int, Datum::UInt(value)) => Value::uint(value),
        (EvalType::Real, Datum::Float(value)) => Value::real(narrow(value, ty)),
        (EvalType::Decimal, Datum::Decimal(value)) => Value::Decimal(value),
        (EvalType::Bytes, Datum::Bytes(value)) => Value::Bytes(owned(value)),
        (EvalType::Time, Datum::UInt(packed)) => Value::Time(unpack_time(packed, ty, zone)?),
        (EvalType::Duration, Datum::Duration(nanos) | Datum::Int(nanos)) => {
            Value::Duration(span(nanos, ty.fsp())?)
        }
        (EvalType::Json, Datum::Json(tp, body)) => {
            let mut cell = Vec::with_capacity(body.len() + 1);
            cell.push(tp);
            cell.extend_from_slice(&body);
            Value::Json(cell.into())
        }
        (EvalType::Vector, Datum::VectorFloat32(value)) => Value::Vector(owned(value)),
        (EvalType::Enum, Datum::UInt(number)) => Value::Enum(number, member_name(ty, number)),
        (EvalType::Enum, Datum::Bytes(name)) => {
            let at = ty.elems.iter().position(|elem| elem.as_bytes() == name.as_ref());
            let number = at.and_then(|at| u64::try_from(at + 1).ok()).unwrap_or(0);
            Value::Enum(number, owned(name))
        }
        _ => return Err(mismatch()),
    })
}

/// A `TIME` within its range.
///
/// # Errors
/// When it is longer than `838:59:59`.
pub(crate) fn span(nanos: i64, fsp: u8) -> Result<Span, EvalError> {
    if nanos.unsigned_abs() > MAX_NANOS.unsigned_abs() {
        return Err(EvalError::overflow("TIME", &format!("{nanos} ns")));
    }
    Ok(Span { nanos, fsp })
}

/// A float column holds no more than a float's digits.
#[expect(clippy::cast_possible_truncation, reason = "FLOAT has single precision")]
fn narrow(value: f64, ty: &FieldType) -> f64 {
    if ty.code() == tp::FLOAT { f64::from(value as f32) } else { value }
}

fn owned(bytes: Cow<'_, [u8]>) -> Bytes {
    bytes.into_owned().into()
}

/// The name of an `ENUM`'s member, empty for number 0 and unknown ones.
pub(crate) fn member_name(ty: &FieldType, number: u64) -> Bytes {
    let index = number.checked_sub(1).and_then(|index| usize::try_from(index).ok());
    let name = index.and_then(|index| ty.elems.get(index));
    name.map_or_else(Bytes::new, |name| Bytes::copy_from_slice(name.as_bytes()))
}

/// The kind of time a type is.
pub(crate) fn time_kind(ty: &FieldType) -> TimeKind {
    match ty.code() {
        tp::DATE => TimeKind::Date,
        tp::TIMESTAMP => TimeKind::Timestamp,
        _ => TimeKind::DateTime,
    }
}

/// A packed time; a `TIMESTAMP` is stored in UTC and comes out in `zone`.
///
/// # Errors
/// When a `TIMESTAMP` is not on the calendar.
pub(crate) fn unpack_time(packed: u64, ty: &FieldType, zone: Zone) -> Result<CoreTime, EvalError> {
    let kind = time_kind(ty);
    let fsp = if kind == TimeKind::Date { 0 } else { ty.fsp() };
    let time = CoreTime::from_packed(packed, kind, fsp);
    if kind != TimeKind::Timestamp || time.is_zero() {
        return Ok(time);
    }
    let utc = time.to_micros().map_err(|error| error.into_error(time))?;
    Ok(CoreTime::from_micros(zone.utc_to_wall_micros(utc), kind, fsp)?)
}

/// The packed form of a time; a `TIMESTAMP` goes back to UTC.
///
/// # Errors
/// When a `TIMESTAMP` is not on the calendar.
pub(crate) fn pack_time(time: CoreTime, zone: Zone) -> Result<u64, EvalError> {
    if time.kind != TimeKind::Timestamp || time.is_zero() {
        return Ok(time.to_packed());
    }
    let utc = time.to_utc_micros(zone)?;
    Ok(CoreTime::from_micros(utc, time.kind, time.fsp)?.to_packed())
}

/// Appends a value as TiKV writes it to `TypeDefault` answers: integers in their fixed form, bytes in
/// the compact one.
///
/// # Errors
/// When a decimal or time has no such form.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    value: &Value,
    ty: &FieldType,
    zone: Zone,
) -> Result<(), EvalError> {
    let uint = |out: &mut Vec<u8>, number: u64| {
        out.push(datum::flag::UINT);
        number::encode_u64(out, number);
    };
    match value {
        Value::Int(value) if ty.is_unsigned() => uint(out, value.cast_unsigned()),
        Value::Int(value) => {
            out.push(datum::flag::INT);
            number::encode_i64(out, *value);
        }
        Value::Enum(number, _) | Value::Set(number) => uint(out, *number),
        Value::Time(time) => uint(out, pack_time(*time, zone)?),
        Value::Null => datum::encode_value(out, &Datum::Null)?,
        Value::Real(value) => datum::encode_value(out, &Datum::Float(*value))?,
        Value::Decimal(value) => {
            // Quotients may have more digits than a datum holds.
            let most = i32::from(MAX_SCALE);
            let (cut, _) = decimal::round(value, most, Rounding::Truncate);
            let value = if value.scale() > MAX_SCALE { cut } else { *value };
            datum::encode_value(out, &Datum::Decimal(value))?;
        }
        Value::Bytes(value) => datum::encode_value(out, &Datum::Bytes(Cow::Borrowed(value)))?,
        Value::Duration(span) => datum::encode_value(out, &Datum::Duration(span.nanos))?,
        Value::Json(cell) => {
            out.push(datum::flag::JSON);
            out.extend_from_slice(cell);
        }
        Value::Vector(cell) => {
            out.push(datum::flag::VECTOR_FLOAT32);
            out.extend_from_slice(cell);
        }
    }
    Ok(())
}
