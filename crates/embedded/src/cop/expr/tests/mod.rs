//! Functions by tables of arguments and results; expected values are MySQL's as TiKV has them.
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

mod arithmetic;
mod basic;
mod casts;
mod dates;
mod documents;
mod numbers;
mod texts;

use tifusion_codec::field_type::tp;
use tifusion_proto::tipb::{FieldType, ScalarFuncSig};

use super::testing::{bigint, bigint_unsigned, eval, varchar};
use crate::cop::error::EvalError;
use crate::cop::types::plain;
use crate::cop::value::Value;

/// Short names for values with their types.
pub(super) type Arg = (Value, FieldType);

pub(super) fn i(value: i64) -> Arg {
    (Value::Int(value), bigint())
}

pub(super) fn u(value: u64) -> Arg {
    (Value::uint(value), bigint_unsigned())
}

pub(super) fn r(value: f64) -> Arg {
    (Value::Real(value), plain(tp::DOUBLE, 0))
}

pub(super) fn d(value: &str) -> Arg {
    (Value::Decimal(value.parse().unwrap()), plain(tp::NEW_DECIMAL, 0))
}

pub(super) fn s(value: &str) -> Arg {
    (Value::text(value), varchar())
}

pub(super) fn null() -> Arg {
    (Value::Null, bigint())
}

/// Runs each row of a table through a function.
pub(super) fn check(sig: ScalarFuncSig, ret: &FieldType, table: Vec<(Vec<Arg>, Value)>) {
    for (args, expected) in table {
        let found = eval(sig, ret.clone(), &args).unwrap();
        assert_eq!(found, expected, "{sig:?} {args:?}");
    }
}

/// The error of a call.
pub(super) fn error(sig: ScalarFuncSig, ret: FieldType, args: &[Arg]) -> EvalError {
    eval(sig, ret, args).unwrap_err()
}
