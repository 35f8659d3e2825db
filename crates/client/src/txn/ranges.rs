//! A bounded set of key ranges that covers the keys put into it. Pure.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Most ranges kept.
const MAX_RANGES: usize = 1024;

/// A range of keys with both ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    /// First key.
    pub(super) first: Vec<u8>,
    /// Last key.
    pub(super) last: Vec<u8>,
}

/// Disjoint ranges in key order. When there are too many, or their bounds are too long, those nearest to
/// each other are joined, so it covers more than was put in, never less.
#[derive(Debug, Clone)]
pub(super) struct RangeSet {
    /// Last key by first key.
    ranges: BTreeMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
    max_bytes: usize,
}

impl RangeSet {
    /// An empty set that keeps at most `max_bytes` of bounds, but at least one range.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { ranges: BTreeMap::new(), bytes: 0, max_bytes }
    }

    /// Covers `first..=last`. Ranges that lie within `home` (from its first key to before its second, which
    /// is unbounded when empty) are joined with it: a region, which is finished by one request anyway.
    pub(super) fn cover(&mut self, first: &[u8], last: &[u8], home: (&[u8], &[u8])) {
        let in_home = |key: &[u8]| key >= home.0 && (home.1.is_empty() || key < home.1);
        let (mut low, mut high) = (first.to_vec(), last.to_vec());
        // The one before may reach into it.
        let before = self.ranges.range(..=low.clone()).next_back();
        let start = match before {
            Some((start, end)) if *end >= low || in_home(start) => start.clone(),
            _ => low.clone(),
        };
        while let Some((start, end)) = self.ranges.range(start.clone()..).next() {
            let touches = *start <= high || (in_home(start) && in_home(end));
            if !touches {
                break;
            }
            let start = start.clone();
            if let Some(end) = self.ranges.remove(&start) {
                self.bytes -= start.len() + end.len();
                low = low.min(start);
                high = high.max(end);
            }
        }
        self.bytes += low.len() + high.len();
        self.ranges.insert(low, high);
        self.shrink();
    }

    /// The ranges in key order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Range> + '_ {
        self.ranges.iter().map(|(first, last)| Range { first: first.clone(), last: last.clone() })
    }

    /// Joins nearest neighbours until half of what is allowed is left.
    fn shrink(&mut self) {
        if self.ranges.len() <= MAX_RANGES
            && (self.bytes <= self.max_bytes || self.ranges.len() < 2)
        {
            return;
        }
        let average = (self.bytes / self.ranges.len()).max(1);
        let keep = (MAX_RANGES / 2).min(self.max_bytes / 2 / average).max(1);
        let ranges: Vec<_> = std::mem::take(&mut self.ranges).into_iter().collect();
        let mut gaps: Vec<(Nearness, usize)> = ranges
            .windows(2)
            .enumerate()
            .filter_map(|(at, pair)| match pair {
                [(_, end), (start, _)] => Some((Nearness::of(end, start), at)),
                _ => None,
            })
            .collect();
        // The farthest gaps stay.
        gaps.sort_unstable();
        gaps.truncate(keep - 1);
        let stay: std::collections::BTreeSet<usize> = gaps.into_iter().map(|(_, at)| at).collect();
        let mut joined: Option<(Vec<u8>, Vec<u8>)> = None;
        for (at, (start, end)) in ranges.into_iter().enumerate() {
            let (low, _) = joined.take().unwrap_or_else(|| (start.clone(), Vec::new()));
            if stay.contains(&at) {
                self.ranges.insert(low, end);
            } else {
                joined = Some((low, end));
            }
        }
        self.ranges.extend(joined);
        self.bytes = self.ranges.iter().map(|(start, end)| start.len() + end.len()).sum();
    }
}

/// How near two keys are, the farthest first: keys of one index share more of their beginning than keys
/// of two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Nearness {
    shared: usize,
    step: Reverse<u8>,
}

impl Nearness {
    fn of(a: &[u8], b: &[u8]) -> Self {
        let shared = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        let at = |key: &[u8]| key.get(shared).copied().unwrap_or(0);
        Self { shared, step: Reverse(at(b).saturating_sub(at(a))) }
    }
}

#[cfg(test)]
#[path = "ranges_tests.rs"]
mod tests;
