//! Which values are true.

use tifusion_codec::json::tp;
use tifusion_codec::vector::VectorRef;

use crate::cop::context::EvalContext;
use crate::cop::convert;
use crate::cop::error::EvalError;
use crate::cop::value::Value;

/// Whether a value is true, as a condition; `None` is `NULL`.
///
/// # Errors
/// For a text that is no number, by the flags.
pub(crate) fn truth(value: &Value, ctx: &mut EvalContext) -> Result<Option<bool>, EvalError> {
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::Int(value) => *value != 0,
        Value::Real(value) => *value != 0.0,
        Value::Decimal(value) => !value.is_zero(),
        Value::Bytes(text) => !text.is_empty() && convert::to_real(text, false, ctx)? != 0.0,
        Value::Time(time) => !time.is_zero(),
        Value::Duration(span) => span.nanos != 0,
        Value::Json(cell) => !is_json_zero(cell),
        Value::Enum(number, _) | Value::Set(number) => *number != 0,
        Value::Vector(cell) => VectorRef::from_cell(cell)?.iter().any(|element| element != 0.0),
    }))
}

/// Only JSON's number zero is false.
fn is_json_zero(cell: &[u8]) -> bool {
    match cell.split_first() {
        Some((&(tp::I64 | tp::U64), body)) => body.iter().all(|byte| *byte == 0),
        Some((&tp::DOUBLE, body)) => {
            body.first_chunk().is_some_and(|bytes| f64::from_le_bytes(*bytes) == 0.0)
        }
        _ => false,
    }
}
