//! The bounded cache of regions and stores.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tifusion_proto::metapb;
use tokio::sync::Semaphore;

use super::cover::Cover;
use super::flight::Flights;
use super::index::RegionIndex;
use super::store::Store;
use super::store_cache::StoreCache;
use super::types::{Buckets, Region, RegionVerId};
use crate::backoff::{BackoffKind, Backoffer};
use crate::error::{ClientError, ErrorKind, Result};
use crate::options::ClientOptions;
use crate::pd::{BucketInfo, PdApi, RegionInfo, keys};

/// Finds the regions of keys and ranges and the addresses of stores, asking PD for those it does not
/// know.
///
/// It holds at most `region_cache_capacity` regions. Callers who miss the same key at once share one
/// PD call, and at most `region_load_concurrency` calls are under way.
#[derive(Debug)]
pub struct RegionCache {
    pd: Arc<dyn PdApi>,
    index: Mutex<RegionIndex>,
    flights: Flights<Bytes>,
    loads: Semaphore,
    scan_limit: u32,
    stores: StoreCache,
}

impl RegionCache {
    /// An empty cache over `pd`.
    #[must_use]
    pub fn new(pd: Arc<dyn PdApi>, options: &ClientOptions) -> Self {
        Self {
            pd,
            index: Mutex::new(RegionIndex::new(options.region_cache_capacity)),
            flights: Flights::default(),
            loads: Semaphore::new(options.region_load_concurrency.max(1)),
            scan_limit: options.region_scan_limit.max(1),
            stores: StoreCache::new(options.address_map.clone()),
        }
    }

    /// The PD behind it.
    #[must_use]
    pub fn pd(&self) -> &Arc<dyn PdApi> {
        &self.pd
    }

    /// The region that holds the raw `key`.
    ///
    /// # Errors
    /// When PD cannot be reached, or knows no such region, until `bo`'s budget is spent.
    pub async fn locate_key(&self, bo: &mut Backoffer, key: &[u8]) -> Result<Arc<Region>> {
        loop {
            if let Some(region) = self.index.lock().get(key) {
                return Ok(region);
            }
            if let Err(cause) = self.load_key(bo, key).await? {
                bo.backoff(BackoffKind::RegionMiss, cause).await?;
            }
        }
    }

    /// The regions that cover the raw range `start..end` (empty `end`: unbounded), in key order,
    /// without a hole: each one starts where the one before ends. None for an empty range.
    ///
    /// # Errors
    /// As [`RegionCache::locate_key`].
    pub async fn locate_range(
        &self,
        bo: &mut Backoffer,
        start: &[u8],
        end: &[u8],
    ) -> Result<Vec<Arc<Region>>> {
        let mut cover = Cover::new(start, end);
        loop {
            self.cover_from_index(&mut cover);
            let Some(gap) = cover.gap().cloned() else { return Ok(cover.into_regions()) };
            if let Err(cause) = self.load_range(bo, &gap, &mut cover).await? {
                bo.backoff(BackoffKind::RegionMiss, cause).await?;
            }
        }
    }

    /// The cached region at exactly this epoch.
    #[must_use]
    pub fn cached(&self, ver: RegionVerId) -> Option<Arc<Region>> {
        self.index.lock().get_version(ver).cloned()
    }

    /// Forgets the region, unless the cache already holds another epoch of it.
    pub fn invalidate(&self, ver: RegionVerId) {
        self.index.lock().remove_version(ver);
    }

    /// Makes the peer on `leader`'s store the region's leader. `false` when the cached region has no
    /// such peer (it is forgotten then), or the cache holds no such epoch.
    pub fn switch_leader(&self, ver: RegionVerId, leader: &metapb::Peer) -> bool {
        let mut index = self.index.lock();
        let Some(region) = index.get_version(ver) else { return false };
        let Some(peer) = region.peer_on_store(leader.store_id) else {
            index.remove_version(ver);
            return false;
        };
        let switched = Region { leader: *peer, ..Region::clone(region) };
        index.replace(switched);
        true
    }

    /// Takes in the regions of an `EpochNotMatch`, as the store sent them (boundaries
    /// memory-comparable); the peer on `leader_store` becomes the leader of those that have one
    /// there. Regions older than those cached are ignored.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when a boundary or region is malformed; the others are taken in.
    pub fn install(&self, regions: &[metapb::Region], leader_store: u64) -> Result<()> {
        let mut result = Ok(());
        for told in regions {
            let leader = told.peers.iter().find(|peer| peer.store_id == leader_store).copied();
            let described = keys::decode_region(told.clone())
                .map(|region| RegionInfo { region, leader, ..RegionInfo::default() })
                .and_then(Region::from_info);
            match described {
                Ok(region) => {
                    self.index.lock().insert(region);
                }
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    /// Takes in newer buckets of a `BucketVersionNotMatch` or of an answer, keys as the store sent
    /// them (memory-comparable). Older versions and keys that cannot be decoded are ignored: buckets
    /// only say how to divide the work.
    pub fn update_buckets(&self, ver: RegionVerId, version: u64, keys: Vec<Vec<u8>>) {
        let Ok(keys) = keys::decode_keys(keys) else {
            tracing::debug!(region = ver.id, "the store's bucket keys cannot be decoded");
            return;
        };
        let mut index = self.index.lock();
        let Some(region) = index.get_version(ver) else { return };
        if region.buckets.as_ref().is_some_and(|buckets| buckets.version >= version) {
            return;
        }
        let mut updated = Region::clone(region);
        let info = BucketInfo { version, keys };
        let buckets = Buckets::new(info, &updated.start_key, &updated.end_key);
        updated.buckets = Some(Arc::new(buckets));
        index.replace(updated);
    }

    /// The store with this id. One that PD no longer knows comes back as a
    /// [`StoreState::Tombstone`](super::StoreState::Tombstone).
    ///
    /// # Errors
    /// When PD cannot be reached in time.
    pub async fn store(&self, bo: &mut Backoffer, store_id: u64) -> Result<Arc<Store>> {
        self.stores.get(&*self.pd, bo, store_id).await
    }

    /// The stores that were needed so far: those that are there whenever something was read.
    #[must_use]
    pub fn known_stores(&self) -> Vec<Arc<Store>> {
        self.stores.all()
    }

    /// Forgets the store, so that its address is asked of PD again: after `StoreNotMatch`, and when
    /// its address refuses connections.
    pub fn invalidate_store(&self, store_id: u64) {
        self.stores.invalidate(store_id);
    }

    /// One turn of looking `key` up. The inner error is one that may pass.
    async fn load_key(&self, bo: &mut Backoffer, key: &[u8]) -> Result<Result<()>> {
        let flight = self.flights.enter(Bytes::copy_from_slice(key));
        let _flight = bo.wait("another lookup of the same region", flight).await?;
        let _load = bo.wait("other lookups of regions", self.loads.acquire()).await?;
        if self.index.lock().get(key).is_some() {
            bo.moved_on();
            return Ok(Ok(()));
        }
        let answer = self.pd.region_by_key(bo, key).await?;
        bo.moved_on();
        let Some(info) = answer else {
            return Ok(Err(missing(key, "PD knows no region")));
        };
        let region = match Region::from_info(info) {
            Ok(region) => region,
            Err(error) => return Ok(Err(error)),
        };
        if !region.contains(key) {
            return Ok(Err(missing(key, "PD told a region that does not hold the key")));
        }
        let mut index = self.index.lock();
        // A refused region is older than one in the index, which may hold the key as well.
        if index.insert(region).is_some() || index.get(key).is_some() {
            return Ok(Ok(()));
        }
        Ok(Err(missing(key, "PD told a region older than one already known")))
    }

    /// Appends what the index knows.
    fn cover_from_index(&self, cover: &mut Cover) {
        let mut index = self.index.lock();
        while let Some(region) = cover.gap().and_then(|gap| index.get(gap)) {
            if !cover.push(region) {
                return;
            }
        }
    }

    /// One turn of asking PD for the regions from `gap` on, appended to `cover` directly: the index
    /// may hold fewer than the range needs. The inner error is one that may pass.
    async fn load_range(
        &self,
        bo: &mut Backoffer,
        gap: &Bytes,
        cover: &mut Cover,
    ) -> Result<Result<()>> {
        let flight = self.flights.enter(gap.clone());
        let _flight = bo.wait("another lookup of the same regions", flight).await?;
        let _load = bo.wait("other lookups of regions", self.loads.acquire()).await?;
        if let Some(region) = self.index.lock().get(gap) {
            bo.moved_on();
            cover.push(region);
            return Ok(Ok(()));
        }
        let infos = self.pd.scan_regions(bo, gap, cover.end(), self.scan_limit).await?;
        bo.moved_on();
        let malformed = self.absorb(infos, cover);
        if cover.gap() != Some(gap) {
            return Ok(Ok(()));
        }
        let cause = malformed
            .unwrap_or_else(|| missing(gap, "PD tells no region that continues the range"));
        Ok(Err(cause))
    }

    /// Takes PD's regions into the index and into `cover`, up to the first hole, stale or malformed
    /// one (which is returned).
    fn absorb(&self, infos: Vec<RegionInfo>, cover: &mut Cover) -> Option<ClientError> {
        let mut index = self.index.lock();
        for info in infos {
            let region = match Region::from_info(info) {
                Ok(region) => region,
                Err(error) => return Some(error),
            };
            let pushed = index.insert(region).is_some_and(|region| cover.push(region));
            if !pushed {
                break;
            }
        }
        None
    }
}

fn missing(key: &[u8], what: &str) -> ClientError {
    ClientError::new(ErrorKind::Unavailable, format!("{what}: it may be splitting or merging"))
        .with_key(key)
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
