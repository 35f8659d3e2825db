//! Which writes are under way, for the coprocessor cache.
//!
//! A cached answer is valid while its region's data version stands. A read must therefore never take a
//! version for stable while a write that it may or may not see is under way: then the region has none.

use std::collections::BTreeMap;

use super::{Topology, before_end};

/// A write under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WriteToken(u64);

/// Spans of the writes under way.
#[derive(Debug, Default)]
pub(super) struct Writes {
    next: u64,
    spans: BTreeMap<WriteToken, (Vec<u8>, Vec<u8>)>,
}

impl Topology {
    /// A write between `start` and `end` (memory-comparable) begins.
    pub(crate) fn begin_write(&mut self, start: Vec<u8>, end: Vec<u8>) -> WriteToken {
        let token = WriteToken(self.writes.next);
        self.writes.next = self.writes.next.saturating_add(1);
        self.writes.spans.insert(token, (start, end));
        token
    }

    /// It ended, well or not, and may have written so many bytes.
    pub(crate) fn end_write(&mut self, token: WriteToken, bytes: u64) {
        let Some((start, end)) = self.writes.spans.remove(&token) else { return };
        let touched: Vec<u64> =
            self.regions_in(&start, &end).map(|region| region.meta.id).collect();
        for id in touched {
            if let Ok(region) = self.region_mut(id) {
                region.data_version = region.data_version.saturating_add(1);
                region.written = region.written.saturating_add(bytes);
            }
        }
    }

    /// The version of a region's data; `None` while a write to it is under way.
    pub(crate) fn data_version(&self, id: u64) -> Option<u64> {
        let region = self.region(id)?;
        let busy = self.writes.spans.values().any(|(start, end)| {
            before_end(&region.meta.start_key, end) && before_end(start, &region.meta.end_key)
        });
        (!busy).then_some(region.data_version)
    }
}
