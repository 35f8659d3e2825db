//! A store as requests need it.

use std::collections::BTreeMap;

use tifusion_proto::metapb;

use crate::options::AddressMap;

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
    /// Its address as PD has it, by which the other stores know it.
    pub advertised: String,
    /// Labels, keys in lower case (PD compares them without case).
    pub labels: BTreeMap<String, String>,
    /// Whether it takes requests.
    pub state: StoreState,
    /// Its version, as it told PD (`8.5.2`).
    pub version: String,
    /// Whether it is a TiFlash store (label `engine` = `tiflash` or `tiflash_compute`).
    pub is_tiflash: bool,
}

impl Store {
    /// The store that PD described, reached by the address that `map` gives.
    #[must_use]
    pub fn from_meta(store: metapb::Store, map: Option<&dyn AddressMap>) -> Self {
        let state = state_of(&store);
        if state == StoreState::Tombstone {
            return Self::tombstone(store.id);
        }
        let labels: BTreeMap<_, _> = store
            .labels
            .into_iter()
            .map(|label| (label.key.to_ascii_lowercase(), label.value))
            .collect();
        let engine = labels.get("engine").map(|engine| engine.to_ascii_lowercase());
        let mapped = map.and_then(|map| map.map(&store.address));
        Self {
            id: store.id,
            address: mapped.unwrap_or_else(|| store.address.clone()),
            advertised: store.address,
            labels,
            state,
            version: store.version,
            is_tiflash: matches!(engine.as_deref(), Some("tiflash" | "tiflash_compute")),
        }
    }

    /// The first part of its version; `None` if it tells none, as TiDB's own double of TiKV.
    #[must_use]
    pub fn major_version(&self) -> Option<u64> {
        self.version.trim_start_matches('v').split('.').next()?.parse().ok()
    }

    /// A store that is gone.
    #[must_use]
    pub fn tombstone(id: u64) -> Self {
        Self {
            id,
            address: String::new(),
            advertised: String::new(),
            labels: BTreeMap::new(),
            state: StoreState::Tombstone,
            version: String::new(),
            is_tiflash: false,
        }
    }
}

/// Old PDs tell `state` only, new ones `node_state` too.
fn state_of(store: &metapb::Store) -> StoreState {
    use metapb::{NodeState, StoreState as Told};
    match (store.state(), store.node_state()) {
        (Told::Tombstone, _) | (_, NodeState::Removed) => StoreState::Tombstone,
        (Told::Offline, _) | (_, NodeState::Removing) => StoreState::Offline,
        _ => StoreState::Up,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outside;

    impl AddressMap for Outside {
        fn map(&self, address: &str) -> Option<String> {
            (address == "tikv-0:20160").then(|| "127.0.0.1:1".to_owned())
        }
    }

    fn meta() -> metapb::Store {
        metapb::Store {
            id: 4,
            address: "tikv-0:20160".to_owned(),
            version: "8.5.2".to_owned(),
            labels: vec![metapb::StoreLabel { key: "Zone".to_owned(), value: "A".to_owned() }],
            ..metapb::Store::default()
        }
    }

    #[test]
    fn a_store_is_reached_by_its_mapped_address() {
        let store = Store::from_meta(meta(), Some(&Outside));
        assert_eq!((&*store.address, &*store.advertised), ("127.0.0.1:1", "tikv-0:20160"));
        assert_eq!(store.labels["zone"], "A");
        assert_eq!((store.state, store.is_tiflash), (StoreState::Up, false));
        assert_eq!(Store::from_meta(meta(), None).address, "tikv-0:20160");
    }

    #[test]
    fn a_store_may_tell_its_version() {
        let major = |version: &str| {
            let told = metapb::Store { version: version.to_owned(), ..meta() };
            Store::from_meta(told, None).major_version()
        };
        let told = ["8.5.2", "v5.0.0-rc", "4", "", "nightly", "-1.2", "99999999999999999999.0"];
        assert_eq!(told.map(major), [Some(8), Some(5), Some(4), None, None, None, None]);
    }

    #[test]
    fn tiflash_is_known_by_its_label() {
        for engine in ["tiflash", "TiFlash", "tiflash_compute"] {
            let mut told = meta();
            let label = metapb::StoreLabel { key: "engine".to_owned(), value: engine.to_owned() };
            told.labels.push(label);
            assert!(Store::from_meta(told, None).is_tiflash, "{engine}");
        }
    }

    #[test]
    fn leaving_stores_serve_and_buried_ones_do_not() {
        let mut told = meta();
        told.set_state(metapb::StoreState::Offline);
        assert_eq!(Store::from_meta(told, None).state, StoreState::Offline);
        let mut told = meta();
        told.set_node_state(metapb::NodeState::Removed);
        assert_eq!(Store::from_meta(told, None), Store::tombstone(4));
        let mut told = meta();
        told.set_state(metapb::StoreState::Tombstone);
        assert_eq!(Store::from_meta(told, None), Store::tombstone(4));
    }
}
