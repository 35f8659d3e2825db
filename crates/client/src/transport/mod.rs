//! The way to PD and the stores, as a trait given from outside.
//!
//! [`StoreRequest`] and [`StoreResponse`] are enums so that a layer around a transport (deadline,
//! metrics, faults) treats every command alike.

mod channels;
mod connector;
mod grpc;
mod measured;
mod status;

use std::time::Duration;

use futures::stream::BoxStream;
use tifusion_proto::{coprocessor, kvrpcpb};

pub use channels::Channels;
pub use grpc::GrpcTransport;
pub(crate) use grpc::Limit;
pub(crate) use measured::MeasuredTransport;

/// Why a call did not bring an answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No connection could be made: the request was not sent.
    #[error("cannot connect to {address}: {message}")]
    Connect {
        /// The peer.
        address: String,
        /// What the network said.
        message: String,
    },
    /// The call ended without an answer; it may have taken effect.
    #[error("{address} did not answer: {code}: {message}")]
    Status {
        /// The peer.
        address: String,
        /// gRPC status code by name.
        code: StatusCode,
        /// What the peer or the network said.
        message: String,
    },
    /// No answer within the request's timeout; it may have taken effect.
    #[error("{address} did not answer within {timeout:?}")]
    Timeout {
        /// The peer.
        address: String,
        /// How long was waited.
        timeout: Duration,
    },
    /// TLS could not be set up, or the peer is not who it should be.
    #[error("TLS with {address}: {message}")]
    Security {
        /// The peer.
        address: String,
        /// What is wrong.
        message: String,
    },
}

impl TransportError {
    /// What went wrong, in a word for spans and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "connect",
            Self::Timeout { .. } => "timeout",
            Self::Security { .. } => "tls",
            Self::Status { code, .. } => match code {
                StatusCode::Unavailable => "unavailable",
                StatusCode::DeadlineExceeded => "deadline_exceeded",
                StatusCode::Cancelled => "cancelled",
                StatusCode::ResourceExhausted => "resource_exhausted",
                StatusCode::Unimplemented => "unimplemented",
                StatusCode::PermissionDenied => "permission_denied",
                StatusCode::Other => "status",
            },
        }
    }
}

/// gRPC status codes that the client tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatusCode {
    /// The peer is not there or going away.
    Unavailable,
    /// The peer or a layer between gave up waiting.
    DeadlineExceeded,
    /// The call was cancelled.
    Cancelled,
    /// A message is too large, or a queue is full.
    ResourceExhausted,
    /// The peer does not know the method.
    Unimplemented,
    /// Not allowed.
    PermissionDenied,
    /// Anything else.
    Other,
}

impl std::fmt::Display for StatusCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

/// A command to a store.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StoreRequest {
    /// `Coprocessor`.
    Coprocessor(coprocessor::Request),
    /// `KvGet`.
    Get(kvrpcpb::GetRequest),
    /// `KvBatchGet`.
    BatchGet(kvrpcpb::BatchGetRequest),
    /// `KvScan`.
    Scan(kvrpcpb::ScanRequest),
    /// `KvCheckTxnStatus`.
    CheckTxnStatus(kvrpcpb::CheckTxnStatusRequest),
    /// `KvCheckSecondaryLocks`.
    CheckSecondaryLocks(kvrpcpb::CheckSecondaryLocksRequest),
    /// `KvResolveLock`.
    ResolveLock(kvrpcpb::ResolveLockRequest),
    /// `KVPessimisticRollback`.
    PessimisticRollback(kvrpcpb::PessimisticRollbackRequest),
    /// `KvPrewrite`.
    Prewrite(kvrpcpb::PrewriteRequest),
    /// `KvCommit`.
    Commit(kvrpcpb::CommitRequest),
    /// `KvBatchRollback`.
    BatchRollback(kvrpcpb::BatchRollbackRequest),
    /// `KvTxnHeartBeat`.
    TxnHeartBeat(kvrpcpb::TxnHeartBeatRequest),
    /// `SplitRegion`.
    SplitRegion(kvrpcpb::SplitRegionRequest),
}

impl StoreRequest {
    /// The gRPC method that it calls, as spans and metrics name it.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Self::Coprocessor(_) => "coprocessor",
            Self::Get(_) => "kv_get",
            Self::BatchGet(_) => "kv_batch_get",
            Self::Scan(_) => "kv_scan",
            Self::CheckTxnStatus(_) => "kv_check_txn_status",
            Self::CheckSecondaryLocks(_) => "kv_check_secondary_locks",
            Self::ResolveLock(_) => "kv_resolve_lock",
            Self::PessimisticRollback(_) => "kv_pessimistic_rollback",
            Self::Prewrite(_) => "kv_prewrite",
            Self::Commit(_) => "kv_commit",
            Self::BatchRollback(_) => "kv_batch_rollback",
            Self::TxnHeartBeat(_) => "kv_txn_heart_beat",
            Self::SplitRegion(_) => "split_region",
        }
    }
}

/// The gRPC method of [`StoreTransport::batch`], as spans and metrics name it.
pub(crate) const BATCH_METHOD: &str = "batch_coprocessor";

/// The answer to a [`StoreRequest`], of the same variant.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StoreResponse {
    /// `Coprocessor`.
    Coprocessor(coprocessor::Response),
    /// `KvGet`.
    Get(kvrpcpb::GetResponse),
    /// `KvBatchGet`.
    BatchGet(kvrpcpb::BatchGetResponse),
    /// `KvScan`.
    Scan(kvrpcpb::ScanResponse),
    /// `KvCheckTxnStatus`.
    CheckTxnStatus(kvrpcpb::CheckTxnStatusResponse),
    /// `KvCheckSecondaryLocks`.
    CheckSecondaryLocks(kvrpcpb::CheckSecondaryLocksResponse),
    /// `KvResolveLock`.
    ResolveLock(kvrpcpb::ResolveLockResponse),
    /// `KVPessimisticRollback`.
    PessimisticRollback(kvrpcpb::PessimisticRollbackResponse),
    /// `KvPrewrite`.
    Prewrite(kvrpcpb::PrewriteResponse),
    /// `KvCommit`.
    Commit(kvrpcpb::CommitResponse),
    /// `KvBatchRollback`.
    BatchRollback(kvrpcpb::BatchRollbackResponse),
    /// `KvTxnHeartBeat`.
    TxnHeartBeat(kvrpcpb::TxnHeartBeatResponse),
    /// `SplitRegion`.
    SplitRegion(kvrpcpb::SplitRegionResponse),
}

/// The answers of a store of TiFlash to one plan over many of its regions, as they come. They are whole when
/// the stream has ended without an error, and only then. Dropping it cancels the call.
pub type BatchAnswers = BoxStream<'static, Result<coprocessor::BatchResponse, TransportError>>;

/// Calls to stores by address.
#[async_trait::async_trait]
pub trait StoreTransport: Send + Sync + std::fmt::Debug + 'static {
    /// Sends `request` to the store at `address` and waits at most `timeout` for the answer.
    ///
    /// # Errors
    /// [`TransportError`] when no answer came. Errors inside an answer (region errors, locks) are
    /// answers.
    async fn call(
        &self,
        address: &str,
        request: StoreRequest,
        timeout: Duration,
    ) -> Result<StoreResponse, TransportError>;

    /// Sends `request` to the store that the cluster knows as `target` through the one at `through`.
    ///
    /// # Errors
    /// As [`StoreTransport::call`]; [`TransportError::Connect`] only if the request was not sent.
    async fn forward(
        &self,
        through: &str,
        target: &str,
        request: StoreRequest,
        timeout: Duration,
    ) -> Result<StoreResponse, TransportError>;

    /// Sends one plan over many regions to the store of TiFlash at `address`, and waits at most `timeout` for its
    /// last answer.
    ///
    /// # Errors
    /// As [`StoreTransport::call`], here and among the answers. A transport that has no such call says
    /// [`StatusCode::Unimplemented`], as a store does: then each region is asked by itself.
    async fn batch(
        &self,
        address: &str,
        request: coprocessor::BatchRequest,
        timeout: Duration,
    ) -> Result<BatchAnswers, TransportError> {
        let _ = (request, timeout);
        Err(TransportError::Status {
            address: address.to_owned(),
            code: StatusCode::Unimplemented,
            message: "this transport sends no batches of regions".to_owned(),
        })
    }

    /// Closes the connections to `address`, so that the next call dials anew.
    fn disconnect(&self, address: &str);
}
