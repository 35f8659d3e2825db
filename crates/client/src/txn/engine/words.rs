//! What happens to a transaction, and what is to be done: the words in which the engine is spoken to.

use std::error::Error as StdError;
use std::time::Duration;

use crate::error::ClientError;
use crate::lock::status::{Fate, TxnStatus};
use crate::timestamp::Timestamp;
use crate::txn::error::TxnError;

/// What to do next.
#[derive(Debug)]
pub(crate) enum Command {
    /// Look the call's mutations through and cut them into requests.
    Cut,
    /// Send the request that holds the primary, and only when it is answered go on.
    PrewritePrimary,
    /// Send the other mutations of the call.
    PrewriteRest,
    /// Take a commit timestamp, and look where the safe point is.
    TakeCommitTs,
    /// Ask the guard.
    AskGuard(Timestamp),
    /// Commit the primary at this timestamp.
    CommitPrimary(Timestamp),
    /// Ask the primary key what became of the transaction, and have it rolled back if that is open.
    Settle,
    /// Roll the primary back, whose commit was never sent.
    RollbackPrimary,
    /// Give the other keys the fate that is decided.
    FinishRest(Fate),
    /// Tell the caller.
    Return(Verdict),
}

/// What the caller is told.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The mutations are prewritten; more may come.
    Open,
    /// It is committed.
    Committed(Timestamp),
    /// It is rolled back, as the caller wished.
    RolledBack,
    /// It did not commit, or nobody knows.
    Failed(TxnError),
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// The caller hands mutations in.
    Prewrite,
    /// They are cut, or cannot be taken.
    Cut(Result<(), TxnError>),
    /// They are prewritten: those with the primary, or the others.
    Prewritten(Result<(), TxnError>),
    /// The caller wants to commit.
    Commit,
    /// A timestamp, and the safe point read after all prewrites were answered.
    CommitTs(Result<(Timestamp, Timestamp), ClientError>),
    /// The guard's answer.
    Guard(Result<(), Box<dyn StdError + Send + Sync>>),
    /// What came of the primary's commit.
    PrimaryCommit(CommitReply),
    /// What the primary key says, after [`Command::Settle`].
    Settled(Result<TxnStatus, ClientError>),
    /// The primary is rolled back, or could not be reached.
    PrimaryRolledBack(Result<(), ClientError>),
    /// The other keys are finished, or left to others.
    RestFinished,
    /// The caller wants it rolled back.
    Rollback,
    /// The caller went away, in whatever state.
    Abandoned,
}

/// What came of the primary's commit.
#[derive(Debug)]
pub(crate) enum CommitReply {
    /// It is committed.
    Done,
    /// It can only be committed later than at the timestamp tried; the lock stands.
    Expired {
        /// The least timestamp that will do.
        min_commit_ts: Timestamp,
    },
    /// The key refuses: its lock is gone.
    Refused(ClientError),
    /// The request did not take effect, and there is no time to try again.
    NotApplied(ClientError),
    /// It may have taken effect, or yet take effect.
    Lost {
        /// Why there is no answer.
        error: ClientError,
        /// Whether there is time to send the same request again.
        again: bool,
    },
}

/// What a sign of life brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pulse {
    /// The lock stands.
    Alive,
    /// The lock is gone.
    Gone,
    /// The store could not be reached.
    Unknown,
}

/// What to do when a sign of life is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Make the primary lock live until this age of the transaction.
    Send(Duration),
    /// No more of them.
    Stop,
}
