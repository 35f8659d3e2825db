//! What values look like: their kinds, how each is read and shown.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::hosts::HostMapping;
use super::secret::Secret;
use super::zone::{self, TimeZone};

/// What a value of a key looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Comma-separated `host:port` addresses, at least one.
    Addresses,
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// A comma-separated list of these words, in any case, at least one.
    Choices(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// Pairs of hosts.
    Hosts,
    /// `name=value`, several separated by commas.
    Labels,
    /// A comma-separated list of words.
    List,
    /// A whole number within these bounds.
    Number {
        /// Least.
        least: u64,
        /// Most.
        most: u64,
    },
    /// A password.
    Secret,
    /// A length of time: a number with `ms`, `s`, `m`, `h` or `d`; seconds without.
    Span,
    /// Any text.
    Text,
    /// A time zone.
    Zone,
}

/// A value that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// `true` or `false`.
    Flag(bool),
    /// Pairs of hosts.
    Hosts(HostMapping),
    /// Several words.
    List(Vec<String>),
    /// A number.
    Number(u64),
    /// A password.
    Secret(Secret),
    /// A length of time.
    Span(Duration),
    /// A text.
    Text(String),
    /// Nothing.
    Unset,
    /// A time zone.
    Zone(TimeZone),
}

impl Kind {
    /// Reads `text`; an empty one is [`Value::Unset`]. The error says what is expected instead.
    pub(crate) fn parse(self, text: &str) -> Result<Value, String> {
        if let Self::Secret = self {
            return Ok(Value::Secret(Secret::new(text)));
        }
        let text = text.trim();
        if text.is_empty() {
            return Ok(Value::Unset);
        }
        let value = match self {
            Self::Addresses => addresses(text).map(Value::List),
            Self::Choice(words) => choice(words, text).map(Value::Text),
            Self::Choices(words) => list(text)
                .iter()
                .map(|word| choice(words, word))
                .collect::<Option<_>>()
                .map(Value::List),
            Self::Flag => text.to_ascii_lowercase().parse().ok().map(Value::Flag),
            Self::Hosts => {
                let read = HostMapping::parse(text);
                let read = read.map_err(|entry| format!("{self}, which {entry:?} is not"))?;
                Some(read).filter(|map| !map.is_empty()).map(Value::Hosts)
            }
            Self::Labels => labels(text).map(Value::List),
            Self::List => Some(Value::List(list(text))),
            Self::Number { least, most } => {
                let number = text.replace('_', "").parse().ok();
                number.filter(|n| (least..=most).contains(n)).map(Value::Number)
            }
            Self::Secret => None,
            Self::Span => span(text).map(Value::Span),
            Self::Text => Some(Value::Text(text.to_owned())),
            Self::Zone => TimeZone::parse(text).map(Value::Zone),
        };
        value.ok_or_else(|| self.to_string())
    }
}

impl fmt::Display for Kind {
    /// What is expected, as the end of a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses => f.write_str("host:port, several separated by commas"),
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::Choices(words) => {
                write!(f, "one or more of {}, separated by commas", words.join(", "))
            }
            Self::Flag => f.write_str("true or false"),
            Self::Hosts => {
                f.write_str("inner:outer;inner:outer, each a host or host:port, no inner one twice")
            }
            Self::Labels => f.write_str("name=value, several separated by commas, no name twice"),
            Self::List => f.write_str("words separated by commas"),
            Self::Number { least, most } => write!(f, "a whole number from {least} to {most}"),
            Self::Secret | Self::Text => f.write_str("a text"),
            Self::Span => f.write_str("a length of time such as 500ms, 10s, 5m or 24h"),
            Self::Zone => f.write_str(zone::EXPECTED),
        }
    }
}

impl Value {
    /// The value as text that [`Kind::parse`] reads back; `None` for nothing, and for secrets a
    /// stand-in.
    pub(crate) fn shown(&self) -> Option<String> {
        match self {
            Self::Flag(flag) => Some(flag.to_string()),
            Self::Hosts(map) => Some(map.to_string()),
            Self::List(words) => Some(words.join(",")),
            Self::Number(number) => Some(number.to_string()),
            Self::Secret(secret) if secret.expose().is_empty() => None,
            Self::Secret(secret) => Some(format!("{secret:?}")),
            Self::Span(span) => Some(show_span(*span)),
            Self::Text(text) => Some(text.clone()),
            Self::Unset => None,
            Self::Zone(zone) => Some(zone.to_string()),
        }
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Each `name=value`, without blanks around the two.
fn labels(text: &str) -> Option<Vec<String>> {
    let label = |word: &String| {
        let (name, value) = word.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        (!name.is_empty() && !value.is_empty()).then(|| format!("{name}={value}"))
    };
    let labels = list(text).iter().map(label).collect::<Option<Vec<_>>>()?;
    let names = labels.iter().filter_map(|label| label.split_once('='));
    // PD compares them without case.
    let names: BTreeSet<_> = names.map(|(name, _)| name.to_ascii_lowercase()).collect();
    (!labels.is_empty() && names.len() == labels.len()).then_some(labels)
}

fn choice(words: &[&str], text: &str) -> Option<String> {
    words.iter().find(|word| word.eq_ignore_ascii_case(text)).map(|word| (*word).to_owned())
}

fn addresses(text: &str) -> Option<Vec<String>> {
    let all = list(text);
    (!all.is_empty() && all.iter().all(|address| is_address(address))).then_some(all)
}

/// `host:port`, perhaps with `http://` or `https://` before it; an IPv6 host is in brackets.
fn is_address(address: &str) -> bool {
    let bare = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
    let Some((host, port)) = bare.unwrap_or(address).rsplit_once(':') else { return false };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let host_is_plain = !host.is_empty() && !host.contains([':', '/', ' ', '@']);
    port.parse::<u16>().is_ok_and(|port| port > 0) && (bracketed || host_is_plain)
}

/// Units from the longest, so that a span is shown in the longest that divides it.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

fn span(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split)?;
    let unit = match unit.trim() {
        "" => "s",
        unit => unit,
    };
    let (_, millis) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(millis).map(Duration::from_millis)
}

fn show_span(span: Duration) -> String {
    let millis = span.as_millis();
    if millis == 0 {
        return "0".to_owned();
    }
    let fits = |(_, unit): &(&str, u64)| millis.is_multiple_of(u128::from(*unit));
    let (name, unit) = UNITS.into_iter().find(fits).unwrap_or(("ms", 1));
    format!("{}{name}", millis / u128::from(unit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(text: &str) -> Option<f64> {
        match Kind::Span.parse(text) {
            Ok(Value::Span(span)) => Some(span.as_secs_f64()),
            _ => None,
        }
    }

    #[test]
    fn spans_have_units_and_seconds_without() {
        for (text, expected) in [
            ("10s", 10.0),
            ("10", 10.0),
            ("500ms", 0.5),
            ("24h", 86_400.0),
            ("1d", 86_400.0),
            ("2 m", 120.0),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["ten", "-1s", "1.5s", "10 weeks", "99999999999999999999s", "9999999999999999d"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_need_a_port() {
        for text in
            ["pd:2379", "a:1,b:2", "http://pd:2379", "[::1]:2379", "10.0.0.1:2379 , pd2:2379"]
        {
            assert!(Kind::Addresses.parse(text).is_ok(), "{text}");
        }
        for text in ["pd", "pd:", ":2379", "pd:99999", "pd:0", "a:1,b", "::1:2379", "u@pd:1", ",,"]
        {
            assert!(Kind::Addresses.parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn labels_have_a_name_and_a_value() {
        let read = |text: &str| Kind::Labels.parse(text);
        let labels = ["zone=eu-1", "disk=ssd"].map(str::to_owned).to_vec();
        assert_eq!(read("zone = eu-1 , disk=ssd"), Ok(Value::List(labels)));
        for text in ["zone", "=eu", "zone=", "zone=a,disk", ",", "zone=a,Zone=b"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn words_are_taken_in_any_case_and_kept_in_the_tables_spelling() {
        let kind = Kind::Choice(&["Low", "High"]);
        assert_eq!(kind.parse("LOW"), Ok(Value::Text("Low".to_owned())));
        assert_eq!(kind.parse("medium"), Err("one of Low, High".to_owned()));
    }

    #[test]
    fn a_secret_keeps_its_spaces_and_is_not_shown() {
        let value = Kind::Secret.parse(" hunter2 ").unwrap();
        assert_eq!(value, Value::Secret(Secret::new(" hunter2 ")));
        assert_eq!(value.shown().as_deref(), Some("[hidden]"));
        assert_eq!(Kind::Secret.parse("").unwrap().shown(), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back_the_same(millis in 0..u64::MAX / 1000) {
            let value = Value::Span(Duration::from_millis(millis));
            prop_assert_eq!(Kind::Span.parse(&value.shown().unwrap()), Ok(value));
        }

        #[test]
        fn no_text_panics(text in ".{0,12}") {
            for kind in [Kind::Addresses, Kind::Flag, Kind::Span, Kind::Zone, Kind::List,
                         Kind::Number { least: 1, most: 9 }, Kind::Choices(&["a"])] {
                drop(kind.parse(&text));
            }
        }
    }
}
