//! Builds requests' expressions for tests.
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]

use tifusion_codec::datum;
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::number;
use tifusion_proto::tipb::{Expr, ExprType, FieldType, ScalarFuncSig};

use super::Expression;
use crate::cop::context::EvalContext;
use crate::cop::error::{CopError, EvalError};
use crate::cop::types::plain;
use crate::cop::value::Value;

/// `BIGINT`.
pub(crate) fn bigint() -> FieldType {
    plain(tp::LONG_LONG, 0)
}

/// `BIGINT UNSIGNED`.
pub(crate) fn bigint_unsigned() -> FieldType {
    plain(tp::LONG_LONG, flag::UNSIGNED)
}

/// `VARCHAR` of `utf8mb4_bin`, new collations on.
pub(crate) fn varchar() -> FieldType {
    FieldType { collate: Some(-46), charset: Some("utf8mb4".to_owned()), ..plain(tp::VARCHAR, 0) }
}

/// A column of the row.
pub(crate) fn column(offset: i64, field_type: FieldType) -> Expr {
    let mut val = Vec::new();
    number::encode_i64(&mut val, offset);
    node(ExprType::ColumnRef, val, field_type)
}

/// An integer constant.
pub(crate) fn int(value: i64) -> Expr {
    let mut val = Vec::new();
    number::encode_i64(&mut val, value);
    node(ExprType::Int64, val, bigint())
}

/// A text constant.
pub(crate) fn text(value: &str) -> Expr {
    node(ExprType::String, value.as_bytes().to_vec(), varchar())
}

/// A decimal constant.
pub(crate) fn decimal(value: &str) -> Expr {
    let mut val = Vec::new();
    let value = value.parse().unwrap();
    datum::encode_value(&mut val, &datum::Datum::Decimal(value)).unwrap();
    val.remove(0);
    node(ExprType::MysqlDecimal, val, plain(tp::NEW_DECIMAL, 0))
}

/// A call of a function.
pub(crate) fn call(sig: ScalarFuncSig, field_type: FieldType, children: Vec<Expr>) -> Expr {
    Expr { sig: Some(sig.into()), children, ..node(ExprType::ScalarFunc, Vec::new(), field_type) }
}

fn node(tp: ExprType, val: Vec<u8>, field_type: FieldType) -> Expr {
    Expr { tp: Some(tp.into()), val: Some(val), field_type: Some(field_type), ..Expr::default() }
}

/// Values as the arguments of a function: one column each.
pub(crate) fn eval_in(
    ctx: &mut EvalContext,
    sig: ScalarFuncSig,
    ret: FieldType,
    args: &[(Value, FieldType)],
) -> Result<Value, EvalError> {
    let children =
        args.iter().enumerate().map(|(at, (_, ty))| column(at as i64, ty.clone())).collect();
    let expr = call(sig, ret, children);
    let expression = match Expression::build(&expr, args.len(), ctx) {
        Ok(expression) => expression,
        Err(CopError::Other(message)) => panic!("{message}"),
        Err(other) => panic!("{other:?}"),
    };
    expression.eval(&args.iter().map(|(value, _)| value.clone()).collect(), ctx)
}

/// As [`eval_in`], in a request without flags.
pub(crate) fn eval(
    sig: ScalarFuncSig,
    ret: FieldType,
    args: &[(Value, FieldType)],
) -> Result<Value, EvalError> {
    eval_in(&mut EvalContext::default(), sig, ret, args)
}
