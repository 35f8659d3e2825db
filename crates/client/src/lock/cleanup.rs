//! Resolving locks of ended transactions, behind the reads that met them.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tifusion_proto::kvrpcpb;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::decision::Cleanup;
use super::info::Lock;
use super::status::Fate;
use crate::backoff::Backoffer;
use crate::error::{ClientError, Result};
use crate::sender::{Answer, SendOptions, Sender};
use crate::timestamp::Timestamp;
use crate::transport::{StoreRequest, StoreResponse};

/// Cleanups under way at once; above that, reads do them themselves.
const MAX_RUNNING: u32 = 64;

/// Keys of one `ResolveLock` request.
const KEYS_PER_REQUEST: usize = 1024;

/// One piece of cleaning up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Job {
    /// Resolve locks of a transaction.
    Resolve {
        /// The transaction.
        txn: Timestamp,
        /// Whether it is kept in files.
        is_txn_file: bool,
        /// When it was committed; zero when it was rolled back.
        commit_ts: Timestamp,
        /// Keys that are locked.
        keys: Vec<Vec<u8>>,
        /// Resolve all its locks in the regions of these keys.
        whole_regions: bool,
    },
    /// Take a pessimistic lock off its key.
    PessimisticKey { txn: Timestamp, for_update_ts: Timestamp, key: Vec<u8> },
}

impl Job {
    /// The job of a lock, when there is one.
    pub(super) fn new(lock: &Lock, cleanup: Cleanup) -> Option<Self> {
        let resolve = |fate, keys, whole_regions| Self::Resolve {
            txn: lock.txn,
            is_txn_file: lock.is_txn_file,
            commit_ts: commit_ts(fate),
            keys,
            whole_regions,
        };
        match cleanup {
            Cleanup::None => None,
            Cleanup::Keys { keys, fate } => Some(resolve(fate, keys, false)),
            Cleanup::Region { fate } => Some(resolve(fate, vec![lock.key.clone()], true)),
            Cleanup::PessimisticKey => Some(Self::PessimisticKey {
                txn: lock.txn,
                for_update_ts: match lock.for_update_ts {
                    Timestamp::ZERO => Timestamp::MAX,
                    for_update_ts => for_update_ts,
                },
                key: lock.key.clone(),
            }),
        }
    }

    /// Takes in another job of the same transaction and kind, so that each region gets one request;
    /// gives it back when it is not.
    pub(super) fn join(&mut self, other: Self) -> Option<Self> {
        match (self, other) {
            (
                Self::Resolve { txn, keys, whole_regions, .. },
                Self::Resolve { txn: other_txn, keys: more, whole_regions: other_whole, .. },
            ) if *txn == other_txn && *whole_regions == other_whole => {
                keys.extend(more);
                None
            }
            (_, other) => Some(other),
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// When the store cannot be reached in time, or refuses.
    pub(super) async fn run(
        self,
        sender: &Sender,
        bo: &mut Backoffer,
        options: &SendOptions,
    ) -> Result<()> {
        match self {
            Self::Resolve { txn, is_txn_file, commit_ts, mut keys, whole_regions } => {
                let build = |keys: &[Vec<u8>], context| {
                    StoreRequest::ResolveLock(kvrpcpb::ResolveLockRequest {
                        context: Some(context),
                        start_version: txn.version(),
                        commit_version: commit_ts.version(),
                        keys: if whole_regions { Vec::new() } else { keys.to_vec() },
                        is_txn_file,
                        ..kvrpcpb::ResolveLockRequest::default()
                    })
                };
                let limit = if whole_regions { usize::MAX } else { KEYS_PER_REQUEST };
                while !keys.is_empty() {
                    let round = sender.send_to_keys(bo, keys, limit, options, &build).await?;
                    for (_, answer) in round.answers {
                        check_resolved(answer)?;
                    }
                    keys = round.again;
                }
                Ok(())
            }
            Self::PessimisticKey { txn, for_update_ts, key } => {
                let answer = sender
                    .send_to_key(bo, &key, options, &|context| {
                        StoreRequest::PessimisticRollback(kvrpcpb::PessimisticRollbackRequest {
                            context: Some(context),
                            start_version: txn.version(),
                            for_update_ts: for_update_ts.version(),
                            keys: vec![key.clone()],
                        })
                    })
                    .await?;
                check_resolved(answer)
            }
        }
    }
}

/// A request carries the commit timestamp, or zero to roll back.
fn commit_ts(fate: Fate) -> Timestamp {
    match fate {
        Fate::Committed(commit_ts) => commit_ts,
        Fate::RolledBack => Timestamp::ZERO,
    }
}

fn check_resolved(answer: Answer) -> Result<()> {
    let error = match answer.response {
        StoreResponse::ResolveLock(response) => response.error,
        StoreResponse::PessimisticRollback(response) => response.errors.into_iter().next(),
        _ => return Err(ClientError::of_another_command()),
    };
    match error {
        Some(error) => Err(super::key_error(&error, "resolving a lock")),
        None => Ok(()),
    }
}

/// Runs cleanups behind the reads; dropping it ends them.
#[derive(Debug)]
pub(super) struct CleanupPool {
    permits: Arc<Semaphore>,
    running: Arc<Mutex<HashSet<Job>>>,
    tasks: Mutex<JoinSet<()>>,
}

impl CleanupPool {
    pub(super) fn new() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(usize::try_from(MAX_RUNNING).unwrap_or(usize::MAX))),
            running: Arc::default(),
            tasks: Mutex::default(),
        }
    }

    /// Starts the job in the background, unless the same one is running. Gives it back when too many
    /// run, to be done in place.
    pub(super) fn spawn<F>(&self, job: Job, run: impl FnOnce(Job) -> F) -> Option<Job>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            return Some(job);
        };
        if !self.running.lock().insert(job.clone()) {
            return None;
        }
        let turn = Turn { running: Arc::clone(&self.running), job: job.clone(), _permit: permit };
        let work = run(job);
        let mut tasks = self.tasks.lock();
        while tasks.try_join_next().is_some() {}
        let work = async move {
            let _turn = turn;
            // Whoever meets the lock next tries again.
            if let Err(error) = work.await {
                tracing::debug!(%error, "a lock was left behind");
            }
        };
        tasks.spawn(work.in_current_span());
        None
    }

    /// Returns when no cleanup is running.
    pub(super) async fn idle(&self) {
        // The semaphore is never closed.
        let _all = self.permits.acquire_many(MAX_RUNNING).await;
    }
}

/// A job's place among those that run, given up however the job ends.
#[derive(Debug)]
struct Turn {
    running: Arc<Mutex<HashSet<Job>>>,
    job: Job,
    /// Given back after the place.
    _permit: OwnedSemaphorePermit,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.running.lock().remove(&self.job);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn job() -> Job {
        Job::PessimisticKey {
            txn: Timestamp::new(1),
            for_update_ts: Timestamp::new(2),
            key: b"k".to_vec(),
        }
    }

    #[tokio::test]
    async fn a_cleanup_that_panicked_can_be_started_again() {
        let pool = CleanupPool::new();
        let begun = Arc::new(AtomicUsize::new(0));
        for round in 1..=3 {
            let begun_by = Arc::clone(&begun);
            let left = pool.spawn(job(), move |_| async move {
                begun_by.fetch_add(1, Ordering::Relaxed);
                panic!("on purpose")
            });
            assert_eq!(left, None);
            pool.idle().await;
            assert_eq!(begun.load(Ordering::Relaxed), round);
        }
    }

    #[tokio::test]
    async fn a_cleanup_that_was_aborted_can_be_started_again() {
        let pool = CleanupPool::new();
        for _ in 0..2 {
            assert_eq!(pool.spawn(job(), |_| std::future::pending()), None);
            assert_eq!(pool.running.lock().len(), 1);
            pool.tasks.lock().abort_all();
            pool.idle().await;
            assert!(pool.running.lock().is_empty());
        }
    }

    #[tokio::test]
    async fn the_same_cleanup_runs_once_at_a_time() {
        let pool = CleanupPool::new();
        let begun = Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let begun = Arc::clone(&begun);
            pool.spawn(job(), move |_| async move {
                begun.fetch_add(1, Ordering::Relaxed);
                Ok(())
            });
        }
        pool.idle().await;
        assert_eq!(begun.load(Ordering::Relaxed), 1);
    }
}
