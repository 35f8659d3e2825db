//! Texts and numbers as times.

use tifusion_codec::duration::MAX_NANOS;
use tifusion_codec::time::{CoreTime, MICROS_PER_SECOND, TimeKind, Zone};

use super::round::round_time;
use crate::cop::context::{EvalContext, flag, mode};
use crate::cop::error::{EvalError, code};
use crate::cop::value::Span;

/// Days of each month in a leap year.
const MONTH_DAYS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/// The last second of a `TIMESTAMP`.
const LAST_TIMESTAMP: i64 = (1 << 31) - 1;

/// Reads a text as a time: digits with anything between them, or digits in a row, perhaps with an
/// offset from UTC behind it.
///
/// # Errors
/// Error 1292 when it is no time, or one that the SQL mode forbids.
pub(crate) fn parse_time(
    text: &str,
    kind: TimeKind,
    fsp: u8,
    ctx: &mut EvalContext,
) -> Result<CoreTime, EvalError> {
    let incorrect = || EvalError::incorrect_datetime(text);
    let (body, offset) = split_offset(text.trim());
    let (numbers, fraction) = fields(body).ok_or_else(incorrect)?;
    let [year, month, day, hour, minute, second] = numbers;
    let part = |value: u16| u8::try_from(value).map_err(|_| incorrect());
    let (micro, carry) = fraction_micros(&fraction, if kind == TimeKind::Date { 6 } else { fsp });
    let time = CoreTime {
        year,
        month: part(month)?,
        day: part(day)?,
        hour: part(hour)?,
        minute: part(minute)?,
        second: part(second)?,
        micro,
        kind,
        fsp: if kind == TimeKind::Date { 0 } else { fsp.min(6) },
    };
    let mut time = allowed(time, ctx)?.ok_or_else(incorrect)?;
    if carry && kind != TimeKind::Date {
        let micros = time.to_micros().map_err(|_| incorrect())? + MICROS_PER_SECOND;
        time = CoreTime::from_micros(micros, kind, time.fsp).map_err(|_| incorrect())?;
    }
    if let Some(offset) = offset {
        let micros = time.to_micros().map_err(|_| incorrect())? - offset * MICROS_PER_SECOND;
        let wall = ctx.zone.utc_to_wall_micros(micros);
        time = CoreTime::from_micros(wall, kind, time.fsp).map_err(|_| incorrect())?;
    }
    if kind == TimeKind::Date {
        (time.hour, time.minute, time.second, time.micro) = (0, 0, 0, 0);
    }
    Ok(time)
}

/// An offset from UTC at the end of a time of day, in seconds: `Z`, `+08`, `-0330`, `+05:30`.
fn split_offset(text: &str) -> (&str, Option<i64>) {
    let none = (text, None);
    let Some(clock) = text.find(['T', ' ']) else { return none };
    if let Some(body) = text.strip_suffix('Z') {
        return (body, Some(0));
    }
    let Some((at, sign)) =
        text.char_indices().skip(clock).filter(|(_, c)| matches!(c, '+' | '-')).last()
    else {
        return none;
    };
    let Some((body, offset)) = text.split_at_checked(at) else { return none };
    let digits: String = offset.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = match digits.len() {
        2 => (digits.as_str(), "0"),
        4 => digits.split_at_checked(2).unwrap_or(("0", "0")),
        _ => return none,
    };
    let (Ok(hours), Ok(minutes)) = (hours.parse::<i64>(), minutes.parse::<i64>()) else {
        return none;
    };
    let seconds = hours * 3600 + minutes * 60;
    (body, Some(if sign == '-' { -seconds } else { seconds }))
}

/// Year to second, and the digits of the fraction.
fn fields(text: &str) -> Option<([u16; 6], String)> {
    let mut groups: Vec<(&str, char)> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (group, behind) = rest.split_at_checked(digits)?;
        if group.is_empty() {
            return None;
        }
        let is_separator = |c: char| c.is_ascii_punctuation() || c == ' ' || c == 'T' || c == '\t';
        let next = behind.find(|c: char| !is_separator(c)).unwrap_or(behind.len());
        let separator = behind.chars().next().unwrap_or(' ');
        if next == 0 && !behind.is_empty() {
            return None;
        }
        groups.push((group, separator));
        rest = behind.get(next..)?;
    }
    let mut fraction = String::new();
    let before_last = groups.len().checked_sub(2).and_then(|at| groups.get(at)).map(|g| g.1);
    if before_last == Some('.') && matches!(groups.len(), 2 | 7) {
        fraction = groups.pop()?.0.to_owned();
    }
    let mut numbers = [0; 6];
    match groups.as_slice() {
        [(whole, _)] => numbers = whole_number(whole)?,
        groups @ [(year, _), _, _, ..] if groups.len() <= 6 => {
            for (to, (group, _)) in numbers.iter_mut().zip(groups) {
                *to = group.parse().ok()?;
            }
            if year.len() <= 2 {
                numbers = with_century(numbers);
            }
        }
        _ => return None,
    }
    Some((numbers, fraction))
}

/// Digits in a row: eight and fourteen begin with a whole year, others with two digits of it.
fn whole_number(digits: &str) -> Option<[u16; 6]> {
    let year_len = match digits.len() {
        8 | 14 => 4,
        5 | 6 | 9..=12 => 2,
        _ => return None,
    };
    let (year, mut rest) = digits.split_at_checked(year_len)?;
    let mut numbers = [year.parse().ok()?, 0, 0, 0, 0, 0];
    for number in numbers.iter_mut().skip(1) {
        let (part, behind) = rest.split_at_checked(rest.len().min(2))?;
        if !part.is_empty() {
            *number = part.parse().ok()?;
        }
        rest = behind;
    }
    Some(if year_len == 2 { with_century(numbers) } else { numbers })
}

/// Two digits of a year are of this century up to 69; a whole zero date stays one.
fn with_century(mut numbers: [u16; 6]) -> [u16; 6] {
    if let [year, month, day, ..] = &mut numbers
        && (*year, *month, *day) != (0, 0, 0)
    {
        *year += if *year < 70 { 2000 } else { 1900 };
    }
    numbers
}

/// Digits of a fraction in microseconds, rounded to `fsp` digits, and whether that made a second.
fn fraction_micros(digits: &str, fsp: u8) -> (u32, bool) {
    let fsp = u32::from(fsp.min(6));
    let mut digit = digits.bytes().map(|b| u32::from(b - b'0')).chain(std::iter::repeat(0));
    let kept = (0..fsp).fold(0, |value, _| value * 10 + digit.next().unwrap_or(0));
    let rounded = kept + u32::from(digit.next().unwrap_or(0) >= 5);
    let micros = rounded * 10_u32.pow(6 - fsp);
    (micros % 1_000_000, micros >= 1_000_000)
}

/// The time if the SQL mode allows it; `None` when it is no time at all.
///
/// # Errors
/// Error 1265 in strict modes.
pub(crate) fn allowed(
    time: CoreTime,
    ctx: &mut EvalContext,
) -> Result<Option<CoreTime>, EvalError> {
    if time.year > 9999 || time.month > 12 || time.day > 31 {
        return Ok(None);
    }
    if time.hour > 23 || time.minute > 59 || time.second > 59 {
        return Ok(None);
    }
    let forbidden = |ctx: &mut EvalContext| {
        let truncated = EvalError::new(code::TRUNCATED, "Data Truncated");
        if ctx.mode(mode::STRICT) && !ctx.has(flag::IGNORE_TRUNCATE) {
            return Err(truncated);
        }
        ctx.warn(truncated);
        Ok(None)
    };
    if time.is_zero() {
        return if ctx.mode(mode::NO_ZERO_DATE) { forbidden(ctx) } else { Ok(Some(time)) };
    }
    if time.month == 0 || time.day == 0 {
        return if ctx.mode(mode::NO_ZERO_IN_DATE) { forbidden(ctx) } else { Ok(Some(time)) };
    }
    if time.day > month_days(time.year, time.month) && !ctx.mode(mode::INVALID_DATES) {
        return Ok(None);
    }
    if time.kind == TimeKind::Timestamp {
        let Ok(micros) = time.to_utc_micros(ctx.zone) else { return Ok(None) };
        if !(1..=LAST_TIMESTAMP).contains(&micros.div_euclid(MICROS_PER_SECOND)) {
            return Ok(None);
        }
    }
    Ok(Some(time))
}

/// Days of a month.
pub(crate) fn month_days(year: u16, month: u8) -> u8 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if month == 2 && !is_leap {
        return 28;
    }
    let index = usize::from(month).checked_sub(1);
    index.and_then(|index| MONTH_DAYS.get(index)).copied().unwrap_or(0)
}

/// A number as a time: its digits from the end, two each; short ones are dates.
///
/// # Errors
/// As [`parse_time`].
pub(crate) fn time_of_number(
    number: i64,
    kind: TimeKind,
    fsp: u8,
    ctx: &mut EvalContext,
) -> Result<CoreTime, EvalError> {
    let incorrect = || EvalError::incorrect_datetime(&number.to_string());
    let aligned = match number {
        0 => 0,
        101..=691_231 => (number + 20_000_000) * 1_000_000,
        700_101..=991_231 => (number + 19_000_000) * 1_000_000,
        991_232..=99_991_231 => number * 1_000_000,
        101_000_000..=691_231_235_959 => number + 20_000_000_000_000,
        700_101_000_000..=991_231_235_959 => number + 19_000_000_000_000,
        1_000_000_000_000.. => number,
        _ => return Err(incorrect()),
    };
    let two = |unit: i64| u8::try_from(aligned / unit % 100).unwrap_or(u8::MAX);
    let date_only = kind == TimeKind::Date;
    let time = CoreTime {
        year: u16::try_from(aligned / 10_000_000_000).map_err(|_| incorrect())?,
        month: two(100_000_000),
        day: two(1_000_000),
        hour: two(10_000),
        minute: two(100),
        second: two(1),
        micro: 0,
        kind,
        fsp: if date_only { 0 } else { fsp.min(6) },
    };
    let mut time = allowed(time, ctx)?.ok_or_else(incorrect)?;
    if date_only {
        (time.hour, time.minute, time.second) = (0, 0, 0);
    }
    Ok(time)
}

/// The digits of a float or decimal as a time.
///
/// # Errors
/// As [`parse_time`].
pub(crate) fn time_of_digits(
    text: &str,
    kind: TimeKind,
    fsp: u8,
    ctx: &mut EvalContext,
) -> Result<CoreTime, EvalError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number = whole.parse().map_err(|_| EvalError::incorrect_datetime(text))?;
    let time = time_of_number(number, kind, fsp, ctx)?;
    if kind == TimeKind::Date || !(9..=14).contains(&whole.len()) {
        return Ok(time);
    }
    let (micro, _) = fraction_micros(fraction, 6);
    round_time(CoreTime { micro, ..time }, fsp, ctx)
}

/// The time of day of a time.
pub(crate) fn clock_of(time: CoreTime) -> Span {
    let seconds =
        i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second);
    Span { nanos: (seconds * 1_000_000 + i64::from(time.micro)) * 1000, fsp: time.fsp }
}

/// A span from hours, minutes, seconds and nanoseconds; `None` when minutes or seconds are no such.
fn span_of(negative: bool, parts: [i64; 3], nanos: i64, fsp: u8) -> Result<Span, EvalError> {
    let [hours, minutes, seconds] = parts;
    let truncated =
        || EvalError::truncated_wrong_value("time", &format!("{hours}:{minutes}:{seconds}"));
    if minutes > 59 || seconds > 59 {
        return Err(truncated());
    }
    let total = hours
        .saturating_mul(3600)
        .saturating_add(minutes * 60 + seconds)
        .saturating_mul(1_000_000_000)
        .saturating_add(nanos);
    let unit = 10_i64.pow(9 - u32::from(fsp.min(6)));
    let rounded = total.saturating_add(unit / 2) / unit * unit;
    if rounded > MAX_NANOS {
        return Err(EvalError::overflow("Duration", &format!("{hours}:{minutes}:{seconds}")));
    }
    Ok(Span { nanos: if negative { -rounded } else { rounded }, fsp: fsp.min(6) })
}

/// Reads a text as a `TIME`: `[d ]h:m[:s][.f]`, `hmmss[.f]`, or the time of day of a whole time.
///
/// # Errors
/// Error 1292 when it is no time; 1690 when it is too long and `caps` is not set: then the longest
/// one takes its place, by the flags.
pub(crate) fn parse_span(
    text: &str,
    fsp: u8,
    caps: bool,
    ctx: &mut EvalContext,
) -> Result<Span, EvalError> {
    let incorrect = || EvalError::truncated_wrong_value("time", text);
    let body = text.trim();
    let (negative, body) = match body.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, body),
    };
    if is_whole_time(body) {
        let time = parse_time(body, TimeKind::DateTime, fsp, ctx).map_err(|_| incorrect())?;
        return Ok(Span { fsp: fsp.min(6), ..clock_of(time) });
    }
    let (parts, rest) = span_parts(body).ok_or_else(incorrect)?;
    let (digits, rest) = match rest.strip_prefix('.') {
        Some(behind) => {
            let count = behind.bytes().take_while(u8::is_ascii_digit).count();
            behind.split_at_checked(count).unwrap_or((behind, ""))
        }
        None => ("", rest),
    };
    if !rest.is_empty() {
        if body.len() >= 12 {
            return Err(incorrect());
        }
        ctx.truncated(EvalError::new(code::TRUNCATED, "Data Truncated"))?;
    }
    let nanos = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = nanos.fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    match span_of(negative, parts, nanos, fsp) {
        Err(error) if error.is_overflow() && caps => {
            ctx.overflowed(error)?;
            Ok(Span { nanos: if negative { -MAX_NANOS } else { MAX_NANOS }, fsp: fsp.min(6) })
        }
        other => other,
    }
}

/// Whether a text has the form of a date with a time of day.
fn is_whole_time(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if matches!(digits, 12 | 14)
        && text.bytes().skip(digits).all(|b| b == b'.' || b.is_ascii_digit())
    {
        return true;
    }
    let mut groups = text.splitn(3, |c: char| c.is_ascii_punctuation());
    let is_number = |group: Option<&str>| {
        group.is_some_and(|group| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit()))
    };
    is_number(groups.next())
        && is_number(groups.next())
        && groups.next().is_some_and(|day| {
            let digits = day.bytes().take_while(u8::is_ascii_digit).count();
            digits > 0 && matches!(day.as_bytes().get(digits), Some(b'T' | b' '))
        })
}

/// Hours, minutes and seconds, and what is behind them.
fn span_parts(text: &str) -> Option<([i64; 3], &str)> {
    let number = |text: &mut &str| -> Option<i64> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (group, rest) = text.split_at_checked(digits)?;
        *text = rest;
        group.parse().ok().filter(|value| *value <= i64::from(u32::MAX))
    };
    let mut rest = text;
    let first = number(&mut rest)?;
    let mut days = 0;
    let mut hours = first;
    let after_blank = rest.trim_start();
    let has_days =
        after_blank.len() < rest.len() && after_blank.starts_with(|c: char| c.is_ascii_digit());
    if has_days {
        rest = after_blank;
        days = first;
        hours = number(&mut rest)?;
    }
    let mut others = [0, 0];
    let mut has_colon = false;
    for other in &mut others {
        let Some(behind) = rest.strip_prefix(':') else { break };
        rest = behind;
        *other = number(&mut rest)?;
        has_colon = true;
    }
    let [minutes, seconds] = others;
    let parts = if has_days || has_colon {
        [days * 24 + hours, minutes, seconds]
    } else {
        [first / 10_000, first / 100 % 100, first % 100]
    };
    Some((parts, rest.trim_start()))
}

/// A number as a `TIME`: its digits are hours, minutes and seconds, or those of a whole time.
///
/// # Errors
/// Error 1690 when it is too long, 1292 when minutes or seconds are no such.
pub(crate) fn span_of_number(
    number: i64,
    fsp: u8,
    ctx: &mut EvalContext,
) -> Result<Span, EvalError> {
    let overflow = || EvalError::overflow("Duration", &number.to_string());
    if number.unsigned_abs() > 8_385_959 {
        if number >= 10_000_000_000
            && let Ok(time) = time_of_number(number, TimeKind::DateTime, fsp, ctx)
        {
            return Ok(clock_of(time));
        }
        return Err(overflow());
    }
    let magnitude = number.abs();
    let parts = [magnitude / 10_000, magnitude / 100 % 100, magnitude % 100];
    span_of(number < 0, parts, 0, fsp)
        .map_err(|_| EvalError::truncated_wrong_value("time", &number.to_string()))
}

/// Now, as the zone's clocks show it, in microseconds.
pub(crate) fn wall_now(zone: Zone) -> i64 {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    zone.utc_to_wall_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}
