//! Lengths of time as text, in all the ways that TiDB reads them (`ParseDuration` in `types/time.go`):
//! `days hh:mm:ss`, `hh:mm:ss`, `hhmmss`, a fraction behind a point; or a whole date and time, of which
//! the time of day counts.

use super::error::Refusal;
use super::time_text;
use super::value::Moment;
use crate::duration::{self, MAX_NANOS, NANOS_PER_SECOND};
use crate::time::{CoreTime, MICROS_PER_DAY, MICROS_PER_SECOND, Zone, parse_fraction};

/// The nanoseconds that a text is, with `fsp` digits after the point, half away from zero.
pub(super) fn parse(text: &str, fsp: u8, zone: Zone) -> Result<i64, Refusal> {
    let text = text.trim();
    let refusal = match Span::read(text).and_then(|span| span.nanos(fsp)) {
        Ok(nanos) => return Ok(nanos),
        Err(refusal) => refusal,
    };
    if !may_be_date_time(text) {
        return Err(refusal);
    }
    of_date_time(text, fsp, zone).map_err(|_| Refusal::Incorrect)
}

/// What a text says.
struct Span<'a> {
    negative: bool,
    clock: [i64; 3],
    /// What is behind the clock: a fraction, or nothing.
    rest: &'a str,
}

impl<'a> Span<'a> {
    fn read(text: &'a str) -> Result<Self, Refusal> {
        let (negative, body) = match text.strip_prefix('-') {
            Some(body) => (true, body),
            None => (false, text),
        };
        let body = skip_blanks(body);
        let (clock, rest) = with_days(body)
            .or_else(|| delimited(body, true))
            .or_else(|| compact(body))
            .ok_or(Refusal::Incorrect)?;
        Ok(Self { negative, clock, rest: skip_blanks(rest) })
    }

    fn nanos(self, fsp: u8) -> Result<i64, Refusal> {
        let (fraction, behind) = match self.rest.strip_prefix('.') {
            Some(rest) => split_digits(rest),
            None => ("", self.rest),
        };
        let (micro, carry) = parse_fraction(fraction, fsp).ok_or(Refusal::Incorrect)?;
        let [hours, minutes, seconds] = self.clock;
        // A second of 60 is no second even where it was rounded.
        if !behind.is_empty() || minutes > 59 || seconds > 59 {
            return Err(Refusal::Incorrect);
        }
        let nanos = hours
            .checked_mul(3600)
            .and_then(|total| total.checked_add(minutes * 60 + seconds + i64::from(carry)))
            .and_then(|total| total.checked_mul(NANOS_PER_SECOND))
            .and_then(|total| total.checked_add(i64::from(micro) * 1000))
            .filter(|total| *total <= MAX_NANOS)
            .ok_or(Refusal::OutOfRange)?;
        Ok(if self.negative { -nanos } else { nanos })
    }
}

/// Days, a blank, and a clock of which only the hours must be there.
fn with_days(text: &str) -> Option<([i64; 3], &str)> {
    let (days, rest) = number(text)?;
    let clock = skip_blanks(rest);
    if clock.len() == rest.len() {
        return None;
    }
    let ([hours, minutes, seconds], rest) = delimited(clock, false)?;
    let hours = days.checked_mul(24)?.checked_add(hours)?;
    Some(([hours, minutes, seconds], rest))
}

/// Hours, minutes and seconds with colons between them.
fn delimited(text: &str, needs_colon: bool) -> Option<([i64; 3], &str)> {
    let (hours, mut rest) = number(text)?;
    let mut clock = [hours, 0, 0];
    for (at, to) in clock.iter_mut().enumerate().skip(1) {
        let Some(behind) = skip_blanks(rest).strip_prefix(':') else {
            if at == 1 && needs_colon {
                return None;
            }
            break;
        };
        (*to, rest) = number(skip_blanks(behind))?;
    }
    Some((clock, rest))
}

/// Digits in a row.
fn compact(text: &str) -> Option<([i64; 3], &str)> {
    let (number, rest) = number(text)?;
    Some(([number / 10_000, number / 100 % 100, number % 100], rest))
}

fn number(text: &str) -> Option<(i64, &str)> {
    let (digits, rest) = split_digits(text);
    Some((digits.parse().ok()?, rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at_checked(digits).unwrap_or((text, ""))
}

fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r'])
}

/// Whether a text that is no length of time begins as a date and time does.
fn may_be_date_time(text: &str) -> bool {
    let (digits, rest) = split_digits(text);
    if matches!(digits.len(), 12 | 14) {
        return true;
    }
    let mut rest = rest;
    for _ in 0..2 {
        // Signs and the like are symbols, not punctuation.
        let is_punctuation = |c: char| c.is_ascii_punctuation() && !"$+<=>^`|~".contains(c);
        let Some(behind) = rest.strip_prefix(is_punctuation) else { return false };
        let (digits, behind) = split_digits(behind);
        if digits.is_empty() {
            return false;
        }
        rest = behind;
    }
    !digits.is_empty() && rest.starts_with([' ', 'T'])
}

/// The time of day of a date and time.
fn of_date_time(text: &str, fsp: u8, zone: Zone) -> Result<i64, Refusal> {
    let next_second = |time: CoreTime| {
        let micros = time.to_micros().map_err(|_| Refusal::InvalidTime)?;
        CoreTime::from_micros(micros.saturating_add(MICROS_PER_SECOND), time.kind, time.fsp)
            .map_err(|_| Refusal::InvalidTime)
    };
    let time = time_text::parse(text, time_text::fraction_digits(text), zone, next_second)?;
    let micros = time.to_micros().map_err(|_| Refusal::InvalidTime)?;
    let clock = Moment::from_micros(micros.rem_euclid(MICROS_PER_DAY)).round(fsp);
    clock.and_then(duration::from_micros).ok_or(Refusal::OutOfRange)
}
