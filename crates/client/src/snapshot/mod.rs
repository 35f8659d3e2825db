//! Reads of single keys, sets of keys and ranges at one timestamp.

mod scan;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
pub use scan::{Scan, ScanOptions};
use tifusion_proto::kvrpcpb;

use crate::backoff::Backoffer;
use crate::clock::Clock;
use crate::error::{ClientError, Result};
use crate::lock::{Knowledge, LockResolver, LockStats, ReadLocks, key_error};
use crate::options::{BackoffBudgets, ClientOptions};
use crate::query::QueryId;
use crate::sender::{Answer, Isolation, Priority, ReplicaRead, SendOptions, SendStats, Sender};
use crate::timestamp::Timestamp;
use crate::transport::{StoreRequest, StoreResponse};

/// Keys of one batch get request (TiDB's figure).
const KEYS_PER_REQUEST: usize = 5120;

/// What the reads of a snapshot have in common.
#[derive(Debug, Clone, Default)]
pub struct SnapshotOptions {
    /// What they see.
    pub isolation: Isolation,
    /// Their place among other requests.
    pub priority: Priority,
    /// Keeps them from pushing the working set out of the block cache.
    pub not_fill_cache: bool,
    /// Which replicas they ask first.
    pub replica: Arc<ReplicaRead>,
    /// When they give up.
    pub deadline: Option<Instant>,
    /// Who asks, in errors: a table, say.
    pub label: Option<Arc<str>>,
    /// The statement that reads; `None` for a snapshot on its own, which gets an id of its own.
    pub query: Option<QueryId>,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The raw key.
    pub key: Vec<u8>,
    /// The value; empty in a scan of keys only.
    pub value: Bytes,
}

/// The cluster's data as of one timestamp; clones share what was learnt about locks.
#[derive(Debug, Clone)]
pub struct Snapshot {
    sender: Sender,
    resolver: LockResolver,
    clock: Arc<dyn Clock>,
    budgets: BackoffBudgets,
    deadline: Option<Instant>,
    query: QueryId,
    options: SendOptions,
    locks: Arc<ReadLocks>,
    lock_stats: Arc<LockStats>,
}

impl Snapshot {
    /// The snapshot at `start_ts` over these parts.
    #[must_use]
    pub fn new(
        start_ts: Timestamp,
        options: SnapshotOptions,
        sender: Sender,
        resolver: LockResolver,
        clock: Arc<dyn Clock>,
        client: &ClientOptions,
    ) -> Self {
        let send = SendOptions {
            isolation: options.isolation,
            priority: options.priority,
            not_fill_cache: options.not_fill_cache,
            replica: options.replica,
            label: options.label,
            ..SendOptions::new(client.request_timeout)
        };
        Self {
            sender,
            resolver,
            budgets: client.budgets,
            deadline: options.deadline,
            query: options.query.unwrap_or_else(|| QueryId::new(&*clock)),
            clock,
            options: send,
            locks: Arc::new(ReadLocks::new(start_ts)),
            lock_stats: Arc::default(),
        }
    }

    /// Its timestamp.
    #[must_use]
    pub fn start_ts(&self) -> Timestamp {
        self.locks.start_ts()
    }

    /// What it has learnt about locks, to be shared with coprocessor reads at the same timestamp.
    #[must_use]
    pub fn locks(&self) -> &Arc<ReadLocks> {
        &self.locks
    }

    /// Counts of its requests.
    #[must_use]
    pub fn stats(&self) -> &Arc<SendStats> {
        &self.options.stats
    }

    /// Counts of the locks it met.
    #[must_use]
    pub fn lock_stats(&self) -> &Arc<LockStats> {
        &self.lock_stats
    }

    /// The value of a raw key.
    ///
    /// # Errors
    /// When the key cannot be read within budget and deadline.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.get_unlabelled(key).await.map_err(|error| self.label(error))
    }

    async fn get_unlabelled(&self, key: &[u8]) -> Result<Option<Bytes>> {
        let mut bo = self.backoffer();
        let version = self.start_ts().version();
        loop {
            let then = self.locks.knowledge();
            let build = |context| {
                StoreRequest::Get(kvrpcpb::GetRequest {
                    context: Some(self.with_locks(context)),
                    key: key.to_vec(),
                    version,
                    ..kvrpcpb::GetRequest::default()
                })
            };
            let answer = self.sender.send_to_key(&mut bo, key, &self.options, &build).await?;
            let StoreResponse::Get(response) = answer.response else {
                return Err(ClientError::of_another_command());
            };
            match response.error {
                Some(error) => {
                    let lock = lock_of(error, "getting a key")?;
                    self.clear(&mut bo, vec![lock], then).await?;
                }
                // No transaction writes an empty value: servers without the flag mean "none" by it.
                None if response.not_found || response.value.is_empty() => return Ok(None),
                None => return Ok(Some(response.value)),
            }
        }
    }

    /// The values of raw keys, in the order of the keys; keys that have none are left out.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub async fn batch_get(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Pair>> {
        let mut bo = self.backoffer();
        self.batch_get_within(&mut bo, keys).await.map_err(|error| self.label(error))
    }

    async fn batch_get_within(
        &self,
        bo: &mut Backoffer,
        mut keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        while !keys.is_empty() {
            let then = self.locks.knowledge();
            let locks = self.batch_get_round(bo, &mut keys, &mut pairs).await?;
            if !locks.is_empty() {
                self.clear(bo, locks, then).await?;
            }
        }
        pairs.sort_unstable_by(|a: &Pair, b| a.key.cmp(&b.key));
        Ok(pairs)
    }

    /// As [`Snapshot::batch_get`], but it leaves locks alone: `None` where it meets one.
    ///
    /// At [`Timestamp::MAX`] these are the newest committed values, for which nobody has to ask PD first. A
    /// transaction that is being committed may be seen in some regions, and not yet in others.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub async fn batch_get_unlocked(&self, mut keys: Vec<Vec<u8>>) -> Result<Option<Vec<Pair>>> {
        let (mut bo, mut pairs) = (self.backoffer(), Vec::new());
        while !keys.is_empty() {
            let locks = self.batch_get_round(&mut bo, &mut keys, &mut pairs).await;
            if !locks.map_err(|error| self.label(error))?.is_empty() {
                return Ok(None);
            }
        }
        pairs.sort_unstable_by(|a: &Pair, b| a.key.cmp(&b.key));
        Ok(Some(pairs))
    }

    /// Asks for each of `keys` once: what is found goes to `pairs`, those that are to be asked for again stay. The
    /// locks that were met come back.
    async fn batch_get_round(
        &self,
        bo: &mut Backoffer,
        keys: &mut Vec<Vec<u8>>,
        pairs: &mut Vec<Pair>,
    ) -> Result<Vec<kvrpcpb::LockInfo>> {
        let version = self.start_ts().version();
        let build = |keys: &[Vec<u8>], context| {
            StoreRequest::BatchGet(kvrpcpb::BatchGetRequest {
                context: Some(self.with_locks(context)),
                keys: keys.to_vec(),
                version,
                ..kvrpcpb::BatchGetRequest::default()
            })
        };
        let (asked, limit) = (std::mem::take(keys), KEYS_PER_REQUEST);
        let round = self.sender.send_to_keys(bo, asked, limit, &self.options, &build).await?;
        *keys = round.again;
        let mut locks = Vec::new();
        for (asked, answer) in round.answers {
            let locked = self.take_pairs(asked, answer, pairs, &mut locks)?;
            keys.extend(locked);
        }
        Ok(locks)
    }

    /// Takes the pairs out of an answer; keys that are locked come back, their locks go to `locks`.
    fn take_pairs(
        &self,
        asked: Vec<Vec<u8>>,
        answer: Answer,
        pairs: &mut Vec<Pair>,
        locks: &mut Vec<kvrpcpb::LockInfo>,
    ) -> Result<Vec<Vec<u8>>> {
        let StoreResponse::BatchGet(response) = answer.response else {
            return Err(ClientError::of_another_command());
        };
        // A lock somewhere that keeps all of them from being read.
        if let Some(error) = response.error {
            locks.push(lock_of(error, "getting keys")?);
            return Ok(asked);
        }
        let mut again = Vec::new();
        for pair in response.pairs {
            match pair.error {
                None => pairs.push(Pair { key: pair.key, value: pair.value }),
                Some(error) => {
                    let lock = lock_of(error, "getting keys")?;
                    again.push(if pair.key.is_empty() { lock.key.clone() } else { pair.key });
                    locks.push(lock);
                }
            }
        }
        Ok(again)
    }

    /// A scan of the raw keys from `start` up to but not including `end` (empty: unbounded), in
    /// ascending order.
    #[must_use]
    pub fn scan(&self, start: &[u8], end: &[u8], options: ScanOptions) -> Scan {
        Scan::new(self.clone(), start.to_vec(), end.to_vec(), options)
    }

    fn backoffer(&self) -> Backoffer {
        Backoffer::new(Arc::clone(&self.clock), self.budgets.request)
            .with_deadline(self.deadline)
            .with_query(Some(self.query))
    }

    fn with_locks(&self, mut context: kvrpcpb::Context) -> kvrpcpb::Context {
        self.locks.fill(&mut context);
        context
    }

    async fn clear(
        &self,
        bo: &mut Backoffer,
        locks: Vec<kvrpcpb::LockInfo>,
        then: Knowledge,
    ) -> Result<()> {
        self.options.met_lock.store(true, Ordering::Relaxed);
        let label = self.options.label.as_deref();
        self.resolver.clear_for_read(bo, locks, &self.locks, then, &self.lock_stats, label).await
    }

    fn label(&self, error: ClientError) -> ClientError {
        let error = error.with_query(Some(self.query));
        match &self.options.label {
            Some(label) => error.with_table(&**label),
            None => error,
        }
    }
}

/// The lock behind a key error; any other key error is final for a read.
fn lock_of(mut error: kvrpcpb::KeyError, doing: &str) -> Result<kvrpcpb::LockInfo> {
    match error.locked.take() {
        Some(lock) => Ok(lock),
        None => Err(key_error(&error, doing)),
    }
}

#[cfg(test)]
mod tests;
