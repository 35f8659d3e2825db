//! The values of one column as its keys have them.

use std::borrow::Cow;
use std::ops::Bound;

use tifusion_codec::collation::Collation;
use tifusion_codec::datum::{self, Datum, flag};
use tifusion_codec::field_type::tp;
use tifusion_codec::index::KeyColumn;
use tifusion_codec::key::prefix_next;

use super::of_prefix;
use crate::domain::{self, Domain, Interval, Value, number_range};

/// A half-open range of the datums of one column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first datum.
    pub start: Vec<u8>,
    /// The first datum behind it.
    pub end: Vec<u8>,
    /// Whether it holds one datum.
    pub is_point: bool,
}

impl Span {
    fn point(datum: Vec<u8>) -> Self {
        let (start, end) = of_prefix(datum);
        Self { start, end, is_point: true }
    }

    fn between(start: Vec<u8>, end: Vec<u8>) -> Option<Self> {
        (start < end).then_some(Self { start, end, is_point: false })
    }
}

/// The datums in which keys hold the values of a domain: ascending and disjoint. `None` if they may be
/// anywhere.
#[must_use]
pub fn spans(column: &KeyColumn, domain: &Domain) -> Option<Vec<Span>> {
    // What is NULL in Arrow may be a date that no calendar has, and those lie among the others.
    let is_date = matches!(column.field_type().tp, tp::DATE | tp::DATETIME | tp::TIMESTAMP);
    if domain.is_all() || (is_date && domain.has_null()) {
        return None;
    }
    let mut spans = Vec::with_capacity(domain.intervals().len() + 1);
    if domain.has_null() {
        spans.push(Span::point(vec![flag::NIL]));
    }
    let numbers = number_range(column.field_type());
    for interval in domain.intervals() {
        let span = match numbers {
            Some(range) => of_numbers(column, interval, range)?,
            None if column.field_type().is_string() => of_text(column, interval)?,
            None => return None,
        };
        spans.extend(span);
    }
    let spans = merged(spans);
    let is_whole =
        matches!(spans.as_slice(), [span] if span.start == least() && span.end == greatest());
    (!(is_whole && column.field_type().is_not_null())).then_some(spans)
}

/// Sorts the spans and makes one of those that overlap, as those of text may.
fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for next in spans {
        match merged.last_mut() {
            Some(last) if next.start < last.end => {
                last.is_point = last.is_point && *last == next;
                let end = next.end.max(std::mem::take(&mut last.end));
                last.end = end;
            }
            _ => merged.push(next),
        }
    }
    merged
}

/// Below every value but `NULL`.
fn least() -> Vec<u8> {
    vec![flag::BYTES]
}

/// Above every value.
fn greatest() -> Vec<u8> {
    vec![flag::MAX]
}

/// The outer `None`: give up. The inner one: no such value.
fn of_numbers(
    column: &KeyColumn,
    interval: &Interval,
    (min, max): (i128, i128),
) -> Option<Option<Span>> {
    let number = |bound: &Bound<Value>| match bound {
        Bound::Unbounded => Some(None),
        Bound::Included(Value::Number(number)) => Some(Some(*number)),
        _ => None,
    };
    let low = number(interval.low())?.filter(|low| *low > min);
    let high = number(interval.high())?.filter(|high| *high < max);
    if low.is_some_and(|low| low > max) || high.is_some_and(|high| high < min) {
        return Some(None);
    }
    let encode = |number| {
        let value = Value::Number(number);
        let mut out = Vec::new();
        column.encode(&mut out, &domain::datum(column.field_type(), &value)?).ok()?;
        Some(out)
    };
    if let Some(Value::Number(only)) = interval.as_point() {
        return Some(Some(Span::point(encode(*only)?)));
    }
    let start = match low {
        Some(low) => encode(low)?,
        None => least(),
    };
    let end = match high {
        Some(high) => prefix_next(&encode(high)?),
        None => greatest(),
    };
    Some(Span::between(start, end))
}

/// As [`of_numbers`].
fn of_text(column: &KeyColumn, interval: &Interval) -> Option<Option<Span>> {
    if let Some(value) = interval.as_point() {
        let mut out = Vec::new();
        let datum = domain::datum(column.field_type(), value)?;
        // A text without a sort key is in no row, and so is one that is no text.
        column.encode(&mut out, &column.cut(&datum)).ok()?;
        return Some(Some(Span::point(out)));
    }
    let start = match interval.low() {
        Bound::Unbounded => least(),
        Bound::Included(low) => text_start(column, text(low)?, true)?,
        Bound::Excluded(low) => text_start(column, text(low)?, false)?,
    };
    let end = match interval.high() {
        Bound::Unbounded => greatest(),
        Bound::Included(high) => text_end(column, text(high)?, true)?,
        Bound::Excluded(high) => text_end(column, text(high)?, false)?,
    };
    Some(Span::between(start, end))
}

fn text(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        Value::Number(_) => None,
    }
}

/// The first datum of a text that is above `low`, or `low` itself.
///
/// A key lacks trailing blanks, so that of `low` and a blank is that of `low`; and that of `x` and many
/// blanks, which is above `x` and a tab, is that of `x`.
fn text_start(column: &KeyColumn, low: &[u8], included: bool) -> Option<Vec<u8>> {
    let cut = cut(column, low);
    match column.collation() {
        Collation::Binary if included || column.prefix().is_some() => encode_text(&cut),
        Collation::Binary => encode_text(&cut).map(|datum| prefix_next(&datum)),
        Collation::PaddedBinary => encode_text(least_padded(&cut)),
        _ => None,
    }
}

/// The first datum behind those of all texts below `high`, and of `high` itself.
///
/// A key is no greater than its text, in whatever it lacks.
fn text_end(column: &KeyColumn, high: &[u8], included: bool) -> Option<Vec<u8>> {
    let cut = cut(column, high);
    if !column.collation().is_binary() {
        return None;
    }
    let datum = encode_text(&cut)?;
    Some(if included || cut.len() < high.len() { prefix_next(&datum) } else { datum })
}

/// The start of `text` that is no greater than any text which, with blanks behind it, is at least
/// `text`.
fn least_padded(text: &[u8]) -> &[u8] {
    let is_least = |at: &usize| {
        let mut rest = text.iter().skip(*at).skip_while(|byte| **byte == b' ');
        rest.next().is_none_or(|byte| *byte < b' ')
    };
    let at = (0..text.len()).find(is_least).unwrap_or(text.len());
    text.get(..at).unwrap_or(text)
}

/// The part of a text that keys hold, as it is.
fn cut(column: &KeyColumn, text: &[u8]) -> Vec<u8> {
    let whole = Datum::Bytes(Cow::Borrowed(text));
    match column.cut(&whole) {
        Datum::Bytes(bytes) => bytes.into_owned(),
        _ => text.to_vec(),
    }
}

fn encode_text(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    datum::encode_key(&mut out, &Datum::Bytes(Cow::Borrowed(text))).ok()?;
    Some(out)
}
