//! Lengths of time in nanoseconds, and as numbers: their digits in a row.

use super::error::Refusal;
use super::value::Moment;
use crate::decimal::Decimal;
use crate::duration::{self, MAX_NANOS, NANOS_PER_SECOND};

/// Nanoseconds of a length of time with `fsp` digits after the point, half up.
pub(super) fn nanos(moment: Moment, fsp: u8) -> Result<i64, Refusal> {
    in_range(Some(moment.micros))?;
    in_range(moment.round(fsp))
}

/// Nanoseconds of microseconds that are a `TIME`.
pub(super) fn in_range(micros: Option<i64>) -> Result<i64, Refusal> {
    let nanos = micros.and_then(duration::from_micros);
    nanos.filter(|nanos| (-MAX_NANOS..=MAX_NANOS).contains(nanos)).ok_or(Refusal::OutOfRange)
}

/// The digits in a row, without the fraction: `-1234556`.
pub(super) fn digits(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let seconds = (nanos / NANOS_PER_SECOND).unsigned_abs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{sign}{hours:02}{minutes:02}{seconds:02}")
}

/// The digits in a row, the fraction behind the point.
pub(super) fn decimal(moment: Moment) -> Result<Decimal, Refusal> {
    let nanos = nanos(moment, moment.fsp)?;
    let micros = duration::to_micros(nanos % NANOS_PER_SECOND).unsigned_abs();
    let mut text = digits(nanos);
    // Writing to a string can't fail.
    let micros = u32::try_from(micros).unwrap_or_default();
    let _ = crate::time::write_fraction(&mut text, micros, moment.fsp);
    text.parse().map_err(|_| Refusal::OutOfRange)
}
