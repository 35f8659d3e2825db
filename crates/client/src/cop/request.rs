//! What a coprocessor read is, and what comes back.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tifusion_proto::kvrpcpb;
use tokio::sync::Semaphore;

use super::range::KeyRange;
use crate::lock::ReadLocks;
use crate::query::QueryId;
use crate::sender::{Isolation, Priority, ReadEngine, ReplicaRead};
use crate::timestamp::Timestamp;

/// Kind of request: a DAG of executors.
pub const TP_DAG: i64 = 103;

/// A coprocessor read over key ranges of any number of regions.
///
/// The plan in `data` must not hold the timestamp (`start_ts_fallback` unset). All ranges belong to
/// one table or partition, the one that the plan names.
#[derive(Debug, Clone)]
pub struct CopRequest {
    /// Kind of request, [`TP_DAG`].
    pub tp: i64,
    /// The plan, an encoded `tipb.DAGRequest`.
    pub data: Bytes,
    /// The snapshot to read.
    pub start_ts: Timestamp,
    /// Raw key ranges, sorted and disjoint.
    pub ranges: Vec<KeyRange>,
    /// Answers come in the order of the keys (backwards when `desc`).
    pub keep_order: bool,
    /// The plan scans from the last key to the first.
    pub desc: bool,
    /// Most requests under way at once.
    pub concurrency: usize,
    /// Most requests under way at once over all reads that share these permits, the partitions of one
    /// scan say. A request has one from when it is sent until it is answered, not while it waits for
    /// the consumer, for memory or for a lock. `None`: [`CopRequest::concurrency`] alone counts.
    pub slots: Option<Arc<Semaphore>>,
    /// Rows of the first page, doubled up to 50,000 rows or some MiB from page to page; 0 for one
    /// answer per task. A task whose answer is larger than all memory of the gauge goes on in pages.
    pub paging_size: u64,
    /// What the read sees.
    pub isolation: Isolation,
    /// Its place among other requests.
    pub priority: Priority,
    /// Its answers may be kept for equal requests, and come from earlier ones, if the client has a
    /// cache and the read is a snapshot's. Only for plans that always make the same of the same rows.
    pub cacheable: bool,
    /// Keeps a large scan from pushing the working set out of the block cache.
    pub not_fill_cache: bool,
    /// Whose stores it asks. TiFlash sends whole answers, whatever [`CopRequest::paging_size`] says, and its answers
    /// are not kept.
    pub engine: ReadEngine,
    /// All regions of a store of TiFlash are asked for in one request, where it takes such; for answers that are small,
    /// and that the consumer needs all of. In no order: not with [`CopRequest::keep_order`].
    pub batch: bool,
    /// Which of TiKV's replicas it asks first.
    pub replica: Arc<ReplicaRead>,
    /// Bytes of answers that may wait for the consumer.
    pub max_in_flight_bytes: usize,
    /// When the statement gives up.
    pub deadline: Option<Instant>,
    /// The table, for errors.
    pub label: Option<Arc<str>>,
    /// The table's schema version, which TiFlash checks; 0 for none.
    pub schema_version: i64,
    /// The statement that reads; `None` for a read on its own, which gets an id of its own.
    pub query: Option<QueryId>,
    /// Where the answers' bytes are booked while they wait.
    pub memory: Option<Arc<dyn MemoryGauge>>,
    /// Time after which a task of it is warned of, with all that is known about it; `None` (default) never.
    pub slow_after: Option<Duration>,
    /// What the statement has learnt about locks, shared by its reads at the same timestamp; `None`
    /// for a read on its own.
    pub locks: Option<Arc<ReadLocks>>,
}

impl CopRequest {
    /// Whether regions are asked for together.
    pub(super) fn is_batch(&self) -> bool {
        self.batch && self.engine.is_tiflash() && !self.keep_order
    }

    /// A DAG read with the defaults: unordered, 15 requests at once (TiDB's figure), no pages, SI, low
    /// priority, cacheable, 64 MiB of waiting answers.
    #[must_use]
    pub fn new(data: Bytes, start_ts: Timestamp, ranges: Vec<KeyRange>) -> Self {
        Self {
            tp: TP_DAG,
            data,
            start_ts,
            ranges,
            keep_order: false,
            desc: false,
            concurrency: 15,
            slots: None,
            paging_size: 0,
            isolation: Isolation::default(),
            priority: Priority::default(),
            cacheable: true,
            not_fill_cache: false,
            engine: ReadEngine::default(),
            batch: false,
            replica: Arc::default(),
            max_in_flight_bytes: 64 << 20,
            deadline: None,
            label: None,
            schema_version: 0,
            query: None,
            memory: None,
            slow_after: None,
            locks: None,
        }
    }
}

/// An answer of one task or page.
#[derive(Debug, Clone)]
pub struct CopResponse {
    /// An encoded `tipb.SelectResponse`.
    pub data: Bytes,
    /// The region that answered; the first one of a batch.
    pub region_id: u64,
    /// The store that answered.
    pub store_id: u64,
    /// Number of the task among those of the request, from 0 in the order of the scan.
    pub task: u64,
    /// What the answer covers; all of the task's ranges when the store has not said.
    pub covers: Option<KeyRange>,
    /// The data is an earlier answer's, which the store said still holds: so are the execution summaries
    /// in it.
    pub from_cache: bool,
    /// The store's account of the work that this answer took.
    pub exec_details: Option<Box<kvrpcpb::ExecDetailsV2>>,
    /// Requests it took to get this answer.
    pub attempts: u32,
}

/// Books memory with somebody else: a query engine's pool, which others use too.
pub trait MemoryGauge: Send + Sync + Debug + 'static {
    /// Books `bytes` more.
    ///
    /// # Errors
    /// When the pool has no room. No new request is sent then until answers are taken. An answer that
    /// finds none although its read holds nothing else waits for others to give theirs back, for as
    /// long as a failed request may take; then the read ends with this error. One for which
    /// [`MemoryGauge::may_fit`] sees no hope is asked for again in smaller pages.
    fn try_grow(&self, bytes: usize) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;

    /// Gives `bytes` back.
    fn shrink(&self, bytes: usize);

    /// Whether `bytes` in all may have room once others have given back what they hold; `false` when
    /// the pool is smaller than that.
    fn may_fit(&self, bytes: usize) -> bool;
}
