//! What all calls to PD have in common: faults and the cluster's id.

use tifusion_proto::pdpb;
use tonic::{Request, Response, Status};

use super::{Answer, PdService};
use crate::fault::{Call, Effect, Rpc};
use crate::net::{Connection, connection, reset};

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
        let lose = self.faults(rpc, &request).await?;
        let connection = connection(&request);
        let request = request.into_inner();
        self.check_cluster(request.header())?;
        let answer = answer(request);
        if lose {
            return Err(reset(connection.as_ref()));
        }
        Ok(Response::new(answer))
    }

    /// What faults do to the call; `true`: its answer is to be lost.
    pub(super) async fn faults<Q>(&self, rpc: Rpc, request: &Request<Q>) -> Result<bool, Status> {
        let connection = connection(request);
        self.fault(rpc, connection.as_ref()).await
    }

    pub(super) async fn fault(
        &self,
        rpc: Rpc,
        connection: Option<&Connection>,
    ) -> Result<bool, Status> {
        let call = Call { rpc, store: 0, region: 0, start: b"", end: b"" };
        let mut lose = false;
        for effect in self.state.faults.judge(call) {
            match effect {
                Effect::Delay(time) => tokio::time::sleep(time).await,
                Effect::DropBefore => return Err(reset(connection)),
                Effect::DropAfter => lose = true,
                Effect::Status { code, message } => return Err(Status::new(code.into(), message)),
                // The others are about stores.
                _ => {}
            }
        }
        Ok(lose)
    }
}
