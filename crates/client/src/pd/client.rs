//! PD over gRPC.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tifusion_proto::{metapb, pdpb};

use super::call::{self, Call};
use super::failure::Failure;
use super::gc::TxnSafePoint;
use super::hold::{Hold, Holds};
use super::members::{Leader, Members};
use super::tso::Tso;
use super::{PdApi, RegionInfo, election, keys, scatter};
use crate::backoff::{BackoffKind, Backoffer};
use crate::clock::Clock;
use crate::error::Result;
use crate::options::ClientOptions;
use crate::timestamp::Timestamp;
use crate::transport::Channels;

/// What a last try gets when the budget is all but spent.
const LAST_TRY: Duration = Duration::from_millis(500);

/// The PD of a real cluster.
#[derive(Debug)]
pub struct PdClient {
    members: Arc<Members>,
    tso: Tso,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    /// This PD is older than `BatchScanRegions`.
    no_batch_scan: AtomicBool,
    txn_safe_point: TxnSafePoint,
    holds: Holds,
}

impl PdClient {
    /// Finds the cluster by the endpoints of the options, some of which may be dead.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when an endpoint is malformed, or the endpoints belong to
    ///   different clusters;
    /// - [`ErrorKind::DeadlineExceeded`](crate::ErrorKind::DeadlineExceeded) when no leader was found within `bo`'s budget: the message
    ///   names every address that was tried, and why it failed;
    /// - [`ErrorKind::Security`](crate::ErrorKind::Security) when TLS failed at all of them.
    pub async fn connect(
        options: &ClientOptions,
        channels: Arc<Channels>,
        clock: Arc<dyn Clock>,
        bo: &mut Backoffer,
    ) -> Result<Self> {
        let members = Arc::new(Members::new(options, channels, Arc::clone(&clock))?);
        let timeout = options.pd_timeout;
        let client = Self {
            tso: Tso::new(Arc::clone(&members), Arc::clone(&clock), timeout),
            members,
            clock,
            timeout,
            no_batch_scan: AtomicBool::new(false),
            txn_safe_point: TxnSafePoint::default(),
            holds: Holds::default(),
        };
        client.call(bo, |_call| std::future::ready(Ok(()))).await?;
        Ok(client)
    }

    /// Calls the leader until it answers, the failure is for good, or `bo`'s budget is spent. The
    /// time of failed calls counts.
    async fn call<T, F>(&self, bo: &mut Backoffer, request: impl Fn(Call) -> F + Sync) -> Result<T>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut moved = false;
        loop {
            bo.check_deadline()?;
            let began = self.clock.now();
            let timeout = self.timeout.min(bo.remaining().max(LAST_TRY));
            let (failure, at_leader) = match self.leader(bo, timeout).await {
                Err(failure) => (failure, false),
                Ok(leader) => {
                    let generation = leader.generation;
                    match request(self.call_to(leader, bo, timeout)).await {
                        Ok(answer) => return Ok(answer),
                        Err(failure) => {
                            self.members.suspect(generation);
                            (failure, true)
                        }
                    }
                }
            };
            bo.charge(self.clock.now().saturating_duration_since(began));
            if !failure.retry {
                return Err(failure.into_error());
            }
            // At first, the leader has moved: the new one can be asked at once.
            let in_time = !bo.remaining().is_zero() && bo.check_deadline().is_ok();
            if at_leader && !moved && in_time {
                moved = true;
                continue;
            }
            bo.backoff(BackoffKind::PdRpc, failure.into_error()).await?;
        }
    }

    /// The leader; in line behind another's search at most as long as one's own may take.
    async fn leader(&self, bo: &Backoffer, timeout: Duration) -> Result<Leader, Failure> {
        tokio::select! {
            biased;
            leader = self.members.leader(bo.bounded_timeout(timeout)) => leader,
            () = self.clock.sleep(bo.bounded_timeout(timeout * 2)) => {
                Err(Failure::passing("the search for PD's leader takes too long"))
            }
        }
    }

    fn call_to(&self, leader: Leader, bo: &Backoffer, timeout: Duration) -> Call {
        Call {
            members: Arc::clone(&self.members),
            clock: Arc::clone(&self.clock),
            leader,
            timeout: bo.bounded_timeout(timeout),
            patience: bo.bounded_timeout(timeout * 2),
        }
    }
}

fn region_info(answer: pdpb::GetRegionResponse) -> Result<Option<RegionInfo>> {
    keys::decode_info(pdpb::Region {
        region: answer.region,
        leader: answer.leader,
        down_peers: answer.down_peers,
        pending_peers: answer.pending_peers,
        buckets: answer.buckets,
    })
}

#[async_trait::async_trait]
impl PdApi for PdClient {
    async fn timestamp(&self, bo: &mut Backoffer) -> Result<Timestamp> {
        self.call(bo, |call| async move {
            let limit = call.patience;
            tokio::select! {
                biased;
                timestamp = self.tso.get(call.leader) => timestamp,
                () = self.clock.sleep(limit) => {
                    Err(Failure::passing(format!("no timestamp within {limit:?}")))
                }
            }
        })
        .await
    }

    async fn region_by_key(&self, bo: &mut Backoffer, key: &[u8]) -> Result<Option<RegionInfo>> {
        let region_key = &keys::encode(key);
        let answer = self.call(bo, |call| async move {
            let region_key = region_key.clone();
            let message =
                pdpb::GetRegionRequest { header: call.header(), region_key, need_buckets: true };
            let mut client = call.client()?;
            let answer = client.get_region(call.request(message));
            call.answer(answer, |answer| answer.header.as_ref()).await
        });
        region_info(answer.await?)
    }

    async fn region_by_id(&self, bo: &mut Backoffer, id: u64) -> Result<Option<RegionInfo>> {
        let answer = self.call(bo, |call| async move {
            let message = pdpb::GetRegionByIdRequest {
                header: call.header(),
                region_id: id,
                need_buckets: true,
            };
            let mut client = call.client()?;
            let answer = client.get_region_by_id(call.request(message));
            call.answer(answer, |answer| answer.header.as_ref()).await
        });
        region_info(answer.await?)
    }

    async fn scan_regions(
        &self,
        bo: &mut Backoffer,
        start: &[u8],
        end: &[u8],
        limit: u32,
    ) -> Result<Vec<RegionInfo>> {
        let range = &pdpb::KeyRange { start_key: keys::encode(start), end_key: keys::encode(end) };
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let old = &self.no_batch_scan;
        let told = self.call(bo, |call| async move {
            if !old.load(Ordering::Relaxed) {
                match call::batch_scan(&call, range.clone(), limit).await {
                    Err(failure) if failure.unimplemented => old.store(true, Ordering::Relaxed),
                    answer => return answer,
                }
            }
            call::scan(&call, range.clone(), limit).await
        });
        let told = told.await?;
        told.into_iter().filter_map(|region| keys::decode_info(region).transpose()).collect()
    }

    async fn store(&self, bo: &mut Backoffer, id: u64) -> Result<Option<metapb::Store>> {
        let answer = self.call(bo, |call| async move {
            let message = pdpb::GetStoreRequest { header: call.header(), store_id: id };
            let mut client = call.client()?;
            let answer = client.get_store(call.request(message));
            match call.answer(answer, |answer| answer.header.as_ref()).await {
                Ok(answer) => Ok(answer.store),
                // PD has no code of its own for it.
                Err(failure) if failure.message.contains("not found") => Ok(None),
                Err(failure) => Err(failure),
            }
        });
        let store = answer.await?;
        Ok(store.filter(|store| store.state() != metapb::StoreState::Tombstone))
    }

    async fn stores(&self, bo: &mut Backoffer) -> Result<Vec<metapb::Store>> {
        let answer = self.call(bo, |call| async move {
            let message =
                pdpb::GetAllStoresRequest { header: call.header(), exclude_tombstone_stores: true };
            let mut client = call.client()?;
            let answer = client.get_all_stores(call.request(message));
            call.answer(answer, |answer| answer.header.as_ref()).await
        });
        Ok(answer.await?.stores)
    }

    /// By `GetGCState` where PD has it, else from its etcd, else the GC safe point.
    async fn txn_safe_point(&self, bo: &mut Backoffer) -> Result<Timestamp> {
        let source = &self.txn_safe_point;
        let safe_point = self.call(bo, |call| async move { source.get(&call).await });
        Ok(Timestamp::new(safe_point.await?))
    }

    async fn hold_gc(
        &self,
        bo: &mut Backoffer,
        name: &str,
        ts: Timestamp,
        ttl: Duration,
    ) -> Result<()> {
        let (holds, hold) = (&self.holds, &Hold { name, ts, ttl });
        self.call(bo, |call| async move { holds.set(&call, hold).await }).await
    }

    async fn scatter_regions(&self, bo: &mut Backoffer, ids: &[u64], group: &str) -> Result<u64> {
        self.call(bo, |call| async move { scatter::scatter(&call, ids, group).await }).await
    }

    async fn is_scattering(&self, bo: &mut Backoffer, id: u64) -> Result<bool> {
        self.call(bo, |call| async move { scatter::is_scattering(&call, id).await }).await
    }

    async fn elected(&self, bo: &mut Backoffer, prefix: &str) -> Result<Option<Vec<u8>>> {
        self.call(bo, |call| async move { election::elected(&call, prefix).await }).await
    }

    fn cluster_id(&self) -> u64 {
        self.members.cluster_id()
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
