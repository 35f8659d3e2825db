//! Covering a key range by regions, one after the other. No I/O.

use std::sync::Arc;

use bytes::Bytes;

use super::types::Region;

/// The regions found so far for a range: each starts where the one before ends.
#[derive(Debug)]
pub(super) struct Cover {
    start: Bytes,
    /// Empty when unbounded.
    end: Bytes,
    /// The first key not covered yet.
    cursor: Bytes,
    found: Vec<Arc<Region>>,
    done: bool,
}

impl Cover {
    /// Nothing found yet for `start..end`.
    pub(super) fn new(start: &[u8], end: &[u8]) -> Self {
        let start = Bytes::copy_from_slice(start);
        let end = Bytes::copy_from_slice(end);
        let done = !end.is_empty() && start >= end;
        Self { cursor: start.clone(), start, end, found: Vec::new(), done }
    }

    /// The first key not covered yet; `None` when all is covered.
    pub(super) fn gap(&self) -> Option<&Bytes> {
        (!self.done).then_some(&self.cursor)
    }

    /// The end of the range, empty when unbounded.
    pub(super) fn end(&self) -> &Bytes {
        &self.end
    }

    /// Appends a region that holds the first key not covered yet. `false` when it doesn't, or when it
    /// overlaps regions found before (it is of a newer epoch then): those are dropped, and the gap
    /// moves back.
    pub(super) fn push(&mut self, region: Arc<Region>) -> bool {
        if self.done || !region.contains(&self.cursor) {
            return false;
        }
        while self.found.last().is_some_and(|last| region.contains_end_of(last)) {
            self.found.pop();
        }
        let fits = match self.found.last() {
            Some(last) => last.end_key == region.start_key,
            None => region.contains(&self.start),
        };
        if fits {
            self.cursor = region.end_key.clone();
            self.done = self.cursor.is_empty() || (!self.end.is_empty() && self.cursor >= self.end);
            self.found.push(region);
        } else {
            self.cursor =
                self.found.last().map_or_else(|| self.start.clone(), |last| last.end_key.clone());
        }
        fits
    }

    /// The regions.
    pub(super) fn into_regions(self) -> Vec<Arc<Region>> {
        self.found
    }
}

impl Region {
    /// Whether the last keys of `other`, which precedes or overlaps, are in this region too.
    fn contains_end_of(&self, other: &Self) -> bool {
        other.end_key.is_empty() || other.end_key > self.start_key
    }
}
