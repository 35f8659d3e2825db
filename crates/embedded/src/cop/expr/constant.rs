//! Constants of a request.

use bytes::Bytes;
use tifusion_codec::decimal::Decimal;
use tifusion_codec::number;
use tifusion_proto::tipb::{Expr, ExprType, FieldType};

use crate::cop::context::EvalContext;
use crate::cop::datum;
use crate::cop::error::CopError;
use crate::cop::types::{EvalType, TypeExt, require_eval_type};
use crate::cop::value::Value;

/// Digits of the fraction that a duration constant shows.
const DURATION_FSP: u8 = 6;

/// The value of a constant. Its kind must be that of its type.
///
/// # Errors
/// [`CopError::Other`] when the bytes are no such value or the kind isn't the type's.
pub(super) fn value(
    expr: &Expr,
    field_type: &FieldType,
    ctx: &EvalContext,
) -> Result<Value, CopError> {
    let eval_type = require_eval_type(field_type)?;
    let mut val = expr.val();
    let bad = |what: &str| CopError::plan(format!("Unable to decode {what} from the request"));
    Ok(match (expr.tp(), eval_type) {
        // An expression whose type isn't in the request's vocabulary reads as NULL: it has no bytes.
        (ExprType::Null, _) if expr.tp == Some(ExprType::Null.into()) || expr.tp.is_none() => {
            Value::Null
        }
        (ExprType::Int64, EvalType::Int) => {
            Value::Int(number::decode_i64(&mut val).map_err(|_| bad("int64"))?)
        }
        (ExprType::Uint64, EvalType::Int) => {
            Value::uint(number::decode_u64(&mut val).map_err(|_| bad("uint64"))?)
        }
        (ExprType::MysqlBit, EvalType::Int) => {
            Value::uint(tifusion_codec::enum_set::bit_to_u64(val).map_err(|_| bad("bits"))?)
        }
        (ExprType::String | ExprType::Bytes, EvalType::Bytes) => {
            Value::Bytes(Bytes::copy_from_slice(val))
        }
        (ExprType::Float32 | ExprType::Float64, EvalType::Real) => {
            Value::real(number::decode_f64(&mut val).map_err(|_| bad("float"))?)
        }
        (ExprType::MysqlTime, EvalType::Time) => {
            let packed = number::decode_u64(&mut val).map_err(|_| bad("date time"))?;
            let time = datum::unpack_time(packed, field_type, ctx.zone);
            Value::Time(time.map_err(|_| bad("date time"))?)
        }
        (ExprType::MysqlDuration, EvalType::Duration) => {
            let nanos = number::decode_i64(&mut val).map_err(|_| bad("duration"))?;
            Value::Duration(datum::span(nanos, DURATION_FSP).map_err(|_| bad("duration"))?)
        }
        (ExprType::MysqlDecimal, EvalType::Decimal) => {
            Value::Decimal(Decimal::decode(&mut val).map_err(|_| bad("decimal"))?)
        }
        (ExprType::MysqlJson, EvalType::Json) => {
            tifusion_codec::json::take_value(&mut { val }).map_err(|_| bad("json"))?;
            Value::Json(Bytes::copy_from_slice(val))
        }
        (ExprType::MysqlEnum, EvalType::Enum) => {
            let number = number::decode_u64(&mut val).map_err(|_| bad("enum"))?;
            Value::Enum(number, datum::member_name(field_type, number))
        }
        (ExprType::TiDbVectorFloat32, EvalType::Vector) => {
            tifusion_codec::vector::VectorRef::from_cell(val).map_err(|_| bad("vector float32"))?;
            Value::Vector(Bytes::copy_from_slice(val))
        }
        (kind, _) => {
            return Err(CopError::plan(format!(
                "Unexpected ExprType {kind:?} ({}) and EvalType {eval_type:?} of type {}",
                expr.tp.unwrap_or_default(),
                field_type.code()
            )));
        }
    })
}
