//! One value of a result, in a form that both sides of a comparison can be brought to exactly.

use std::fmt;

/// A decimal number as digits and scale, compared by value.
#[derive(Debug, Clone)]
pub struct Decimal {
    /// The number without its point, sign first.
    digits: String,
    /// Digits after the point.
    scale: usize,
}

impl Decimal {
    /// Parses `-12.340`.
    ///
    /// # Panics
    /// If `text` is no decimal number.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (sign, magnitude) = match text.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", text),
        };
        let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
        let digits = format!("{whole}{fraction}");
        assert!(
            !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()),
            "not a decimal: {text:?}"
        );
        Self { digits: format!("{sign}{digits}"), scale: fraction.len() }
    }

    /// Digits after the point.
    #[must_use]
    pub fn scale(&self) -> usize {
        self.scale
    }

    /// Sign, digits before the point without leading zeros, digits after it without trailing ones.
    fn normal(&self) -> (bool, String, String) {
        let magnitude = self.digits.trim_start_matches('-');
        let padded = format!("{magnitude:0>width$}", width = self.scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - self.scale);
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let zero = whole.is_empty() && fraction.is_empty();
        (!zero && self.digits.starts_with('-'), whole.to_owned(), fraction.to_owned())
    }

    /// The number rounded half away from zero to `scale` digits, as an integer of that scale.
    /// `None` if it does not fit.
    #[must_use]
    pub fn unscaled_at(&self, scale: usize) -> Option<i128> {
        let (negative, whole, fraction) = self.normal();
        let kept: String = fraction.chars().chain(std::iter::repeat('0')).take(scale).collect();
        let mut value: i128 = format!("0{whole}{kept}").parse().ok()?;
        if fraction.as_bytes().get(scale).is_some_and(|digit| *digit >= b'5') {
            value += 1;
        }
        Some(if negative { -value } else { value })
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.normal() == other.normal()
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (negative, whole, fraction) = self.normal();
        let sign = if negative { "-" } else { "" };
        let whole = if whole.is_empty() { "0" } else { &whole };
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

/// A value. Equal only if kind and value are: text is no bytes, an integer no decimal.
#[derive(Debug, Clone)]
pub enum Cell {
    /// `NULL`.
    Null,
    /// Any integer, `YEAR` and `BIT` too.
    Int(i128),
    /// A float, compared by its bits.
    Float(f64),
    /// A decimal.
    Decimal(Decimal),
    /// Days since 1970-01-01.
    Date(i64),
    /// Microseconds since 1970-01-01 00:00:00 on the wall clock.
    DateTime(i64),
    /// Microseconds.
    Time(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Decimal(a), Self::Decimal(b)) => a == b,
            (Self::Date(a), Self::Date(b))
            | (Self::DateTime(a), Self::DateTime(b))
            | (Self::Time(a), Self::Time(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            _ => false,
        }
    }
}

/// With its kind where the value alone doesn't tell it: for messages and for sorting.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}f"),
            Self::Decimal(value) => write!(f, "{value}d"),
            Self::Date(_) | Self::DateTime(_) | Self::Time(_) => f.write_str(&self.plain()),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => write!(f, "{bytes:02x?}"),
        }
    }
}

impl Cell {
    /// The value as result files have it: numbers without needless digits, dates as ISO 8601 with a
    /// space, bytes in hexadecimal.
    #[must_use]
    pub fn plain(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => format!("{value:?}"),
            Self::Decimal(value) => value.to_string(),
            Self::Date(days) => date_of(*days),
            Self::DateTime(micros) => {
                let (days, time) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
                format!("{} {}", date_of(days), time_of(time))
            }
            Self::Time(micros) => time_of(*micros),
            Self::Text(text) => text.clone(),
            Self::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

/// Rows of cells.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    /// Column names.
    pub columns: Vec<String>,
    /// Cells, row by row.
    pub rows: Vec<Vec<Cell>>,
}

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// `YYYY-MM-DD` of days since 1970-01-01.
fn date_of(days: i64) -> String {
    // Years that begin in March: then the leap day is a year's last.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `[-]hh:mm:ss[.f]` of microseconds.
fn time_of(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let (seconds, fraction) = (micros.abs() / 1_000_000, micros.abs() % 1_000_000);
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = format!("{fraction:06}");
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{clock}{point}{fraction}")
}

/// Days since 1970-01-01 of a civil date.
///
/// # Panics
/// If no calendar has the date.
#[must_use]
pub fn days_of(date: &str) -> i64 {
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().expect("a date"));
    let (y, m, d) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    assert!((1..=12).contains(&m) && (1..=31).contains(&d), "no such date: {date}");
    let y = if m <= 2 { y - 1 } else { y };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * (m + if m > 2 { -3 } else { 9 }) + 2) / 5 + d - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Microseconds of `[-]hhh:mm:ss[.ffffff]`.
///
/// # Panics
/// If `time` isn't one.
#[must_use]
pub fn micros_of(time: &str) -> i64 {
    let (sign, time) = match time.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, time),
    };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let parts: Vec<i64> = clock.split(':').map(|part| part.parse().expect("a time")).collect();
    let micros: i64 = format!("{fraction:0<6}").parse().expect("a fraction");
    sign * (((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_compare_by_value() {
        assert_eq!(Decimal::parse("1.10"), Decimal::parse("01.1"));
        assert_eq!(Decimal::parse("-0.00"), Decimal::parse("0"));
        assert_ne!(Decimal::parse("1.10"), Decimal::parse("-1.1"));
        assert_ne!(Decimal::parse("0.1"), Decimal::parse("0.01"));
    }

    #[test]
    fn decimals_round_half_away_from_zero() {
        assert_eq!(Decimal::parse("-2.675").unscaled_at(2), Some(-268));
        assert_eq!(Decimal::parse("2.674999").unscaled_at(2), Some(267));
        assert_eq!(Decimal::parse("7").unscaled_at(3), Some(7000));
    }

    #[test]
    fn cells_of_another_kind_are_other_cells() {
        assert_ne!(Cell::Text("a".to_owned()), Cell::Bytes(b"a".to_vec()));
        assert_ne!(Cell::Int(1), Cell::Decimal(Decimal::parse("1")));
        assert_ne!(Cell::Float(0.0), Cell::Float(-0.0));
        assert_eq!(Cell::Null, Cell::Null);
    }

    #[test]
    fn plain_values_are_as_people_write_them() {
        for date in ["0001-01-01", "1600-02-29", "1969-12-31", "2000-03-01", "9999-12-31"] {
            assert_eq!(Cell::Date(days_of(date)).plain(), date);
        }
        let late = Cell::DateTime(days_of("1969-12-31") * DAY + micros_of("23:59:59.5"));
        assert_eq!(late.plain(), "1969-12-31 23:59:59.5");
        assert_eq!(Cell::Time(micros_of("-838:59:59.000001")).plain(), "-838:59:59.000001");
        assert_eq!(Cell::Bytes(vec![0, 255]).plain(), "00ff");
    }

    #[test]
    fn dates_and_times_are_numbers() {
        assert_eq!(days_of("1970-01-01"), 0);
        assert_eq!(days_of("2000-03-01"), 11_017);
        assert_eq!(days_of("0001-01-01"), -719_162);
        assert_eq!(micros_of("-838:59:59.000001"), -3_020_399_000_001);
        assert_eq!(micros_of("00:00:00.5"), 500_000);
    }
}
