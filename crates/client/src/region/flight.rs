//! One lookup at a time for each key, so that many callers who miss the same entry ask PD once.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Lanes by key; a lane exists only while someone is in it or waits for it.
#[derive(Debug)]
pub(super) struct Flights<K: Eq + Hash + Clone + Debug> {
    lanes: Mutex<HashMap<K, Arc<AsyncMutex<()>>>>,
}

impl<K: Eq + Hash + Clone + Debug> Default for Flights<K> {
    fn default() -> Self {
        Self { lanes: Mutex::default() }
    }
}

/// The right to look `key` up; the next one waiting gets it when this is dropped.
pub(super) struct Flight<'a, K: Eq + Hash + Clone + Debug> {
    // Dropped first, so that the ticket sees whether anyone else is left.
    _guard: OwnedMutexGuard<()>,
    _ticket: Ticket<'a, K>,
}

/// A place in a lane; the last one out removes the lane.
struct Ticket<'a, K: Eq + Hash + Clone + Debug> {
    flights: &'a Flights<K>,
    key: K,
    lane: Arc<AsyncMutex<()>>,
}

impl<K: Eq + Hash + Clone + Debug> Flights<K> {
    /// Waits until nobody else looks `key` up. After that, look into the cache again.
    pub(super) async fn enter(&self, key: K) -> Flight<'_, K> {
        let lane = Arc::clone(self.lanes.lock().entry(key.clone()).or_default());
        let ticket = Ticket { flights: self, key, lane };
        let guard = Arc::clone(&ticket.lane).lock_owned().await;
        Flight { _guard: guard, _ticket: ticket }
    }

    /// How many keys are being looked up.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lanes.lock().len()
    }
}

impl<K: Eq + Hash + Clone + Debug> Drop for Ticket<'_, K> {
    fn drop(&mut self) {
        let mut lanes = self.flights.lanes.lock();
        // The map's and this ticket's own; others are only made under the map's lock.
        if Arc::strong_count(&self.lane) <= 2 {
            lanes.remove(&self.key);
        }
    }
}
