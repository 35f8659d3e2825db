//! The runtime of one request: attempt, classify, act.

use std::sync::Arc;
use std::time::Duration;

use tifusion_proto::{errorpb, kvrpcpb, metapb};

use super::command::{is_idempotent, take_region_error};
use super::replica::Replicas;
use super::transport_error::{self, TransportAction};
use super::{Answer, BuildRequest, SendOptions, Sender, Sent};
use crate::backoff::{BackoffKind, Backoffer};
use crate::error::{ClientError, ErrorKind, Result};
use crate::region::{Region, Store, StoreState};
use crate::region_error::{
    self, AttemptContext, CacheUpdate, PeerMark, RegionErrorAction, RegionErrorKind,
    SHORT_TIMEOUT_MS,
};
use crate::transport::TransportError;

/// Who asks, as the stores' metrics show it.
const REQUEST_SOURCE: &str = "tifusion";

/// Where the exchange stands after an attempt.
enum Flow {
    Again,
    Done(Sent),
}

/// The peer and store of one attempt.
struct Target {
    peer: metapb::Peer,
    store: Arc<Store>,
    peer_attempts: u32,
    idempotent: bool,
}

/// One request on its way.
pub(super) struct Exchange<'a> {
    sender: &'a Sender,
    region: &'a Arc<Region>,
    options: &'a SendOptions,
    build: &'a BuildRequest<'a>,
    replicas: Replicas,
    /// Followers may answer: the leader ran out of time.
    replica_read: bool,
    out_of_time: bool,
    attempts: u32,
    last_cause: Option<ClientError>,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        sender: &'a Sender,
        region: &'a Arc<Region>,
        options: &'a SendOptions,
        build: &'a BuildRequest<'a>,
    ) -> Self {
        Self {
            sender,
            region,
            options,
            build,
            replicas: Replicas::new(region),
            replica_read: false,
            out_of_time: false,
            attempts: 0,
            last_cause: None,
        }
    }

    pub(super) async fn run(mut self, bo: &mut Backoffer) -> Result<Sent> {
        loop {
            bo.check_deadline().map_err(|error| self.locate(error, bo))?;
            let Some(peer) = self.replicas.next() else {
                return self.exhausted(bo).await;
            };
            let store = self.sender.regions.store(bo, peer.store_id).await;
            let store = store.map_err(|error| self.locate(error, bo))?;
            if store.is_tiflash || store.state == StoreState::Tombstone {
                // TiFlash answers none of these commands; a tombstone answers nothing.
                self.replicas.mark(peer.id, PeerMark::Failed);
                continue;
            }
            if let Flow::Done(sent) = self.attempt(bo, peer, store).await? {
                return Ok(sent);
            }
        }
    }

    async fn attempt(
        &mut self,
        bo: &mut Backoffer,
        peer: metapb::Peer,
        store: Arc<Store>,
    ) -> Result<Flow> {
        let timeout = bo.bounded_timeout(self.options.timeout);
        let request = (self.build)(self.context(&peer, timeout));
        let peer_attempts = self.replicas.attempt(peer.id);
        let target = Target { peer, store, peer_attempts, idempotent: is_idempotent(&request) };
        self.attempts = self.attempts.saturating_add(1);
        self.options.stats.count_request();
        let called = self.sender.transport.call(&target.store.address, request, timeout).await;
        let mut response = match called {
            Ok(response) => response,
            Err(error) => {
                self.options.stats.count_transport_error();
                return self.on_transport_error(bo, &target, error).await;
            }
        };
        match take_region_error(&mut response) {
            Some(error) => self.on_region_error(bo, &target, error).await,
            None => {
                self.learn_leader(&target.peer);
                Ok(Flow::Done(Sent::Answer(Box::new(Answer {
                    response,
                    store_id: target.store.id,
                    address: target.store.address.clone(),
                    attempts: self.attempts,
                }))))
            }
        }
    }

    /// A leader read that another peer has answered: that peer is the leader.
    fn learn_leader(&self, peer: &metapb::Peer) {
        if !self.replica_read && peer.id != self.region.leader.id {
            self.sender.regions.switch_leader(self.region.ver_id, peer);
        }
    }

    fn context(&self, peer: &metapb::Peer, timeout: Duration) -> kvrpcpb::Context {
        let replica_read = self.replica_read && peer.id != self.replicas.leader_id();
        kvrpcpb::Context {
            priority: self.options.priority.to_proto().into(),
            isolation_level: self.options.isolation.to_proto().into(),
            not_fill_cache: self.options.not_fill_cache,
            record_time_stat: true,
            record_scan_stat: true,
            replica_read,
            max_execution_duration_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            task_id: self.options.task_id,
            is_retry_request: self.attempts > 0,
            request_source: REQUEST_SOURCE.to_owned(),
            cluster_id: self.sender.regions.pd().cluster_id(),
            ..self.region.context(peer)
        }
    }

    async fn on_transport_error(
        &mut self,
        bo: &mut Backoffer,
        target: &Target,
        error: TransportError,
    ) -> Result<Flow> {
        let action =
            transport_error::classify(&error, target.peer_attempts, self.has_short_timeout());
        let sent = !matches!(error, TransportError::Connect { .. });
        let kind = match action {
            TransportAction::Fatal { kind } => kind,
            _ if sent && !target.idempotent => ErrorKind::Undetermined,
            _ => ErrorKind::Unavailable,
        };
        let message = match kind {
            ErrorKind::Refused => "the store refused the request",
            ErrorKind::Security => "the store could not be reached safely",
            ErrorKind::Undetermined => "the answer was lost and the request may have taken effect",
            _ => "the store did not answer",
        };
        let cause =
            self.failure(bo, target, kind, format!("{message}: {error}")).with_source(error);
        match action {
            _ if kind == ErrorKind::Undetermined => return Err(cause),
            TransportAction::Fatal { .. } => return Err(cause),
            TransportAction::RetrySame { backoff } => self.wait(bo, Some(backoff), cause).await?,
            TransportAction::OutOfTime => self.pass_over_slow(target, cause),
            TransportAction::TryOtherPeer { disconnect, check_store } => {
                if disconnect {
                    self.sender.transport.disconnect(&target.store.address);
                }
                if check_store {
                    self.sender.regions.invalidate_store(target.store.id);
                }
                self.replicas.mark(target.peer.id, PeerMark::Failed);
                self.wait(bo, Some(BackoffKind::StoreRpc), cause).await?;
            }
        }
        Ok(Flow::Again)
    }

    async fn on_region_error(
        &mut self,
        bo: &mut Backoffer,
        target: &Target,
        error: errorpb::Error,
    ) -> Result<Flow> {
        let kind = RegionErrorKind::of(&error);
        self.options.stats.count_region_error(kind);
        let from_leader = target.peer.id == self.replicas.leader_id();
        let estimated =
            error.server_is_busy.as_ref().is_some_and(|busy| busy.estimated_wait_ms > 0);
        if kind == RegionErrorKind::ServerIsBusy && from_leader && !estimated {
            self.replicas.busy();
        }
        let action = region_error::classify(
            &error,
            &AttemptContext {
                region: self.region,
                peer: &target.peer,
                leader_id: self.replicas.leader_id(),
                leader_tried: self.replicas.leader_tried(),
                replica_read: self.replica_read && !from_leader,
                peer_attempts: target.peer_attempts,
                busy_answers: self.replicas.busy_answers(),
                probed: self.replicas.probed(),
                leader_switches: self.replicas.switches(),
                short_timeout: self.has_short_timeout(),
            },
        );
        let cause = self.failure(bo, target, ErrorKind::Unavailable, describe(kind, &error));
        self.act(bo, target, action, cause).await
    }

    async fn act(
        &mut self,
        bo: &mut Backoffer,
        target: &Target,
        action: RegionErrorAction,
        cause: ClientError,
    ) -> Result<Flow> {
        match action {
            RegionErrorAction::RetrySame { backoff } => self.wait(bo, backoff, cause).await?,
            RegionErrorAction::SwitchLeader { leader, backoff } => {
                if !self.sender.regions.switch_leader(self.region.ver_id, &leader)
                    && self.region.peers.iter().all(|peer| peer.id != leader.id)
                {
                    return self.rebuild(bo, BackoffKind::RegionMiss, cause).await;
                }
                self.replicas.switch_leader(target.peer.id, leader.id);
                self.wait(bo, backoff, cause).await?;
            }
            RegionErrorAction::RetryLeader { update, backoff } => {
                self.update_cache(target, &update);
                self.replica_read = false;
                if target.peer.id != self.replicas.leader_id() {
                    self.replicas.mark(target.peer.id, PeerMark::NotLeader);
                }
                self.wait(bo, backoff, cause).await?;
            }
            RegionErrorAction::TryOtherPeer { mark, backoff } => {
                self.replicas.mark(target.peer.id, mark);
                self.wait(bo, backoff, cause).await?;
            }
            RegionErrorAction::Rebuild { update, backoff } => {
                self.update_cache(target, &update);
                return self.rebuild(bo, backoff, cause).await;
            }
            RegionErrorAction::ReSplitBuckets { version, keys } => {
                self.sender.regions.update_buckets(self.region.ver_id, version, keys);
                return self.rebuild(bo, BackoffKind::RegionMiss, cause).await;
            }
            RegionErrorAction::OutOfTime { other_peer: true } => self.pass_over_slow(target, cause),
            RegionErrorAction::OutOfTime { other_peer: false } => {
                return Ok(Flow::Done(Sent::OutOfTime { cause }));
            }
            RegionErrorAction::Fatal { kind, why } => {
                return Err(self.failure(bo, target, kind, why).with_source(cause));
            }
            RegionErrorAction::Undetermined { .. } if target.idempotent => {
                return self.rebuild(bo, BackoffKind::RegionMiss, cause).await;
            }
            RegionErrorAction::Undetermined { why } => {
                let why = format!("the store does not know whether the request took effect: {why}");
                return Err(self.failure(bo, target, ErrorKind::Undetermined, why));
            }
        }
        Ok(Flow::Again)
    }

    /// The peer ran out of time: the others may answer from their own data.
    fn pass_over_slow(&mut self, target: &Target, cause: ClientError) {
        self.replica_read = true;
        self.out_of_time = true;
        self.replicas.mark(target.peer.id, PeerMark::Failed);
        self.last_cause = Some(cause);
    }

    async fn wait(
        &mut self,
        bo: &mut Backoffer,
        backoff: Option<BackoffKind>,
        cause: ClientError,
    ) -> Result<()> {
        match backoff {
            Some(kind) => {
                self.last_cause = Some(self.again(&cause));
                bo.backoff(kind, cause).await
            }
            None => {
                self.last_cause = Some(cause);
                Ok(())
            }
        }
    }

    async fn rebuild(
        &self,
        bo: &mut Backoffer,
        backoff: BackoffKind,
        cause: ClientError,
    ) -> Result<Flow> {
        let again = self.again(&cause);
        bo.backoff(backoff, cause).await?;
        Ok(Flow::Done(Sent::Rebuild { cause: again }))
    }

    /// The same failure once more, for a caller that has to wait on a budget of its own.
    fn again(&self, cause: &ClientError) -> ClientError {
        let mut error =
            ClientError::new(cause.kind(), cause.message()).with_region(self.region.ver_id.id);
        if let (Some(store), Some(address)) = (cause.context().store, &cause.context().address) {
            error = error.with_store(store, address.clone());
        }
        match &self.options.label {
            Some(label) => error.with_table(&**label),
            None => error,
        }
    }

    /// No peer is left to ask. When time ran out that says nothing about the region; otherwise the
    /// cache is likely wrong about it.
    async fn exhausted(mut self, bo: &mut Backoffer) -> Result<Sent> {
        let cause = self.last_cause.take().unwrap_or_else(|| {
            let message = "no peer of the region could be asked";
            self.locate(ClientError::new(ErrorKind::Unavailable, message), bo)
        });
        if self.out_of_time {
            return Ok(Sent::OutOfTime { cause });
        }
        self.sender.regions.invalidate(self.region.ver_id);
        let again = self.again(&cause);
        bo.backoff(BackoffKind::RegionMiss, cause).await?;
        Ok(Sent::Rebuild { cause: again })
    }

    fn update_cache(&self, target: &Target, update: &CacheUpdate) {
        let regions = &self.sender.regions;
        match update {
            CacheUpdate::Keep => {}
            CacheUpdate::Drop => regions.invalidate(self.region.ver_id),
            CacheUpdate::DropAndCheckStore => {
                regions.invalidate(self.region.ver_id);
                regions.invalidate_store(target.store.id);
                self.sender.transport.disconnect(&target.store.address);
            }
            CacheUpdate::Install(current) => {
                // What cannot be installed is asked of PD when it is needed.
                if let Err(error) = regions.install(current, target.store.id) {
                    tracing::warn!(region = self.region.ver_id.id, %error, "bad epoch_not_match");
                }
                if current.iter().all(|region| region.id != self.region.ver_id.id) {
                    // Merged into another one.
                    regions.invalidate(self.region.ver_id);
                }
            }
        }
    }

    fn has_short_timeout(&self) -> bool {
        self.options.timeout < Duration::from_millis(SHORT_TIMEOUT_MS)
    }

    /// An error of this attempt, with everything that is known about where it happened.
    fn failure(
        &self,
        bo: &Backoffer,
        target: &Target,
        kind: ErrorKind,
        message: String,
    ) -> ClientError {
        let error = ClientError::new(kind, message)
            .with_store(target.store.id, target.store.address.clone());
        self.locate(error, bo)
    }

    fn locate(&self, error: ClientError, bo: &Backoffer) -> ClientError {
        let error = error
            .with_region(self.region.ver_id.id)
            .with_attempts(self.attempts.max(bo.attempts()), bo.elapsed());
        match &self.options.label {
            Some(label) => error.with_table(&**label),
            None => error,
        }
    }
}

/// The region error for people: its name, and what the store said.
fn describe(kind: RegionErrorKind, error: &errorpb::Error) -> String {
    let reason = error.server_is_busy.as_ref().map_or("", |busy| busy.reason.as_str());
    let said = if error.message.is_empty() { reason } else { error.message.as_str() };
    if said.is_empty() {
        format!("the store answered {kind}")
    } else {
        format!("the store answered {kind}: {said}")
    }
}
