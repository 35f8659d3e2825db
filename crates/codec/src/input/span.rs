//! `TIME`.

use super::error::Refusal;
use super::time::Wall;
use super::value::InputValue;
use super::{integer, number_text, span_number, span_text};
use crate::time::Zone;

/// The greatest `TIME` as a number, and the first number that may be one of a whole date and time.
const MOST: i64 = 8_385_959;
const FIRST_DATE_TIME: i64 = 10_000_000_000;

/// The nanoseconds that a `TIME` with `fsp` digits after the point stores.
pub(super) fn convert(value: &InputValue<'_>, fsp: u8, zone: Zone) -> Result<i64, Refusal> {
    match value {
        InputValue::Duration(moment) => span_number::nanos(*moment, fsp),
        InputValue::Text(text) => span_text::parse(text, fsp, zone),
        InputValue::Bytes(bytes) => span_text::parse(number_text::of_bytes(bytes)?, fsp, zone),
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
            span_number::in_range(wall.time_of_day().round(fsp))
        }
    }
}
