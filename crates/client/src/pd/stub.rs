//! PD members on loopback ports, each on a runtime of its own so that it can die, with faults on
//! demand.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::StreamExt as _;

use parking_lot::Mutex;
use tifusion_proto::etcdserverpb::kv_server::{Kv, KvServer};
use tifusion_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use tifusion_proto::etcdserverpb::{RangeRequest, RangeResponse};
use tifusion_proto::mvccpb::KeyValue;
use tifusion_proto::pdpb::pd_server::{Pd, PdServer};
use tifusion_proto::{metapb, pdpb};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming};

/// What the next timestamp requests meet, one fault each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TsoFault {
    /// None: an answer.
    None,
    /// The stream ends with an error instead of an answer.
    Break,
    /// The stream ends in good order instead of an answer.
    Close,
    /// No answer ever.
    Hang,
    /// A timestamp from before.
    Backwards,
    /// Fewer timestamps than asked for.
    Short,
    /// An answer of another cluster.
    OtherCluster,
}

/// What all members of a stub cluster share.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) id: u64,
    /// Advertised addresses by member.
    pub(crate) addresses: Mutex<Vec<String>>,
    /// Which member leads; none when out of range.
    pub(crate) leader: AtomicUsize,
    /// Without `BatchScanRegions` and `GetGCState`.
    pub(crate) old: AtomicBool,
    /// Without etcd.
    pub(crate) no_etcd: AtomicBool,
    /// Candidates of an election in etcd, the winner first: what their keys begin with, and their values.
    pub(crate) candidates: Mutex<Vec<(String, String)>>,
    /// What etcd has under the key of the saved safe point.
    pub(crate) saved_safe_point: Mutex<Option<Vec<u8>>>,
    /// Holds of garbage collection as they were asked for: who, at what timestamp, for how many seconds.
    pub(crate) holds: Mutex<Vec<(String, u64, i64)>>,
    pub(crate) not_bootstrapped: AtomicBool,
    pub(crate) tso_faults: Mutex<VecDeque<TsoFault>>,
    pub(crate) tso_requests: AtomicUsize,
    pub(crate) tso_streams: AtomicUsize,
    /// The last logical part handed out.
    pub(crate) logical: Mutex<i64>,
    pub(crate) regions: Mutex<Vec<pdpb::Region>>,
    pub(crate) stores: Mutex<Vec<metapb::Store>>,
    /// Calls other than `GetMembers` and `Tso`, by name and member.
    pub(crate) calls: Mutex<Vec<(&'static str, usize)>>,
}

/// One member, serving until it is dropped.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) address: String,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for Member {
    fn drop(&mut self) {
        // Closes its port and every connection, as a crash does.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A cluster of `count` members, led by the first.
pub(crate) fn start(id: u64, count: usize) -> (Arc<Cluster>, Vec<Member>) {
    let cluster = Arc::new(Cluster { id, ..Cluster::default() });
    let members = (0..count).map(|_| add_member(&cluster)).collect();
    (cluster, members)
}

/// One more member.
pub(crate) fn add_member(cluster: &Arc<Cluster>) -> Member {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let index = cluster.addresses.lock().len();
    cluster.addresses.lock().push(address.clone());
    let service = || Service { cluster: Arc::clone(cluster), index };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _guard = runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let server = tonic::transport::Server::builder()
        .add_service(PdServer::new(service()))
        .add_service(KvServer::new(service()));
    runtime.spawn(server.serve_with_incoming(incoming));
    Member { address, runtime: Some(runtime) }
}

/// An address where nobody listens.
pub(crate) fn dead_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    address.to_string()
}

/// A port that takes connections and says nothing; it lives as long as the listener.
pub(crate) fn silent_address() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (listener.local_addr().unwrap().to_string(), listener)
}

struct Service {
    cluster: Arc<Cluster>,
    index: usize,
}

impl Service {
    fn header(&self) -> Option<pdpb::ResponseHeader> {
        let error = self.cluster.not_bootstrapped.load(Ordering::Relaxed).then(|| pdpb::Error {
            r#type: pdpb::ErrorType::NotBootstrapped.into(),
            message: "cluster is not bootstrapped".to_owned(),
        });
        Some(pdpb::ResponseHeader { cluster_id: self.cluster.id, error })
    }

    fn validate(
        &self,
        name: &'static str,
        header: Option<&pdpb::RequestHeader>,
    ) -> Result<(), Status> {
        self.cluster.calls.lock().push((name, self.index));
        if self.cluster.leader.load(Ordering::Relaxed) != self.index {
            return Err(Status::unavailable("not leader"));
        }
        let told = header.map_or(0, |header| header.cluster_id);
        if told != self.cluster.id {
            let message = format!("mismatch cluster id, need {} but got {told}", self.cluster.id);
            return Err(Status::failed_precondition(message));
        }
        Ok(())
    }

    fn new_only(&self) -> Result<(), Status> {
        match self.cluster.old.load(Ordering::Relaxed) {
            true => Err(Status::unimplemented("unknown method")),
            false => Ok(()),
        }
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: i32) -> Vec<pdpb::Region> {
        let regions = self.cluster.regions.lock();
        let inside = |info: &&pdpb::Region| {
            let region = info.region.as_ref().unwrap();
            (region.end_key.is_empty() || region.end_key.as_slice() > start)
                && (end.is_empty() || region.start_key.as_slice() < end)
        };
        regions.iter().filter(inside).take(usize::try_from(limit).unwrap()).cloned().collect()
    }

    fn found(&self, region: Option<pdpb::Region>) -> Response<pdpb::GetRegionResponse> {
        let region = region.unwrap_or_default();
        Response::new(pdpb::GetRegionResponse {
            header: self.header(),
            region: region.region,
            leader: region.leader,
            down_peers: region.down_peers,
            pending_peers: region.pending_peers,
            buckets: region.buckets,
        })
    }
}

impl Cluster {
    fn next_timestamp(&self, fault: TsoFault, count: u32) -> pdpb::TsoResponse {
        let mut logical = self.logical.lock();
        *logical += i64::from(count);
        let (told, count, id) = match fault {
            TsoFault::Backwards => (*logical - 2 * i64::from(count), count, self.id),
            TsoFault::Short => (*logical, count - 1, self.id),
            TsoFault::OtherCluster => (*logical, count, self.id + 1),
            _ => (*logical, count, self.id),
        };
        pdpb::TsoResponse {
            header: Some(pdpb::ResponseHeader { cluster_id: id, error: None }),
            count,
            timestamp: Some(pdpb::Timestamp { physical: 1_000, logical: told, suffix_bits: 0 }),
        }
    }
}

#[tonic::async_trait]
impl Pd for Service {
    async fn get_members(
        &self,
        _request: Request<pdpb::GetMembersRequest>,
    ) -> Result<Response<pdpb::GetMembersResponse>, Status> {
        let members: Vec<_> = (1_u64..)
            .zip(self.cluster.addresses.lock().iter())
            .map(|(member_id, address)| pdpb::Member {
                member_id,
                client_urls: vec![format!("http://{address}")],
                ..pdpb::Member::default()
            })
            .collect();
        let leader = members.get(self.cluster.leader.load(Ordering::Relaxed)).cloned();
        let header = Some(pdpb::ResponseHeader { cluster_id: self.cluster.id, error: None });
        Ok(Response::new(pdpb::GetMembersResponse {
            header,
            members,
            leader,
            ..pdpb::GetMembersResponse::default()
        }))
    }

    async fn tso(
        &self,
        request: Request<Streaming<pdpb::TsoRequest>>,
    ) -> Result<Response<BoxStream<pdpb::TsoResponse>>, Status> {
        let cluster = Arc::clone(&self.cluster);
        let index = self.index;
        cluster.tso_streams.fetch_add(1, Ordering::Relaxed);
        let requests =
            request.into_inner().take_while(|request| std::future::ready(request.is_ok()));
        let answers = requests.scan(cluster, move |cluster, request| {
            let cluster = Arc::clone(cluster);
            async move {
                cluster.tso_requests.fetch_add(1, Ordering::Relaxed);
                if cluster.leader.load(Ordering::Relaxed) != index {
                    return Some(Err(Status::unavailable("not leader")));
                }
                // Time for others to get in line.
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                let fault = cluster.tso_faults.lock().pop_front().unwrap_or(TsoFault::None);
                match fault {
                    TsoFault::Break => Some(Err(Status::unknown("broken"))),
                    TsoFault::Close => None,
                    TsoFault::Hang => std::future::pending().await,
                    _ => Some(Ok(cluster.next_timestamp(fault, request.unwrap().count))),
                }
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_region(
        &self,
        request: Request<pdpb::GetRegionRequest>,
    ) -> Result<Response<pdpb::GetRegionResponse>, Status> {
        let request = request.into_inner();
        self.validate("get_region", request.header.as_ref())?;
        Ok(self.found(self.scan(&request.region_key, b"", 1).pop()))
    }

    async fn get_region_by_id(
        &self,
        request: Request<pdpb::GetRegionByIdRequest>,
    ) -> Result<Response<pdpb::GetRegionResponse>, Status> {
        let request = request.into_inner();
        self.validate("get_region_by_id", request.header.as_ref())?;
        let regions = self.scan(b"", b"", i32::MAX).into_iter();
        let has_id = |info: &pdpb::Region| info.region.as_ref().unwrap().id == request.region_id;
        Ok(self.found({ regions }.find(has_id)))
    }

    async fn scan_regions(
        &self,
        request: Request<pdpb::ScanRegionsRequest>,
    ) -> Result<Response<pdpb::ScanRegionsResponse>, Status> {
        let request = request.into_inner();
        self.validate("scan_regions", request.header.as_ref())?;
        let regions = self.scan(&request.start_key, &request.end_key, request.limit);
        let header = self.header();
        let empty = pdpb::ScanRegionsResponse::default();
        Ok(Response::new(pdpb::ScanRegionsResponse { header, regions, ..empty }))
    }

    async fn batch_scan_regions(
        &self,
        request: Request<pdpb::BatchScanRegionsRequest>,
    ) -> Result<Response<pdpb::BatchScanRegionsResponse>, Status> {
        let request = request.into_inner();
        self.validate("batch_scan_regions", request.header.as_ref())?;
        self.new_only()?;
        let range = &request.ranges[0];
        let regions = self.scan(&range.start_key, &range.end_key, request.limit);
        Ok(Response::new(pdpb::BatchScanRegionsResponse { header: self.header(), regions }))
    }

    async fn get_store(
        &self,
        request: Request<pdpb::GetStoreRequest>,
    ) -> Result<Response<pdpb::GetStoreResponse>, Status> {
        let request = request.into_inner();
        self.validate("get_store", request.header.as_ref())?;
        let id = request.store_id;
        let store = self.cluster.stores.lock().iter().find(|store| store.id == id).cloned();
        let store =
            store.ok_or_else(|| Status::unknown(format!("invalid store ID {id}, not found")))?;
        let header = self.header();
        Ok(Response::new(pdpb::GetStoreResponse {
            header,
            store: Some(store),
            ..pdpb::GetStoreResponse::default()
        }))
    }

    async fn get_all_stores(
        &self,
        request: Request<pdpb::GetAllStoresRequest>,
    ) -> Result<Response<pdpb::GetAllStoresResponse>, Status> {
        let request = request.into_inner();
        self.validate("get_all_stores", request.header.as_ref())?;
        let stores = self.cluster.stores.lock().clone();
        Ok(Response::new(pdpb::GetAllStoresResponse { header: self.header(), stores }))
    }

    async fn get_gc_safe_point(
        &self,
        request: Request<pdpb::GetGcSafePointRequest>,
    ) -> Result<Response<pdpb::GetGcSafePointResponse>, Status> {
        self.validate("get_gc_safe_point", request.into_inner().header.as_ref())?;
        let header = self.header();
        Ok(Response::new(pdpb::GetGcSafePointResponse { header, safe_point: 41 }))
    }

    async fn set_gc_barrier(
        &self,
        request: Request<pdpb::SetGcBarrierRequest>,
    ) -> Result<Response<pdpb::SetGcBarrierResponse>, Status> {
        let request = request.into_inner();
        self.validate("set_gc_barrier", request.header.as_ref())?;
        self.new_only()?;
        let mut header = self.header().unwrap();
        if request.barrier_ts < 43 {
            let message = "trying to set a GC barrier behind the txn safe point".to_owned();
            header.error = Some(pdpb::Error { r#type: pdpb::ErrorType::Unknown.into(), message });
        } else {
            let hold = (request.barrier_id, request.barrier_ts, request.ttl_seconds);
            self.cluster.holds.lock().push(hold);
        }
        let header = Some(header);
        Ok(Response::new(pdpb::SetGcBarrierResponse { header, new_barrier_info: None }))
    }

    async fn delete_gc_barrier(
        &self,
        request: Request<pdpb::DeleteGcBarrierRequest>,
    ) -> Result<Response<pdpb::DeleteGcBarrierResponse>, Status> {
        let request = request.into_inner();
        self.validate("delete_gc_barrier", request.header.as_ref())?;
        self.new_only()?;
        self.cluster.holds.lock().push((request.barrier_id, 0, 0));
        let header = self.header();
        Ok(Response::new(pdpb::DeleteGcBarrierResponse { header, deleted_barrier_info: None }))
    }

    async fn update_service_gc_safe_point(
        &self,
        request: Request<pdpb::UpdateServiceGcSafePointRequest>,
    ) -> Result<Response<pdpb::UpdateServiceGcSafePointResponse>, Status> {
        let request = request.into_inner();
        self.validate("update_service_gc_safe_point", request.header.as_ref())?;
        let id = String::from_utf8(request.service_id.clone()).unwrap();
        self.cluster.holds.lock().push((id, request.safe_point, request.ttl));
        Ok(Response::new(pdpb::UpdateServiceGcSafePointResponse {
            header: self.header(),
            service_id: request.service_id,
            ttl: request.ttl,
            min_safe_point: 43,
        }))
    }

    async fn get_gc_state(
        &self,
        request: Request<pdpb::GetGcStateRequest>,
    ) -> Result<Response<pdpb::GetGcStateResponse>, Status> {
        self.validate("get_gc_state", request.into_inner().header.as_ref())?;
        self.new_only()?;
        let state =
            pdpb::GcState { txn_safe_point: 43, gc_safe_point: 42, ..pdpb::GcState::default() };
        let empty = pdpb::GetGcStateResponse::default();
        let header = self.header();
        Ok(Response::new(pdpb::GetGcStateResponse { header, gc_state: Some(state), ..empty }))
    }
}

#[tonic::async_trait]
impl Kv for Service {
    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        self.cluster.calls.lock().push(("range", self.index));
        if self.cluster.no_etcd.load(Ordering::Relaxed) {
            return Err(Status::unimplemented("unknown service etcdserverpb.KV"));
        }
        let RangeRequest { key, range_end, serializable, limit, sort_order, sort_target } =
            request.into_inner();
        assert!(!serializable, "the newest value");
        if !range_end.is_empty() {
            let sorted = (SortOrder::Ascend.into(), SortTarget::Create.into());
            assert_eq!((limit, (sort_order, sort_target)), (1, sorted), "the oldest key");
            let candidates = self.cluster.candidates.lock();
            let mine = candidates.iter().find(|(prefix, _)| prefix.as_bytes() == key);
            let kvs = mine.map(|(_, value)| KeyValue {
                value: value.clone().into_bytes(),
                ..KeyValue::default()
            });
            let kvs = kvs.into_iter().collect();
            return Ok(Response::new(RangeResponse { kvs, ..RangeResponse::default() }));
        }
        let value = match key.as_slice() {
            b"/tidb/store/gcworker/saved_safe_point" => {
                self.cluster.saved_safe_point.lock().clone()
            }
            _ => None,
        };
        let kvs: Vec<_> =
            value.into_iter().map(|value| KeyValue { value, ..KeyValue::default() }).collect();
        Ok(Response::new(RangeResponse { kvs, ..RangeResponse::default() }))
    }
}
