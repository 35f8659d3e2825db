//! Carries out what [`decision`](super::decision) decides.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tifusion_proto::kvrpcpb;

use super::cache::{FateCache, TxnGates};
use super::cleanup::{CleanupPool, Job};
use super::decision::{self, Caller, Cleanup, Outcome, StatusQuestion, Step, Verdict};
use super::info::Lock;
use super::read_locks::{Knowledge, ReadLocks};
use super::secondaries::{Secondaries, SecondariesVerdict};
use super::stats::{LockStats, Resolved};
use super::status::{AsyncCommit, Fate, TxnStatus};
use crate::backoff::{BackoffKind, Backoffer};
use crate::error::{ClientError, ErrorKind, Result};
use crate::metrics::{self, RetryCause};
use crate::options::ClientOptions;
use crate::pd::PdApi;
use crate::sender::{Priority, SendOptions, SendStats, Sender};
use crate::timestamp::Timestamp;
use crate::transport::{StoreRequest, StoreResponse};

/// Keys of one `CheckSecondaryLocks` request.
const KEYS_PER_REQUEST: usize = 1024;

/// Longest wait for another task that asks about the same transaction.
const GATE_WAIT: Duration = Duration::from_millis(200);

/// Longest wait between questions about a primary that is not there (TiDB's figure).
const PRIMARY_WAIT: Duration = Duration::from_millis(500);

/// Who asks about a lock, and what it knew when it met it.
#[derive(Clone, Copy)]
pub(super) enum Asker<'a> {
    Read { locks: &'a ReadLocks, then: Knowledge },
    Write,
}

impl Asker<'_> {
    fn caller(self) -> Caller {
        match self {
            Self::Read { locks, .. } => Caller::Read(locks.start_ts()),
            Self::Write => Caller::Write,
        }
    }
}

/// Finds out about locks and gets reads and writes past them; clones share everything.
#[derive(Debug, Clone)]
pub struct LockResolver {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) sender: Sender,
    pd: Arc<dyn PdApi>,
    pub(super) options: SendOptions,
    cleanup_budget: Duration,
    fates: FateCache,
    gates: TxnGates,
    cleanups: CleanupPool,
}

impl LockResolver {
    /// A resolver that sends by `sender` and takes the time from `pd`.
    #[must_use]
    pub fn new(sender: Sender, pd: Arc<dyn PdApi>, options: &ClientOptions) -> Self {
        let mut send = SendOptions::new(options.request_timeout);
        // Others may be waiting for the same lock.
        send.priority = Priority::Normal;
        Self {
            inner: Arc::new(Inner {
                sender,
                pd,
                options: send,
                cleanup_budget: options.budgets.resolve_lock,
                fates: FateCache::default(),
                gates: TxnGates::default(),
                cleanups: CleanupPool::new(),
            }),
        }
    }

    /// Finds out about `locks`, which are in the way of the read that `read` belongs to, and waits
    /// when a transaction behind them may be alive. Afterwards the read asks again. `then` is what the
    /// read knew when it sent the request that met them.
    ///
    /// # Errors
    /// When a fate cannot be found out, or `bo`'s budget or deadline does not allow the wait.
    pub async fn clear_for_read(
        &self,
        bo: &mut Backoffer,
        locks: Vec<kvrpcpb::LockInfo>,
        read: &ReadLocks,
        then: Knowledge,
        stats: &LockStats,
        label: Option<&str>,
    ) -> Result<()> {
        let cause = waiting_cause(&locks, label);
        stats.met.fetch_add(locks.len() as u64, Ordering::Relaxed);
        metrics::retry(RetryCause::Lock, "read");
        let resolved = self.resolve_for_read(bo, locks, read, then).await?;
        let cap = match resolved {
            Resolved { wait: Some(wait), .. } => wait,
            Resolved { wait: None, progress: true } => return Ok(()),
            Resolved { wait: None, progress: false } => Duration::MAX,
        };
        stats.waits.fetch_add(1, Ordering::Relaxed);
        bo.backoff_at_most(BackoffKind::TxnLockFast, cap, cause).await
    }

    /// Finds out about `locks` without waiting for live transactions.
    ///
    /// # Errors
    /// When a fate cannot be found out.
    pub async fn resolve_for_read(
        &self,
        bo: &mut Backoffer,
        locks: Vec<kvrpcpb::LockInfo>,
        read: &ReadLocks,
        then: Knowledge,
    ) -> Result<Resolved> {
        let mut resolved = Resolved::default();
        let mut waiting = HashMap::new();
        let mut jobs = Vec::new();
        for info in locks {
            for lock in Lock::from_info(info)? {
                if waiting.contains_key(&lock.txn) {
                    continue;
                }
                let outcome = self.find_out(bo, &lock, Asker::Read { locks: read, then }).await?;
                let job = Job::new(&lock, outcome.cleanup);
                match outcome.verdict {
                    Verdict::Ignore => read.ignore(lock.txn),
                    Verdict::ReadThrough => read.read_through(lock.txn),
                    Verdict::Wait(wait) => {
                        waiting.insert(lock.txn, wait);
                        continue;
                    }
                    Verdict::Retry => {
                        // Only the cleanup lets this read pass.
                        if let Some(job) = job {
                            job.run(&self.inner.sender, bo, &self.inner.options).await?;
                        }
                        resolved.progress = true;
                        continue;
                    }
                }
                resolved.progress |= read.learnt_since(lock.txn, then).is_some();
                jobs.extend(job);
            }
        }
        resolved.wait = waiting.into_values().min();
        for job in merge(jobs) {
            self.clean_up(bo, job).await;
        }
        Ok(resolved)
    }

    /// Returns when nothing is being cleaned up any more.
    pub async fn idle(&self) {
        self.inner.cleanups.idle().await;
    }

    /// Remembers how a transaction of this client has ended, so that its locks need no question.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when another fate was told before.
    pub fn remember(&self, txn: Timestamp, fate: Fate) -> Result<()> {
        self.inner.fates.put(txn, fate)
    }

    /// The outcome for one lock, without asking when it is known by now.
    fn known(&self, lock: &Lock, asker: Asker<'_>) -> Option<Outcome> {
        let caller = asker.caller();
        // A primary lock that stands against the fate came late; asking its key again removes it.
        let is_late = lock.is_primary() && caller == Caller::Write;
        let fate = if is_late { None } else { self.inner.fates.get(lock.txn) };
        let is_later = matches!(caller, Caller::Read(start_ts) if lock.txn > start_ts);
        if fate.is_some() || is_later {
            return match decision::begin(lock, caller, Timestamp::ZERO, fate) {
                Step::Finish(outcome) => Some(outcome),
                _ => None,
            };
        }
        // Another task of the same read has found out meanwhile.
        let Asker::Read { locks, then } = asker else { return None };
        let verdict = locks.learnt_since(lock.txn, then)?;
        Some(Outcome { verdict, cleanup: Cleanup::None, fate: None })
    }

    /// Takes the steps for one lock until its outcome is known.
    pub(super) async fn find_out(
        &self,
        bo: &mut Backoffer,
        lock: &Lock,
        asker: Asker<'_>,
    ) -> Result<Outcome> {
        if let Some(outcome) = self.known(lock, asker) {
            return Ok(outcome);
        }
        let gate = self.inner.gates.gate(lock.txn);
        let clock = Arc::clone(bo.clock());
        let _turn = tokio::select! {
            turn = gate.lock() => Some(turn),
            () = clock.sleep(bo.bounded_timeout(GATE_WAIT)) => None,
        };
        if let Some(outcome) = self.known(lock, asker) {
            return Ok(outcome);
        }
        let outcome = self.ask(bo, lock, asker.caller()).await?;
        if let Some(fate) = outcome.fate {
            self.inner.fates.put(lock.txn, fate)?;
        }
        if let (Verdict::Ignore, Asker::Read { locks, .. }) = (outcome.verdict, asker) {
            // For those who wait at the gate.
            locks.ignore(lock.txn);
        }
        Ok(outcome)
    }

    async fn ask(&self, bo: &mut Backoffer, lock: &Lock, caller: Caller) -> Result<Outcome> {
        let mut now = self.inner.pd.timestamp(bo).await?;
        let mut step = decision::begin(lock, caller, now, None);
        loop {
            step = match step {
                Step::Finish(outcome) => return Ok(outcome),
                Step::CheckStatus(question) => {
                    let status = self.check_status(bo, lock, caller, question).await?;
                    decision::after_status(lock, caller, question, status)?
                }
                Step::WaitForPrimary => {
                    let cause = primary_missing(lock);
                    bo.backoff_at_most(BackoffKind::TxnLockFast, PRIMARY_WAIT, cause).await?;
                    now = self.inner.pd.timestamp(bo).await?;
                    decision::ask_again(lock, now)
                }
                Step::CheckSecondaries(primary) => {
                    let verdict = self.check_secondaries(bo, lock, &primary).await?;
                    decision::after_secondaries(lock, caller, now, verdict)
                }
            };
        }
    }

    async fn check_status(
        &self,
        bo: &mut Backoffer,
        lock: &Lock,
        caller: Caller,
        question: StatusQuestion,
    ) -> Result<TxnStatus> {
        let answer = self
            .inner
            .sender
            .send_to_key(bo, &lock.primary, &self.inner.options, &|context| {
                StoreRequest::CheckTxnStatus(kvrpcpb::CheckTxnStatusRequest {
                    context: Some(context),
                    primary_key: lock.primary.clone(),
                    lock_ts: lock.txn.version(),
                    caller_start_ts: caller.start_ts().version(),
                    current_ts: question.current_ts.version(),
                    rollback_if_not_exist: question.rollback_if_not_exist,
                    force_sync_commit: question.force_sync_commit,
                    resolving_pessimistic_lock: lock.is_pessimistic,
                    verify_is_primary: true,
                    is_txn_file: lock.is_txn_file,
                })
            })
            .await?;
        match answer.response {
            StoreResponse::CheckTxnStatus(response) => {
                TxnStatus::from_response(response, question.force_sync_commit)
            }
            _ => Err(ClientError::of_another_command()),
        }
    }

    async fn check_secondaries(
        &self,
        bo: &mut Backoffer,
        lock: &Lock,
        primary: &AsyncCommit,
    ) -> Result<SecondariesVerdict> {
        let build = |keys: &[Vec<u8>], context| {
            StoreRequest::CheckSecondaryLocks(kvrpcpb::CheckSecondaryLocksRequest {
                context: Some(context),
                keys: keys.to_vec(),
                start_version: lock.txn.version(),
            })
        };
        let (sender, options) = (&self.inner.sender, &self.inner.options);
        let mut secondaries = Secondaries::new(lock.txn, primary);
        let mut keys = primary.secondaries.clone();
        while !keys.is_empty() {
            let round = sender.send_to_keys(bo, keys, KEYS_PER_REQUEST, options, &build).await?;
            for (asked, answer) in round.answers {
                match answer.response {
                    StoreResponse::CheckSecondaryLocks(response) => {
                        secondaries.add(asked.len(), response)?;
                    }
                    _ => return Err(ClientError::of_another_command()),
                }
            }
            keys = round.again;
        }
        secondaries.verdict()
    }

    /// Cleans up behind the read; in place when too much is being cleaned up already.
    async fn clean_up(&self, bo: &mut Backoffer, job: Job) {
        let inner = &self.inner;
        let mut budget =
            Backoffer::new(Arc::clone(bo.clock()), inner.cleanup_budget).with_query(bo.query());
        let (sender, options) = (inner.sender.clone(), inner.options.clone());
        let left = inner
            .cleanups
            .spawn(job, |job| async move { job.run(&sender, &mut budget, &options).await });
        if let Some(job) = left {
            // The read is past the lock whatever comes of this.
            if let Err(error) = job.run(&inner.sender, bo, &inner.options).await {
                tracing::debug!(%error, "a lock was left behind");
            }
        }
    }

    /// Counts of the requests it has sent.
    #[must_use]
    pub fn stats(&self) -> &Arc<SendStats> {
        &self.inner.options.stats
    }
}

/// Joins the keys of one transaction, so that each region gets one request.
pub(super) fn merge(jobs: Vec<Job>) -> Vec<Job> {
    let mut merged: Vec<Job> = Vec::new();
    for job in jobs {
        let left = match merged.last_mut() {
            Some(last) => last.join(job),
            None => Some(job),
        };
        merged.extend(left);
    }
    merged
}

pub(super) fn waiting_cause(locks: &[kvrpcpb::LockInfo], label: Option<&str>) -> ClientError {
    let error = match locks.first() {
        Some(lock) => ClientError::new(
            ErrorKind::Unavailable,
            format!(
                "{} key(s) locked, by transaction {} with {} ms to live",
                locks.len(),
                lock.lock_version,
                lock.lock_ttl
            ),
        )
        .with_key(&lock.key),
        None => ClientError::new(ErrorKind::Unavailable, "the store reported a lock"),
    };
    match label {
        Some(label) => error.with_table(label),
        None => error,
    }
}

fn primary_missing(lock: &Lock) -> ClientError {
    ClientError::new(
        ErrorKind::Unavailable,
        format!("the primary lock of transaction {} is not there", lock.txn),
    )
    .with_key(&lock.primary)
}
