//! The gRPC methods of a store.

use futures::{StreamExt as _, TryStreamExt as _};
use tifusion_proto::kvrpcpb as kv;
use tifusion_proto::tikvpb::tikv_server::Tikv;
use tifusion_proto::{coprocessor, tikvpb};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use super::StoreService;
use super::check::Access;
use super::command::{Command as _, run_tasks};
use crate::net::{self, Connection};

type Answer<T> = Result<Response<T>, Status>;

/// Commands of one stream of batches under way at once.
const BATCH_CONCURRENCY: usize = 256;

/// Methods that are one command each.
macro_rules! unary {
    ($($method:ident: $request:ident => $answer:ident,)+) => {
        #[tonic::async_trait]
        impl Tikv for StoreService {
            $(async fn $method(&self, request: Request<kv::$request>) -> Answer<kv::$answer> {
                self.unary(request).await
            })+

            async fn kv_pessimistic_lock(
                &self,
                request: Request<kv::PessimisticLockRequest>,
            ) -> Answer<kv::PessimisticLockResponse> {
                let connection = net::connection(&request);
                let store = self.addressee(request.metadata())?;
                let answer = store.lock(connection.as_ref(), request.into_inner()).await?;
                Ok(Response::new(answer))
            }

            async fn coprocessor(
                &self,
                request: Request<coprocessor::Request>,
            ) -> Answer<coprocessor::Response> {
                let connection = net::connection(&request);
                let store = self.addressee(request.metadata())?;
                store.cop(connection.as_ref(), request.into_inner()).await.map(Response::new)
            }

            async fn coprocessor_stream(
                &self,
                request: Request<coprocessor::Request>,
            ) -> Answer<BoxStream<coprocessor::Response>> {
                let connection = net::connection(&request);
                let answer = self.cop(connection.as_ref(), request.into_inner()).await?;
                Ok(Response::new(Box::pin(futures::stream::iter([Ok(answer)]))))
            }

            async fn batch_coprocessor(
                &self,
                request: Request<coprocessor::BatchRequest>,
            ) -> Answer<BoxStream<coprocessor::BatchResponse>> {
                self.batch(request).await
            }

            async fn batch_commands(
                &self,
                request: Request<Streaming<tikvpb::BatchCommandsRequest>>,
            ) -> Answer<BoxStream<tikvpb::BatchCommandsResponse>> {
                Ok(Response::new(self.batches(request)))
            }
        }
    };
}

unary! {
    kv_get: GetRequest => GetResponse,
    kv_scan: ScanRequest => ScanResponse,
    kv_prewrite: PrewriteRequest => PrewriteResponse,
    kv_pessimistic_rollback: PessimisticRollbackRequest => PessimisticRollbackResponse,
    kv_txn_heart_beat: TxnHeartBeatRequest => TxnHeartBeatResponse,
    kv_check_txn_status: CheckTxnStatusRequest => CheckTxnStatusResponse,
    kv_check_secondary_locks: CheckSecondaryLocksRequest => CheckSecondaryLocksResponse,
    kv_commit: CommitRequest => CommitResponse,
    kv_cleanup: CleanupRequest => CleanupResponse,
    kv_batch_get: BatchGetRequest => BatchGetResponse,
    kv_batch_rollback: BatchRollbackRequest => BatchRollbackResponse,
    kv_scan_lock: ScanLockRequest => ScanLockResponse,
    kv_resolve_lock: ResolveLockRequest => ResolveLockResponse,
    kv_gc: GcRequest => GcResponse,
    kv_delete_range: DeleteRangeRequest => DeleteRangeResponse,
    split_region: SplitRegionRequest => SplitRegionResponse,
    mvcc_get_by_key: MvccGetByKeyRequest => MvccGetByKeyResponse,
}

impl StoreService {
    /// A coprocessor request, with the further tasks that came along.
    async fn cop(
        &self,
        connection: Option<&Connection>,
        request: coprocessor::Request,
    ) -> Result<coprocessor::Response, Status> {
        if request.tasks.is_empty() {
            return self.exchange(connection, request).await;
        }
        let first = coprocessor::Request { tasks: Vec::new(), ..request.clone() };
        let mut answer = self.exchange(connection, first).await?;
        let service = self.clone();
        let others = tokio::task::spawn_blocking(move || {
            let access = Access::Read(Some(request.start_ts));
            run_tasks(&request, &service.state, |task| {
                let context = task.context.clone().unwrap_or_default();
                service.check(&context, access, &task.touched())
            })
        });
        answer.batch_responses =
            others.await.map_err(|error| Status::internal(error.to_string()))?;
        Ok(answer)
    }

    /// Many requests over one stream: each is answered when it is done.
    fn batches(
        &self,
        request: Request<Streaming<tikvpb::BatchCommandsRequest>>,
    ) -> BoxStream<tikvpb::BatchCommandsResponse> {
        let connection = net::connection(&request);
        let service = self.clone();
        let commands = request.into_inner().map_ok(|batch| {
            let numbered = batch.requests.into_iter().zip(batch.request_ids);
            futures::stream::iter(numbered.map(Ok::<_, Status>))
        });
        let answers = commands
            .try_flatten()
            .map(move |command| {
                let (service, connection) = (service.clone(), connection.clone());
                async move {
                    let (request, id) = command?;
                    let response = service.one_of_batch(connection.as_ref(), request).await?;
                    Ok(tikvpb::BatchCommandsResponse {
                        responses: vec![response],
                        request_ids: vec![id],
                        ..tikvpb::BatchCommandsResponse::default()
                    })
                }
            })
            .buffer_unordered(BATCH_CONCURRENCY);
        Box::pin(answers)
    }

    async fn one_of_batch(
        &self,
        connection: Option<&Connection>,
        request: tikvpb::batch_commands_request::Request,
    ) -> Result<tikvpb::batch_commands_response::Response, Status> {
        use tikvpb::batch_commands_request::request::Cmd as Q;
        use tikvpb::batch_commands_response::response::Cmd as A;
        let command = request.cmd.ok_or_else(|| Status::unimplemented("an unknown command"))?;
        macro_rules! dispatch {
            ($($plain:ident),+) => {
                match command {
                    $(Q::$plain(request) => {
                        A::$plain(self.exchange(connection, request).await?)
                    })+
                    Q::Coprocessor(request) => A::Coprocessor(self.cop(connection, request).await?),
                    Q::PessimisticLock(request) => {
                        A::PessimisticLock(self.lock(connection, request).await?)
                    }
                    Q::Empty(request) => A::Empty(tikvpb::BatchCommandsEmptyResponse {
                        test_id: request.test_id,
                    }),
                }
            };
        }
        let answer = dispatch!(
            Get,
            Scan,
            Prewrite,
            Commit,
            Cleanup,
            BatchGet,
            BatchRollback,
            ScanLock,
            ResolveLock,
            Gc,
            DeleteRange,
            PessimisticRollback,
            CheckTxnStatus,
            TxnHeartBeat,
            CheckSecondaryLocks
        );
        Ok(tikvpb::batch_commands_response::Response { cmd: Some(answer) })
    }
}
