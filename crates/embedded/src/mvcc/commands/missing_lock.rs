//! What became of a transaction that has no lock on the key that is asked: its records say, or one is left now.

use super::super::error::{MvccError, Result};
use super::super::lock::Lock;
use super::super::txn::MvccTxn;
use super::super::versions::{CommitRecord, Versions};
use super::super::write::WriteKind;
use super::rollback_record::{collapse_previous_rollback, put_rollback};

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TxnStatus {
    /// It was rolled back before.
    RolledBack,
    /// Its lock had expired and is rolled back now.
    TtlExpired,
    /// Its pessimistic lock had expired and is gone now, without a record.
    PessimisticRolledBack,
    /// There was nothing of it, and a rollback record says so now.
    LockNotExist,
    /// There is nothing of it, and nothing was written.
    LockNotExistDoNothing,
    /// It is committed.
    Committed(u64),
    /// It is running.
    Uncommitted {
        /// Its primary lock.
        lock: Lock,
        /// It will not commit at or before the asker's timestamp.
        min_commit_ts_pushed: bool,
    },
}

/// What to do about a transaction of which there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MissingLock {
    /// Leave a rollback record that a later one may replace.
    Rollback,
    /// Leave a rollback record that stays.
    ProtectedRollback,
    /// Say that there is nothing.
    Fail,
}

/// What the records on `key` say of `txn`.
///
/// # Errors
/// [`MvccError::Engine`].
pub(super) fn recorded(
    txn: &MvccTxn,
    versions: &Versions<'_>,
    key: &[u8],
) -> Result<Option<TxnStatus>> {
    Ok(match versions.commit_record(key, txn.start_ts)? {
        CommitRecord::Own { write, .. } if write.kind == WriteKind::Rollback => {
            Some(TxnStatus::RolledBack)
        }
        CommitRecord::Own { commit_ts, .. } => Some(TxnStatus::Committed(commit_ts)),
        CommitRecord::OverlappedRollback => Some(TxnStatus::RolledBack),
        CommitRecord::Overlapped(_) | CommitRecord::None => None,
    })
}

/// `txn` has no lock on `key`; `other` is the one that another transaction has.
///
/// # Errors
/// [`MvccError::TxnNotFound`], [`MvccError::Engine`].
pub(super) fn check_missing_lock(
    txn: &mut MvccTxn,
    versions: &Versions<'_>,
    key: &[u8],
    other: Option<Lock>,
    missing: MissingLock,
    resolving_pessimistic_lock: bool,
) -> Result<TxnStatus> {
    if let Some(status) = recorded(txn, versions, key)? {
        return Ok(status);
    }
    if missing == MissingLock::Fail {
        return Err(MvccError::TxnNotFound { start_ts: txn.start_ts, key: key.to_vec() });
    }
    if resolving_pessimistic_lock {
        return Ok(TxnStatus::LockNotExistDoNothing);
    }
    let protected = missing == MissingLock::ProtectedRollback;
    if !protected {
        collapse_previous_rollback(txn, versions, key)?;
    }
    let overlapped = match versions.commit_record(key, txn.start_ts)? {
        CommitRecord::Overlapped(write) => Some(write),
        _ => None,
    };
    if let (Some(other), None, true) = (other, &overlapped, protected) {
        txn.mark_rollback_on_mismatching_lock(key, other);
    }
    put_rollback(txn, key, protected, overlapped);
    Ok(TxnStatus::LockNotExist)
}
