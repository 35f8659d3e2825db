//! Files of sqllogictest, run on both sides with the same expected results.
//!
//! Queries are DataFusion's SQL. TiDB gets them through [`differences`], and it
//! writes the results into the files when `TIFUSION_COMPLETE_SLT` is set: the connector never does.
//! Statements that change something always go to TiDB, or to the embedded cluster where there is no
//! TiDB.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::DataType;
use async_trait::async_trait;
use sqllogictest::{AsyncDB, ColumnType, DBOutput, Runner, strict_column_validator};
use tifusion::Error;
use tifusion_embedded::{EmbeddedCluster, LoadError};

use crate::arrow_cells::Clock;
use crate::cell::{Cell, Rows};
use crate::cluster::{Cluster, repository};
use crate::connector::Connector;
use crate::differences;
use crate::tidb::{Kind, Tidb};

/// First words of the statements that change something, so that they are none of TiFusion's.
const CHANGES: [&str; 10] = [
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

impl From<LoadError> for Failed {
    fn from(error: LoadError) -> Self {
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

/// TiFusion, with somebody at its side for statements that it doesn't have.
struct ConnectorEngine {
    connector: Connector,
    changer: Changer,
}

/// Who changes what TiFusion reads.
enum Changer {
    Tidb(Tidb),
    /// The cluster, and the database that statements are about.
    Embedded(Arc<EmbeddedCluster>, String),
}

impl Changer {
    async fn run(&mut self, sql: &str) -> Result<(), Failed> {
        match self {
            Self::Tidb(tidb) => tidb.try_run(sql).await?,
            // Where exactly regions begin is nothing that a file can ask for.
            Self::Embedded(cluster, _) if first_word(sql) == "SPLIT" => {
                for region in cluster.regions() {
                    let split = cluster.split_region(region.id);
                    split.map_err(|error| Failed(error.to_string()))?;
                }
                cluster.scatter();
            }
            Self::Embedded(cluster, database) => {
                cluster.execute(&format!("USE `{database}`; {sql}")).await?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl AsyncDB for TidbEngine {
    type Error = Failed;
    type ColumnType = Kind;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Kind>, Failed> {
        if CHANGES.contains(&first_word(sql)) {
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
        if CHANGES.contains(&first_word(sql)) {
            self.changer.run(sql).await?;
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

fn first_word(sql: &str) -> &str {
    sql.split_whitespace().next().unwrap_or_default()
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

/// Runs a file on TiDB, then on the connector over the stores and over TiDB's SQL port, each in a database of its own.
///
/// # Panics
/// If one of them answers otherwise than the file says.
pub async fn judge(cluster: &Cluster, file: &Path) {
    let name = stem(file);
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
    for (by_sql, who) in [(false, "TiFusion"), (true, "TiFusion, by SQL")] {
        let connector_database = &connector_database;
        let connector = move || async move {
            let mut tidb = Tidb::connect(&cluster.tidb).await;
            tidb.fresh_database(connector_database).await;
            let connector = match by_sql {
                false => Connector::connect(cluster, &[]).await,
                true => Connector::by_sql(cluster, &[]).await,
            };
            connector.use_database(connector_database).await;
            Ok(ConnectorEngine { connector, changer: Changer::Tidb(tidb) })
        };
        check(who, Runner::new(connector), file).await;
    }
}

/// Runs a file on the connector over an embedded cluster, in a database of its own: the answers in
/// the file are TiDB's still. Files that change more than `CREATE TABLE`, `INSERT` and `SPLIT` do
/// can't be run.
///
/// # Panics
/// If it answers otherwise than the file says.
pub async fn judge_embedded(cluster: &Arc<EmbeddedCluster>, file: &Path) {
    judge_embedded_by(cluster, file, || Connector::embedded(cluster, &[])).await;
}

/// The same with the sessions that `connect` makes over the cluster.
///
/// # Panics
/// As [`judge_embedded`].
pub async fn judge_embedded_by<F>(
    cluster: &Arc<EmbeddedCluster>,
    file: &Path,
    connect: impl Fn() -> F,
) where
    F: Future<Output = Connector> + Send,
{
    let database = format!("slt_{}", stem(file));
    cluster.execute(&format!("CREATE DATABASE `{database}`")).await.expect("a database");
    let connector = || async {
        let connector = connect().await;
        connector.use_database(&database).await;
        let changer = Changer::Embedded(Arc::clone(cluster), database.clone());
        Ok(ConnectorEngine { connector, changer })
    };
    let mut runner = Runner::new(connector);
    // For what only a cluster that TiDB has set up holds.
    runner.add_label("embedded");
    check("TiFusion, embedded", runner, file).await;
}

/// The names of all files of `tests/slt`, without their extension, in order.
///
/// # Panics
/// If the folder cannot be read.
#[must_use]
pub fn files() -> Vec<String> {
    let entries = std::fs::read_dir(repository().join("tests/slt")).expect("the folder of files");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let files = paths.filter(|path| path.extension().is_some_and(|it| it == "slt"));
    let mut names: Vec<String> = files.map(|path| stem(&path).to_owned()).collect();
    names.sort_unstable();
    names
}

fn stem(file: &Path) -> &str {
    file.file_stem().and_then(|name| name.to_str()).expect("a file name")
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
