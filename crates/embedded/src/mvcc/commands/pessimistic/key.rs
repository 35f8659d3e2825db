//! Taking the pessimistic lock on one key.

use tifusion_proto::kvrpcpb::{
    Assertion, Mutation, PessimisticLockKeyResult, PessimisticLockKeyResultType,
    PessimisticLockRequest, write_conflict::Reason,
};

use super::super::super::error::{MvccError, Result};
use super::super::super::lock::Lock;
use super::super::super::txn::MvccTxn;
use super::super::super::versions::Versions;
use super::super::super::write::Write;
use super::super::constraint::check_not_exists;

/// A key that is locked now.
#[derive(Debug)]
pub(super) struct Taken {
    /// What it holds; an empty value may stand for any if only its existence was asked for.
    pub(super) value: Option<Vec<u8>>,
    /// When the newer version was committed in spite of which the lock was taken.
    conflict_ts: Option<u64>,
}

impl Taken {
    /// The key's result in an answer to a force lock.
    pub(super) fn into_result(self) -> PessimisticLockKeyResult {
        let kind = if self.conflict_ts.is_some() {
            PessimisticLockKeyResultType::LockResultLockedWithConflict
        } else {
            PessimisticLockKeyResultType::LockResultNormal
        };
        PessimisticLockKeyResult {
            r#type: kind.into(),
            existence: self.value.is_some(),
            value: self.value.unwrap_or_default(),
            locked_with_conflict_ts: self.conflict_ts.unwrap_or_default(),
            ..PessimisticLockKeyResult::default()
        }
    }
}

/// The lock to be taken on a key.
pub(super) struct KeyLock<'a> {
    request: &'a PessimisticLockRequest,
    key: &'a [u8],
    should_not_exist: bool,
    /// A newer version does not hinder the lock.
    force: bool,
}

impl<'a> KeyLock<'a> {
    pub(super) fn new(
        request: &'a PessimisticLockRequest,
        mutation: &'a Mutation,
        force: bool,
    ) -> Self {
        let should_not_exist = mutation.assertion() == Assertion::NotExist;
        Self { request, key: &mutation.key, should_not_exist, force }
    }

    /// Takes the lock.
    ///
    /// # Errors
    /// [`MvccError::Locked`], [`MvccError::WriteConflict`], [`MvccError::AlreadyExist`],
    /// [`MvccError::PessimisticLockRolledBack`], [`MvccError::LockTypeNotMatch`],
    /// [`MvccError::InvalidRequest`], [`MvccError::Engine`].
    pub(super) fn take(self, txn: &mut MvccTxn, versions: &Versions<'_>) -> Result<Taken> {
        let request = self.request;
        if request.lock_only_if_exists && !request.return_values {
            let reason = "lock_only_if_exists is set to true, but return_values is not";
            return Err(MvccError::InvalidRequest { reason });
        }
        if self.should_not_exist || request.return_values || request.check_existence {
            // What the key holds is read.
            txn.concurrency.update_max_ts(request.for_update_ts);
        }
        if let Some(lock) = versions.lock(self.key)? {
            return self.take_again(txn, versions, lock);
        }
        let newest = versions.seek(self.key, u64::MAX)?;
        let mut lock = Lock::pessimistic(request);
        let mut conflict = None;
        if let Some((commit_ts, write)) = &newest {
            if *commit_ts > request.for_update_ts {
                let error = self.conflict(write, *commit_ts);
                if !self.force {
                    return Err(error);
                }
                conflict = Some((*commit_ts, error));
                lock.for_update_ts = *commit_ts;
                lock.locked_with_conflict = true;
            }
            self.check_rolled_back(versions, *commit_ts, write)?;
            self.check_constraint(versions, *commit_ts, write, conflict.as_ref())?;
        }
        let value = self.read(versions, u64::MAX, conflict.is_some())?;
        if request.lock_only_if_exists && value.is_none() {
            if let Some((_, error)) = conflict {
                return Err(error);
            }
        } else {
            txn.put_lock(self.key, &lock);
        }
        Ok(Taken { value, conflict_ts: conflict.map(|(commit_ts, _)| commit_ts) })
    }

    /// The key is locked already, perhaps by the transaction itself.
    fn take_again(self, txn: &mut MvccTxn, versions: &Versions<'_>, lock: Lock) -> Result<Taken> {
        let request = self.request;
        if lock.start_ts != request.start_version {
            return Err(MvccError::Locked(lock.info(self.key).into()));
        }
        if !lock.is_pessimistic() {
            return Err(MvccError::LockTypeNotMatch {
                start_ts: lock.start_ts,
                key: self.key.to_vec(),
                pessimistic: false,
            });
        }
        let conflict_ts = (self.force && request.for_update_ts < lock.for_update_ts)
            .then_some(lock.for_update_ts);
        let read_ts = conflict_ts.unwrap_or(request.for_update_ts);
        if self.should_not_exist
            && let Some((commit_ts, write)) = versions.put_at(self.key, read_ts)?
        {
            return Err(if commit_ts > request.for_update_ts {
                self.conflict(&write, commit_ts)
            } else {
                MvccError::AlreadyExist { key: self.key.to_vec() }
            });
        }
        let value = self.read(versions, read_ts, conflict_ts.is_some())?;
        if request.for_update_ts > lock.for_update_ts {
            let locked_with_conflict = lock.locked_with_conflict;
            txn.put_lock(self.key, &Lock { locked_with_conflict, ..Lock::pessimistic(request) });
        }
        Ok(Taken { value, conflict_ts })
    }

    fn conflict(&self, write: &Write, commit_ts: u64) -> MvccError {
        let request = self.request;
        MvccError::conflict(
            (request.start_version, self.key, &request.primary_lock),
            (write.start_ts, commit_ts),
            Reason::PessimisticRetry,
        )
    }

    fn check_rolled_back(
        &self,
        versions: &Versions<'_>,
        commit_ts: u64,
        write: &Write,
    ) -> Result<()> {
        let start_ts = self.request.start_version;
        let is_rolled_back = if commit_ts > start_ts {
            versions
                .seek(self.key, start_ts)?
                .is_some_and(|(ts, older)| ts == start_ts && older.is_rollback_or_overlapped())
        } else {
            commit_ts == start_ts && write.is_rollback_or_overlapped()
        };
        if is_rolled_back {
            let key = self.key.to_vec();
            return Err(MvccError::PessimisticLockRolledBack { start_ts, key });
        }
        Ok(())
    }

    fn check_constraint(
        &self,
        versions: &Versions<'_>,
        commit_ts: u64,
        write: &Write,
        conflict: Option<&(u64, MvccError)>,
    ) -> Result<()> {
        if !self.should_not_exist {
            return Ok(());
        }
        let checked = check_not_exists(versions, self.key, commit_ts, write);
        match (checked, conflict) {
            // The client did not know of the newer version: it has to try again, not to fail.
            (Err(MvccError::AlreadyExist { .. }), Some((_, conflict))) => Err(conflict.clone()),
            (checked, _) => checked,
        }
    }

    /// What the key holds as of `ts`, as far as it was asked for or `needed`.
    fn read(&self, versions: &Versions<'_>, ts: u64, needed: bool) -> Result<Option<Vec<u8>>> {
        if self.request.return_values || needed {
            versions.value_at(self.key, ts)
        } else if self.request.check_existence {
            Ok(versions.put_at(self.key, ts)?.map(|_| Vec::new()))
        } else {
            Ok(None)
        }
    }
}
