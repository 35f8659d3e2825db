//! Comparisons: `<`, `<=`, `>`, `>=`, `=`, `<>` and `<=>`.

use std::cmp::Ordering;

use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::call::{Call, Function, Outcome};
use crate::cop::decimal;
use crate::cop::error::EvalError;
use crate::cop::json::Json;
use crate::cop::value::Value;

/// The function of a signature of this group.
pub(super) fn lookup(sig: Sig) -> Option<Function> {
    match sig {
        Sig::InInt | Sig::InReal | Sig::InDecimal | Sig::InString => Some(Function::many(1, is_in)),
        Sig::InTime | Sig::InDuration | Sig::InJson => Some(Function::many(1, is_in)),
        Sig::GreatestInt | Sig::GreatestReal | Sig::GreatestDecimal | Sig::GreatestString => {
            Some(Function::many(2, |call| extreme(call, Ordering::is_gt)))
        }
        Sig::GreatestTime | Sig::GreatestDate | Sig::GreatestDuration => {
            Some(Function::many(2, |call| extreme(call, Ordering::is_gt)))
        }
        Sig::LeastInt | Sig::LeastReal | Sig::LeastDecimal | Sig::LeastString => {
            Some(Function::many(2, |call| extreme(call, Ordering::is_lt)))
        }
        Sig::LeastTime | Sig::LeastDate | Sig::LeastDuration => {
            Some(Function::many(2, |call| extreme(call, Ordering::is_lt)))
        }
        _ => operator_lookup(sig).map(|run| Function::exact(2, run)),
    }
}

/// Whether the result depends on the collation.
pub(super) fn needs_collation(sig: Sig) -> bool {
    matches!(
        sig,
        Sig::LtString
            | Sig::LeString
            | Sig::GtString
            | Sig::GeString
            | Sig::EqString
            | Sig::NeString
            | Sig::NullEqString
            | Sig::InString
            | Sig::LikeSig
            | Sig::RegexpSig
            | Sig::RegexpUtf8Sig
            | Sig::RegexpLikeSig
            | Sig::RegexpLikeUtf8Sig
            | Sig::Strcmp
            | Sig::FieldString
            | Sig::FindInSet
            | Sig::Locate2ArgsUtf8
            | Sig::Locate3ArgsUtf8
    )
}

type Run = fn(&mut Call<'_>) -> Outcome;

fn operator_lookup(sig: Sig) -> Option<Run> {
    Some(match sig {
        Sig::LtInt | Sig::LtReal | Sig::LtDecimal | Sig::LtString => less,
        Sig::LtTime | Sig::LtDuration => less,
        Sig::LtJson | Sig::LtVectorFloat32 => less,
        Sig::LeInt | Sig::LeReal | Sig::LeDecimal | Sig::LeString => not_greater,
        Sig::LeTime | Sig::LeDuration => not_greater,
        Sig::LeJson | Sig::LeVectorFloat32 => not_greater,
        Sig::GtInt | Sig::GtReal | Sig::GtDecimal | Sig::GtString => greater,
        Sig::GtTime | Sig::GtDuration => greater,
        Sig::GtJson | Sig::GtVectorFloat32 => greater,
        Sig::GeInt | Sig::GeReal | Sig::GeDecimal | Sig::GeString => not_less,
        Sig::GeTime | Sig::GeDuration => not_less,
        Sig::GeJson | Sig::GeVectorFloat32 => not_less,
        Sig::EqInt | Sig::EqReal | Sig::EqDecimal | Sig::EqString => equal,
        Sig::EqTime | Sig::EqDuration => equal,
        Sig::EqJson | Sig::EqVectorFloat32 => equal,
        Sig::NeInt | Sig::NeReal | Sig::NeDecimal | Sig::NeString => not_equal,
        Sig::NeTime | Sig::NeDuration => not_equal,
        Sig::NeJson | Sig::NeVectorFloat32 => not_equal,
        Sig::NullEqInt | Sig::NullEqReal | Sig::NullEqDecimal | Sig::NullEqString => null_equal,
        Sig::NullEqTime | Sig::NullEqDuration => null_equal,
        Sig::NullEqJson | Sig::NullEqVectorFloat32 => null_equal,
        _ => return None,
    })
}

fn less(call: &mut Call<'_>) -> Outcome {
    answer(call, Ordering::is_lt)
}

fn not_greater(call: &mut Call<'_>) -> Outcome {
    answer(call, Ordering::is_le)
}

fn greater(call: &mut Call<'_>) -> Outcome {
    answer(call, Ordering::is_gt)
}

fn not_less(call: &mut Call<'_>) -> Outcome {
    answer(call, Ordering::is_ge)
}

fn equal(call: &mut Call<'_>) -> Outcome {
    answer(call, Ordering::is_eq)
}

fn not_equal(call: &mut Call<'_>) -> Outcome {
    answer(call, Ordering::is_ne)
}

fn null_equal(call: &mut Call<'_>) -> Outcome {
    let nulls = [0, 1].map(|at| call.arg(at).is_null());
    if nulls.contains(&true) {
        return Ok(Value::bool(nulls == [true, true]));
    }
    answer(call, Ordering::is_eq)
}

fn answer(call: &mut Call<'_>, test: fn(Ordering) -> bool) -> Outcome {
    Ok(ordering(call, 0, 1)?.map_or(Value::Null, |ordering| Value::bool(test(ordering))))
}

/// Whether the first value is one of the others; `NULL` when it isn't and one of them is `NULL`.
fn is_in(call: &mut Call<'_>) -> Outcome {
    if call.arg(0).is_null() {
        return Ok(Value::Null);
    }
    let mut has_null = false;
    for other in 1..call.args.len() {
        match ordering(call, 0, other)? {
            Some(Ordering::Equal) => return Ok(Value::bool(true)),
            Some(_) => {}
            None => has_null = true,
        }
    }
    Ok(if has_null { Value::Null } else { Value::bool(false) })
}

/// The greatest or least value; `NULL` when one is.
fn extreme(call: &mut Call<'_>, better: fn(Ordering) -> bool) -> Outcome {
    let mut best = 0;
    for other in 1..call.args.len() {
        match ordering(call, other, best)? {
            None => return Ok(Value::Null),
            Some(ordering) if better(ordering) => best = other,
            Some(_) => {}
        }
    }
    Ok(call.arg(best).clone())
}

/// Which of two arguments of one kind is greater; `None` when one is `NULL`.
pub(super) fn ordering(
    call: &Call<'_>,
    left: usize,
    right: usize,
) -> Result<Option<Ordering>, EvalError> {
    Ok(Some(match (call.arg(left), call.arg(right)) {
        (Value::Null, _) | (_, Value::Null) => return Ok(None),
        (Value::Int(a), Value::Int(b)) => {
            compare_ints(*a, call.is_unsigned(left), *b, call.is_unsigned(right))
        }
        (Value::Real(a), Value::Real(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Value::Decimal(a), Value::Decimal(b)) => decimal::compare(a, b),
        (Value::Bytes(a) | Value::Enum(_, a), Value::Bytes(b) | Value::Enum(_, b)) => {
            call.site.collation.compare(a, b)?
        }
        (Value::Time(a), Value::Time(b)) => a.to_packed().cmp(&b.to_packed()),
        (Value::Duration(a), Value::Duration(b)) => a.nanos.cmp(&b.nanos),
        (Value::Json(a), Value::Json(b)) => Json::decode(a)?.compare(&Json::decode(b)?),
        (Value::Vector(a), Value::Vector(b)) => super::vector::compare(a, b)?,
        (a, b) => {
            let message = format!("{} and {} don't compare", a.kind(), b.kind());
            return Err(EvalError::other(message));
        }
    }))
}

/// Integers by their signs: an unsigned one above the signed range is greater than any signed one.
pub(super) fn compare_ints(a: i64, a_unsigned: bool, b: i64, b_unsigned: bool) -> Ordering {
    let wide = |value: i64, unsigned: bool| {
        if unsigned { i128::from(value.cast_unsigned()) } else { i128::from(value) }
    };
    wide(a, a_unsigned).cmp(&wide(b, b_unsigned))
}
