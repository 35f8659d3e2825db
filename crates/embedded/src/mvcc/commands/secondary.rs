//! `CheckSecondaryLocks`: whether an async commit has locked all of its keys, which is its commit.
//!
//! A key without the lock is rolled back for good on the way, so that the answer stays true.

use tifusion_proto::kvrpcpb::{CheckSecondaryLocksRequest, CheckSecondaryLocksResponse, LockInfo};

use super::super::error::Result;
use super::super::lock::Lock;
use super::super::storage::Storage;
use super::super::txn::MvccTxn;
use super::super::versions::{CommitRecord, Versions};
use super::super::write::{Write, WriteKind};
use super::rollback_record::{collapse_previous_rollback, put_rollback};

/// How a key stands to the transaction.
enum Secondary {
    /// It has the transaction's lock.
    Locked(Lock),
    /// It is committed.
    Committed(u64),
    /// It is rolled back, now if not before.
    RolledBack,
}

impl Storage {
    /// The transaction's locks on all the keys, or, if one lacks it, when the transaction was committed, 0 for
    /// rolled back.
    pub(crate) fn check_secondary_locks(
        &self,
        request: &CheckSecondaryLocksRequest,
    ) -> CheckSecondaryLocksResponse {
        // No commit timestamp may fall on the rollback that is left here.
        self.shared.concurrency.update_max_ts(request.start_version);
        let result = self.command(request.start_version, |txn, versions| {
            let mut locks: Vec<LockInfo> = Vec::new();
            for key in &request.keys {
                match check(txn, versions, key)? {
                    Secondary::Locked(lock) => locks.push(lock.info(key)),
                    Secondary::Committed(commit_ts) => {
                        txn.note_committed(txn.start_ts, commit_ts);
                        return Ok((Vec::new(), commit_ts));
                    }
                    Secondary::RolledBack => return Ok((Vec::new(), 0)),
                }
            }
            Ok((locks, 0))
        });
        let mut response = CheckSecondaryLocksResponse::default();
        match result {
            Ok((locks, commit_ts)) => {
                response.locks = locks;
                response.commit_ts = commit_ts;
            }
            Err(error) => response.error = Some(error.into_key_error()),
        }
        response
    }
}

fn check(txn: &mut MvccTxn, versions: &Versions<'_>, key: &[u8]) -> Result<Secondary> {
    let (own, other) = match versions.lock(key)? {
        Some(lock) if lock.start_ts == txn.start_ts => (Some(lock), None),
        other => (None, other),
    };
    match own {
        Some(lock) if !lock.is_pessimistic() => return Ok(Secondary::Locked(lock)),
        // A pessimistic lock promises nothing yet; it has to go before the rollback.
        Some(_) => txn.unlock(key),
        None => {}
    }
    let overlapped = match versions.commit_record(key, txn.start_ts)? {
        CommitRecord::Own { write, .. } if write.kind == WriteKind::Rollback => {
            return Ok(Secondary::RolledBack);
        }
        CommitRecord::Own { commit_ts, .. } => return Ok(Secondary::Committed(commit_ts)),
        CommitRecord::OverlappedRollback => return Ok(Secondary::RolledBack),
        CommitRecord::Overlapped(write) => Some(write),
        CommitRecord::None => None,
    };
    roll_back(txn, versions, key, other, overlapped)?;
    Ok(Secondary::RolledBack)
}

fn roll_back(
    txn: &mut MvccTxn,
    versions: &Versions<'_>,
    key: &[u8],
    other: Option<Lock>,
    overlapped: Option<Write>,
) -> Result<()> {
    if let Some(other) = other {
        txn.mark_rollback_on_mismatching_lock(key, other);
    }
    put_rollback(txn, key, true, overlapped);
    collapse_previous_rollback(txn, versions, key)
}
