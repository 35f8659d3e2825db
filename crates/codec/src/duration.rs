//! `TIME` values: signed nanoseconds.
//!
//! An `i64` of nanoseconds in datums, rows and chunks. The number of fractional digits is the
//! column's, not the value's (`Duration` in `types/time.go` of TiDB).

use crate::error::{Error, Result};
use crate::time;

/// Nanoseconds of a second.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// The longest `TIME`, `838:59:59`, in nanoseconds.
pub const MAX_NANOS: i64 = (838 * 3600 + 59 * 60 + 59) * NANOS_PER_SECOND;

const NANOS_PER_MICRO: i64 = 1000;

/// Whole microseconds, rounded toward zero; TiDB keeps no finer `TIME`.
#[must_use]
pub fn to_micros(nanos: i64) -> i64 {
    nanos / NANOS_PER_MICRO
}

/// Nanoseconds of microseconds; `None` on overflow.
#[must_use]
pub fn from_micros(micros: i64) -> Option<i64> {
    micros.checked_mul(NANOS_PER_MICRO)
}

/// Appends the value as MySQL prints a `TIME`: `-838:59:59`, `00:00:01.500`.
///
/// The fraction is cut to `fsp` digits, at most six.
pub fn write_text(out: &mut String, nanos: i64, fsp: u8) {
    use std::fmt::Write;

    if nanos < 0 {
        out.push('-');
    }
    let micros = nanos.unsigned_abs() / NANOS_PER_MICRO.unsigned_abs();
    let seconds = micros / 1_000_000;
    let fraction = u32::try_from(micros % 1_000_000).unwrap_or(0);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    // Writing to a string can't fail.
    let _ = write!(out, "{hours:02}:{minutes:02}:{seconds:02}");
    let _ = time::write_fraction(out, fraction, fsp);
}

/// The value as text, see [`write_text`].
#[must_use]
pub fn to_text(nanos: i64, fsp: u8) -> String {
    let mut out = String::new();
    write_text(&mut out, nanos, fsp);
    out
}

/// Reads a `TIME` literal in the form TiDB stores defaults, `[-]hh:mm:ss[.fraction]`, in nanoseconds,
/// rounded half away from zero to `fsp` digits.
///
/// # Errors
/// [`Error::Malformed`] when the text is no such literal, [`Error::OutOfRange`] beyond `838:59:59`.
pub fn parse(text: &str, fsp: u8) -> Result<i64> {
    let malformed =
        || Error::malformed("TIME", format!("{:?} is no such literal", time::shorten(text)));
    let body = text.trim_ascii();
    let (negative, body) = match body.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, body),
    };
    let (clock, fraction) = body.split_once('.').unwrap_or((body, ""));
    let mut parts = clock.split(':').map(|part| {
        let digits = (1..=9).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if digits { part.parse::<i64>().ok() } else { None }
    });
    let mut next = || parts.next().flatten().ok_or_else(malformed);
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    let (micro, carry) = time::parse_fraction(fraction, fsp).ok_or_else(malformed)?;
    if parts.next().is_some() || minutes > 59 || seconds > 59 {
        return Err(malformed());
    }
    let seconds = hours * 3600 + minutes * 60 + seconds + i64::from(carry);
    let nanos = seconds
        .checked_mul(NANOS_PER_SECOND)
        .and_then(|nanos| nanos.checked_add(i64::from(micro) * NANOS_PER_MICRO))
        .filter(|nanos| *nanos <= MAX_NANOS)
        .ok_or_else(|| Error::OutOfRange {
            what: "TIME",
            value: time::shorten(text),
            target: "838:59:59".to_owned(),
        })?;
    Ok(if negative { -nanos } else { nanos })
}

#[cfg(test)]
#[path = "duration_tests.rs"]
mod tests;
