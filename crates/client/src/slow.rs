//! The log of slow tasks: one warning for each piece of a statement that a store took long over.

use std::time::Duration;

use tifusion_proto::kvrpcpb;

use crate::backoff::Backoffer;
use crate::metrics;
use crate::query::QueryId;
use crate::sender::Answer;
use crate::transport::StoreResponse;

/// What was asked of the stores and has its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task<'a> {
    /// `coprocessor`, `commit`.
    pub(crate) kind: &'static str,
    pub(crate) table: Option<&'a str>,
    pub(crate) region: u64,
    /// Ranges of keys asked for.
    pub(crate) ranges: usize,
}

/// What it took so far: its requests, and what is between them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spent {
    time: Duration,
    requests: u32,
    /// Who answered last.
    store: Option<(u64, String)>,
    at_store: AtStore,
}

/// The store's account of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct AtStore {
    process: Option<Duration>,
    wait: Option<Duration>,
    read: Option<Duration>,
}

impl Spent {
    /// So much more time.
    pub(crate) fn add(&mut self, time: Duration) {
        self.time += time;
    }

    /// Requests without an answer that could be used.
    pub(crate) fn in_vain(&mut self) {
        self.requests = self.requests.saturating_add(1);
    }

    /// The last answer of a batch, whose store gives no account of it.
    pub(crate) fn answered_by(&mut self, store: u64, address: &str) {
        self.requests = self.requests.saturating_add(1);
        self.store = Some((store, address.to_owned()));
    }

    /// An answer, whatever is in it.
    pub(crate) fn answered(&mut self, answer: &Answer) {
        self.requests = self.requests.saturating_add(answer.attempts);
        self.store = Some((answer.store_id, answer.address.clone()));
        let details = match &answer.response {
            StoreResponse::Coprocessor(response) => response.exec_details_v2.as_ref(),
            StoreResponse::Commit(response) => response.exec_details_v2.as_ref(),
            _ => None,
        };
        self.at_store = details.map(AtStore::of).unwrap_or_default();
    }

    /// Warns, when it was longer than `limit`. `bo` is what its retries waited with.
    pub(crate) fn tell(&self, limit: Option<Duration>, task: Task<'_>, bo: &Backoffer) {
        if limit.is_none_or(|limit| self.time < limit) {
            return;
        }
        metrics::slow_task(task.kind);
        let store = self.store.as_ref();
        tracing::warn!(
            kind = task.kind,
            query = bo.query().map(QueryId::number),
            table = task.table,
            region = task.region,
            store = store.map(|(id, _)| *id),
            address = store.map(|(_, address)| address.as_str()),
            ranges = task.ranges,
            requests = self.requests,
            waits = %bo.waits(),
            time = ?self.time,
            store_process = self.at_store.process.map(tracing::field::debug),
            store_wait = self.at_store.wait.map(tracing::field::debug),
            store_read = self.at_store.read.map(tracing::field::debug),
            "a store's task was slow",
        );
    }
}

impl AtStore {
    fn of(details: &kvrpcpb::ExecDetailsV2) -> Self {
        if let Some(time) = &details.time_detail_v2 {
            let nanos = |nanos| Some(Duration::from_nanos(nanos));
            return Self {
                process: nanos(time.process_wall_time_ns),
                wait: nanos(time.wait_wall_time_ns),
                read: nanos(time.kv_read_wall_time_ns),
            };
        }
        details.time_detail.as_ref().map_or_else(Self::default, |time| {
            let millis = |millis| Some(Duration::from_millis(millis));
            Self {
                process: millis(time.process_wall_time_ms),
                wait: millis(time.wait_wall_time_ms),
                read: millis(time.kv_read_wall_time_ms),
            }
        })
    }
}

#[cfg(test)]
#[path = "slow_tests.rs"]
mod tests;
