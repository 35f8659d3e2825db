//! One request's dealings with the cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tifusion_proto::{coprocessor, kvrpcpb};

use super::{CopCache, KeptAnswer, key};
use crate::cop::metrics::CopMetrics;
use crate::cop::range::KeyRange;
use crate::cop::request::{CopRequest, TP_DAG};
use crate::cop::task::CopTask;
use crate::error::{ClientError, ErrorKind, Result};
use crate::options::CopCacheOptions;
use crate::region::RegionVerId;
use crate::sender::Isolation;
use crate::timestamp::Timestamp;

/// What the cache has for one request, and how its answer is kept.
#[derive(Debug)]
pub(in crate::cop) struct Lookup {
    cache: Arc<CopCache>,
    key: Bytes,
    region: RegionVerId,
    start_ts: Timestamp,
    paged: bool,
    page: u32,
    found: Option<Arc<KeptAnswer>>,
    /// Whether the last attempt's store was told.
    offered: AtomicBool,
}

/// What an answer brought.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cop) struct Payload {
    pub(in crate::cop) data: Bytes,
    pub(in crate::cop) covers: Option<KeyRange>,
    pub(in crate::cop) from_cache: bool,
}

impl Lookup {
    /// Looks for the answer to `task`; `None` when the request is none whose answer is kept.
    pub(in crate::cop) fn new(
        cache: &Arc<CopCache>,
        request: &CopRequest,
        task: &CopTask,
    ) -> Option<Self> {
        if !takes_request(cache.options, request, task) {
            return None;
        }
        let key = key::key(request.tp, &request.data, &task.ranges, task.paging_size);
        let (region, start_ts) = (task.region.ver_id, request.start_ts);
        let found = cache.get(&key).filter(|kept| kept.may_answer(region, start_ts));
        Some(Self {
            cache: Arc::clone(cache),
            key,
            region,
            start_ts,
            paged: task.paging_size > 0,
            page: task.page,
            found,
            offered: AtomicBool::new(false),
        })
    }

    /// The version of the region's data whose answer is here, 0 for none; `None` when an attempt with this
    /// `context` is to know nothing of the cache.
    pub(in crate::cop) fn offer(&self, context: &kvrpcpb::Context) -> Option<u64> {
        let offered = !context.replica_read && !context.stale_read;
        self.offered.store(offered, Ordering::Relaxed);
        offered.then(|| self.found.as_ref().map_or(0, |kept| kept.version))
    }

    fn was_offered(&self) -> bool {
        self.offered.load(Ordering::Relaxed)
    }

    /// Keeps the answer if it may be kept and is worth it. Then `response` holds the bytes that are kept.
    fn keep(&self, response: &mut coprocessor::Response) {
        let time = process_time(response.exec_details_v2.as_ref());
        let may_be_kept = response.can_be_cached && response.cache_last_version > 0;
        let size = response.data.len();
        if !may_be_kept || !takes_answer(self.cache.options, self.paged, self.page, size, time) {
            return;
        }
        // As they came, the bytes are a part of a larger buffer.
        response.data = Bytes::copy_from_slice(&response.data);
        let answer = KeptAnswer {
            data: response.data.clone(),
            covers: response.range.clone().map(KeyRange::from),
            region: self.region,
            version: response.cache_last_version,
            start_ts: self.start_ts,
        };
        self.cache.put(self.key.clone(), answer);
    }
}

impl KeptAnswer {
    /// Whether it is the answer, should the region's data be the same still.
    fn may_answer(&self, region: RegionVerId, start_ts: Timestamp) -> bool {
        self.region == region && self.start_ts <= start_ts
    }
}

/// Takes the data of an answer that is neither a lock nor an error, from the cache if the store says so;
/// keeps it otherwise.
///
/// # Errors
/// [`ErrorKind::Protocol`] when the store refers to an answer that was not offered to it.
pub(in crate::cop) fn settle(
    lookup: Option<&Lookup>,
    response: &mut coprocessor::Response,
    metrics: &CopMetrics,
) -> Result<Payload> {
    let lookup = lookup.filter(|lookup| lookup.was_offered());
    if response.is_cache_hit {
        let found = lookup.and_then(|lookup| lookup.found.as_ref());
        let found = found.filter(|kept| kept.version == response.cache_last_version);
        let kept = found.ok_or_else(|| {
            let message = "the store refers to an earlier answer that it was not asked about";
            ClientError::new(ErrorKind::Protocol, message)
        })?;
        metrics.count_cache_hit();
        let (data, covers) = (kept.data.clone(), kept.covers.clone());
        return Ok(Payload { data, covers, from_cache: true });
    }
    if let Some(lookup) = lookup {
        metrics.count_cache_miss();
        lookup.keep(response);
    }
    let covers = response.range.take().map(KeyRange::from);
    Ok(Payload { data: std::mem::take(&mut response.data), covers, from_cache: false })
}

/// Whether answers to such a request are kept, and given from what is kept.
fn takes_request(options: CopCacheOptions, request: &CopRequest, task: &CopTask) -> bool {
    request.cacheable
        && !request.engine.is_tiflash()
        && request.tp == TP_DAG
        && request.isolation == Isolation::Si
        && task.ranges.len() <= options.max_ranges
}

/// Whether an answer of `size` bytes that took its store `time` is worth its room; `page` counts from 0.
fn takes_answer(
    options: CopCacheOptions,
    paged: bool,
    page: u32,
    size: usize,
    time: Duration,
) -> bool {
    let least = if paged { options.min_process_time / 3 } else { options.min_process_time };
    size > 0 && size <= options.max_answer && page < options.max_pages && time >= least
}

/// How long the store was at work; no time when it does not say.
fn process_time(details: Option<&kvrpcpb::ExecDetailsV2>) -> Duration {
    let Some(details) = details else { return Duration::ZERO };
    match (&details.time_detail_v2, &details.time_detail) {
        (Some(time), _) => Duration::from_nanos(time.process_wall_time_ns),
        (None, Some(time)) => Duration::from_millis(time.process_wall_time_ms),
        (None, None) => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests;
