//! SQL around DataFusion's, and tables of TiDB among others.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::ParquetReadOptions;
use tifusion::ErrorKind;
use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

async fn connect(test: &str) -> Option<(Tidb, Connector)> {
    let cluster = Cluster::of(Shape::default(), test)?;
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database(test).await;
    let connector = Connector::connect(&cluster, &[]).await;
    connector.use_database(test).await;
    Some((tidb, connector))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_joins_a_parquet_file_and_a_table_in_memory() {
    let Some((mut tidb, connector)) = connect("sql_join").await else { return };
    tidb.run([
        "CREATE TABLE customers (id BIGINT PRIMARY KEY, name VARCHAR(20))",
        "INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bo'), (3, 'Cy')",
    ])
    .await;
    let session = connector.context().session_context();
    let visits = RecordBatch::try_from_iter([
        ("customer", Arc::new(Int64Array::from(vec![1, 1, 3, 9])) as Arc<_>),
        ("page", Arc::new(StringArray::from(vec!["a", "b", "a", "c"])) as Arc<_>),
    ])
    .unwrap();
    session.register_batch("datafusion.public.seen", visits.clone()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("visits.parquet");
    let file = file.to_str().unwrap();
    let frame = session.read_batch(visits).unwrap();
    frame.write_parquet(file, DataFrameWriteOptions::new(), None).await.unwrap();
    let options = ParquetReadOptions::default();
    session.register_parquet("datafusion.public.visits", file, options).await.unwrap();
    for table in ["visits", "seen"] {
        let query = format!(
            "SELECT c.Name, count(*) FROM customers c JOIN datafusion.public.{table} v \
             ON v.customer = c.ID GROUP BY c.NAME ORDER BY 1"
        );
        let rows = connector.query(&query).await.rows;
        let plain: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(Cell::plain).collect()).collect();
        assert_eq!(plain, [["Ada", "2"], ["Cy", "1"]], "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_is_told() {
    let Some((_, connector)) = connect("sql_version").await else { return };
    let version = connector.query("SELECT ti_version()").await.rows[0][0].plain();
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_that_is_set_holds_for_the_next_statement() {
    let Some((mut tidb, connector)) = connect("sql_zone").await else { return };
    tidb.run([
        "SET time_zone = '+00:00'",
        "CREATE TABLE t (ts TIMESTAMP NULL, dt DATETIME)",
        "INSERT INTO t VALUES ('2024-07-01 12:00:00', '2024-07-01 12:00:00')",
    ])
    .await;
    for (statement, zone, wall) in [
        ("SET tidb.time_zone = 'America/New_York'", "America/New_York", "2024-07-01 08:00:00"),
        ("SET tidb.time_zone = '+05:45'", "+05:45", "2024-07-01 17:45:00"),
        (
            "SET datafusion.execution.time_zone = 'Asia/Kolkata'",
            "Asia/Kolkata",
            "2024-07-01 17:30:00",
        ),
        ("SET TIME ZONE = 'Europe/Berlin'", "Europe/Berlin", "2024-07-01 14:00:00"),
    ] {
        connector.query(statement).await;
        tidb.run([format!("SET time_zone = '{zone}'")]).await;
        let theirs = tidb.query("SELECT ts, dt FROM t").await;
        let ours = connector.query("SELECT ts, dt FROM t").await;
        assert_eq!(ours, theirs, "{statement}");
        assert_eq!(ours.rows[0][0].plain(), wall, "{statement}");
        let shown = connector.query("SHOW tidb.time_zone").await;
        assert!(shown.rows[0].iter().any(|cell| cell.plain() == zone), "{statement}: {shown:?}");
    }
    connector.query("RESET tidb.time_zone").await;
    assert_eq!(connector.query("SELECT ts FROM t").await.rows[0][0].plain(), "2024-07-01 12:00:00");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_settings_are_refused_by_name_and_change_nothing() {
    let Some((_, connector)) = connect("sql_settings").await else { return };
    for (statement, named) in [
        ("SET tidb.time_zone = 'Mars/Olympus'", "Mars/Olympus"),
        ("SET tidb.no_such_key = 1", "no_such_key"),
        ("SET tidb.show_rowid = 'perhaps'", "perhaps"),
        ("SET tidb.table.scan_concurrency = -1", "-1"),
        ("SET tidb.coprocess.codec_format = 'json'", "json"),
        ("SET tidb.pd.addresses = '127.0.0.1:1'", "pd.addresses"),
        ("SET tidb.stale_read = 'yesterday'", "yesterday"),
        ("SET tidb.write.enable = perhaps", "perhaps"),
    ] {
        let error = connector.try_query(statement).await.unwrap_err();
        assert!(error.to_string().contains(named), "{statement}: {error}");
    }
    let zone = connector.query("SHOW tidb.time_zone").await;
    assert!(zone.rows[0].iter().any(|cell| cell.plain() == "UTC"), "{zone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn writing_is_refused_and_nothing_is_written() {
    let Some((mut tidb, connector)) = connect("sql_writes").await else { return };
    tidb.run(["CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1), (2)"]).await;
    for statement in [
        "INSERT INTO t VALUES (3)",
        "INSERT INTO t SELECT a + 10 FROM t",
        "UPDATE t SET a = 0",
        "DELETE FROM t",
        "DELETE FROM t WHERE a = 1",
        "TRUNCATE TABLE t",
        "DROP TABLE t",
        "CREATE TABLE made (a INT)",
        "CREATE TABLE made AS SELECT a FROM t",
        "CREATE VIEW made AS SELECT a FROM t",
        "DROP SCHEMA sql_writes",
        "CREATE SCHEMA tidb.made",
    ] {
        let error = connector.try_query(statement).await.unwrap_err();
        let kind = error.kind();
        assert!(
            matches!(kind, ErrorKind::Unsupported | ErrorKind::InvalidInput),
            "{statement}: {kind:?} {error}"
        );
    }
    assert_eq!(tidb.number("SELECT COUNT(*) + SUM(a) FROM t").await, 5);
    assert_eq!(
        tidb.number(
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'sql_writes'"
        )
        .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_tells_table_regions_ranges_and_snapshot() {
    let Some((mut tidb, connector)) = connect("sql_explain").await else { return };
    tidb.run([
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)",
        "INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)",
    ])
    .await;
    let plan = connector.explain("SELECT b FROM t WHERE a > 1 LIMIT 3").await;
    for part in ["TikvScanExec", "table=sql_explain.t", "ranges=1", "pushed=[a > 1]", "start_ts="] {
        assert!(plan.contains(part), "no {part} in\n{plan}");
    }
    assert!(plan.contains("columns=[b]"), "only what is needed is sent\n{plan}");
    let plan = connector.explain("SELECT b FROM t WHERE id < 2").await;
    assert!(plan.contains("regions=1") && plan.contains("ranges=[id: "), "{plan}");
    let rows = connector.query("EXPLAIN ANALYZE SELECT b FROM t").await.rows;
    let analyzed = rows.iter().flatten().map(Cell::plain).collect::<Vec<_>>().join("\n");
    for part in ["output_rows=2", "requests=1", "answers=1", "bytes=", "retries=0", "time_waiting="]
    {
        assert!(analyzed.contains(part), "no {part} in\n{analyzed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_ordered_as_tidb_orders_them() {
    let Some((mut tidb, connector)) = connect("sql_times").await else { return };
    tidb.run([
        "CREATE TABLE t (id INT PRIMARY KEY, took TIME(3))",
        "INSERT INTO t VALUES (1, '01:30:00'), (2, '-838:59:59'), (3, '100:00:00.125'), (4, NULL)",
    ])
    .await;
    for query in [
        "SELECT max(took), min(took) FROM t",
        "SELECT a.id, b.id FROM t a JOIN t b ON a.took > b.took ORDER BY a.id, b.id",
        "SELECT count(*) FROM t WHERE took IS NULL",
    ] {
        let theirs = tidb.query(query).await;
        let ours = connector.query(query).await;
        assert_eq!(ours.rows, theirs.rows, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_sessions_do_not_disturb_each_other() {
    let test = "sql_sessions";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database(test).await;
    tidb.run([
        "SET time_zone = '+00:00'",
        "CREATE TABLE t (ts TIMESTAMP)",
        "INSERT INTO t VALUES ('2024-07-01 12:00:00')",
    ])
    .await;
    let (one, other) =
        (Connector::connect(&cluster, &[]).await, Connector::connect(&cluster, &[]).await);
    one.use_database(test).await;
    one.query("SET tidb.time_zone = 'Asia/Tokyo'").await;
    let wall = |rows: tifusion_testkit::cell::Rows| rows.rows[0][0].plain();
    assert_eq!(wall(one.query("SELECT ts FROM t").await), "2024-07-01 21:00:00");
    assert_eq!(wall(other.query("SELECT ts FROM sql_sessions.t").await), "2024-07-01 12:00:00");
    assert!(other.try_query("SELECT ts FROM t").await.is_err(), "USE is the session's own");
}
