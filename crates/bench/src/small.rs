//! Queries that are answered at once: what an engine adds to the store's answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Int64Array, RecordBatch, StringArray};
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt as _;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Row};
use tifusion::TidbContext;
use tifusion_client::snapshot::SnapshotOptions;
use tifusion_client::{Client, ClientOptions};
use tifusion_codec::key::{Handle, encode_record_key};
use tifusion_testkit::cluster::Cluster;
use tifusion_testkit::tidb::Tidb;

use crate::error::{BenchError, Result};
use crate::measure::middle;
use crate::sides::tidb;
use crate::sides::tispark::TiSpark;

/// Rows of the table.
const ROWS: i64 = 15_000;
/// Rows with one value of the indexed column.
const ALIKE: i64 = 15;
/// Questions for each of the rounds that a query of TPC-H has.
const QUESTIONS: usize = 20;

/// A small query on all who can answer it: medians.
#[derive(Debug)]
pub(crate) struct Small {
    /// What is asked.
    pub(crate) what: &'static str,
    /// TiFusion.
    pub(crate) connector: Duration,
    /// TiDB by its SQL port.
    pub(crate) tidb: Option<Duration>,
    /// TiSpark, where it is there.
    pub(crate) tispark: Option<Duration>,
    /// The request alone, by TiFusion's client.
    pub(crate) bare: Option<Duration>,
}

/// Measures all small queries.
pub(crate) async fn measure(
    cluster: &Cluster,
    database: &str,
    rounds: usize,
    mut tispark: Option<&mut TiSpark>,
) -> Result<Vec<Small>> {
    let mut server = Tidb::connect(&cluster.tidb).await;
    server
        .run([
            format!("USE {database}"),
            "DROP TABLE IF EXISTS small".to_owned(),
            "CREATE TABLE small (id BIGINT PRIMARY KEY, k BIGINT NOT NULL, v VARCHAR(100) NOT NULL, KEY (k))".to_owned(),
        ])
        .await;
    let context = connect(cluster, database).await?;
    let frame = context.session_context().read_batch(rows()?)?;
    context.table_writer(&format!("{database}.small")).write(frame).await?;
    server.run(["ANALYZE TABLE small ALL COLUMNS"]).await;
    let query = format!(
        "SELECT TIDB_TABLE_ID FROM information_schema.tables WHERE table_schema = '{database}' AND table_name = 'small'"
    );
    // Ids of tables are 64-bit in TiDB.
    let table = i64::try_from(server.number(&query).await).unwrap_or_default();
    let times = rounds.max(1) * QUESTIONS;
    let mut tidb = tidb::connect(&cluster.tidb, database).await?;
    Ok(vec![
        Small {
            what: "a row by its primary key",
            connector: connector(&context, "SELECT * FROM small WHERE id = {}", ROWS, times)
                .await?,
            tidb: Some(on_tidb(&mut tidb, "SELECT * FROM small WHERE id = {}", ROWS, times).await?),
            tispark: on_tispark(&mut tispark, "SELECT * FROM small WHERE id = {}", ROWS, times)?,
            bare: Some(bare(cluster, table, times).await?),
        },
        Small {
            what: "the same, prepared",
            connector: prepared(&context, "SELECT * FROM small WHERE id = ?", ROWS, times).await?,
            tidb: Some(
                prepared_on_tidb(&mut tidb, "SELECT * FROM small WHERE id = ?", ROWS, times)
                    .await?,
            ),
            tispark: None,
            bare: Some(bare(cluster, table, times).await?),
        },
        Small {
            what: "15 rows by an index",
            connector: connector(&context, "SELECT * FROM small WHERE k = {}", ROWS / ALIKE, times)
                .await?,
            tidb: Some(
                on_tidb(&mut tidb, "SELECT * FROM small WHERE k = {}", ROWS / ALIKE, times).await?,
            ),
            tispark: on_tispark(
                &mut tispark,
                "SELECT * FROM small WHERE k = {}",
                ROWS / ALIKE,
                times,
            )?,
            bare: None,
        },
        Small {
            what: "the same, prepared",
            connector: prepared(&context, "SELECT * FROM small WHERE k = ?", ROWS / ALIKE, times)
                .await?,
            tidb: Some(
                prepared_on_tidb(&mut tidb, "SELECT * FROM small WHERE k = ?", ROWS / ALIKE, times)
                    .await?,
            ),
            tispark: None,
            bare: None,
        },
        Small {
            what: "connecting, then one row",
            connector: start(cluster, database, rounds.max(1)).await?,
            tidb: None,
            tispark: None,
            bare: None,
        },
    ])
}

async fn connect(cluster: &Cluster, database: &str) -> Result<TidbContext> {
    let context = TidbContext::connect(HashMap::from([
        ("pd.addresses".to_owned(), cluster.pd.clone()),
        ("write.enable".to_owned(), "true".to_owned()),
    ]))
    .await?;
    context.use_database(database).await?;
    Ok(context)
}

fn rows() -> Result<RecordBatch> {
    let ids = || 0..ROWS;
    let batch = RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from_iter_values(ids())) as _),
        ("k", Arc::new(Int64Array::from_iter_values(ids().map(|id| id / ALIKE))) as _),
        ("v", Arc::new(StringArray::from_iter_values(ids().map(|id| format!("{id:0>90}")))) as _),
    ]);
    batch.map_err(|source| BenchError::Rows { table: "small", source })
}

/// Numbers below `most`, none of them its neighbour's.
fn numbers(most: i64, times: usize) -> impl Iterator<Item = i64> {
    (0..most).cycle().step_by(7919).take(times)
}

async fn connector(
    context: &TidbContext,
    query: &str,
    most: i64,
    times: usize,
) -> Result<Duration> {
    let mut taken = Vec::new();
    for number in numbers(most, times) {
        let query = query.replace("{}", &number.to_string());
        let begun = Instant::now();
        for statement in context.parse(&query)? {
            let _rows: Vec<RecordBatch> = context.execute(statement).await?.try_collect().await?;
        }
        taken.push(begun.elapsed());
    }
    Ok(middle(taken))
}

async fn prepared(context: &TidbContext, query: &str, most: i64, times: usize) -> Result<Duration> {
    let query = context.prepare_query(query).await?;
    let mut taken = Vec::new();
    for number in numbers(most, times) {
        let begun = Instant::now();
        let rows = query.execute(vec![ScalarValue::from(number)]).await?;
        let _rows: Vec<RecordBatch> = rows.try_collect().await?;
        taken.push(begun.elapsed());
    }
    Ok(middle(taken))
}

async fn prepared_on_tidb(
    connection: &mut Conn,
    query: &str,
    most: i64,
    times: usize,
) -> Result<Duration> {
    let query = connection.prep(query).await?;
    let mut taken = Vec::new();
    for number in numbers(most, times) {
        let begun = Instant::now();
        let _rows: Vec<Row> = connection.exec(&query, (number,)).await?;
        taken.push(begun.elapsed());
    }
    Ok(middle(taken))
}

async fn on_tidb(connection: &mut Conn, query: &str, most: i64, times: usize) -> Result<Duration> {
    let mut taken = Vec::new();
    for number in numbers(most, times) {
        let query = query.replace("{}", &number.to_string());
        let begun = Instant::now();
        let _rows: Vec<Row> = connection.query(query).await?;
        taken.push(begun.elapsed());
    }
    Ok(middle(taken))
}

fn on_tispark(
    side: &mut Option<&mut TiSpark>,
    query: &str,
    most: i64,
    times: usize,
) -> Result<Option<Duration>> {
    let Some(side) = side else { return Ok(None) };
    let mut taken = Vec::new();
    for number in numbers(most, times) {
        let query = query.replace("{}", &number.to_string());
        let begun = Instant::now();
        side.answer(&query)?;
        taken.push(begun.elapsed());
    }
    Ok(Some(middle(taken)))
}

async fn bare(cluster: &Cluster, table: i64, times: usize) -> Result<Duration> {
    let client = Client::connect(ClientOptions::new(cluster.pd.split(','))).await?;
    let snapshot = client.snapshot(client.timestamp().await?, SnapshotOptions::default());
    let mut taken = Vec::new();
    for number in numbers(ROWS, times) {
        let key = encode_record_key(table, &Handle::Int(number));
        let begun = Instant::now();
        snapshot.get(&key).await?;
        taken.push(begun.elapsed());
    }
    Ok(middle(taken))
}

async fn start(cluster: &Cluster, database: &str, times: usize) -> Result<Duration> {
    let mut taken = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        let context = connect(cluster, database).await?;
        context.sql("SELECT * FROM small LIMIT 1").await?.collect().await?;
        taken.push(begun.elapsed());
    }
    Ok(middle(taken))
}
