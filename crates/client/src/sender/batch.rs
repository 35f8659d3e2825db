//! One plan over many regions of one store of TiFlash.
//!
//! Such a store does by itself what is done here for single regions: those that it has not, or not at the epoch that
//! it is told, or whose locks are in the way, it reads from other stores, and their rows are among its answers. So
//! there are neither region errors nor locks in an answer, only stores that cannot be asked so.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use parking_lot::Mutex;
use tifusion_proto::{coprocessor, kvrpcpb};
use tracing::{Instrument as _, Span};

use super::engine::{answers_queries, serves};
use super::exchange::SESSION_ALIAS;
use super::load::Place;
use super::{SendOptions, Sender};
use crate::backoff::Backoffer;
use crate::error::{ClientError, ErrorKind, Result};
use crate::metrics::{self, RetryCause};
use crate::query::QueryId;
use crate::region::{Region, RegionVerId, Store};
use crate::transport::{BATCH_METHOD, BatchAnswers, StatusCode, TransportError};

/// Longest wait for the last answer of a batch, which may read a whole table (TiDB's figure). A machine that is gone
/// is noticed by the connection before that.
const BATCH_TIMEOUT: Duration = Duration::from_secs(3600);

/// The stores that have said that they know no batches, with their versions then.
#[derive(Debug, Default)]
pub(super) struct NoBatches(Mutex<HashSet<(u64, String)>>);

impl NoBatches {
    fn add(&self, store: &Store) {
        self.0.lock().insert((store.id, store.version.clone()));
    }

    fn has(&self, store: &Store) -> bool {
        let stores = self.0.lock();
        !stores.is_empty() && stores.contains(&(store.id, store.version.clone()))
    }
}

/// Whom a batch is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchRegions<'a> {
    /// A store of TiFlash.
    pub(crate) store: u64,
    /// Regions that have a replica there, at least one.
    pub(crate) regions: &'a [Arc<Region>],
}

impl BatchRegions<'_> {
    fn first(&self) -> Option<&Arc<Region>> {
        self.regions.first()
    }
}

/// What comes after a batch that was not answered, if nothing of it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterBatch {
    /// The store is out of reach: after a wait, the others are asked for all that they have.
    Elsewhere,
    /// The store knows no batches: the others are asked at once.
    NeverAgain,
    /// The store is there, but this was too much, or is not to be had: asking for each region tells more.
    OneByOne,
}

/// Why a store has not answered all of a batch.
#[derive(Debug)]
pub(crate) struct BatchFailure {
    /// What comes next.
    pub(crate) then: AfterBatch,
    /// What happened, and where.
    pub(crate) cause: ClientError,
}

/// A batch under way; dropping it cancels it at the store.
pub(crate) struct BatchCall {
    pub(crate) store: Arc<Store>,
    answers: BatchAnswers,
    place: Option<Place>,
    span: Span,
}

impl BatchCall {
    /// The next answer; `None` after the last one.
    pub(crate) async fn next(
        &mut self,
    ) -> Option<std::result::Result<coprocessor::BatchResponse, TransportError>> {
        self.answers.next().instrument(self.span.clone()).await
    }

    /// Whoever reads it waits for others from now on: it no longer counts as work that the store has.
    pub(crate) fn is_slow(&mut self) {
        self.place = None;
    }
}

/// Makes the request of a batch around its context.
pub(crate) type BuildBatch<'a> =
    dyn Fn(kvrpcpb::Context) -> coprocessor::BatchRequest + Send + Sync + 'a;

impl Sender {
    /// The stores of TiFlash that a batch with the region may be sent to.
    pub(crate) async fn batch_stores(&self, bo: &mut Backoffer, region: &Region) -> Vec<u64> {
        let mut stores = Vec::new();
        for peer in region.peers.iter().filter(|peer| region.is_healthy(peer)) {
            // What can't be looked up is not asked.
            let Ok(store) = self.regions.store(bo, peer.store_id).await else { continue };
            let fits = serves(&store, true) && answers_queries(&store);
            let troubled = self.loads.is_troubled(store.id, bo.clock().now());
            if fits && !troubled && !self.no_batches.has(&store) {
                stores.push(store.id);
            }
        }
        stores
    }

    /// Sends what `build` makes to a store.
    ///
    /// # Errors
    /// When the statement's deadline has passed, or neither PD nor the store's other work leave time for it. What
    /// the store does is no error but a [`BatchFailure`].
    pub(crate) async fn open_batch(
        &self,
        bo: &mut Backoffer,
        asked: BatchRegions<'_>,
        options: &SendOptions,
        build: &BuildBatch<'_>,
    ) -> Result<std::result::Result<BatchCall, BatchFailure>> {
        let store = self.regions.store(bo, asked.store).await?;
        if !serves(&store, true) {
            let cause = ClientError::new(ErrorKind::Unavailable, "the store is none of TiFlash");
            let cause = cause.with_store(store.id, store.address.clone());
            return Ok(Err(BatchFailure { then: AfterBatch::OneByOne, cause }));
        }
        let place = self.loads.admit(bo, store.id).await?;
        bo.check_deadline()?;
        let timeout = bo.bounded_timeout(BATCH_TIMEOUT);
        let of_first = |region: &Arc<Region>| Some(region.context(region.peer_on_store(store.id)?));
        let context = asked.first().and_then(of_first).unwrap_or_default();
        let context = kvrpcpb::Context { buckets_version: 0, ..context };
        let query = bo.query().map_or(0, QueryId::number);
        let request = coprocessor::BatchRequest {
            connection_id: query,
            connection_alias: SESSION_ALIAS.to_owned(),
            log_id: query.to_string(),
            ..build(self.context(bo, options, timeout, context))
        };
        options.stats.count_request();
        let span = tracing::debug_span!(
            "rpc",
            method = BATCH_METHOD,
            query = bo.query().map(QueryId::number),
            table = options.label.as_deref(),
            region = asked.first().map(|region| region.ver_id.id),
            regions = asked.regions.len(),
            store = store.id,
            address = store.address.as_str(),
            failure = tracing::field::Empty,
        );
        let called = self.transport.batch(&store.address, request, timeout);
        match called.instrument(span.clone()).await {
            Ok(answers) => Ok(Ok(BatchCall { store, answers, place: Some(place), span })),
            Err(error) => {
                span.record("failure", error.kind());
                Ok(Err(self.batch_lost(bo, &store, asked, options, error)))
            }
        }
    }

    /// The answers of a batch have ended in an error: what is learnt from it, and what comes next.
    pub(crate) fn batch_broken(
        &self,
        bo: &Backoffer,
        call: &BatchCall,
        asked: BatchRegions<'_>,
        options: &SendOptions,
        error: TransportError,
    ) -> BatchFailure {
        call.span.record("failure", error.kind());
        self.batch_lost(bo, &call.store, asked, options, error)
    }

    fn batch_lost(
        &self,
        bo: &Backoffer,
        store: &Store,
        asked: BatchRegions<'_>,
        options: &SendOptions,
        error: TransportError,
    ) -> BatchFailure {
        options.stats.count_transport_error();
        metrics::retry(RetryCause::Transport, error.kind());
        let then = classify(&error);
        match then {
            AfterBatch::Elsewhere => {
                self.transport.disconnect(&store.address);
                self.regions.invalidate_store(store.id);
                self.loads.lost(bo, store.id);
                // Its replicas may be on other stores by now.
                asked.regions.iter().for_each(|region| self.regions.invalidate(region.ver_id));
            }
            AfterBatch::NeverAgain => self.no_batches.add(store),
            AfterBatch::OneByOne => {}
        }
        let cause = ClientError::new(
            ErrorKind::Unavailable,
            format!("the store did not answer for {} regions: {error}", asked.regions.len()),
        )
        .with_source(error)
        .with_query(bo.query())
        .with_store(store.id, store.address.clone());
        let cause = match asked.first() {
            Some(region) => cause.with_region(region.ver_id.id),
            None => cause,
        };
        BatchFailure { then, cause }
    }

    /// The store has answered.
    pub(crate) fn batch_answered(&self, store: u64) {
        self.loads.answered(store);
    }

    /// The store tells regions that are not what it was told. It has read them elsewhere, and their rows are in its
    /// answers: they must not be asked for again, but located anew before the next read.
    pub(crate) fn forget_stale(&self, regions: &[tifusion_proto::metapb::Region]) {
        for region in regions {
            let epoch = region.region_epoch.unwrap_or_default();
            let (conf_ver, version) = (epoch.conf_ver, epoch.version);
            self.regions.invalidate(RegionVerId { id: region.id, conf_ver, version });
        }
    }
}

fn classify(error: &TransportError) -> AfterBatch {
    match error {
        TransportError::Connect { .. } => AfterBatch::Elsewhere,
        TransportError::Timeout { .. } | TransportError::Security { .. } => AfterBatch::OneByOne,
        TransportError::Status { code, .. } => match code {
            StatusCode::Unavailable | StatusCode::Cancelled => AfterBatch::Elsewhere,
            StatusCode::Unimplemented => AfterBatch::NeverAgain,
            StatusCode::DeadlineExceeded
            | StatusCode::ResourceExhausted
            | StatusCode::PermissionDenied
            | StatusCode::Other => AfterBatch::OneByOne,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stores_out_of_reach_and_those_without_batches_are_left_out() {
        let address = || "s:1".to_owned();
        let status =
            |code| TransportError::Status { address: address(), code, message: "m".to_owned() };
        let timeout = TransportError::Timeout { address: address(), timeout: BATCH_TIMEOUT };
        let table = [
            (
                TransportError::Connect { address: address(), message: "m".into() },
                AfterBatch::Elsewhere,
            ),
            (
                TransportError::Security { address: address(), message: "m".into() },
                AfterBatch::OneByOne,
            ),
            (timeout, AfterBatch::OneByOne),
            (status(StatusCode::Unavailable), AfterBatch::Elsewhere),
            (status(StatusCode::Cancelled), AfterBatch::Elsewhere),
            (status(StatusCode::Unimplemented), AfterBatch::NeverAgain),
            (status(StatusCode::DeadlineExceeded), AfterBatch::OneByOne),
            (status(StatusCode::ResourceExhausted), AfterBatch::OneByOne),
            (status(StatusCode::PermissionDenied), AfterBatch::OneByOne),
            (status(StatusCode::Other), AfterBatch::OneByOne),
        ];
        for (error, then) in table {
            assert_eq!(classify(&error), then, "{error}");
        }
    }

    #[test]
    fn a_store_without_batches_may_know_them_once_it_is_another_version() {
        let store =
            |id, version: &str| Store { version: version.to_owned(), ..Store::tombstone(id) };
        let none = NoBatches::default();
        none.add(&store(4, "4.0.0"));
        assert!(none.has(&store(4, "4.0.0")));
        assert!(!none.has(&store(4, "8.5.0")) && !none.has(&store(5, "4.0.0")));
    }
}
