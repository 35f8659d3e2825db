//! What all calls to PD have in common: faults and the cluster's id.

use std::time::Duration;

use tifusion_proto::pdpb;
use tonic::{Request, Response, Status};

use super::{Answer, PdService};
use crate::fault::{Call, Effect, Rpc};
use crate::net::{Connection, connection, reset};

/// What is left of the faults once the call is served.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The answer is to be lost.
    pub(super) lose: bool,
    /// How old the timestamps are that it gives.
    pub(super) back: Duration,
}

/// A request that names its cluster.
pub(super) trait Headed {
    /// Its header.
    fn header(&self) -> Option<&pdpb::RequestHeader>;
}

macro_rules! headed {
    ($($request:ident),+ $(,)?) => {
        $(impl Headed for pdpb::$request {
            fn header(&self) -> Option<&pdpb::RequestHeader> {
                self.header.as_ref()
            }
        })+
    };
}

headed!(
    GetClusterConfigRequest,
    BootstrapRequest,
    IsBootstrappedRequest,
    AllocIdRequest,
    GetStoreRequest,
    PutStoreRequest,
    GetAllStoresRequest,
    StoreHeartbeatRequest,
    GetRegionRequest,
    GetRegionByIdRequest,
    ScanRegionsRequest,
    BatchScanRegionsRequest,
    AskBatchSplitRequest,
    ScatterRegionRequest,
    SplitRegionsRequest,
    SplitAndScatterRegionsRequest,
    GetOperatorRequest,
    GetGcSafePointRequest,
    UpdateGcSafePointRequest,
    UpdateServiceGcSafePointRequest,
    AdvanceGcSafePointRequest,
    AdvanceTxnSafePointRequest,
    SetGcBarrierRequest,
    DeleteGcBarrierRequest,
    GetGcStateRequest,
);

impl PdService {
    /// Faults, the check of the cluster's id, then `answer`.
    pub(super) async fn serve<Q: Headed, A>(
        &self,
        rpc: Rpc,
        request: Request<Q>,
        answer: impl FnOnce(Q) -> A,
    ) -> Answer<A> {
        let told = self.faults(rpc, &request).await?;
        let connection = connection(&request);
        let request = request.into_inner();
        self.check_cluster(request.header())?;
        let answer = answer(request);
        if told.lose {
            return Err(reset(connection.as_ref()));
        }
        Ok(Response::new(answer))
    }

    /// What faults do to the call.
    pub(super) async fn faults<Q>(&self, rpc: Rpc, request: &Request<Q>) -> Result<Told, Status> {
        let connection = connection(request);
        self.fault(rpc, connection.as_ref()).await
    }

    pub(super) async fn fault(
        &self,
        rpc: Rpc,
        connection: Option<&Connection>,
    ) -> Result<Told, Status> {
        let call = Call { rpc, store: 0, region: 0, start: b"", end: b"" };
        let mut told = Told::default();
        for effect in self.state.faults.judge(call) {
            match effect {
                Effect::Delay(time) => tokio::time::sleep(time).await,
                Effect::DropBefore => return Err(reset(connection)),
                Effect::DropAfter => told.lose = true,
                Effect::ClockBack(time) => told.back += time,
                Effect::Status { code, message } => return Err(Status::new(code.into(), message)),
                // The others are about stores.
                _ => {}
            }
        }
        Ok(told)
    }
}
