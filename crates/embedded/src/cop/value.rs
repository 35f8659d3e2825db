//! One value of a row.

use bytes::Bytes;
use tifusion_codec::decimal::Decimal;
use tifusion_codec::time::CoreTime;

/// A `TIME` and the digits of its fraction to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Signed nanoseconds.
    pub(crate) nanos: i64,
    /// Digits of the fraction, 0 to 6.
    pub(crate) fsp: u8,
}

/// A value of a row or of an expression. Its type says whether an integer has a sign.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// `NULL` of any type.
    Null,
    /// An integer; the bits of one when its type is unsigned.
    Int(i64),
    /// A float or double, never NaN.
    Real(f64),
    /// A decimal.
    Decimal(Decimal),
    /// A text or bytes.
    Bytes(Bytes),
    /// A date or time; a `TIMESTAMP` in the request's time zone.
    Time(CoreTime),
    /// A `TIME`.
    Duration(Span),
    /// JSON: type byte, then body.
    Json(Bytes),
    /// Number and name of an `ENUM`'s member.
    Enum(u64, Bytes),
    /// The mask of a `SET`: it can only be passed through.
    Set(u64),
    /// A `VECTOR` in its encoding.
    Vector(Bytes),
}

/// The values of one row.
pub(crate) type Row = Vec<Value>;

impl Value {
    /// The kind of value, for error messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Int(_) => "integer",
            Self::Real(_) => "float",
            Self::Decimal(_) => "decimal",
            Self::Bytes(_) => "text",
            Self::Time(_) => "time",
            Self::Duration(_) => "duration",
            Self::Json(_) => "JSON",
            Self::Enum(..) => "ENUM",
            Self::Set(_) => "SET",
            Self::Vector(_) => "vector",
        }
    }

    /// Whether this is `NULL`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// An unsigned integer's bits.
    pub(crate) fn uint(value: u64) -> Self {
        Self::Int(value.cast_signed())
    }

    /// 1 or 0.
    pub(crate) fn bool(value: bool) -> Self {
        Self::Int(i64::from(value))
    }

    /// A text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Bytes(text.into().into_bytes().into())
    }

    /// A float; NaN is `NULL`.
    pub(crate) fn real(value: f64) -> Self {
        if value.is_nan() { Self::Null } else { Self::Real(value) }
    }
}
