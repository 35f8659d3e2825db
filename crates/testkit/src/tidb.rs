//! TiDB's SQL port: the judge.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use mysql_async::consts::{ColumnFlags, ColumnType};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Column, Conn, OptsBuilder, Row, Value};

use crate::cell::{Cell, Decimal, Rows, days_of, micros_of};

/// MySQL's number for the character set `binary`.
const BINARY: u16 = 63;

/// How often a statement is given that PD had no timestamp for.
const TRIES: usize = 20;

/// What the cells of a column are, whatever their exact type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Integers and decimals.
    Number,
    /// Floats.
    Float,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// Dates and times.
    Time,
    /// Nothing but NULL.
    Null,
}

/// A connection to TiDB, as `root` unless it says otherwise.
pub struct Tidb {
    conn: Conn,
}

impl std::fmt::Debug for Tidb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tidb")
    }
}

impl Tidb {
    /// Connects to `address` (`host:port`).
    ///
    /// # Panics
    /// If that fails.
    pub async fn connect(address: &str) -> Self {
        Self::connect_as(address, "root", "").await
    }

    /// Connects to `address` (`host:port`) as `user`, whose `password` may be empty.
    ///
    /// # Panics
    /// If that fails.
    pub async fn connect_as(address: &str, user: &str, password: &str) -> Self {
        let (host, port) = address.rsplit_once(':').expect("host:port");
        let options = OptsBuilder::default()
            .ip_or_hostname(host)
            .tcp_port(port.parse().expect("a port"))
            .user(Some(user))
            .pass(Some(password).filter(|password| !password.is_empty()))
            .prefer_socket(false);
        let conn = Conn::new(options).await.unwrap_or_else(|e| panic!("TiDB at {address}: {e}"));
        Self { conn }
    }

    /// A connection in UTC, in an empty database `name`.
    ///
    /// # Panics
    /// If that fails.
    pub async fn in_database(address: &str, name: &str) -> Self {
        let mut tidb = Self::connect(address).await;
        tidb.fresh_database(name).await;
        tidb.run(["SET time_zone = '+00:00'"]).await;
        tidb
    }

    /// Runs statements, each for its effect.
    ///
    /// # Panics
    /// If one fails.
    pub async fn run<S: AsRef<str>>(&mut self, statements: impl IntoIterator<Item = S>) {
        for statement in statements {
            self.try_run(statement.as_ref())
                .await
                .unwrap_or_else(|e| panic!("TiDB: {e}\n{}", statement.as_ref()));
        }
    }

    /// Runs a statement for its effect.
    ///
    /// # Errors
    /// TiDB's own.
    pub async fn try_run(&mut self, statement: &str) -> Result<(), mysql_async::Error> {
        for _ in 0..TRIES {
            match self.conn.query_drop(statement).await {
                // On a machine with much else to do PD may lose its lead for a moment; nothing has been done then.
                Err(error) if error.to_string().contains("pd is not leader") => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                done => return done,
            }
        }
        self.conn.query_drop(statement).await
    }

    /// Fills a table by `LOAD DATA LOCAL`: columns between tabs, a row a line.
    ///
    /// # Panics
    /// If that fails.
    pub async fn load(&mut self, table: &str, text: Bytes) {
        self.conn.set_infile_handler(async move { Ok(stream::once(async { Ok(text) }).boxed()) });
        self.run([format!("LOAD DATA LOCAL INFILE 'rows' INTO TABLE {table}")]).await;
    }

    /// Runs a statement that writes; how many rows it says it changed.
    ///
    /// # Errors
    /// TiDB's own.
    pub async fn try_write(&mut self, statement: &str) -> Result<u64, mysql_async::Error> {
        self.try_run(statement).await?;
        Ok(self.conn.affected_rows())
    }

    /// Makes an empty database `name` and uses it.
    ///
    /// # Panics
    /// If that fails.
    pub async fn fresh_database(&mut self, name: &str) {
        let statements = [
            format!("DROP DATABASE IF EXISTS `{name}`"),
            format!("CREATE DATABASE `{name}`"),
            format!("USE `{name}`"),
        ];
        self.run(statements).await;
    }

    /// The rows of a query.
    ///
    /// # Panics
    /// If it fails.
    pub async fn query(&mut self, query: &str) -> Rows {
        self.try_query(query).await.unwrap_or_else(|e| panic!("TiDB: {e}\n{query}"))
    }

    /// The rows of a query.
    ///
    /// # Errors
    /// TiDB's own.
    pub async fn try_query(&mut self, query: &str) -> Result<Rows, mysql_async::Error> {
        Ok(self.try_query_with_kinds(query).await?.0)
    }

    /// The rows of a query, and what its columns hold.
    ///
    /// # Errors
    /// TiDB's own.
    pub async fn try_query_with_kinds(
        &mut self,
        query: &str,
    ) -> Result<(Rows, Vec<Kind>), mysql_async::Error> {
        let mut result = self.conn.query_iter(query).await?;
        let columns = result.columns().map(|columns| columns.to_vec()).unwrap_or_default();
        let rows: Vec<Row> = result.collect().await?;
        let rows = Rows {
            columns: columns.iter().map(|column| column.name_str().into_owned()).collect(),
            rows: rows.into_iter().map(|row| cells(&columns, row)).collect(),
        };
        Ok((rows, columns.iter().map(kind).collect()))
    }

    /// The only cell of a query's only row, as an integer.
    ///
    /// # Panics
    /// If that fails or it is something else.
    pub async fn number(&mut self, query: &str) -> i128 {
        let rows = self.query(query).await.rows;
        match rows.as_slice() {
            [row] => match row.as_slice() {
                [Cell::Int(number)] => *number,
                [Cell::Decimal(number)] => number.unscaled_at(0).expect("a number that fits"),
                other => panic!("not one number: {other:?}\n{query}"),
            },
            other => panic!("not one row: {other:?}\n{query}"),
        }
    }
}

fn cells(columns: &[Column], row: Row) -> Vec<Cell> {
    row.unwrap().into_iter().zip(columns).map(|(value, column)| cell(value, column)).collect()
}

fn is_text(column: &Column) -> bool {
    column.character_set() != BINARY
        || column.flags().intersects(ColumnFlags::ENUM_FLAG | ColumnFlags::SET_FLAG)
        || column.column_type() == ColumnType::MYSQL_TYPE_JSON
}

fn kind(column: &Column) -> Kind {
    match column.column_type() {
        ColumnType::MYSQL_TYPE_NULL => Kind::Null,
        ColumnType::MYSQL_TYPE_TINY
        | ColumnType::MYSQL_TYPE_SHORT
        | ColumnType::MYSQL_TYPE_INT24
        | ColumnType::MYSQL_TYPE_LONG
        | ColumnType::MYSQL_TYPE_LONGLONG
        | ColumnType::MYSQL_TYPE_YEAR
        | ColumnType::MYSQL_TYPE_BIT
        | ColumnType::MYSQL_TYPE_DECIMAL
        | ColumnType::MYSQL_TYPE_NEWDECIMAL => Kind::Number,
        ColumnType::MYSQL_TYPE_FLOAT | ColumnType::MYSQL_TYPE_DOUBLE => Kind::Float,
        ColumnType::MYSQL_TYPE_DATE
        | ColumnType::MYSQL_TYPE_DATETIME
        | ColumnType::MYSQL_TYPE_TIMESTAMP
        | ColumnType::MYSQL_TYPE_TIME => Kind::Time,
        _ if is_text(column) => Kind::Text,
        _ => Kind::Bytes,
    }
}

/// A cell of the text protocol by its column's type.
fn cell(value: Value, column: &Column) -> Cell {
    let bytes = match value {
        Value::NULL => return Cell::Null,
        Value::Bytes(bytes) => bytes,
        other => panic!("not a text value: {other:?}"),
    };
    let tp = column.column_type();
    if tp == ColumnType::MYSQL_TYPE_BIT {
        return Cell::Int(bytes.iter().fold(0, |number, byte| (number << 8) | i128::from(*byte)));
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Cell::Bytes(error.into_bytes()),
    };
    match tp {
        ColumnType::MYSQL_TYPE_TINY
        | ColumnType::MYSQL_TYPE_SHORT
        | ColumnType::MYSQL_TYPE_INT24
        | ColumnType::MYSQL_TYPE_LONG
        | ColumnType::MYSQL_TYPE_LONGLONG
        | ColumnType::MYSQL_TYPE_YEAR => Cell::Int(text.parse().expect("an integer")),
        ColumnType::MYSQL_TYPE_FLOAT => {
            Cell::Float(f64::from(text.parse::<f32>().expect("a float")))
        }
        ColumnType::MYSQL_TYPE_DOUBLE => Cell::Float(text.parse().expect("a double")),
        ColumnType::MYSQL_TYPE_DECIMAL | ColumnType::MYSQL_TYPE_NEWDECIMAL => {
            Cell::Decimal(Decimal::parse(&text))
        }
        ColumnType::MYSQL_TYPE_DATE => calendar(&text, |text| Cell::Date(days_of(text))),
        ColumnType::MYSQL_TYPE_DATETIME | ColumnType::MYSQL_TYPE_TIMESTAMP => {
            calendar(&text, |text| {
                let (date, time) = text.split_once(' ').expect("a date and a time");
                Cell::DateTime(days_of(date) * 86_400_000_000 + micros_of(time))
            })
        }
        ColumnType::MYSQL_TYPE_TIME => Cell::Time(micros_of(&text)),
        _ if is_text(column) => Cell::Text(text),
        _ => Cell::Bytes(text.into_bytes()),
    }
}

/// A date that no calendar has is NULL to the connector (`zero_date = null`). Year 0 is a leap year.
fn calendar(text: &str, exists: impl FnOnce(&str) -> Cell) -> Cell {
    let date = text.get(..10).unwrap_or_default();
    let mut parts = date.split('-').map(|part| part.parse::<u32>().unwrap_or_default());
    let (y, m, d) = (parts.next(), parts.next(), parts.next());
    let (y, m, d) = (y.unwrap_or_default(), m.unwrap_or_default(), d.unwrap_or_default());
    let leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let last = match m {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    if d == 0 || d > last { Cell::Null } else { exists(text) }
}
