//! From the start of a process to the first row, in a cluster with many tables.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tifusion::TidbContext;
use tifusion_testkit::cluster::Cluster;
use tifusion_testkit::tidb::Tidb;

use crate::error::{BenchError, Result};
use crate::measure::{middle, millis};

/// The database of the many tables.
const DATABASE: &str = "many";

/// Tables that are made by one statement after another of one connection.
const AT_ONCE: usize = 8;

/// Measures processes that are started with and without a name cache, in a database of so many tables.
pub(crate) async fn measure(cluster: &Cluster, tables: usize, rounds: usize) -> Result<String> {
    fill(cluster, tables).await;
    let folder = tempfile::tempdir().map_err(BenchError::Start)?;
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        let empty = tempfile::tempdir().map_err(BenchError::Start)?;
        cold.push(started(cluster, empty.path())?);
        // The first one of all fills it.
        started(cluster, folder.path())?;
        warm.push(started(cluster, folder.path())?);
    }
    let mut text = String::new();
    writeln!(text, "| tables | start to first row, no name cache | with it |\n|---|---|---|")?;
    let (cold, warm) = (millis(middle(cold)), millis(middle(warm)));
    writeln!(text, "| {tables} | {cold:.1} ms | {warm:.1} ms |")?;
    Ok(text)
}

/// What a process that is started does: it connects and reads one row.
pub(crate) async fn one_row(pd: &str, cache: &Path) -> Result<()> {
    let context = TidbContext::connect(HashMap::from([
        ("pd.addresses".to_owned(), pd.to_owned()),
        ("catalog.cache_dir".to_owned(), cache.display().to_string()),
    ]))
    .await?;
    let rows = context.sql(&format!("SELECT * FROM {DATABASE}.t0")).await?.collect().await?;
    match rows.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>() {
        1 => Ok(()),
        _ => Err(BenchError::NoRow),
    }
}

/// Starts this program once more, and waits until it has its row.
fn started(cluster: &Cluster, cache: &Path) -> Result<Duration> {
    let program = std::env::current_exe().map_err(BenchError::Start)?;
    let begun = Instant::now();
    let status = Command::new(program)
        .args(["--one-row", &cluster.pd, "--cache-dir"])
        .arg(cache)
        .stdout(Stdio::null())
        .status()
        .map_err(BenchError::Start)?;
    if status.success() { Ok(begun.elapsed()) } else { Err(BenchError::NoRow) }
}

/// Makes the tables that are not there yet, `t0` with a row.
async fn fill(cluster: &Cluster, tables: usize) {
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.run([
        format!("CREATE DATABASE IF NOT EXISTS {DATABASE}"),
        format!("USE {DATABASE}"),
        "CREATE TABLE IF NOT EXISTS t0 (id INT PRIMARY KEY, v VARCHAR(20))".to_owned(),
        "REPLACE INTO t0 VALUES (1, 'one')".to_owned(),
    ])
    .await;
    let makers = (0..AT_ONCE).map(|first| async move {
        let mut tidb = Tidb::connect(&cluster.tidb).await;
        tidb.run([format!("USE {DATABASE}")]).await;
        let made = (first..tables).step_by(AT_ONCE).map(|number| {
            format!(
                "CREATE TABLE IF NOT EXISTS t{number} (id INT PRIMARY KEY, v VARCHAR(20), KEY (v))"
            )
        });
        tidb.run(made).await;
    });
    futures::future::join_all(makers).await;
}
