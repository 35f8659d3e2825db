//! What one partition of a scan reads, and one read of it.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use parking_lot::Mutex;
use tifusion_client::cop::{CopMetrics, CopRequest, CopResponse, KeyRange};
use tifusion_client::{Client, ClientError, Timestamp, sender};
use tokio::sync::Semaphore;
use tracing::Span;

use super::answer::ScanColumns;
use super::dynamic::DynamicFilters;
use super::memory::PoolGauge;
use super::order::RowOrder;
use super::pushed::Pushdown;
use super::reduction::Reduction;
use super::spec::{self, ColumnarSource, Segment, Source, TableScanSpec};
use crate::config::{Isolation, Priority, ReplicaRole, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::statement::StatementSnapshot;

/// Physical tables read at once in one partition of a scan.
pub(super) const SEGMENTS_AT_ONCE: usize = 4;

/// Requests at once for a small limit, which the first answer likely satisfies.
const FEW_AT_ONCE: usize = 4;

/// Bytes of answers that wait in one partition of a scan, besides the one being decoded.
const BYTES_IN_FLIGHT: usize = 64 << 20;

/// One partition of a scan.
#[derive(Debug, Clone)]
pub(crate) struct ScanPart {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    pub(crate) snapshot: Arc<StatementSnapshot>,
    pub(crate) spec: Arc<TableScanSpec>,
    pub(crate) columns: Arc<ScanColumns>,
    pub(crate) segments: Vec<Segment>,
    /// Requests that all partitions of the scan may have under way.
    pub(crate) slots: Arc<Semaphore>,
    /// What other operators find out while it runs.
    pub(crate) dynamic: Option<Arc<DynamicFilters>>,
    pub(crate) pushdown: Arc<Pushdown>,
    /// What its rows are in the order of.
    pub(crate) row_order: Arc<RowOrder>,
    /// Whether other runs of the statement ask for the same.
    pub(crate) is_cacheable: bool,
}

impl ScanPart {
    /// What is asked about the same rows where a factor of a product was large: see `PartialAggregate::exact`. What
    /// others have found out holds for it too: which way the rows are read by, and which nobody needs.
    ///
    /// # Errors
    /// When nothing can be made of its answers.
    pub(super) fn of_exact(&self) -> Result<Option<Self>> {
        let Some(Reduction::Aggregate(partial)) = &self.spec.reduction else { return Ok(None) };
        let Some(exact) = partial.exact.as_deref() else { return Ok(None) };
        let columns = self.columns.aggregate(exact, &Arc::new(exact.answer_schema()))?;
        let output = (0..).take(exact.answer.len()).collect();
        let reduction = Some(Reduction::Aggregate(exact.clone()));
        let spec = TableScanSpec { output, reduction, ..TableScanSpec::clone(&self.spec) };
        let (spec, columns) = (Arc::new(spec), Arc::new(columns));
        Ok(Some(Self { spec, columns, ..self.clone() }))
    }

    /// An error of an answer, with where it came from.
    pub(super) fn in_answer(&self, error: Error, region: u64, store: u64) -> Error {
        error
            .with_context("table", self.spec.label())
            .with_context("region", region.to_string())
            .with_context("store", store.to_string())
            .of_query(self.snapshot.query())
    }
}

/// What the reads of one partition share.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) part: Arc<ScanPart>,
    pub(super) gauge: Arc<PoolGauge>,
    /// All that were begun.
    pub(super) begun: Arc<Mutex<Vec<Arc<CopMetrics>>>>,
    /// Around them.
    pub(super) span: Span,
}

impl Reading {
    /// One of `at_once` reads: `data` for these ranges.
    pub(super) fn request(
        &self,
        data: Bytes,
        ranges: &[spec::KeyRange],
        at_once: usize,
    ) -> CopRequest {
        request(&self.part, data, ranges, (&self.gauge, at_once))
    }

    /// The answers to a request, in no particular order.
    pub(super) fn begin(&self, request: CopRequest) -> BoxStream<'static, Result<CopResponse>> {
        let _inside = self.span.enter();
        let engine = request.engine;
        match self.part.client.coprocessor(request) {
            Ok(read) => {
                self.begun.lock().push(Arc::clone(read.metrics()));
                read.map_err(move |error| in_words(error, engine)).boxed()
            }
            Err(error) => failed(error.into()),
        }
    }
}

/// An error of the client's; where TiKV was not to be asked, with what says so.
fn in_words(error: ClientError, engine: sender::ReadEngine) -> Error {
    let error = Error::from(error);
    let may_be_out_of_reach =
        matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::DeadlineExceeded);
    match engine {
        sender::ReadEngine::TiFlashOnly if may_be_out_of_reach => {
            error.with_context("isolation_read_engines", "tiflash")
        }
        _ => error,
    }
}

/// A stream of nothing but an error.
pub(super) fn failed<T: Send + 'static>(error: Error) -> BoxStream<'static, Result<T>> {
    stream::once(async { Err(error) }).boxed()
}

/// The priority as requests name it.
pub(crate) fn asked_priority(priority: Priority) -> sender::Priority {
    match priority {
        Priority::Low => sender::Priority::Low,
        Priority::Normal => sender::Priority::Normal,
        Priority::High => sender::Priority::High,
    }
}

/// One of `at_once` reads of a partition.
fn request(
    part: &ScanPart,
    data: Bytes,
    ranges: &[spec::KeyRange],
    (gauge, at_once): (&Arc<PoolGauge>, usize),
) -> CopRequest {
    let ranges =
        ranges.iter().map(|range| KeyRange::new(range.start.clone(), range.end.clone())).collect();
    let mut request = CopRequest::new(data, Timestamp::new(part.spec.start_ts), ranges);
    request.isolation = match part.settings.isolation {
        Isolation::Si => sender::Isolation::Si,
        Isolation::Rc => sender::Isolation::Rc,
    };
    request.priority = asked_priority(part.settings.priority);
    request.engine = engine(&part.spec.source);
    request.batch = part.spec.is_batch();
    request.replica = Arc::new(replica(&part.settings, part.snapshot.as_of().is_some()));
    request.concurrency = match part.spec.is_small() {
        true => part.settings.scan_concurrency.min(FEW_AT_ONCE),
        false => part.settings.scan_concurrency,
    };
    request.cacheable = part.is_cacheable;
    request.slots = Some(Arc::clone(&part.slots));
    // Rows come in pages: the store works on the next one while this one is on its way and decoded, and nobody
    // holds a region's worth of them. What the stores reduce is small, and reduced once for each request.
    let rows_come = part.spec.reduction.is_none();
    if rows_come || part.settings.streaming || gauge.is_bounded() {
        let rows = part.settings.chunk_batch_size;
        request.paging_size = u64::try_from(rows).unwrap_or(u64::MAX);
    }
    request.max_in_flight_bytes = BYTES_IN_FLIGHT / at_once.max(1);
    request.deadline = part.snapshot.deadline();
    request.schema_version = part.spec.schema_version;
    request.label = Some(part.spec.label().into());
    request.locks = Some(Arc::clone(part.snapshot.locks()));
    request.query = Some(part.snapshot.query());
    request.slow_after = part.settings.slow_task;
    // A scan reads once what the cluster's other work may want again: it leaves the cache to that.
    request.not_fill_cache = !part.spec.is_small();
    request.memory = Some(Arc::clone(gauge) as _);
    request
}

/// Whose stores are asked.
fn engine(source: &Source) -> sender::ReadEngine {
    match source {
        Source::Columnar(ColumnarSource { or_tikv: true, .. }) => sender::ReadEngine::TiFlash,
        Source::Columnar(_) => sender::ReadEngine::TiFlashOnly,
        Source::Table(_) | Source::Index(_) | Source::Lookup(_) => sender::ReadEngine::TiKv,
    }
}

/// The replicas to ask first. Only of the past a replica may have all without asking the leader.
fn replica(settings: &Settings, is_past: bool) -> sender::ReplicaRead {
    let read = &settings.replica_read;
    let role = |role: &ReplicaRole| match role {
        ReplicaRole::Leader => sender::ReplicaRole::Leader,
        ReplicaRole::Follower => sender::ReplicaRole::Follower,
        ReplicaRole::Learner => sender::ReplicaRole::Learner,
    };
    // PD compares the names of labels without case.
    let label = |(name, value): (&String, &String)| (name.to_ascii_lowercase(), value.clone());
    sender::ReplicaRead {
        roles: read.roles.iter().map(role).collect(),
        labels: read.labels.iter().map(label).collect(),
        allowed: read.address_whitelist.iter().cloned().collect(),
        denied: read.address_blacklist.iter().cloned().collect(),
        stale: read.stale && is_past,
    }
}
