//! The stores: they check a request as TiKV does, and answer it.

use std::time::Duration;

use bytes::Bytes;
use tifusion_proto::{coprocessor, errorpb, kvrpcpb};

use super::fault::{self, Call, Lost};
use super::mvcc::Found;
use super::{FakeCluster, FakeRegion, State, encode_row};
use crate::transport::{BatchAnswers, StoreRequest, StoreResponse, StoreTransport, TransportError};

/// Counts a call in and out, however it ends.
struct InFlight<'a>(&'a FakeCluster);

impl<'a> InFlight<'a> {
    fn new(cluster: &'a FakeCluster) -> Self {
        let mut state = cluster.state.lock();
        state.in_flight += 1;
        state.peak_in_flight = state.peak_in_flight.max(state.in_flight);
        Self(cluster)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.state.lock().in_flight -= 1;
    }
}

#[async_trait::async_trait]
impl StoreTransport for FakeCluster {
    async fn call(
        &self,
        address: &str,
        request: StoreRequest,
        timeout: Duration,
    ) -> Result<StoreResponse, TransportError> {
        let _counted = InFlight::new(self);
        let (call, verdict, latency) = self.arrive(address, request, timeout)?;
        let delay = latency + verdict.delay;
        if verdict.silent || delay > timeout {
            tokio::time::sleep(timeout).await;
            return Err(TransportError::Timeout { address: address.to_owned(), timeout });
        }
        tokio::time::sleep(delay).await;
        if let Some(error) = verdict.transport {
            return Err(error);
        }
        if let Some(answer) = verdict.answer {
            return Ok(answer);
        }
        let (answer, lost) = {
            let mut state = self.state.lock();
            let error = verdict.region_error.or_else(|| state.check(&call));
            (state.answer(&call, error, verdict.other_error), verdict.lost)
        };
        match lost {
            Some(lost) => self.lose(&call, answer, lost, timeout).await,
            None => Ok(answer),
        }
    }

    /// Its stores pass nothing on.
    async fn forward(
        &self,
        _: &str,
        target: &str,
        _: StoreRequest,
        _: Duration,
    ) -> Result<StoreResponse, TransportError> {
        let message = "this store forwards nothing".to_owned();
        Err(TransportError::Connect { address: target.to_owned(), message })
    }

    async fn batch(
        &self,
        address: &str,
        request: coprocessor::BatchRequest,
        timeout: Duration,
    ) -> Result<BatchAnswers, TransportError> {
        self.serve_batch(address, request, timeout).await
    }

    fn disconnect(&self, address: &str) {
        self.state.lock().disconnects.push(address.to_owned());
    }
}

impl FakeCluster {
    /// The answer was made, but does not arrive.
    async fn lose(
        &self,
        call: &Call,
        answer: StoreResponse,
        lost: Lost,
        timeout: Duration,
    ) -> Result<StoreResponse, TransportError> {
        let address = self.state.lock().stores[&call.store].address.clone();
        match lost {
            Lost::Timeout => {
                tokio::time::sleep(timeout).await;
                Err(TransportError::Timeout { address, timeout })
            }
            Lost::Reset => Err(fault::reset(&address)),
            Lost::Region(error) => Ok(super::write::with_region_error(answer, *error)),
        }
    }

    fn arrive(
        &self,
        address: &str,
        request: StoreRequest,
        timeout: Duration,
    ) -> Result<(Call, fault::Verdict, Duration), TransportError> {
        let mut state = self.state.lock();
        let (command, context) = parts(&request);
        let store = state.stores.iter().find(|(_, store)| store.address == address);
        let (id, is_down) = store.map_or((0, true), |(id, store)| (*id, store.is_down));
        let at = self.elapsed();
        let call = Call { command, store: id, context, request, at, timeout };
        state.calls.push(call.clone());
        let verdict = state.fire(&call, address);
        if is_down {
            return Err(fault::refused(address));
        }
        Ok((call, verdict, state.latency))
    }
}

fn parts(request: &StoreRequest) -> (&'static str, kvrpcpb::Context) {
    let (command, context) = match request {
        StoreRequest::Coprocessor(request) => ("coprocessor", &request.context),
        StoreRequest::Get(request) => ("get", &request.context),
        StoreRequest::BatchGet(request) => ("batch_get", &request.context),
        StoreRequest::Scan(request) => ("scan", &request.context),
        StoreRequest::CheckTxnStatus(request) => ("check_txn_status", &request.context),
        StoreRequest::CheckSecondaryLocks(request) => ("check_secondary_locks", &request.context),
        StoreRequest::ResolveLock(request) => ("resolve_lock", &request.context),
        StoreRequest::PessimisticRollback(request) => ("pessimistic_rollback", &request.context),
        StoreRequest::Prewrite(request) => ("prewrite", &request.context),
        StoreRequest::Commit(request) => ("commit", &request.context),
        StoreRequest::BatchRollback(request) => ("batch_rollback", &request.context),
        StoreRequest::TxnHeartBeat(request) => ("txn_heart_beat", &request.context),
        StoreRequest::SplitRegion(request) => ("split_region", &request.context),
    };
    (command, context.clone().expect("a request without a context"))
}

/// Ranges of keys that a request touches.
fn touched(request: &StoreRequest) -> Vec<(Vec<u8>, Vec<u8>)> {
    let point = |key: &Vec<u8>| {
        let mut end = key.clone();
        end.push(0);
        (key.clone(), end)
    };
    match request {
        StoreRequest::Coprocessor(request) => {
            request.ranges.iter().map(|range| (range.start.clone(), range.end.clone())).collect()
        }
        StoreRequest::Get(request) => vec![point(&request.key)],
        StoreRequest::BatchGet(request) => request.keys.iter().map(point).collect(),
        StoreRequest::Scan(request) => vec![(request.start_key.clone(), request.end_key.clone())],
        StoreRequest::CheckTxnStatus(request) => vec![point(&request.primary_key)],
        StoreRequest::CheckSecondaryLocks(request) => request.keys.iter().map(point).collect(),
        StoreRequest::ResolveLock(request) => request.keys.iter().map(point).collect(),
        StoreRequest::PessimisticRollback(request) => request.keys.iter().map(point).collect(),
        StoreRequest::Prewrite(request) => {
            request.mutations.iter().map(|mutation| point(&mutation.key)).collect()
        }
        StoreRequest::Commit(request) => request.keys.iter().map(point).collect(),
        StoreRequest::BatchRollback(request) => request.keys.iter().map(point).collect(),
        StoreRequest::TxnHeartBeat(request) => vec![point(&request.primary_lock)],
        StoreRequest::SplitRegion(request) => request.split_keys.iter().map(point).collect(),
    }
}

/// The timestamp that a read is of.
fn version_of(request: &StoreRequest) -> u64 {
    match request {
        StoreRequest::Get(request) => request.version,
        StoreRequest::BatchGet(request) => request.version,
        StoreRequest::Scan(request) => request.version,
        StoreRequest::Coprocessor(request) => request.start_ts,
        other => panic!("no read: {other:?}"),
    }
}

impl State {
    /// The region error of a request that does not fit, in TiKV's order.
    fn check(&self, call: &Call) -> Option<errorpb::Error> {
        let context = &call.context;
        let Some(region) = self.regions.iter().find(|region| region.id == context.region_id) else {
            return Some(errorpb::Error {
                region_not_found: Some(errorpb::RegionNotFound { region_id: context.region_id }),
                ..errorpb::Error::default()
            });
        };
        if context.stale_read && self.safe_ts < version_of(&call.request) {
            return Some(errorpb::Error {
                data_is_not_ready: Some(errorpb::DataIsNotReady {
                    region_id: region.id,
                    safe_ts: self.safe_ts,
                    ..errorpb::DataIsNotReady::default()
                }),
                ..errorpb::Error::default()
            });
        }
        let is_tiflash = self.stores.get(&call.store).is_some_and(|store| store.is_tiflash);
        let any_peer = context.replica_read || context.stale_read || is_tiflash;
        if region.leader_store != call.store && !any_peer {
            return Some(errorpb::Error {
                not_leader: Some(errorpb::NotLeader {
                    region_id: region.id,
                    leader: Some(region.peer(region.leader_store)),
                }),
                ..errorpb::Error::default()
            });
        }
        let epoch = context.region_epoch.unwrap_or_default();
        if (epoch.conf_ver, epoch.version) != (region.conf_ver, region.version) {
            let current = self.regions.iter().filter(|other| near(other, region));
            return Some(errorpb::Error {
                epoch_not_match: Some(errorpb::EpochNotMatch {
                    current_regions: current.map(FakeRegion::encoded).collect(),
                }),
                ..errorpb::Error::default()
            });
        }
        for (start, end) in touched(&call.request) {
            let inside = region.contains(&start)
                && (region.end.is_empty() || (!end.is_empty() && end <= region.end))
                || end == [start.as_slice(), &[0]].concat() && region.contains(&start);
            assert!(inside, "{call:?} touches keys outside of {region:?}");
        }
        if let Some((version, keys)) = &region.buckets
            && call.command == "coprocessor"
            && context.buckets_version != *version
        {
            return Some(errorpb::Error {
                bucket_version_not_match: Some(errorpb::BucketVersionNotMatch {
                    version: *version,
                    keys: keys.iter().map(|key| super::topology::encode(key)).collect(),
                }),
                ..errorpb::Error::default()
            });
        }
        None
    }

    fn answer(
        &mut self,
        call: &Call,
        region_error: Option<errorpb::Error>,
        other_error: Option<String>,
    ) -> StoreResponse {
        let clean = region_error.is_none();
        match &call.request {
            StoreRequest::Coprocessor(request) => {
                let mut response = coprocessor::Response::default();
                if let Some(text) = other_error {
                    response.other_error = text;
                } else if clean {
                    response = self.coprocessor(request, &call.context);
                }
                response.region_error = region_error;
                StoreResponse::Coprocessor(response)
            }
            StoreRequest::Get(request) => {
                let mut response = kvrpcpb::GetResponse::default();
                if clean {
                    match self.read(&request.key, request.version, &call.context) {
                        Found::Value(value) => response.value = value,
                        Found::Nothing => response.not_found = true,
                        Found::Locked(lock) => response.error = Some(locked(lock)),
                    }
                }
                StoreResponse::Get(kvrpcpb::GetResponse { region_error, ..response })
            }
            StoreRequest::BatchGet(request) => {
                let mut response = kvrpcpb::BatchGetResponse::default();
                if clean {
                    let keys = request.keys.clone();
                    response.pairs = self.pairs(keys, request.version, &call.context);
                }
                StoreResponse::BatchGet(kvrpcpb::BatchGetResponse { region_error, ..response })
            }
            StoreRequest::Scan(request) => {
                let mut response = kvrpcpb::ScanResponse::default();
                if clean {
                    let keys = self.keys_in(&request.start_key, &request.end_key);
                    response.pairs = self.pairs(keys, request.version, &call.context);
                    response.pairs.truncate(request.limit as usize);
                }
                StoreResponse::Scan(kvrpcpb::ScanResponse { region_error, ..response })
            }
            other => self.settle(other, call.region(), region_error),
        }
    }

    /// The commands that settle transactions.
    fn settle(
        &mut self,
        request: &StoreRequest,
        region: u64,
        region_error: Option<errorpb::Error>,
    ) -> StoreResponse {
        let clean = region_error.is_none();
        match request {
            StoreRequest::CheckTxnStatus(request) => {
                let response =
                    if clean { self.check_txn_status(request) } else { Default::default() };
                StoreResponse::CheckTxnStatus(kvrpcpb::CheckTxnStatusResponse {
                    region_error,
                    ..response
                })
            }
            StoreRequest::CheckSecondaryLocks(request) => {
                let response =
                    if clean { self.check_secondary_locks(request) } else { Default::default() };
                StoreResponse::CheckSecondaryLocks(kvrpcpb::CheckSecondaryLocksResponse {
                    region_error,
                    ..response
                })
            }
            StoreRequest::ResolveLock(request) => {
                if clean {
                    self.resolve_lock(request, region);
                }
                StoreResponse::ResolveLock(kvrpcpb::ResolveLockResponse {
                    region_error,
                    ..Default::default()
                })
            }
            StoreRequest::PessimisticRollback(request) => {
                if clean {
                    self.pessimistic_rollback(request);
                }
                StoreResponse::PessimisticRollback(kvrpcpb::PessimisticRollbackResponse {
                    region_error,
                    ..Default::default()
                })
            }
            other => self.write(other, region_error),
        }
    }

    fn pairs(
        &self,
        keys: Vec<Vec<u8>>,
        ts: u64,
        context: &kvrpcpb::Context,
    ) -> Vec<kvrpcpb::KvPair> {
        let pair = |key: Vec<u8>| match self.read(&key, ts, context) {
            Found::Nothing => None,
            Found::Value(value) => Some(kvrpcpb::KvPair { key, value, ..Default::default() }),
            // TiKV leaves the key of a locked pair out; the lock has it.
            Found::Locked(lock) => {
                Some(kvrpcpb::KvPair { error: Some(locked(lock)), ..Default::default() })
            }
        };
        keys.into_iter().filter_map(pair).collect()
    }

    /// As TiKV: the version of the region's data stands for the answer that the client has.
    fn coprocessor(
        &self,
        request: &coprocessor::Request,
        context: &kvrpcpb::Context,
    ) -> coprocessor::Response {
        let region = self.regions.iter().find(|region| region.id == context.region_id);
        let version = region.unwrap().data_version;
        let is_cache_hit = request.is_cache_enabled && request.cache_if_match_version == version;
        let mut response = match is_cache_hit {
            true => coprocessor::Response { is_cache_hit, ..Default::default() },
            false => self.scan(request, context),
        };
        response.cache_last_version = version;
        response
    }

    /// The keys in the ranges, `paging_size` of them at most when that is set.
    pub(super) fn scan(
        &self,
        request: &coprocessor::Request,
        context: &kvrpcpb::Context,
    ) -> coprocessor::Response {
        let desc = request.data.as_ref() == b"desc";
        let mut response = coprocessor::Response::default();
        let mut keys: Vec<Vec<u8>> =
            request.ranges.iter().flat_map(|r| self.keys_in(&r.start, &r.end)).collect();
        if desc {
            keys.reverse();
        }
        let mut rows = Vec::new();
        let mut count = 0;
        let mut met_newer = false;
        for key in &keys {
            if request.paging_size > 0 && count == request.paging_size {
                let (first, last) = (request.ranges[0].start.clone(), key.clone());
                let whole_end = request.ranges.last().unwrap().end.clone();
                let range = if desc {
                    // Everything above `key` is done.
                    let start = [key.as_slice(), &[0]].concat();
                    coprocessor::KeyRange { start, end: whole_end }
                } else {
                    coprocessor::KeyRange { start: first, end: last }
                };
                response.range = Some(range);
                break;
            }
            met_newer |= self.has_newer(key, request.start_ts, context);
            match self.read(key, request.start_ts, context) {
                Found::Nothing => {}
                Found::Value(_) => {
                    encode_row(key, self.row_padding, &mut rows);
                    count += 1;
                }
                Found::Locked(lock) => {
                    response.locked = Some(lock);
                    return response;
                }
            }
        }
        response.data = Bytes::from(rows);
        response.can_be_cached = request.is_cache_enabled && !met_newer;
        response.exec_details_v2 = Some(self.exec_details());
        response
    }
}

impl State {
    fn exec_details(&self) -> kvrpcpb::ExecDetailsV2 {
        let time = kvrpcpb::TimeDetailV2 {
            process_wall_time_ns: self.process_time.as_nanos() as u64,
            ..kvrpcpb::TimeDetailV2::default()
        };
        kvrpcpb::ExecDetailsV2 { time_detail_v2: Some(time), ..Default::default() }
    }
}

fn locked(lock: kvrpcpb::LockInfo) -> kvrpcpb::KeyError {
    kvrpcpb::KeyError { locked: Some(lock), ..kvrpcpb::KeyError::default() }
}

/// Whether a region may have come from the same one by a split.
fn near(other: &FakeRegion, region: &FakeRegion) -> bool {
    other.id == region.id || other.end == region.start || other.start == region.end
}
