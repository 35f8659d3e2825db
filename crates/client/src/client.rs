//! The client as the layers above use it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tifusion_proto::{kvrpcpb, metapb};

use crate::auto_id::AutoIdService;
use crate::background::Background;
use crate::backoff::Backoffer;
use crate::clock::{Clock, TokioClock};
use crate::cop::CopCache;
use crate::error::{ClientError, ErrorKind, Result};
use crate::gc_check::LastSafePoint;
use crate::gc_hold::{GcKeeper, KeepTime, SnapshotKeep};
use crate::lock::LockResolver;
use crate::options::ClientOptions;
use crate::pd::{AbsentPd, PdApi, PdClient};
use crate::query::QueryId;
use crate::region::{RegionCache, Store};
use crate::sender::Sender;
use crate::timestamp::Timestamp;
use crate::transport::{
    Channels, GrpcTransport, MeasuredTransport, StatusCode, StoreRequest, StoreTransport,
    TransportError,
};

/// A cluster's client; clones share everything.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: ClientOptions,
    pd: Arc<dyn PdApi>,
    regions: Arc<RegionCache>,
    transport: Arc<dyn StoreTransport>,
    clock: Arc<dyn Clock>,
    sender: Sender,
    locks: LockResolver,
    cop_cache: Option<Arc<CopCache>>,
    background: Background,
    gc_keeper: Arc<GcKeeper>,
    last_safe_point: LastSafePoint,
    auto_ids: AutoIdService,
}

impl Client {
    /// Finds the cluster by the PD endpoints of the options. Must be called within a Tokio runtime
    /// that lives as long as the client.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a malformed endpoint or endpoints of different clusters,
    /// [`ErrorKind::Security`] for TLS, [`ErrorKind::DeadlineExceeded`] when no PD leader was found
    /// within `budgets.pd`; the message names every address that was tried.
    pub async fn connect(options: ClientOptions) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock);
        let channels = Arc::new(Channels::new(&options, Arc::clone(&clock))?);
        channels.keep_current(Arc::clone(&clock));
        let mut bo = Backoffer::new(Arc::clone(&clock), options.budgets.pd);
        let pd = PdClient::connect(&options, Arc::clone(&channels), Arc::clone(&clock), &mut bo);
        let pd = Arc::new(pd.await?);
        let max_message_size = options.max_message_size;
        let transport =
            GrpcTransport::new(Arc::clone(&channels), Arc::clone(&clock), max_message_size);
        Ok(Self::assembled(options, pd, Arc::new(transport), clock, Some(channels)))
    }

    /// A client of a cluster whose PD nobody may ask, `why` says the reason: it has a clock and names for
    /// statements, and refuses all else.
    ///
    /// # Errors
    /// As [`Channels::new`].
    pub fn apart(options: ClientOptions, why: &'static str) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock);
        let channels = Arc::new(Channels::new(&options, Arc::clone(&clock))?);
        let transport = GrpcTransport::new(channels, Arc::clone(&clock), options.max_message_size);
        let pd = Arc::new(AbsentPd::new(why));
        Ok(Self::assembled(options, pd, Arc::new(transport), clock, None))
    }

    /// A client over parts given from outside. It has no way to TiDB's auto id service.
    #[must_use]
    pub fn with_parts(
        options: ClientOptions,
        pd: Arc<dyn PdApi>,
        transport: Arc<dyn StoreTransport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self::assembled(options, pd, transport, clock, None)
    }

    fn assembled(
        options: ClientOptions,
        pd: Arc<dyn PdApi>,
        transport: Arc<dyn StoreTransport>,
        clock: Arc<dyn Clock>,
        channels: Option<Arc<Channels>>,
    ) -> Self {
        let transport = MeasuredTransport::new(transport, Arc::clone(&clock));
        let transport: Arc<dyn StoreTransport> = Arc::new(transport);
        let regions = Arc::new(RegionCache::new(Arc::clone(&pd), &options));
        let tags = options.tags.clone();
        let sender = Sender::new(Arc::clone(&regions), Arc::clone(&transport), tags)
            .with_forwarding(options.forwarding);
        let locks = LockResolver::new(sender.clone(), Arc::clone(&pd), &options);
        let cop_cache = CopCache::new(options.cop_cache).map(Arc::new);
        let background = Background::default();
        let keeper =
            GcKeeper::new(Arc::clone(&pd), Arc::clone(&clock), background.clone(), &options);
        let (map, timeout) = (options.address_map.clone(), options.request_timeout);
        let auto_ids = AutoIdService::new(Arc::clone(&pd), channels, map, timeout);
        let inner = Inner {
            options,
            pd,
            regions,
            transport,
            clock,
            sender,
            locks,
            cop_cache,
            background,
            gc_keeper: Arc::new(keeper),
            last_safe_point: LastSafePoint::default(),
            auto_ids,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Whether it was made by [`Client::apart`].
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.inner.pd.is_absent()
    }

    /// A timestamp greater than every one taken before this call began.
    ///
    /// # Errors
    /// When PD cannot be reached within the budget, or its timestamps go backwards.
    pub async fn timestamp(&self) -> Result<Timestamp> {
        self.timestamp_by(None).await
    }

    /// The same for a statement that ends at `deadline`.
    ///
    /// # Errors
    /// As [`Client::timestamp`], and when the deadline passes.
    pub async fn timestamp_by(&self, deadline: Option<Instant>) -> Result<Timestamp> {
        let mut bo = self.backoffer(self.inner.options.budgets.pd).with_deadline(deadline);
        self.inner.pd.timestamp(&mut bo).await
    }

    /// Fails when the snapshot at `start_ts` may have lost data to garbage collection. What was read
    /// before a check that succeeds was complete.
    ///
    /// # Errors
    /// [`ErrorKind::SnapshotTooOld`], or what kept PD from answering.
    pub async fn check_gc_safe_point(&self, start_ts: Timestamp) -> Result<()> {
        self.check_gc_safe_point_by(start_ts, None).await
    }

    /// The same for a statement that ends at `deadline`.
    ///
    /// # Errors
    /// As [`Client::check_gc_safe_point`], and when the deadline passes.
    pub async fn check_gc_safe_point_by(
        &self,
        start_ts: Timestamp,
        deadline: Option<Instant>,
    ) -> Result<()> {
        let mut bo = self.backoffer(self.inner.options.budgets.pd).with_deadline(deadline);
        let (asked, on_the_wall) = (self.inner.clock.now(), SystemTime::now());
        let safe_point = self.inner.pd.txn_safe_point(&mut bo).await?;
        self.inner.last_safe_point.learn(asked, on_the_wall, safe_point);
        if start_ts >= safe_point {
            return Ok(());
        }
        Err(ClientError::new(
            ErrorKind::SnapshotTooOld,
            format!(
                "the snapshot at {start_ts} is older than the GC safe point {safe_point} by {:?}: \
                 read a newer one, or raise tidb_gc_life_time",
                safe_point.saturating_since(start_ts)
            ),
        ))
    }

    /// The same for a snapshot that was of now at `taken`, on the client's clock. While it is young, PD is asked
    /// once in ten seconds: TiDB drops nothing before it has said so for 100 s, nor what was replaced less than
    /// ten minutes ago.
    ///
    /// # Errors
    /// As [`Client::check_gc_safe_point_by`].
    pub async fn check_gc_safe_point_of_now(
        &self,
        start_ts: Timestamp,
        taken: Instant,
        deadline: Option<Instant>,
    ) -> Result<()> {
        if self.inner.last_safe_point.spares(start_ts, taken, self.inner.clock.now()) {
            return Ok(());
        }
        self.check_gc_safe_point_by(start_ts, deadline).await
    }

    /// A backoffer with this budget on the client's clock.
    #[must_use]
    pub fn backoffer(&self, budget: Duration) -> Backoffer {
        Backoffer::new(Arc::clone(&self.inner.clock), budget)
    }

    /// A name for a statement, to give to all that is read and written for it.
    #[must_use]
    pub fn query_id(&self) -> QueryId {
        QueryId::new(&*self.inner.clock)
    }

    /// All stores that are not buried, as PD has them now.
    ///
    /// # Errors
    /// When PD cannot be reached within the budget.
    pub async fn all_stores(&self, bo: &mut Backoffer) -> Result<Vec<Store>> {
        let stores = self.inner.pd.stores(bo).await?;
        let map = self.inner.options.address_map.as_deref();
        Ok(stores.into_iter().map(|store| Store::from_meta(store, map)).collect())
    }

    /// Whether the store at `address` answers at all, and after what time. What is asked names no region, so
    /// that whatever it says is a refusal.
    ///
    /// # Errors
    /// When it does not answer within the time of one request.
    pub async fn reach_store(&self, address: &str) -> Result<Duration, TransportError> {
        let began = self.inner.clock.now();
        // Some stores take it for granted that there is a context with all of these.
        let context = kvrpcpb::Context {
            region_epoch: Some(metapb::RegionEpoch::default()),
            peer: Some(metapb::Peer::default()),
            ..kvrpcpb::Context::default()
        };
        let request = kvrpcpb::GetRequest { context: Some(context), ..Default::default() };
        let request = StoreRequest::Get(request);
        let timeout = self.inner.options.request_timeout;
        match self.inner.transport.call(address, request, timeout).await {
            Err(TransportError::Status {
                code: StatusCode::Other | StatusCode::Unimplemented,
                ..
            })
            | Ok(_) => Ok(self.inner.clock.now().saturating_duration_since(began)),
            Err(error) => Err(error),
        }
    }

    /// The options it was made with.
    #[must_use]
    pub fn options(&self) -> &ClientOptions {
        &self.inner.options
    }

    /// The region cache.
    #[must_use]
    pub fn regions(&self) -> &Arc<RegionCache> {
        &self.inner.regions
    }

    /// The way to the stores.
    #[must_use]
    pub fn transport(&self) -> &Arc<dyn StoreTransport> {
        &self.inner.transport
    }

    /// Sends requests to regions.
    #[must_use]
    pub fn sender(&self) -> &Sender {
        &self.inner.sender
    }

    /// Gets reads past locks.
    #[must_use]
    pub fn locks(&self) -> &LockResolver {
        &self.inner.locks
    }

    /// The coprocessor answers that are kept; `None` when the options keep none.
    #[must_use]
    pub fn cop_cache(&self) -> Option<&Arc<CopCache>> {
        self.inner.cop_cache.as_ref()
    }

    /// Returns when nothing is cleaned up any more behind transactions and reads: what dropped or failed
    /// transactions have left, and locks of others.
    pub async fn idle(&self) {
        self.inner.background.idle().await;
        self.inner.locks.idle().await;
    }

    /// TiDB's auto id service.
    #[must_use]
    pub fn auto_ids(&self) -> &AutoIdService {
        &self.inner.auto_ids
    }

    /// Where work goes on behind those who asked for it.
    pub(crate) fn background(&self) -> &Background {
        &self.inner.background
    }

    /// Keeps garbage collection away from the snapshot at `start_ts` until what comes back is dropped. Must
    /// be called within a Tokio runtime.
    ///
    /// By a GC barrier, or a service safe point where PD is older than those, which all snapshots of the
    /// client share. PD forgets it [`gc_hold_ttl`](ClientOptions::gc_hold_ttl) after the client's last
    /// sign of life, three of which are given in that time. Where PD can't be reached or has gone too far
    /// already nothing is kept: whoever reads looks at the safe point at the end
    /// ([`Client::check_gc_safe_point`]).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] outside of a Tokio runtime.
    pub fn keep_snapshot(&self, start_ts: Timestamp, time: KeepTime) -> Result<SnapshotKeep> {
        self.inner.gc_keeper.keep(start_ts, time)
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// PD.
    #[must_use]
    pub fn pd(&self) -> &Arc<dyn PdApi> {
        &self.inner.pd
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
