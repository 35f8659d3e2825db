//! Rows of a query, one after another.

use mysql_async::prelude::Queryable as _;
use mysql_async::{BinaryProtocol, QueryResult, Value};

use super::error::SqlPortError;
use super::session::SqlSession;

/// A query's rows as they come. What is left of them when this is dropped is not waited for: the query is killed.
#[derive(Debug)]
pub(crate) struct SqlReading {
    session: SqlSession,
}

impl SqlReading {
    /// Sends the query, whose rows come in the binary protocol: numbers and times as they are.
    ///
    /// # Errors
    /// TiDB's own, and when the connection breaks.
    pub(crate) async fn begin(mut session: SqlSession, sql: &str) -> Result<Self, SqlPortError> {
        session.set_running(true);
        let begun = session.conn().exec_iter(sql, ()).await.map(drop);
        let mut reading = Self { session };
        match begun {
            Ok(()) => Ok(reading),
            Err(failure) => {
                reading.session.set_running(false);
                Err(SqlPortError::running(reading.session.place(), "SELECT", failure))
            }
        }
    }

    /// The next row; `None` behind the last one.
    ///
    /// # Errors
    /// As [`SqlReading::begin`].
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Value>>, SqlPortError> {
        // The driver keeps what is left of a result with the connection, so that one that was begun is gone on
        // with by asking again.
        let row = QueryResult::<'_, '_, BinaryProtocol>::new(self.session.conn()).next().await;
        match row {
            Ok(Some(row)) => Ok(Some(row.unwrap())),
            Ok(None) => {
                self.session.set_running(false);
                Ok(None)
            }
            Err(failure) => {
                self.session.set_running(false);
                Err(SqlPortError::running(self.session.place(), "SELECT", failure))
            }
        }
    }
}
