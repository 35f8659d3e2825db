//! A region as requests need it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tifusion_proto::{kvrpcpb, metapb};

use crate::error::{ClientError, ErrorKind, Result};
use crate::pd::{BucketInfo, RegionInfo};

/// A region at one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegionVerId {
    /// Region id.
    pub id: u64,
    /// Grows when peers are added or removed.
    pub conf_ver: u64,
    /// Grows when the region splits or merges.
    pub version: u64,
}

impl fmt::Display for RegionVerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (conf_ver {}, version {})", self.id, self.conf_ver, self.version)
    }
}

/// A region's buckets, cleaned: raw keys, strictly ascending, the first one the region's start, the
/// last one its end (empty when the region is unbounded).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buckets {
    /// Changes when the keys do; requests carry it.
    pub version: u64,
    /// Boundaries: bucket `i` is `keys[i]..keys[i + 1]`.
    pub keys: Vec<Bytes>,
}

/// A region at one epoch with the peers that can be asked, plain data.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// Id and epoch.
    pub ver_id: RegionVerId,
    /// First raw key.
    pub start_key: Bytes,
    /// Raw key after the last; empty when unbounded.
    pub end_key: Bytes,
    /// All peers, learners and witnesses too; never empty.
    pub peers: Vec<metapb::Peer>,
    /// The leader; when nobody told one, a guess: the first healthy voter.
    pub leader: metapb::Peer,
    /// Ids of the peers that the leader takes for dead.
    pub down_peers: Vec<u64>,
    /// Ids of the peers that lag behind.
    pub pending_peers: Vec<u64>,
    /// Buckets, when the cluster keeps them.
    pub buckets: Option<Arc<Buckets>>,
}

impl Region {
    /// The region that PD described.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when it has no id, no epoch or no peer, or ends before it starts.
    pub fn from_info(info: RegionInfo) -> Result<Self> {
        let RegionInfo { region, leader, buckets, down_peers, pending_peers } = info;
        let malformed = |why: &str| {
            ClientError::new(ErrorKind::Protocol, format!("a region {why}")).with_region(region.id)
        };
        let epoch = region.region_epoch.as_ref().ok_or_else(|| malformed("without an epoch"))?;
        if region.id == 0 {
            return Err(malformed("without an id"));
        }
        if !region.end_key.is_empty() && region.start_key >= region.end_key {
            return Err(malformed("that ends before it starts"));
        }
        let healthy = |peer: &&metapb::Peer| {
            !peer.is_witness && !down_peers.contains(&peer.id) && !pending_peers.contains(&peer.id)
        };
        let told = leader.filter(|leader| region.peers.iter().any(|peer| peer.id == leader.id));
        let leader = told
            .or_else(|| region.peers.iter().filter(is_voter).find(healthy).copied())
            .or_else(|| {
                region.peers.iter().find(|peer| is_voter(peer) && !peer.is_witness).copied()
            })
            .or_else(|| region.peers.first().copied())
            .ok_or_else(|| malformed("without a peer"))?;
        let ver_id =
            RegionVerId { id: region.id, conf_ver: epoch.conf_ver, version: epoch.version };
        let (start_key, end_key) = (Bytes::from(region.start_key), Bytes::from(region.end_key));
        let buckets = buckets.map(|info| Arc::new(Buckets::new(info, &start_key, &end_key)));
        let peers = region.peers;
        Ok(Self { ver_id, start_key, end_key, peers, leader, down_peers, pending_peers, buckets })
    }

    /// Whether the raw `key` is in the region.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.start_key.as_ref() <= key && (self.end_key.is_empty() || key < self.end_key.as_ref())
    }

    /// The peer on this store, when there is one.
    #[must_use]
    pub fn peer_on_store(&self, store_id: u64) -> Option<&metapb::Peer> {
        self.peers.iter().find(|peer| peer.store_id == store_id)
    }

    /// Whether the peer is neither down nor pending nor a witness.
    #[must_use]
    pub fn is_healthy(&self, peer: &metapb::Peer) -> bool {
        !peer.is_witness
            && !self.down_peers.contains(&peer.id)
            && !self.pending_peers.contains(&peer.id)
    }

    /// The epoch as requests carry it.
    #[must_use]
    pub fn epoch(&self) -> metapb::RegionEpoch {
        metapb::RegionEpoch { conf_ver: self.ver_id.conf_ver, version: self.ver_id.version }
    }

    /// A request context that names this region, its epoch, its buckets' version and `peer`.
    #[must_use]
    pub fn context(&self, peer: &metapb::Peer) -> kvrpcpb::Context {
        kvrpcpb::Context {
            region_id: self.ver_id.id,
            region_epoch: Some(self.epoch()),
            peer: Some(*peer),
            buckets_version: self.buckets.as_ref().map_or(0, |buckets| buckets.version),
            ..kvrpcpb::Context::default()
        }
    }
}

impl Buckets {
    /// Cleans what PD or a store told about the region `start_key..end_key`: keys outside of it (it
    /// may have been split since) and out of order ones do no harm.
    #[must_use]
    pub fn new(info: BucketInfo, start_key: &Bytes, end_key: &Bytes) -> Self {
        let inside = |key: &Vec<u8>| key > start_key && (end_key.is_empty() || key < end_key);
        let mut inner: Vec<_> = info.keys.into_iter().filter(inside).map(Bytes::from).collect();
        inner.sort_unstable();
        inner.dedup();
        let mut keys = Vec::with_capacity(inner.len() + 2);
        keys.push(start_key.clone());
        keys.append(&mut inner);
        keys.push(end_key.clone());
        Self { version: info.version, keys }
    }
}

fn is_voter(peer: &&metapb::Peer) -> bool {
    peer.role() != metapb::PeerRole::Learner
}

#[cfg(test)]
#[path = "types_tests.rs"]
mod tests;
