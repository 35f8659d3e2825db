//! Which engine's stores a read asks, and the replicas of TiFlash among a region's peers.

use super::exchange::Exchange;
use crate::backoff::Backoffer;
use crate::region::{Store, StoreState};

/// Whose stores a read asks.
///
/// TiFlash's replicas have no leader among them and ask TiKV's how far they must be, so that any of them answers
/// as the leader would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ReadEngine {
    /// TiKV's.
    #[default]
    TiKv,
    /// TiFlash's; TiKV's for the regions of which none of them answers.
    TiFlash,
    /// TiFlash's alone.
    TiFlashOnly,
}

impl ReadEngine {
    /// Whether TiFlash is asked.
    #[must_use]
    pub fn is_tiflash(self) -> bool {
        self != Self::TiKv
    }
}

impl Exchange<'_> {
    /// Whether a peer that is chosen so is one of TiFlash.
    pub(super) fn is_of_tiflash(&self, preferred: bool) -> bool {
        preferred && self.options.engine.is_tiflash()
    }

    /// Looks for the replicas on stores of TiFlash, which are asked in any order; those that could not be reached
    /// or are busy not at all where TiKV has the data too, else last.
    pub(super) async fn prefer_tiflash(&mut self, bo: &mut Backoffer) {
        let is_only = self.options.engine == ReadEngine::TiFlashOnly;
        let mut ranked = Vec::new();
        for peer in &self.region.peers {
            // What can't be looked up is not asked.
            let Ok(store) = self.sender.regions.store(bo, peer.store_id).await else { continue };
            let troubled = !self.region.is_healthy(peer)
                || self.sender.loads.is_troubled(peer.store_id, bo.clock().now());
            if serves(&store, true) && answers_queries(&store) && (is_only || !troubled) {
                ranked.push((troubled, bo.clock().random(u64::MAX), peer.id));
            }
        }
        ranked.sort_unstable();
        let ids = ranked.into_iter().map(|(_, _, id)| id);
        match is_only {
            true => self.replicas.ask_only(ids),
            false => self.replicas.prefer(ids),
        }
    }

    /// What is to be said where nobody was there to be asked.
    pub(super) fn nobody(&self) -> &'static str {
        match self.options.engine {
            ReadEngine::TiFlashOnly => "no store of TiFlash has a replica of the region",
            _ => "no peer of the region could be asked",
        }
    }
}

/// Whether a store of TiFlash takes queries. Where storage and computing are apart, those that have the replicas leave
/// them to nodes that have none.
pub(super) fn answers_queries(store: &Store) -> bool {
    store.labels.get("engine_role").is_none_or(|role| role != "write")
}

/// Whether the store is of the engine that is asked, and takes requests at all.
pub(super) fn serves(store: &Store, tiflash: bool) -> bool {
    store.is_tiflash == tiflash && store.state != StoreState::Tombstone
}
