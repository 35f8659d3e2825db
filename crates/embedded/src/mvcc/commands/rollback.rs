//! `BatchRollback` and Cleanup.

use tifusion_proto::kvrpcpb::{
    BatchRollbackRequest, BatchRollbackResponse, CleanupRequest, CleanupResponse,
};

use super::super::error::{MvccError, Result};
use super::super::key::physical;
use super::super::storage::Storage;
use super::super::txn::MvccTxn;
use super::super::versions::Versions;
use super::missing_lock::{MissingLock, TxnStatus, check_missing_lock};
use super::rollback_record::rollback_lock;

impl Storage {
    /// Rolls the transaction back on the keys, whether or not it ever came to lock them.
    pub(crate) fn batch_rollback(&self, request: &BatchRollbackRequest) -> BatchRollbackResponse {
        let result = self.command(request.start_version, |txn, versions| {
            request.keys.iter().try_for_each(|key| cleanup_key(txn, versions, key, 0, false))
        });
        BatchRollbackResponse {
            error: result.err().map(MvccError::into_key_error),
            ..BatchRollbackResponse::default()
        }
    }

    /// Rolls the transaction back on a key unless its lock is still to be respected at `current_ts`. Tells when it
    /// was committed if it was.
    pub(crate) fn cleanup(&self, request: &CleanupRequest) -> CleanupResponse {
        // The rollback is protected: no commit timestamp may fall on it.
        self.shared.concurrency.update_max_ts(request.start_version);
        let result = self.command(request.start_version, |txn, versions| {
            cleanup_key(txn, versions, &request.key, request.current_ts, true)
        });
        let mut response = CleanupResponse::default();
        match result {
            Ok(()) => {}
            Err(MvccError::Committed { commit_ts, .. }) => response.commit_version = commit_ts,
            Err(error) => response.error = Some(error.into_key_error()),
        }
        response
    }
}

/// Rolls `txn` back on `key`. With a `current_ts` only if its lock has expired by then.
///
/// # Errors
/// [`MvccError::Locked`] by its own lock, [`MvccError::Committed`], [`MvccError::Engine`].
pub(super) fn cleanup_key(
    txn: &mut MvccTxn,
    versions: &Versions<'_>,
    key: &[u8],
    current_ts: u64,
    protect: bool,
) -> Result<()> {
    let start_ts = txn.start_ts;
    let lock = versions.lock(key)?;
    if let Some(lock) = lock.as_ref().filter(|lock| lock.start_ts == start_ts) {
        let expires = physical(lock.start_ts).saturating_add(lock.ttl);
        if current_ts > 0 && expires >= physical(current_ts) {
            return Err(MvccError::Locked(lock.info(key).into()));
        }
        return rollback_lock(txn, versions, key, lock, !protect);
    }
    let missing = if protect { MissingLock::ProtectedRollback } else { MissingLock::Rollback };
    match check_missing_lock(txn, versions, key, lock, missing, false)? {
        TxnStatus::Committed(commit_ts) => {
            Err(MvccError::Committed { start_ts, commit_ts, key: key.to_vec() })
        }
        _ => Ok(()),
    }
}
