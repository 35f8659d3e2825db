//! TiDB by its SQL port.

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, OptsBuilder, Row, from_value};
use tifusion_testkit::differences::{sql_mode, to_tidb};

use crate::error::{BenchError, Result};
use crate::sides::Answer;

pub(super) struct TidbSide {
    connection: Conn,
}

/// A connection to TiDB, as `root`.
///
/// # Errors
/// When the address has no port, and TiDB's own.
pub(crate) async fn connect(address: &str, database: &str) -> Result<Conn> {
    let wrong = || BenchError::Address { address: address.to_owned() };
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let options = OptsBuilder::default()
        .ip_or_hostname(host)
        .tcp_port(port.parse().map_err(|_| wrong())?)
        .user(Some("root"))
        .db_name(Some(database))
        .prefer_socket(false);
    Ok(Conn::new(options).await?)
}

impl TidbSide {
    pub(super) async fn connect(address: &str, database: &str) -> Result<Self> {
        let mut connection = connect(address, database).await?;
        connection.query_drop(sql_mode()).await?;
        Ok(Self { connection })
    }

    pub(super) async fn answer(&mut self, query: &str) -> Result<Answer> {
        let rows: Vec<Row> = self.connection.query(to_tidb(query)).await?;
        Ok(Answer { rows: rows.len(), received: None })
    }

    pub(super) async fn explain(&mut self, query: &str) -> Result<String> {
        let query = format!("EXPLAIN ANALYZE {}", to_tidb(query));
        let rows: Vec<Row> = self.connection.query(query).await?;
        let line = |row: Row| -> String {
            let cells = row.unwrap().into_iter().map(from_value::<Option<String>>);
            cells.map(Option::unwrap_or_default).collect::<Vec<_>>().join(" | ")
        };
        Ok(rows.into_iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}
