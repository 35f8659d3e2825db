//! Values as numbers, by the flags of the request where they don't fit.

use tifusion_codec::decimal::Decimal;
use tifusion_codec::json::tp;
use tifusion_codec::time::{CoreTime, TimeKind};

use super::round::{round_span, round_time};
use super::text::{float_prefix, to_real, valid_prefix};
use crate::cop::context::EvalContext;
use crate::cop::decimal::{self, Fit, Rounding};
use crate::cop::error::{EvalError, code};
use crate::cop::value::{Span, Value};

/// A decimal that didn't fit, by the flags.
///
/// # Errors
/// When the flags say that it fails.
pub(crate) fn settle(
    (value, fit): (Decimal, Fit),
    overflow: impl FnOnce() -> EvalError,
    ctx: &mut EvalContext,
) -> Result<Decimal, EvalError> {
    match fit {
        Fit::Whole => {}
        Fit::Truncated => ctx.truncated(EvalError::new(code::TRUNCATED, "Data Truncated"))?,
        Fit::Overflow => ctx.overflowed(overflow())?,
    }
    Ok(value)
}

/// The value as a float; an integer by its sign.
///
/// # Errors
/// When it is no number, by the flags.
pub(crate) fn real_of(
    value: &Value,
    unsigned: bool,
    ctx: &mut EvalContext,
) -> Result<f64, EvalError> {
    Ok(match value {
        Value::Int(value) => int_to_real(*value, unsigned),
        Value::Real(value) => *value,
        Value::Decimal(value) => decimal::to_f64(value),
        Value::Bytes(text) => to_real(text, false, ctx)?,
        Value::Time(time) => parse_real(&time_digits(*time)),
        Value::Duration(span) => parse_real(&span_digits(*span)),
        Value::Enum(number, _) | Value::Set(number) => int_to_real(number.cast_signed(), true),
        Value::Json(cell) => json_real(cell, ctx)?,
        Value::Null | Value::Vector(_) => return Err(no_number(value)),
    })
}

#[expect(clippy::cast_precision_loss, reason = "MySQL rounds to the nearest float, too")]
pub(crate) fn int_to_real(value: i64, unsigned: bool) -> f64 {
    if unsigned { value.cast_unsigned() as f64 } else { value as f64 }
}

fn parse_real(text: &str) -> f64 {
    text.parse().unwrap_or_default()
}

fn no_number(value: &Value) -> EvalError {
    EvalError::other(format!("a {} is no number", value.kind()))
}

fn json_real(cell: &[u8], ctx: &mut EvalContext) -> Result<f64, EvalError> {
    let mut rest = cell;
    let (kind, body) = tifusion_codec::json::take_value(&mut rest)?;
    let fixed = body.first_chunk::<8>().copied().unwrap_or_default();
    Ok(match kind {
        tp::LITERAL => f64::from(u8::from(body == [1])),
        tp::I64 => int_to_real(i64::from_le_bytes(fixed), false),
        tp::U64 => int_to_real(i64::from_le_bytes(fixed), true),
        tp::DOUBLE => f64::from_le_bytes(fixed),
        tp::STRING => {
            let text = super::json::json_text(body)?;
            to_real(text, false, ctx)?
        }
        _ => {
            let mut text = String::new();
            tifusion_codec::json::write_cell_text(&mut text, cell)?;
            ctx.truncated(EvalError::truncated_wrong_value("FLOAT", &text))?;
            0.0
        }
    })
}

/// The value as a decimal.
///
/// # Errors
/// When it is no number, by the flags.
pub(crate) fn decimal_of(
    value: &Value,
    unsigned: bool,
    ctx: &mut EvalContext,
) -> Result<Decimal, EvalError> {
    let overflow = || EvalError::overflow("DECIMAL", "");
    Ok(match value {
        Value::Int(value) if unsigned => decimal::from_u64(value.cast_unsigned()),
        Value::Int(value) => decimal::from_i64(*value),
        Value::Real(value) => match decimal::from_f64(*value) {
            Some(number) => settle(number, overflow, ctx)?,
            None => return Err(EvalError::other(format!("{value} can't be convert to decimal"))),
        },
        Value::Decimal(value) => *value,
        Value::Bytes(text) => text_to_decimal(text, ctx)?,
        Value::Time(time) if time.is_zero() => Decimal::default(),
        Value::Time(time) => parse_decimal(&time_digits(*time)),
        Value::Duration(span) => parse_decimal(&span_digits(*span)),
        Value::Enum(number, _) | Value::Set(number) => decimal::from_u64(*number),
        Value::Json(cell) => {
            let value = Value::Real(json_real(cell, ctx)?);
            decimal_of(&value, false, ctx)?
        }
        Value::Null | Value::Vector(_) => return Err(no_number(value)),
    })
}

fn parse_decimal(text: &str) -> Decimal {
    text.parse().unwrap_or_default()
}

/// The decimal at the front of a text; what is behind it is dropped, by the flags.
fn text_to_decimal(text: &[u8], ctx: &mut EvalContext) -> Result<Decimal, EvalError> {
    let valid = text.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let Some((value, fit, rest)) = decimal::parse(valid) else { return Ok(Decimal::default()) };
    let fit =
        if fit == Fit::Whole && (rest || valid.len() < text.len()) { Fit::Truncated } else { fit };
    settle((value, fit), || EvalError::overflow("DECIMAL", ""), ctx)
}

/// The value as a signed integer, rounded.
///
/// # Errors
/// When it is no number or out of range, by the flags.
pub(crate) fn int_of(value: &Value, ctx: &mut EvalContext) -> Result<i64, EvalError> {
    match value {
        Value::Int(value) => Ok(*value),
        Value::Real(value) => real_to_int(*value, ctx),
        Value::Enum(number, _) | Value::Set(number) => Ok(number.cast_signed()),
        Value::Bytes(text) => {
            let text = valid_prefix(text, ctx)?.trim();
            let number = float_prefix(text, false, ctx)?;
            decimal_to_int(&parse_lenient(number), ctx)
        }
        Value::Time(time) => {
            let time = Value::Time(round_time(*time, 0, ctx)?);
            decimal_to_int(&decimal_of(&time, false, ctx)?, ctx)
        }
        Value::Duration(span) => {
            let span = Value::Duration(round_span(*span, 0)?);
            decimal_to_int(&decimal_of(&span, false, ctx)?, ctx)
        }
        Value::Json(cell) => json_int(cell, ctx),
        Value::Decimal(value) => decimal_to_int(value, ctx),
        Value::Null | Value::Vector(_) => Err(no_number(value)),
    }
}

/// The value as an unsigned integer, rounded; the bits of it.
///
/// # Errors
/// As [`int_of`].
pub(crate) fn uint_of(value: &Value, ctx: &mut EvalContext) -> Result<i64, EvalError> {
    match value {
        Value::Real(value) => real_to_uint(*value, ctx),
        Value::Decimal(value) => decimal_to_uint(value, ctx),
        Value::Json(cell) if cell.first() == Some(&tp::DOUBLE) => {
            let fixed = cell.get(1..9).and_then(|bytes| bytes.first_chunk::<8>().copied());
            real_to_uint(f64::from_le_bytes(fixed.unwrap_or_default()), ctx)
        }
        other => int_of(other, ctx),
    }
}

fn json_int(cell: &[u8], ctx: &mut EvalContext) -> Result<i64, EvalError> {
    let mut rest = cell;
    let (kind, body) = tifusion_codec::json::take_value(&mut rest)?;
    let fixed = body.first_chunk::<8>().copied().unwrap_or_default();
    match kind {
        tp::LITERAL => Ok(i64::from(body == [1])),
        tp::I64 | tp::U64 => Ok(i64::from_le_bytes(fixed)),
        tp::DOUBLE => real_to_int(f64::from_le_bytes(fixed), ctx),
        tp::STRING => {
            let text = super::json::json_text(body)?;
            int_of(&Value::Bytes(bytes::Bytes::copy_from_slice(text)), ctx)
        }
        _ => {
            let mut text = String::new();
            tifusion_codec::json::write_cell_text(&mut text, cell)?;
            ctx.truncated(EvalError::truncated_wrong_value("Integer", &text))?;
            Ok(0)
        }
    }
}

fn parse_lenient(text: &str) -> Decimal {
    decimal::parse(text).map(|(value, _, _)| value).unwrap_or_default()
}

/// Rounds half away from zero.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
pub(crate) fn real_to_int(value: f64, ctx: &mut EvalContext) -> Result<i64, EvalError> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let rounded = value.round();
    if (-LIMIT..LIMIT).contains(&rounded) {
        return Ok(rounded as i64);
    }
    if !(-LIMIT..=LIMIT).contains(&rounded) {
        ctx.overflowed(constant_overflow(&rounded.to_string(), "bigint"))?;
    }
    Ok(if rounded < 0.0 { i64::MIN } else { i64::MAX })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before"
)]
fn real_to_uint(value: f64, ctx: &mut EvalContext) -> Result<i64, EvalError> {
    const LIMIT: f64 = 18_446_744_073_709_551_616.0;
    let rounded = value.round();
    if rounded < 0.0 {
        ctx.overflowed(constant_overflow(&rounded.to_string(), "bigint"))?;
        return Ok(if ctx.clips_to_zero() { 0 } else { rounded as i64 });
    }
    if rounded < LIMIT {
        return Ok((rounded as u64).cast_signed());
    }
    if rounded > LIMIT {
        ctx.overflowed(constant_overflow(&rounded.to_string(), "bigint"))?;
    }
    Ok(u64::MAX.cast_signed())
}

fn constant_overflow(value: &str, target: &str) -> EvalError {
    EvalError::new(code::OUT_OF_RANGE, format!("constant {value} overflows {target}"))
}

fn decimal_to_int(value: &Decimal, ctx: &mut EvalContext) -> Result<i64, EvalError> {
    let (rounded, _) = decimal::round(value, 0, Rounding::HalfUp);
    let (number, fit) = decimal::to_i64(&rounded);
    if fit == Fit::Overflow {
        ctx.overflowed(EvalError::truncated_wrong_value("DECIMAL", &rounded.to_string()))?;
    }
    Ok(number)
}

fn decimal_to_uint(value: &Decimal, ctx: &mut EvalContext) -> Result<i64, EvalError> {
    let (rounded, _) = decimal::round(value, 0, Rounding::HalfUp);
    let (number, fit) = decimal::to_u64(&rounded);
    if fit == Fit::Overflow {
        ctx.overflowed(EvalError::truncated_wrong_value("DECIMAL", &rounded.to_string()))?;
    }
    Ok(number.cast_signed())
}

/// The digits of a time in a row: `20240102030405.678`.
pub(crate) fn time_digits(time: CoreTime) -> String {
    let date = format!("{:04}{:02}{:02}", time.year, time.month, time.day);
    if time.kind == TimeKind::Date {
        return date;
    }
    let clock = format!("{:02}{:02}{:02}", time.hour, time.minute, time.second);
    let fraction = CoreTime { year: 0, month: 0, day: 0, ..time }.to_string();
    let fraction = fraction.split_once('.').map_or("", |(_, digits)| digits);
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{date}{clock}{point}{fraction}")
}

/// The digits of a `TIME` in a row: `-8385959.5`.
pub(crate) fn span_digits(span: Span) -> String {
    tifusion_codec::duration::to_text(span.nanos, span.fsp).replace(':', "")
}
