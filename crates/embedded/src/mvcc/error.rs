//! Why a command could not be carried out, and how that is told to the client.

use tifusion_proto::deadlock::WaitForEntry;
use tifusion_proto::kvrpcpb::{self, Assertion, KeyError, LockInfo, write_conflict::Reason};

use crate::engine::EngineError;

/// A result of this module.
pub(crate) type Result<T, E = MvccError> = std::result::Result<T, E>;

/// Why a pessimistic lock that the transaction counts on is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LostLock {
    /// Another transaction holds the key.
    LockTsMismatch,
    /// The key was written since, so that the lock cannot be made up for.
    LockMissingAmendFail,
    /// The lock is a later one than the client knows of.
    LockForUpdateTsMismatch,
    /// A key that needs no pessimistic lock was written since.
    NonLockKeyConflict,
}

/// Two transactions that wait for each other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Deadlock {
    /// The transaction that would wait.
    pub(crate) start_ts: u64,
    /// The transaction it would wait for.
    pub(crate) lock_ts: u64,
    /// The key it would wait for.
    pub(crate) key: Vec<u8>,
    /// Hash of the key on which someone waits for the transaction.
    pub(crate) key_hash: u64,
    /// Who waits for whom, from `lock_ts` around to `start_ts`.
    pub(crate) wait_chain: Vec<WaitForEntry>,
}

/// Why a command could not be carried out. Texts follow TiKV's, for clients that look into them.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum MvccError {
    /// Another transaction holds the key.
    #[error("key is locked (backoff or cleanup) {0:?}")]
    Locked(Box<LockInfo>),
    /// The key was written, or the transaction rolled back, since the transaction read it.
    #[error("write conflict, {0:?}")]
    WriteConflict(Box<kvrpcpb::WriteConflict>),
    /// The key to be inserted exists.
    #[error("key {key:02x?} already exists")]
    AlreadyExist {
        /// The key.
        key: Vec<u8>,
    },
    /// The lock to be committed is gone without a commit record.
    #[error("TxnLockNotFound: start_ts {start_ts}, commit_ts {commit_ts}, key {key:02x?}")]
    TxnLockNotFound {
        /// The transaction.
        start_ts: u64,
        /// The commit timestamp asked for.
        commit_ts: u64,
        /// The key.
        key: Vec<u8>,
    },
    /// Nothing is known of the transaction, and nothing was to be written about it.
    #[error("txn {start_ts} not found, key {key:02x?}")]
    TxnNotFound {
        /// The transaction.
        start_ts: u64,
        /// Its primary key.
        key: Vec<u8>,
    },
    /// The commit timestamp is below what a reader was promised.
    #[error("commit_ts {commit_ts} of txn {start_ts} is below min_commit_ts {min_commit_ts}")]
    CommitTsExpired {
        /// The transaction.
        start_ts: u64,
        /// The commit timestamp asked for.
        commit_ts: u64,
        /// The key.
        key: Vec<u8>,
        /// The least commit timestamp that is allowed.
        min_commit_ts: u64,
    },
    /// The commit timestamp would pass the one that the client allows.
    #[error("min_commit_ts {min_commit_ts} is larger than the largest commit_ts allowed")]
    CommitTsTooLarge {
        /// The least commit timestamp that is possible.
        min_commit_ts: u64,
    },
    /// The transaction believed something about the key that is not so.
    #[error("assertion {assertion:?} of txn {start_ts} failed, key {key:02x?}")]
    AssertionFailed {
        /// The transaction.
        start_ts: u64,
        /// The key.
        key: Vec<u8>,
        /// What it believed.
        assertion: Assertion,
        /// Who wrote the version that is there; 0 without one.
        existing_start_ts: u64,
        /// When that was committed.
        existing_commit_ts: u64,
    },
    /// The key asked about is not the transaction's primary.
    #[error("check_txn_status sent to secondary lock, current lock: {0:?}")]
    PrimaryMismatch(Box<LockInfo>),
    /// A lock that the transaction counts on is not there.
    #[error("PessimisticLockNotFound: start_ts {start_ts}, key {key:02x?}, reason {reason:?}")]
    PessimisticLockNotFound {
        /// The transaction.
        start_ts: u64,
        /// The key.
        key: Vec<u8>,
        /// How it was lost.
        reason: LostLock,
    },
    /// The transaction that asks for a lock was rolled back on that key.
    #[error("PessimisticLockRolledBack: start_ts {start_ts}, key {key:02x?}")]
    PessimisticLockRolledBack {
        /// The transaction.
        start_ts: u64,
        /// The key.
        key: Vec<u8>,
    },
    /// The transaction's lock is pessimistic and should not be, or the other way round.
    #[error("LockTypeNotMatch: start_ts {start_ts}, key {key:02x?}, pessimistic {pessimistic}")]
    LockTypeNotMatch {
        /// The transaction.
        start_ts: u64,
        /// The key.
        key: Vec<u8>,
        /// What the lock is.
        pessimistic: bool,
    },
    /// The transaction to be rolled back is committed.
    #[error("Committed: txn {start_ts} already committed at {commit_ts}, key {key:02x?}")]
    Committed {
        /// The transaction.
        start_ts: u64,
        /// When it was committed.
        commit_ts: u64,
        /// The key.
        key: Vec<u8>,
    },
    /// Waiting for the lock would never end.
    #[error("deadlock, {0:?}")]
    Deadlock(Box<Deadlock>),
    /// The commit timestamp is not behind the start timestamp.
    #[error("InvalidTxnTso: start_ts {start_ts}, commit_ts {commit_ts}")]
    InvalidTxnTso {
        /// The transaction.
        start_ts: u64,
        /// The commit timestamp asked for.
        commit_ts: u64,
    },
    /// The request contradicts itself or asks for what is not there.
    #[error("invalid request: {reason}")]
    InvalidRequest {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The commit record is there and its value is not.
    #[error("default not found: key {key:02x?}, start_ts {start_ts}")]
    ValueNotFound {
        /// The key.
        key: Vec<u8>,
        /// The transaction that wrote it.
        start_ts: u64,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl MvccError {
    /// A write conflict.
    pub(crate) fn conflict(
        (start_ts, key, primary): (u64, &[u8], &[u8]),
        (conflict_ts, conflict_commit_ts): (u64, u64),
        reason: Reason,
    ) -> Self {
        Self::WriteConflict(Box::new(kvrpcpb::WriteConflict {
            start_ts,
            conflict_ts,
            key: key.to_vec(),
            primary: primary.to_vec(),
            conflict_commit_ts,
            reason: reason.into(),
        }))
    }

    /// The error as an answer carries it (TiKV's `extract_key_error`). What has no field of its own is an abort.
    pub(crate) fn into_key_error(self) -> KeyError {
        let mut error = KeyError::default();
        let text = self.to_string();
        match self {
            Self::Locked(info) => error.locked = Some(*info),
            Self::WriteConflict(conflict) => {
                error.conflict = Some(*conflict);
                error.retryable = text;
            }
            Self::AlreadyExist { key } => {
                error.already_exist = Some(kvrpcpb::AlreadyExist { key });
            }
            Self::TxnLockNotFound { key, .. } => {
                error.retryable = text;
                error.txn_lock_not_found = Some(kvrpcpb::TxnLockNotFound { key });
            }
            Self::TxnNotFound { start_ts, key } => {
                error.txn_not_found = Some(kvrpcpb::TxnNotFound { start_ts, primary_key: key });
            }
            Self::CommitTsExpired { start_ts, commit_ts, key, min_commit_ts } => {
                error.commit_ts_expired = Some(kvrpcpb::CommitTsExpired {
                    start_ts,
                    attempted_commit_ts: commit_ts,
                    key,
                    min_commit_ts,
                });
            }
            Self::CommitTsTooLarge { min_commit_ts } => {
                error.commit_ts_too_large =
                    Some(kvrpcpb::CommitTsTooLarge { commit_ts: min_commit_ts });
            }
            Self::AssertionFailed {
                start_ts,
                key,
                assertion,
                existing_start_ts,
                existing_commit_ts,
            } => {
                error.assertion_failed = Some(kvrpcpb::AssertionFailed {
                    start_ts,
                    key,
                    assertion: assertion.into(),
                    existing_start_ts,
                    existing_commit_ts,
                });
            }
            Self::PrimaryMismatch(info) => {
                error.primary_mismatch = Some(kvrpcpb::PrimaryMismatch { lock_info: Some(*info) });
            }
            Self::Deadlock(deadlock) => error.deadlock = Some(deadlock.into_proto()),
            Self::PessimisticLockNotFound { .. }
            | Self::PessimisticLockRolledBack { .. }
            | Self::LockTypeNotMatch { .. }
            | Self::Committed { .. }
            | Self::InvalidTxnTso { .. }
            | Self::InvalidRequest { .. }
            | Self::ValueNotFound { .. }
            | Self::Engine(_) => error.abort = text,
        }
        error
    }
}

impl Deadlock {
    fn into_proto(self) -> kvrpcpb::Deadlock {
        kvrpcpb::Deadlock {
            lock_ts: self.lock_ts,
            lock_key: self.key,
            deadlock_key_hash: self.key_hash,
            wait_chain: self.wait_chain,
            ..kvrpcpb::Deadlock::default()
        }
    }
}
