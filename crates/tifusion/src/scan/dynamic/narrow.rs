//! Segments and the keys that filters leave: pure.

use std::collections::BTreeMap;

use crate::scan::keys::PhysicalKeys;
use crate::scan::spec::{KeyRange, Segment};

/// Bytes of a key that say of which table or index it is: `t`, the id, `_r` or `_i`.
const KIND: usize = 11;

/// Keys by physical table; those that aren't here have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeysByTable(BTreeMap<i64, Vec<KeyRange>>);

impl KeysByTable {
    /// Each table once.
    pub(super) fn new(tables: Vec<PhysicalKeys>) -> Self {
        Self(tables.into_iter().map(|table| (table.physical_id, table.ranges)).collect())
    }

    /// The keys in any of `tables`, in which tables may come again and again.
    pub(super) fn union(tables: Vec<PhysicalKeys>) -> Self {
        let mut all: BTreeMap<i64, Vec<KeyRange>> = BTreeMap::new();
        for PhysicalKeys { physical_id, ranges } in tables {
            all.entry(physical_id).or_default().extend(ranges);
        }
        for ranges in all.values_mut() {
            *ranges = merged(std::mem::take(ranges));
        }
        Self(all)
    }

    /// How many ranges there are.
    pub(super) fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// The keys that are in both.
    pub(super) fn intersect(&self, other: &Self) -> Self {
        let both = self.0.iter().filter_map(|(physical_id, ranges)| {
            let ranges = intersection(ranges, other.0.get(physical_id)?);
            (!ranges.is_empty()).then_some((*physical_id, ranges))
        });
        Self(both.collect())
    }

    /// The part of `segment` with these keys; `None` if there is none.
    pub(super) fn narrow(&self, segment: &Segment) -> Option<Segment> {
        let ranges = self.0.get(&segment.physical_id)?;
        // A segment of other keys than these, an index's say, is not for them to narrow.
        let of_keys = ranges.first().and_then(kind);
        if segment.ranges.iter().any(|range| kind(range) != of_keys) {
            return Some(segment.clone());
        }
        let ranges = intersection(&segment.ranges, ranges);
        let regions = if ranges == segment.ranges { segment.regions } else { None };
        let narrowed = Segment { physical_id: segment.physical_id, ranges, regions };
        (!narrowed.ranges.is_empty()).then_some(narrowed)
    }
}

fn kind(range: &KeyRange) -> Option<&[u8]> {
    range.start.get(..KIND)
}

/// Whether `key` is before the end of `range`.
fn ends_behind(range: &KeyRange, key: &[u8]) -> bool {
    range.end.is_empty() || range.end.as_slice() > key
}

/// Ranges of any order, sorted and put together where they overlap or touch.
fn merged(mut ranges: Vec<KeyRange>) -> Vec<KeyRange> {
    ranges.sort_unstable_by(|one, other| one.start.cmp(&other.start));
    let mut all: Vec<KeyRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match all.last_mut() {
            Some(last) if last.end == range.start || ends_behind(last, &range.start) => {
                if !last.end.is_empty() && (range.end.is_empty() || range.end > last.end) {
                    last.end = range.end;
                }
            }
            _ => all.push(range),
        }
    }
    all
}

/// What two lists of ranges, each ascending and disjoint, have in common.
fn intersection(ones: &[KeyRange], others: &[KeyRange]) -> Vec<KeyRange> {
    let (mut ones, mut others) = (ones.iter().peekable(), others.iter().peekable());
    let mut both = Vec::new();
    while let (Some(one), Some(other)) = (ones.peek(), others.peek()) {
        let start = one.start.as_slice().max(&other.start);
        if ends_behind(one, start) && ends_behind(other, start) {
            let end = match (one.end.as_slice(), other.end.as_slice()) {
                ([], end) | (end, []) => end,
                (one, other) => one.min(other),
            };
            both.push(KeyRange { start: start.to_vec(), end: end.to_vec() });
        }
        let is_first = other.end.is_empty() || (!one.end.is_empty() && one.end <= other.end);
        if is_first {
            ones.next()
        } else {
            others.next()
        };
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(pairs: &[(u8, u8)]) -> Vec<KeyRange> {
        let range = |(start, end): &(u8, u8)| KeyRange {
            start: vec![*start],
            end: if *end == 0 { vec![] } else { vec![*end] },
        };
        pairs.iter().map(range).collect()
    }

    fn has(ranges: &[KeyRange], key: u8) -> bool {
        ranges
            .iter()
            .any(|range| range.start.as_slice() <= [key].as_slice() && ends_behind(range, &[key]))
    }

    #[test]
    fn what_lists_have_in_common_is_what_both_have() {
        let lists = [
            ranges(&[]),
            ranges(&[(1, 5), (7, 9), (20, 0)]),
            ranges(&[(2, 3), (4, 8), (30, 40)]),
            ranges(&[(1, 0)]),
            ranges(&[(5, 7), (9, 20)]),
            ranges(&[(1, 2), (2, 3), (3, 4), (8, 30)]),
        ];
        for one in &lists {
            for other in &lists {
                let both = intersection(one, other);
                for key in 0..60 {
                    let want = has(one, key) && has(other, key);
                    assert_eq!(has(&both, key), want, "{key}: {one:?} {other:?}");
                }
                let is_ascending = both
                    .windows(2)
                    .all(|pair| pair[0].end <= pair[1].start && !pair[0].end.is_empty());
                assert!(is_ascending && both.iter().all(|range| ends_behind(range, &range.start)));
                let either = merged([one.as_slice(), other.as_slice()].concat());
                for key in 0..60 {
                    let want = has(one, key) || has(other, key);
                    assert_eq!(has(&either, key), want, "{key}: {one:?} {other:?}");
                }
                let apart = either.windows(2).all(|pair| pair[0].end < pair[1].start);
                assert!(apart, "{either:?}");
            }
        }
    }

    fn record(id: u8, handle: u8) -> Vec<u8> {
        [b"t\0\0\0\0\0\0\0".as_slice(), &[id], b"_r", &[handle]].concat()
    }

    fn records(id: u8, pairs: &[(u8, u8)]) -> Vec<KeyRange> {
        let range =
            |(start, end): &(u8, u8)| KeyRange { start: record(id, *start), end: record(id, *end) };
        pairs.iter().map(range).collect()
    }

    #[test]
    fn a_segment_keeps_its_keys_of_those_that_are_left() {
        let keys = PhysicalKeys { physical_id: 1, ranges: records(1, &[(3, 4), (6, 7), (9, 12)]) };
        let keys = KeysByTable::new(vec![keys]);
        let segment = |id, ranges| Segment { physical_id: id, ranges, regions: Some(3) };
        let narrowed = keys.narrow(&segment(1, records(1, &[(1, 5), (10, 30)]))).unwrap();
        assert_eq!(narrowed.ranges, records(1, &[(3, 4), (10, 12)]));
        assert_eq!(narrowed.regions, None);
        assert_eq!(keys.narrow(&segment(1, records(1, &[(4, 6)]))), None);
        assert_eq!(keys.narrow(&segment(2, records(2, &[(1, 9)]))), None);
        let same = segment(1, records(1, &[(9, 12)]));
        assert_eq!(keys.narrow(&same), Some(same));
    }

    #[test]
    fn keys_of_rows_say_nothing_of_an_index() {
        let keys = PhysicalKeys { physical_id: 1, ranges: records(1, &[(3, 4)]) };
        let mut index = records(1, &[(1, 9)]);
        index[0].start[10] = b'i';
        index[0].end[10] = b'i';
        let segment = Segment { physical_id: 1, ranges: index, regions: Some(1) };
        assert_eq!(KeysByTable::new(vec![keys]).narrow(&segment), Some(segment));
    }
}
