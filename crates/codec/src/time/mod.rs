//! `DATE`, `DATETIME` and `TIMESTAMP` values.
//!
//! Two integer forms of the same fields (`types/time.go`, `types/core_time.go` of TiDB):
//!
//! * *core bits*, in chunks and JSON: year 63..50, month 49..46, day 45..41, hour 40..36, minute
//!   35..30, second 29..24, microsecond 23..4, fraction digits and kind 3..0;
//! * *packed*, in datums and rows: `((year * 13 + month) << 5 | day) << 41 | hour << 36 |
//!   minute << 30 | second << 24 | microsecond`, which compares as the times do.
//!
//! A `TIMESTAMP` is in UTC when packed and in the request's zone in a chunk. MySQL knows times that
//! no calendar has (the zero date, day 0, February 31st); the conversions to Arrow's integers name
//! them with [`InvalidTime`].

mod calendar;
mod literal;
mod zone;

use std::fmt;

pub use calendar::InvalidTime;
pub use zone::Zone;

pub(crate) use literal::{parse_fraction, shorten};

use crate::error::{Error, Result};

/// Most digits of a fraction of a second.
pub const MAX_FSP: u8 = 6;
/// Microseconds of a second.
pub const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds of a day.
pub const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// `1970-01-01 00:00:01`, the first `TIMESTAMP`, in microseconds since 1970.
pub const FIRST_TIMESTAMP_MICROS: i64 = MICROS_PER_SECOND;
/// `2038-01-19 03:14:07.999999`, the last `TIMESTAMP`.
pub const LAST_TIMESTAMP_MICROS: i64 = 2_147_483_648 * MICROS_PER_SECOND - 1;

/// The lowest four core bits of a `DATE`.
const DATE_BITS: u64 = 0b1110;

/// A calendar time as TiDB has it: it may be zero, or a day that doesn't exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CoreTime {
    /// Year, 0 to 9999.
    pub year: u16,
    /// Month, 0 to 12.
    pub month: u8,
    /// Day of the month, 0 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
    /// Microsecond, 0 to 999999.
    pub micro: u32,
    /// What kind of time it is.
    pub kind: TimeKind,
    /// Digits of the fraction to show, 0 to 6.
    pub fsp: u8,
}

/// The three kinds of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TimeKind {
    /// `DATE`: no time of day.
    Date,
    /// `DATETIME`: no zone.
    #[default]
    DateTime,
    /// `TIMESTAMP`: a point in time.
    Timestamp,
}

impl CoreTime {
    /// The time in a chunk's core bits. Each field may be out of its range.
    #[must_use]
    #[inline]
    pub fn from_core_bits(bits: u64) -> Self {
        let (kind, fsp) = match bits & 0b1111 {
            DATE_BITS => (TimeKind::Date, 0),
            low if low & 1 == 1 => (TimeKind::Timestamp, low >> 1),
            low => (TimeKind::DateTime, low >> 1),
        };
        Self {
            year: field(bits, 50, 14),
            month: field(bits, 46, 4),
            day: field(bits, 41, 5),
            hour: field(bits, 36, 5),
            minute: field(bits, 30, 6),
            second: field(bits, 24, 6),
            micro: field(bits, 4, 20),
            kind,
            fsp: u8::try_from(fsp).unwrap_or(MAX_FSP).min(MAX_FSP),
        }
    }

    /// The chunk's core bits. Each field is cut to its width.
    #[must_use]
    pub fn to_core_bits(self) -> u64 {
        let low = match self.kind {
            TimeKind::Date => DATE_BITS,
            TimeKind::DateTime => u64::from(self.fsp.min(MAX_FSP)) << 1,
            TimeKind::Timestamp => u64::from(self.fsp.min(MAX_FSP)) << 1 | 1,
        };
        (u64::from(self.year) & 0x3fff) << 50
            | (u64::from(self.month) & 0xf) << 46
            | (u64::from(self.day) & 0x1f) << 41
            | (u64::from(self.hour) & 0x1f) << 36
            | (u64::from(self.minute) & 0x3f) << 30
            | (u64::from(self.second) & 0x3f) << 24
            | (u64::from(self.micro) & 0xf_ffff) << 4
            | low
    }

    /// The time in a datum's packed integer. Each field may be out of its range.
    ///
    /// Kind and fraction digits are the column's: packed times don't carry them.
    #[must_use]
    pub fn from_packed(packed: u64, kind: TimeKind, fsp: u8) -> Self {
        let year_month: u32 = field(packed, 46, 18);
        Self {
            // 18 bits by 13 fit 16 bits.
            year: u16::try_from(year_month / 13).unwrap_or(u16::MAX),
            month: u8::try_from(year_month % 13).unwrap_or(u8::MAX),
            day: field(packed, 41, 5),
            hour: field(packed, 36, 5),
            minute: field(packed, 30, 6),
            second: field(packed, 24, 6),
            micro: field(packed, 0, 24),
            kind,
            fsp,
        }
    }

    /// The datum's packed integer. Each field is cut to its width.
    #[must_use]
    pub fn to_packed(self) -> u64 {
        let year_month = u64::from(self.year) * 13 + u64::from(self.month);
        year_month << 46
            | (u64::from(self.day) & 0x1f) << 41
            | (u64::from(self.hour) & 0x1f) << 36
            | (u64::from(self.minute) & 0x3f) << 30
            | (u64::from(self.second) & 0x3f) << 24
            | (u64::from(self.micro) & 0xff_ffff)
    }

    /// Whether this is `0000-00-00 00:00:00`.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.to_packed() == 0
    }

    /// Days since 1970-01-01, as Arrow's `Date32` has them; the time of day is ignored.
    ///
    /// # Errors
    /// [`InvalidTime`] when no calendar has the day.
    #[inline]
    pub fn to_days(&self) -> Result<i32, InvalidTime> {
        calendar::days(u32::from(self.year), u32::from(self.month), u32::from(self.day))
            .map_err(|error| self.zero_or(error))
    }

    /// Microseconds since 1970-01-01 00:00:00, the wall time taken as it is.
    ///
    /// # Errors
    /// [`InvalidTime`] when no calendar has the time.
    #[inline]
    pub fn to_micros(&self) -> Result<i64, InvalidTime> {
        let days = self.to_days()?;
        calendar::micros(
            days,
            u32::from(self.hour),
            u32::from(self.minute),
            u32::from(self.second),
            self.micro,
        )
    }

    /// The time that is `micros` after 1970-01-01 00:00:00.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] outside the years 0 to 9999.
    pub fn from_micros(micros: i64, kind: TimeKind, fsp: u8) -> Result<Self> {
        let out_of_range = || Error::OutOfRange {
            what: kind.name(),
            value: format!("{micros} µs since 1970"),
            target: "the years 0 to 9999".to_owned(),
        };
        let (year, month, day) =
            calendar::date(micros.div_euclid(MICROS_PER_DAY)).ok_or_else(out_of_range)?;
        let rest = micros.rem_euclid(MICROS_PER_DAY).cast_unsigned();
        let (seconds, micro) = (rest / 1_000_000, rest % 1_000_000);
        let part = |value: u64| u8::try_from(value).unwrap_or(u8::MAX);
        Ok(Self {
            year,
            month,
            day,
            hour: part(seconds / 3600),
            minute: part(seconds / 60 % 60),
            second: part(seconds % 60),
            micro: u32::try_from(micro).unwrap_or(u32::MAX),
            kind,
            fsp: fsp.min(MAX_FSP),
        })
    }

    /// Appends the value as MySQL prints it, see the `Display` implementation.
    pub fn write_text(&self, out: &mut String) {
        use fmt::Write;

        // Writing to a string can't fail.
        let _ = write!(out, "{self}");
    }

    fn zero_or(&self, error: InvalidTime) -> InvalidTime {
        if self.is_zero() { InvalidTime::Zero } else { error }
    }
}

impl fmt::Display for CoreTime {
    /// `2024-01-02` for a date, else `2024-01-02 03:04:05.678` with `fsp` digits of the fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)?;
        if self.kind == TimeKind::Date {
            return Ok(());
        }
        write!(f, " {:02}:{:02}:{:02}", self.hour, self.minute, self.second)?;
        write_fraction(f, self.micro, self.fsp)
    }
}

/// Writes a point and the first `fsp` digits of a fraction in microseconds.
pub(crate) fn write_fraction(f: &mut impl fmt::Write, micro: u32, fsp: u8) -> fmt::Result {
    let fsp = fsp.min(MAX_FSP);
    if fsp == 0 {
        return Ok(());
    }
    let kept = micro / 10_u32.pow(u32::from(MAX_FSP - fsp));
    write!(f, ".{kept:0width$}", width = usize::from(fsp))
}

impl TimeKind {
    /// The type's MySQL name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Date => "DATE",
            Self::DateTime => "DATETIME",
            Self::Timestamp => "TIMESTAMP",
        }
    }
}

impl InvalidTime {
    /// The error that names the time.
    #[must_use]
    pub fn into_error(self, time: CoreTime) -> Error {
        Error::OutOfRange {
            what: time.kind.name(),
            value: format!("{time} ({self})"),
            target: "the calendar".to_owned(),
        }
    }
}

/// Days since 1970-01-01 of a chunk's core bits; the time of day is ignored.
///
/// # Errors
/// As [`CoreTime::to_days`].
#[inline]
pub fn core_bits_to_days(bits: u64) -> Result<i32, InvalidTime> {
    CoreTime::from_core_bits(bits).to_days()
}

/// Microseconds since 1970-01-01 00:00:00 of a chunk's core bits, the wall time taken as it is.
///
/// # Errors
/// As [`CoreTime::to_micros`].
#[inline]
pub fn core_bits_to_micros(bits: u64) -> Result<i64, InvalidTime> {
    CoreTime::from_core_bits(bits).to_micros()
}

/// Days since 1970-01-01 of a datum's packed integer; the time of day is ignored.
///
/// # Errors
/// As [`CoreTime::to_days`].
pub fn packed_to_days(packed: u64) -> Result<i32, InvalidTime> {
    CoreTime::from_packed(packed, TimeKind::Date, 0).to_days()
}

/// Microseconds since 1970-01-01 00:00:00 of a datum's packed integer, the time taken as it is.
///
/// # Errors
/// As [`CoreTime::to_micros`].
pub fn packed_to_micros(packed: u64) -> Result<i64, InvalidTime> {
    CoreTime::from_packed(packed, TimeKind::DateTime, 0).to_micros()
}

/// `width` bits from bit `shift` on, in a type that holds them.
#[inline]
fn field<T: TryFrom<u64> + Default>(bits: u64, shift: u32, width: u32) -> T {
    T::try_from(bits >> shift & ((1 << width) - 1)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
