//! Calls to stores by gRPC.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::{StreamExt as _, stream};
use tifusion_proto::coprocessor;
use tifusion_proto::tikvpb::tikv_client::TikvClient;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

use super::channels::Channels;
use super::status::transport_error;
use super::{BatchAnswers, StoreRequest, StoreResponse, StoreTransport, TransportError};
use crate::clock::Clock;

/// Tells a store that it is to pass a request on, and to whom.
const FORWARDED: &str = "tikv-forwarded-host";

/// The transport of a real cluster.
#[derive(Debug)]
pub struct GrpcTransport {
    channels: Arc<Channels>,
    clock: Arc<dyn Clock>,
    max_message_size: usize,
}

impl GrpcTransport {
    /// A transport over `channels` that accepts answers of up to `max_message_size` bytes.
    #[must_use]
    pub fn new(channels: Arc<Channels>, clock: Arc<dyn Clock>, max_message_size: usize) -> Self {
        Self { channels, clock, max_message_size }
    }

    fn client(&self, address: &str) -> Result<TikvClient<Channel>, TransportError> {
        let client = TikvClient::new(self.channels.get(address)?);
        Ok(client.max_decoding_message_size(self.max_message_size))
    }
}

#[async_trait::async_trait]
impl StoreTransport for GrpcTransport {
    async fn call(
        &self,
        address: &str,
        request: StoreRequest,
        timeout: Duration,
    ) -> Result<StoreResponse, TransportError> {
        let client = self.client(address)?;
        call(client, &Limit::new(&*self.clock, address, timeout), request).await
    }

    async fn forward(
        &self,
        through: &str,
        target: &str,
        request: StoreRequest,
        timeout: Duration,
    ) -> Result<StoreResponse, TransportError> {
        let forwarded = AsciiMetadataValue::try_from(target).map_err(|error| {
            TransportError::Connect { address: target.to_owned(), message: error.to_string() }
        })?;
        let limit = Limit::new(&*self.clock, through, timeout);
        let limit = Limit { forwarded: Some(forwarded), ..limit };
        call(self.client(through)?, &limit, request).await
    }

    async fn batch(
        &self,
        address: &str,
        request: coprocessor::BatchRequest,
        timeout: Duration,
    ) -> Result<BatchAnswers, TransportError> {
        let mut client = self.client(address)?;
        let began = self.clock.now();
        let limit = Limit::new(&*self.clock, address, timeout);
        let answers = limit.run(client.batch_coprocessor(limit.request(request))).await?;
        let clock = Arc::clone(&self.clock);
        let batch = Batch { answers, clock, address: address.to_owned(), began, timeout };
        let next = |mut batch: Batch| async move {
            let answer = batch.next().await?;
            Ok(answer.map(|answer| (answer, batch)))
        };
        Ok(stream::try_unfold(batch, next).boxed())
    }

    fn disconnect(&self, address: &str) {
        self.channels.disconnect(address);
    }
}

/// Answers under way, all of which have one limit.
struct Batch {
    answers: Streaming<coprocessor::BatchResponse>,
    clock: Arc<dyn Clock>,
    address: String,
    began: Instant,
    timeout: Duration,
}

impl Batch {
    async fn next(&mut self) -> Result<Option<coprocessor::BatchResponse>, TransportError> {
        let spent = self.clock.now().saturating_duration_since(self.began);
        tokio::select! {
            biased;
            answer = self.answers.message() => {
                answer.map_err(|status| transport_error(&self.address, self.timeout, &status))
            }
            () = self.clock.sleep(self.timeout.saturating_sub(spent)) => {
                Err(TransportError::Timeout { address: self.address.clone(), timeout: self.timeout })
            }
        }
    }
}

async fn call(
    mut client: TikvClient<Channel>,
    limit: &Limit<'_>,
    request: StoreRequest,
) -> Result<StoreResponse, TransportError> {
    use StoreRequest as Req;
    use StoreResponse as Resp;
    let client = &mut client;
    Ok(match request {
        Req::Coprocessor(message) => Resp::Coprocessor(
            limit.boxed(move || client.coprocessor(limit.request(message))).await?,
        ),
        Req::Get(message) => {
            Resp::Get(limit.boxed(move || client.kv_get(limit.request(message))).await?)
        }
        Req::BatchGet(message) => {
            Resp::BatchGet(limit.boxed(move || client.kv_batch_get(limit.request(message))).await?)
        }
        Req::Scan(message) => {
            Resp::Scan(limit.boxed(move || client.kv_scan(limit.request(message))).await?)
        }
        Req::CheckTxnStatus(message) => {
            let call = limit.boxed(move || client.kv_check_txn_status(limit.request(message)));
            Resp::CheckTxnStatus(call.await?)
        }
        Req::CheckSecondaryLocks(message) => {
            let call = limit.boxed(move || client.kv_check_secondary_locks(limit.request(message)));
            Resp::CheckSecondaryLocks(call.await?)
        }
        Req::ResolveLock(message) => Resp::ResolveLock(
            limit.boxed(move || client.kv_resolve_lock(limit.request(message))).await?,
        ),
        Req::PessimisticRollback(message) => {
            let call = limit.boxed(move || client.kv_pessimistic_rollback(limit.request(message)));
            Resp::PessimisticRollback(call.await?)
        }
        Req::Prewrite(message) => {
            Resp::Prewrite(limit.boxed(move || client.kv_prewrite(limit.request(message))).await?)
        }
        Req::Commit(message) => {
            Resp::Commit(limit.boxed(move || client.kv_commit(limit.request(message))).await?)
        }
        Req::BatchRollback(message) => {
            let call = limit.boxed(move || client.kv_batch_rollback(limit.request(message)));
            Resp::BatchRollback(call.await?)
        }
        Req::TxnHeartBeat(message) => {
            let call = limit.boxed(move || client.kv_txn_heart_beat(limit.request(message)));
            Resp::TxnHeartBeat(call.await?)
        }
        Req::SplitRegion(message) => Resp::SplitRegion(
            limit.boxed(move || client.split_region(limit.request(message))).await?,
        ),
    })
}

/// One call's limit: the peer is told of it, and this side does not rely on the peer.
pub(crate) struct Limit<'a> {
    /// Measures it.
    pub(crate) clock: &'a dyn Clock,
    /// The peer, for errors.
    pub(crate) address: &'a str,
    /// The limit.
    pub(crate) timeout: Duration,
    /// Whom the peer is to pass the message on to.
    forwarded: Option<AsciiMetadataValue>,
}

impl<'a> Limit<'a> {
    /// The limit of a call that the peer itself answers.
    pub(crate) fn new(clock: &'a dyn Clock, address: &'a str, timeout: Duration) -> Self {
        Self { clock, address, timeout, forwarded: None }
    }

    /// The message with its `grpc-timeout`.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        if let Some(target) = &self.forwarded {
            request.metadata_mut().insert(FORWARDED, target.clone());
        }
        request
    }

    /// What a failed call means.
    pub(crate) fn error(&self, status: &Status) -> TransportError {
        transport_error(self.address, self.timeout, status)
    }

    /// [`Limit::run`] of the call that is made, in a place of its own: with one for each command beside the others, whoever sends
    /// one would take half a megabyte of the stack where nothing is optimized.
    fn boxed<'b, T, C>(
        &'b self,
        call: impl FnOnce() -> C,
    ) -> BoxFuture<'b, Result<T, TransportError>>
    where
        T: Send + 'b,
        C: Future<Output = Result<Response<T>, Status>> + Send + 'b,
    {
        Box::pin(self.run(call()))
    }

    /// Waits for the answer at most this long; dropping the call cancels it at the peer.
    pub(crate) async fn run<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, TransportError> {
        tokio::select! {
            biased;
            answer = call => answer
                .map(Response::into_inner)
                .map_err(|status| self.error(&status)),
            () = self.clock.sleep(self.timeout) => Err(TransportError::Timeout {
                address: self.address.to_owned(),
                timeout: self.timeout,
            }),
        }
    }
}

#[cfg(test)]
#[path = "grpc_tests.rs"]
mod tests;
