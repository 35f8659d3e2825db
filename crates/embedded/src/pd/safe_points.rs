//! Safe points and barriers, the newer calls and the older ones.

use tifusion_proto::pdpb;

use super::PdService;
use crate::gc::{Barrier, GcError};
use crate::oracle::now_ms;

fn now() -> u64 {
    now_ms() / 1000
}

fn told(id: &str, barrier: Barrier, now: u64) -> pdpb::GcBarrierInfo {
    pdpb::GcBarrierInfo {
        barrier_id: id.to_owned(),
        barrier_ts: barrier.ts,
        ttl_seconds: barrier.ttl(now),
    }
}

impl PdService {
    fn gc_refusal(&self, error: &GcError) -> Option<pdpb::ResponseHeader> {
        self.refusal(pdpb::ErrorType::Unknown, error.to_string())
    }

    pub(super) fn update_gc(
        &self,
        request: &pdpb::UpdateGcSafePointRequest,
    ) -> pdpb::UpdateGcSafePointResponse {
        let new_safe_point = self.state.gc.lock().update_gc(request.safe_point);
        self.state.save();
        pdpb::UpdateGcSafePointResponse { header: self.header(), new_safe_point }
    }

    pub(super) fn update_service(
        &self,
        request: &pdpb::UpdateServiceGcSafePointRequest,
    ) -> pdpb::UpdateServiceGcSafePointResponse {
        let id = String::from_utf8_lossy(&request.service_id);
        let (ttl, safe_point) = (request.ttl, request.safe_point);
        let min_safe_point = self.state.gc.lock().update_service(&id, safe_point, ttl, now());
        self.state.save();
        pdpb::UpdateServiceGcSafePointResponse {
            header: self.header(),
            service_id: request.service_id.clone(),
            ttl,
            min_safe_point,
        }
    }

    pub(super) fn advance_gc(
        &self,
        request: &pdpb::AdvanceGcSafePointRequest,
    ) -> pdpb::AdvanceGcSafePointResponse {
        let moved = self.state.gc.lock().advance_gc(request.target);
        self.state.save();
        match moved {
            Ok((old_gc_safe_point, new_gc_safe_point)) => pdpb::AdvanceGcSafePointResponse {
                header: self.header(),
                old_gc_safe_point,
                new_gc_safe_point,
            },
            Err(error) => pdpb::AdvanceGcSafePointResponse {
                header: self.gc_refusal(&error),
                ..pdpb::AdvanceGcSafePointResponse::default()
            },
        }
    }

    pub(super) fn advance_txn(
        &self,
        request: &pdpb::AdvanceTxnSafePointRequest,
    ) -> pdpb::AdvanceTxnSafePointResponse {
        let moved = self.state.gc.lock().advance_txn(request.target, now());
        self.state.save();
        match moved {
            Ok((old_txn_safe_point, new_txn_safe_point, blocker_description)) => {
                pdpb::AdvanceTxnSafePointResponse {
                    header: self.header(),
                    old_txn_safe_point,
                    new_txn_safe_point,
                    blocker_description,
                }
            }
            Err(error) => pdpb::AdvanceTxnSafePointResponse {
                header: self.gc_refusal(&error),
                ..pdpb::AdvanceTxnSafePointResponse::default()
            },
        }
    }

    pub(super) fn set_barrier(
        &self,
        request: &pdpb::SetGcBarrierRequest,
    ) -> pdpb::SetGcBarrierResponse {
        let (id, now) = (request.barrier_id.as_str(), now());
        let (ts, ttl) = (request.barrier_ts, request.ttl_seconds);
        match self.state.gc.lock().set_barrier(id, ts, ttl, now) {
            Ok(barrier) => pdpb::SetGcBarrierResponse {
                header: self.header(),
                new_barrier_info: Some(told(id, barrier, now)),
            },
            Err(error) => pdpb::SetGcBarrierResponse {
                header: self.gc_refusal(&error),
                new_barrier_info: None,
            },
        }
    }

    pub(super) fn delete_barrier(
        &self,
        request: &pdpb::DeleteGcBarrierRequest,
    ) -> pdpb::DeleteGcBarrierResponse {
        let id = request.barrier_id.as_str();
        let deleted = self.state.gc.lock().delete_barrier(id);
        pdpb::DeleteGcBarrierResponse {
            header: self.header(),
            deleted_barrier_info: deleted.map(|barrier| told(id, barrier, now())),
        }
    }

    pub(super) fn gc_state(&self, request: &pdpb::GetGcStateRequest) -> pdpb::GetGcStateResponse {
        let now = now();
        let mut gc = self.state.gc.lock();
        let barriers = gc.barriers(now).map(|(id, barrier)| told(id, barrier, now)).collect();
        let state = pdpb::GcState {
            keyspace_scope: request.keyspace_scope,
            is_keyspace_level_gc: false,
            txn_safe_point: gc.txn_safe_point(),
            gc_safe_point: gc.gc_safe_point(),
            gc_barriers: if request.exclude_gc_barriers { Vec::new() } else { barriers },
        };
        let global = pdpb::GlobalGcBarriersInfo::default();
        pdpb::GetGcStateResponse {
            header: self.header(),
            gc_state: Some(state),
            global_gc_barriers: request.include_global_gc_barriers.then_some(global),
        }
    }
}
