//! What the stores' answers say. Pure.

use tifusion_proto::kvrpcpb::{self, write_conflict};

use super::engine::{CommitReply, Pulse};
use super::error::{RolledBackWhy, TxnError};
use super::mutation::Assertion;
use crate::error::{ClientError, ErrorKind};
use crate::lock::key_error;
use crate::timestamp::Timestamp;

/// What a prewrite's answer asks for.
#[derive(Debug)]
pub(super) enum Prewritten {
    /// Nothing: the locks stand.
    Done,
    /// These locks of others are in the way; nothing was written.
    Locked(Vec<kvrpcpb::LockInfo>),
    /// The transaction cannot go on.
    Failed(TxnError),
}

/// Reads a prewrite's answer. A key that fails for good counts before keys that are locked.
pub(super) fn prewritten(start_ts: Timestamp, answer: kvrpcpb::PrewriteResponse) -> Prewritten {
    if answer.one_pc_commit_ts > 0 {
        let message = "the store committed a transaction that was only to be prewritten";
        return Prewritten::Failed(ClientError::new(ErrorKind::Protocol, message).into());
    }
    let mut locks = Vec::new();
    for error in answer.errors {
        match error.locked {
            Some(lock) => locks.push(lock),
            None => return Prewritten::Failed(failure(start_ts, error, "prewriting")),
        }
    }
    if locks.is_empty() { Prewritten::Done } else { Prewritten::Locked(locks) }
}

/// Reads the answer to the primary's commit.
pub(super) fn committed(answer: kvrpcpb::CommitResponse) -> CommitReply {
    match answer.error {
        None => CommitReply::Done,
        Some(kvrpcpb::KeyError { commit_ts_expired: Some(expired), .. }) => {
            CommitReply::Expired { min_commit_ts: Timestamp::new(expired.min_commit_ts) }
        }
        Some(error) => CommitReply::Refused(key_error(&error, "committing the primary")),
    }
}

/// Reads the answer to a sign of life. A key has only one error to tell: the lock is not there.
pub(super) fn pulse(answer: &kvrpcpb::TxnHeartBeatResponse) -> Pulse {
    match &answer.error {
        None => Pulse::Alive,
        Some(error) => {
            tracing::warn!(error = %key_error(error, "keeping a lock alive"), "a lock is gone");
            Pulse::Gone
        }
    }
}

/// A key's error that ends the transaction.
pub(super) fn failure(start_ts: Timestamp, error: kvrpcpb::KeyError, doing: &str) -> TxnError {
    use kvrpcpb::KeyError as E;
    match error {
        E { conflict: Some(conflict), .. } => conflicted(start_ts, conflict),
        E { already_exist: Some(exists), .. } => {
            TxnError::AlreadyExists { key: exists.key, start_ts }
        }
        E { assertion_failed: Some(failed), .. } => TxnError::AssertionFailed {
            assertion: match failed.assertion() {
                kvrpcpb::Assertion::None => Assertion::None,
                kvrpcpb::Assertion::Exist => Assertion::Exist,
                kvrpcpb::Assertion::NotExist => Assertion::NotExist,
            },
            key: failed.key,
            start_ts,
            existing_start_ts: Timestamp::new(failed.existing_start_ts),
            existing_commit_ts: Timestamp::new(failed.existing_commit_ts),
        },
        E { deadlock: Some(deadlock), .. } => TxnError::Deadlock {
            key: deadlock.lock_key,
            start_ts,
            lock_ts: Timestamp::new(deadlock.lock_ts),
        },
        E { txn_lock_not_found: Some(_), .. } | E { txn_not_found: Some(_), .. } => {
            let source = Some(key_error(&error, doing));
            TxnError::RolledBack { start_ts, why: RolledBackWhy::ByOthers, source }
        }
        E { retryable, abort, .. } if !(retryable.is_empty() && abort.is_empty()) => {
            TxnError::Aborted {
                start_ts,
                retryable: abort.is_empty(),
                message: if abort.is_empty() { retryable } else { abort },
            }
        }
        error => key_error(&error, doing).into(),
    }
}

fn conflicted(start_ts: Timestamp, conflict: kvrpcpb::WriteConflict) -> TxnError {
    if conflict.reason() == write_conflict::Reason::SelfRolledBack {
        let why = RolledBackWhy::ByOthers;
        return TxnError::RolledBack { start_ts, why, source: None };
    }
    TxnError::Conflict {
        key: conflict.key,
        start_ts,
        conflict_start_ts: Timestamp::new(conflict.conflict_ts),
        conflict_commit_ts: Timestamp::new(conflict.conflict_commit_ts),
    }
}
