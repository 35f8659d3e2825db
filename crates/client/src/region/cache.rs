//! The bounded cache of regions and stores.

use std::sync::Arc;

use tifusion_proto::metapb;

use super::store::Store;
use super::types::{Region, RegionVerId};
use crate::backoff::Backoffer;
use crate::error::{ClientError, ErrorKind, Result};
use crate::options::ClientOptions;
use crate::pd::PdApi;

/// Finds the regions of keys and ranges and the addresses of stores, asking PD for those it does not
/// know.
#[derive(Debug)]
pub struct RegionCache {
    pd: Arc<dyn PdApi>,
}

impl RegionCache {
    /// An empty cache over `pd`.
    #[must_use]
    pub fn new(pd: Arc<dyn PdApi>, options: &ClientOptions) -> Self {
        let _ = options;
        Self { pd }
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
        let _ = (bo, key);
        Err(ClientError::new(ErrorKind::Protocol, "not written yet"))
    }

    /// The regions that cover the raw range `start..end` (empty `end`: unbounded), in key order,
    /// without a hole: each one starts where the one before ends.
    ///
    /// # Errors
    /// As [`RegionCache::locate_key`].
    pub async fn locate_range(
        &self,
        bo: &mut Backoffer,
        start: &[u8],
        end: &[u8],
    ) -> Result<Vec<Arc<Region>>> {
        let _ = (bo, start, end);
        Err(ClientError::new(ErrorKind::Protocol, "not written yet"))
    }

    /// The cached region at exactly this epoch.
    #[must_use]
    pub fn cached(&self, ver: RegionVerId) -> Option<Arc<Region>> {
        let _ = ver;
        None
    }

    /// Forgets the region, unless the cache already holds another epoch of it.
    pub fn invalidate(&self, ver: RegionVerId) {
        let _ = ver;
    }

    /// Makes the peer on `leader`'s store the region's leader. `false` when the cached region has no
    /// such peer (it is forgotten then), or the cache holds no such epoch.
    pub fn switch_leader(&self, ver: RegionVerId, leader: &metapb::Peer) -> bool {
        let _ = (ver, leader);
        false
    }

    /// Takes in the regions of an `EpochNotMatch`, as the store sent them (boundaries
    /// memory-comparable); the peer on `leader_store` becomes the leader of those that have one
    /// there. Regions older than those cached are ignored.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when a boundary or region is malformed; the others are taken in.
    pub fn install(&self, regions: &[metapb::Region], leader_store: u64) -> Result<()> {
        let _ = (regions, leader_store);
        Ok(())
    }

    /// Takes in newer buckets of a `BucketVersionNotMatch` or of an answer, keys as the store sent
    /// them (memory-comparable). Older versions and keys that cannot be decoded are ignored: buckets
    /// only say how to divide the work.
    pub fn update_buckets(&self, ver: RegionVerId, version: u64, keys: Vec<Vec<u8>>) {
        let _ = (ver, version, keys);
    }

    /// The store with this id. One that PD no longer knows comes back as a
    /// [`StoreState::Tombstone`](super::StoreState::Tombstone).
    ///
    /// # Errors
    /// When PD cannot be reached in time.
    pub async fn store(&self, bo: &mut Backoffer, store_id: u64) -> Result<Arc<Store>> {
        let _ = (bo, store_id);
        Err(ClientError::new(ErrorKind::Protocol, "not written yet"))
    }

    /// Forgets the store, so that its address is asked of PD again: after `StoreNotMatch`, and when
    /// its address refuses connections.
    pub fn invalidate_store(&self, store_id: u64) {
        let _ = store_id;
    }
}
