//! Spans of keys.

use tifusion_codec::datum::{self, flag};
use tifusion_codec::key::prefix_next;

/// The key of `NULL`.
pub(super) const NULL: [u8; 1] = [flag::NIL];
/// The first key behind `NULL`.
pub(super) const NOT_NULL: [u8; 1] = [flag::NIL + 1];

/// A half-open range of keys; an empty end is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeySpan<'a> {
    pub(super) start: &'a [u8],
    pub(super) end: &'a [u8],
}

impl<'a> KeySpan<'a> {
    /// The span of a range.
    pub(super) fn of((start, end): &'a (Vec<u8>, Vec<u8>)) -> Self {
        Self { start, end }
    }

    /// Whether no key is in it.
    pub(super) fn is_empty(self) -> bool {
        !self.end.is_empty() && self.start >= self.end
    }

    /// Whether a key is in it.
    pub(super) fn contains(self, key: &[u8]) -> bool {
        self.start <= key && (self.end.is_empty() || key < self.end)
    }

    /// Whether it begins at the least value or below.
    pub(super) fn is_open_below(self) -> bool {
        self.start <= NOT_NULL.as_slice()
    }

    /// Whether it ends at the greatest value or above.
    pub(super) fn is_open_above(self) -> bool {
        self.end.first().is_none_or(|first| *first >= flag::MAX)
    }

    /// Without `NULL`, and whether `NULL` was in it.
    pub(super) fn without_null(self) -> (Self, bool) {
        let start = if self.start < NOT_NULL.as_slice() { &NOT_NULL } else { self.start };
        (Self { start, ..self }, self.contains(&NULL))
    }

    /// The datums that all its keys begin with, if it is all keys that begin with them.
    pub(super) fn as_prefix(self) -> Option<Vec<&'a [u8]>> {
        if self.end != prefix_next(self.start) {
            return None;
        }
        datums(self.start)
    }

    /// How many keys of single integers are in it, if that is what it is made of.
    pub(super) fn integers(self) -> Option<u64> {
        let number = |key: &[u8]| match key {
            [flag, rest @ ..] if matches!(*flag, flag::INT | flag::UINT) => {
                Some((*flag, u64::from_be_bytes(rest.try_into().ok()?)))
            }
            _ => None,
        };
        let (start, end) = (number(self.start)?, number(self.end)?);
        (start.0 == end.0).then(|| end.1.saturating_sub(start.1))
    }
}

/// Takes a key apart; `None` if it is not made of datums.
pub(super) fn datums(key: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = key;
    let mut datums = Vec::new();
    while !rest.is_empty() {
        datums.push(datum::skip_one(&mut rest).ok()?);
    }
    Some(datums)
}

/// How many first columns have one value in a span, and the span of the next; `None` if that one may
/// have any.
pub(super) fn equal_columns(span: KeySpan<'_>) -> (usize, Option<KeySpan<'_>>) {
    let Some(start) = datums(span.start) else { return (0, Some(span)) };
    let mut len = 0;
    for (count, datum) in start.iter().enumerate() {
        let (prefix, rest) = span.start.split_at_checked(len).unwrap_or((span.start, &[]));
        if count > 0 && span.end == prefix_next(prefix) {
            // All from here on that begins with the columns before.
            return (count, Some(KeySpan { start: rest, end: &[] }));
        }
        len += datum.len();
        let whole = span.start.get(..len).unwrap_or(span.start);
        if !span.end.starts_with(whole) && !is_all_of(span, whole) {
            let end = span.end.strip_prefix(prefix).unwrap_or_default();
            return (count, Some(KeySpan { start: rest, end }));
        }
    }
    if is_all_of(span, span.start) && !start.is_empty() {
        return (start.len(), None);
    }
    let end = span.end.strip_prefix(span.start).unwrap_or(span.end);
    (start.len(), Some(KeySpan { start: &[], end }))
}

/// Whether a span is all that begins with `prefix`, which its start does.
fn is_all_of(span: KeySpan<'_>, prefix: &[u8]) -> bool {
    span.end == prefix_next(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: i64) -> Vec<u8> {
        let mut out = Vec::new();
        datum::encode_key(&mut out, &datum::Datum::Int(value)).unwrap();
        out
    }

    #[test]
    fn null_is_in_what_begins_below_it() {
        let seven = key(7);
        let all = KeySpan { start: &[], end: &[] };
        assert_eq!(all.without_null(), (KeySpan { start: &NOT_NULL, end: &[] }, true));
        let below = KeySpan { start: &NULL, end: &seven };
        assert!(below.without_null().1);
        assert!(below.is_open_below() && !below.is_open_above());
        let positive = KeySpan { start: &NOT_NULL, end: &[flag::MAX] };
        assert_eq!(positive.without_null(), (positive, false));
        assert!(positive.is_open_below() && positive.is_open_above());
        let only_null = KeySpan { start: &NULL, end: &NOT_NULL };
        assert!(only_null.without_null().1 && only_null.without_null().0.is_empty());
    }

    #[test]
    fn a_prefix_is_all_that_begins_with_it() {
        let both = [key(1), key(2)].concat();
        let next = prefix_next(&both);
        let span = KeySpan { start: &both, end: &next };
        assert_eq!(span.as_prefix().unwrap(), [key(1), key(2)]);
        assert_eq!(KeySpan { start: &both, end: &[] }.as_prefix(), None);
        let seven = key(7);
        assert_eq!(KeySpan { start: &both, end: &seven }.as_prefix(), None);
    }

    #[test]
    fn integers_are_counted() {
        let (a, b) = (key(-3), key(4));
        assert_eq!(KeySpan { start: &a, end: &b }.integers(), Some(7));
        assert_eq!(KeySpan { start: &b, end: &a }.integers(), Some(0));
        assert_eq!(KeySpan { start: &[], end: &a }.integers(), None);
    }

    #[test]
    fn columns_with_one_value_are_counted() {
        let (a, ab) = (key(5), [key(5), key(6)].concat());
        let count = |start: &[u8], end: &[u8]| equal_columns(KeySpan { start, end }).0;
        assert_eq!(count(&a, &prefix_next(&a)), 1);
        assert_eq!(count(&ab, &prefix_next(&ab)), 2);
        assert_eq!(count(&ab, &prefix_next(&a)), 1);
        assert_eq!(count(&a, &ab), 1);
        assert_eq!(count(&a, &key(7)), 0);
        assert_eq!(count(&ab, &key(7)), 0);
        assert_eq!(count(&[], &[]), 0);
        assert_eq!(count(b"\xee no datum", &[]), 0);
    }
}
