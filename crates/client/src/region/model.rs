//! A small cluster of regions that split and merge, and a PD that tells of it late or with holes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tifusion_proto::metapb;

use super::types::RegionVerId;
use crate::backoff::{BackoffKind, Backoffer};
use crate::clock::TokioClock;
use crate::error::{ClientError, ErrorKind, Result};
use crate::pd::{PdApi, RegionInfo};
use crate::timestamp::Timestamp;

/// Regions in key order that cover all keys.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) regions: Vec<RegionInfo>,
    next_id: u64,
}

impl Model {
    /// One region over all keys, on stores 1 to 3, led by store 1.
    pub(super) fn new() -> Self {
        let region = metapb::Region {
            id: 1,
            region_epoch: Some(metapb::RegionEpoch { conf_ver: 1, version: 1 }),
            peers: peers_of(1),
            ..metapb::Region::default()
        };
        let leader = region.peers.first().copied();
        Self { regions: vec![RegionInfo { region, leader, ..RegionInfo::default() }], next_id: 2 }
    }

    /// Split at each of these keys.
    pub(super) fn split_at<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        let mut model = Self::new();
        for key in keys {
            model.split(key.as_bytes());
        }
        model
    }

    /// The place of the region that holds `key`.
    pub(super) fn find(&self, key: &[u8]) -> usize {
        self.regions.partition_point(|info| info.region.start_key.as_slice() <= key) - 1
    }

    /// Splits the region that holds `key` at `key`; the right part keeps its id, as in TiKV.
    pub(super) fn split(&mut self, key: &[u8]) {
        let at = self.find(key);
        let mut right = self.regions[at].clone();
        if right.region.start_key == key {
            return;
        }
        right.region.region_epoch.as_mut().unwrap().version += 1;
        let mut left = right.clone();
        right.region.start_key = key.to_vec();
        left.region.end_key = key.to_vec();
        left.region.id = self.next_id;
        left.region.peers = peers_of(self.next_id);
        left.leader = left.region.peers.first().copied();
        self.next_id += 1;
        self.regions[at] = left;
        self.regions.insert(at + 1, right);
    }

    /// Merges region number `at` with the one after it, into either.
    pub(super) fn merge(&mut self, at: usize, into_left: bool) {
        if at + 1 >= self.regions.len() {
            return;
        }
        let right = self.regions.remove(at + 1);
        let left = self.regions[at].clone();
        let mut merged = if into_left { left.clone() } else { right.clone() };
        let version = version(&left).max(version(&right)) + 1;
        merged.region.region_epoch.as_mut().unwrap().version = version;
        merged.region.start_key = left.region.start_key;
        merged.region.end_key = right.region.end_key;
        self.regions[at] = merged;
    }

    /// Adds a peer on a new store to region number `at`.
    pub(super) fn change_peers(&mut self, at: usize) {
        let info = &mut self.regions[at];
        info.region.region_epoch.as_mut().unwrap().conf_ver += 1;
        let store_id = 10 + u64::try_from(info.region.peers.len()).unwrap();
        let id = info.region.id * 100 + store_id;
        info.region.peers.push(metapb::Peer { id, store_id, ..metapb::Peer::default() });
    }
}

fn peers_of(region: u64) -> Vec<metapb::Peer> {
    (1..=3)
        .map(|store_id| metapb::Peer {
            id: region * 100 + store_id,
            store_id,
            ..metapb::Peer::default()
        })
        .collect()
}

fn version(info: &RegionInfo) -> u64 {
    info.region.region_epoch.as_ref().unwrap().version
}

pub(super) fn ver_id(info: &RegionInfo) -> RegionVerId {
    let epoch = info.region.region_epoch.as_ref().unwrap();
    RegionVerId { id: info.region.id, conf_ver: epoch.conf_ver, version: epoch.version }
}

/// PD over a history of models, the newest last.
#[derive(Debug)]
pub(super) struct FakePd {
    history: Mutex<Vec<Model>>,
    /// How old the next answers are, in models; 0 when there are none left.
    pub(super) lags: Mutex<VecDeque<usize>>,
    /// Regions left out of the next answers, by place.
    pub(super) holes: Mutex<VecDeque<usize>>,
    pub(super) stores: Mutex<Vec<metapb::Store>>,
    /// Calls retry in vain while this is set.
    pub(super) down: Mutex<bool>,
    /// Time that every call takes.
    pub(super) latency: Mutex<Duration>,
    pub(super) region_calls: AtomicUsize,
    pub(super) store_calls: AtomicUsize,
}

impl FakePd {
    pub(super) fn new(model: Model) -> Arc<Self> {
        Arc::new(Self {
            history: Mutex::new(vec![model]),
            lags: Mutex::default(),
            holes: Mutex::default(),
            stores: Mutex::default(),
            down: Mutex::default(),
            latency: Mutex::default(),
            region_calls: AtomicUsize::default(),
            store_calls: AtomicUsize::default(),
        })
    }

    pub(super) fn newest(&self) -> Model {
        self.history.lock().last().unwrap().clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Model)) {
        let mut model = self.newest();
        change(&mut model);
        self.history.lock().push(model);
    }

    /// The region that held `key` in model number `at` of the history.
    pub(super) fn history_region(&self, at: usize, key: &str) -> metapb::Region {
        let model = &self.history.lock()[at];
        model.regions[model.find(key.as_bytes())].region.clone()
    }

    pub(super) fn calls(&self) -> usize {
        self.region_calls.load(Ordering::Relaxed)
    }

    /// What PD knows at the time of the next answer.
    async fn answer(&self, bo: &mut Backoffer) -> Result<Vec<RegionInfo>> {
        self.region_calls.fetch_add(1, Ordering::Relaxed);
        self.network(bo).await?;
        let history = self.history.lock();
        let lag = self.lags.lock().pop_front().unwrap_or(0);
        let mut regions = history[history.len().saturating_sub(lag + 1)].regions.clone();
        let hole = self.holes.lock().pop_front();
        if let Some(hole) = hole.filter(|hole| *hole < regions.len()) {
            regions.remove(hole);
        }
        Ok(regions)
    }

    async fn network(&self, bo: &mut Backoffer) -> Result<()> {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let latency = *self.latency.lock();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        while *self.down.lock() {
            let cause = ClientError::new(ErrorKind::Unavailable, "PD is down");
            bo.backoff(BackoffKind::PdRpc, cause).await?;
        }
        Ok(())
    }
}

fn holds(info: &RegionInfo, key: &[u8]) -> bool {
    let region = &info.region;
    region.start_key.as_slice() <= key
        && (region.end_key.is_empty() || key < region.end_key.as_slice())
}

#[async_trait::async_trait]
impl PdApi for FakePd {
    async fn timestamp(&self, _bo: &mut Backoffer) -> Result<Timestamp> {
        Ok(Timestamp::new(1))
    }

    async fn region_by_key(&self, bo: &mut Backoffer, key: &[u8]) -> Result<Option<RegionInfo>> {
        Ok(self.answer(bo).await?.into_iter().find(|info| holds(info, key)))
    }

    async fn region_by_id(&self, bo: &mut Backoffer, id: u64) -> Result<Option<RegionInfo>> {
        Ok(self.answer(bo).await?.into_iter().find(|info| info.region.id == id))
    }

    async fn scan_regions(
        &self,
        bo: &mut Backoffer,
        start: &[u8],
        end: &[u8],
        limit: u32,
    ) -> Result<Vec<RegionInfo>> {
        let regions = self.answer(bo).await?.into_iter();
        Ok(regions
            .skip_while(|info| {
                !info.region.end_key.is_empty() && info.region.end_key.as_slice() <= start
            })
            .take_while(|info| end.is_empty() || info.region.start_key.as_slice() < end)
            .take(usize::try_from(limit).unwrap())
            .collect())
    }

    async fn store(&self, bo: &mut Backoffer, id: u64) -> Result<Option<metapb::Store>> {
        self.store_calls.fetch_add(1, Ordering::Relaxed);
        self.network(bo).await?;
        Ok(self.stores.lock().iter().find(|store| store.id == id).cloned())
    }

    async fn stores(&self, _bo: &mut Backoffer) -> Result<Vec<metapb::Store>> {
        Ok(self.stores.lock().clone())
    }

    async fn txn_safe_point(&self, _bo: &mut Backoffer) -> Result<Timestamp> {
        Ok(Timestamp::ZERO)
    }

    fn cluster_id(&self) -> u64 {
        1
    }
}

/// A backoffer on Tokio's clock, which tests pause.
pub(super) fn backoffer(budget: Duration) -> Backoffer {
    Backoffer::new(Arc::new(TokioClock), budget)
}
