//! Mathematical functions.

use std::f64::consts::PI;

use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::call::{Call, Function, Outcome};
use crate::cop::convert::{int_to_real, real_to_int, settle};
use crate::cop::decimal::{self, Fit, Rounding};
use crate::cop::error::{EvalError, code};
use crate::cop::value::Value;

/// The function of a signature of this group.
pub(super) fn lookup(sig: Sig) -> Option<Function> {
    rounding(sig).or_else(|| elementary(sig))
}

fn rounding(sig: Sig) -> Option<Function> {
    let one = |run| Some(Function::exact(1, run));
    let two = |run| Some(Function::exact(2, run));
    match sig {
        Sig::AbsInt => one(abs_int),
        Sig::AbsUInt | Sig::CeilIntToInt | Sig::FloorIntToInt | Sig::RoundInt => one(same),
        Sig::AbsReal => one(|call| real(call, f64::abs)),
        Sig::AbsDecimal => one(abs_decimal),
        Sig::CeilReal => one(|call| real(call, f64::ceil)),
        Sig::FloorReal => one(|call| real(call, f64::floor)),
        Sig::CeilIntToDec | Sig::FloorIntToDec => one(int_to_decimal),
        Sig::CeilDecToDec => one(|call| decimal_of(call, decimal::ceiling)),
        Sig::FloorDecToDec => one(|call| decimal_of(call, decimal::floor)),
        Sig::CeilDecToInt => one(|call| decimal_to_int(call, decimal::ceiling)),
        Sig::FloorDecToInt => one(|call| decimal_to_int(call, decimal::floor)),
        Sig::RoundReal => one(|call| real(call, f64::round_ties_even)),
        Sig::RoundDec => one(|call| decimal_of(call, |d| decimal::round(d, 0, Rounding::HalfUp))),
        Sig::RoundWithFracInt => two(round_int),
        Sig::RoundWithFracReal => two(round_real),
        Sig::RoundWithFracDec => two(|call| round_decimal(call, Rounding::HalfUp)),
        Sig::TruncateInt | Sig::TruncateUint => two(truncate_int),
        Sig::TruncateReal => two(truncate_real),
        Sig::TruncateDecimal => two(|call| round_decimal(call, Rounding::Truncate)),
        _ => None,
    }
}

fn elementary(sig: Sig) -> Option<Function> {
    let one = |run| Some(Function::exact(1, run));
    let two = |run| Some(Function::exact(2, run));
    match sig {
        Sig::Sign => one(sign),
        Sig::Sqrt => one(|call| real(call, f64::sqrt)),
        Sig::Log1Arg => one(|call| real(call, f64::ln)),
        Sig::Log2 => one(|call| real(call, f64::log2)),
        Sig::Log10 => one(|call| real(call, f64::log10)),
        Sig::Log2Args => two(log),
        Sig::Exp => one(|call| bounded(call, "exp", f64::exp)),
        Sig::Pow => two(pow),
        Sig::Sin => one(|call| real(call, f64::sin)),
        Sig::Cos => one(|call| real(call, f64::cos)),
        Sig::Tan => one(|call| real(call, f64::tan)),
        Sig::Cot => one(|call| bounded(call, "cot", |x| x.tan().recip())),
        Sig::Asin => one(|call| real(call, f64::asin)),
        Sig::Acos => one(|call| real(call, f64::acos)),
        Sig::Atan1Arg => one(|call| real(call, f64::atan)),
        Sig::Atan2Args => two(atan2),
        Sig::Degrees => one(degrees),
        Sig::Radians => one(|call| real(call, |x| x * PI / 180.0)),
        Sig::Pi => Some(Function::exact(0, |_| Ok(Value::Real(PI)))),
        Sig::Crc32 => one(crc32),
        _ => None,
    }
}

fn same(call: &mut Call<'_>) -> Outcome {
    Ok(call.arg(0).clone())
}

/// A function of a float; what is no finite number is `NULL`.
fn real(call: &mut Call<'_>, function: fn(f64) -> f64) -> Outcome {
    let value = call.real(0)?.map(function).filter(|value| value.is_finite());
    Ok(value.map_or(Value::Null, Value::Real))
}

/// A function of a float that fails beyond its range.
fn bounded(call: &mut Call<'_>, name: &str, function: fn(f64) -> f64) -> Outcome {
    let Some(argument) = call.real(0)? else { return Ok(Value::Null) };
    let value = function(argument);
    if value.is_infinite() {
        return Err(EvalError::overflow("DOUBLE", &format!("{name}({argument})")));
    }
    Ok(Value::real(value))
}

fn pow(call: &mut Call<'_>) -> Outcome {
    let Some((base, exponent)) = call.real(0)?.zip(call.real(1)?) else { return Ok(Value::Null) };
    let value = base.powf(exponent);
    if value.is_infinite() {
        return Err(EvalError::overflow("DOUBLE", &format!("pow({base}, {exponent})")));
    }
    Ok(Value::real(value))
}

#[expect(clippy::float_cmp, reason = "only exactly one has no logarithms")]
fn log(call: &mut Call<'_>) -> Outcome {
    let Some((base, value)) = call.real(0)?.zip(call.real(1)?) else { return Ok(Value::Null) };
    if base <= 0.0 || base == 1.0 || value <= 0.0 {
        return Ok(Value::Null);
    }
    Ok(Value::real(value.log(base)))
}

fn atan2(call: &mut Call<'_>) -> Outcome {
    let pair = call.real(0)?.zip(call.real(1)?);
    Ok(pair.map_or(Value::Null, |(y, x)| Value::real(y.atan2(x))))
}

fn degrees(call: &mut Call<'_>) -> Outcome {
    let Some(argument) = call.real(0)? else { return Ok(Value::Null) };
    let value = argument.to_degrees();
    if value.is_infinite() {
        return Err(EvalError::overflow("DOUBLE", &format!("degrees({argument})")));
    }
    Ok(Value::real(value))
}

fn sign(call: &mut Call<'_>) -> Outcome {
    Ok(call
        .real(0)?
        .map_or(Value::Null, |value| Value::Int(i64::from(value > 0.0) - i64::from(value < 0.0))))
}

fn abs_int(call: &mut Call<'_>) -> Outcome {
    let Some(value) = call.int(0)? else { return Ok(Value::Null) };
    let overflow = || EvalError::overflow("BIGINT", &format!("abs({value})"));
    value.checked_abs().map(Value::Int).ok_or_else(overflow)
}

fn abs_decimal(call: &mut Call<'_>) -> Outcome {
    Ok(call.decimal(0)?.map_or(Value::Null, |value| {
        Value::Decimal(if value.is_negative() { decimal::negate(&value) } else { value })
    }))
}

fn int_to_decimal(call: &mut Call<'_>) -> Outcome {
    let unsigned = call.is_unsigned(0);
    Ok(call.int(0)?.map_or(Value::Null, |value| {
        Value::Decimal(match unsigned {
            true => decimal::from_u64(value.cast_unsigned()),
            false => decimal::from_i64(value),
        })
    }))
}

type OfDecimal = fn(&tifusion_codec::decimal::Decimal) -> (tifusion_codec::decimal::Decimal, Fit);

fn decimal_of(call: &mut Call<'_>, function: OfDecimal) -> Outcome {
    let Some(value) = call.decimal(0)? else { return Ok(Value::Null) };
    let overflow = || EvalError::overflow("DECIMAL", "");
    settle(function(&value), overflow, call.ctx).map(Value::Decimal)
}

fn decimal_to_int(call: &mut Call<'_>, function: OfDecimal) -> Outcome {
    let Value::Decimal(value) = decimal_of(call, function)? else { return Ok(Value::Null) };
    let (number, fit) = decimal::to_i64(&value);
    if fit == Fit::Overflow {
        call.ctx.overflowed(EvalError::overflow("DECIMAL", ""))?;
    }
    Ok(Value::Int(number))
}

/// A count of digits: one that doesn't fit is a very large or very small one.
fn digits(call: &Call<'_>, at: usize) -> Result<Option<i32>, EvalError> {
    let unsigned = call.is_unsigned(at);
    Ok(call.int(at)?.map(|count| {
        let beyond = if count < 0 && !unsigned { i32::MIN } else { i32::MAX };
        i32::try_from(count).ok().filter(|count| !unsigned || *count >= 0).unwrap_or(beyond)
    }))
}

fn round_int(call: &mut Call<'_>) -> Outcome {
    let Some((value, digits)) = call.int(0)?.zip(digits(call, 1)?) else { return Ok(Value::Null) };
    if digits >= 0 {
        return Ok(Value::Int(value));
    }
    let power = 10_f64.powi(digits.saturating_neg());
    let rounded = (int_to_real(value, false) / power).round() * power;
    real_to_int(if rounded.is_finite() { rounded } else { 0.0 }, call.ctx).map(Value::Int)
}

fn round_real(call: &mut Call<'_>) -> Outcome {
    let Some((value, digits)) = call.real(0)?.zip(digits(call, 1)?) else { return Ok(Value::Null) };
    let power = 10_f64.powi(digits);
    let scaled = value * power;
    if scaled.is_infinite() || scaled.is_nan() {
        return Ok(Value::Real(value));
    }
    Ok(Value::real(scaled.round_ties_even() / power))
}

fn truncate_real(call: &mut Call<'_>) -> Outcome {
    let Some((value, digits)) = call.real(0)?.zip(digits(call, 1)?) else { return Ok(Value::Null) };
    let power = 10_f64.powi(digits);
    let scaled = value * power;
    Ok(Value::Real(match scaled {
        _ if scaled == 0.0 => 0.0,
        _ if !scaled.is_finite() => value,
        _ => scaled.trunc() / power,
    }))
}

fn truncate_int(call: &mut Call<'_>) -> Outcome {
    let Some((value, digits)) = call.int(0)?.zip(digits(call, 1)?) else { return Ok(Value::Null) };
    if digits >= 0 {
        return Ok(Value::Int(value));
    }
    let unit = 10_i128.checked_pow(digits.unsigned_abs()).unwrap_or(i128::MAX);
    let unsigned = call.is_unsigned(0) || call.site.ret.flag.is_some_and(|flag| flag & 32 != 0);
    let wide = if unsigned { i128::from(value.cast_unsigned()) } else { i128::from(value) };
    let cut = wide / unit * unit;
    let bits = if unsigned {
        u64::try_from(cut).map(u64::cast_signed).ok()
    } else {
        i64::try_from(cut).ok()
    };
    Ok(Value::Int(bits.unwrap_or(0)))
}

fn round_decimal(call: &mut Call<'_>, rounding: Rounding) -> Outcome {
    let Some((value, digits)) = call.decimal(0)?.zip(digits(call, 1)?) else {
        return Ok(Value::Null);
    };
    match decimal::round(&value, digits.clamp(-128, 30), rounding) {
        (value, Fit::Whole) => Ok(Value::Decimal(value)),
        (_, Fit::Truncated) => Err(EvalError::new(code::TRUNCATED, "Data Truncated")),
        (_, Fit::Overflow) => Err(EvalError::overflow("", "")),
    }
}

/// The checksum of IEEE 802.3.
fn crc32(call: &mut Call<'_>) -> Outcome {
    let Some(bytes) = call.bytes(0)? else { return Ok(Value::Null) };
    let mut sum = u32::MAX;
    for byte in bytes.iter() {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
        }
    }
    Ok(Value::Int(i64::from(!sum)))
}
