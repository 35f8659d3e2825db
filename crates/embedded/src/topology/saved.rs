//! The topology on disk.

use tifusion_proto::{metapb, pdpb};

use super::{RegionState, StoreState, Topology, Writes};

/// A region as it is saved.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SavedRegion {
    #[prost(message, optional, tag = "1")]
    region: Option<pdpb::Region>,
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(uint64, tag = "3")]
    data_version: u64,
}

/// The topology as it is saved. Which stores are dead is not: all live again after a restart.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SavedTopology {
    #[prost(message, repeated, tag = "1")]
    stores: Vec<metapb::Store>,
    #[prost(message, repeated, tag = "2")]
    pub(super) regions: Vec<SavedRegion>,
    #[prost(uint64, tag = "3")]
    next_id: u64,
}

/// Added to data versions on a restart: more than the writes between two saves.
const VERSION_LEAP: u64 = 1 << 32;

impl Topology {
    /// What is to be saved.
    pub(crate) fn save(&self) -> SavedTopology {
        let regions = self.regions().map(|region| SavedRegion {
            region: Some(region.to_pd(false)),
            term: region.term,
            data_version: region.data_version,
        });
        SavedTopology {
            stores: self.stores().map(|store| store.meta.clone()).collect(),
            regions: regions.collect(),
            next_id: self.next_id,
        }
    }

    /// The topology that was saved; `None` when the regions do not cover all keys in order.
    pub(crate) fn restore(saved: SavedTopology) -> Option<Self> {
        let mut topology = Self {
            stores: std::collections::BTreeMap::new(),
            regions: std::collections::BTreeMap::new(),
            starts: std::collections::HashMap::new(),
            next_id: saved.next_id,
            revision: 0,
            writes: Writes::default(),
        };
        for meta in saved.stores {
            let state = StoreState { alive: true, meta };
            let alive = !state.is_gone();
            topology.stores.insert(state.meta.id, StoreState { alive, ..state });
        }
        let mut border = Some(Vec::new());
        for saved in saved.regions {
            let told = saved.region?;
            let meta = told.region?;
            if border.as_ref() != Some(&meta.start_key) {
                return None;
            }
            border = Some(meta.end_key.clone()).filter(|end| !end.is_empty());
            topology.put(RegionState {
                leader: told.leader.map(|peer| peer.id),
                meta,
                term: saved.term.saturating_add(1),
                buckets: None,
                data_version: saved.data_version.saturating_add(VERSION_LEAP),
                // Nobody has looked yet.
                measured: u64::MAX >> 1,
                written: u64::MAX >> 1,
            });
        }
        if border.is_some() {
            return None;
        }
        topology.elect();
        Some(topology)
    }
}
