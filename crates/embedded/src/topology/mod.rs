//! Where regions, their peers and the stores are: a state machine without I/O.
//!
//! Borders are memory-comparable keys, as PD and region errors carry them. Regions always cover all keys,
//! in order and without overlap; every change of a border or of the peers raises the region's epoch as
//! TiKV raises it.

mod change;
mod placement;
mod saved;
mod writes;

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::{Excluded, Included, Unbounded};

use tifusion_proto::{metapb, pdpb};

pub(crate) use change::Part;
pub(crate) use saved::SavedTopology;
pub(crate) use writes::WriteToken;
use writes::Writes;

/// Voters of a region, as many stores allowing.
const VOTERS: usize = 3;

/// Why the topology cannot be changed as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// There is no such region.
    #[error("there is no region {0}")]
    UnknownRegion(u64),
    /// There is no such store, or it is gone for good.
    #[error("there is no store {0}")]
    UnknownStore(u64),
    /// The store is dead.
    #[error("store {0} is dead")]
    StoreDown(u64),
    /// The store has no peer of the region that could lead.
    #[error("store {store} has no voter of region {region}")]
    NoVoter {
        /// The region.
        region: u64,
        /// The store.
        store: u64,
    },
    /// The region already has a peer on the store.
    #[error("store {store} has a peer of region {region} already")]
    PeerExists {
        /// The region.
        region: u64,
        /// The store.
        store: u64,
    },
    /// The regions do not touch each other.
    #[error("regions {0} and {1} are no neighbours")]
    NotNeighbours(u64, u64),
    /// The region has no neighbour on this side.
    #[error("region {0} has no neighbour there")]
    NoNeighbour(u64),
    /// The key is no memory-comparable encoding.
    #[error("the split key is no memory-comparable key")]
    BadKey,
    /// The cluster would be left without a store.
    #[error("store {0} is the last one")]
    LastStore(u64),
}

/// A store as the topology knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoreState {
    pub(crate) meta: metapb::Store,
    /// Whether it answers.
    pub(crate) alive: bool,
}

impl StoreState {
    /// Whether it keeps columnar replicas: never a voter, never a leader.
    pub(crate) fn is_tiflash(&self) -> bool {
        self.meta.labels.iter().any(|label| label.key == "engine" && label.value == "tiflash")
    }

    fn is_gone(&self) -> bool {
        self.meta.state() == metapb::StoreState::Tombstone
    }
}

/// A region as the topology knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RegionState {
    pub(crate) meta: metapb::Region,
    /// Peer id of the leader; `None` while most voters are dead.
    pub(crate) leader: Option<u64>,
    /// Raft term: grows with each election.
    pub(crate) term: u64,
    pub(crate) buckets: Option<metapb::Buckets>,
    /// Grows with each write; what the coprocessor cache compares.
    pub(crate) data_version: u64,
    /// Bytes that it held when its size was last looked at, or more.
    pub(crate) measured: u64,
    /// Bytes written to it since, or more.
    pub(crate) written: u64,
}

impl RegionState {
    /// The leader, with its store.
    pub(crate) fn leader_peer(&self) -> Option<metapb::Peer> {
        self.leader.and_then(|id| self.meta.peers.iter().find(|peer| peer.id == id).copied())
    }

    /// The peer on this store.
    pub(crate) fn peer_on(&self, store: u64) -> Option<metapb::Peer> {
        self.meta.peers.iter().find(|peer| peer.store_id == store).copied()
    }

    /// It does not hold more bytes than this.
    pub(crate) fn size_bound(&self) -> u64 {
        self.measured.saturating_add(self.written)
    }

    pub(crate) fn epoch(&self) -> metapb::RegionEpoch {
        self.meta.region_epoch.unwrap_or_default()
    }

    /// Whether `key` (memory-comparable) lies in the region.
    pub(crate) fn holds(&self, key: &[u8]) -> bool {
        self.meta.start_key.as_slice() <= key && before_end(key, &self.meta.end_key)
    }

    fn voters(&self) -> impl Iterator<Item = &metapb::Peer> {
        self.meta.peers.iter().filter(|peer| peer.role() == metapb::PeerRole::Voter)
    }

    /// As PD tells of it.
    pub(crate) fn to_pd(&self, with_buckets: bool) -> pdpb::Region {
        pdpb::Region {
            region: Some(self.meta.clone()),
            leader: self.leader_peer(),
            buckets: self.buckets.clone().filter(|_| with_buckets),
            ..pdpb::Region::default()
        }
    }
}

/// Whether `key` lies before the border `end`, where the empty border is the end of all keys.
pub(crate) fn before_end(key: &[u8], end: &[u8]) -> bool {
    end.is_empty() || key < end
}

/// Regions, peers and stores.
#[derive(Debug)]
pub(crate) struct Topology {
    stores: BTreeMap<u64, StoreState>,
    /// By start key.
    regions: BTreeMap<Vec<u8>, RegionState>,
    starts: HashMap<u64, Vec<u8>>,
    next_id: u64,
    /// Grows with each change worth saving.
    revision: u64,
    writes: Writes,
}

impl Topology {
    /// One region over all keys, on the first stores; the rows of `stores` are told apart by their ids,
    /// 1 and up. TiFlash stores get a learner.
    pub(crate) fn bootstrap(stores: impl IntoIterator<Item = metapb::Store>) -> Self {
        let mut topology = Self {
            stores: BTreeMap::new(),
            regions: BTreeMap::new(),
            starts: HashMap::new(),
            next_id: 1,
            revision: 0,
            writes: Writes::default(),
        };
        for meta in stores {
            topology.next_id = topology.next_id.max(meta.id.saturating_add(1));
            topology.stores.insert(meta.id, StoreState { meta, alive: true });
        }
        let mut region = RegionState {
            meta: metapb::Region {
                id: topology.alloc_id(),
                region_epoch: Some(metapb::RegionEpoch { conf_ver: 1, version: 1 }),
                ..metapb::Region::default()
            },
            leader: None,
            term: 5,
            buckets: None,
            data_version: 5,
            measured: 0,
            written: 0,
        };
        let (tiflash, tikv): (Vec<_>, Vec<_>) =
            topology.stores.values().partition(|store| store.is_tiflash());
        let voters: Vec<u64> = tikv.iter().take(VOTERS).map(|store| store.meta.id).collect();
        let learners: Vec<u64> = tiflash.iter().map(|store| store.meta.id).collect();
        for (stores, role) in
            [(voters, metapb::PeerRole::Voter), (learners, metapb::PeerRole::Learner)]
        {
            for store_id in stores {
                let id = topology.alloc_id();
                let peer = metapb::Peer { id, store_id, role: role.into(), is_witness: false };
                region.meta.peers.push(peer);
            }
        }
        region.leader = region.meta.peers.first().map(|peer| peer.id);
        topology.put(region);
        topology
    }

    /// Ids shared by stores, regions and peers, as PD hands them out.
    pub(crate) fn alloc_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id = self.next_id.saturating_add(1);
        self.revision = self.revision.saturating_add(1);
        id
    }

    /// Grows with each change worth saving.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    fn changed(&mut self) {
        self.revision = self.revision.saturating_add(1);
    }

    fn put(&mut self, region: RegionState) {
        self.starts.insert(region.meta.id, region.meta.start_key.clone());
        self.regions.insert(region.meta.start_key.clone(), region);
        self.changed();
    }

    fn take(&mut self, id: u64) -> Result<RegionState, TopologyError> {
        self.starts
            .remove(&id)
            .and_then(|start| self.regions.remove(&start))
            .ok_or(TopologyError::UnknownRegion(id))
    }

    /// The region with this id.
    pub(crate) fn region(&self, id: u64) -> Option<&RegionState> {
        self.starts.get(&id).and_then(|start| self.regions.get(start))
    }

    pub(crate) fn region_mut(&mut self, id: u64) -> Result<&mut RegionState, TopologyError> {
        self.starts
            .get(&id)
            .and_then(|start| self.regions.get_mut(start))
            .ok_or(TopologyError::UnknownRegion(id))
    }

    /// The region that holds `key`.
    pub(crate) fn region_of(&self, key: &[u8]) -> Option<&RegionState> {
        self.regions
            .range::<[u8], _>((Unbounded, Included(key)))
            .next_back()
            .map(|(_, region)| region)
    }

    /// The region before the one that holds `key`.
    pub(crate) fn region_before(&self, key: &[u8]) -> Option<&RegionState> {
        let start = &self.region_of(key)?.meta.start_key;
        self.regions
            .range::<[u8], _>((Unbounded, Excluded(start.as_slice())))
            .next_back()
            .map(|(_, region)| region)
    }

    /// The region after the one with this id.
    pub(crate) fn region_after(&self, id: u64) -> Option<&RegionState> {
        let end = &self.region(id)?.meta.end_key;
        self.regions.get(end).filter(|_| !end.is_empty())
    }

    /// The regions that overlap `start..end`, in order.
    pub(crate) fn regions_in<'a>(
        &'a self,
        start: &'a [u8],
        end: &'a [u8],
    ) -> impl Iterator<Item = &'a RegionState> {
        let first = self.region_of(start).map_or(&[][..], |region| &region.meta.start_key);
        self.regions
            .range::<[u8], _>((Included(first), Unbounded))
            .map(|(_, region)| region)
            .take_while(move |region| before_end(&region.meta.start_key, end))
    }

    /// All regions, in order.
    pub(crate) fn regions(&self) -> impl DoubleEndedIterator<Item = &RegionState> {
        self.regions.values()
    }

    /// The regions that may stand in the place of `region`, whose request is `behind` versions late: itself
    /// and as many to its left, since a split leaves the old id to the right part (TiKV's
    /// `collect_sibling_region`).
    pub(crate) fn with_siblings(
        &self,
        region: &RegionState,
        requested: u64,
    ) -> Vec<metapb::Region> {
        const MOST: usize = 10;
        let mut told = vec![region.meta.clone()];
        let mut newest = region.epoch().version;
        let mut left = newest.saturating_sub(requested);
        let start = region.meta.start_key.as_slice();
        let before = self.regions.range::<[u8], _>((Unbounded, Excluded(start))).rev();
        for (_, sibling) in before.take(MOST) {
            if left == 0 {
                break;
            }
            left -= 1;
            let version = sibling.epoch().version;
            left += version.saturating_sub(newest);
            newest = newest.max(version);
            told.push(sibling.meta.clone());
        }
        told
    }

    /// A store, gone ones included.
    pub(crate) fn store(&self, id: u64) -> Option<&StoreState> {
        self.stores.get(&id)
    }

    /// All stores, gone ones included.
    pub(crate) fn stores(&self) -> impl Iterator<Item = &StoreState> {
        self.stores.values()
    }
}

#[cfg(test)]
mod tests;
