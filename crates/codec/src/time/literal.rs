//! Times as text, as column defaults have them.

use super::{CoreTime, InvalidTime, MAX_FSP, TimeKind, calendar};
use crate::error::{Error, Result};

impl CoreTime {
    /// Reads `2024-01-02`, `2024-01-02 03:04:05` or `2024-01-02 03:04:05.678`, a `T` or a blank
    /// between date and time, and rounds half up to `fsp` digits.
    ///
    /// The zero date, a zero month or day, and days up to the 31st of each month are accepted: TiDB
    /// checked the text when it stored it. A [`TimeKind::Date`] drops the time of day.
    ///
    /// # Errors
    /// [`Error::Malformed`] for other text, [`Error::OutOfRange`] when rounding leaves the year 9999.
    pub fn parse(text: &str, kind: TimeKind, fsp: u8) -> Result<Self> {
        let malformed =
            || Error::malformed(kind.name(), format!("{:?} is no such literal", shorten(text)));
        let text = text.trim_ascii();
        let (date, time) = match text.find([' ', 'T']) {
            Some(at) => text.split_at_checked(at).ok_or_else(malformed)?,
            None => (text, ""),
        };
        let [year, month, day] = numbers(date, '-').ok_or_else(malformed)?;
        let mut out = Self { kind, fsp: fsp.min(MAX_FSP), ..Self::default() };
        out.year = year;
        out.month = u8::try_from(month).map_err(|_| malformed())?;
        out.day = u8::try_from(day).map_err(|_| malformed())?;
        if kind == TimeKind::Date {
            out.fsp = 0;
        }
        let mut carry = false;
        if !time.is_empty() && kind != TimeKind::Date {
            let clock = time.get(1..).ok_or_else(malformed)?;
            let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
            let [hour, minute, second] = numbers(clock, ':').ok_or_else(malformed)?;
            out.hour = u8::try_from(hour).map_err(|_| malformed())?;
            out.minute = u8::try_from(minute).map_err(|_| malformed())?;
            out.second = u8::try_from(second).map_err(|_| malformed())?;
            (out.micro, carry) = parse_fraction(fraction, out.fsp).ok_or_else(malformed)?;
        }
        if out.year > 9999
            || out.month > 12
            || out.day > 31
            || out.hour > 23
            || out.minute > 59
            || out.second > 59
        {
            return Err(malformed());
        }
        if carry { out.add_second() } else { Ok(out) }
    }

    /// The fraction was rounded up to a whole second.
    fn add_second(self) -> Result<Self> {
        match self.to_micros() {
            Ok(micros) => Self::from_micros(micros.saturating_add(1_000_000), self.kind, self.fsp),
            // Only the time of day can move when the date is not on the calendar.
            Err(error) => self.add_second_to_clock().ok_or_else(|| error.into_error(self)),
        }
    }

    fn add_second_to_clock(mut self) -> Option<Self> {
        let seconds =
            u32::from(self.hour) * 3600 + u32::from(self.minute) * 60 + u32::from(self.second) + 1;
        self.hour = u8::try_from(seconds / 3600).ok().filter(|hour| *hour < 24)?;
        self.minute = u8::try_from(seconds / 60 % 60).ok()?;
        self.second = u8::try_from(seconds % 60).ok()?;
        Some(self)
    }

    /// The same day and time of day in another kind of time; a date loses its time of day.
    ///
    /// # Errors
    /// [`InvalidTime`] when the result is a `TIMESTAMP` and no calendar has the time.
    pub fn with_kind(mut self, kind: TimeKind) -> Result<Self, InvalidTime> {
        if kind == TimeKind::Date {
            (self.hour, self.minute, self.second, self.micro, self.fsp) = (0, 0, 0, 0, 0);
        }
        if kind == TimeKind::Timestamp && !self.is_zero() {
            calendar::days(u32::from(self.year), u32::from(self.month), u32::from(self.day))?;
        }
        self.kind = kind;
        Ok(self)
    }
}

/// Three decimal numbers between two separators.
fn numbers(text: &str, separator: char) -> Option<[u16; 3]> {
    let mut parts = text.split(separator).map(|part| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { part.parse::<u16>().ok() } else { None }
    });
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// A fraction of a second in microseconds, rounded half up to `fsp` digits, and whether that made a
/// whole second. `None` when the text is not digits.
pub(crate) fn parse_fraction(digits: &str, fsp: u8) -> Option<(u32, bool)> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fsp = usize::from(fsp.min(MAX_FSP));
    let mut digit = digits.bytes().map(|byte| u32::from(byte - b'0')).chain(std::iter::repeat(0));
    let kept = digit.by_ref().take(fsp).fold(0, |value, digit| value * 10 + digit);
    let rounded = kept + u32::from(digit.next().unwrap_or(0) >= 5);
    let unit = 10_u32.pow(u32::try_from(usize::from(MAX_FSP) - fsp).unwrap_or(0));
    let micro = rounded * unit;
    Some((micro % 1_000_000, micro >= 1_000_000))
}

/// The start of a text for an error message.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}
