//! Times as text, in all the ways that TiDB reads them (`parseDatetime` in `types/time.go`).
//!
//! Parts of digits with any punctuation between them, a blank or `T` between date and time, or no
//! separator at all; behind a point a fraction of a second; at the end an offset from UTC. What looks
//! like a fraction or an offset is a part of the time where parts are missing: `2024-01-02.03` is three
//! o'clock.

use super::error::Refusal;
use crate::time::{CoreTime, MAX_FSP, MICROS_PER_SECOND, Zone, parse_fraction};

/// The wall time that a text is, with `fsp` digits of a second, moved into `zone` if the text has an
/// offset of its own. `next_second` is what follows a second whose fraction was rounded up.
pub(super) fn parse(
    text: &str,
    fsp: u8,
    zone: Zone,
    next_second: impl FnOnce(CoreTime) -> Result<CoreTime, Refusal>,
) -> Result<CoreTime, Refusal> {
    let split = Split::of(text);
    let fields = Fields::of(&split).ok_or(Refusal::InvalidTime)?;
    let time = CoreTime { fsp, ..fields.time };
    let (micro, carry) = match fields.fraction {
        Some(digits) => parse_fraction(digits, fsp).ok_or(Refusal::InvalidTime)?,
        None => (0, false),
    };
    let time = if carry { next_second(time)? } else { CoreTime { micro, ..time } };
    match fields.offset {
        None => Ok(time),
        Some(offset) => moved(time, offset.seconds().ok_or(Refusal::InvalidTime)?, zone),
    }
}

/// From wall time of an offset to wall time of a zone.
fn moved(time: CoreTime, offset: i64, zone: Zone) -> Result<CoreTime, Refusal> {
    let micros = time.to_micros().map_err(|_| Refusal::InvalidTime)?;
    let wall = zone.utc_to_wall_micros(micros - offset * MICROS_PER_SECOND);
    CoreTime::from_micros(wall, time.kind, time.fsp).map_err(|_| Refusal::InvalidTime)
}

/// An offset from UTC at the end of a text: `Z`, `+08`, `+0800`, `+08:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Offset<'a> {
    sign: Option<u8>,
    hours: &'a str,
    minutes: &'a str,
    has_colon: bool,
}

impl<'a> Offset<'a> {
    /// Finds the offset; also where it begins.
    fn find(text: &'a str) -> Option<(usize, Self)> {
        let bytes = text.as_bytes();
        let len = bytes.len();
        let z = bytes.iter().rposition(|byte| *byte == b'Z');
        let behind = z.map_or(0, |z| z + 1);
        let tail = bytes.get(behind..)?;
        let in_tail = |wanted: fn(&u8) -> bool| tail.iter().rposition(wanted).map(|at| behind + at);
        let sign = in_tail(|byte| matches!(byte, b'+' | b'-'));
        let colon = in_tail(|byte| *byte == b':');
        let from_end = |at: Option<usize>| at.map_or(len + 1, |at| len - at);
        let has_colon = from_end(colon) == 3;
        // Only these ways to write one are known.
        let (hours, minutes) = match (from_end(z), from_end(sign), has_colon) {
            (1, 3 | 5 | 6, _) | (1, _, true) => return None,
            (1, ..) => ("", ""),
            (_, 3, false) => (text.get(len.checked_sub(2)?..)?, ""),
            (_, 5, false) => (text.get(len.checked_sub(4)?..len - 2)?, text.get(len - 2..)?),
            (_, 6, true) => (text.get(len.checked_sub(5)?..len - 3)?, text.get(len - 2..)?),
            _ => return None,
        };
        if !hours.bytes().chain(minutes.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let at = z.or(sign).filter(|at| *at > 0)?;
        let sign = sign.and_then(|at| bytes.get(at).copied());
        Some((at, Self { sign, hours, minutes, has_colon }))
    }

    /// Seconds east of UTC, at most fourteen hours; `-00:00` is none.
    fn seconds(self) -> Option<i64> {
        let number = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse().ok() };
        let (hours, minutes): (i64, i64) = (number(self.hours)?, number(self.minutes)?);
        let seconds = hours * 3600 + minutes * 60;
        let is_negative = self.sign == Some(b'-');
        if minutes > 59 || seconds > 14 * 3600 || (is_negative && seconds == 0) {
            return None;
        }
        Some(if is_negative { -seconds } else { seconds })
    }
}

/// A text cut into date and time, fraction and offset.
struct Split<'a> {
    parts: Vec<&'a str>,
    fraction: &'a str,
    offset: Option<Offset<'a>>,
}

impl<'a> Split<'a> {
    fn of(text: &'a str) -> Self {
        let (mut body, mut offset, mut fraction) = (text, None, "");
        if let Some((at, found)) = Offset::find(text) {
            offset = Some(found);
            body = without_punctuation(text.get(..at).unwrap_or_default());
        }
        if let Some(point) = point(body).filter(|point| *point > 0) {
            let behind = body.get(point + 1..).unwrap_or_default();
            let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
            // TiDB drops what follows the digits, with a warning.
            fraction = behind.get(..digits).unwrap_or_default();
            body = without_punctuation(body.get(..point).unwrap_or_default());
        }
        Self { parts: parts(body).unwrap_or_default(), fraction, offset }
    }
}

fn is_punctuation(byte: u8) -> bool {
    byte.is_ascii_punctuation()
}

fn without_punctuation(text: &str) -> &str {
    text.trim_end_matches(|c: char| c.is_ascii_punctuation())
}

/// Where the point of a fraction is: the last punctuation but signs, if that is a point.
fn point(text: &str) -> Option<usize> {
    let end = Offset::find(text).map_or(text.len(), |(at, _)| at);
    let bytes = text.as_bytes().get(..end)?;
    let last =
        bytes.iter().rposition(|byte| is_punctuation(*byte) && !matches!(byte, b'+' | b'-'))?;
    (bytes.get(last) == Some(&b'.')).then_some(last)
}

/// Digits behind the point of a fraction, at most six.
pub(super) fn fraction_digits(text: &str) -> u8 {
    let behind = point(text).map_or(0, |point| text.len() - point - 1);
    u8::try_from(behind).unwrap_or(MAX_FSP).min(MAX_FSP)
}

/// The groups of digits; `None` when there are other characters than separators among them.
fn parts(text: &str) -> Option<Vec<&str>> {
    let text = text.trim();
    let bytes = text.as_bytes();
    if !bytes.first()?.is_ascii_digit() {
        return None;
    }
    let mut parts = Vec::with_capacity(7);
    let (mut start, mut at) = (0, 1);
    // The last character is never looked at: it belongs to the last group, whatever it is.
    while at + 1 < bytes.len() {
        let byte = *bytes.get(at)?;
        if is_separator(byte, parts.len()) {
            let before = parts.len();
            parts.push(text.get(start..at)?);
            while bytes.get(at).is_some_and(|byte| is_separator(*byte, before)) {
                at += 1;
            }
            start = at;
        } else if byte.is_ascii_digit() {
            at += 1;
        } else {
            return None;
        }
    }
    parts.push(text.get(start..)?);
    Some(parts)
}

/// Blanks and `T` separate date and time only; behind the minutes anything does.
fn is_separator(byte: u8, before: usize) -> bool {
    is_punctuation(byte)
        || (before == 2 && matches!(byte, b'T' | b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r'))
        || (before > 4 && !byte.is_ascii_digit())
}

/// What the groups of digits say.
struct Fields<'a> {
    time: CoreTime,
    /// Digits of a fraction, where it is one of a second.
    fraction: Option<&'a str>,
    offset: Option<Offset<'a>>,
}

impl<'a> Fields<'a> {
    fn of(split: &Split<'a>) -> Option<Self> {
        let (mut parts, mut fraction, mut offset) =
            (split.parts.clone(), split.fraction, split.offset);
        // Six parts are whole, and a single long one has no room for a fraction or an offset.
        let is_whole = |parts: &[&str]| {
            parts.len() > 5 || (parts.len() == 1 && parts.first().is_some_and(|p| p.len() > 4))
        };
        if !fraction.is_empty() && !is_whole(&parts) {
            parts.push(std::mem::take(&mut fraction));
        }
        if let Some(found) = offset
            && found.sign.is_some()
            && !is_whole(&parts)
            && (found.minutes.is_empty() || found.has_colon)
        {
            parts.extend([found.hours, found.minutes].iter().filter(|part| !part.is_empty()));
            offset = None;
        }
        let (numbers, has_seconds) = match parts.as_slice() {
            [digits] => of_digits(digits, fraction)?,
            [_, _, _, ..] => (of_parts(parts.get(..6).unwrap_or(&parts))?, parts.len() > 5),
            _ => return None,
        };
        if offset.is_some() && !has_seconds {
            return None;
        }
        let short_year = parts.first().is_some_and(|year| year.len() <= 2);
        let is_zero = numbers == [0; 6] && fraction.is_empty();
        let numbers = if short_year && !is_zero { with_century(numbers) } else { numbers };
        Some(Self { time: core_time(numbers)?, fraction: has_seconds.then_some(fraction), offset })
    }
}

/// Year to second out of one group of digits, and whether it has seconds.
fn of_digits(digits: &str, fraction: &str) -> Option<([u16; 6], bool)> {
    let (widths, has_century): (&[usize], bool) = match digits.len() {
        14 => (&[4, 2, 2, 2, 2, 2], true),
        12 => (&[2, 2, 2, 2, 2, 2], false),
        11 => (&[2, 2, 2, 2, 2, 1], false),
        10 => (&[2, 2, 2, 2, 2], false),
        9 => (&[2, 2, 2, 2, 1], false),
        8 => (&[4, 2, 2], true),
        7 => (&[2, 2, 2, 1], false),
        6 => (&[2, 2, 2], false),
        5 => (&[2, 2, 1], false),
        _ => return None,
    };
    let mut numbers = cut(digits, widths)?;
    // The fraction of a date is its time of day, that of minutes the seconds.
    let rest: &[usize] = match (digits.len(), fraction.len()) {
        (5 | 6 | 8, 1) | (9 | 10, 1) => &[1],
        (5 | 6 | 8, 2) | (9 | 10, 2..) => &[2],
        (5 | 6 | 8, 3) => &[2, 1],
        (5 | 6 | 8, 4) => &[2, 2],
        (5 | 6 | 8, 5) => &[2, 2, 1],
        (5 | 6 | 8, 6..) => &[2, 2, 2],
        _ => &[],
    };
    let later = cut(fraction, rest)?;
    let from = if matches!(digits.len(), 9 | 10) { 5 } else { 3 };
    for (to, number) in numbers.iter_mut().skip(from).zip(later).take(rest.len()) {
        *to = number;
    }
    let numbers = if has_century { numbers } else { with_century(numbers) };
    Some((numbers, matches!(digits.len(), 11 | 12 | 14)))
}

/// Numbers of so many digits each, one after another.
fn cut(digits: &str, widths: &[usize]) -> Option<[u16; 6]> {
    let mut numbers = [0; 6];
    let mut rest = digits;
    for (to, width) in numbers.iter_mut().zip(widths) {
        let (part, behind) = rest.split_at_checked(*width)?;
        *to = number(part)?;
        rest = behind;
    }
    Some(numbers)
}

fn of_parts(parts: &[&str]) -> Option<[u16; 6]> {
    let mut numbers = [0; 6];
    for (to, part) in numbers.iter_mut().zip(parts) {
        *to = number(part)?;
    }
    Some(numbers)
}

fn number(digits: &str) -> Option<u16> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Two digits of a year are of this century up to 69.
fn with_century([year, rest @ ..]: [u16; 6]) -> [u16; 6] {
    let year = match year {
        0..=69 => 2000 + year,
        70..=99 => 1900 + year,
        _ => year,
    };
    let [month, day, hour, minute, second] = rest;
    [year, month, day, hour, minute, second]
}

fn core_time([year, month, day, hour, minute, second]: [u16; 6]) -> Option<CoreTime> {
    let part = |value: u16| u8::try_from(value).ok();
    Some(CoreTime {
        year,
        month: part(month)?,
        day: part(day)?,
        hour: part(hour)?,
        minute: part(minute)?,
        second: part(second)?,
        ..CoreTime::default()
    })
}
