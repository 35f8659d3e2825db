//! Locks of other transactions that stand in a writer's way.

use tifusion_client::Client;
use tifusion_proto::kvrpcpb as kv;

use crate::raw::{Raw, pause, send};

/// A transaction that looks after others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Locks<'a> {
    pub(crate) raw: &'a Raw,
    pub(crate) client: &'a Client,
    /// Its start.
    pub(crate) caller: u64,
}

impl Locks<'_> {
    /// Finds out about a transaction by its primary key, and clears its lock if it is over.
    pub(crate) async fn resolve(&self, lock: &kv::LockInfo) {
        let now = self.client.timestamp().await.unwrap().version();
        let status = self.status(lock, now, false).await;
        let primary = status.lock_info.filter(|primary| primary.use_async_commit);
        let commit_version = match primary.filter(|primary| is_over(primary, now)) {
            Some(primary) => match self.secondaries(&primary).await {
                Some(commit_version) => commit_version,
                // It fell back to two phases.
                None => {
                    let status = self.status(lock, now, true).await;
                    if status.lock_ttl > 0 {
                        return pause().await;
                    }
                    status.commit_version
                }
            },
            // Alive, or pushed.
            None if status.lock_ttl > 0 => return pause().await,
            None => status.commit_version,
        };
        let start_version = lock.lock_version;
        if kv::Op::try_from(lock.lock_type) == Ok(kv::Op::PessimisticLock) {
            let request = kv::PessimisticRollbackRequest {
                start_version,
                for_update_ts: lock.lock_for_update_ts,
                keys: vec![lock.key.clone()],
                ..kv::PessimisticRollbackRequest::default()
            };
            let answer = send!(self.raw, &lock.key, kv_pessimistic_rollback, request);
            assert_eq!(answer.errors, []);
            return;
        }
        self.end(start_version, commit_version, &lock.key).await;
    }

    async fn end(&self, start_version: u64, commit_version: u64, key: &[u8]) {
        let request = kv::ResolveLockRequest {
            start_version,
            commit_version,
            keys: vec![key.to_vec()],
            ..kv::ResolveLockRequest::default()
        };
        assert_eq!(send!(self.raw, key, kv_resolve_lock, request).error, None);
    }

    async fn status(
        &self,
        lock: &kv::LockInfo,
        now: u64,
        force: bool,
    ) -> kv::CheckTxnStatusResponse {
        let request = kv::CheckTxnStatusRequest {
            primary_key: lock.primary_lock.clone(),
            lock_ts: lock.lock_version,
            caller_start_ts: self.caller,
            current_ts: now,
            rollback_if_not_exist: true,
            force_sync_commit: force,
            ..kv::CheckTxnStatusRequest::default()
        };
        let status = send!(self.raw, &lock.primary_lock, kv_check_txn_status, request);
        assert_eq!(status.error, None);
        status
    }

    /// When an asynchronous commit whose time is over is committed, 0 for rolled back; its primary is put
    /// right. `None`: it is none any more.
    async fn secondaries(&self, primary: &kv::LockInfo) -> Option<u64> {
        let start_version = primary.lock_version;
        let mut commit_version = primary.min_commit_ts;
        for key in &primary.secondaries {
            let request = kv::CheckSecondaryLocksRequest {
                keys: vec![key.clone()],
                start_version,
                ..kv::CheckSecondaryLocksRequest::default()
            };
            let told = send!(self.raw, key, kv_check_secondary_locks, request);
            assert_eq!(told.error, None);
            match told.locks.first() {
                Some(lock) if !lock.use_async_commit => return None,
                Some(lock) => commit_version = commit_version.max(lock.min_commit_ts),
                None => {
                    commit_version = told.commit_ts;
                    break;
                }
            }
        }
        self.end(start_version, commit_version, &primary.key).await;
        Some(commit_version)
    }
}

/// Whether the time of a lock is over.
fn is_over(lock: &kv::LockInfo, now: u64) -> bool {
    (lock.lock_version >> 18) + lock.lock_ttl < now >> 18
}
