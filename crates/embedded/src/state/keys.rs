//! Looking at the data to see where to split.

use std::ops::Range;

use tifusion_codec::key::{from_region_key, region_key};
use tifusion_proto::kvrpcpb::IsolationLevel;
use tifusion_proto::metapb;

use super::State;
use crate::mvcc::{ReadOptions, Reader, Rows as _};
use crate::topology::Part;

/// Pairs read at once.
const STEP: usize = 1024;

/// What a look at a region found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Parts of the region size; one when it is not too large.
    pub(crate) parts: Vec<Part>,
    /// Memory-comparable keys between its buckets.
    pub(crate) buckets: Vec<Vec<u8>>,
}

impl State {
    /// Reads the newest committed rows without minding locks.
    pub(crate) fn newest_rows(&self) -> Reader {
        self.storage.reader(ReadOptions {
            ts: u64::MAX,
            isolation: IsolationLevel::Rc,
            ..ReadOptions::default()
        })
    }

    /// The raw key in the middle of the keys of `range` (an empty end is unbounded) that have a value; the
    /// later one of two. `None` for less than two.
    pub(crate) fn middle_key(&self, range: Range<&[u8]>) -> Option<Vec<u8>> {
        let mut keys = Vec::new();
        // A failing engine has no middle: the fault that asked then does nothing.
        let _ = self.each_pair(range, |key, _| keys.push(key));
        let middle = keys.len() / 2;
        keys.into_iter().nth(middle).filter(|_| middle > 0)
    }

    /// The first raw key of `range` that has a value.
    pub(crate) fn first_key(&self, range: Range<&[u8]>) -> Option<Vec<u8>> {
        let pairs = self.newest_rows().scan(range, 1, false).ok()?;
        pairs.into_iter().next().map(|(key, _)| key)
    }

    /// Looks at all pairs of a region; `None` when its borders are no keys or the engine fails.
    pub(crate) fn measure(&self, region: &metapb::Region) -> Option<Measured> {
        let start = from_region_key(&region.start_key).ok()?;
        let end = from_region_key(&region.end_key).ok()?;
        let (part, bucket) = (self.settings.region_size, self.settings.bucket_size);
        let mut parts = Vec::new();
        let mut buckets = Vec::new();
        let mut last = Part { start: region.start_key.clone(), bytes: 0 };
        let mut in_bucket = 0;
        self.each_pair(&start..&end, |key, size| {
            if part > 0 && last.bytes >= part {
                let next = Part { start: region_key(&key), bytes: 0 };
                parts.push(std::mem::replace(&mut last, next));
            }
            if bucket > 0 && in_bucket >= bucket {
                in_bucket = 0;
                buckets.push(region_key(&key));
            }
            last.bytes += size;
            in_bucket += size;
        })?;
        // A last part of less than half the size stays with its neighbour, as a region grows by half before
        // TiKV splits it.
        match parts.last_mut() {
            Some(neighbour) if last.bytes < part / 2 => neighbour.bytes += last.bytes,
            _ => parts.push(last),
        }
        Some(Measured { parts, buckets })
    }

    fn each_pair(&self, range: Range<&[u8]>, mut each: impl FnMut(Vec<u8>, u64)) -> Option<()> {
        let mut rows = self.newest_rows();
        let mut start = range.start.to_vec();
        loop {
            let pairs = rows.scan(&start..range.end, STEP, false).ok()?;
            let done = pairs.len() < STEP;
            for (key, value) in pairs {
                let size = key.len().saturating_add(value.len());
                start.clone_from(&key);
                each(key, u64::try_from(size).unwrap_or(u64::MAX));
            }
            if done {
                return Some(());
            }
            start.push(0);
        }
    }
}
