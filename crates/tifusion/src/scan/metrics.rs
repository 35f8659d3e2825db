//! What `EXPLAIN ANALYZE` shows of a scan.

use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, Gauge, MetricBuilder, Time,
};

/// Metrics of one partition of a scan.
#[derive(Debug, Clone)]
pub(crate) struct ScanMetrics {
    /// Rows out and time spent decoding.
    pub(crate) baseline: BaselineMetrics,
    /// Coprocessor answers taken.
    pub(crate) answers: Count,
    /// Bytes of these answers.
    pub(crate) bytes: Count,
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
}

impl ScanMetrics {
    /// Registers the metrics of `partition`.
    pub(crate) fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name| MetricBuilder::new(set).counter(name, partition);
        Self {
            baseline: BaselineMetrics::new(set, partition),
            answers: counter("answers"),
            bytes: counter("bytes"),
            requests: counter("requests"),
            retries: counter("retries"),
            region_errors: counter("region_errors"),
            locks: counter("locks"),
            waiting: MetricBuilder::new(set).subset_time("time_waiting", partition),
            peak_buffered: MetricBuilder::new(set).gauge("peak_buffered", partition),
        }
    }
}
