//! Prewrite: the first phase of a commit, which is the only one if it may commit at once.

mod key;

use tifusion_proto::kvrpcpb::prewrite_request::PessimisticAction;
use tifusion_proto::kvrpcpb::{AssertionLevel, Mutation, PrewriteRequest, PrewriteResponse};

use self::key::KeyPrewrite;
use super::super::error::{MvccError, Result};
use super::super::storage::Storage;
use super::super::txn::{MvccTxn, OnePcLock};
use super::super::versions::{CommitRecord, Versions};
use super::super::write::{Write, WriteKind};

/// How the transaction is to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CommitKind {
    /// By a commit request.
    TwoPhase,
    /// By having all keys locked.
    Async,
    /// By this very request.
    OnePhase,
}

/// What holds for all keys of a request.
#[derive(Debug)]
struct Properties<'a> {
    request: &'a PrewriteRequest,
    commit_kind: CommitKind,
    assertion_level: AssertionLevel,
    /// The request may have been carried out before.
    repeated: bool,
}

impl Properties<'_> {
    fn is_pessimistic(&self) -> bool {
        self.request.for_update_ts > 0
    }
}

/// What a prewrite came to.
#[derive(Debug, Default)]
struct Prewritten {
    /// Keys that others hold; if there are any, nothing was written.
    locked: Vec<MvccError>,
    /// The least commit timestamp of an async commit; 0 for none.
    min_commit_ts: u64,
    /// The commit timestamp of a one-phase commit; 0 for none.
    one_pc_commit_ts: u64,
}

impl Storage {
    /// Locks the keys of a transaction and keeps their new values; commits them too if one phase is enough.
    pub(crate) fn prewrite(&self, request: &PrewriteRequest) -> PrewriteResponse {
        let mut response = PrewriteResponse::default();
        match self.try_prewrite(request) {
            Ok(prewritten) => {
                response.min_commit_ts = prewritten.min_commit_ts;
                response.one_pc_commit_ts = prewritten.one_pc_commit_ts;
                response.errors =
                    prewritten.locked.into_iter().map(MvccError::into_key_error).collect();
            }
            Err(error) => response.errors.push(error.into_key_error()),
        }
        response
    }

    fn try_prewrite(&self, request: &PrewriteRequest) -> Result<Prewritten> {
        let start_ts = request.start_version;
        let is_retry = request.context.as_ref().is_some_and(|context| context.is_retry_request);
        let late = request.for_update_ts > 0 && self.committed_of_late(start_ts).is_some();
        let commit_kind = match (request.try_one_pc, request.use_async_commit) {
            (true, _) => CommitKind::OnePhase,
            (false, true) => CommitKind::Async,
            (false, false) => CommitKind::TwoPhase,
        };
        let properties = Properties {
            request,
            commit_kind,
            assertion_level: request.assertion_level(),
            repeated: is_retry || late,
        };
        let expected = expected_for_update_ts(request)?;
        self.command(start_ts, |txn, versions| {
            Prewriter { properties, min_commit_ts: 0 }.run(txn, versions, &expected)
        })
    }
}

/// What each key's pessimistic lock is known to say, by the key's place in the request.
fn expected_for_update_ts(request: &PrewriteRequest) -> Result<Vec<Option<u64>>> {
    let mut expected = vec![None; request.mutations.len()];
    for constraint in &request.for_update_ts_constraints {
        let place = usize::try_from(constraint.index).ok().and_then(|at| expected.get_mut(at));
        let Some(place) = place else {
            return Err(MvccError::InvalidRequest {
                reason: "for_update_ts constraint for a mutation that is not there",
            });
        };
        *place = Some(constraint.expected_for_update_ts);
    }
    Ok(expected)
}

/// Prewrites the keys of a request one after the other.
struct Prewriter<'a> {
    properties: Properties<'a>,
    /// The largest of the keys' least commit timestamps.
    min_commit_ts: u64,
}

impl Prewriter<'_> {
    fn run(
        mut self,
        txn: &mut MvccTxn,
        versions: &Versions<'_>,
        expected: &[Option<u64>],
    ) -> Result<Prewritten> {
        let request = self.properties.request;
        let mut locked = Vec::new();
        // Any other error goes before a failed assertion, which may be a consequence of it.
        let mut assertion_failed = None;
        for (place, mutation) in request.mutations.iter().enumerate() {
            let action = self.action(place)?;
            let expected = expected.get(place).copied().flatten();
            let result = self.prewrite_key(txn, versions, mutation, action, expected);
            let error = match result {
                Ok(ts) => {
                    self.note_min_commit_ts(txn, ts);
                    continue;
                }
                Err(error) => error,
            };
            if may_be_committed(&error)
                && let Some(commit_ts) = committed(versions, &mutation.key, txn.start_ts)?
            {
                // A repeated request whose first one went through.
                txn.clear();
                self.min_commit_ts = commit_ts;
                locked.clear();
                assertion_failed = None;
                break;
            }
            match error {
                MvccError::CommitTsTooLarge { .. } => self.fall_back(txn),
                MvccError::Locked(_) => locked.push(error),
                MvccError::AssertionFailed { .. } => {
                    assertion_failed.get_or_insert(error);
                }
                error => return Err(error),
            }
        }
        if let Some(error) = assertion_failed {
            return Err(error);
        }
        Ok(self.finish(txn, locked))
    }

    fn action(&self, place: usize) -> Result<PessimisticAction> {
        if !self.properties.is_pessimistic() {
            return Ok(PessimisticAction::SkipPessimisticCheck);
        }
        let action = self.properties.request.pessimistic_actions.get(place);
        action
            .and_then(|action| PessimisticAction::try_from(*action).ok())
            .ok_or(MvccError::InvalidRequest { reason: "a mutation without a pessimistic action" })
    }

    fn prewrite_key(
        &self,
        txn: &mut MvccTxn,
        versions: &Versions<'_>,
        mutation: &Mutation,
        action: PessimisticAction,
        expected_for_update_ts: Option<u64>,
    ) -> Result<u64> {
        let request = self.properties.request;
        let is_primary = mutation.key == request.primary_lock;
        let secondaries = if is_primary { request.secondaries.as_slice() } else { &[] };
        KeyPrewrite::new(&self.properties, mutation, action)?.run(
            txn,
            versions,
            expected_for_update_ts,
            secondaries,
        )
    }

    /// A key without a least commit timestamp was prewritten before and fell back then.
    fn note_min_commit_ts(&mut self, txn: &mut MvccTxn, ts: u64) {
        if self.properties.commit_kind == CommitKind::TwoPhase {
            return;
        }
        if ts == 0 {
            self.fall_back(txn);
        } else {
            self.min_commit_ts = self.min_commit_ts.max(ts);
        }
    }

    /// Goes on by two phases.
    fn fall_back(&mut self, txn: &mut MvccTxn) {
        self.properties.commit_kind = CommitKind::TwoPhase;
        self.min_commit_ts = 0;
        for OnePcLock { key, mut lock, .. } in std::mem::take(&mut txn.one_pc_locks) {
            lock.use_one_pc = false;
            txn.put_lock(&key, &lock);
        }
        txn.guards = super::super::concurrency::MemoryLocks::default();
    }

    fn finish(self, txn: &mut MvccTxn, locked: Vec<MvccError>) -> Prewritten {
        let mut prewritten = Prewritten { locked, ..Prewritten::default() };
        if self.properties.request.use_async_commit
            && self.properties.commit_kind != CommitKind::TwoPhase
        {
            prewritten.min_commit_ts = self.min_commit_ts;
        }
        if !prewritten.locked.is_empty() {
            txn.clear();
            return prewritten;
        }
        if self.properties.commit_kind == CommitKind::OnePhase && self.min_commit_ts > 0 {
            commit_at_once(txn, self.min_commit_ts);
            prewritten.one_pc_commit_ts = self.min_commit_ts;
        }
        prewritten
    }
}

/// Turns the locks of a one-phase commit into commit records.
fn commit_at_once(txn: &mut MvccTxn, commit_ts: u64) {
    for OnePcLock { key, lock, replaces_pessimistic } in std::mem::take(&mut txn.one_pc_locks) {
        if let Some(write) = Write::of_lock(lock.kind, lock.start_ts, lock.short_value) {
            txn.put_write(&key, commit_ts, &write);
        }
        if replaces_pessimistic {
            txn.unlock(&key);
        }
    }
    txn.note_committed(txn.start_ts, commit_ts);
}

/// Whether the error is one that a request meets too whose transaction is committed already.
fn may_be_committed(error: &MvccError) -> bool {
    match error {
        MvccError::WriteConflict(conflict) => conflict.conflict_commit_ts > conflict.start_ts,
        MvccError::PessimisticLockNotFound { .. }
        | MvccError::CommitTsTooLarge { .. }
        | MvccError::Locked(_) => true,
        _ => false,
    }
}

fn committed(versions: &Versions<'_>, key: &[u8], start_ts: u64) -> Result<Option<u64>> {
    Ok(match versions.commit_record(key, start_ts)? {
        CommitRecord::Own { commit_ts, write } if write.kind != WriteKind::Rollback => {
            Some(commit_ts)
        }
        _ => None,
    })
}
