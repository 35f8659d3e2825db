//! The last word before a transaction commits.

use std::error::Error;

use crate::timestamp::Timestamp;

/// Asked before the commit of the primary is sent.
#[async_trait::async_trait]
pub trait CommitGuard: Send + Sync {
    /// Whether the transaction may commit at `commit_ts`. Asked anew for every timestamp that is tried;
    /// nothing is committed at one that was not allowed.
    ///
    /// # Errors
    /// The reason why not: the transaction is rolled back, and
    /// [`TxnError::Refused`](super::TxnError::Refused) has this error as its source.
    async fn allow(&self, commit_ts: Timestamp) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// Allows everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoGuard;

#[async_trait::async_trait]
impl CommitGuard for NoGuard {
    async fn allow(&self, _commit_ts: Timestamp) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}
