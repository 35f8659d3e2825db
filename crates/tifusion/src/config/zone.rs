//! Time zones, spelled as both Arrow and TiDB understand them.

use std::fmt;
use std::sync::Arc;

use chrono_tz::{TZ_VARIANTS, Tz};
use tifusion_codec::time::Zone;

/// A time zone: a name of the tz database, or an offset from UTC.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TimeZone(Arc<str>);

/// What a time zone may look like, for error messages.
pub(crate) const EXPECTED: &str =
    "a name such as Asia/Kolkata or UTC, or an offset from -13:59 to +14:00 such as +05:30";

impl TimeZone {
    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self(Arc::from("UTC"))
    }

    /// The zone that `text` names: a name of the tz database in any case, `Z`, or an offset with or
    /// without minutes, within TiDB's bounds (-13:59 to +14:00).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("z") {
            return Some(Self::utc());
        }
        if text.starts_with(['+', '-']) {
            return offset(text).map(|offset| Self(Arc::from(offset)));
        }
        let named = |tz: &&Tz| tz.name().eq_ignore_ascii_case(text);
        TZ_VARIANTS.iter().find(named).map(|tz| Self(Arc::from(tz.name())))
    }

    /// The name, as Arrow's `Timestamp` types have it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The zone, to reckon with.
    pub(crate) fn zone(&self) -> Zone {
        // Every name of this type is one of that, which a test sees to.
        self.0.parse().unwrap_or_default()
    }

    /// The name as TiDB's `time_zone` takes it.
    pub(crate) fn for_tidb(&self) -> String {
        self.0.to_string()
    }

    /// The name, shared.
    #[must_use]
    pub fn to_arc(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        Self::utc()
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `±HH:MM` of `±H`, `±HH`, `±H:MM`, `±HH:MM` or `±HHMM`.
fn offset(text: &str) -> Option<String> {
    let (sign, rest) = text.split_at_checked(1)?;
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() == 4 => rest.split_at_checked(2)?,
        None => (rest, "00"),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if hours.len() > 2 || minutes.len() != 2 || !all_digits(hours) || !all_digits(minutes) {
        return None;
    }
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    let most = if sign == "-" { 13 * 60 + 59 } else { 14 * 60 };
    (minutes < 60 && total <= most).then(|| format!("{sign}{hours:02}:{minutes:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        TimeZone::parse(text).map(|zone| zone.to_string())
    }

    #[test]
    fn names_come_back_in_their_own_spelling() {
        assert_eq!(parsed("asia/kolkata").as_deref(), Some("Asia/Kolkata"));
        assert_eq!(parsed(" UTC ").as_deref(), Some("UTC"));
        assert_eq!(parsed("z").as_deref(), Some("UTC"));
    }

    #[test]
    fn offsets_get_two_digits_each() {
        for (text, zone) in
            [("+5:30", "+05:30"), ("+0545", "+05:45"), ("-3", "-03:00"), ("+14:00", "+14:00")]
        {
            assert_eq!(parsed(text).as_deref(), Some(zone), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_zone() {
        for text in ["", "SYSTEM", "+", "+14:01", "-14:00", "+05:60", "+5:3", "+005:30", "+é5:30"]
        {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn arrow_understands_every_zone() {
        for tz in TZ_VARIANTS {
            tz.name().parse::<arrow::array::timezone::Tz>().unwrap();
        }
        "+05:30".parse::<arrow::array::timezone::Tz>().unwrap();
    }
}
