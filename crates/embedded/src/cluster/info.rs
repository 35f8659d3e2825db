//! Regions and stores as the cluster's user sees them.

use tifusion_codec::key::from_region_key;

use crate::topology::{RegionState, StoreState};

/// A region at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegionInfo {
    /// Its id.
    pub id: u64,
    /// The raw key of its first row; empty for the first region.
    pub start_key: Vec<u8>,
    /// The raw key before which it ends; empty for the last region.
    pub end_key: Vec<u8>,
    /// Epoch: grows with splits and merges.
    pub version: u64,
    /// Epoch: grows with changes of peers.
    pub conf_ver: u64,
    /// The store of its leader; `None` while most of its voters are dead.
    pub leader_store: Option<u64>,
    /// The stores of all its peers.
    pub stores: Vec<u64>,
}

impl RegionInfo {
    pub(super) fn new(region: &RegionState) -> Self {
        // Borders are encodings: splits see to that.
        let raw = |border: &[u8]| from_region_key(border).unwrap_or_default();
        Self {
            id: region.meta.id,
            start_key: raw(&region.meta.start_key),
            end_key: raw(&region.meta.end_key),
            version: region.epoch().version,
            conf_ver: region.epoch().conf_ver,
            leader_store: region.leader_peer().map(|peer| peer.store_id),
            stores: region.meta.peers.iter().map(|peer| peer.store_id).collect(),
        }
    }
}

/// A store at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreInfo {
    /// Its id.
    pub id: u64,
    /// Where it listens, `host:port`.
    pub address: String,
    /// Whether it answers.
    pub alive: bool,
    /// Whether it is a TiFlash store.
    pub tiflash: bool,
}

impl StoreInfo {
    pub(super) fn new(store: &StoreState) -> Self {
        Self {
            id: store.meta.id,
            address: store.meta.address.clone(),
            alive: store.alive,
            tiflash: store.is_tiflash(),
        }
    }
}
