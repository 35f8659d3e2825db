//! Casts between the kinds of values.

use bytes::Bytes;
use tifusion_codec::decimal::Decimal;
use tifusion_codec::field_type::tp;
use tifusion_codec::time::{CoreTime, TimeKind};
use tifusion_proto::tipb::{FieldType, ScalarFuncSig as Sig};

use super::call::{Call, Function, Outcome};
use crate::cop::context::{EvalContext, flag};
use crate::cop::convert::{self, settle};
use crate::cop::datum::time_kind;
use crate::cop::decimal::{self, Rounding};
use crate::cop::error::{EvalError, code};
use crate::cop::types::{EvalType, TypeExt};
use crate::cop::value::{Span, Value};

/// Bytes that a text is filled up to at most.
const MAX_TEXT: usize = 64 << 20;

/// The function of a signature of this group. What is cast is the argument's kind, whatever the
/// signature says, as TiKV does it.
pub(super) fn lookup(sig: Sig) -> Option<Function> {
    let name = format!("{sig:?}");
    let target = name.strip_prefix("Cast")?.split_once("As")?.1;
    let run: fn(&mut Call<'_>) -> Outcome = match target {
        "Int" => to_int,
        "Real" => to_real,
        "Decimal" => to_decimal,
        "String" => to_text,
        "Time" => to_time,
        "Duration" => to_span,
        "Json" => return None,
        _ => return None,
    };
    (!name.starts_with("CastVector")).then(|| Function::exact(1, run))
}

/// Whether a text is bytes that stand for a number: a constant of the binary character set.
fn is_binary_literal(call: &Call<'_>) -> bool {
    let ty = call.arg_type(0);
    call.site.first_is_constant
        && ty.eval_type() == Some(EvalType::Bytes)
        && matches!(ty.collation_id(), 63 | -63 | 47)
}

fn literal(bytes: &[u8]) -> Result<i64, EvalError> {
    Ok(tifusion_codec::enum_set::bit_to_u64(bytes)?.cast_signed())
}

fn to_int(call: &mut Call<'_>) -> Outcome {
    let unsigned = call.site.ret.is_unsigned();
    let clips = call.site.in_union && unsigned;
    let value = call.arg(0);
    Ok(match value {
        Value::Null => Value::Null,
        Value::Int(value) => {
            let is_negative = !call.is_unsigned(0) && *value < 0;
            Value::Int(if clips && is_negative { 0 } else { *value })
        }
        Value::Bytes(text) if is_binary_literal(call) => Value::Int(literal(text)?),
        Value::Bytes(text) => Value::Int(text_to_int(text, unsigned, clips, call.ctx)?),
        Value::Real(value) if clips && *value < 0.0 => Value::Int(0),
        Value::Decimal(value) if clips && value.is_negative() => Value::Int(0),
        Value::Real(_) | Value::Decimal(_) | Value::Json(_) if unsigned => {
            Value::Int(convert::uint_of(value, call.ctx)?)
        }
        other => Value::Int(convert::int_of(other, call.ctx)?),
    })
}

/// The integer at the front of a text.
fn text_to_int(
    text: &[u8],
    unsigned: bool,
    clips: bool,
    ctx: &mut EvalContext,
) -> Result<i64, EvalError> {
    let text = convert::valid_prefix(text, ctx)?.trim();
    let is_negative = text.starts_with('-');
    if clips && is_negative {
        return Ok(0);
    }
    let sign = usize::from(text.starts_with(['+', '-']));
    let digits = text.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
    let len = if digits == 0 { 0 } else { sign + digits };
    let number = text.get(..len).filter(|number| !number.is_empty()).unwrap_or("0");
    if len == 0 || len < text.len() {
        ctx.truncated(EvalError::truncated_wrong_value("INTEGER", text))?;
    }
    let parsed = if is_negative {
        number.parse::<i64>().ok()
    } else {
        number.trim_start_matches('+').parse::<u64>().ok().map(u64::cast_signed)
    };
    let Some(value) = parsed else {
        let kind = if is_negative { "BIGINT UNSIGNED" } else { "BIGINT" };
        ctx.overflowed(EvalError::truncated_wrong_value("INTEGER", text))
            .map_err(|_| EvalError::overflow(kind, number))?;
        return Ok(if is_negative { i64::MIN } else { u64::MAX.cast_signed() });
    };
    if is_negative && unsigned {
        ctx.warn(EvalError::new(
            code::UNKNOWN,
            "Cast to unsigned converted negative integer to it's positive complement",
        ));
    } else if !is_negative && !unsigned && value < 0 {
        ctx.warn(EvalError::new(
            code::UNKNOWN,
            "Cast to signed converted positive out-of-range integer to it's negative complement",
        ));
    }
    Ok(value)
}

fn to_real(call: &mut Call<'_>) -> Outcome {
    let ret = &call.site.ret;
    let clips = call.site.in_union && ret.is_unsigned();
    let value = call.arg(0);
    let number = match value {
        Value::Null => return Ok(Value::Null),
        Value::Int(value) if clips && !call.is_unsigned(0) && *value < 0 => 0.0,
        Value::Int(value) => convert::int_to_real(*value, call.is_unsigned(0) || ret.is_unsigned()),
        Value::Bytes(text) => {
            let number = if is_binary_literal(call) {
                convert::int_to_real(literal(text)?, ret.is_unsigned())
            } else {
                convert::to_real(text, true, call.ctx)?
            };
            let number = if clips { number.max(0.0) } else { number };
            fit_real(number, ret, call.ctx)?
        }
        other => {
            let number = convert::real_of(other, true, call.ctx)?;
            if clips { number.max(0.0) } else { number }
        }
    };
    Ok(Value::real(number))
}

/// A float with the digits of its type.
fn fit_real(number: f64, ty: &FieldType, ctx: &mut EvalContext) -> Result<f64, EvalError> {
    let mut number = number;
    if ty.length() >= 0 && ty.scale() >= 0 {
        let unit = 10_f64.powi(ty.scale());
        let limit = 10_f64.powi(ty.length() - ty.scale()) - 1.0 / unit;
        let rounded = (number * unit).round() / unit;
        number = if rounded.is_finite() { rounded } else { number };
        if number.abs() > limit {
            ctx.overflowed(EvalError::overflow(&number.to_string(), "DOUBLE"))?;
            number = limit.copysign(number);
        }
    }
    if ty.is_unsigned() && number < 0.0 {
        ctx.overflowed(EvalError::overflow("DOUBLE UNSIGNED", &number.to_string()))?;
        return Ok(0.0);
    }
    Ok(number)
}

fn to_decimal(call: &mut Call<'_>) -> Outcome {
    let ret = &call.site.ret;
    let clips = call.site.in_union && ret.is_unsigned();
    let value = call.arg(0);
    if value.is_null() {
        return Ok(Value::Null);
    }
    let is_negative_int = matches!(value, Value::Int(value) if *value < 0) && !call.is_unsigned(0);
    let unsigned = call.is_unsigned(0) || (is_negative_int && ret.is_unsigned());
    let number = if is_negative_int && clips {
        Decimal::default()
    } else {
        convert::decimal_of(value, unsigned, call.ctx)?
    };
    let number = if clips && number.is_negative() { Decimal::default() } else { number };
    Ok(Value::Decimal(fit_decimal(number, ret, call.ctx)?))
}

/// A decimal with the digits of its type: rounded, or the greatest one.
pub(super) fn fit_decimal(
    number: Decimal,
    ty: &FieldType,
    ctx: &mut EvalContext,
) -> Result<Decimal, EvalError> {
    let (Ok(precision), Ok(scale)) = (usize::try_from(ty.length()), usize::try_from(ty.scale()))
    else {
        return Ok(without_sign(number, ty));
    };
    if precision < scale {
        let message = "For float(M,D), double(M,D) or decimal(M,D), M must be >= D (column ').";
        return Err(EvalError::new(code::SCALE_ABOVE_PRECISION, message));
    }
    let name = format!("({precision}, {scale})");
    let int = usize::from(number.precision()) - usize::from(number.scale());
    let mut number = number;
    if !number.is_zero() && int > precision - scale {
        ctx.overflowed(EvalError::overflow("Decimal", &name))?;
        number = decimal::largest(number.is_negative(), precision, scale);
    } else if usize::from(number.scale()) != scale {
        let rounded = decimal::round(&number, ty.scale(), Rounding::HalfUp);
        let rounded = settle(rounded, || EvalError::overflow("Decimal", &name), ctx)?;
        let lost = decimal::compare(&rounded, &number).is_ne();
        if !rounded.is_zero() && usize::from(number.scale()) > scale && lost {
            let truncated = EvalError::new(code::TRUNCATED, "Data Truncated");
            if ctx.has(flag::IN_INSERT | flag::IN_UPDATE_OR_DELETE) {
                ctx.warn(truncated);
            } else {
                ctx.truncated(truncated)?;
            }
        }
        number = rounded;
    }
    Ok(without_sign(number, ty))
}

fn without_sign(number: Decimal, ty: &FieldType) -> Decimal {
    if ty.is_unsigned() && number.is_negative() { Decimal::default() } else { number }
}

fn to_text(call: &mut Call<'_>) -> Outcome {
    let from = call.arg_type(0);
    let text = match call.arg(0) {
        Value::Null => return Ok(Value::Null),
        Value::Int(0) if from.code() == tp::YEAR => "0000".to_owned(),
        Value::Int(value) if from.code() == tp::BIT => {
            let len = call.site.ret.length();
            let bytes = value.to_be_bytes();
            let unused = usize::try_from(8 - i64::from(len)).ok().filter(|unused| *unused < 8);
            let bytes = unused.and_then(|unused| bytes.get(unused..)).ok_or_else(|| {
                EvalError::other(format!("Unsupported ret_field_type.Flen {len}"))
            })?;
            return Ok(Value::Bytes(Bytes::copy_from_slice(bytes)));
        }
        Value::Int(value) if from.is_unsigned() => value.cast_unsigned().to_string(),
        Value::Int(value) => value.to_string(),
        Value::Real(value) if from.code() == tp::FLOAT => float_text(*value),
        Value::Real(value) => value.to_string(),
        Value::Decimal(value) => value.to_string(),
        Value::Bytes(text) | Value::Enum(_, text) => return fit_text(text.clone(), call),
        Value::Time(time) => time.to_string(),
        Value::Duration(span) => tifusion_codec::duration::to_text(span.nanos, span.fsp),
        Value::Json(cell) => {
            let mut text = String::new();
            tifusion_codec::json::write_cell_text(&mut text, cell)?;
            text
        }
        other => return Err(EvalError::other(format!("a {} as text", other.kind()))),
    };
    fit_text(text.into_bytes().into(), call)
}

#[expect(clippy::cast_possible_truncation, reason = "FLOAT has single precision")]
fn float_text(value: f64) -> String {
    (value as f32).to_string()
}

/// A text of the length of its type: cut, by the flags, or filled up with zero bytes.
fn fit_text(text: Bytes, call: &mut Call<'_>) -> Outcome {
    let ret = &call.site.ret;
    let Ok(limit) = usize::try_from(ret.length()) else { return Ok(Value::Bytes(text)) };
    let charset = ret.charset.as_deref().unwrap_or_default();
    let by_characters = matches!(charset, "utf8" | "utf8mb4" | "gbk" | "gb18030");
    let (len, end) = if by_characters {
        let characters = super::pattern::characters(&text, false);
        let end = characters.iter().take(limit).map(|character| character.len()).sum();
        (characters.len(), end)
    } else {
        (text.len(), limit)
    };
    if len > limit {
        let message = format!("Data Too Long, field len {limit}, data len {len}");
        call.ctx.truncated(EvalError::new(code::TOO_LONG, message))?;
        return Ok(Value::Bytes(text.slice(..end.min(text.len()))));
    }
    if ret.code() == tp::STRING && matches!(ret.collation_id(), 63 | -63 | 47) && text.len() < limit
    {
        let mut text = text.to_vec();
        text.resize(limit.min(MAX_TEXT), 0);
        return Ok(Value::Bytes(text.into()));
    }
    Ok(Value::Bytes(text))
}

fn to_time(call: &mut Call<'_>) -> Outcome {
    let (kind, fsp) = (time_kind(&call.site.ret), call.site.ret.fsp());
    let ctx = &mut *call.ctx;
    let found = match call.args.first().unwrap_or(&Value::Null) {
        Value::Null => return Ok(Value::Null),
        Value::Int(year) if call.site.arg_types.first().is_some_and(|ty| ty.code() == tp::YEAR) => {
            time_of_year(*year, kind, fsp)
        }
        Value::Int(number) => convert::time_of_number(*number, kind, fsp, ctx),
        Value::Real(value) => convert::time_of_digits(&value.to_string(), kind, fsp, ctx),
        Value::Decimal(value) => convert::time_of_digits(&value.to_string(), kind, fsp, ctx),
        Value::Bytes(text) | Value::Enum(_, text) => {
            convert::parse_time(&String::from_utf8_lossy(text), kind, fsp, ctx)
        }
        Value::Time(time) => {
            retype(*time, kind).and_then(|time| convert::round_time(time, fsp, ctx))
        }
        Value::Duration(span) => today_at(*span, kind, fsp, ctx),
        other => return Err(EvalError::other(format!("a {} as time", other.kind()))),
    };
    match found {
        Ok(time) => Ok(Value::Time(time)),
        Err(error) => {
            ctx.invalid_time(error)?;
            Ok(Value::Null)
        }
    }
}

/// January 0th of a year, as MySQL casts one.
fn time_of_year(year: i64, kind: TimeKind, fsp: u8) -> Result<CoreTime, EvalError> {
    let year = u16::try_from(year).ok().filter(|year| *year == 0 || (1901..=2155).contains(year));
    let year = year.ok_or_else(|| EvalError::truncated_wrong_value("YEAR", "out of range"))?;
    Ok(CoreTime {
        year,
        kind,
        fsp: if kind == TimeKind::Date { 0 } else { fsp },
        ..CoreTime::default()
    })
}

/// The same time as another kind.
pub(super) fn retype(time: CoreTime, kind: TimeKind) -> Result<CoreTime, EvalError> {
    time.with_kind(kind).map_err(|error| error.into_error(time).into())
}

/// Today, the span after midnight.
fn today_at(
    span: Span,
    kind: TimeKind,
    fsp: u8,
    ctx: &mut EvalContext,
) -> Result<CoreTime, EvalError> {
    const DAY: i64 = tifusion_codec::time::MICROS_PER_DAY;
    let midnight = convert::wall_now(ctx.zone).div_euclid(DAY) * DAY;
    let time = CoreTime::from_micros(midnight + span.nanos / 1000, kind, span.fsp)?;
    convert::round_time(retype(time, kind)?, fsp, ctx)
}

fn to_span(call: &mut Call<'_>) -> Outcome {
    let fsp = call.site.ret.fsp();
    let ctx = &mut *call.ctx;
    let found = match call.args.first().unwrap_or(&Value::Null) {
        Value::Null => return Ok(Value::Null),
        Value::Int(number) => convert::span_of_number(*number, fsp, ctx),
        Value::Real(value) => convert::parse_span(&value.to_string(), fsp, false, ctx),
        Value::Decimal(value) => convert::parse_span(&value.to_string(), fsp, false, ctx),
        Value::Bytes(text) | Value::Enum(_, text) => {
            convert::parse_span(&String::from_utf8_lossy(text), fsp, true, ctx)
        }
        Value::Time(time) => convert::round_span(convert::clock_of(*time), fsp),
        Value::Duration(span) => convert::round_span(*span, fsp),
        other => return Err(EvalError::other(format!("a {} as duration", other.kind()))),
    };
    match found {
        Ok(span) => return Ok(Value::Duration(span)),
        Err(error) if error.is_overflow() => ctx.overflowed(error)?,
        Err(error) if error.code == code::WRONG_VALUE => ctx.truncated(error)?,
        Err(error) => return Err(error),
    }
    Ok(Value::Null)
}
