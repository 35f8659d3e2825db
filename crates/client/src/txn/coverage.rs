//! Which keys a transaction may have locked: one by one while they are few, ranges around them when they
//! are many. Pure.

use std::collections::BTreeSet;

use super::mutation::Mutation;
use super::ranges::{Range, RangeSet};

/// What was, or may have been, locked.
#[derive(Debug)]
pub(super) struct Coverage {
    known: Known,
    /// What others who take part may lock, as long as they have not told what they did.
    expected: Vec<Range>,
    max_keys: usize,
    max_bytes: usize,
}

#[derive(Debug)]
enum Known {
    Keys { keys: BTreeSet<Vec<u8>>, bytes: usize },
    Ranges(RangeSet),
}

/// What is left to do for a transaction whose end is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rest {
    /// These keys.
    Keys(Vec<Vec<u8>>),
    /// Whatever it locked in these ranges.
    Ranges(Vec<Range>),
}

impl Coverage {
    /// Nothing yet.
    pub(super) fn new(max_keys: usize, max_bytes: usize) -> Self {
        let known = Known::Keys { keys: BTreeSet::new(), bytes: 0 };
        Self { known, expected: Vec::new(), max_keys, max_bytes }
    }

    /// Takes in the keys of mutations, before they are sent. Once the keys are too many, requests are
    /// taken in by [`Coverage::cover`] instead.
    ///
    /// # Errors
    /// A key that it knew already, the first one in key order; nothing is taken in then.
    pub(super) fn admit(&mut self, mutations: &[Mutation]) -> Result<(), Vec<u8>> {
        let Known::Keys { keys, bytes } = &mut self.known else { return Ok(()) };
        let locked = || mutations.iter().filter(|mutation| mutation.op.locks());
        if let Some(twice) = locked().find(|mutation| keys.contains(&mutation.key)) {
            return Err(twice.key.clone());
        }
        let (count, size) =
            locked().fold((0, 0), |(count, size), mutation| (count + 1, size + mutation.key.len()));
        if keys.len() + count > self.max_keys || *bytes + size > self.max_bytes {
            self.known = Known::Ranges(self.ranges());
            return Ok(());
        }
        *bytes += size;
        keys.extend(locked().map(|mutation| mutation.key.clone()));
        Ok(())
    }

    /// Covers a request to a region, before it is sent.
    pub(super) fn cover(&mut self, first: &[u8], last: &[u8], region: (&[u8], &[u8])) {
        if let Known::Ranges(ranges) = &mut self.known {
            ranges.cover(first, last, region);
        }
    }

    /// Takes note of ranges in which others may lock keys.
    pub(super) fn expect(&mut self, ranges: Vec<Range>) {
        self.expected = ranges;
    }

    /// Takes in the ranges in which others have locked keys: they lock no others any more.
    pub(super) fn join(&mut self, joined: impl IntoIterator<Item = Range>) {
        let mut ranges = self.ranges();
        for Range { first, last } in joined {
            ranges.cover(&first, &last, (&first, &first));
        }
        self.known = Known::Ranges(ranges);
        self.expected = Vec::new();
    }

    /// What is known as ranges.
    pub(super) fn ranges(&self) -> RangeSet {
        let mut ranges = match &self.known {
            Known::Ranges(ranges) => return ranges.clone(),
            Known::Keys { .. } => RangeSet::new(self.max_bytes),
        };
        if let Known::Keys { keys, .. } = &self.known {
            for key in keys {
                // A point of its own: no region is known.
                ranges.cover(key, key, (key, key));
            }
        }
        ranges
    }

    /// Whether keys are known one by one.
    pub(super) fn knows_keys(&self) -> bool {
        matches!(self.known, Known::Keys { .. })
    }

    /// All of it, without the primary, which was seen to before.
    pub(super) fn rest(&self, primary: &[u8]) -> Rest {
        if !self.expected.is_empty() {
            let mut ranges = self.ranges();
            for Range { first, last } in &self.expected {
                ranges.cover(first, last, (first, first));
            }
            return Rest::Ranges(ranges.iter().collect());
        }
        match &self.known {
            Known::Keys { keys, .. } => {
                Rest::Keys(keys.iter().filter(|key| *key != primary).cloned().collect())
            }
            Known::Ranges(ranges) => Rest::Ranges(ranges.iter().collect()),
        }
    }
}

#[cfg(test)]
#[path = "coverage_tests.rs"]
mod tests;
