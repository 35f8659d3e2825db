//! A transaction at TiDB's SQL port.

use std::time::Duration;

use super::error::SqlPortError;
use super::session::SqlSession;

/// Longest wait for the answer to `COMMIT`, which takes as long as there is to write.
const COMMIT_PATIENCE: Duration = Duration::from_secs(600);

/// Longest wait for the answer to `ROLLBACK`: TiDB does so by itself when the connection is gone.
const ROLLBACK_PATIENCE: Duration = Duration::from_secs(10);

/// A transaction: there as a whole, or not at all. One that is dropped is rolled back.
#[derive(Debug)]
pub(crate) struct SqlTransaction {
    session: SqlSession,
}

impl SqlTransaction {
    /// Begins one.
    ///
    /// # Errors
    /// TiDB's own, and when the connection breaks.
    pub(crate) async fn begin(mut session: SqlSession) -> Result<Self, SqlPortError> {
        // Locks are taken at once, so that a key that is there is told with the statement that brings it.
        session.execute("BEGIN", "BEGIN PESSIMISTIC").await?;
        Ok(Self { session })
    }

    /// Runs a statement of this kind; how many rows it says it changed comes back.
    ///
    /// # Errors
    /// TiDB's own, and when the connection breaks: nothing of the transaction is there then.
    pub(crate) async fn execute(
        &mut self,
        statement: &'static str,
        sql: impl AsRef<[u8]>,
    ) -> Result<u64, SqlPortError> {
        let done = self.session.drive(sql.as_ref()).await;
        done.map_err(|failure| {
            match SqlPortError::running(self.session.place(), statement, failure) {
                // Without its COMMIT TiDB rolls a transaction back.
                SqlPortError::Lost { place, reason, .. } => SqlPortError::Unreachable {
                    place,
                    reason: format!("{reason}; nothing was written"),
                },
                error => error,
            }
        })
    }

    /// Commits.
    ///
    /// # Errors
    /// [`SqlPortError::Undetermined`] when the answer is lost; any other means that nothing was written.
    pub(crate) async fn commit(mut self) -> Result<(), SqlPortError> {
        let place = self.session.place().clone();
        match tokio::time::timeout(COMMIT_PATIENCE, self.session.drive(b"COMMIT")).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failure)) => Err(SqlPortError::committing(&place, failure)),
            Err(_) => {
                // It goes on to its end, whether or not anybody waits for it.
                self.session.set_running(false);
                let reason = format!("TiDB did not answer within {COMMIT_PATIENCE:?}");
                Err(SqlPortError::Undetermined { place, reason })
            }
        }
    }

    /// Rolls back.
    pub(crate) async fn rollback(mut self) {
        match tokio::time::timeout(ROLLBACK_PATIENCE, self.session.drive(b"ROLLBACK")).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "a transaction was not rolled back in words: TiDB does so by itself");
            }
            Err(_) => tracing::debug!("TiDB did not answer to ROLLBACK"),
        }
    }
}
