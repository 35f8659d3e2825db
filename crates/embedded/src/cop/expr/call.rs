//! One call of a function: its arguments and what is known about them.

use bytes::Bytes;
use tifusion_codec::decimal::Decimal;
use tifusion_codec::time::CoreTime;
use tifusion_proto::tipb::FieldType;

use crate::cop::collation::Collation;
use crate::cop::context::EvalContext;
use crate::cop::error::EvalError;
use crate::cop::types::TypeExt;
use crate::cop::value::{Span, Value};

/// What a function gives.
pub(crate) type Outcome = Result<Value, EvalError>;

/// A function and how many arguments it takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    /// The function itself.
    pub(crate) run: fn(&mut Call<'_>) -> Outcome,
    /// Fewest arguments.
    pub(crate) min: usize,
    /// Most arguments.
    pub(crate) max: usize,
}

impl Function {
    /// A function of exactly `count` arguments.
    pub(crate) const fn exact(count: usize, run: fn(&mut Call<'_>) -> Outcome) -> Self {
        Self { run, min: count, max: count }
    }

    /// A function of at least `min` arguments.
    pub(crate) const fn many(min: usize, run: fn(&mut Call<'_>) -> Outcome) -> Self {
        Self { run, min, max: usize::MAX }
    }
}

/// What is known about a call before there are arguments.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// The types of the arguments, as the request has them.
    pub(crate) arg_types: Vec<FieldType>,
    /// The type of the result.
    pub(crate) ret: FieldType,
    /// How the result's collation compares; the default where it doesn't matter.
    pub(crate) collation: Collation,
    /// Whether the first argument is a constant.
    pub(crate) first_is_constant: bool,
    /// Whether a cast's result feeds a union.
    pub(crate) in_union: bool,
}

/// A call with its arguments.
pub(crate) struct Call<'a> {
    /// The arguments.
    pub(crate) args: &'a [Value],
    /// What is known without them.
    pub(crate) site: &'a Site,
    /// How to evaluate.
    pub(crate) ctx: &'a mut EvalContext,
}

impl<'a> Call<'a> {
    /// An argument; `NULL` beyond the last.
    pub(crate) fn arg(&self, at: usize) -> &'a Value {
        self.args.get(at).unwrap_or(&Value::Null)
    }

    /// Whether an argument's type is unsigned.
    pub(crate) fn is_unsigned(&self, at: usize) -> bool {
        self.site.arg_types.get(at).is_some_and(TypeExt::is_unsigned)
    }

    /// An argument's type.
    pub(crate) fn arg_type(&self, at: usize) -> &'a FieldType {
        self.site.arg_types.get(at).unwrap_or(&self.site.ret)
    }

    /// An integer; `None` is `NULL`.
    pub(crate) fn int(&self, at: usize) -> Result<Option<i64>, EvalError> {
        match self.arg(at) {
            Value::Null => Ok(None),
            Value::Int(value) => Ok(Some(*value)),
            other => Err(mismatch(at, "integer", other)),
        }
    }

    /// A float.
    pub(crate) fn real(&self, at: usize) -> Result<Option<f64>, EvalError> {
        match self.arg(at) {
            Value::Null => Ok(None),
            Value::Real(value) => Ok(Some(*value)),
            other => Err(mismatch(at, "float", other)),
        }
    }

    /// A decimal.
    pub(crate) fn decimal(&self, at: usize) -> Result<Option<Decimal>, EvalError> {
        match self.arg(at) {
            Value::Null => Ok(None),
            Value::Decimal(value) => Ok(Some(*value)),
            other => Err(mismatch(at, "decimal", other)),
        }
    }

    /// A text or bytes; an `ENUM`'s name counts as one.
    pub(crate) fn bytes(&self, at: usize) -> Result<Option<&'a Bytes>, EvalError> {
        match self.arg(at) {
            Value::Null => Ok(None),
            Value::Bytes(value) | Value::Enum(_, value) => Ok(Some(value)),
            other => Err(mismatch(at, "text", other)),
        }
    }

    /// A date or time.
    pub(crate) fn time(&self, at: usize) -> Result<Option<CoreTime>, EvalError> {
        match self.arg(at) {
            Value::Null => Ok(None),
            Value::Time(value) => Ok(Some(*value)),
            other => Err(mismatch(at, "time", other)),
        }
    }

    /// A `TIME`.
    pub(crate) fn duration(&self, at: usize) -> Result<Option<Span>, EvalError> {
        match self.arg(at) {
            Value::Null => Ok(None),
            Value::Duration(value) => Ok(Some(*value)),
            other => Err(mismatch(at, "duration", other)),
        }
    }

    /// JSON: type byte, then body.
    pub(crate) fn json(&self, at: usize) -> Result<Option<&'a Bytes>, EvalError> {
        match self.arg(at) {
            Value::Null => Ok(None),
            Value::Json(value) => Ok(Some(value)),
            other => Err(mismatch(at, "JSON", other)),
        }
    }

    /// A vector's encoding.
    pub(crate) fn vector(&self, at: usize) -> Result<Option<&'a Bytes>, EvalError> {
        match self.arg(at) {
            Value::Null => Ok(None),
            Value::Vector(value) => Ok(Some(value)),
            other => Err(mismatch(at, "vector", other)),
        }
    }
}

fn mismatch(at: usize, expected: &str, found: &Value) -> EvalError {
    EvalError::other(format!("argument {at} is of kind {}, {expected} expected", found.kind()))
}
