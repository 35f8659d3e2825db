//! `BatchRollback` and Cleanup, and the rules of rollback records.
//!
//! A rollback leaves a record at the transaction's start timestamp, so that a late prewrite finds it. Records of
//! little worth are collapsed: the next one on the key replaces them. Those that decide over a whole transaction
//! (on a primary, or asked for by others) are protected. If another transaction's commit record stands at that very
//! timestamp, a protected rollback becomes a flag on it and an unprotected one is left out.

use tifusion_proto::kvrpcpb::{
    BatchRollbackRequest, BatchRollbackResponse, CleanupRequest, CleanupResponse,
};

use super::super::error::{MvccError, Result};
use super::super::key::physical;
use super::super::lock::{Lock, LockKind};
use super::super::storage::Storage;
use super::super::txn::MvccTxn;
use super::super::versions::{CommitRecord, Versions};
use super::super::write::{Write, WriteKind};
use super::status::{MissingLock, TxnStatus, check_missing_lock};

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

/// Rolls `txn`'s own `lock` back.
///
/// # Errors
/// [`MvccError::Committed`] if there is a commit record besides the lock, which must not be;
/// [`MvccError::Engine`].
pub(super) fn rollback_lock(
    txn: &mut MvccTxn,
    versions: &Versions<'_>,
    key: &[u8],
    lock: &Lock,
    collapse: bool,
) -> Result<()> {
    let start_ts = txn.start_ts;
    let overlapped = match versions.commit_record(key, start_ts)? {
        CommitRecord::None => None,
        CommitRecord::Overlapped(write) => Some(write),
        CommitRecord::Own { commit_ts, write } if write.kind != WriteKind::Rollback => {
            return Err(MvccError::Committed { start_ts, commit_ts, key: key.to_vec() });
        }
        CommitRecord::Own { .. } | CommitRecord::OverlappedRollback => {
            txn.unlock(key);
            return Ok(());
        }
    };
    if lock.kind == LockKind::Put && lock.short_value.is_none() {
        txn.delete_value(key, start_ts);
    }
    put_rollback(txn, key, key == lock.primary, overlapped);
    if collapse {
        collapse_previous_rollback(txn, versions, key)?;
    }
    txn.unlock(key);
    Ok(())
}

/// Leaves a rollback record, or what stands for it where `overlapped` takes its place.
pub(super) fn put_rollback(
    txn: &mut MvccTxn,
    key: &[u8],
    protected: bool,
    overlapped: Option<Write>,
) {
    let start_ts = txn.start_ts;
    match overlapped {
        None => txn.put_write(key, start_ts, &Write::rollback(start_ts, protected)),
        Some(mut write) if protected => {
            write.has_overlapped_rollback = true;
            txn.put_write(key, start_ts, &write);
        }
        Some(_) => {}
    }
}

/// Removes the rollback record before `txn`'s, unless it is protected.
///
/// # Errors
/// [`MvccError::Engine`].
pub(super) fn collapse_previous_rollback(
    txn: &mut MvccTxn,
    versions: &Versions<'_>,
    key: &[u8],
) -> Result<()> {
    if let Some((commit_ts, write)) = versions.seek(key, txn.start_ts)?
        && write.kind == WriteKind::Rollback
        && !write.is_protected()
    {
        txn.delete_write(key, commit_ts);
    }
    Ok(())
}
