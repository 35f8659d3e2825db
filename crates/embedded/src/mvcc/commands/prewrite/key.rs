//! Prewriting one key: its lock, newer versions, assertions, and the new lock.

use tifusion_proto::kvrpcpb::prewrite_request::PessimisticAction;
use tifusion_proto::kvrpcpb::write_conflict::Reason;
use tifusion_proto::kvrpcpb::{Assertion, AssertionLevel, Mutation, Op};

use super::super::super::error::{LostLock, MvccError, Result};
use super::super::super::lock::{Lock, LockKind, SHORT_VALUE_MAX_LEN};
use super::super::super::txn::{MvccTxn, OnePcLock};
use super::super::super::versions::Versions;
use super::super::super::write::{Write, WriteKind};
use super::super::constraint::check_not_exists;
use super::{CommitKind, Properties};

/// What the transaction itself left on the key before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Nothing.
    Nothing,
    /// The lock of an earlier prewrite, with its least commit timestamp if it commits asynchronously.
    Prewritten(u64),
    /// A pessimistic lock, with its `for_update_ts`.
    Pessimistic(u64),
}

/// The newest record of the key, once it was looked for.
type Newest = Option<(u64, Write)>;

/// The prewrite of one key.
pub(super) struct KeyPrewrite<'a> {
    properties: &'a Properties<'a>,
    mutation: &'a Mutation,
    action: PessimisticAction,
    /// The new lock's kind; none if the key is only looked at.
    kind: Option<LockKind>,
    should_not_exist: bool,
    lock_ttl: u64,
    min_commit_ts: u64,
}

impl<'a> KeyPrewrite<'a> {
    pub(super) fn new(
        properties: &'a Properties<'a>,
        mutation: &'a Mutation,
        action: PessimisticAction,
    ) -> Result<Self> {
        let (kind, should_not_exist) = match mutation.op() {
            Op::Put => (Some(LockKind::Put), false),
            Op::Insert => (Some(LockKind::Put), true),
            Op::Del => (Some(LockKind::Delete), false),
            Op::Lock => (Some(LockKind::Lock), false),
            Op::CheckNotExists if properties.is_pessimistic() => {
                let reason = "cannot handle checkNotExists in pessimistic prewrite";
                return Err(MvccError::InvalidRequest { reason });
            }
            Op::CheckNotExists => (None, true),
            Op::SharedLock | Op::SharedPessimisticLock => {
                return Err(MvccError::InvalidRequest { reason: "shared locks are not supported" });
            }
            Op::Rollback | Op::PessimisticLock => {
                return Err(MvccError::InvalidRequest {
                    reason: "mismatch Op in prewrite mutations",
                });
            }
        };
        Ok(Self {
            properties,
            mutation,
            action,
            kind,
            should_not_exist,
            lock_ttl: properties.request.lock_ttl,
            min_commit_ts: properties.request.min_commit_ts,
        })
    }

    /// Prewrites the key and returns its least commit timestamp, 0 if the transaction commits in two phases.
    /// `secondaries` are the transaction's other keys if this is its primary.
    pub(super) fn run(
        mut self,
        txn: &mut MvccTxn,
        versions: &Versions<'_>,
        expected_for_update_ts: Option<u64>,
        secondaries: &[Vec<u8>],
    ) -> Result<u64> {
        let start_ts = self.start_ts();
        if self.should_not_exist {
            // The absence of the key is read.
            txn.concurrency.update_max_ts(start_ts);
        }
        let mut amended = false;
        let held = match versions.lock(&self.mutation.key)? {
            Some(lock) => self.check_lock(&lock, expected_for_update_ts)?,
            None if self.action == PessimisticAction::DoPessimisticCheck => {
                self.amend_pessimistic_lock(versions)?;
                amended = true;
                Held::Nothing
            }
            None => Held::Nothing,
        };
        if let Held::Prewritten(min_commit_ts) = held {
            return Ok(min_commit_ts);
        }
        let newest = if self.skips_constraint_check() {
            None
        } else {
            Some(self.check_for_newer_version(versions)?)
        };
        if !amended {
            self.check_assertion(versions, newest)?;
        }
        let Some(kind) = self.kind else {
            return Ok(match self.properties.commit_kind {
                CommitKind::TwoPhase => 0,
                CommitKind::Async | CommitKind::OnePhase => {
                    self.min_commit_ts.max(start_ts.saturating_add(1))
                }
            });
        };
        self.write_lock(txn, kind, held, secondaries)
    }

    fn start_ts(&self) -> u64 {
        self.properties.request.start_version
    }

    fn lost(&self, reason: LostLock) -> MvccError {
        let key = self.mutation.key.clone();
        MvccError::PessimisticLockNotFound { start_ts: self.start_ts(), key, reason }
    }

    fn conflict(&self, write: &Write, commit_ts: u64, reason: Reason) -> MvccError {
        let request = self.properties.request;
        MvccError::conflict(
            (request.start_version, &self.mutation.key, &request.primary_lock),
            (write.start_ts, commit_ts),
            reason,
        )
    }

    fn check_lock(&mut self, lock: &Lock, expected_for_update_ts: Option<u64>) -> Result<Held> {
        let key = &self.mutation.key;
        if lock.start_ts != self.start_ts() {
            if self.action == PessimisticAction::DoPessimisticCheck {
                return Err(self.lost(LostLock::LockTsMismatch));
            }
            let mut info = lock.info(key);
            if self.properties.is_pessimistic() {
                // Pessimistic locks on the rows already keep the isolation; the client may resolve this one at once.
                info.lock_ttl = 0;
            }
            return Err(MvccError::Locked(info.into()));
        }
        if !lock.is_pessimistic() {
            return Ok(Held::Prewritten(if lock.use_async_commit {
                lock.min_commit_ts
            } else {
                0
            }));
        }
        if !self.properties.is_pessimistic() {
            let start_ts = lock.start_ts;
            return Err(MvccError::LockTypeNotMatch {
                start_ts,
                key: key.clone(),
                pessimistic: true,
            });
        }
        if expected_for_update_ts.is_some_and(|expected| expected != lock.for_update_ts) {
            // The lock that the client knows of was lost, and a stale request took this one.
            return Err(self.lost(LostLock::LockForUpdateTsMismatch));
        }
        self.lock_ttl = self.lock_ttl.max(lock.ttl);
        self.min_commit_ts = self.min_commit_ts.max(lock.min_commit_ts);
        Ok(Held::Pessimistic(lock.for_update_ts))
    }

    /// Does without a pessimistic lock that was lost, if nobody wrote the key since the transaction began.
    fn amend_pessimistic_lock(&self, versions: &Versions<'_>) -> Result<()> {
        let newest = versions.seek(&self.mutation.key, u64::MAX)?;
        if newest.as_ref().is_some_and(|(commit_ts, _)| *commit_ts >= self.start_ts()) {
            return Err(self.lost(LostLock::LockMissingAmendFail));
        }
        self.check_assertion(versions, Some(newest))
    }

    /// Whether it is known from elsewhere that nobody wrote the key since the transaction read it.
    fn skips_constraint_check(&self) -> bool {
        if !self.properties.is_pessimistic() {
            return self.properties.request.skip_constraint_check;
        }
        match self.action {
            PessimisticAction::DoPessimisticCheck => true,
            // A repeated request must not lock again what was committed meanwhile.
            PessimisticAction::SkipPessimisticCheck => !self.properties.repeated,
            PessimisticAction::DoConstraintCheck => false,
        }
    }

    fn check_for_newer_version(&self, versions: &Versions<'_>) -> Result<Newest> {
        let start_ts = self.start_ts();
        let for_update_ts = self.properties.request.for_update_ts;
        let mut seek_ts = u64::MAX;
        while let Some((commit_ts, write)) = versions.seek(&self.mutation.key, seek_ts)? {
            if commit_ts == start_ts && write.is_rollback_or_overlapped() {
                return Err(self.conflict(&write, commit_ts, Reason::SelfRolledBack));
            }
            if !self.properties.is_pessimistic() {
                if commit_ts > start_ts {
                    return Err(self.conflict(&write, commit_ts, Reason::Optimistic));
                }
            } else {
                let lazy = self.action == PessimisticAction::DoConstraintCheck;
                if lazy && commit_ts > start_ts {
                    return Err(self.conflict(&write, commit_ts, Reason::LazyUniquenessCheck));
                }
                if commit_ts > for_update_ts {
                    if write.kind == WriteKind::Rollback {
                        // Somebody else's rollback is no conflict.
                        seek_ts = commit_ts - 1;
                        continue;
                    }
                    return Err(self.lost(LostLock::NonLockKeyConflict));
                }
            }
            if self.should_not_exist {
                check_not_exists(versions, &self.mutation.key, commit_ts, &write)?;
            }
            return Ok(Some((commit_ts, write)));
        }
        Ok(None)
    }

    /// `newest` is the key's newest record if that was looked for.
    fn check_assertion(&self, versions: &Versions<'_>, newest: Option<Newest>) -> Result<()> {
        let assertion = self.mutation.assertion();
        let level = self.properties.assertion_level;
        if assertion == Assertion::None || level == AssertionLevel::Off {
            return Ok(());
        }
        let existing = match newest {
            None if level != AssertionLevel::Strict => return Ok(()),
            None => versions.put_at(&self.mutation.key, u64::MAX)?,
            Some(Some((commit_ts, write)))
                if matches!(write.kind, WriteKind::Lock | WriteKind::Rollback) =>
            {
                versions.put_at(&self.mutation.key, commit_ts)?
            }
            Some(newest) => newest,
        };
        let is_put = existing.as_ref().is_some_and(|(_, write)| write.kind == WriteKind::Put);
        let holds = match assertion {
            Assertion::Exist => is_put,
            Assertion::NotExist => !is_put,
            Assertion::None => true,
        };
        if holds {
            return Ok(());
        }
        if self.skips_constraint_check() {
            // It may have failed because the transaction was rolled back: that is the better answer.
            self.check_for_newer_version(versions)?;
        }
        let (existing_commit_ts, existing_start_ts) =
            existing.map_or((0, 0), |(commit_ts, write)| (commit_ts, write.start_ts));
        Err(MvccError::AssertionFailed {
            start_ts: self.start_ts(),
            key: self.mutation.key.clone(),
            assertion,
            existing_start_ts,
            existing_commit_ts,
        })
    }

    fn write_lock(
        self,
        txn: &mut MvccTxn,
        kind: LockKind,
        held: Held,
        secondaries: &[Vec<u8>],
    ) -> Result<u64> {
        let request = self.properties.request;
        let key = &self.mutation.key;
        let (for_update_ts, replaces_pessimistic) = match held {
            Held::Pessimistic(ts) => (request.for_update_ts.max(ts), true),
            Held::Nothing | Held::Prewritten(_) => (request.for_update_ts, false),
        };
        let mut lock = Lock {
            kind,
            primary: request.primary_lock.clone(),
            start_ts: request.start_version,
            ttl: self.lock_ttl,
            short_value: None,
            for_update_ts,
            txn_size: request.txn_size,
            min_commit_ts: self.min_commit_ts,
            use_async_commit: false,
            secondaries: Vec::new(),
            rollback_ts: Vec::new(),
            locked_with_conflict: false,
            use_one_pc: false,
        };
        if kind == LockKind::Put {
            if self.mutation.value.len() <= SHORT_VALUE_MAX_LEN {
                lock.short_value = Some(self.mutation.value.clone());
            } else {
                txn.put_value(key, lock.start_ts, self.mutation.value.clone());
            }
        }
        if self.properties.commit_kind == CommitKind::TwoPhase {
            txn.put_lock(key, &lock);
            return Ok(0);
        }
        match self.lock_with_min_commit_ts(txn, lock.clone(), secondaries) {
            Ok(lock) if lock.use_one_pc => {
                let min_commit_ts = lock.min_commit_ts;
                txn.one_pc_locks.push(OnePcLock { key: key.clone(), lock, replaces_pessimistic });
                Ok(min_commit_ts)
            }
            Ok(lock) => {
                txn.put_lock(key, &lock);
                Ok(lock.min_commit_ts)
            }
            Err(error) => {
                txn.put_lock(key, &lock);
                Err(error)
            }
        }
    }

    /// The lock with a commit timestamp above all reads so far. It is in memory from then on, where reads see it.
    fn lock_with_min_commit_ts(
        &self,
        txn: &mut MvccTxn,
        mut lock: Lock,
        secondaries: &[Vec<u8>],
    ) -> Result<Lock> {
        let request = self.properties.request;
        if request.use_async_commit {
            lock.use_async_commit = true;
            lock.secondaries = secondaries.to_vec();
        }
        lock.use_one_pc = self.properties.commit_kind == CommitKind::OnePhase;
        let MvccTxn { concurrency, guards, .. } = txn;
        concurrency.lock_in_memory(&self.mutation.key, guards, |max_ts| {
            let least = max_ts.max(request.start_version).max(request.for_update_ts);
            lock.min_commit_ts = lock.min_commit_ts.max(least.saturating_add(1));
            let min_commit_ts = lock.min_commit_ts;
            if request.max_commit_ts > 0 && min_commit_ts > request.max_commit_ts {
                return Err(MvccError::CommitTsTooLarge { min_commit_ts });
            }
            Ok(lock)
        })
    }
}
