//! What a store says about a transaction.

use tifusion_proto::kvrpcpb::{self, Action};

use crate::error::{ClientError, ErrorKind, Result};
use crate::timestamp::Timestamp;

/// How a transaction ended; never changes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Committed at this timestamp.
    Committed(Timestamp),
    /// Rolled back.
    RolledBack,
}

/// The answer to a `CheckTxnStatus`.
#[derive(Debug, Clone, PartialEq)]
pub enum TxnStatus {
    /// It has ended.
    Ended(Fate),
    /// Its primary lock stands.
    Locked(PrimaryLock),
    /// Its primary was a pessimistic lock that has expired and is gone; the transaction itself may
    /// live on, with another primary.
    PessimisticLockGone,
    /// There is no trace of it on the primary key, and nothing was done about that. This is *not* a
    /// rollback.
    NoTrace,
    /// There is no trace of it on the primary key, and the question did not allow a rollback.
    NotFound,
    /// The key asked about is not its primary (any more).
    PrimaryMismatch,
}

/// A primary lock that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrimaryLock {
    /// Milliseconds after its start for which the transaction is taken to be alive.
    pub ttl_ms: u64,
    /// Whether it can only commit after the asking read's timestamp.
    pub pushed: bool,
    /// Set when all its locks together decide, not the primary alone.
    pub async_commit: Option<AsyncCommit>,
}

/// What an async-commit primary lock tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsyncCommit {
    /// All other keys of the transaction.
    pub secondaries: Vec<Vec<u8>>,
    /// The primary's own lower bound of the commit timestamp.
    pub min_commit_ts: Timestamp,
}

impl TxnStatus {
    /// Reads the answer to a question that ignored (`force_sync_commit`) or did not ignore async
    /// commit.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when it is none of the answers that TiKV knows. Nothing may be
    /// concluded then: an answer taken for a rollback would lose a transaction's writes.
    pub fn from_response(
        response: kvrpcpb::CheckTxnStatusResponse,
        force_sync_commit: bool,
    ) -> Result<Self> {
        if let Some(error) = response.error {
            return from_key_error(&error);
        }
        if response.commit_version > 0 {
            let commit_ts = Timestamp::new(response.commit_version);
            return Ok(Self::Ended(Fate::Committed(commit_ts)));
        }
        // A lock may stand with a time to live of zero, so the lock counts, not the time.
        if response.lock_ttl > 0 || response.lock_info.is_some() {
            return Ok(Self::Locked(primary_lock(response, force_sync_commit)));
        }
        match Action::try_from(response.action) {
            Ok(Action::NoAction | Action::LockNotExistRollback | Action::TtlExpireRollback) => {
                Ok(Self::Ended(Fate::RolledBack))
            }
            Ok(Action::TtlExpirePessimisticRollback) => Ok(Self::PessimisticLockGone),
            Ok(Action::LockNotExistDoNothing) => Ok(Self::NoTrace),
            Ok(Action::MinCommitTsPushed) | Err(_) => Err(ClientError::new(
                ErrorKind::Protocol,
                format!(
                    "CheckTxnStatus took the unknown action {} without a lock",
                    response.action
                ),
            )),
        }
    }
}

fn from_key_error(error: &kvrpcpb::KeyError) -> Result<TxnStatus> {
    if error.txn_not_found.is_some() {
        return Ok(TxnStatus::NotFound);
    }
    if error.primary_mismatch.is_some() {
        return Ok(TxnStatus::PrimaryMismatch);
    }
    Err(super::key_error(error, "checking a transaction's status"))
}

fn primary_lock(response: kvrpcpb::CheckTxnStatusResponse, force_sync_commit: bool) -> PrimaryLock {
    let pushed = response.action() == Action::MinCommitTsPushed;
    let ttl_ms = response.lock_ttl;
    let async_commit = response
        .lock_info
        .filter(|lock| lock.use_async_commit && !force_sync_commit)
        .map(|lock| AsyncCommit {
            secondaries: lock.secondaries,
            min_commit_ts: Timestamp::new(lock.min_commit_ts),
        });
    PrimaryLock { ttl_ms, pushed, async_commit }
}
