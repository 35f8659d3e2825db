//! The stores that have been asked for, one PD call for each.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::flight::Flights;
use super::store::{Store, StoreState};
use crate::backoff::Backoffer;
use crate::error::Result;
use crate::options::AddressMap;
use crate::pd::PdApi;

/// Stores by id. A cluster has few, so none is ever evicted.
#[derive(Debug)]
pub(super) struct StoreCache {
    stores: Mutex<HashMap<u64, Arc<Store>>>,
    flights: Flights<u64>,
    address_map: Option<Arc<dyn AddressMap>>,
}

impl StoreCache {
    pub(super) fn new(address_map: Option<Arc<dyn AddressMap>>) -> Self {
        Self { stores: Mutex::default(), flights: Flights::default(), address_map }
    }

    pub(super) async fn get(
        &self,
        pd: &dyn PdApi,
        bo: &mut Backoffer,
        id: u64,
    ) -> Result<Arc<Store>> {
        if let Some(store) = self.cached(id) {
            return Ok(store);
        }
        let _flight = bo.wait("another lookup of the same store", self.flights.enter(id)).await?;
        if let Some(store) = self.cached(id) {
            bo.moved_on();
            return Ok(store);
        }
        let answer = pd.store(bo, id).await?;
        bo.moved_on();
        let store = match answer {
            Some(meta) => Store::from_meta(meta, self.address_map.as_deref()),
            None => Store::tombstone(id),
        };
        let store = Arc::new(store);
        // A buried store's regions are about to be looked up anew; nobody asks for it twice.
        if store.state != StoreState::Tombstone {
            self.stores.lock().insert(id, Arc::clone(&store));
        }
        Ok(store)
    }

    pub(super) fn invalidate(&self, id: u64) {
        self.stores.lock().remove(&id);
    }

    /// Those that were asked for.
    pub(super) fn all(&self) -> Vec<Arc<Store>> {
        self.stores.lock().values().cloned().collect()
    }

    fn cached(&self, id: u64) -> Option<Arc<Store>> {
        self.stores.lock().get(&id).cloned()
    }
}
