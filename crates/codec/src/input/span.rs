//! `TIME`.

use super::error::Refusal;
use super::time::Wall;
use super::value::{InputValue, Moment};
use super::{integer, span_text, text};
use crate::decimal::Decimal;
use crate::duration::{self, MAX_NANOS, NANOS_PER_SECOND};
use crate::time::{MICROS_PER_DAY, Zone};

/// The greatest `TIME` as a number, and the first number that may be one of a whole date and time.
const MOST: i64 = 8_385_959;
const FIRST_DATE_TIME: i64 = 10_000_000_000;

/// The nanoseconds that a `TIME` with `fsp` digits after the point stores.
pub(super) fn convert(value: &InputValue<'_>, fsp: u8, zone: Zone) -> Result<i64, Refusal> {
    match value {
        InputValue::Duration(moment) => of(*moment, fsp),
        InputValue::Text(text) => span_text::parse(text, fsp, zone),
        InputValue::Bytes(bytes) => span_text::parse(text::of_bytes(bytes)?, fsp, zone),
        InputValue::Int(_)
        | InputValue::UInt(_)
        | InputValue::Float32(_)
        | InputValue::Float64(_)
        | InputValue::Decimal(_) => {
            let whole = integer::to_signed(value, zone)?;
            if whole < -MOST || (MOST + 1..FIRST_DATE_TIME).contains(&whole) {
                return Err(Refusal::OutOfRange);
            }
            span_text::parse(&value.to_string(), fsp, zone)
        }
        other => {
            let wall = Wall::of(other, zone)?.ok_or(Refusal::Unsupported)?;
            nanos(wall.time_of_day().round(fsp))
        }
    }
}

/// Nanoseconds of a length of time with `fsp` digits after the point, half up.
pub(super) fn of(moment: Moment, fsp: u8) -> Result<i64, Refusal> {
    nanos(Some(moment.micros))?;
    nanos(moment.round(fsp))
}

fn nanos(micros: Option<i64>) -> Result<i64, Refusal> {
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
    let nanos = of(moment, moment.fsp)?;
    let micros = duration::to_micros(nanos % NANOS_PER_SECOND).unsigned_abs();
    let mut text = digits(nanos);
    // Writing to a string can't fail.
    let micros = u32::try_from(micros).unwrap_or_default();
    let _ = crate::time::write_fraction(&mut text, micros, moment.fsp);
    text.parse().map_err(|_| Refusal::OutOfRange)
}

impl Wall {
    fn time_of_day(&self) -> Moment {
        let moment = self.moment();
        Moment { micros: moment.micros.rem_euclid(MICROS_PER_DAY), ..moment }
    }
}
