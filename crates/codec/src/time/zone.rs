//! Time zones: from a wall time to a point in time.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

use super::{CoreTime, MICROS_PER_SECOND};
use crate::error::{Error, Result};

/// Largest offset of a fixed zone that MySQL accepts, in minutes: `+14:00`.
const MAX_EAST_MINUTES: i32 = 14 * 60;
/// Smallest offset of a fixed zone that MySQL accepts, in minutes: `-13:59`.
const MAX_WEST_MINUTES: i32 = -(13 * 60 + 59);
/// How far TiDB looks for the end of a gap in a zone's wall times.
const MAX_GAP_SECONDS: i64 = 4 * 3600;

/// A session's or request's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Zone {
    /// UTC.
    #[default]
    Utc,
    /// A fixed offset: seconds east of UTC.
    Fixed(i32),
    /// A zone of the IANA database.
    Named(Tz),
}

impl Zone {
    /// Seconds that the zone's clocks are ahead of UTC at a point in time (seconds since 1970).
    #[must_use]
    pub fn offset_at(self, utc_seconds: i64) -> i32 {
        match self {
            Self::Utc => 0,
            Self::Fixed(east) => east,
            Self::Named(tz) => DateTime::from_timestamp(utc_seconds, 0).map_or(0, |at| {
                tz.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
            }),
        }
    }

    /// The point in time, in microseconds since 1970, at which the zone's clocks show `wall`
    /// (microseconds as in [`CoreTime::to_micros`]).
    ///
    /// As in TiDB: of two such points in the hour that repeats, the one that the offset at the wall
    /// time read as UTC leads to; in the hour that is skipped, the end of the gap.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] in a gap longer than four hours, and beyond the range of an `i64`.
    pub fn wall_to_utc_micros(self, wall: i64) -> Result<i64> {
        let out_of_range = || Error::OutOfRange {
            what: "TIMESTAMP",
            value: format!("{wall} µs of wall time"),
            target: format!("time zone {self}"),
        };
        let seconds = wall.div_euclid(MICROS_PER_SECOND);
        // Go's time.Date, which TiDB uses, guesses in these two steps.
        let guess = self.offset_at(seconds);
        let offset = self.offset_at(seconds.saturating_sub(i64::from(guess)));
        let utc = seconds.saturating_sub(i64::from(offset));
        if self.offset_at(utc) == offset {
            return wall
                .checked_sub(i64::from(offset) * MICROS_PER_SECOND)
                .ok_or_else(out_of_range);
        }
        let end = self.gap_end(utc).ok_or_else(out_of_range)?;
        end.checked_mul(MICROS_PER_SECOND).ok_or_else(out_of_range)
    }

    /// The wall time, in microseconds, that the zone's clocks show at a point in time.
    #[must_use]
    pub fn utc_to_wall_micros(self, utc: i64) -> i64 {
        let offset = self.offset_at(utc.div_euclid(MICROS_PER_SECOND));
        utc.saturating_add(i64::from(offset) * MICROS_PER_SECOND)
    }

    /// The change of offset nearest to a point in time.
    fn gap_end(self, near: i64) -> Option<i64> {
        let before = self.change_within(near.checked_sub(MAX_GAP_SECONDS)?, near);
        let after = self.change_within(near, near.checked_add(MAX_GAP_SECONDS)?);
        match (before, after) {
            (Some(before), Some(after)) if near - before > after - near => Some(after),
            (Some(before), _) => Some(before),
            (None, after) => after,
        }
    }

    /// The point after `from`, up to `to`, at which the offset becomes that of `to`; `None` when it
    /// is the same at both.
    fn change_within(self, from: i64, to: i64) -> Option<i64> {
        let offset = self.offset_at(to);
        if self.offset_at(from) == offset {
            return None;
        }
        let (mut before, mut after) = (from, to);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if self.offset_at(middle) == offset {
                after = middle;
            } else {
                before = middle;
            }
        }
        Some(after)
    }
}

impl CoreTime {
    /// Microseconds since 1970 in UTC of a `TIMESTAMP` whose wall time is in `zone`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when no calendar has the time, and as [`Zone::wall_to_utc_micros`].
    pub fn to_utc_micros(&self, zone: Zone) -> Result<i64> {
        let wall = self.to_micros().map_err(|error| error.into_error(*self))?;
        zone.wall_to_utc_micros(wall)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utc => f.write_str("UTC"),
            Self::Fixed(east) => {
                let sign = if *east < 0 { '-' } else { '+' };
                let minutes = east.unsigned_abs() / 60;
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
            Self::Named(tz) => f.write_str(tz.name()),
        }
    }
}

impl FromStr for Zone {
    type Err = Error;

    /// Reads `UTC`, `+05:30` (from `-13:59` to `+14:00`) or an IANA name, whose case is free.
    ///
    /// # Errors
    /// [`Error::Malformed`] for other text; also for `SYSTEM`, which only a server can resolve.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim_ascii();
        let malformed = || {
            let name = super::literal::shorten(text);
            Error::malformed("time zone", format!("{name:?} is neither a zone nor an offset"))
        };
        if text.eq_ignore_ascii_case("UTC") {
            return Ok(Self::Utc);
        }
        let (east, digits) = match text.as_bytes() {
            [b'+', rest @ ..] => (1, rest),
            [b'-', rest @ ..] => (-1, rest),
            _ => return named(text).map(Self::Named).ok_or_else(malformed),
        };
        let digit = |byte: &u8| byte.is_ascii_digit().then(|| i32::from(byte - b'0'));
        let (hours, rest) = match digits {
            [hour, b':', rest @ ..] => (digit(hour), rest),
            [ten, one, b':', rest @ ..] => (digit(ten).zip(digit(one)).map(two_digits), rest),
            _ => (None, digits),
        };
        let minutes = match rest {
            [ten, one] => digit(ten).zip(digit(one)).map(two_digits).filter(|value| *value < 60),
            _ => None,
        };
        let (hours, minutes) = hours.zip(minutes).ok_or_else(malformed)?;
        let offset = east * (hours * 60 + minutes);
        if !(MAX_WEST_MINUTES..=MAX_EAST_MINUTES).contains(&offset) {
            return Err(malformed());
        }
        Ok(if offset == 0 { Self::Utc } else { Self::Fixed(offset * 60) })
    }
}

/// The IANA zone of a name.
fn named(name: &str) -> Option<Tz> {
    let exact = name.parse().ok();
    exact.or_else(|| {
        chrono_tz::TZ_VARIANTS.iter().find(|tz| tz.name().eq_ignore_ascii_case(name)).copied()
    })
}

fn two_digits((ten, one): (i32, i32)) -> i32 {
    ten * 10 + one
}
