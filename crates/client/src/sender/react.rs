//! What an exchange does when it got no answer or a region error: classify, and act on it.

use tifusion_proto::errorpb;

use super::Sent;
use super::exchange::{Exchange, Flow, Target};
use super::transport_error::{self, TransportAction};
use crate::backoff::{BackoffKind, Backoffer};
use crate::error::{ClientError, ErrorKind, Result};
use crate::metrics::{self, RetryCause};
use crate::region_error::{
    self, AttemptContext, CacheUpdate, PeerMark, RegionErrorAction, RegionErrorKind,
};
use crate::transport::TransportError;

impl Exchange<'_> {
    pub(super) async fn on_transport_error(
        &mut self,
        bo: &mut Backoffer,
        target: &Target,
        error: TransportError,
    ) -> Result<Flow> {
        metrics::retry(RetryCause::Transport, error.kind());
        let action = transport_error::classify(&error, target.peer_attempts, self.pace());
        // Others have what a replica does not tell, and the leader is no reason to ask for less.
        let action = match action {
            TransportAction::TryOtherPeer { .. } => action,
            _ if self.is_spare(target) => {
                TransportAction::TryOtherPeer { disconnect: false, check_store: false }
            }
            action => action,
        };
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
            _ if kind == ErrorKind::Undetermined => {
                // Whoever asks again finds out anew where the region and its leader are.
                self.update_cache(
                    target,
                    &match action {
                        TransportAction::TryOtherPeer { disconnect: true, .. } => {
                            CacheUpdate::DropAndCheckStore
                        }
                        _ => CacheUpdate::Drop,
                    },
                );
                return Err(cause);
            }
            TransportAction::Fatal { .. } => return Err(cause),
            TransportAction::RetrySame { backoff } => self.wait(bo, Some(backoff), cause).await?,
            TransportAction::OutOfTime => {
                self.pass_over_slow(target, BackoffKind::StoreRpc, cause);
            }
            TransportAction::AskForLess => {
                // A store that hangs has lost its regions to others: PD knows.
                self.sender.regions.invalidate(self.region.ver_id);
                return Ok(Flow::Done(Sent::OutOfTime { backoff: BackoffKind::StoreRpc, cause }));
            }
            TransportAction::TryOtherPeer { disconnect, check_store } => {
                if disconnect {
                    self.sender.transport.disconnect(&target.store.address);
                }
                if check_store {
                    self.sender.regions.invalidate_store(target.store.id);
                }
                self.sender.loads.lost(bo, target.store.id);
                self.replicas.mark(target.peer.id, PeerMark::Failed);
                self.wait(bo, Some(BackoffKind::StoreRpc), cause).await?;
            }
        }
        Ok(Flow::Again)
    }

    pub(super) async fn on_region_error(
        &mut self,
        bo: &mut Backoffer,
        target: &Target,
        error: errorpb::Error,
    ) -> Result<Flow> {
        let kind = RegionErrorKind::of(&error);
        self.options.stats.count_region_error(kind);
        metrics::retry(RetryCause::RegionError, kind.name());
        let from_leader = target.peer.id == self.replicas.leader_id();
        let estimated = error.server_is_busy.as_ref().map_or(0, |busy| busy.estimated_wait_ms);
        if kind == RegionErrorKind::ServerIsBusy {
            self.sender.loads.busy(bo, target.store.id, estimated);
            if from_leader && estimated == 0 {
                self.replicas.busy();
            }
        }
        let action = region_error::classify(
            &error,
            &AttemptContext {
                region: self.region,
                peer: &target.peer,
                leader_id: self.replicas.leader_id(),
                leader_tried: self.replicas.leader_tried(),
                replica_read: (self.replica_read || target.preferred) && !from_leader,
                has_others: target.preferred && (!from_leader || self.replicas.prefers_others()),
                peer_attempts: target.peer_attempts,
                busy_answers: self.replicas.busy_answers(),
                probed: self.replicas.probed(),
                leader_switches: self.replicas.switches(),
                short_timeout: self.has_short_timeout(),
            },
        );
        if !target.idempotent && may_have_happened(kind, &action) {
            self.update_cache(target, &CacheUpdate::Drop);
            let why = format!("{}, and the request may have taken effect", describe(kind, &error));
            return Err(self.failure(bo, target, ErrorKind::Undetermined, why));
        }
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
                self.replicas.prefer([]);
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
            RegionErrorAction::OutOfTime { other_peer: true } => {
                self.pass_over_slow(target, BackoffKind::ServerBusy, cause);
            }
            RegionErrorAction::OutOfTime { other_peer: false } if self.is_spare(target) => {
                self.replicas.mark(target.peer.id, PeerMark::Failed);
                self.last_cause = Some(cause);
            }
            RegionErrorAction::OutOfTime { other_peer: false } => {
                let backoff = BackoffKind::ServerBusy;
                return Ok(Flow::Done(Sent::OutOfTime { backoff, cause }));
            }
            RegionErrorAction::Fatal { kind, why } => {
                return Err(self.failure(bo, target, kind, why).with_source(cause));
            }
            // Only what may be asked for again comes here.
            RegionErrorAction::Undetermined { .. } => {
                return self.rebuild(bo, BackoffKind::RegionMiss, cause).await;
            }
        }
        Ok(Flow::Again)
    }

    /// Whether the peer is asked by preference alone: the leader is there when it has no answer.
    fn is_spare(&self, target: &Target) -> bool {
        target.preferred && target.peer.id != self.replicas.leader_id()
    }

    /// The peer ran out of time: the others may answer a read from their own data, and know whether the
    /// leader is another by now.
    fn pass_over_slow(&mut self, target: &Target, backoff: BackoffKind, cause: ClientError) {
        self.replica_read = target.reads;
        self.out_of_time = Some(backoff);
        self.replicas.mark(target.peer.id, PeerMark::Failed);
        self.last_cause = Some(cause);
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
}

/// Whether a write that was answered with this region error may take effect all the same. Stores say
/// so by `undetermined_result`; older ones drop the callbacks of proposals that may still be applied
/// when a peer is destroyed or takes in a snapshot, and give up waiting for them.
fn may_have_happened(kind: RegionErrorKind, action: &RegionErrorAction) -> bool {
    let dropped = matches!(
        kind,
        RegionErrorKind::UndeterminedResult
            | RegionErrorKind::StaleCommand
            | RegionErrorKind::RegionNotFound
            | RegionErrorKind::Unknown
    );
    dropped || matches!(action, RegionErrorAction::OutOfTime { .. })
}

/// The region error for people: its name, and what the store said.
fn describe(kind: RegionErrorKind, error: &errorpb::Error) -> String {
    let reason = match (&error.server_is_busy, &error.undetermined_result) {
        (Some(busy), _) => busy.reason.as_str(),
        (None, Some(result)) => result.message.as_str(),
        (None, None) => "",
    };
    let said = if error.message.is_empty() { reason } else { error.message.as_str() };
    if said.is_empty() {
        format!("the store answered {kind}")
    } else {
        format!("the store answered {kind}: {said}")
    }
}
