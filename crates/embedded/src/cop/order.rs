//! The order of values of one type, `NULL` first.

use std::cmp::Ordering;

use tifusion_proto::tipb::FieldType;

use super::collation::Collation;
use super::decimal;
use super::error::{CopError, EvalError};
use super::json::Json;
use super::types::TypeExt;
use super::value::Value;

/// How the values of a type compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    unsigned: bool,
    collation: Collation,
}

impl Order {
    /// The order of a type.
    ///
    /// # Errors
    /// [`CopError::Other`] for texts of a collation that this cluster doesn't know.
    pub(crate) fn of(ty: &FieldType) -> Result<Self, CopError> {
        let collation = Collation::of(ty.collation_id());
        let is_text = matches!(ty.eval_type(), Some(super::types::EvalType::Bytes));
        let collation = if is_text { collation? } else { Collation::Binary };
        Ok(Self { unsigned: ty.is_unsigned(), collation })
    }

    /// Which of two values comes first.
    ///
    /// # Errors
    /// When they are of two kinds or of one without an order.
    pub(crate) fn compare(self, left: &Value, right: &Value) -> Result<Ordering, EvalError> {
        Ok(match (left, right) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => Ordering::Less,
            (_, Value::Null) => Ordering::Greater,
            (Value::Int(a), Value::Int(b)) if self.unsigned => {
                a.cast_unsigned().cmp(&b.cast_unsigned())
            }
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Real(a), Value::Real(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            (Value::Decimal(a), Value::Decimal(b)) => decimal::compare(a, b),
            (Value::Bytes(a), Value::Bytes(b)) => self.collation.compare(a, b)?,
            (Value::Time(a), Value::Time(b)) => a.to_packed().cmp(&b.to_packed()),
            (Value::Duration(a), Value::Duration(b)) => a.nanos.cmp(&b.nanos),
            (Value::Enum(a, _), Value::Enum(b, _)) => a.cmp(b),
            (Value::Json(a), Value::Json(b)) => Json::decode(a)?.compare(&Json::decode(b)?),
            (a, b) => {
                let message = format!("{} and {} have no order", a.kind(), b.kind());
                return Err(EvalError::other(message));
            }
        })
    }

    /// Bytes that are equal for values that are equal.
    ///
    /// # Errors
    /// When the value has no such bytes.
    pub(crate) fn group_key(self, out: &mut Vec<u8>, value: &Value) -> Result<(), EvalError> {
        let mut part = |kind: u8, bytes: &[u8]| {
            out.push(kind);
            let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            out.extend_from_slice(&len.to_le_bytes());
            out.extend_from_slice(bytes);
        };
        match value {
            Value::Null => part(0, &[]),
            Value::Int(value) => part(1, &value.to_le_bytes()),
            Value::Real(value) => part(2, &(value + 0.0).to_le_bytes()),
            Value::Decimal(value) => {
                let text = value.to_string();
                let text = match text.contains('.') {
                    true => text.trim_end_matches('0').trim_end_matches('.'),
                    false => &text,
                };
                part(3, text.as_bytes());
            }
            Value::Bytes(value) => part(4, &self.collation.sort_key(value)?),
            Value::Time(value) => part(5, &value.to_packed().to_le_bytes()),
            Value::Duration(span) => part(6, &span.nanos.to_le_bytes()),
            Value::Json(cell) => part(7, cell),
            Value::Enum(number, _) | Value::Set(number) => part(8, &number.to_le_bytes()),
            Value::Vector(cell) => part(9, cell),
        }
        Ok(())
    }
}
