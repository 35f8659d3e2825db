//! Answers that are kept for equal requests to come.
//!
//! The store decides. A request names the version of the region's data from which an equal one was
//! answered before; a store whose region still has that version reads no row and says so, after the
//! checks that every read begins with. So a kept answer is given only when
//!
//! - the request is the same to the byte: plan, ranges, rows of the page;
//! - the region is the same at the same epoch, and nothing was written to it since, locks included;
//! - the kept answer's snapshot is not newer than the request's, and its store met no lock and no version
//!   newer than that snapshot: then every later snapshot of the same data shows the same;
//! - both are snapshot reads of the leader. Read committed passes locks without taking note of them.

mod key;
mod lookup;

use std::sync::Arc;

use bytes::Bytes;
use lru::LruCache;
use parking_lot::Mutex;

pub(super) use self::lookup::{Lookup, Payload, settle};
use super::range::KeyRange;
use crate::options::CopCacheOptions;
use crate::region::RegionVerId;
use crate::timestamp::Timestamp;

/// What an entry costs besides its bytes: its places in the table and in the list, the allocations'
/// headers.
const OVERHEAD: usize = 320;

/// Answers of the coprocessor that are kept for equal requests, shared by all reads of a client. The least
/// recently used go first.
#[derive(Debug)]
pub struct CopCache {
    options: CopCacheOptions,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    answers: LruCache<Bytes, Arc<KeptAnswer>>,
    bytes: usize,
}

/// An answer, and what it is an answer to besides its key.
#[derive(Debug, PartialEq, Eq)]
struct KeptAnswer {
    data: Bytes,
    covers: Option<KeyRange>,
    region: RegionVerId,
    /// The version of the region's data.
    version: u64,
    start_ts: Timestamp,
}

impl KeptAnswer {
    fn len(&self) -> usize {
        let covers = self.covers.as_ref().map_or(0, |it| it.start.len() + it.end.len());
        self.data.len() + covers
    }
}

impl CopCache {
    /// An empty cache; `None` when the options keep nothing.
    #[must_use]
    pub fn new(options: CopCacheOptions) -> Option<Self> {
        (options.capacity > 0).then(|| {
            let kept = Kept { answers: LruCache::unbounded(), bytes: 0 };
            Self { options, kept: Mutex::new(kept) }
        })
    }

    /// Bytes of all that is kept, never more than the options allow.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.kept.lock().bytes
    }

    /// How many answers are kept.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.kept.lock().answers.len()
    }

    fn get(&self, key: &[u8]) -> Option<Arc<KeptAnswer>> {
        self.kept.lock().answers.get(key).cloned()
    }

    /// Keeps an answer in the place of the one that has its key; those unused for longest make room.
    fn put(&self, key: Bytes, answer: KeptAnswer) {
        let size = size_of_entry(&key, &answer);
        if size > self.options.capacity {
            return;
        }
        let mut kept = self.kept.lock();
        let earlier = kept.answers.pop_entry(&key);
        if let Some((key, answer)) = earlier {
            kept.bytes -= size_of_entry(&key, &answer);
        }
        while kept.bytes + size > self.options.capacity {
            let Some((key, answer)) = kept.answers.pop_lru() else { break };
            kept.bytes -= size_of_entry(&key, &answer);
        }
        kept.bytes += size;
        kept.answers.put(key, Arc::new(answer));
    }
}

fn size_of_entry(key: &Bytes, answer: &KeptAnswer) -> usize {
    OVERHEAD + key.len() + answer.len()
}

#[cfg(test)]
mod tests;
