//! Values on their way in, by their meaning.

use std::borrow::Cow;
use std::fmt;

use crate::decimal::Decimal;
use crate::duration;
use crate::time::{CoreTime, MICROS_PER_DAY, TimeKind};

/// A value by its meaning, which is that of a value of a MySQL type.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum InputValue<'a> {
    /// `NULL`.
    Null,
    /// A value of a signed integer type. Booleans are the numbers 0 and 1.
    Int(i64),
    /// A value of an unsigned integer type.
    UInt(u64),
    /// A `FLOAT`.
    Float32(f32),
    /// A `DOUBLE`.
    Float64(f64),
    /// A `DECIMAL` with the digits after the point that its type has.
    Decimal(Decimal),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A `DATE`: days since 1970-01-01.
    Date(i64),
    /// A `DATETIME`: a wall time.
    DateTime(Moment),
    /// A `TIMESTAMP`: a point in time, of UTC.
    Timestamp(Moment),
    /// A `TIME`: a length of time.
    Duration(Moment),
    /// A `VECTOR`.
    Vector(Cow<'a, [f32]>),
}

/// A number of microseconds, since 1970 or as a length, with a rest below one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Whole microseconds, rounded down.
    pub micros: i64,
    /// Nanoseconds beyond them, 0 to 999.
    pub nanos: u16,
    /// Digits after the point that its type has, 0 to 6.
    pub fsp: u8,
}

impl Moment {
    /// Whole microseconds with six digits after the point.
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        Self { micros, nanos: 0, fsp: 6 }
    }

    /// Microseconds rounded to `fsp` digits of a second, half up; `None` beyond an `i64`.
    pub(super) fn round(self, fsp: u8) -> Option<i64> {
        let unit = 10_i64.pow(u32::from(6 - fsp.min(6)));
        if unit == 1 {
            return self.micros.checked_add(i64::from(self.nanos >= 500));
        }
        let rest = self.micros.rem_euclid(unit);
        let down = self.micros.checked_sub(rest)?;
        if rest >= unit / 2 { down.checked_add(unit) } else { Some(down) }
    }
}

impl InputValue<'_> {
    /// The kind of value, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Int(_) => "a signed integer",
            Self::UInt(_) => "an unsigned integer",
            Self::Float32(_) | Self::Float64(_) => "a float",
            Self::Decimal(_) => "a decimal",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Date(_) => "a date",
            Self::DateTime(_) => "a wall time",
            Self::Timestamp(_) => "a point in time",
            Self::Duration(_) => "a length of time",
            Self::Vector(_) => "a vector",
        }
    }
}

impl fmt::Display for InputValue<'_> {
    /// The value for people: text in quotes, bytes escaped, points in time in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |f: &mut fmt::Formatter<'_>, micros: i64, kind, fsp| match CoreTime::from_micros(
            micros, kind, fsp,
        ) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{micros} µs since 1970"),
        };
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Int(value) => write!(f, "{value}"),
            Self::UInt(value) => write!(f, "{value}"),
            Self::Float32(value) => write!(f, "{value}"),
            Self::Float64(value) => write!(f, "{value}"),
            Self::Decimal(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::Bytes(value) => write!(f, "b\"{}\"", value.escape_ascii()),
            Self::Date(days) => time(f, days.saturating_mul(MICROS_PER_DAY), TimeKind::Date, 0),
            Self::DateTime(moment) => time(f, moment.micros, TimeKind::DateTime, moment.fsp),
            Self::Timestamp(moment) => {
                time(f, moment.micros, TimeKind::Timestamp, moment.fsp)?;
                f.write_str(" UTC")
            }
            Self::Duration(moment) => match duration::from_micros(moment.micros) {
                Some(nanos) => f.write_str(&duration::to_text(nanos, moment.fsp)),
                None => write!(f, "{} µs", moment.micros),
            },
            Self::Vector(elements) => write!(f, "a vector of {} dimensions", elements.len()),
        }
    }
}
