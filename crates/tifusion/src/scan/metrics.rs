//! What `EXPLAIN ANALYZE` shows of a scan.

use std::sync::Arc;

use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, Gauge, MetricBuilder, Time,
};
use tifusion_client::cop::CopMetrics;

use super::dynamic::Narrowed;

/// Metrics of one partition of a scan.
#[derive(Debug, Clone)]
pub(crate) struct ScanMetrics {
    /// Rows out and time spent decoding.
    pub(crate) baseline: BaselineMetrics,
    /// Rows that came from the stores, those beyond a limit among them.
    pub(crate) rows_received: Count,
    /// Coprocessor tasks begun.
    pub(crate) tasks: Count,
    /// Those whose last answer is there.
    pub(crate) tasks_done: Count,
    /// Answers to them.
    pub(crate) answers: Count,
    /// Bytes of these answers.
    pub(crate) bytes: Count,
    /// Answers kept from earlier scans that a store said still hold.
    pub(crate) cache_hits: Count,
    /// Answers that a store worked out although they may be kept.
    pub(crate) cache_misses: Count,
    /// Requests sent, retries among them.
    pub(crate) requests: Count,
    /// Requests sent again, for whatever reason.
    pub(crate) retries: Count,
    /// Region errors met.
    pub(crate) region_errors: Count,
    /// Locks met.
    pub(crate) locks: Count,
    /// Time without an answer to work on.
    pub(crate) waiting: Time,
    /// Most bytes of answers held at once.
    pub(crate) peak_buffered: Gauge,
    /// Of a lookup by indexes.
    pub(crate) lookup: Option<LookupMetrics>,
}

/// What only lookups have.
#[derive(Debug, Clone)]
pub(crate) struct LookupMetrics {
    /// Entries of indexes whose rows are asked for.
    pub(crate) index_rows: Count,
    /// Batches in which these rows are asked for.
    pub(crate) lookup_batches: Count,
}

impl ScanMetrics {
    /// Registers the metrics of `partition`.
    pub(crate) fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name| MetricBuilder::new(set).counter(name, partition);
        Self {
            baseline: BaselineMetrics::new(set, partition),
            rows_received: counter("rows_received"),
            tasks: counter("tasks"),
            tasks_done: counter("tasks_done"),
            answers: counter("answers"),
            bytes: counter("bytes"),
            cache_hits: counter("cache_hits"),
            cache_misses: counter("cache_misses"),
            requests: counter("requests"),
            retries: counter("retries"),
            region_errors: counter("region_errors"),
            locks: counter("locks"),
            waiting: MetricBuilder::new(set).subset_time("time_waiting", partition),
            peak_buffered: MetricBuilder::new(set).gauge("peak_buffered", partition),
            lookup: None,
        }
    }

    /// The same with those of a lookup.
    pub(crate) fn of_lookup(mut self, set: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        self.lookup = Some(LookupMetrics::new(set, partition));
        self
    }
}

impl LookupMetrics {
    /// Registers the metrics of `partition`.
    pub(crate) fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name| MetricBuilder::new(set).counter(name, partition);
        let (index_rows, lookup_batches) = (counter("index_rows"), counter("lookup_batches"));
        Self { index_rows, lookup_batches }
    }
}

/// What dynamic filters did for one partition of a scan.
#[derive(Debug)]
pub(crate) struct DynamicMetrics {
    /// Ranges that they left.
    ranges: Count,
    /// Physical tables of which they left nothing.
    tables_skipped: Count,
    /// Time until they were there.
    pub(crate) waiting: Time,
}

impl DynamicMetrics {
    /// Registers the metrics of `partition`.
    pub(crate) fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name| MetricBuilder::new(set).counter(name, partition);
        Self {
            ranges: counter("dynamic_ranges"),
            tables_skipped: counter("dynamic_tables_skipped"),
            waiting: MetricBuilder::new(set).subset_time("dynamic_wait", partition),
        }
    }

    /// Counts what was left of a segment.
    pub(crate) fn record(&self, left: Option<&Narrowed>) {
        match left {
            Some(left) => self.ranges.add(left.segment.ranges.len()),
            None => self.tables_skipped.add(1),
        }
    }
}

/// What the coprocessor reads of one partition did so far, summed up.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct CopTotals {
    tasks: u64,
    tasks_done: u64,
    answers: u64,
    bytes: u64,
    cache_hits: u64,
    cache_misses: u64,
    requests: u64,
    retries: u64,
    region_errors: u64,
    locks: u64,
}

impl CopTotals {
    /// The sum over `reads`.
    pub(crate) fn of(reads: &[Arc<CopMetrics>]) -> Self {
        reads.iter().fold(Self::default(), |sum, read| Self {
            tasks: sum.tasks + read.tasks(),
            tasks_done: sum.tasks_done + read.tasks_done(),
            answers: sum.answers + read.answers(),
            bytes: sum.bytes + read.bytes(),
            cache_hits: sum.cache_hits + read.cache_hits(),
            cache_misses: sum.cache_misses + read.cache_misses(),
            requests: sum.requests + read.send.requests(),
            retries: sum.retries + read.retries(),
            region_errors: sum.region_errors + read.send.region_errors(),
            locks: sum.locks + read.locks.met(),
        })
    }
}

impl ScanMetrics {
    /// Adds what happened between `before` and `now`.
    pub(crate) fn add(&self, before: CopTotals, now: CopTotals) {
        let add = |count: &Count, before: u64, now: u64| {
            count.add(usize::try_from(now.saturating_sub(before)).unwrap_or(usize::MAX));
        };
        add(&self.tasks, before.tasks, now.tasks);
        add(&self.tasks_done, before.tasks_done, now.tasks_done);
        add(&self.answers, before.answers, now.answers);
        add(&self.bytes, before.bytes, now.bytes);
        add(&self.cache_hits, before.cache_hits, now.cache_hits);
        add(&self.cache_misses, before.cache_misses, now.cache_misses);
        add(&self.requests, before.requests, now.requests);
        add(&self.retries, before.retries, now.retries);
        add(&self.region_errors, before.region_errors, now.region_errors);
        add(&self.locks, before.locks, now.locks);
    }
}
