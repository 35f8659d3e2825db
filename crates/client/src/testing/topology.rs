//! Regions that split and move.

use tifusion_codec::bytes;
use tifusion_proto::metapb;

use super::State;

/// A region of the cluster, keys raw.
#[derive(Debug, Clone)]
pub(crate) struct FakeRegion {
    pub(crate) id: u64,
    pub(crate) conf_ver: u64,
    pub(crate) version: u64,
    pub(crate) start: Vec<u8>,
    pub(crate) end: Vec<u8>,
    pub(crate) stores: Vec<u64>,
    pub(crate) leader_store: u64,
    pub(crate) buckets: Option<(u64, Vec<Vec<u8>>)>,
    /// Grows with every write, lock, split and merge.
    pub(crate) data_version: u64,
}

impl FakeRegion {
    pub(super) fn first(id: u64, stores: &[u64]) -> Self {
        Self {
            id,
            conf_ver: 1,
            version: 1,
            start: Vec::new(),
            end: Vec::new(),
            stores: stores.to_vec(),
            leader_store: stores[0],
            buckets: None,
            data_version: 5,
        }
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.start.as_slice() <= key && (self.end.is_empty() || key < self.end.as_slice())
    }

    pub(crate) fn peer(&self, store_id: u64) -> metapb::Peer {
        metapb::Peer { id: self.id * 100 + store_id, store_id, ..metapb::Peer::default() }
    }

    /// With raw boundaries, as [`crate::pd::PdApi`] tells it.
    pub(crate) fn meta(&self) -> metapb::Region {
        metapb::Region {
            id: self.id,
            start_key: self.start.clone(),
            end_key: self.end.clone(),
            region_epoch: Some(metapb::RegionEpoch {
                conf_ver: self.conf_ver,
                version: self.version,
            }),
            peers: self.stores.iter().map(|store| self.peer(*store)).collect(),
            ..metapb::Region::default()
        }
    }

    /// With boundaries as a store sends them.
    pub(crate) fn encoded(&self) -> metapb::Region {
        let mut meta = self.meta();
        meta.start_key = encode(&meta.start_key);
        meta.end_key = encode(&meta.end_key);
        meta
    }
}

pub(crate) fn encode(key: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if !key.is_empty() {
        bytes::encode_bytes(&mut out, key);
    }
    out
}

impl State {
    pub(crate) fn region_of(&mut self, key: &[u8]) -> &mut FakeRegion {
        self.regions.iter_mut().find(|region| region.contains(key)).unwrap()
    }

    /// Something was written at `key`.
    pub(super) fn touch(&mut self, key: &[u8]) {
        self.region_of(key).data_version += 1;
    }

    /// Splits the region of `key` there; the right part keeps the id, as in TiKV.
    pub(crate) fn split(&mut self, key: &[u8]) {
        let index = self.regions.iter().position(|region| region.contains(key)).unwrap();
        if self.regions[index].start == key {
            return;
        }
        let right = &mut self.regions[index];
        right.version += 1;
        right.data_version += 1;
        let mut left = right.clone();
        right.start = key.to_vec();
        right.buckets = None;
        left.buckets = None;
        left.end = key.to_vec();
        left.id = self.next_id;
        self.next_id += 1;
        self.regions.insert(index, left);
    }

    /// Moves the leader of the region of `key`.
    pub(crate) fn transfer_leader(&mut self, key: &[u8], store: u64) {
        self.region_of(key).leader_store = store;
    }

    /// Merges the region of `key` with the one after it, into the latter.
    pub(crate) fn merge_right(&mut self, key: &[u8]) {
        let index = self.regions.iter().position(|region| region.contains(key)).unwrap();
        let left = self.regions.remove(index);
        let right = &mut self.regions[index];
        right.version = right.version.max(left.version) + 1;
        right.data_version = right.data_version.max(left.data_version) + 1;
        right.start = left.start;
        right.buckets = None;
    }
}
