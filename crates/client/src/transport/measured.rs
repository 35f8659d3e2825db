//! A layer that measures what goes through a transport.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use prost::Message as _;
use tifusion_proto::coprocessor;

use super::{
    BATCH_METHOD, BatchAnswers, StoreRequest, StoreResponse, StoreTransport, TransportError,
};
use crate::clock::Clock;
use crate::metrics::Rpc;

/// Calls another transport, and counts time and bytes.
#[derive(Debug)]
pub(crate) struct MeasuredTransport {
    inner: Arc<dyn StoreTransport>,
    clock: Arc<dyn Clock>,
}

impl MeasuredTransport {
    pub(crate) fn new(inner: Arc<dyn StoreTransport>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock }
    }

    async fn measured(
        &self,
        store: &str,
        Sent { method, bytes: sent }: Sent,
        call: impl Future<Output = Result<StoreResponse, TransportError>>,
    ) -> Result<StoreResponse, TransportError> {
        let began = self.clock.now();
        let called = call.await;
        let (outcome, received) = match &called {
            Ok(response) => ("ok", response.encoded_len()),
            Err(error) => (error.kind(), 0),
        };
        let time = self.clock.now().saturating_duration_since(began);
        Rpc { method, store, outcome, time, sent, received }.count();
        called
    }
}

/// What is sent.
struct Sent {
    method: &'static str,
    bytes: usize,
}

impl Sent {
    fn of(request: &StoreRequest) -> Self {
        Self { method: request.method(), bytes: request.encoded_len() }
    }
}

#[async_trait::async_trait]
impl StoreTransport for MeasuredTransport {
    async fn call(
        &self,
        address: &str,
        request: StoreRequest,
        timeout: Duration,
    ) -> Result<StoreResponse, TransportError> {
        let sent = Sent::of(&request);
        self.measured(address, sent, self.inner.call(address, request, timeout)).await
    }

    async fn forward(
        &self,
        through: &str,
        target: &str,
        request: StoreRequest,
        timeout: Duration,
    ) -> Result<StoreResponse, TransportError> {
        let sent = Sent::of(&request);
        self.measured(through, sent, self.inner.forward(through, target, request, timeout)).await
    }

    async fn batch(
        &self,
        address: &str,
        request: coprocessor::BatchRequest,
        timeout: Duration,
    ) -> Result<BatchAnswers, TransportError> {
        let (clock, began, sent) =
            (Arc::clone(&self.clock), self.clock.now(), request.encoded_len());
        let batch = Batch { clock, store: address.to_owned(), began, sent, received: 0 };
        let answers = match self.inner.batch(address, request, timeout).await {
            Ok(answers) => answers,
            Err(error) => {
                batch.count(error.kind());
                return Err(error);
            }
        };
        let next = |(mut batch, mut answers): (Batch, BatchAnswers)| async move {
            match answers.next().await {
                Some(Ok(answer)) => {
                    batch.received += answer.encoded_len();
                    Ok(Some((answer, (batch, answers))))
                }
                Some(Err(error)) => {
                    batch.count(error.kind());
                    Err(error)
                }
                None => {
                    batch.count("ok");
                    Ok(None)
                }
            }
        };
        Ok(stream::try_unfold((batch, answers), next).boxed())
    }

    fn disconnect(&self, address: &str) {
        self.inner.disconnect(address);
    }
}

/// A call that has many answers, counted when the last one is there.
struct Batch {
    clock: Arc<dyn Clock>,
    store: String,
    began: Instant,
    sent: usize,
    received: usize,
}

impl Batch {
    fn count(&self, outcome: &'static str) {
        let time = self.clock.now().saturating_duration_since(self.began);
        let Self { store, sent, received, .. } = self;
        let (method, sent, received) = (BATCH_METHOD, *sent, *received);
        Rpc { method, store, outcome, time, sent, received }.count();
    }
}

/// Bytes of the message on the wire.
macro_rules! encoded_len {
    ($kind:ident: $($variant:ident)+) => {
        impl $kind {
            fn encoded_len(&self) -> usize {
                match self {
                    $(Self::$variant(message) => message.encoded_len(),)+
                }
            }
        }
    };
}

encoded_len!(StoreRequest: Coprocessor Get BatchGet Scan CheckTxnStatus CheckSecondaryLocks
    ResolveLock PessimisticRollback Prewrite Commit BatchRollback TxnHeartBeat SplitRegion);
encoded_len!(StoreResponse: Coprocessor Get BatchGet Scan CheckTxnStatus CheckSecondaryLocks
    ResolveLock PessimisticRollback Prewrite Commit BatchRollback TxnHeartBeat SplitRegion);
