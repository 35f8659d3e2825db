//! Logic, tests for `NULL` and truth, and operations on bits.

use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::call::{Call, Function, Outcome};
use super::truth::truth;
use crate::cop::error::EvalError;
use crate::cop::value::Value;

/// The function of a signature of this group.
pub(super) fn lookup(sig: Sig) -> Option<Function> {
    let two = |run| Some(Function::exact(2, run));
    let one = |run| Some(Function::exact(1, run));
    match sig {
        Sig::LogicalAnd => two(and),
        Sig::LogicalOr => two(or),
        Sig::LogicalXor => two(xor),
        Sig::UnaryNotInt | Sig::UnaryNotReal | Sig::UnaryNotDecimal | Sig::UnaryNotJson => one(not),
        Sig::IntIsNull | Sig::RealIsNull | Sig::DecimalIsNull | Sig::StringIsNull => one(is_null),
        Sig::TimeIsNull | Sig::DurationIsNull | Sig::JsonIsNull | Sig::VectorFloat32IsNull => {
            one(is_null)
        }
        Sig::IntIsTrue | Sig::RealIsTrue | Sig::DecimalIsTrue => one(is_true),
        Sig::IntIsFalse | Sig::RealIsFalse | Sig::DecimalIsFalse => one(is_false),
        Sig::IntIsTrueWithNull | Sig::RealIsTrueWithNull | Sig::DecimalIsTrueWithNull => {
            one(is_true_or_null)
        }
        Sig::IntIsFalseWithNull | Sig::RealIsFalseWithNull | Sig::DecimalIsFalseWithNull => {
            one(not)
        }
        Sig::BitAndSig => two(|call| bits(call, |a, b| a & b)),
        Sig::BitOrSig => two(|call| bits(call, |a, b| a | b)),
        Sig::BitXorSig => two(|call| bits(call, |a, b| a ^ b)),
        Sig::BitNegSig => one(|call| Ok(call.int(0)?.map_or(Value::Null, |a| Value::Int(!a)))),
        Sig::LeftShift => two(|call| bits(call, |a, b| shift(b).map_or(0, |by| a << by))),
        Sig::RightShift => two(|call| bits(call, |a, b| shift(b).map_or(0, |by| a >> by))),
        Sig::BitCount => one(|call| {
            Ok(call.int(0)?.map_or(Value::Null, |a| Value::Int(i64::from(a.count_ones()))))
        }),
        _ => None,
    }
}

fn condition(call: &mut Call<'_>, at: usize) -> Result<Option<bool>, EvalError> {
    let value = call.arg(at);
    truth(value, call.ctx)
}

fn answer(value: Option<bool>) -> Outcome {
    Ok(value.map_or(Value::Null, Value::bool))
}

fn and(call: &mut Call<'_>) -> Outcome {
    answer(match (condition(call, 0)?, condition(call, 1)?) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    })
}

fn or(call: &mut Call<'_>) -> Outcome {
    answer(match (condition(call, 0)?, condition(call, 1)?) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    })
}

fn xor(call: &mut Call<'_>) -> Outcome {
    let (left, right) = (condition(call, 0)?, condition(call, 1)?);
    answer(left.zip(right).map(|(left, right)| left != right))
}

fn not(call: &mut Call<'_>) -> Outcome {
    answer(condition(call, 0)?.map(|value| !value))
}

fn is_null(call: &mut Call<'_>) -> Outcome {
    Ok(Value::bool(call.arg(0).is_null()))
}

fn is_true(call: &mut Call<'_>) -> Outcome {
    answer(Some(condition(call, 0)? == Some(true)))
}

fn is_false(call: &mut Call<'_>) -> Outcome {
    answer(Some(condition(call, 0)? == Some(false)))
}

fn is_true_or_null(call: &mut Call<'_>) -> Outcome {
    answer(condition(call, 0)?)
}

/// Two integers as 64 bits without a sign.
fn bits(call: &mut Call<'_>, combine: fn(u64, u64) -> u64) -> Outcome {
    let pair = call.int(0)?.zip(call.int(1)?);
    let combined = |(a, b): (i64, i64)| Value::uint(combine(a.cast_unsigned(), b.cast_unsigned()));
    Ok(pair.map_or(Value::Null, combined))
}

/// How far to shift; `None` when no bit is left.
fn shift(by: u64) -> Option<u32> {
    u32::try_from(by).ok().filter(|by| *by < u64::BITS)
}
