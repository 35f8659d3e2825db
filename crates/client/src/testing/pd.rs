//! The cluster's PD: tells the truth, and the time.

use std::time::Duration;

use tifusion_proto::metapb;

use super::{FakeCluster, FakeRegion};
use crate::backoff::{BackoffKind, Backoffer};
use crate::error::{ClientError, ErrorKind, Result};
use crate::pd::{BucketInfo, PdApi, RegionInfo};
use crate::timestamp::Timestamp;

fn info(region: &FakeRegion) -> RegionInfo {
    RegionInfo {
        region: region.meta(),
        leader: Some(region.peer(region.leader_store)),
        buckets: region
            .buckets
            .as_ref()
            .map(|(version, keys)| BucketInfo { version: *version, keys: keys.clone() }),
        down_peers: Vec::new(),
        pending_peers: Vec::new(),
    }
}

#[async_trait::async_trait]
impl PdApi for FakeCluster {
    async fn timestamp(&self, bo: &mut Backoffer) -> Result<Timestamp> {
        while self.state.lock().pd_is_down {
            let cause = ClientError::new(ErrorKind::Unavailable, "PD is down");
            bo.backoff(BackoffKind::PdRpc, cause).await?;
        }
        let mut state = self.state.lock();
        state.pd_calls.push("tso".to_owned());
        state.logical += 1;
        let now = self.now();
        Ok(Timestamp::from_parts(now.physical_ms(), state.logical % 200_000).unwrap())
    }

    async fn region_by_key(&self, _: &mut Backoffer, key: &[u8]) -> Result<Option<RegionInfo>> {
        let mut state = self.state.lock();
        state.pd_calls.push(format!("region {}", String::from_utf8_lossy(key)));
        Ok(state.regions.iter().find(|region| region.contains(key)).map(info))
    }

    async fn region_by_id(&self, _: &mut Backoffer, id: u64) -> Result<Option<RegionInfo>> {
        Ok(self.state.lock().regions.iter().find(|region| region.id == id).map(info))
    }

    async fn scan_regions(
        &self,
        _: &mut Backoffer,
        start: &[u8],
        end: &[u8],
        limit: u32,
    ) -> Result<Vec<RegionInfo>> {
        let mut state = self.state.lock();
        state.pd_calls.push(format!("scan {}", String::from_utf8_lossy(start)));
        let inside = |region: &&FakeRegion| {
            (region.contains(start) || region.start.as_slice() > start)
                && (end.is_empty() || region.start.as_slice() < end)
        };
        Ok(state.regions.iter().filter(inside).take(limit as usize).map(info).collect())
    }

    async fn store(&self, _: &mut Backoffer, id: u64) -> Result<Option<metapb::Store>> {
        let mut state = self.state.lock();
        state.pd_calls.push(format!("store {id}"));
        Ok(state.stores.get(&id).map(|store| metapb::Store {
            id,
            address: store.address.clone(),
            labels: store
                .is_tiflash
                .then(|| metapb::StoreLabel { key: "engine".into(), value: "tiflash".into() })
                .into_iter()
                .chain([metapb::StoreLabel { key: "Zone".into(), value: format!("z{id}") }])
                .collect(),
            ..metapb::Store::default()
        }))
    }

    async fn stores(&self, _: &mut Backoffer) -> Result<Vec<metapb::Store>> {
        Ok(Vec::new())
    }

    async fn txn_safe_point(&self, _: &mut Backoffer) -> Result<Timestamp> {
        Ok(Timestamp::new(self.state.lock().safe_point))
    }

    async fn hold_gc(
        &self,
        bo: &mut Backoffer,
        name: &str,
        ts: Timestamp,
        ttl: Duration,
    ) -> Result<()> {
        while self.state.lock().pd_is_down {
            let cause = ClientError::new(ErrorKind::Unavailable, "PD is down");
            bo.backoff(BackoffKind::PdRpc, cause).await?;
        }
        let mut state = self.state.lock();
        state.pd_calls.push(format!("hold {name} {}s", ttl.as_secs()));
        if ttl.is_zero() {
            state.holds.remove(name);
        } else if state.safe_point > ts.version() {
            return Err(ClientError::new(ErrorKind::SnapshotTooOld, "too late"));
        } else {
            state.holds.insert(name.to_owned(), ts.version());
        }
        Ok(())
    }

    async fn scatter_regions(&self, _: &mut Backoffer, ids: &[u64], group: &str) -> Result<u64> {
        let mut state = self.state.lock();
        state.pd_calls.push(format!("scatter {group}"));
        state.scattered.extend(ids);
        Ok(100)
    }

    async fn is_scattering(&self, _: &mut Backoffer, id: u64) -> Result<bool> {
        // Each is on its way for three questions.
        let mut state = self.state.lock();
        state.pd_calls.push(format!("operator {id}"));
        let asked = format!("operator {id}");
        Ok(state.pd_calls.iter().filter(|call| **call == asked).count() <= 3)
    }

    fn cluster_id(&self) -> u64 {
        7
    }
}
