//! Counters of one coprocessor read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::lock::LockStats;
use crate::metrics;
use crate::sender::SendStats;

/// Counters of one coprocessor read; shared with its caller, only ever growing.
#[derive(Debug, Default)]
pub struct CopMetrics {
    /// Requests, transport errors and region errors.
    pub send: Arc<SendStats>,
    /// Locks met.
    pub locks: LockStats,
    tasks: Counter,
    tasks_done: Counter,
    answers: Counter,
    useless: Counter,
    bytes: Counter,
    cache_hits: Counter,
    cache_misses: Counter,
    rebuilds: Counter,
    halvings: Counter,
    answer_nanos: Counter,
    peak_in_flight: Counter,
    peak_bytes: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    fn raise(&self, to: usize) {
        self.0.fetch_max(u64::try_from(to).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl CopMetrics {
    /// Tasks begun; a batch is as many as it has regions.
    #[must_use]
    pub fn tasks(&self) -> u64 {
        self.tasks.get()
    }

    /// Tasks whose last answer was received.
    #[must_use]
    pub fn tasks_done(&self) -> u64 {
        self.tasks_done.get()
    }

    /// Answers received.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.answers.get()
    }

    /// Bytes of the answers, wherever they came from.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// Answers that the client had from an earlier request: the store only said that they still hold.
    #[must_use]
    pub fn cache_hits(&self) -> u64 {
        self.cache_hits.get()
    }

    /// Answers that the store worked out although the request was one whose answer may be kept.
    #[must_use]
    pub fn cache_misses(&self) -> u64 {
        self.cache_misses.get()
    }

    /// How often a task's ranges were located anew.
    #[must_use]
    pub fn rebuilds(&self) -> u64 {
        self.rebuilds.get()
    }

    /// How often a task's ranges were halved because a store ran out of time.
    #[must_use]
    pub fn halvings(&self) -> u64 {
        self.halvings.get()
    }

    /// Requests that brought no rows and were sent again, or would have been, for whatever reason. Those
    /// under way are none.
    #[must_use]
    pub fn retries(&self) -> u64 {
        let lost = self.send.transport_errors().saturating_add(self.send.region_errors());
        lost.saturating_add(self.useless.get())
    }

    /// Time from asking to answer, retries included, added up over all answers.
    #[must_use]
    pub fn answer_time(&self) -> Duration {
        Duration::from_nanos(self.answer_nanos.get())
    }

    /// Most requests under way at once.
    #[must_use]
    pub fn peak_in_flight(&self) -> u64 {
        self.peak_in_flight.get()
    }

    /// Most bytes of answers waiting at once.
    #[must_use]
    pub fn peak_bytes(&self) -> u64 {
        self.peak_bytes.get()
    }

    pub(super) fn count_tasks(&self, count: usize) {
        self.tasks.add(u64::try_from(count).unwrap_or(u64::MAX));
    }

    pub(super) fn count_tasks_done(&self, count: usize) {
        self.tasks_done.add(u64::try_from(count).unwrap_or(u64::MAX));
    }

    pub(super) fn count_answer(&self, bytes: usize, time: Duration) {
        self.answers.add(1);
        self.bytes.add(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.answer_nanos.add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn count_cache_hit(&self) {
        self.cache_hits.add(1);
        metrics::cop_cache("hit");
    }

    pub(super) fn count_cache_miss(&self) {
        self.cache_misses.add(1);
        metrics::cop_cache("miss");
    }

    /// A store answered, but not with rows: a lock was in the way, or its time was over.
    pub(super) fn count_useless(&self) {
        self.useless.add(1);
    }

    pub(super) fn count_rebuild(&self) {
        self.rebuilds.add(1);
    }

    pub(super) fn count_halving(&self) {
        self.halvings.add(1);
    }

    pub(super) fn note_load(&self, in_flight: usize, bytes: usize) {
        self.peak_in_flight.raise(in_flight);
        self.peak_bytes.raise(bytes);
    }
}
