//! Locks in the way of a write.

use std::sync::atomic::Ordering;

use tifusion_proto::kvrpcpb;

use super::cleanup::Job;
use super::decision::Verdict;
use super::info::Lock;
use super::resolver::{Asker, LockResolver, merge, waiting_cause};
use super::stats::{LockStats, Waiting};
use crate::backoff::{BackoffKind, Backoffer};
use crate::error::Result;
use crate::metrics::{self, RetryCause};
use crate::timestamp::Timestamp;

impl LockResolver {
    /// Finds out about `locks`, which are in the way of a write, and has those of ended transactions
    /// gone when it returns. It does not wait for live ones: they are told.
    ///
    /// # Errors
    /// When a fate cannot be found out, or a lock cannot be resolved.
    pub async fn resolve_for_write(
        &self,
        bo: &mut Backoffer,
        locks: Vec<kvrpcpb::LockInfo>,
    ) -> Result<Vec<Waiting>> {
        let mut waiting: Vec<Waiting> = Vec::new();
        let mut jobs = Vec::new();
        for info in locks {
            for lock in Lock::from_info(info)? {
                if waiting.iter().any(|known| known.txn == lock.txn) {
                    continue;
                }
                let outcome = self.find_out(bo, &lock, Asker::Write).await?;
                match outcome.verdict {
                    Verdict::Wait(wait) => {
                        waiting.push(Waiting { txn: lock.txn, key: lock.key, wait });
                    }
                    _ => jobs.extend(Job::new(&lock, outcome.cleanup)),
                }
            }
        }
        for job in merge(jobs) {
            job.run(&self.inner.sender, bo, &self.inner.options).await?;
        }
        Ok(waiting)
    }

    /// As [`LockResolver::resolve_for_write`], and waits when a transaction behind the locks may be
    /// alive. Afterwards the write tries again. A live transaction that began after the writer's
    /// `start_ts` is not waited for but told: it commits after it, a conflict, or waits for it in turn.
    ///
    /// # Errors
    /// When a fate cannot be found out, a lock cannot be resolved, or `bo`'s budget or deadline does
    /// not allow the wait.
    pub async fn clear_for_write(
        &self,
        bo: &mut Backoffer,
        locks: Vec<kvrpcpb::LockInfo>,
        start_ts: Timestamp,
        stats: &LockStats,
        label: Option<&str>,
    ) -> Result<Option<Waiting>> {
        let cause = waiting_cause(&locks, label);
        stats.met.fetch_add(locks.len() as u64, Ordering::Relaxed);
        metrics::retry(RetryCause::Lock, "write");
        let waiting = self.resolve_for_write(bo, locks).await?;
        let Some(wait) = waiting.iter().map(|waiting| waiting.wait).min() else { return Ok(None) };
        if let Some(later) = waiting.into_iter().find(|waiting| waiting.txn > start_ts) {
            return Ok(Some(later));
        }
        stats.waits.fetch_add(1, Ordering::Relaxed);
        bo.backoff_at_most(BackoffKind::TxnLock, wait, cause).await?;
        Ok(None)
    }
}
