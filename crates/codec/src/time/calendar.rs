//! Dates and days, in integers.
//!
//! The proleptic Gregorian calendar: 400 years are 146 097 days. A year counted from March puts the
//! leap day last. Every cell of a column of times goes through here: one branch for the usual date,
//! one for the time of day.

use std::fmt;

use super::MICROS_PER_DAY;

/// Why a time has no place on the calendar, so that Arrow can't hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InvalidTime {
    /// The zero value `0000-00-00 00:00:00`.
    Zero,
    /// Month or day is zero, as MySQL allows without `NO_ZERO_IN_DATE`.
    ZeroInDate,
    /// A day its month doesn't have, as MySQL allows with `ALLOW_INVALID_DATES`.
    NoSuchDay,
    /// A field beyond its range: no server writes that.
    OutOfRange,
}

impl fmt::Display for InvalidTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zero => "the zero date",
            Self::ZeroInDate => "a date with a zero month or day",
            Self::NoSuchDay => "a day its month does not have",
            Self::OutOfRange => "a field out of range",
        })
    }
}

/// Days of 400 years.
const ERA_DAYS: u32 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: u32 = 719_468;
/// Last year of MySQL's calendar.
const MAX_YEAR: u32 = 9999;

/// Days from March 1st to the first day of each month, and the month's days; January and February end
/// the year before. There are no months 0, 13, 14 and 15.
const MONTHS: [(u16, u8); 16] = [
    (0, 0),
    (306, 31),
    (337, 28),
    (0, 31),
    (31, 30),
    (61, 31),
    (92, 30),
    (122, 31),
    (153, 31),
    (184, 30),
    (214, 31),
    (245, 30),
    (275, 31),
    (0, 0),
    (0, 0),
    (0, 0),
];

/// Days since 1970-01-01.
#[inline]
pub(super) fn days(year: u32, month: u32, day: u32) -> Result<i32, InvalidTime> {
    let (before, len) = usize::try_from(month).ok().and_then(|m| MONTHS.get(m)).unwrap_or(&(0, 0));
    // One branch for all columns of dates: day 0 wraps around, a leap day is seldom enough.
    if day.wrapping_sub(1) < u32::from(*len) && year <= MAX_YEAR {
        return Ok(count_days(year, month, u32::from(*before) + day));
    }
    leap_day(year, month, day)
}

/// February 29th, or why there is no such day.
#[cold]
fn leap_day(year: u32, month: u32, day: u32) -> Result<i32, InvalidTime> {
    if month == 0 || day == 0 {
        return Err(InvalidTime::ZeroInDate);
    }
    if year > MAX_YEAR || month > 12 || day > 31 {
        return Err(InvalidTime::OutOfRange);
    }
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if month != 2 || day != 29 || !is_leap {
        return Err(InvalidTime::NoSuchDay);
    }
    Ok(count_days(year, month, 337 + day))
}

/// Days since 1970-01-01 of the `day_of_year`th day counted from March 1st.
#[inline]
fn count_days(year: u32, month: u32, day_of_year: u32) -> i32 {
    // One era more keeps January of year 0 above zero.
    let from_march = year + 400 - u32::from(month <= 2);
    let century = from_march / 100;
    let leap_days = from_march / 4 - century + century / 4;
    let days = from_march * 365 + leap_days + day_of_year;
    // At most 4 000 000 days: neither side leaves an i32.
    days.cast_signed() - (EPOCH_DAYS + ERA_DAYS + 1).cast_signed()
}

/// Microseconds since 1970-01-01 00:00:00.
#[inline]
pub(super) fn micros(
    days: i32,
    hour: u32,
    minute: u32,
    second: u32,
    micro: u32,
) -> Result<i64, InvalidTime> {
    // One branch, not four.
    if (hour > 23) | (minute > 59) | (second > 59) | (micro > 999_999) {
        return Err(InvalidTime::OutOfRange);
    }
    let seconds = hour * 3600 + minute * 60 + second;
    Ok(i64::from(days) * MICROS_PER_DAY + i64::from(seconds) * 1_000_000 + i64::from(micro))
}

/// Year, month and day of a day counted from 1970-01-01; `None` outside the years 0 to 9999.
pub(super) fn date(days: i64) -> Option<(u16, u8, u8)> {
    let from_era = u32::try_from(days.checked_add(i64::from(EPOCH_DAYS + ERA_DAYS))?).ok()?;
    let (era, day_of_era) = (from_era / ERA_DAYS, from_era % ERA_DAYS);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = (era * 400 + year_of_era + u32::from(month <= 2)).checked_sub(400)?;
    if year > MAX_YEAR {
        return None;
    }
    Some((u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?))
}
