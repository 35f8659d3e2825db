//! A layer that measures what goes through a transport.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;

use super::{StoreRequest, StoreResponse, StoreTransport, TransportError};
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
}

#[async_trait::async_trait]
impl StoreTransport for MeasuredTransport {
    async fn call(
        &self,
        address: &str,
        request: StoreRequest,
        timeout: Duration,
    ) -> Result<StoreResponse, TransportError> {
        let (method, sent) = (request.method(), request.encoded_len());
        let began = self.clock.now();
        let called = self.inner.call(address, request, timeout).await;
        let (outcome, received) = match &called {
            Ok(response) => ("ok", response.encoded_len()),
            Err(error) => (error.kind(), 0),
        };
        let time = self.clock.now().saturating_duration_since(began);
        Rpc { method, store: address, outcome, time, sent, received }.count();
        called
    }

    fn disconnect(&self, address: &str) {
        self.inner.disconnect(address);
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
