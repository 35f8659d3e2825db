//! The second phase, for all keys but the primary: whatever the primary has decided.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tifusion_proto::kvrpcpb;

use super::core::Core;
use super::coverage::Rest;
use super::ranges::Range;
use crate::backoff::Backoffer;
use crate::error::{ClientError, Result};
use crate::lock::key_error;
use crate::lock::status::Fate;
use crate::region::{Region, RegionCache};
use crate::sender::{SendOptions, Sent};
use crate::timestamp::Timestamp;
use crate::transport::{StoreRequest, StoreResponse};

/// Keys of one request.
const KEYS_PER_REQUEST: usize = 1024;

impl Core {
    /// Gives the other keys the transaction's fate. Does as much of it as it can.
    ///
    /// # Errors
    /// The first failure; whoever meets a lock that is left finds out from the primary.
    pub(super) async fn finish_rest(&self, fate: Fate) -> Result<()> {
        if let Err(error) = self.client.locks().remember(self.start_ts, fate) {
            tracing::error!(%error, "a transaction has two ends");
        }
        let rest = self.coverage.lock().rest(&self.primary());
        let result = match rest {
            Rest::Keys(keys) => self.finish_keys(fate, keys).await,
            Rest::Ranges(ranges) => self.finish_ranges(fate, ranges).await,
        };
        if matches!(fate, Fate::Committed(_)) && result.is_ok() {
            let committed = self.progress.keys_committed();
            let written = self.progress.keys_prewritten();
            self.progress.committed(written.saturating_sub(committed));
        }
        result
    }

    async fn finish_keys(&self, fate: Fate, keys: Vec<Vec<u8>>) -> Result<()> {
        let mut bo = self.endless_backoffer(self.options.budgets.finish);
        let groups = self.client.sender().group_keys(&mut bo, keys, KEYS_PER_REQUEST).await?;
        let requests = groups.into_iter().map(|group| self.finish_group(fate, group.keys));
        let mut results =
            futures::stream::iter(requests).buffer_unordered(self.options.concurrency);
        let mut first = Ok(());
        while let Some(result) = results.next().await {
            first = first.and(result);
        }
        first
    }

    /// Keys that were of one region a moment ago.
    async fn finish_group(&self, fate: Fate, mut keys: Vec<Vec<u8>>) -> Result<()> {
        let mut bo = self.endless_backoffer(self.options.budgets.finish);
        let build = |keys: &[Vec<u8>], context| self.finish_request(fate, keys, context);
        while !keys.is_empty() {
            let sender = self.client.sender();
            let round =
                sender.send_to_keys(&mut bo, keys, KEYS_PER_REQUEST, &self.send, &build).await?;
            for (done, answer) in round.answers {
                check(answer.response)?;
                self.progress.finished_region();
                if matches!(fate, Fate::Committed(_)) {
                    self.progress.committed(done.len() as u64);
                }
            }
            keys = round.again;
        }
        Ok(())
    }

    fn finish_request(
        &self,
        fate: Fate,
        keys: &[Vec<u8>],
        context: kvrpcpb::Context,
    ) -> StoreRequest {
        match fate {
            Fate::RolledBack => self.batch_rollback(context, keys.to_vec()),
            Fate::Committed(commit_ts) => StoreRequest::Commit(kvrpcpb::CommitRequest {
                context: Some(context),
                start_version: self.start_ts.version(),
                keys: keys.to_vec(),
                commit_version: commit_ts.version(),
                commit_role: kvrpcpb::CommitRole::Secondary.into(),
                primary_key: self.primary(),
                ..kvrpcpb::CommitRequest::default()
            }),
        }
    }

    /// Region by region, as they are found: there may be more of them than memory should hold.
    async fn finish_ranges(&self, fate: Fate, ranges: Vec<Range>) -> Result<()> {
        let mut walk = Walk { ranges: ranges.into_iter(), now: None };
        let mut running = FuturesUnordered::new();
        let mut first = Ok(());
        loop {
            while running.len() < self.options.concurrency {
                let mut bo = self.endless_backoffer(self.options.budgets.finish);
                match walk.next(self.client.regions(), &mut bo).await {
                    Some(Ok(part)) => running.push(self.finish_part(fate, part)),
                    Some(Err(error)) => first = first.and(Err(error)),
                    None => break,
                }
            }
            match running.next().await {
                Some(result) => first = first.and(result),
                None => return first,
            }
        }
    }

    /// What lay in one region when it was looked up, wherever it lies by now.
    async fn finish_part(&self, fate: Fate, part: Part) -> Result<()> {
        let Part { mut region, mut start, end } = part;
        let mut bo = self.endless_backoffer(self.options.budgets.finish);
        // A store goes through all of the transaction's locks in the region.
        let options = SendOptions { timeout: self.send.timeout * 4, ..self.send.clone() };
        let commit_ts = match fate {
            Fate::Committed(commit_ts) => commit_ts,
            Fate::RolledBack => Timestamp::ZERO,
        };
        let build = |context: kvrpcpb::Context| {
            StoreRequest::ResolveLock(kvrpcpb::ResolveLockRequest {
                context: Some(context),
                start_version: self.start_ts.version(),
                commit_version: commit_ts.version(),
                ..kvrpcpb::ResolveLockRequest::default()
            })
        };
        loop {
            match self.client.sender().send(&mut bo, &region, &options, &build).await? {
                Sent::Answer(answer) => {
                    check(answer.response)?;
                    self.progress.finished_region();
                    let reached = &region.end_key;
                    if reached.is_empty() || (!end.is_empty() && *reached >= end) {
                        return Ok(());
                    }
                    start = reached.clone();
                }
                Sent::Rebuild { .. } => {}
                Sent::OutOfTime { backoff, cause } => bo.backoff(backoff, cause).await?,
            }
            region = self.client.regions().locate_key(&mut bo, &start).await?;
        }
    }
}

/// What ranges have in one region.
struct Part {
    region: Arc<Region>,
    start: Bytes,
    /// After the last key; empty when unbounded.
    end: Bytes,
}

/// Goes through the regions of ranges.
struct Walk {
    ranges: std::vec::IntoIter<Range>,
    /// What is left of the current range.
    now: Option<Range>,
}

impl Walk {
    /// The next region; each once, though several ranges lie in it. The last one when it cannot be
    /// located.
    async fn next(&mut self, regions: &RegionCache, bo: &mut Backoffer) -> Option<Result<Part>> {
        let mut range = self.now.take().or_else(|| self.ranges.next())?;
        let region = match regions.locate_key(bo, &range.first).await {
            Ok(region) => region,
            Err(error) => {
                self.ranges = Vec::new().into_iter();
                return Some(Err(error));
            }
        };
        let inside = |key: &[u8]| region.end_key.is_empty() || *key < *region.end_key;
        let start = Bytes::from(range.first);
        // Those that end in this region are done with it.
        while inside(&range.last) {
            match self.ranges.next() {
                Some(next) if inside(&next.first) => range = next,
                next => {
                    self.now = next;
                    range.last.push(0);
                    let end = Bytes::from(range.last);
                    return Some(Ok(Part { region, start, end }));
                }
            }
        }
        let end = region.end_key.clone();
        self.now = Some(Range { first: end.to_vec(), last: range.last });
        Some(Ok(Part { region, start, end }))
    }
}

fn check(response: StoreResponse) -> Result<()> {
    let (error, doing) = match response {
        StoreResponse::Commit(answer) => (answer.error, "committing"),
        StoreResponse::BatchRollback(answer) => (answer.error, "rolling back"),
        StoreResponse::ResolveLock(answer) => (answer.error, "finishing a region"),
        _ => return Err(ClientError::of_another_command()),
    };
    error.map_or(Ok(()), |error| Err(key_error(&error, doing)))
}
