//! PD: members, timestamps, regions, stores, ids, safe points, splitting and scattering, what its etcd says.

mod answer;
mod auto_ids;
mod etcd;
mod regions;
mod safe_points;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use auto_ids::AutoIds;
use futures::StreamExt as _;
use tifusion_proto::pdpb::pd_server::Pd;
use tifusion_proto::{metapb, pdpb};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use crate::fault::Rpc;
use crate::state::State;
use crate::{net, oracle};

/// The version that PD and the stores tell.
pub(crate) const VERSION: &str = "8.5.2";

/// PD's service on one address.
#[derive(Debug)]
pub(crate) struct PdService {
    state: Arc<State>,
    member: pdpb::Member,
}

type Answer<T> = Result<Response<T>, Status>;

impl PdService {
    /// PD that clients reach by `url`.
    pub(crate) fn new(state: Arc<State>, url: String) -> Self {
        let member = pdpb::Member {
            name: "pd".to_owned(),
            member_id: state.cluster_id.wrapping_add(1).max(1),
            peer_urls: vec![url.clone()],
            client_urls: vec![url],
            binary_version: format!("v{VERSION}"),
            ..pdpb::Member::default()
        };
        Self { state, member }
    }

    /// Where clients reach it, `host:port`.
    fn address(&self) -> &str {
        let url = self.member.client_urls.first().map_or("", String::as_str);
        url.split_once("://").map_or(url, |(_, address)| address)
    }

    /// The header of a good answer.
    fn header(&self) -> Option<pdpb::ResponseHeader> {
        Some(pdpb::ResponseHeader { cluster_id: self.state.cluster_id, error: None })
    }

    /// The header of a refusal.
    fn refusal(&self, kind: pdpb::ErrorType, message: String) -> Option<pdpb::ResponseHeader> {
        let error = Some(pdpb::Error { r#type: kind.into(), message });
        Some(pdpb::ResponseHeader { cluster_id: self.state.cluster_id, error })
    }

    /// A request that names another cluster is refused.
    fn check_cluster(&self, header: Option<&pdpb::RequestHeader>) -> Result<(), Status> {
        let told = header.map_or(0, |header| header.cluster_id);
        if told == self.state.cluster_id {
            return Ok(());
        }
        let ours = self.state.cluster_id;
        Err(Status::failed_precondition(format!("mismatch cluster id, need {ours} but got {told}")))
    }
}

#[tonic::async_trait]
impl Pd for PdService {
    async fn get_members(
        &self,
        request: Request<pdpb::GetMembersRequest>,
    ) -> Answer<pdpb::GetMembersResponse> {
        self.faults(Rpc::PdGetMembers, &request).await?;
        Ok(Response::new(pdpb::GetMembersResponse {
            header: self.header(),
            members: vec![self.member.clone()],
            leader: Some(self.member.clone()),
            etcd_leader: Some(self.member.clone()),
            ..pdpb::GetMembersResponse::default()
        }))
    }

    async fn get_cluster_info(
        &self,
        request: Request<pdpb::GetClusterInfoRequest>,
    ) -> Answer<pdpb::GetClusterInfoResponse> {
        self.faults(Rpc::PdOther, &request).await?;
        Ok(Response::new(pdpb::GetClusterInfoResponse {
            header: self.header(),
            service_modes: vec![pdpb::ServiceMode::PdSvcMode.into()],
            tso_urls: Vec::new(),
        }))
    }

    async fn get_cluster_config(
        &self,
        request: Request<pdpb::GetClusterConfigRequest>,
    ) -> Answer<pdpb::GetClusterConfigResponse> {
        self.serve(Rpc::PdOther, request, |_| pdpb::GetClusterConfigResponse {
            header: self.header(),
            cluster: Some(metapb::Cluster { id: self.state.cluster_id, max_peer_count: 3 }),
        })
        .await
    }

    async fn tso(
        &self,
        request: Request<Streaming<pdpb::TsoRequest>>,
    ) -> Answer<BoxStream<pdpb::TsoResponse>> {
        let (connection, state) = (net::connection(&request), Arc::clone(&self.state));
        let answers = request.into_inner().then(move |request| {
            let (connection, state) = (connection.clone(), Arc::clone(&state));
            async move {
                let request = request?;
                let service = Self { state, member: pdpb::Member::default() };
                service.check_cluster(request.header.as_ref())?;
                let told = service.fault(Rpc::PdTso, connection.as_ref()).await?;
                if told.lose {
                    return Err(net::reset(connection.as_ref()));
                }
                service.timestamps(request.count, told.back)
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn bootstrap(
        &self,
        request: Request<pdpb::BootstrapRequest>,
    ) -> Answer<pdpb::BootstrapResponse> {
        self.serve(Rpc::PdOther, request, |_| pdpb::BootstrapResponse {
            header: self.refusal(
                pdpb::ErrorType::AlreadyBootstrapped,
                "cluster is already bootstrapped".to_owned(),
            ),
            ..pdpb::BootstrapResponse::default()
        })
        .await
    }

    async fn is_bootstrapped(
        &self,
        request: Request<pdpb::IsBootstrappedRequest>,
    ) -> Answer<pdpb::IsBootstrappedResponse> {
        let header = self.header();
        self.serve(Rpc::PdOther, request, |_| pdpb::IsBootstrappedResponse {
            header,
            bootstrapped: true,
        })
        .await
    }

    async fn alloc_id(
        &self,
        request: Request<pdpb::AllocIdRequest>,
    ) -> Answer<pdpb::AllocIdResponse> {
        self.serve(Rpc::PdOther, request, |request| {
            let count = request.count.max(1);
            let id = self.state.change(|topology| {
                (0..count).map(|_| topology.alloc_id()).last().unwrap_or_default()
            });
            pdpb::AllocIdResponse { header: self.header(), id, count }
        })
        .await
    }

    async fn get_store(
        &self,
        request: Request<pdpb::GetStoreRequest>,
    ) -> Answer<pdpb::GetStoreResponse> {
        self.serve(Rpc::PdGetStore, request, |request| self.store(request.store_id)).await
    }

    async fn put_store(
        &self,
        request: Request<pdpb::PutStoreRequest>,
    ) -> Answer<pdpb::PutStoreResponse> {
        self.serve(Rpc::PdOther, request, |request| {
            let id = request.store.map_or(0, |store| store.id);
            let known = self.state.topology.lock().store(id).is_some();
            let unknown = || format!("invalid store ID {id}, not found");
            let header = if known {
                self.header()
            } else {
                self.refusal(pdpb::ErrorType::Unknown, unknown())
            };
            pdpb::PutStoreResponse { header, ..pdpb::PutStoreResponse::default() }
        })
        .await
    }

    async fn get_all_stores(
        &self,
        request: Request<pdpb::GetAllStoresRequest>,
    ) -> Answer<pdpb::GetAllStoresResponse> {
        self.serve(Rpc::PdGetStore, request, |request| {
            let topology = self.state.topology.lock();
            let stores = topology.stores().map(|store| store.meta.clone()).filter(|store| {
                !request.exclude_tombstone_stores || store.state() != metapb::StoreState::Tombstone
            });
            pdpb::GetAllStoresResponse { header: self.header(), stores: stores.collect() }
        })
        .await
    }

    async fn store_heartbeat(
        &self,
        request: Request<pdpb::StoreHeartbeatRequest>,
    ) -> Answer<pdpb::StoreHeartbeatResponse> {
        self.serve(Rpc::PdOther, request, |_| pdpb::StoreHeartbeatResponse {
            header: self.header(),
            cluster_version: VERSION.to_owned(),
            ..pdpb::StoreHeartbeatResponse::default()
        })
        .await
    }

    async fn get_region(
        &self,
        request: Request<pdpb::GetRegionRequest>,
    ) -> Answer<pdpb::GetRegionResponse> {
        self.serve(Rpc::PdGetRegion, request, |request| {
            self.state.told_regions(|topology| {
                self.region(topology.region_of(&request.region_key), request.need_buckets)
            })
        })
        .await
    }

    async fn get_prev_region(
        &self,
        request: Request<pdpb::GetRegionRequest>,
    ) -> Answer<pdpb::GetRegionResponse> {
        self.serve(Rpc::PdGetRegion, request, |request| {
            self.state.told_regions(|topology| {
                self.region(topology.region_before(&request.region_key), request.need_buckets)
            })
        })
        .await
    }

    async fn get_region_by_id(
        &self,
        request: Request<pdpb::GetRegionByIdRequest>,
    ) -> Answer<pdpb::GetRegionResponse> {
        self.serve(Rpc::PdGetRegion, request, |request| {
            self.state.told_regions(|topology| {
                self.region(topology.region(request.region_id), request.need_buckets)
            })
        })
        .await
    }

    async fn scan_regions(
        &self,
        request: Request<pdpb::ScanRegionsRequest>,
    ) -> Answer<pdpb::ScanRegionsResponse> {
        self.serve(Rpc::PdScanRegions, request, |request| self.scan(&request)).await
    }

    async fn batch_scan_regions(
        &self,
        request: Request<pdpb::BatchScanRegionsRequest>,
    ) -> Answer<pdpb::BatchScanRegionsResponse> {
        self.serve(Rpc::PdScanRegions, request, |request| self.batch_scan(&request)).await
    }

    async fn ask_batch_split(
        &self,
        request: Request<pdpb::AskBatchSplitRequest>,
    ) -> Answer<pdpb::AskBatchSplitResponse> {
        self.serve(Rpc::PdOther, request, |request| self.ask_batch_split(&request)).await
    }

    async fn scatter_region(
        &self,
        request: Request<pdpb::ScatterRegionRequest>,
    ) -> Answer<pdpb::ScatterRegionResponse> {
        self.serve(Rpc::PdOther, request, |request| self.scatter(request)).await
    }

    async fn split_regions(
        &self,
        request: Request<pdpb::SplitRegionsRequest>,
    ) -> Answer<pdpb::SplitRegionsResponse> {
        self.serve(Rpc::PdOther, request, |request| {
            let (header, regions_id) = self.split(&request.split_keys);
            pdpb::SplitRegionsResponse { header, finished_percentage: 100, regions_id }
        })
        .await
    }

    async fn split_and_scatter_regions(
        &self,
        request: Request<pdpb::SplitAndScatterRegionsRequest>,
    ) -> Answer<pdpb::SplitAndScatterRegionsResponse> {
        self.serve(Rpc::PdOther, request, |request| {
            let (header, regions_id) = self.split(&request.split_keys);
            self.scatter_all(&regions_id);
            pdpb::SplitAndScatterRegionsResponse {
                header,
                split_finished_percentage: 100,
                scatter_finished_percentage: 100,
                regions_id,
            }
        })
        .await
    }

    async fn get_operator(
        &self,
        request: Request<pdpb::GetOperatorRequest>,
    ) -> Answer<pdpb::GetOperatorResponse> {
        self.serve(Rpc::PdOther, request, |request| pdpb::GetOperatorResponse {
            header: self.header(),
            region_id: request.region_id,
            desc: b"scatter-region".to_vec(),
            status: pdpb::OperatorStatus::Success.into(),
            kind: b"admin".to_vec(),
        })
        .await
    }

    async fn get_gc_safe_point(
        &self,
        request: Request<pdpb::GetGcSafePointRequest>,
    ) -> Answer<pdpb::GetGcSafePointResponse> {
        self.serve(Rpc::PdGc, request, |_| pdpb::GetGcSafePointResponse {
            header: self.header(),
            safe_point: self.state.gc.lock().gc_safe_point(),
        })
        .await
    }

    async fn update_gc_safe_point(
        &self,
        request: Request<pdpb::UpdateGcSafePointRequest>,
    ) -> Answer<pdpb::UpdateGcSafePointResponse> {
        self.serve(Rpc::PdGc, request, |request| self.update_gc(&request)).await
    }

    async fn update_service_gc_safe_point(
        &self,
        request: Request<pdpb::UpdateServiceGcSafePointRequest>,
    ) -> Answer<pdpb::UpdateServiceGcSafePointResponse> {
        self.serve(Rpc::PdGc, request, |request| self.update_service(&request)).await
    }

    async fn advance_gc_safe_point(
        &self,
        request: Request<pdpb::AdvanceGcSafePointRequest>,
    ) -> Answer<pdpb::AdvanceGcSafePointResponse> {
        self.serve(Rpc::PdGc, request, |request| self.advance_gc(&request)).await
    }

    async fn advance_txn_safe_point(
        &self,
        request: Request<pdpb::AdvanceTxnSafePointRequest>,
    ) -> Answer<pdpb::AdvanceTxnSafePointResponse> {
        self.serve(Rpc::PdGc, request, |request| self.advance_txn(&request)).await
    }

    async fn set_gc_barrier(
        &self,
        request: Request<pdpb::SetGcBarrierRequest>,
    ) -> Answer<pdpb::SetGcBarrierResponse> {
        self.serve(Rpc::PdGc, request, |request| self.set_barrier(&request)).await
    }

    async fn delete_gc_barrier(
        &self,
        request: Request<pdpb::DeleteGcBarrierRequest>,
    ) -> Answer<pdpb::DeleteGcBarrierResponse> {
        self.serve(Rpc::PdGc, request, |request| self.delete_barrier(&request)).await
    }

    async fn get_gc_state(
        &self,
        request: Request<pdpb::GetGcStateRequest>,
    ) -> Answer<pdpb::GetGcStateResponse> {
        self.serve(Rpc::PdGc, request, |request| self.gc_state(&request)).await
    }
}

impl PdService {
    fn timestamps(&self, count: u32, back: Duration) -> Result<pdpb::TsoResponse, Status> {
        let last = self.state.take_timestamps(count);
        let last =
            last.ok_or_else(|| Status::unknown(format!("tso count {count} is not valid")))?;
        let (physical, logical) = oracle::parts(last);
        let physical = physical.saturating_sub_unsigned(back.as_millis().try_into().unwrap_or(0));
        let timestamp = Some(pdpb::Timestamp { physical, logical, suffix_bits: 0 });
        Ok(pdpb::TsoResponse { header: self.header(), count, timestamp })
    }

    fn store(&self, id: u64) -> pdpb::GetStoreResponse {
        let topology = self.state.topology.lock();
        match topology.store(id) {
            Some(store) => pdpb::GetStoreResponse {
                header: self.header(),
                store: Some(store.meta.clone()),
                stats: Some(pdpb::StoreStats { store_id: id, ..pdpb::StoreStats::default() }),
            },
            None => pdpb::GetStoreResponse {
                header: self
                    .refusal(pdpb::ErrorType::Unknown, format!("invalid store ID {id}, not found")),
                ..pdpb::GetStoreResponse::default()
            },
        }
    }
}
