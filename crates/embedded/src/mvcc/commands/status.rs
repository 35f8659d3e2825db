//! `CheckTxnStatus`: what became of a transaction, asked of its primary key, which is rolled back if it expired.

use tifusion_proto::kvrpcpb::{Action, CheckTxnStatusRequest, CheckTxnStatusResponse};

use super::super::error::{MvccError, Result};
use super::super::key::physical;
use super::super::lock::Lock;
use super::super::storage::Storage;
use super::super::txn::MvccTxn;
use super::super::versions::Versions;
use super::missing_lock::{MissingLock, TxnStatus, check_missing_lock, recorded};
use super::rollback_record::rollback_lock;

impl Storage {
    /// Tells what became of a transaction by its primary key. An expired lock is rolled back; one that is not is
    /// pushed behind the asker's timestamp if that is possible.
    pub(crate) fn check_txn_status(
        &self,
        request: &CheckTxnStatusRequest,
    ) -> CheckTxnStatusResponse {
        for ts in [request.lock_ts, request.current_ts, request.caller_start_ts] {
            self.shared.concurrency.update_max_ts(ts);
        }
        let result = self.command(request.lock_ts, |txn, versions| {
            let lock = versions.lock(&request.primary_key)?;
            match lock {
                Some(lock) if lock.start_ts == request.lock_ts => {
                    check_lock(txn, versions, request, lock)
                }
                other => check_missing_lock(
                    txn,
                    versions,
                    &request.primary_key,
                    other,
                    missing_lock(request),
                    request.resolving_pessimistic_lock,
                ),
            }
        });
        let mut response = CheckTxnStatusResponse::default();
        match result {
            Ok(TxnStatus::RolledBack) => {}
            Ok(TxnStatus::TtlExpired) => response.set_action(Action::TtlExpireRollback),
            Ok(TxnStatus::PessimisticRolledBack) => {
                response.set_action(Action::TtlExpirePessimisticRollback);
            }
            Ok(TxnStatus::LockNotExist) => response.set_action(Action::LockNotExistRollback),
            Ok(TxnStatus::LockNotExistDoNothing) => {
                response.set_action(Action::LockNotExistDoNothing);
            }
            Ok(TxnStatus::Committed(commit_ts)) => response.commit_version = commit_ts,
            Ok(TxnStatus::Uncommitted { lock, min_commit_ts_pushed }) => {
                if min_commit_ts_pushed {
                    response.set_action(Action::MinCommitTsPushed);
                }
                response.lock_ttl = lock.ttl;
                response.lock_info = Some(lock.info(&lock.primary));
            }
            Err(error) => response.error = Some(error.into_key_error()),
        }
        response
    }
}

fn missing_lock(request: &CheckTxnStatusRequest) -> MissingLock {
    if request.rollback_if_not_exist { MissingLock::ProtectedRollback } else { MissingLock::Fail }
}

/// The transaction has a lock on the key.
fn check_lock(
    txn: &mut MvccTxn,
    versions: &Versions<'_>,
    request: &CheckTxnStatusRequest,
    lock: Lock,
) -> Result<TxnStatus> {
    let key = request.primary_key.as_slice();
    if request.verify_is_primary && lock.primary != key {
        return check_lock_elsewhere(txn, versions, request, &lock);
    }
    if lock.use_async_commit && !request.force_sync_commit {
        // Whether it is committed depends on all of its keys.
        return Ok(TxnStatus::Uncommitted { lock, min_commit_ts_pushed: false });
    }
    if lock.is_pessimistic()
        && lock.locked_with_conflict
        && let Some(status) = recorded(txn, versions, key)?
    {
        // A stale request took the lock after the transaction had ended.
        txn.unlock(key);
        return Ok(status);
    }
    let expires = physical(lock.start_ts).saturating_add(lock.ttl);
    if expires < physical(request.current_ts) {
        if lock.is_pessimistic() && request.resolving_pessimistic_lock {
            // The transaction may go on with another primary: no record.
            txn.unlock(key);
            return Ok(TxnStatus::PessimisticRolledBack);
        }
        rollback_lock(txn, versions, key, &lock, true)?;
        return Ok(TxnStatus::TtlExpired);
    }
    Ok(push_min_commit_ts(txn, request, lock))
}

/// The transaction has a lock on the key whose primary is another key.
fn check_lock_elsewhere(
    txn: &mut MvccTxn,
    versions: &Versions<'_>,
    request: &CheckTxnStatusRequest,
    lock: &Lock,
) -> Result<TxnStatus> {
    let key = request.primary_key.as_slice();
    if request.resolving_pessimistic_lock || !lock.is_pessimistic() {
        return Err(MvccError::PrimaryMismatch(lock.info(key).into()));
    }
    // The asker's lock is prewritten, so its primary is right and this pessimistic lock is a stale one.
    let status = check_missing_lock(txn, versions, key, None, missing_lock(request), false)?;
    txn.unlock(key);
    Ok(status)
}

fn push_min_commit_ts(
    txn: &mut MvccTxn,
    request: &CheckTxnStatusRequest,
    mut lock: Lock,
) -> TxnStatus {
    let caller = request.caller_start_ts;
    // Without a least commit timestamp the transaction doesn't expect to be pushed.
    if lock.min_commit_ts > 0 && caller != u64::MAX && caller >= lock.min_commit_ts {
        lock.min_commit_ts = caller.saturating_add(1).max(request.current_ts);
        txn.put_lock(&request.primary_key, &lock);
    }
    // The newest read of all may pass a primary that is not committed by now.
    let min_commit_ts_pushed = (caller > 0 && lock.min_commit_ts > caller) || caller == u64::MAX;
    TxnStatus::Uncommitted { lock, min_commit_ts_pushed }
}
