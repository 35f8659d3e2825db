//! What prepared queries and those that are run at once cost, and what they do where stores and regions change.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::Result as DataFusionResult;
use datafusion::common::config::ConfigOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt as _;
use tifusion::PreparedQuery;
use tifusion_codec::key::{Handle, encode_record_key};
use tifusion_embedded::{EmbeddedCluster, Rpc};
use tifusion_testkit::connector::Connector;

async fn read(query: &PreparedQuery, id: i64) -> usize {
    let rows = query.execute(vec![ScalarValue::from(id)]).await.unwrap();
    let rows: Vec<_> = rows.try_collect().await.unwrap();
    rows.iter().map(arrow::array::RecordBatch::num_rows).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_by_its_key_is_one_request_beside_one_for_the_schema() {
    let cluster = EmbeddedCluster::builder().seed(62).start().await.unwrap();
    let script = "CREATE TABLE test.t (id BIGINT PRIMARY KEY, v VARCHAR(9)); INSERT INTO test.t VALUES (1, 'one'), (900, 'more')";
    cluster.execute(script).await.unwrap();
    let session = Connector::embedded(&cluster, &[]).await;
    let query = session.context().prepare_query("SELECT * FROM test.t WHERE id = ?").await.unwrap();
    assert!(query.is_point());
    assert_eq!(read(&query, 1).await, 1);
    let asked = [Rpc::BatchGet, Rpc::PdTso, Rpc::Coprocessor, Rpc::Get];
    let calls = || asked.map(|rpc| cluster.faults().calls(rpc));
    let before = calls();
    for id in [1, 900, 5] {
        assert_eq!(read(&query, id).await, usize::from(id != 5));
    }
    let after = calls();
    let counts: Vec<_> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(
        counts,
        [6, 0, 0, 0],
        "a row and the schema's version, and nobody is asked for the time"
    );

    // Regions that were split and leaders that moved are found again.
    let table = cluster.table_info("test", "t").unwrap().id;
    cluster.split_at(&[encode_record_key(table, &Handle::Int(500))]).unwrap();
    cluster.scatter();
    for id in [1, 900] {
        assert_eq!(read(&query, id).await, 1);
    }
    cluster.execute("INSERT INTO test.t VALUES (5, 'five')").await.unwrap();
    assert_eq!(read(&query, 5).await, 1, "what was committed is seen by the next run");

    // Parameters count as they are written.
    let sql = "SELECT id FROM test.t WHERE id > ? ORDER BY id OFFSET ? LIMIT ?";
    let page = session.context().prepare_query(sql).await.unwrap();
    let rows = page.execute([0_i64, 1, 5].map(ScalarValue::from).to_vec()).await.unwrap();
    let rows: Vec<_> = rows.try_collect().await.unwrap();
    let rows: usize = rows.iter().map(arrow::array::RecordBatch::num_rows).sum();
    assert_eq!(rows, 2, "all three but the first");

    // A change elsewhere in the schema is looked at once.
    cluster.execute("CREATE TABLE test.other (id BIGINT PRIMARY KEY)").await.unwrap();
    assert_eq!(read(&query, 5).await, 1);
    let before = calls();
    assert_eq!(read(&query, 5).await, 1);
    let counts: Vec<_> = calls().iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(counts, [2, 0, 0, 0], "the short way again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_is_run_at_once_asks_for_the_time_and_the_schema_once() {
    let cluster = EmbeddedCluster::builder().seed(63).start().await.unwrap();
    let script = "CREATE TABLE test.t (id BIGINT PRIMARY KEY, v BIGINT); INSERT INTO test.t VALUES (1, 10), (2, 20)";
    cluster.execute(script).await.unwrap();
    let session = Connector::embedded(&cluster, &[]).await;
    let run = async |query: &str| {
        let statement = session.context().parse(query).unwrap().remove(0);
        let rows = session.context().execute(statement).await.unwrap();
        let rows: Vec<_> = rows.try_collect().await.unwrap();
        rows.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>()
    };
    let asked = [Rpc::PdTso, Rpc::BatchGet, Rpc::Coprocessor];
    let calls = || asked.map(|rpc| cluster.faults().calls(rpc));
    for (query, rows, costs) in [
        ("SELECT * FROM test.t WHERE id = 2", 1, [0, 2, 0]),
        ("SELECT * FROM test.t WHERE id = 5", 0, [0, 2, 0]),
        ("SELECT id FROM test.t WHERE v >= 10", 2, [1, 1, 1]),
        ("SELECT id FROM test.t WHERE false", 0, [1, 1, 0]),
    ] {
        // What is known of the table is read by the first run.
        assert_eq!(run(query).await, rows, "{query}");
        let before = calls();
        assert_eq!(run(query).await, rows, "{query}");
        let counts: Vec<_> =
            calls().iter().zip(before).map(|(after, before)| after - before).collect();
        assert_eq!(counts, costs, "time, schema and rows by key, and scans: {query}");
    }
}

/// A rule of the caller's, as those that add filters for who asks.
#[derive(Debug)]
struct Watching(Arc<AtomicUsize>);

impl AnalyzerRule for Watching {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DataFusionResult<LogicalPlan> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(plan)
    }

    fn name(&self) -> &'static str {
        "watching"
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_and_engines_of_the_session_hold_for_a_row_by_its_key_too() {
    let cluster = EmbeddedCluster::builder().seed(64).start().await.unwrap();
    let script =
        "CREATE TABLE test.t (id BIGINT PRIMARY KEY, v BIGINT); INSERT INTO test.t VALUES (1, 10)";
    cluster.execute(script).await.unwrap();
    let session = Connector::embedded(&cluster, &[]).await;
    let context = session.context();
    let query = context.prepare_query("SELECT * FROM test.t WHERE id = ?").await.unwrap();
    let at_once = async || {
        let statement = context.parse("SELECT * FROM test.t WHERE id = 1").unwrap().remove(0);
        Ok::<Vec<_>, tifusion::Error>(context.execute(statement).await?.try_collect().await?)
    };
    assert!(query.is_point());
    session.query("SET tidb.isolation_read_engines = 'tiflash'").await;
    let error = at_once().await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("tiflash"), "{error}");
    session.query("SET tidb.isolation_read_engines = 'tikv'").await;
    assert_eq!(at_once().await.unwrap().len(), 1);
    let asked = Arc::new(AtomicUsize::new(0));
    context.session_context().add_analyzer_rule(Arc::new(Watching(Arc::clone(&asked))));
    assert_eq!(at_once().await.unwrap().len(), 1);
    assert!(asked.swap(0, Ordering::Relaxed) > 0, "the rule was not asked");
    let query = context.prepare_query("SELECT * FROM test.t WHERE id = ?").await.unwrap();
    assert!(!query.is_point());
    assert_eq!(read(&query, 1).await, 1);
    assert!(asked.load(Ordering::Relaxed) > 0, "nor for a prepared query");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_those_of_the_database_that_a_query_was_prepared_in() {
    let cluster = EmbeddedCluster::builder().seed(67).start().await.unwrap();
    let script = "CREATE DATABASE other; CREATE TABLE test.t (id BIGINT PRIMARY KEY, v BIGINT); \
                  CREATE TABLE other.t (id BIGINT PRIMARY KEY, v BIGINT); INSERT INTO test.t VALUES (1, 10)";
    cluster.execute(script).await.unwrap();
    let session = Connector::embedded(&cluster, &[]).await;
    session.use_database("test").await;
    let context = session.context();
    let queries = [
        context.prepare_query("SELECT v FROM t WHERE id = ?").await.unwrap(),
        context.prepare_query("SELECT v FROM t WHERE id < 2 AND id >= ?").await.unwrap(),
    ];
    session.use_database("other").await;
    for change in [
        "",
        "CREATE TABLE other.u (id BIGINT PRIMARY KEY)",
        "CREATE TABLE test.u (id BIGINT PRIMARY KEY)",
    ] {
        if !change.is_empty() {
            cluster.execute(change).await.unwrap();
        }
        session.query("SET tidb.table.scan_concurrency = 3").await;
        session.query("RESET tidb.table.scan_concurrency").await;
        for query in &queries {
            assert_eq!(read(query, 1).await, 1, "{change}");
        }
    }
    cluster.shutdown().await;
}
