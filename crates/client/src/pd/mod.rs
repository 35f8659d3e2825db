//! The placement driver: timestamps, where regions and stores are, which snapshots are too
//! old.
//!
//! [`PdApi`] is what the rest of the client sees. Keys are raw on its surface; PD's own, which are
//! memory-comparable, are decoded and encoded behind it.

mod absent;
mod call;
mod client;
mod discovery;
mod election;
mod endpoint;
mod failure;
mod gc;
mod hold;
pub(crate) mod keys;
mod members;
mod probe;
mod scatter;
#[cfg(test)]
pub(crate) mod stub;
mod tso;

use std::fmt::Debug;
use std::time::Duration;

use tifusion_proto::metapb;

use crate::backoff::Backoffer;
use crate::error::{ClientError, ErrorKind, Result};
use crate::timestamp::Timestamp;

pub(crate) use absent::AbsentPd;
pub use client::PdClient;
pub use probe::{EndpointAnswer, PdEndpoint, PdMember, probe};

/// A region as PD knows it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RegionInfo {
    /// The region; its boundaries are raw keys here, the empty end key is unbounded.
    pub region: metapb::Region,
    /// The leader, when PD knows one.
    pub leader: Option<metapb::Peer>,
    /// Buckets (sub-ranges), when the cluster keeps them.
    pub buckets: Option<BucketInfo>,
    /// Ids of the peers that the leader takes for dead.
    pub down_peers: Vec<u64>,
    /// Ids of the peers that lag behind.
    pub pending_peers: Vec<u64>,
}

/// A region's buckets as PD or a store tells them, keys raw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BucketInfo {
    /// Changes when the keys do.
    pub version: u64,
    /// Boundaries in order, the region's own first and last.
    pub keys: Vec<Vec<u8>>,
}

/// PD as the client uses it. An implementation retries across members and leader changes, within
/// the backoffer's budget.
#[async_trait::async_trait]
pub trait PdApi: Send + Sync + Debug + 'static {
    /// Whether nobody may ask it, so that all that follows is refused.
    fn is_absent(&self) -> bool {
        false
    }

    /// A timestamp greater than every one taken before this call began.
    ///
    /// # Errors
    /// When PD cannot be reached in time, or its timestamps go backwards.
    async fn timestamp(&self, bo: &mut Backoffer) -> Result<Timestamp>;

    /// The region that holds `key`; `None` when PD knows none (yet).
    ///
    /// # Errors
    /// When PD cannot be reached in time or answers nonsense.
    async fn region_by_key(&self, bo: &mut Backoffer, key: &[u8]) -> Result<Option<RegionInfo>>;

    /// The region with this id; `None` when PD knows none.
    ///
    /// # Errors
    /// As [`PdApi::region_by_key`].
    async fn region_by_id(&self, bo: &mut Backoffer, id: u64) -> Result<Option<RegionInfo>>;

    /// At most `limit` regions from the one that holds `start` on, in key order, those that begin at
    /// or after `end` (empty: unbounded) left out. May have holes while regions split or merge.
    ///
    /// # Errors
    /// As [`PdApi::region_by_key`].
    async fn scan_regions(
        &self,
        bo: &mut Backoffer,
        start: &[u8],
        end: &[u8],
        limit: u32,
    ) -> Result<Vec<RegionInfo>>;

    /// The store with this id; `None` when PD knows none or has buried it.
    ///
    /// # Errors
    /// As [`PdApi::region_by_key`].
    async fn store(&self, bo: &mut Backoffer, id: u64) -> Result<Option<metapb::Store>>;

    /// All stores that are not buried.
    ///
    /// # Errors
    /// As [`PdApi::region_by_key`].
    async fn stores(&self, bo: &mut Backoffer) -> Result<Vec<metapb::Store>>;

    /// The timestamp below which no snapshot may be read any more (the transaction safe point): what
    /// it needs may be gone.
    ///
    /// # Errors
    /// As [`PdApi::region_by_key`].
    async fn txn_safe_point(&self, bo: &mut Backoffer) -> Result<Timestamp>;

    /// Holds garbage collection back at `ts` for `ttl`, in the name of a service, or lets go when `ttl` is
    /// zero. Again before that time is over renews it.
    ///
    /// # Errors
    /// [`ErrorKind::SnapshotTooOld`] when it is too late for that, else as [`PdApi::region_by_key`].
    async fn hold_gc(
        &self,
        _bo: &mut Backoffer,
        _name: &str,
        _ts: Timestamp,
        _ttl: Duration,
    ) -> Result<()> {
        Err(ClientError::new(ErrorKind::Refused, "this PD cannot hold garbage collection back"))
    }

    /// Asks for regions to be spread over the stores, those of a group apart from each other; the share
    /// that was taken on, in percent.
    ///
    /// # Errors
    /// As [`PdApi::region_by_key`].
    async fn scatter_regions(
        &self,
        _bo: &mut Backoffer,
        _ids: &[u64],
        _group: &str,
    ) -> Result<u64> {
        Err(ClientError::new(ErrorKind::Refused, "this PD scatters no regions"))
    }

    /// Whether a region that was to be scattered is still on its way.
    ///
    /// # Errors
    /// As [`PdApi::region_by_key`].
    async fn is_scattering(&self, _bo: &mut Backoffer, _id: u64) -> Result<bool> {
        Ok(false)
    }

    /// What the winner of an election in PD's etcd says of itself (where it is, say); `None` while nobody has
    /// won. `prefix` is what the candidates' keys begin with.
    ///
    /// # Errors
    /// As [`PdApi::region_by_key`].
    async fn elected(&self, _bo: &mut Backoffer, _prefix: &str) -> Result<Option<Vec<u8>>> {
        Err(ClientError::new(ErrorKind::Refused, "this PD knows of no elections"))
    }

    /// The cluster's id.
    fn cluster_id(&self) -> u64;
}
