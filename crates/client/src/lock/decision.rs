//! The steps of finding out about a lock, as pure functions: what was learnt goes in, the next
//! command comes out.
//!
//! The rules are those of TiDB's client. Two of them guard data: only an *ended* transaction's locks
//! are resolved (a missing trace is not an end), and an async-commit transaction ends only by the word
//! of all its keys.

use std::time::Duration;

use super::info::Lock;
use super::secondaries::SecondariesVerdict;
use super::status::{AsyncCommit, Fate, PrimaryLock, TxnStatus};
use crate::error::{ClientError, ErrorKind, Result};
use crate::timestamp::Timestamp;

/// Below this many keys in the region a transaction's locks are resolved key by key, above it by one
/// pass over the region (TiDB's figure).
const LITE_TXN_SIZE: u64 = 512;

/// Who meets locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A snapshot read at this timestamp: it can pass by locks that stand.
    Read(Timestamp),
    /// A write: it can only begin when a lock is gone.
    Write,
}

impl Caller {
    /// The timestamp that a transaction is asked to commit after; zero for none. A writer is not helped
    /// by that.
    #[must_use]
    pub fn start_ts(self) -> Timestamp {
        match self {
            Self::Read(start_ts) => start_ts,
            Self::Write => Timestamp::ZERO,
        }
    }
}

impl From<Timestamp> for Caller {
    fn from(start_ts: Timestamp) -> Self {
        Self::Read(start_ts)
    }
}

/// The question to ask of the lock's primary key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusQuestion {
    /// The time by which time to live is judged.
    pub current_ts: Timestamp,
    /// Leave a rollback when there is no trace of the transaction.
    pub rollback_if_not_exist: bool,
    /// The transaction is known to have fallen back from async commit.
    pub force_sync_commit: bool,
}

/// What to do next about a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Ask the primary.
    CheckStatus(StatusQuestion),
    /// The primary is not there yet, it may still be on its way: wait, take the time anew, and ask
    /// again.
    WaitForPrimary,
    /// Ask all secondaries.
    CheckSecondaries(AsyncCommit),
    /// Done.
    Finish(Outcome),
}

/// What is known about a lock in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the caller does.
    pub verdict: Verdict,
    /// What is left to clean up.
    pub cleanup: Cleanup,
    /// The transaction's fate, when it has ended: true for all its locks and for good.
    pub fate: Option<Fate>,
}

/// What a caller does about a lock. Writes only ever wait or try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Read as if the lock were not there (`resolved_locks`).
    Ignore,
    /// Read the value in the lock (`committed_locks`).
    ReadThrough,
    /// Wait; the transaction may be alive for so long.
    Wait(Duration),
    /// Try again when the cleanup is done.
    Retry,
}

/// What has to be done for a lock to disappear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cleanup {
    /// Nothing, or it is done already.
    None,
    /// Resolve these keys of the transaction.
    Keys {
        /// The keys, in any regions.
        keys: Vec<Vec<u8>>,
        /// The fate to give them.
        fate: Fate,
    },
    /// Resolve all locks of the transaction in the region of the lock's key.
    Region {
        /// The fate to give them.
        fate: Fate,
    },
    /// Take the pessimistic lock off its key; no other key is touched.
    PessimisticKey,
}

/// The first step: `known` is the transaction's fate when somebody has asked before.
#[must_use]
pub fn begin(lock: &Lock, caller: impl Into<Caller>, now: Timestamp, known: Option<Fate>) -> Step {
    let caller = caller.into();
    // A transaction that began after the read's snapshot commits after it too.
    if matches!(caller, Caller::Read(start_ts) if lock.txn > start_ts) {
        return Step::Finish(Outcome {
            verdict: Verdict::Ignore,
            cleanup: Cleanup::None,
            fate: None,
        });
    }
    match known {
        Some(fate) => ended(lock, caller, fate),
        None => Step::CheckStatus(StatusQuestion {
            current_ts: current_ts(lock, now),
            rollback_if_not_exist: false,
            force_sync_commit: false,
        }),
    }
}

/// The question again, at another time.
#[must_use]
pub fn ask_again(lock: &Lock, now: Timestamp) -> Step {
    Step::CheckStatus(StatusQuestion {
        current_ts: current_ts(lock, now),
        rollback_if_not_exist: false,
        force_sync_commit: false,
    })
}

/// The step after the primary's answer to `question`.
///
/// # Errors
/// [`ErrorKind::Protocol`] when a lock with data names a key as its primary that is not.
pub fn after_status(
    lock: &Lock,
    caller: impl Into<Caller>,
    question: StatusQuestion,
    status: TxnStatus,
) -> Result<Step> {
    let caller = caller.into();
    Ok(match status {
        TxnStatus::Ended(fate) => ended(lock, caller, fate),
        TxnStatus::Locked(primary) => locked(lock, caller, question, primary),
        TxnStatus::NotFound => not_found(lock, question),
        // Its own lock is all that is known to be dead.
        TxnStatus::PessimisticLockGone | TxnStatus::NoTrace if lock.is_pessimistic => {
            pessimistic_key(lock)
        }
        // Not an answer about a lock with data; nothing is concluded from it.
        TxnStatus::PessimisticLockGone | TxnStatus::NoTrace => Step::WaitForPrimary,
        // A pessimistic transaction has chosen another primary since: this lock is left over.
        TxnStatus::PrimaryMismatch if lock.is_pessimistic => pessimistic_key(lock),
        TxnStatus::PrimaryMismatch => {
            return Err(ClientError::new(
                ErrorKind::Protocol,
                format!("a lock of transaction {} names a key as primary that is not", lock.txn),
            )
            .with_key(&lock.key));
        }
    })
}

/// The step after all secondaries have answered.
#[must_use]
pub fn after_secondaries(
    lock: &Lock,
    caller: impl Into<Caller>,
    now: Timestamp,
    verdict: SecondariesVerdict,
) -> Step {
    let caller = caller.into();
    match verdict {
        SecondariesVerdict::FellBack => Step::CheckStatus(StatusQuestion {
            current_ts: current_ts(lock, now),
            rollback_if_not_exist: false,
            force_sync_commit: true,
        }),
        SecondariesVerdict::Ended { fate, locked } => {
            // The primary last: while it stands, whoever meets another lock finds the same fate.
            let mut keys = locked;
            keys.push(lock.primary.clone());
            Step::Finish(Outcome {
                verdict: verdict_of(caller, fate),
                cleanup: Cleanup::Keys { keys, fate },
                fate: Some(fate),
            })
        }
    }
}

/// A lock without a time to live asks to be resolved at any age.
fn current_ts(lock: &Lock, now: Timestamp) -> Timestamp {
    if lock.ttl_ms == 0 { Timestamp::MAX } else { now }
}

fn ended(lock: &Lock, caller: Caller, fate: Fate) -> Step {
    let cleanup = if lock.is_pessimistic {
        if lock.is_primary() { Cleanup::None } else { Cleanup::PessimisticKey }
    } else if lock.txn_size >= LITE_TXN_SIZE {
        Cleanup::Region { fate }
    } else if lock.is_primary() {
        // Checking the status has settled the primary key.
        Cleanup::None
    } else {
        Cleanup::Keys { keys: vec![lock.key.clone()], fate }
    };
    Step::Finish(Outcome { verdict: verdict_of(caller, fate), cleanup, fate: Some(fate) })
}

fn verdict_of(caller: Caller, fate: Fate) -> Verdict {
    match (caller, fate) {
        (Caller::Write, _) => Verdict::Retry,
        (Caller::Read(start_ts), Fate::Committed(commit_ts)) if commit_ts <= start_ts => {
            Verdict::ReadThrough
        }
        (Caller::Read(_), Fate::Committed(_) | Fate::RolledBack) => Verdict::Ignore,
    }
}

fn locked(lock: &Lock, caller: Caller, question: StatusQuestion, primary: PrimaryLock) -> Step {
    let left = lock.until_expired(primary.ttl_ms, question.current_ts);
    match primary.async_commit {
        Some(async_commit) if left.is_zero() => Step::CheckSecondaries(async_commit),
        _ if primary.pushed && matches!(caller, Caller::Read(_)) => {
            Step::Finish(Outcome { verdict: Verdict::Ignore, cleanup: Cleanup::None, fate: None })
        }
        // At least a moment: the store's clock says it lives, so asking at once would say the same.
        _ => wait(left.max(Duration::from_millis(1))),
    }
}

/// The secondary may have been written before its primary, so the transaction gets the lock's own
/// time to live to show up. After that it is rolled back where the primary would be.
fn not_found(lock: &Lock, question: StatusQuestion) -> Step {
    let left = lock.until_expired(lock.ttl_ms, question.current_ts);
    if left.is_zero() {
        if question.rollback_if_not_exist {
            // The store did not do as it was told; asked again later.
            return Step::WaitForPrimary;
        }
        return Step::CheckStatus(StatusQuestion { rollback_if_not_exist: true, ..question });
    }
    if lock.is_pessimistic { wait(left) } else { Step::WaitForPrimary }
}

fn pessimistic_key(lock: &Lock) -> Step {
    let cleanup = if lock.is_primary() { Cleanup::None } else { Cleanup::PessimisticKey };
    Step::Finish(Outcome { verdict: Verdict::Retry, cleanup, fate: None })
}

fn wait(left: Duration) -> Step {
    Step::Finish(Outcome { verdict: Verdict::Wait(left), cleanup: Cleanup::None, fate: None })
}
