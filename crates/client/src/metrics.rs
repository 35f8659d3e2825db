//! What the client measures, for whoever installs a recorder of the `metrics` facade.
//!
//! [`TABLE`] has every name with its kind, unit, labels and meaning. Nothing is kept here: without a recorder
//! a measurement goes nowhere. Labels have few values (methods, addresses of stores, causes); ids of
//! statements and names of tables are in spans and logs instead.

use std::time::Duration;

use metrics::{Unit, counter, gauge, histogram};

/// A measurement.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// What it counts in.
    pub unit: Unit,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it means, as a sentence.
    pub help: &'static str,
}

/// How a measurement is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only ever grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

impl Metric {
    /// A measurement.
    #[must_use]
    pub const fn new(
        name: &'static str,
        kind: MetricKind,
        unit: Unit,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind, unit, labels, help }
    }

    /// Tells the recorder of `metrics` about it.
    pub fn describe(&self) {
        match self.kind {
            Counter => metrics::describe_counter!(self.name, self.unit, self.help),
            Gauge => metrics::describe_gauge!(self.name, self.unit, self.help),
            Histogram => {
                metrics::describe_histogram!(self.name, self.unit, self.help);
            }
        }
    }
}

mod name {
    pub(super) const CACHE: &str = "tifusion_coprocessor_cache_total";
    pub(super) const PD: &str = "tifusion_pd_request_duration_seconds";
    pub(super) const RECEIVED: &str = "tifusion_rpc_received_bytes_total";
    pub(super) const REGIONS: &str = "tifusion_regions_cached";
    pub(super) const RETRIES: &str = "tifusion_retries_total";
    pub(super) const RPC: &str = "tifusion_rpc_duration_seconds";
    pub(super) const SENT: &str = "tifusion_rpc_sent_bytes_total";
    pub(super) const SLOW: &str = "tifusion_slow_tasks_total";
    pub(super) const TRANSACTIONS: &str = "tifusion_transactions_total";
    pub(super) const TSO: &str = "tifusion_tso_duration_seconds";
    pub(super) const TSO_BATCH: &str = "tifusion_tso_batch_size";
}

use MetricKind::{Counter, Gauge, Histogram};

/// Everything that the client measures.
#[rustfmt::skip]
pub const TABLE: &[Metric] = &[
    Metric::new(name::RPC, Histogram, Unit::Seconds, &["method", "store", "outcome"],
        "Time of one call to a store, from sending it to its answer (`ok`; a region error or a lock is an \
         answer) or to what came instead (`connect`, `timeout`, `unavailable`, …)."),
    Metric::new(name::SENT, Counter, Unit::Bytes, &["method", "store"],
        "Bytes of requests to a store, without gRPC's own."),
    Metric::new(name::RECEIVED, Counter, Unit::Bytes, &["method", "store"],
        "Bytes of answers of a store, without gRPC's own."),
    Metric::new(name::RETRIES, Counter, Unit::Count, &["cause", "kind"],
        "Requests that have to be sent again, or are given up, by cause (`region_error`, `lock`, `transport`) \
         and which one of these."),
    Metric::new(name::CACHE, Counter, Unit::Count, &["result"],
        "Coprocessor answers that the store only confirmed (`hit`) or worked out (`miss`), of those that may be kept."),
    Metric::new(name::REGIONS, Gauge, Unit::Count, &[],
        "Regions in the region caches of all clients of the process."),
    Metric::new(name::TSO, Histogram, Unit::Seconds, &["outcome"],
        "Time of one question for timestamps to PD."),
    Metric::new(name::TSO_BATCH, Histogram, Unit::Count, &[],
        "Timestamps asked for in one question."),
    Metric::new(name::PD, Histogram, Unit::Seconds, &["outcome"],
        "Time of one other question to PD: regions, stores, safe points."),
    Metric::new(name::TRANSACTIONS, Counter, Unit::Count, &["outcome"],
        "Transactions that have ended, by outcome: `committed`, `conflicted`, `refused`, `undetermined`, `failed` \
         for those that could not be carried out, `rolled_back` for those that their statement gave up, `abandoned` for \
         those that nobody waited for: wholly there or wholly gone."),
    Metric::new(name::SLOW, Counter, Unit::Count, &["kind"],
        "Coprocessor tasks (`coprocessor`) and commits (`commit`) that were slower than `slow_task.threshold`."),
];

/// Why a request has to be sent again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RetryCause {
    Lock,
    RegionError,
    Transport,
}

pub(crate) fn retry(cause: RetryCause, kind: &'static str) {
    let cause = match cause {
        RetryCause::Lock => "lock",
        RetryCause::RegionError => "region_error",
        RetryCause::Transport => "transport",
    };
    counter!(name::RETRIES, "cause" => cause, "kind" => kind).increment(1);
}

/// One call to a store that has ended.
pub(crate) struct Rpc<'a> {
    pub(crate) method: &'static str,
    pub(crate) store: &'a str,
    pub(crate) outcome: &'static str,
    pub(crate) time: Duration,
    pub(crate) sent: usize,
    pub(crate) received: usize,
}

impl Rpc<'_> {
    pub(crate) fn count(&self) {
        let (method, store) = (self.method, self.store);
        let bytes = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        histogram!(name::RPC, "method" => method, "store" => store.to_owned(), "outcome" => self.outcome)
            .record(self.time);
        counter!(name::SENT, "method" => method, "store" => store.to_owned())
            .increment(bytes(self.sent));
        counter!(name::RECEIVED, "method" => method, "store" => store.to_owned())
            .increment(bytes(self.received));
    }
}

pub(crate) fn cop_cache(result: &'static str) {
    counter!(name::CACHE, "result" => result).increment(1);
}

pub(crate) fn tso(batch: u32, time: Duration, is_ok: bool) {
    histogram!(name::TSO, "outcome" => outcome(is_ok)).record(time);
    histogram!(name::TSO_BATCH).record(f64::from(batch));
}

pub(crate) fn pd(time: Duration, is_ok: bool) {
    histogram!(name::PD, "outcome" => outcome(is_ok)).record(time);
}

fn outcome(is_ok: bool) -> &'static str {
    if is_ok { "ok" } else { "failed" }
}

pub(crate) fn transaction(outcome: &'static str) {
    counter!(name::TRANSACTIONS, "outcome" => outcome).increment(1);
}

pub(crate) fn slow_task(kind: &'static str) {
    counter!(name::SLOW, "kind" => kind).increment(1);
}

/// The share of one cache in the regions that are cached.
#[derive(Debug, Default)]
pub(crate) struct CachedRegions(u32);

impl CachedRegions {
    pub(crate) fn set(&mut self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if count != self.0 {
            gauge!(name::REGIONS).increment(f64::from(count) - f64::from(self.0));
            self.0 = count;
        }
    }
}

impl Drop for CachedRegions {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
