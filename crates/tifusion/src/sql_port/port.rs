//! The way to TiDB's SQL port.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use mysql_async::{Conn, OptsBuilder, Pool, PoolConstraints, PoolOpts};
use tifusion_client::Timestamp;
use tokio::sync::OnceCell;

use super::error::{Place, SqlPortError};
use super::options::SqlPortOptions;
use super::session::{SessionOptions, SqlSession};
use crate::config::Settings;
use crate::error::Result;

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(60);

/// How often a connection on which nothing comes is probed, so that a server that is gone is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// TiDB's SQL port: its connections are made when they are first needed, and used again.
pub(crate) struct SqlPort {
    options: SqlPortOptions,
    place: Place,
    pool: OnceCell<Pool>,
}

impl fmt::Debug for SqlPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlPort").field("place", &self.place).finish_non_exhaustive()
    }
}

impl SqlPort {
    /// That of a configuration; `None` if it does not say where TiDB is.
    pub(crate) fn of(settings: &Settings) -> Option<Self> {
        let options = SqlPortOptions::of(settings)?;
        Some(Self { place: options.place(), options, pool: OnceCell::new() })
    }

    /// Where it is, and as whom one logs in.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// A connection for a while, set up by `options`.
    ///
    /// # Errors
    /// When there is none to be had, or TiDB does not take the settings.
    pub(crate) async fn session(&self, options: &SessionOptions) -> Result<SqlSession> {
        let mut session = self.plain_session().await?;
        Box::pin(session.set_up(options, self.options.connect_timeout)).await?;
        Ok(session)
    }

    /// A connection that reads at `snapshot`, its schema too; what is there now without one.
    ///
    /// # Errors
    /// As [`SqlPort::session`], and when TiDB can't read at that time any more.
    pub(crate) async fn reading_session(&self, snapshot: Option<Timestamp>) -> Result<SqlSession> {
        let mut session = self.plain_session().await?;
        session.set_up_reading(snapshot, self.options.connect_timeout).await?;
        Ok(session)
    }

    /// The variables of `mysql.tidb` by name.
    ///
    /// # Errors
    /// As [`SqlPort::reading_session`], and when the table is not to be seen.
    pub(crate) async fn variables(&self) -> Result<HashMap<String, String>> {
        let mut session = self.reading_session(None).await?;
        let sql = "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM mysql.tidb";
        let rows = session.query("SELECT", sql).await?.rows;
        let both = rows.into_iter().filter_map(|row| {
            let mut cells = row.into_iter();
            Some((cells.next()??, cells.next()??))
        });
        Ok(both.collect())
    }

    async fn plain_session(&self) -> Result<SqlSession, SqlPortError> {
        let pool = self.pool.get_or_try_init(|| async { self.open() }).await?;
        let conn = self.connect(pool).await?;
        Ok(SqlSession::new(conn, pool.clone(), self.place.clone()))
    }

    async fn connect(&self, pool: &Pool) -> Result<Conn, SqlPortError> {
        let patience = self.options.connect_timeout;
        match tokio::time::timeout(patience, pool.get_conn()).await {
            Ok(conn) => conn.map_err(|failure| SqlPortError::connecting(&self.place, failure)),
            Err(_) => Err(SqlPortError::Unreachable {
                place: self.place.clone(),
                reason: format!(
                    "no connection within {patience:?} (grpc.timeout_in_sec); at most {} are open at once \
                     (tidb.max_connections)",
                    self.options.most_connections
                ),
            }),
        }
    }

    fn open(&self) -> Result<Pool, SqlPortError> {
        let SqlPortOptions { host, port, user, password, tls, most_connections, .. } =
            &self.options;
        let most = PoolConstraints::new(0, *most_connections).unwrap_or_default();
        let pool = PoolOpts::default().with_constraints(most).with_inactive_connection_ttl(IDLE);
        let password = Some(password.expose()).filter(|password| !password.is_empty());
        let tls = tls.as_ref().map(|stores| stores.read()).transpose()?;
        let options = OptsBuilder::default()
            .ip_or_hostname(host)
            .tcp_port(*port)
            .user(Some(user))
            .pass(password)
            .prefer_socket(false)
            .tcp_keepalive(Some(KEEP_ALIVE))
            .ssl_opts(tls)
            .pool_opts(pool);
        Ok(Pool::new(options))
    }
}
