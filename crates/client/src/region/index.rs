//! The regions a cache holds: found by key, by id, and dropped when least recently used. No I/O.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use lru::LruCache;

use super::types::{Region, RegionVerId};
use crate::metrics::CachedRegions;

/// Regions that do not overlap, at most one epoch of each.
#[derive(Debug)]
pub(super) struct RegionIndex {
    /// Start key to region id.
    by_start: BTreeMap<Bytes, u64>,
    by_id: LruCache<u64, Arc<Region>>,
    counted: CachedRegions,
}

impl RegionIndex {
    /// An empty index for at most `capacity` regions (at least one).
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
        // Unbounded for the map, so that it allocates by use; `insert` keeps the bound.
        let mut by_id = LruCache::unbounded();
        by_id.resize(capacity);
        Self { by_start: BTreeMap::new(), by_id, counted: CachedRegions::default() }
    }

    /// The region that holds `key`.
    pub(super) fn get(&mut self, key: &[u8]) -> Option<Arc<Region>> {
        let id = self.at_or_before(key)?;
        let region = self.by_id.peek(&id)?;
        if !region.contains(key) {
            return None;
        }
        self.by_id.get(&id).cloned()
    }

    /// The region at exactly this epoch.
    pub(super) fn get_version(&self, ver: RegionVerId) -> Option<&Arc<Region>> {
        self.by_id.peek(&ver.id).filter(|region| region.ver_id == ver)
    }

    /// Takes the region in and drops those that it supersedes. `None` when the index knows better:
    /// it holds a newer epoch of the region, or a newer region that overlaps it.
    ///
    /// A split and a merge both raise the version above that of every region they touch, so of two
    /// regions that overlap the one with the greater version is the newer.
    pub(super) fn insert(&mut self, mut region: Region) -> Option<Arc<Region>> {
        let new = region.ver_id;
        let held = self.by_id.peek(&new.id).map(|old| old.ver_id);
        if held.is_some_and(|old| old.version > new.version || old.conf_ver > new.conf_ver) {
            return None;
        }
        let overlapping = self.overlapping(&region);
        let is_newer = |id: &u64| {
            let other = self.by_id.peek(id).map(|other| other.ver_id);
            other.is_some_and(|other| other.id != new.id && other.version > new.version)
        };
        if overlapping.iter().any(is_newer) {
            return None;
        }
        if let Some(old) = self.remove(new.id) {
            keep_newer_buckets(&mut region, &old);
        }
        for id in overlapping {
            self.remove(id);
        }
        let region = Arc::new(region);
        self.by_start.insert(region.start_key.clone(), new.id);
        if let Some((_, evicted)) = self.by_id.push(new.id, Arc::clone(&region)) {
            self.by_start.remove(&evicted.start_key);
        }
        self.counted.set(self.by_start.len());
        Some(region)
    }

    /// Replaces the region by one with the same epoch and boundaries.
    pub(super) fn replace(&mut self, region: Region) {
        let slot = self.by_id.get_mut(&region.ver_id.id);
        if let Some(slot) = slot.filter(|slot| slot.ver_id == region.ver_id) {
            *slot = Arc::new(region);
        }
    }

    /// Drops the region, if it is held at this epoch.
    pub(super) fn remove_version(&mut self, ver: RegionVerId) {
        if self.get_version(ver).is_some() {
            self.remove(ver.id);
            self.counted.set(self.by_start.len());
        }
    }

    /// How many regions are held.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.by_start.len(), self.by_id.len());
        self.by_id.len()
    }

    fn remove(&mut self, id: u64) -> Option<Arc<Region>> {
        let region = self.by_id.pop(&id)?;
        self.by_start.remove(&region.start_key);
        Some(region)
    }

    fn at_or_before(&self, key: &[u8]) -> Option<u64> {
        let bounds = (Bound::Unbounded, Bound::Included(key));
        self.by_start.range::<[u8], _>(bounds).next_back().map(|(_, id)| *id)
    }

    /// Ids of the regions that share a key with `region`.
    fn overlapping(&self, region: &Region) -> Vec<u64> {
        let holds_start =
            |id: &u64| self.by_id.peek(id).is_some_and(|other| other.contains(&region.start_key));
        let before = self.at_or_before(&region.start_key).filter(holds_start);
        let mut ids: Vec<u64> = before.into_iter().collect();
        let from = Bound::Excluded(region.start_key.as_ref());
        for (start, id) in self.by_start.range::<[u8], _>((from, Bound::Unbounded)) {
            if !region.contains(start) {
                break;
            }
            ids.push(*id);
        }
        ids
    }
}

/// PD learns of buckets later than the stores do.
fn keep_newer_buckets(region: &mut Region, old: &Region) {
    let version = |region: &Region| region.buckets.as_ref().map_or(0, |buckets| buckets.version);
    let same_range = region.start_key == old.start_key && region.end_key == old.end_key;
    if same_range && version(old) > version(region) {
        region.buckets = old.buckets.clone();
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
