//! How a transaction is carried out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::query::QueryId;
use crate::sender::Priority;
use crate::timestamp::Timestamp;

/// Everything that can be set about a transaction.
#[derive(Debug, Clone)]
pub struct TxnOptions {
    /// The snapshot that its reads were made at: writes of others since then are conflicts. `None`
    /// (default): a timestamp taken now. It is the transaction's name in the cluster: no two, not even one
    /// after the other, may have the same.
    pub start_ts: Option<Timestamp>,
    /// Its place among other requests. Default low, as for reads.
    pub priority: Priority,
    /// Who writes, in errors: a table, say.
    pub label: Option<Arc<str>>,
    /// The statement that writes; `None` for a transaction on its own, which gets an id of its own.
    pub query: Option<QueryId>,
    /// When the statement ends. A commit that has been sent is still settled afterwards, within
    /// [`TxnBudgets::settle`].
    pub deadline: Option<Instant>,
    /// Time after which the commit of its primary is warned of; `None` (default) never.
    pub slow_after: Option<Duration>,
    /// Requests in flight. Default 16.
    pub concurrency: usize,
    /// Most bytes of keys and values in one request, but at least one mutation. Default 512 KiB: a
    /// store writes a request as one entry of its log, of at most 8 MiB with what it adds to each key.
    pub batch_bytes: usize,
    /// Keys that are remembered one by one, to be committed or rolled back so; a larger transaction
    /// remembers ranges. Default 16,384.
    pub max_keys: usize,
    /// Most bytes of those keys, or of the ranges' bounds. Default 1 MiB.
    pub max_key_bytes: usize,
    /// How long its locks live without a sign from it. Default 20 s; a sign is given twice in that time.
    pub lock_ttl: Duration,
    /// Age, from `start_ts` on, at which it gives up. Default 24 h, as long as TiDB lets a transaction
    /// be.
    pub max_lifetime: Duration,
    /// Whether [`Transaction::commit`](super::Transaction::commit) returns when the primary is committed, leaving the other keys to a
    /// task behind it. Default false: it waits for them. Either way the transaction is committed, and
    /// others that meet a lock of it find that out.
    pub commit_secondaries_behind: bool,
    /// Time for retries.
    pub budgets: TxnBudgets,
}

impl Default for TxnOptions {
    fn default() -> Self {
        Self {
            start_ts: None,
            priority: Priority::default(),
            label: None,
            query: None,
            deadline: None,
            slow_after: None,
            concurrency: 16,
            batch_bytes: 512 << 10,
            max_keys: 16_384,
            max_key_bytes: 1 << 20,
            lock_ttl: Duration::from_secs(20),
            max_lifetime: Duration::from_secs(24 * 60 * 60),
            commit_secondaries_behind: false,
            budgets: TxnBudgets::default(),
        }
    }
}

/// How much time the steps of a transaction may lose, by waiting and by calls that fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxnBudgets {
    /// One request of the first phase, waiting for locks of others included.
    pub prewrite: Duration,
    /// The commit of the primary.
    pub commit: Duration,
    /// Finding out what became of a commit whose answer was lost.
    pub settle: Duration,
    /// One request of the second phase.
    pub finish: Duration,
    /// How long a failure is held back until the transaction is rolled back; the rollback goes on behind.
    pub rollback_wait: Duration,
}

impl Default for TxnBudgets {
    /// The figures of TiDB's own client, where it has one: prewrite and commit 40 s, second phase 41 s,
    /// rollback 20 s.
    fn default() -> Self {
        Self {
            prewrite: Duration::from_secs(40),
            commit: Duration::from_secs(40),
            settle: Duration::from_secs(20),
            finish: Duration::from_secs(41),
            rollback_wait: Duration::from_secs(20),
        }
    }
}
