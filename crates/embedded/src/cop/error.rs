//! Why a coprocessor request fails, and where the answer says so.

use tifusion_proto::kvrpcpb::LockInfo;
use tifusion_proto::tipb;

use crate::mvcc::Blocked;

/// Numbers of MySQL's errors that TiKV gives to failed evaluations.
pub(super) mod code {
    /// Anything without a number of its own.
    pub(crate) const UNKNOWN: i32 = 1105;
    /// A regular expression that doesn't compile.
    pub(crate) const REGEXP: i32 = 1139;
    /// Data truncated.
    pub(crate) const TRUNCATED: i32 = 1265;
    /// A text that is not a value of the wanted type.
    pub(crate) const WRONG_VALUE: i32 = 1292;
    /// An unknown time zone.
    pub(crate) const UNKNOWN_TIME_ZONE: i32 = 1298;
    /// A result longer than the packet.
    pub(crate) const PACKET_OVERFLOW: i32 = 1301;
    /// Division by zero.
    pub(crate) const DIVISION_BY_ZERO: i32 = 1365;
    /// A value too long for its type.
    pub(crate) const TOO_LONG: i32 = 1406;
    /// More digits after the point than digits.
    pub(crate) const SCALE_ABOVE_PRECISION: i32 = 1427;
    /// A time out of the calendar.
    pub(crate) const DATETIME_OVERFLOW: i32 = 1441;
    /// A number out of its type's range.
    pub(crate) const OUT_OF_RANGE: i32 = 1690;
    /// What TiKV answers for errors of its own code.
    pub(crate) const OTHER: i32 = 10000;
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct EvalError {
    /// MySQL's number of the error, one of [`code`].
    pub(crate) code: i32,
    /// The error in words, as TiKV has them where MySQL defines them.
    pub(crate) message: String,
}

impl EvalError {
    /// An error with a number.
    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// An error without a number of MySQL's.
    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::new(code::OTHER, message)
    }

    /// A number that its type can't hold.
    pub(crate) fn overflow(kind: &str, expression: &str) -> Self {
        Self::new(code::OUT_OF_RANGE, format!("{kind} value is out of range in '{expression}'"))
    }

    /// A text that is only partly a value of `kind`.
    pub(crate) fn truncated_wrong_value(kind: &str, value: &str) -> Self {
        Self::new(code::WRONG_VALUE, format!("Truncated incorrect {kind} value: '{value}'"))
    }

    /// A time that no calendar has.
    pub(crate) fn incorrect_datetime(value: &str) -> Self {
        Self::new(code::WRONG_VALUE, format!("Incorrect datetime value: '{value}'"))
    }

    /// A time out of the range of its type.
    pub(crate) fn datetime_overflow() -> Self {
        Self::new(code::DATETIME_OVERFLOW, "Datetime function field overflow")
    }

    /// Whether the value left its type's range.
    pub(crate) fn is_overflow(&self) -> bool {
        self.code == code::OUT_OF_RANGE
    }
}

impl From<tifusion_codec::Error> for EvalError {
    fn from(error: tifusion_codec::Error) -> Self {
        Self::other(error.to_string())
    }
}

impl From<EvalError> for tipb::Error {
    fn from(error: EvalError) -> Self {
        Self { code: Some(error.code), msg: Some(error.message) }
    }
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CopError {
    /// A key is locked: `locked` of the answer.
    Locked(Box<LockInfo>),
    /// The plan can't be run, or the engine failed: `other_error` of the answer.
    Other(String),
    /// An expression failed over some row: `error` inside the answer's data.
    Eval(EvalError),
}

impl CopError {
    /// A plan that can't be run.
    pub(crate) fn plan(message: impl Into<String>) -> Self {
        Self::Other(message.into())
    }
}

impl From<EvalError> for CopError {
    fn from(error: EvalError) -> Self {
        Self::Eval(error)
    }
}

impl From<tifusion_codec::Error> for CopError {
    fn from(error: tifusion_codec::Error) -> Self {
        Self::Eval(error.into())
    }
}

impl From<Blocked> for CopError {
    fn from(blocked: Blocked) -> Self {
        match blocked {
            Blocked::Locked(lock) => Self::Locked(lock),
            Blocked::Engine(message) => Self::Other(message),
        }
    }
}
