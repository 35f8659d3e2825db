//! Looking at the data to see where to split.

use std::ops::Range;

use tifusion_codec::key::{from_region_key, region_key};
use tifusion_proto::kvrpcpb::IsolationLevel;
use tifusion_proto::metapb;

use super::State;
use crate::mvcc::{ReadOptions, Reader, Rows as _};

/// Pairs read at once.
const STEP: usize = 1024;

/// What a look at a region found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Bytes of its keys and values.
    pub(crate) bytes: u64,
    /// Memory-comparable keys that cut it into parts of the region size; empty when it is not too large.
    pub(crate) splits: Vec<Vec<u8>>,
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
        let mut found = Measured::default();
        let (mut in_part, mut in_bucket) = (0, 0);
        self.each_pair(&start..&end, |key, size| {
            if part > 0 && in_part >= part {
                in_part = 0;
                found.splits.push(region_key(&key));
            }
            if bucket > 0 && in_bucket >= bucket {
                in_bucket = 0;
                found.buckets.push(region_key(&key));
            }
            found.bytes += size;
            in_part += size;
            in_bucket += size;
        })?;
        // A last part of less than half the size stays with its neighbour, as a region grows by half before
        // TiKV splits it.
        if in_part < part / 2 {
            found.splits.pop();
        }
        Some(found)
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
