//! Files of sqllogictest, run on both sides with the same expected results.
//!
//! Queries are DataFusion's SQL. TiDB gets them through [`differences`], and it
//! writes the results into the files when `TIFUSION_COMPLETE_SLT` is set: the connector never does.
//! Statements that change something always go to TiDB.

use std::path::Path;

use arrow::datatypes::DataType;
use async_trait::async_trait;
use sqllogictest::{AsyncDB, ColumnType, DBOutput, Runner, strict_column_validator};
use tifusion::Error;

use crate::arrow_cells::Clock;
use crate::cell::{Cell, Rows};
use crate::cluster::Cluster;
use crate::connector::Connector;
use crate::differences;
use crate::tidb::{Kind, Tidb};

/// First words of the statements that are TiDB's on both sides.
const TIDB_ONLY: [&str; 10] = [
    "ALTER", "CREATE", "DELETE", "DROP", "INSERT", "RENAME", "REPLACE", "SPLIT", "TRUNCATE",
    "UPDATE",
];

/// A statement that failed.
#[derive(Debug)]
pub struct Failed(String);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

impl From<mysql_async::Error> for Failed {
    fn from(error: mysql_async::Error) -> Self {
        Self(error.to_string())
    }
}

impl ColumnType for Kind {
    fn from_char(value: char) -> Option<Self> {
        Some(match value {
            'N' => Self::Number,
            'R' => Self::Float,
            'T' => Self::Text,
            'B' => Self::Bytes,
            'D' => Self::Time,
            '?' => Self::Null,
            _ => return None,
        })
    }

    fn to_char(&self) -> char {
        match self {
            Self::Number => 'N',
            Self::Float => 'R',
            Self::Text => 'T',
            Self::Bytes => 'B',
            Self::Time => 'D',
            Self::Null => '?',
        }
    }
}

/// The judge.
struct TidbEngine {
    tidb: Tidb,
}

/// TiFusion, with TiDB at its side for statements that it doesn't have.
struct ConnectorEngine {
    connector: Connector,
    tidb: Tidb,
}

#[async_trait]
impl AsyncDB for TidbEngine {
    type Error = Failed;
    type ColumnType = Kind;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Kind>, Failed> {
        if is_tidb_only(sql) {
            self.tidb.try_run(sql).await?;
            return Ok(DBOutput::StatementComplete(0));
        }
        let (rows, kinds) = self.tidb.try_query_with_kinds(&differences::to_tidb(sql)).await?;
        Ok(output(&rows, kinds))
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "tidb"
    }
}

#[async_trait]
impl AsyncDB for ConnectorEngine {
    type Error = Failed;
    type ColumnType = Kind;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Kind>, Failed> {
        if is_tidb_only(sql) {
            self.tidb.try_run(sql).await?;
            return Ok(DBOutput::StatementComplete(0));
        }
        let answer = self.connector.run(sql).await?;
        let kinds = answer.schema.fields().iter().map(|field| kind(field.data_type())).collect();
        Ok(output(&answer.rows(Clock::Wall), kinds))
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "tifusion"
    }
}

fn is_tidb_only(sql: &str) -> bool {
    sql.split_whitespace().next().is_some_and(|word| TIDB_ONLY.contains(&word))
}

fn kind(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Null => Kind::Null,
        DataType::Float32 | DataType::Float64 => Kind::Float,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Kind::Bytes,
        DataType::Date32 | DataType::Timestamp(_, _) | DataType::Duration(_) => Kind::Time,
        DataType::Boolean => Kind::Number,
        other if other.is_integer() || other.is_decimal() => Kind::Number,
        _ => Kind::Text,
    }
}

fn output(rows: &Rows, kinds: Vec<Kind>) -> DBOutput<Kind> {
    let rows = rows.rows.iter().map(|row| row.iter().map(visible).collect()).collect();
    DBOutput::Rows { types: kinds, rows }
}

/// A cell in a line of a file: nothing in it may be invisible.
fn visible(cell: &Cell) -> String {
    let Cell::Text(text) = cell else { return cell.plain() };
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let inner = text.trim_matches(' ');
    let (before, after) = match text.find(inner) {
        Some(start) => (start, text.len() - start - inner.len()),
        None => (0, 0),
    };
    let inner = inner.replace('\n', "\\n").replace('\t', "\\t");
    format!("{}{inner}{}", "␣".repeat(before), "␣".repeat(after))
}

/// Runs a file on TiDB, then on the connector, each in a database of its own.
///
/// # Panics
/// If one of them answers otherwise than the file says.
pub async fn judge(cluster: &Cluster, file: &Path) {
    let name = file.file_stem().and_then(|name| name.to_str()).expect("a file name");
    let tidb_database = format!("slt_{name}_tidb");
    let connector_database = format!("slt_{name}_tifusion");
    let tidb = || async {
        let mut tidb = Tidb::connect(&cluster.tidb).await;
        tidb.run([differences::sql_mode()]).await;
        tidb.fresh_database(&tidb_database).await;
        Ok(TidbEngine { tidb })
    };
    if std::env::var_os("TIFUSION_COMPLETE_SLT").is_some() {
        let mut runner = Runner::new(tidb);
        let done = runner
            .update_test_file(
                file,
                " ",
                sqllogictest::default_validator,
                as_it_is,
                strict_column_validator,
            )
            .await;
        done.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    check("TiDB", Runner::new(tidb), file).await;
    let connector = || async {
        let mut tidb = Tidb::connect(&cluster.tidb).await;
        tidb.fresh_database(&connector_database).await;
        let connector = Connector::connect(cluster, &[]).await;
        connector.use_database(&connector_database).await;
        Ok(ConnectorEngine { connector, tidb })
    };
    check("TiFusion", Runner::new(connector), file).await;
}

async fn check<D, M>(who: &str, mut runner: Runner<D, M>, file: &Path)
where
    D: AsyncDB<ColumnType = Kind>,
    M: sqllogictest::MakeConnection<Conn = D>,
{
    runner.with_normalizer(as_it_is);
    runner.with_column_validator(strict_column_validator);
    if let Err(error) = runner.run_file_async(file).await {
        panic!("{who}: {}", error.display(false));
    }
}

#[expect(clippy::ptr_arg, reason = "the runner's signature")]
fn as_it_is(text: &String) -> String {
    text.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_cell_is_invisible() {
        let text = |text: &str| visible(&Cell::Text(text.to_owned()));
        assert_eq!(text(" a b  "), "␣a b␣␣");
        assert_eq!(text(""), "(empty)");
        assert_eq!(text("a\nb"), "a\\nb");
        assert_eq!(visible(&Cell::Null), "NULL");
    }
}
