//! `IF`, `IFNULL`, `CASE` and `COALESCE`.

use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::call::{Call, Function, Outcome};
use crate::cop::value::Value;

/// The function of a signature of this group.
pub(super) fn lookup(sig: Sig) -> Option<Function> {
    Some(match sig {
        Sig::IfNullInt | Sig::IfNullReal | Sig::IfNullDecimal | Sig::IfNullString => {
            Function::exact(2, first_value)
        }
        Sig::IfNullTime | Sig::IfNullDuration | Sig::IfNullJson | Sig::IfNullVectorFloat32 => {
            Function::exact(2, first_value)
        }
        Sig::CoalesceInt | Sig::CoalesceReal | Sig::CoalesceDecimal | Sig::CoalesceString => {
            Function::many(1, first_value)
        }
        Sig::CoalesceTime
        | Sig::CoalesceDuration
        | Sig::CoalesceJson
        | Sig::CoalesceVectorFloat32 => Function::many(1, first_value),
        Sig::IfInt | Sig::IfReal | Sig::IfDecimal | Sig::IfString => Function::exact(3, choose),
        Sig::IfTime | Sig::IfDuration | Sig::IfJson | Sig::IfVectorFloat32 => {
            Function::exact(3, choose)
        }
        Sig::CaseWhenInt | Sig::CaseWhenReal | Sig::CaseWhenDecimal | Sig::CaseWhenString => {
            Function::many(1, case_when)
        }
        Sig::CaseWhenTime
        | Sig::CaseWhenDuration
        | Sig::CaseWhenJson
        | Sig::CaseWhenVectorFloat32 => Function::many(1, case_when),
        _ => return None,
    })
}

fn first_value(call: &mut Call<'_>) -> Outcome {
    Ok(call.args.iter().find(|value| !value.is_null()).cloned().unwrap_or(Value::Null))
}

fn choose(call: &mut Call<'_>) -> Outcome {
    let holds = call.int(0)?.unwrap_or(0) != 0;
    Ok(call.arg(if holds { 1 } else { 2 }).clone())
}

/// Conditions and values in turn, and perhaps a value for when no condition holds.
fn case_when(call: &mut Call<'_>) -> Outcome {
    let pairs = call.args.len() / 2;
    for pair in 0..pairs {
        if call.int(2 * pair)?.unwrap_or(0) != 0 {
            return Ok(call.arg(2 * pair + 1).clone());
        }
    }
    let has_else = call.args.len() % 2 == 1;
    Ok(if has_else { call.arg(2 * pairs).clone() } else { Value::Null })
}
