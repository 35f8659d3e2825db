//! `+`, `-`, `*`, `/`, `DIV`, `%` and the sign.

use tifusion_codec::decimal::Decimal;
use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::call::{Call, Function, Outcome};
use crate::cop::convert::settle;
use crate::cop::decimal::{self, Fit};
use crate::cop::error::{EvalError, code};
use crate::cop::value::Value;

/// The function of a signature of this group.
pub(super) fn lookup(sig: Sig) -> Option<Function> {
    let two = |run| Some(Function::exact(2, run));
    match sig {
        Sig::PlusInt
        | Sig::PlusIntUnsignedUnsigned
        | Sig::PlusIntUnsignedSigned
        | Sig::PlusIntSignedUnsigned
        | Sig::PlusIntSignedSigned => two(|call| ints(call, '+', i128::checked_add)),
        Sig::MinusInt
        | Sig::MinusIntUnsignedUnsigned
        | Sig::MinusIntUnsignedSigned
        | Sig::MinusIntSignedUnsigned
        | Sig::MinusIntSignedSigned => two(|call| ints(call, '-', i128::checked_sub)),
        Sig::MultiplyInt | Sig::MultiplyIntUnsigned => {
            two(|call| ints(call, '*', i128::checked_mul))
        }
        Sig::ModInt
        | Sig::ModIntUnsignedUnsigned
        | Sig::ModIntUnsignedSigned
        | Sig::ModIntSignedUnsigned
        | Sig::ModIntSignedSigned => two(int_remainder),
        Sig::IntDivideInt
        | Sig::IntDivideIntUnsignedUnsigned
        | Sig::IntDivideIntUnsignedSigned
        | Sig::IntDivideIntSignedUnsigned
        | Sig::IntDivideIntSignedSigned => two(int_quotient),
        Sig::PlusReal => two(|call| reals(call, '+', |a, b| a + b)),
        Sig::MinusReal => two(|call| reals(call, '-', |a, b| a - b)),
        Sig::MultiplyReal => two(|call| reals(call, '*', |a, b| a * b)),
        Sig::DivideReal => two(real_quotient),
        Sig::ModReal => two(real_remainder),
        Sig::PlusDecimal => two(|call| decimals(call, decimal::add)),
        Sig::MinusDecimal => two(|call| decimals(call, decimal::subtract)),
        Sig::MultiplyDecimal => two(decimal_product),
        Sig::DivideDecimal => two(decimal_quotient),
        Sig::ModDecimal => two(decimal_remainder),
        Sig::IntDivideDecimal => two(whole_decimal_quotient),
        Sig::UnaryMinusInt => Some(Function::exact(1, negate_int)),
        Sig::UnaryMinusReal => Some(Function::exact(1, |call| {
            Ok(call.real(0)?.map_or(Value::Null, |a| Value::Real(-a)))
        })),
        Sig::UnaryMinusDecimal => Some(Function::exact(1, |call| {
            Ok(call.decimal(0)?.map_or(Value::Null, |a| Value::Decimal(decimal::negate(&a))))
        })),
        _ => None,
    }
}

/// An integer by its sign.
fn wide(call: &Call<'_>, at: usize) -> Result<Option<i128>, EvalError> {
    let unsigned = call.is_unsigned(at);
    let widen = |value: i64| match unsigned {
        true => i128::from(value.cast_unsigned()),
        false => i128::from(value),
    };
    Ok(call.int(at)?.map(widen))
}

/// Both integers, `None` when one is `NULL`, and whether the result has no sign: when one has none.
fn pair(call: &Call<'_>) -> Result<Option<(i128, i128, bool)>, EvalError> {
    let unsigned = call.is_unsigned(0) || call.is_unsigned(1);
    Ok(wide(call, 0)?.zip(wide(call, 1)?).map(|(a, b)| (a, b, unsigned)))
}

/// A result within its type's range.
fn fit_int(value: Option<i128>, unsigned: bool, expression: &str) -> Outcome {
    let fitted = value.and_then(|value| match unsigned {
        true => u64::try_from(value).ok().map(u64::cast_signed),
        false => i64::try_from(value).ok(),
    });
    let kind = if unsigned { "BIGINT UNSIGNED" } else { "BIGINT" };
    fitted.map(Value::Int).ok_or_else(|| EvalError::overflow(kind, expression))
}

fn ints(call: &mut Call<'_>, sign: char, combine: fn(i128, i128) -> Option<i128>) -> Outcome {
    let Some((a, b, unsigned)) = pair(call)? else { return Ok(Value::Null) };
    fit_int(combine(a, b), unsigned, &format!("({a} {sign} {b})"))
}

/// Zero below gives `NULL`, and the sign is the dividend's, whose type the result has.
fn int_remainder(call: &mut Call<'_>) -> Outcome {
    let Some((a, b, _)) = pair(call)? else { return Ok(Value::Null) };
    match a.checked_rem(b) {
        None => Ok(Value::Null),
        rest => fit_int(rest, call.is_unsigned(0), &format!("({a} % {b})")),
    }
}

fn int_quotient(call: &mut Call<'_>) -> Outcome {
    let Some((a, b, unsigned)) = pair(call)? else { return Ok(Value::Null) };
    match a.checked_div(b) {
        None => Ok(Value::Null),
        quotient => fit_int(quotient, unsigned, &format!("({a}, {b})")),
    }
}

fn negate_int(call: &mut Call<'_>) -> Outcome {
    match wide(call, 0)? {
        None => Ok(Value::Null),
        Some(value) => fit_int(Some(-value), false, &format!("-{value}")),
    }
}

fn fit_real(value: f64, expression: impl FnOnce() -> String) -> Outcome {
    if value.is_infinite() {
        return Err(EvalError::overflow("DOUBLE", &expression()));
    }
    Ok(Value::real(value))
}

fn reals(call: &mut Call<'_>, sign: char, combine: fn(f64, f64) -> f64) -> Outcome {
    let Some((a, b)) = call.real(0)?.zip(call.real(1)?) else { return Ok(Value::Null) };
    fit_real(combine(a, b), || format!("({a} {sign} {b})"))
}

fn real_quotient(call: &mut Call<'_>) -> Outcome {
    let Some((a, b)) = call.real(0)?.zip(call.real(1)?) else { return Ok(Value::Null) };
    if b == 0.0 {
        call.ctx.divided_by_zero()?;
        return Ok(Value::Null);
    }
    fit_real(a / b, || format!("({a} / {b})"))
}

fn real_remainder(call: &mut Call<'_>) -> Outcome {
    let Some((a, b)) = call.real(0)?.zip(call.real(1)?) else { return Ok(Value::Null) };
    Ok(if b == 0.0 { Value::Null } else { Value::real(a % b) })
}

type Combine = fn(&Decimal, &Decimal) -> (Decimal, Fit);

/// Sums that don't fit are errors, whatever the flags say.
fn decimals(call: &mut Call<'_>, combine: Combine) -> Outcome {
    let Some((a, b)) = call.decimal(0)?.zip(call.decimal(1)?) else { return Ok(Value::Null) };
    match combine(&a, &b) {
        (value, Fit::Whole) => Ok(Value::Decimal(value)),
        (_, Fit::Truncated) => Err(EvalError::new(code::TRUNCATED, "Data Truncated")),
        (_, Fit::Overflow) => Err(EvalError::overflow("", "")),
    }
}

fn decimal_product(call: &mut Call<'_>) -> Outcome {
    let Some((a, b)) = call.decimal(0)?.zip(call.decimal(1)?) else { return Ok(Value::Null) };
    match decimal::multiply(&a, &b) {
        (_, Fit::Overflow) => Err(EvalError::overflow("", "")),
        (value, _) => Ok(Value::Decimal(value)),
    }
}

fn quotient(call: &mut Call<'_>) -> Result<Option<Decimal>, EvalError> {
    let Some((a, b)) = call.decimal(0)?.zip(call.decimal(1)?) else { return Ok(None) };
    let Some(value) = decimal::divide(&a, &b, call.ctx.division_digits) else {
        call.ctx.divided_by_zero()?;
        return Ok(None);
    };
    let overflow = || EvalError::overflow("DECIMAL", &format!("({a} / {b})"));
    settle(value, overflow, call.ctx).map(Some)
}

fn decimal_quotient(call: &mut Call<'_>) -> Outcome {
    Ok(quotient(call)?.map_or(Value::Null, Value::Decimal))
}

fn decimal_remainder(call: &mut Call<'_>) -> Outcome {
    let Some((a, b)) = call.decimal(0)?.zip(call.decimal(1)?) else { return Ok(Value::Null) };
    let Some(value) = decimal::remainder(&a, &b) else {
        call.ctx.divided_by_zero()?;
        return Ok(Value::Null);
    };
    let overflow = || EvalError::overflow("DECIMAL", &format!("({a} % {b})"));
    settle(value, overflow, call.ctx).map(Value::Decimal)
}

fn whole_decimal_quotient(call: &mut Call<'_>) -> Outcome {
    let Some(value) = quotient(call)? else { return Ok(Value::Null) };
    let unsigned = call.is_unsigned(0) || call.is_unsigned(1);
    let expression = || match (call.arg(0), call.arg(1)) {
        (Value::Decimal(a), Value::Decimal(b)) => format!("({a} / {b})"),
        _ => String::new(),
    };
    if unsigned {
        return match (decimal::to_u64(&value), decimal::to_i64(&value)) {
            ((number, Fit::Whole | Fit::Truncated), _) => Ok(Value::uint(number)),
            // A negative number above minus one is cut to zero.
            (_, (0, Fit::Truncated)) => Ok(Value::Int(0)),
            _ => Err(EvalError::overflow("BIGINT UNSIGNED", &expression())),
        };
    }
    match decimal::to_i64(&value) {
        (_, Fit::Overflow) => Err(EvalError::overflow("BIGINT", &expression())),
        (number, _) => Ok(Value::Int(number)),
    }
}
