//! How a transaction ends when it does not commit.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use super::mutation::Assertion;
use crate::error::{ClientError, ErrorKind, HexKey};
use crate::timestamp::Timestamp;

/// A result of a transaction.
pub(super) type Result<T, E = TxnError> = std::result::Result<T, E>;

/// Why a transaction did not commit. After every one of these but [`TxnError::Undetermined`] nothing of
/// it is or ever becomes visible. Keys are raw, so that a caller can name their table and index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TxnError {
    /// Another transaction has written, or is about to write, a key since this one's `start_ts`.
    #[error(
        "key {} is written by transaction {conflict_start_ts} ({}) since transaction {start_ts} \
         began: begin anew",
        HexKey(.key), Commit(*.conflict_commit_ts)
    )]
    Conflict {
        /// The key.
        key: Vec<u8>,
        /// This transaction.
        start_ts: Timestamp,
        /// The other one.
        conflict_start_ts: Timestamp,
        /// When it was committed; zero when it is still open.
        conflict_commit_ts: Timestamp,
    },
    /// A key that was to be inserted is there already.
    #[error("key {} exists already", HexKey(.key))]
    AlreadyExists {
        /// The key.
        key: Vec<u8>,
        /// This transaction.
        start_ts: Timestamp,
    },
    /// The data is not what the caller took it for: what it was about to write would be wrong.
    #[error(
        "key {} is not as asserted ({assertion:?}): its newest version was committed at \
         {existing_commit_ts} by transaction {existing_start_ts}",
        HexKey(.key)
    )]
    AssertionFailed {
        /// The key.
        key: Vec<u8>,
        /// What was asserted.
        assertion: Assertion,
        /// This transaction.
        start_ts: Timestamp,
        /// The transaction that wrote the newest version; zero when there is none.
        existing_start_ts: Timestamp,
        /// When that was committed.
        existing_commit_ts: Timestamp,
    },
    /// It and another transaction wait for each other.
    #[error("key {} is in a deadlock with transaction {lock_ts}", HexKey(.key))]
    Deadlock {
        /// The key it waited for.
        key: Vec<u8>,
        /// This transaction.
        start_ts: Timestamp,
        /// The other one.
        lock_ts: Timestamp,
    },
    /// A store asks for the transaction to be given up.
    #[error("the store gave transaction {start_ts} up: {message}")]
    Aborted {
        /// This transaction.
        start_ts: Timestamp,
        /// What the store said.
        message: String,
        /// Whether the store thinks that the same may succeed when it is begun anew.
        retryable: bool,
    },
    /// Somebody has rolled it back.
    #[error("transaction {start_ts} is rolled back: {why}")]
    RolledBack {
        /// This transaction.
        start_ts: Timestamp,
        /// Who, as far as it is known.
        why: RolledBackWhy,
        /// What led to finding out.
        source: Option<ClientError>,
    },
    /// The guard did not allow the commit.
    #[error("the commit at {commit_ts} was refused: {source}")]
    Refused {
        /// The timestamp that was asked about.
        commit_ts: Timestamp,
        /// The guard's reason.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Garbage collection has passed the transaction's snapshot: versions that conflict with it may be
    /// gone.
    #[error(
        "transaction {start_ts} began before the GC safe point {safe_point}: hold garbage collection \
         back while it runs, or raise tidb_gc_life_time"
    )]
    SnapshotTooOld {
        /// This transaction.
        start_ts: Timestamp,
        /// The safe point.
        safe_point: Timestamp,
    },
    /// It took longer than it may.
    #[error("transaction {start_ts} is older than the {lifetime:?} it may last")]
    TooLong {
        /// This transaction.
        start_ts: Timestamp,
        /// The limit.
        lifetime: Duration,
    },
    /// Whether it was committed is not known, and cannot be found out now: it is wholly there or wholly
    /// gone. Read the data before writing it again.
    #[error(
        "whether transaction {start_ts} was committed (at {commit_ts}) is not known: look before you \
         write again"
    )]
    Undetermined {
        /// This transaction.
        start_ts: Timestamp,
        /// When it was to be committed.
        commit_ts: Timestamp,
        /// The key that decides.
        primary: Vec<u8>,
        /// Why it cannot be found out.
        source: ClientError,
    },
    /// Two mutations of one key.
    #[error("the transaction changes key {} twice", HexKey(.key))]
    DuplicateKey {
        /// The key.
        key: Vec<u8>,
    },
    /// The call does not fit the transaction: it has ended, say.
    #[error("{0}")]
    Misuse(&'static str),
    /// PD or a store could not be reached in time, refused, or answered nonsense.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Shows when a transaction was committed.
struct Commit(Timestamp);

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Timestamp::ZERO => f.write_str("still open"),
            commit_ts => write!(f, "committed at {commit_ts}"),
        }
    }
}

/// How a transaction came to be rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RolledBackWhy {
    /// Its primary lock is gone: others found it without a sign of life and removed it.
    #[error("others found no sign of life of it and removed its locks")]
    ByOthers,
    /// Its commit could not be brought to an end, and was taken back.
    #[error("its commit did not come through in time and was taken back")]
    GivenUp,
}

impl TxnError {
    /// What a caller can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Conflict { .. }
            | Self::AlreadyExists { .. }
            | Self::AssertionFailed { .. }
            | Self::Deadlock { .. }
            | Self::Aborted { retryable: true, .. }
            | Self::RolledBack { why: RolledBackWhy::ByOthers, .. } => ErrorKind::Conflict,
            Self::Aborted { retryable: false, .. } | Self::Refused { .. } => ErrorKind::Refused,
            Self::RolledBack { why: RolledBackWhy::GivenUp, .. } => ErrorKind::Unavailable,
            Self::SnapshotTooOld { .. } => ErrorKind::SnapshotTooOld,
            Self::TooLong { .. } => ErrorKind::DeadlineExceeded,
            Self::Undetermined { .. } => ErrorKind::Undetermined,
            Self::DuplicateKey { .. } | Self::Misuse(_) => ErrorKind::InvalidInput,
            Self::Client(error) => error.kind(),
        }
    }

    /// Whether it may have been committed.
    #[must_use]
    pub fn is_undetermined(&self) -> bool {
        matches!(self, Self::Undetermined { .. })
    }
}
