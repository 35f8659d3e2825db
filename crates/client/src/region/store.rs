//! A store as requests need it.

use std::collections::BTreeMap;

/// Whether a store takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreState {
    /// Serving.
    Up,
    /// Being emptied; still serving.
    Offline,
    /// Gone for good: regions that name it are stale.
    Tombstone,
}

/// A store: where it is and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Store id.
    pub id: u64,
    /// Address to dial, `host:port`, after the address map; empty for a tombstone.
    pub address: String,
    /// Labels, keys in lower case (PD compares them without case).
    pub labels: BTreeMap<String, String>,
    /// Whether it takes requests.
    pub state: StoreState,
    /// Its version, as it told PD (`8.5.2`).
    pub version: String,
    /// Whether it is a TiFlash store (label `engine` = `tiflash` or `tiflash_compute`).
    pub is_tiflash: bool,
}
