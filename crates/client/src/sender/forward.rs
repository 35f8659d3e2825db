//! Ways around a store that cannot be reached: another store passes the request on.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::exchange::{Exchange, Target};
use crate::backoff::Backoffer;
use crate::region::StoreState;
use crate::transport::{StoreRequest, StoreResponse, TransportError};

/// How long a way that was found is taken before the direct one is tried again.
const DETOUR_TIME: Duration = Duration::from_secs(10);

/// The ways that were found, by the addresses of the stores that could not be reached.
#[derive(Debug, Default)]
pub(super) struct Detours(Mutex<HashMap<String, Detour>>);

#[derive(Debug, Clone)]
struct Detour {
    through: String,
    until: Instant,
}

impl Detours {
    fn around(&self, address: &str, now: Instant) -> Option<String> {
        let mut detours = self.0.lock();
        let detour = detours.get_mut(address)?;
        if detour.until <= now {
            // This one tries the direct way; it alone waits if that is still no way.
            detour.until = now + DETOUR_TIME;
            return None;
        }
        Some(detour.through.clone())
    }

    fn found(&self, address: &str, through: &str, now: Instant) {
        let until = now + DETOUR_TIME;
        let detour = Detour { through: through.to_owned(), until };
        self.0.lock().insert(address.to_owned(), detour);
    }

    fn forget(&self, address: &str) {
        self.0.lock().remove(address);
    }
}

impl Exchange<'_> {
    /// Asks the store; one that cannot be reached through the other stores of the region, if that is wanted.
    /// A request that may have been sent is not sent again.
    pub(super) async fn call(
        &self,
        bo: &mut Backoffer,
        target: &Target,
        request: StoreRequest,
        timeout: Duration,
    ) -> Result<StoreResponse, TransportError> {
        let (transport, address) = (&self.sender.transport, target.store.address.as_str());
        let Some(detours) = self.sender.detours.as_deref() else {
            return transport.call(address, request, timeout).await;
        };
        let advertised = target.store.advertised.as_str();
        if let Some(through) = detours.around(address, bo.clock().now()) {
            let answer = transport.forward(&through, advertised, request.clone(), timeout).await;
            let unsent = matches!(answer, Err(TransportError::Connect { .. }));
            if answer.is_err() {
                detours.forget(address);
            }
            if !unsent {
                return answer;
            }
        }
        let failure = match transport.call(address, request.clone(), timeout).await {
            Err(failure @ TransportError::Connect { .. }) => failure,
            answer => {
                detours.forget(address);
                return answer;
            }
        };
        for through in self.other_stores(bo, target).await {
            let answer = transport.forward(&through, advertised, request.clone(), timeout).await;
            if matches!(answer, Err(TransportError::Connect { .. })) {
                continue;
            }
            if answer.is_ok() {
                tracing::debug!(store = target.store.id, %through, "a store is reached through another");
                detours.found(address, &through, bo.clock().now());
            }
            return answer;
        }
        Err(failure)
    }

    /// The addresses of the region's other stores that pass requests on.
    async fn other_stores(&self, bo: &mut Backoffer, target: &Target) -> Vec<String> {
        let mut addresses = Vec::new();
        for peer in self.region.peers.iter().filter(|peer| peer.id != target.peer.id) {
            // One that PD does not tell of is no way.
            let Ok(store) = self.sender.regions.store(bo, peer.store_id).await else { continue };
            if store.state != StoreState::Tombstone && !store.is_tiflash {
                addresses.push(store.address.clone());
            }
        }
        addresses
    }
}
