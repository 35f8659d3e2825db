//! A connection for a while.

use std::fmt;
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error as DriverFailure, Pool};
use tifusion_client::Timestamp;

use super::error::{Place, SqlPortError};
use super::rows::SqlRows;
use super::sql_mode::SqlMode;
use super::text::{quoted_name, quoted_text};
use crate::error::Result;

/// How a connection is set up.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionOptions {
    /// The database of names without one.
    pub(crate) database: Option<String>,
    /// The session's time zone.
    pub(crate) time_zone: String,
    /// How texts are read.
    pub(crate) sql_mode: SqlMode,
    /// Whether values are checked strictly whatever the server's mode, as writes must be.
    pub(crate) strict: bool,
    /// Whether `AUTO_RANDOM` columns take values.
    pub(crate) auto_random: bool,
}

/// A connection to TiDB for a while; statements that run when it is dropped are killed.
pub(crate) struct SqlSession {
    conn: Conn,
    pool: Pool,
    place: Place,
    is_running: bool,
}

impl fmt::Debug for SqlSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlSession").field("place", &self.place).finish_non_exhaustive()
    }
}

impl SqlSession {
    pub(super) fn new(conn: Conn, pool: Pool, place: Place) -> Self {
        Self { conn, pool, place, is_running: false }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }

    /// Whether there is something to kill when nobody waits for it any more.
    pub(super) fn set_running(&mut self, is_running: bool) {
        self.is_running = is_running;
    }

    pub(super) async fn set_up(
        &mut self,
        options: &SessionOptions,
        patience: Duration,
    ) -> Result<(), SqlPortError> {
        let place = self.place.clone();
        let set_up = async {
            let mode = match options.strict {
                true => options.sql_mode.strict(),
                false => {
                    let server = self.query("SELECT", "SELECT @@sql_mode").await?;
                    options.sql_mode.onto(server.first().unwrap_or_default())
                }
            };
            let mut set = format!(
                "SET time_zone = {}, sql_mode = {}, sql_select_limit = 18446744073709551615",
                quoted_text(&options.time_zone),
                quoted_text(&mode)
            );
            if options.auto_random {
                set.push_str(", allow_auto_random_explicit_insert = 1");
            }
            self.execute("SET", &set).await?;
            if let Some(database) = &options.database {
                self.execute("USE", &format!("USE {}", quoted_name(database))).await?;
            }
            Ok(())
        };
        match tokio::time::timeout(patience, set_up).await {
            Ok(done) => done,
            Err(_) => Err(SqlPortError::TooLate { place, statement: "SET", patience }),
        }
    }

    /// Sets the connection up for statements that are made here, which read at `snapshot`, its schema too (`None`:
    /// what is there now). `TIMESTAMP`s come in UTC.
    pub(super) async fn set_up_reading(
        &mut self,
        snapshot: Option<Timestamp>,
        patience: Duration,
    ) -> Result<(), SqlPortError> {
        let place = self.place.clone();
        // What TiDB casts to bytes keeps the connection's collation where a store computes with it: one that tells
        // all texts apart. A limit of the cluster's for what people select would cut tables.
        let mut set =
            "SET time_zone = '+00:00', sql_mode = '', collation_connection = 'utf8mb4_bin', \
             sql_select_limit = 18446744073709551615"
                .to_owned();
        if let Some(snapshot) = snapshot {
            set.push_str(&format!(", tidb_snapshot = '{}'", snapshot.version()));
        }
        match tokio::time::timeout(patience, self.execute("SET", &set)).await {
            Ok(done) => done.map(drop),
            Err(_) => Err(SqlPortError::TooLate { place, statement: "SET", patience }),
        }
    }

    /// Runs a statement of this kind; its rows come back.
    ///
    /// # Errors
    /// TiDB's own, and when the connection breaks.
    pub(crate) async fn query(
        &mut self,
        statement: &'static str,
        sql: &str,
    ) -> Result<SqlRows, SqlPortError> {
        self.is_running = true;
        let answer = async {
            let mut result = self.conn.query_iter(sql).await?;
            let columns = result.columns();
            let columns = columns.iter().flat_map(|columns| columns.iter());
            let columns = columns.map(|column| column.name_str().into_owned()).collect();
            let rows = result.collect().await?;
            result.drop_result().await?;
            Ok::<_, DriverFailure>(SqlRows::new(columns, rows))
        };
        let answer = answer.await;
        self.is_running = false;
        answer.map_err(|failure| SqlPortError::running(&self.place, statement, failure))
    }

    /// Runs a statement of this kind for its effect; how many rows it says it changed comes back.
    ///
    /// # Errors
    /// As [`SqlSession::query`].
    pub(crate) async fn execute(
        &mut self,
        statement: &'static str,
        sql: impl AsRef<[u8]>,
    ) -> Result<u64, SqlPortError> {
        let done = self.drive(sql.as_ref()).await;
        done.map_err(|failure| SqlPortError::running(&self.place, statement, failure))
    }

    pub(super) async fn drive(&mut self, sql: &[u8]) -> Result<u64, DriverFailure> {
        self.is_running = true;
        let done = self.conn.query_drop(sql).await;
        self.is_running = false;
        done.map(|()| self.conn.affected_rows())
    }
}

impl Drop for SqlSession {
    /// What runs is of no use to anybody any more. The connection itself can't say so, for it waits for the
    /// answer.
    fn drop(&mut self) {
        if !self.is_running {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (pool, id, place) = (self.pool.clone(), self.conn.id(), self.place.clone());
        runtime.spawn(async move {
            let killed = async { pool.get_conn().await?.query_drop(format!("KILL {id}")).await };
            if let Err(error) = killed.await {
                tracing::warn!(%error, %place, "a statement that nobody waits for was not killed");
            }
        });
    }
}
