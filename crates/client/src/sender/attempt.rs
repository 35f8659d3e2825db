//! The loop of one request: choose a peer, ask it, react.

use std::sync::Arc;

use tifusion_proto::metapb;
use tracing::{Instrument as _, Span};

use super::command::{is_idempotent, is_read, take_region_error};
use super::engine::serves;
use super::exchange::{Exchange, Flow, Target};
use super::replica::Choice;
use super::replica_read::ReplicaRole;
use super::{Answer, Sent};
use crate::backoff::{BackoffKind, Backoffer};
use crate::error::{ClientError, ErrorKind, Result};
use crate::query::QueryId;
use crate::region::Store;
use crate::region_error::{PeerMark, RegionErrorKind};

impl Exchange<'_> {
    pub(super) async fn run(mut self, bo: &mut Backoffer) -> Result<Sent> {
        if self.options.engine.is_tiflash() {
            self.prefer_tiflash(bo).await;
        } else if !self.options.replica.is_of_leader() {
            self.prefer(bo).await.map_err(|error| self.locate(error, bo))?;
        }
        loop {
            bo.check_deadline().map_err(|error| self.locate(error, bo))?;
            let Some(choice) = self.replicas.next() else {
                return self.exhausted(bo).await;
            };
            let store = self.sender.regions.store(bo, choice.peer.store_id).await;
            let store = store.map_err(|error| self.locate(error, bo))?;
            if !serves(&store, self.is_of_tiflash(choice.preferred)) {
                self.replicas.mark(choice.peer.id, PeerMark::Failed);
                continue;
            }
            if let Flow::Done(sent) = self.attempt(bo, choice, store).await? {
                return Ok(sent);
            }
        }
    }

    /// Looks for the replicas that the read asks before the leader. Those that are down, out of reach or
    /// busy are left out: with none left there is the leader.
    async fn prefer(&mut self, bo: &mut Backoffer) -> Result<()> {
        let leader_id = self.replicas.leader_id();
        let mut ranked = Vec::new();
        for peer in self.region.peers.iter().filter(|peer| self.region.is_healthy(peer)) {
            if self.sender.loads.is_troubled(peer.store_id, bo.clock().now()) {
                continue;
            }
            // What can't be looked up is not preferred.
            let Ok(store) = self.sender.regions.store(bo, peer.store_id).await else { continue };
            let role = match peer.role() {
                _ if peer.id == leader_id => ReplicaRole::Leader,
                metapb::PeerRole::Learner => ReplicaRole::Learner,
                _ => ReplicaRole::Follower,
            };
            if serves(&store, false)
                && let Some(rank) = self.options.replica.rank(role, &store)
            {
                ranked.push((rank, bo.clock().random(u64::MAX), peer.id));
            }
        }
        ranked.sort_unstable();
        self.replicas.prefer(ranked.into_iter().map(|(_, _, id)| id));
        Ok(())
    }

    async fn attempt(
        &mut self,
        bo: &mut Backoffer,
        choice: Choice,
        store: Arc<Store>,
    ) -> Result<Flow> {
        // Stores that are busy get less of what is their load.
        let place = match self.options.is_task {
            true => {
                let place = self.sender.loads.admit(bo, store.id).await;
                Some(place.map_err(|error| self.locate(error, bo))?)
            }
            false => None,
        };
        let timeout = self.timeout(bo);
        let request = (self.build)(self.context(bo, &choice, timeout));
        let Choice { peer, preferred } = choice;
        let peer_attempts = self.replicas.attempt(peer.id);
        let (idempotent, reads) = (is_idempotent(&request), is_read(&request));
        let target = Target { peer, store, peer_attempts, idempotent, reads, preferred };
        self.attempts = self.attempts.saturating_add(1);
        self.options.stats.count_request();
        let began = bo.clock().now();
        let span = self.span(bo, &target, request.method());
        let called = self.call(bo, &target, request, timeout).instrument(span.clone()).await;
        drop(place);
        let mut response = match called {
            Ok(response) => response,
            Err(error) => {
                self.options.stats.count_transport_error();
                span.record("failure", error.kind());
                self.charge(bo, bo.clock().now().saturating_duration_since(began));
                return self.on_transport_error(bo, &target, error).await;
            }
        };
        match take_region_error(&mut response) {
            Some(error) => {
                span.record("failure", tracing::field::display(RegionErrorKind::of(&error)));
                self.on_region_error(bo, &target, error).await
            }
            None => {
                self.sender.loads.answered(target.store.id);
                self.learn_leader(&target);
                Ok(Flow::Done(Sent::Answer(Box::new(Answer {
                    response,
                    region_id: self.region.ver_id.id,
                    store_id: target.store.id,
                    address: target.store.address.clone(),
                    attempts: self.attempts,
                }))))
            }
        }
    }

    /// What a listener sees of the attempt: where it goes, never what is in it.
    fn span(&self, bo: &Backoffer, target: &Target, method: &'static str) -> Span {
        tracing::debug_span!(
            "rpc",
            method,
            query = bo.query().map(QueryId::number),
            table = self.options.label.as_deref(),
            region = self.region.ver_id.id,
            store = target.store.id,
            address = target.store.address.as_str(),
            attempt = self.attempts,
            failure = tracing::field::Empty,
        )
    }

    /// A leader read that another peer has answered: that peer is the leader.
    fn learn_leader(&self, Target { peer, preferred, .. }: &Target) {
        if !self.replica_read && !preferred && peer.id != self.region.leader.id {
            self.sender.regions.switch_leader(self.region.ver_id, peer);
        }
    }

    /// No peer is left to ask. When time ran out that says nothing about the region; otherwise the
    /// cache is likely wrong about it.
    async fn exhausted(mut self, bo: &mut Backoffer) -> Result<Sent> {
        let cause = self.last_cause.take().unwrap_or_else(|| {
            self.locate(ClientError::new(ErrorKind::Unavailable, self.nobody()), bo)
        });
        if let Some(backoff) = self.out_of_time {
            return Ok(Sent::OutOfTime { backoff, cause });
        }
        self.sender.regions.invalidate(self.region.ver_id);
        let again = self.again(&cause);
        bo.backoff(BackoffKind::RegionMiss, cause).await?;
        Ok(Sent::Rebuild { cause: again })
    }
}
