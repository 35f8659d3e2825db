//! Times as numbers: their digits in a row.

use super::error::Refusal;
use crate::decimal::Decimal;
use crate::time::{CoreTime, TimeKind, parse_fraction};

/// Greatest number of a date and of a time in each century that two digits may mean, and what makes four
/// digits of them (`number_to_datetime` of MySQL).
const DAY_CENTURIES: [(std::ops::RangeInclusive<i64>, i64); 2] =
    [(101..=691_231, 20_000_000), (700_101..=991_231, 19_000_000)];
const TIME_CENTURIES: [(std::ops::RangeInclusive<i64>, i64); 2] = [
    (101_000_000..=691_231_235_959, 20_000_000_000_000),
    (700_101_000_000..=991_231_235_959, 19_000_000_000_000),
];
/// The greatest number of a date.
const LAST_DAY: i64 = 99_991_231;
/// The first number that has four digits of a year and a time of day.
const FIRST_TIME: i64 = 10_000_101_000_000;

/// The wall time that a number's digits are: `YYMMDD`, `YYYYMMDD`, `YYMMDDhhmmss`, `YYYYMMDDhhmmss`.
pub(super) fn parse(number: i64) -> Result<CoreTime, Refusal> {
    let full = |centuries: &[(std::ops::RangeInclusive<i64>, i64)]| {
        centuries.iter().find(|(range, _)| range.contains(&number)).map(|(_, add)| number + add)
    };
    let digits = if number >= FIRST_TIME {
        number
    } else if let Some(day) = full(&DAY_CENTURIES) {
        day * 1_000_000
    } else if let Some(time) = full(&TIME_CENTURIES) {
        time
    } else if (991_232..=LAST_DAY).contains(&number) {
        number * 1_000_000
    } else if number > 991_231_235_959 {
        number
    } else {
        return Err(Refusal::InvalidTime);
    };
    let time = of_digits(digits).ok_or(Refusal::InvalidTime)?;
    time.to_micros().map_err(|_| Refusal::InvalidTime)?;
    Ok(time)
}

fn of_digits(digits: i64) -> Option<CoreTime> {
    let part = |unit: i64, modulus: i64| u8::try_from(digits / unit % modulus).ok();
    Some(CoreTime {
        year: u16::try_from(digits / 10_000_000_000).ok()?,
        month: part(100_000_000, 100)?,
        day: part(1_000_000, 100)?,
        hour: part(10_000, 100)?,
        minute: part(100, 100)?,
        second: part(1, 100)?,
        ..CoreTime::default()
    })
}

/// The wall time of a number with a fraction, which is one of a second if there is a time of day.
pub(super) fn parse_decimal(
    value: &Decimal,
    fsp: u8,
    next_second: impl FnOnce(CoreTime) -> Result<CoreTime, Refusal>,
) -> Result<CoreTime, Refusal> {
    let text = value.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let number = whole.parse().map_err(|_| Refusal::InvalidTime)?;
    let time = CoreTime { fsp, ..parse(number)? };
    if !(9..=14).contains(&whole.len()) {
        return Ok(time);
    }
    let (micro, carry) = parse_fraction(fraction, fsp).ok_or(Refusal::InvalidTime)?;
    if carry { next_second(time) } else { Ok(CoreTime { micro, ..time }) }
}

/// A time's digits without the fraction.
pub(super) fn digits(time: &CoreTime) -> String {
    let day = format!("{:04}{:02}{:02}", time.year, time.month, time.day);
    if time.kind == TimeKind::Date {
        return day;
    }
    format!("{day}{:02}{:02}{:02}", time.hour, time.minute, time.second)
}

/// A time's digits, the fraction behind the point.
pub(super) fn decimal(time: &CoreTime) -> Result<Decimal, Refusal> {
    let mut text = digits(time);
    if time.kind != TimeKind::Date {
        // Writing to a string can't fail.
        let _ = crate::time::write_fraction(&mut text, time.micro, time.fsp);
    }
    text.parse().map_err(|_| Refusal::OutOfRange)
}
