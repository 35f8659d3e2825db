//! The rules of rollback records.
//!
//! A rollback leaves a record at the transaction's start timestamp, so that a late prewrite finds it. Records of
//! little worth are collapsed: the next one on the key replaces them. Those that decide over a whole transaction
//! (on a primary, or asked for by others) are protected. If another transaction's commit record stands at that very
//! timestamp, a protected rollback becomes a flag on it and an unprotected one is left out.

use super::super::error::{MvccError, Result};
use super::super::lock::{Lock, LockKind};
use super::super::txn::MvccTxn;
use super::super::versions::{CommitRecord, Versions};
use super::super::write::{Write, WriteKind};

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
