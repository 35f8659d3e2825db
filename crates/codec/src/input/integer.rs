//! Integers, `YEAR` and `BIT`.

use super::error::Refusal;
use super::number_text::{self, FloatText};
use super::time::Wall;
use super::value::InputValue;
use super::{span_number, time_number};
use crate::datum::Datum;
use crate::decimal::Decimal;
use crate::enum_set::bit_to_u64;
use crate::time::Zone;

/// First and last year of a `YEAR`, but for 0.
const YEARS: std::ops::RangeInclusive<i64> = 1901..=2155;

/// An integer column.
#[derive(Debug, Clone, Copy)]
pub(super) struct IntTarget {
    pub(super) bits: u32,
    pub(super) unsigned: bool,
}

impl IntTarget {
    pub(super) fn convert<'a>(
        self,
        value: &InputValue<'a>,
        zone: Zone,
    ) -> Result<Datum<'a>, Refusal> {
        if self.unsigned {
            let value = to_unsigned(value, zone)?;
            let fits = value.checked_shr(self.bits).is_none_or(|rest| rest == 0);
            return if fits { Ok(Datum::UInt(value)) } else { Err(Refusal::OutOfRange) };
        }
        let value = to_signed(value, zone)?;
        let sign = value >> (self.bits - 1);
        if matches!(sign, 0 | -1) { Ok(Datum::Int(value)) } else { Err(Refusal::OutOfRange) }
    }
}

/// The whole number that a `BIGINT` stores.
pub(super) fn to_signed(value: &InputValue<'_>, zone: Zone) -> Result<i64, Refusal> {
    match value {
        InputValue::Int(value) => Ok(*value),
        InputValue::UInt(value) => i64::try_from(*value).map_err(|_| Refusal::OutOfRange),
        InputValue::Float32(value) => float_to_signed(f64::from(*value)),
        InputValue::Float64(value) => float_to_signed(*value),
        InputValue::Decimal(value) => decimal_to_signed(value),
        InputValue::Text(text) => FloatText::parse(text)?.to_signed(),
        InputValue::Bytes(bytes) => FloatText::parse(number_text::of_bytes(bytes)?)?.to_signed(),
        InputValue::Duration(moment) => {
            let nanos = span_number::nanos(*moment, 0)?;
            span_number::digits(nanos).parse().map_err(|_| Refusal::OutOfRange)
        }
        other => {
            let wall = Wall::of(other, zone)?.ok_or(Refusal::Unsupported)?;
            let digits = time_number::digits(&wall.rounded(0)?);
            digits.parse().map_err(|_| Refusal::OutOfRange)
        }
    }
}

/// The whole number that a `BIGINT UNSIGNED` stores.
///
/// TiDB looks at signs and fractions in other ways here than for signed numbers: a decimal below zero
/// never fits, text and floats do when they round to zero, and of times it rounds the digits.
fn to_unsigned(value: &InputValue<'_>, zone: Zone) -> Result<u64, Refusal> {
    match value {
        InputValue::Int(value) => u64::try_from(*value).map_err(|_| Refusal::OutOfRange),
        InputValue::UInt(value) => Ok(*value),
        InputValue::Float32(value) => float_to_unsigned(f64::from(*value)),
        InputValue::Float64(value) => float_to_unsigned(*value),
        InputValue::Decimal(value) => decimal_to_unsigned(value),
        InputValue::Text(text) => FloatText::parse(text)?.to_unsigned(),
        InputValue::Bytes(bytes) => FloatText::parse(number_text::of_bytes(bytes)?)?.to_unsigned(),
        InputValue::Duration(moment) => {
            let digits = span_number::decimal(*moment)?.rounded(0).ok_or(Refusal::OutOfRange)?;
            decimal_to_unsigned(&digits)
        }
        other => {
            let wall = Wall::of(other, zone)?.ok_or(Refusal::Unsupported)?;
            decimal_to_unsigned(&wall.decimal()?)
        }
    }
}

fn float_to_signed(value: f64) -> Result<i64, Refusal> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let rounded = value.round_ties_even();
    if !(-LIMIT..LIMIT).contains(&rounded) {
        return Err(Refusal::OutOfRange);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    let whole = rounded as i64;
    Ok(whole)
}

fn float_to_unsigned(value: f64) -> Result<u64, Refusal> {
    const LIMIT: f64 = 18_446_744_073_709_551_616.0;
    let rounded = value.round_ties_even();
    if !(0.0..LIMIT).contains(&rounded) {
        return Err(Refusal::OutOfRange);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    let whole = rounded as u64;
    Ok(whole)
}

fn decimal_to_signed(value: &Decimal) -> Result<i64, Refusal> {
    let rounded = value.rounded(0).ok_or(Refusal::OutOfRange)?;
    let whole = rounded.to_i128(0).map_err(|_| Refusal::OutOfRange)?;
    i64::try_from(whole).map_err(|_| Refusal::OutOfRange)
}

fn decimal_to_unsigned(value: &Decimal) -> Result<u64, Refusal> {
    if value.is_negative() {
        return Err(Refusal::OutOfRange);
    }
    let rounded = value.rounded(0).ok_or(Refusal::OutOfRange)?;
    let whole = rounded.to_i128(0).map_err(|_| Refusal::OutOfRange)?;
    u64::try_from(whole).map_err(|_| Refusal::OutOfRange)
}

/// The number of an `ENUM`'s or `SET`'s members, or of a `BIT`, that is no text.
pub(super) fn to_bits(value: &InputValue<'_>) -> Result<u64, Refusal> {
    to_unsigned(value, Zone::Utc)
}

/// What a `BIT` of some bits stores: bytes, those of text too, are the number itself.
pub(super) fn bit(value: &InputValue<'_>, bits: u32) -> Result<u64, Refusal> {
    let value = match value {
        InputValue::Text(text) => bit_to_u64(text.as_bytes()).map_err(|_| Refusal::TooLong)?,
        InputValue::Bytes(bytes) => bit_to_u64(bytes).map_err(|_| Refusal::TooLong)?,
        // The bits of a negative number are those that it has.
        InputValue::Int(value) => value.cast_unsigned(),
        other => to_bits(other)?,
    };
    let fits = value.checked_shr(bits).is_none_or(|rest| rest == 0);
    if fits { Ok(value) } else { Err(Refusal::TooLong) }
}

/// What a `YEAR` stores: one or two digits are of this century up to 69.
pub(super) fn year(value: &InputValue<'_>, zone: Zone) -> Result<i64, Refusal> {
    let text = match value {
        InputValue::Text(text) => Some(*text),
        InputValue::Bytes(bytes) => Some(number_text::of_bytes(bytes)?),
        _ => None,
    };
    let (year, zero_is_2000) = match (text, Wall::of(value, zone)?) {
        (Some(text), _) => {
            let year = FloatText::parse(text)?.to_signed()?;
            // "0000" is the year zero, "0" and "00" are 2000.
            (year, text.len() != 4 && text.trim().starts_with('0'))
        }
        (None, Some(wall)) => (i64::from(wall.cut()?.year), false),
        (None, None) => (to_signed(value, zone)?, false),
    };
    let year = match year {
        0 if !zero_is_2000 => return Ok(0),
        0..=69 => 2000 + year,
        70..=99 => 1900 + year,
        _ => year,
    };
    if YEARS.contains(&year) { Ok(year) } else { Err(Refusal::OutOfRange) }
}
