//! One request on its way: what is known so far.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tifusion_proto::{kvrpcpb, metapb};

use super::replica::{Choice, Replicas};
use super::transport_error::Pace;
use super::{BuildRequest, SendOptions, Sender, Sent};
use crate::backoff::{BackoffKind, Backoffer};
use crate::error::{ClientError, ErrorKind, Result};
use crate::query::QueryId;
use crate::region::{Region, Store};
use crate::region_error::SHORT_TIMEOUT_MS;

/// What the stores' logs call those who ask.
pub(super) const SESSION_ALIAS: &str = "tifusion";

/// Longest part of a call's time that a store is not told of.
const MARGIN: Duration = Duration::from_secs(3);

/// What a last try gets when the budget is all but spent.
const LAST_TRY: Duration = Duration::from_millis(500);

/// What a failed call of a task counts at most, however long the store was at work.
const TASK_LOSS: Duration = Duration::from_secs(3);

/// Where the exchange stands after an attempt.
pub(super) enum Flow {
    Again,
    Done(Sent),
}

/// The peer and store of one attempt.
pub(super) struct Target {
    pub(super) peer: metapb::Peer,
    pub(super) store: Arc<Store>,
    pub(super) peer_attempts: u32,
    pub(super) idempotent: bool,
    /// Followers may answer it.
    pub(super) reads: bool,
    /// It was asked because the read prefers it, not because it is the leader or nobody else is left.
    pub(super) preferred: bool,
}

/// One request on its way.
pub(super) struct Exchange<'a> {
    pub(super) sender: &'a Sender,
    pub(super) region: &'a Arc<Region>,
    pub(super) options: &'a SendOptions,
    pub(super) build: &'a BuildRequest<'a>,
    pub(super) replicas: Replicas,
    /// Followers may answer: the leader ran out of time.
    pub(super) replica_read: bool,
    /// Set when a peer ran out of time: the wait that suits.
    pub(super) out_of_time: Option<BackoffKind>,
    pub(super) attempts: u32,
    pub(super) last_cause: Option<ClientError>,
}

impl Sender {
    /// What a request says of who asks, and how it is to be served, beside its `place`.
    pub(super) fn context(
        &self,
        bo: &Backoffer,
        options: &SendOptions,
        timeout: Duration,
        place: kvrpcpb::Context,
    ) -> kvrpcpb::Context {
        let query = bo.query().map_or(0, QueryId::number);
        let group = Some(&self.tags.resource_group).filter(|group| !group.is_empty());
        kvrpcpb::Context {
            priority: options.priority.to_proto().into(),
            isolation_level: options.isolation.to_proto().into(),
            not_fill_cache: options.not_fill_cache,
            record_time_stat: true,
            record_scan_stat: true,
            max_execution_duration_ms: at_store_ms(timeout),
            task_id: query,
            request_source: self.tags.source.clone(),
            source_stmt: Some(kvrpcpb::SourceStmt {
                connection_id: query,
                session_alias: SESSION_ALIAS.to_owned(),
                ..kvrpcpb::SourceStmt::default()
            }),
            resource_control_context: group.map(|group| kvrpcpb::ResourceControlContext {
                resource_group_name: group.clone(),
                ..kvrpcpb::ResourceControlContext::default()
            }),
            cluster_id: self.regions.pd().cluster_id(),
            ..place
        }
    }
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
            out_of_time: None,
            attempts: 0,
            last_cause: None,
        }
    }

    pub(super) fn context(
        &self,
        bo: &Backoffer,
        choice: &Choice,
        timeout: Duration,
    ) -> kvrpcpb::Context {
        let Choice { peer, preferred } = choice;
        let met_lock = self.options.met_lock.load(Ordering::Relaxed);
        // TiFlash has no other way to read.
        let is_of_tikv = !self.is_of_tiflash(*preferred);
        let stale_read = is_of_tikv && *preferred && self.options.replica.stale && !met_lock;
        let replica_read = is_of_tikv
            && !stale_read
            && (*preferred || self.replica_read)
            && peer.id != self.replicas.leader_id();
        let place = self.region.context(peer);
        let told = self.sender.context(bo, self.options, timeout, place);
        kvrpcpb::Context { replica_read, stale_read, is_retry_request: self.attempts > 0, ..told }
    }

    /// How long to wait for the next answer.
    pub(super) fn timeout(&self, bo: &Backoffer) -> Duration {
        let timeout = self.options.timeout;
        bo.bounded_timeout(match self.options.is_task {
            true => timeout,
            false => timeout.min(bo.remaining().max(LAST_TRY)),
        })
    }

    /// Books the time of a failed call.
    pub(super) fn charge(&self, bo: &mut Backoffer, lost: Duration) {
        bo.charge(if self.options.is_task { lost.min(TASK_LOSS) } else { lost });
    }

    pub(super) fn has_short_timeout(&self) -> bool {
        self.options.timeout < Duration::from_millis(SHORT_TIMEOUT_MS)
    }

    pub(super) fn pace(&self) -> Pace {
        match (self.has_short_timeout(), self.options.is_task) {
            (true, _) => Pace::Short,
            (false, true) => Pace::Task,
            (false, false) => Pace::Long,
        }
    }

    /// An error of this attempt, with everything that is known about where it happened.
    pub(super) fn failure(
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

    pub(super) fn locate(&self, error: ClientError, bo: &Backoffer) -> ClientError {
        let error = error
            .with_region(self.region.ver_id.id)
            .with_query(bo.query())
            .with_attempts(self.attempts.max(bo.attempts()), bo.elapsed());
        match &self.options.label {
            Some(label) => error.with_table(&**label),
            None => error,
        }
    }

    /// The same failure once more, for a caller that has to wait on a budget of its own.
    pub(super) fn again(&self, cause: &ClientError) -> ClientError {
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

    /// Waits, and remembers why.
    pub(super) async fn wait(
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
}

/// The time a store is told when the client waits for `timeout`. Never 0, which means no limit.
fn at_store_ms(timeout: Duration) -> u64 {
    let told = timeout.saturating_sub((timeout / 10).min(MARGIN));
    u64::try_from(told.as_millis()).unwrap_or(u64::MAX).max(1)
}
