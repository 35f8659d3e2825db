//! Scans in batches across regions.

use bytes::Bytes;
use futures::Stream;
use tifusion_proto::kvrpcpb;

use super::{Pair, Snapshot, lock_of};
use crate::backoff::Backoffer;
use crate::error::{ClientError, ErrorKind, Result};
use crate::sender::Sent;
use crate::transport::{StoreRequest, StoreResponse};

/// How a scan goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanOptions {
    /// Pairs of one request; at least 1.
    pub batch: u32,
    /// Pairs in all; `None` for all there are.
    pub limit: Option<u64>,
    /// Leave the values out.
    pub key_only: bool,
}

impl Default for ScanOptions {
    /// Batches of 256 pairs (TiDB's figure), no limit, with values.
    fn default() -> Self {
        Self { batch: 256, limit: None, key_only: false }
    }
}

/// A scan under way.
#[derive(Debug)]
pub struct Scan {
    snapshot: Snapshot,
    /// First key not scanned yet; `None` at the end.
    next: Option<Vec<u8>>,
    end: Vec<u8>,
    options: ScanOptions,
    left: u64,
}

/// What a request brought.
struct Batch {
    pairs: Vec<kvrpcpb::KvPair>,
    /// The key after the region, or after the range.
    region_end: Vec<u8>,
    asked: u32,
}

impl Scan {
    pub(super) fn new(
        snapshot: Snapshot,
        start: Vec<u8>,
        end: Vec<u8>,
        options: ScanOptions,
    ) -> Self {
        let is_empty = !end.is_empty() && start >= end;
        Self {
            snapshot,
            next: (!is_empty).then_some(start),
            end,
            left: options.limit.unwrap_or(u64::MAX),
            options,
        }
    }

    /// The next pairs, at least one; `None` at the end.
    ///
    /// # Errors
    /// When a batch cannot be read within budget and deadline.
    pub async fn next_batch(&mut self) -> Result<Option<Vec<Pair>>> {
        let next = self.next_unlabelled().await;
        next.map_err(|error| self.snapshot.label(error))
    }

    async fn next_unlabelled(&mut self) -> Result<Option<Vec<Pair>>> {
        let mut bo = self.snapshot.backoffer();
        while let Some(start) = self.next.clone() {
            if self.left == 0 {
                break;
            }
            let batch = self.ask(&mut bo, &start).await?;
            self.advance(&start, &batch)?;
            let pairs = self.settle(&mut bo, batch.pairs).await?;
            self.left = self.left.saturating_sub(pairs.len() as u64);
            if !pairs.is_empty() {
                return Ok(Some(pairs));
            }
            // An empty region is progress too.
            bo = self.snapshot.backoffer();
        }
        Ok(None)
    }

    /// The batches as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<Vec<Pair>>> + Send {
        futures::stream::try_unfold(self, |mut scan| async move {
            let batch = scan.next_batch().await?;
            Ok(batch.map(|batch| (batch, scan)))
        })
    }

    /// All pairs.
    ///
    /// # Errors
    /// As [`Scan::next_batch`].
    pub async fn collect(mut self) -> Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        while let Some(batch) = self.next_batch().await? {
            pairs.extend(batch);
        }
        Ok(pairs)
    }

    /// One batch of one region, from `start` on.
    async fn ask(&self, bo: &mut Backoffer, start: &[u8]) -> Result<Batch> {
        let snapshot = &self.snapshot;
        let mut asked = u32::try_from(self.left).unwrap_or(u32::MAX).min(self.options.batch.max(1));
        loop {
            let region = snapshot.sender.regions().locate_key(bo, start).await?;
            let end = earlier(&region.end_key, &self.end);
            let then = snapshot.locks.knowledge();
            let build = |context| {
                StoreRequest::Scan(kvrpcpb::ScanRequest {
                    context: Some(snapshot.with_locks(context)),
                    start_key: start.to_vec(),
                    end_key: end.to_vec(),
                    limit: asked,
                    version: snapshot.start_ts().version(),
                    key_only: self.options.key_only,
                    ..kvrpcpb::ScanRequest::default()
                })
            };
            let sent = snapshot.sender.send(bo, &region, &snapshot.options, &build).await?;
            let answer = match sent {
                Sent::Answer(answer) => answer,
                Sent::Rebuild { .. } => continue,
                Sent::OutOfTime { backoff, cause } => {
                    bo.backoff(backoff, cause).await?;
                    asked = (asked / 2).max(1);
                    continue;
                }
            };
            let StoreResponse::Scan(response) = answer.response else {
                return Err(ClientError::of_another_command());
            };
            // A lock that keeps the whole batch from being read.
            if let Some(error) = response.error {
                let lock = lock_of(error, "scanning keys")?;
                snapshot.clear(bo, vec![lock], then).await?;
                continue;
            }
            return Ok(Batch { pairs: response.pairs, region_end: end.to_vec(), asked });
        }
    }

    /// Moves behind what the batch has covered.
    fn advance(&mut self, start: &[u8], batch: &Batch) -> Result<()> {
        let full = u32::try_from(batch.pairs.len()).is_ok_and(|got| got >= batch.asked);
        let next = match batch.pairs.last().filter(|_| full) {
            Some(last) => {
                let mut key = key_of(last).to_vec();
                key.push(0);
                key
            }
            None => batch.region_end.clone(),
        };
        let unbounded = !full && next.is_empty();
        if !unbounded && next.as_slice() <= start {
            let message = "the scan's answer lies before its start";
            return Err(ClientError::new(ErrorKind::Protocol, message).with_key(start));
        }
        let at_end = unbounded || (!self.end.is_empty() && next >= self.end);
        self.next = (!at_end).then_some(next);
        Ok(())
    }

    /// The pairs of a batch; those whose key was locked are read again one by one, past the lock.
    async fn settle(&self, bo: &mut Backoffer, pairs: Vec<kvrpcpb::KvPair>) -> Result<Vec<Pair>> {
        let mut settled = Vec::with_capacity(pairs.len());
        let mut locked = Vec::new();
        let mut locks = Vec::new();
        let then = self.snapshot.locks.knowledge();
        for pair in pairs {
            match pair.error {
                None => settled.push(Pair { key: pair.key, value: pair.value }),
                Some(error) => {
                    let lock = lock_of(error, "scanning keys")?;
                    locked.push(if pair.key.is_empty() { lock.key.clone() } else { pair.key });
                    locks.push(lock);
                }
            }
        }
        if locks.is_empty() {
            return Ok(settled);
        }
        self.snapshot.clear(bo, locks, then).await?;
        let mut found = self.snapshot.batch_get_within(bo, locked).await?;
        if self.options.key_only {
            found.iter_mut().for_each(|pair| pair.value = Bytes::new());
        }
        settled.append(&mut found);
        settled.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(settled)
    }
}

/// The key of a pair; of a locked one that does not say it, the lock's.
fn key_of(pair: &kvrpcpb::KvPair) -> &[u8] {
    let lock = pair.error.as_ref().and_then(|error| error.locked.as_ref());
    match lock {
        Some(lock) if pair.key.is_empty() => &lock.key,
        _ => &pair.key,
    }
}

/// The earlier one of two ends; the empty one is unbounded.
fn earlier<'a>(one: &'a [u8], other: &'a [u8]) -> &'a [u8] {
    if one.is_empty() || (!other.is_empty() && other < one) { other } else { one }
}
