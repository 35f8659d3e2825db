//! Tables that are joined have columns of the same names, and filters that one of them makes narrow the right one.
//!
//! DataFusion 55.2 looks columns of filters up by their names (its issues 25244, 25262 to 25264 and 25296), and so has one
//! of them narrow another table.

use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::ParquetReadOptions;
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::connector::Connector;
use tifusion_testkit::statistics::analyze_embedded;

use crate::joins::{run, sorted, with_statistics};

/// No two tables have an id in common, but for `c`, which has some of `b`'s.
async fn start() -> EmbeddedCluster {
    let cluster = EmbeddedCluster::builder().seed(73).start().await.unwrap();
    let values = |row: &dyn Fn(i64) -> String| (0..60).map(row).collect::<Vec<_>>().join(",");
    let script = format!(
        "CREATE TABLE test.a (id BIGINT PRIMARY KEY, b_id BIGINT, n BIGINT); INSERT INTO test.a VALUES {};
         CREATE TABLE test.b (id BIGINT PRIMARY KEY, n BIGINT); INSERT INTO test.b VALUES {};
         CREATE TABLE test.c (id BIGINT PRIMARY KEY, n BIGINT); INSERT INTO test.c VALUES {}",
        values(&|at| format!("({at}, {}, {})", 1000 + at * 7 % 60, at % 5)),
        values(&|at| format!("({}, {})", 1000 + at, at % 4)),
        (0..9).map(|at| format!("({}, {at})", 1000 + at * 5)).collect::<Vec<_>>().join(","),
    );
    cluster.execute(&script).await.unwrap();
    analyze_embedded(&cluster, "test", &["a", "b", "c"]).await;
    cluster
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_narrow_the_column_that_they_are_of() {
    let cluster = start().await;
    let queries = [
        "SELECT a.id, b.id, c.id FROM test.a JOIN test.b ON a.b_id = b.id JOIN test.c ON b.id = c.id",
        "SELECT a.id, b.id FROM test.b JOIN test.a ON a.b_id = b.id JOIN test.c ON a.id = c.id - 1000",
        "SELECT a.id, b.id, c.id FROM test.a LEFT JOIN test.b ON a.b_id = b.id JOIN test.c ON b.id = c.id",
        "SELECT c.id, t.x FROM (SELECT a.id, b.id AS x, b.id + 0 AS y FROM test.a JOIN test.b ON a.b_id = b.id) t
         JOIN test.c ON t.x = c.id",
        "SELECT c.id, t.k FROM (SELECT a.id, b.id AS k FROM test.a JOIN test.b ON a.b_id = b.id GROUP BY a.id, b.id) t
         JOIN test.c ON t.k = c.id",
        "SELECT a.id, b.id FROM test.a JOIN test.b ON a.b_id = b.id WHERE b.id IN (SELECT id FROM test.c)",
        "SELECT a.id, b.id FROM test.a JOIN test.b ON a.b_id = b.id
         WHERE EXISTS (SELECT 1 FROM test.c WHERE c.id = b.id AND c.n <> a.n)",
        "SELECT * FROM (SELECT a.id, b.id AS k FROM test.a JOIN test.b ON a.b_id = b.id
         UNION ALL SELECT b.id, a.id FROM test.a JOIN test.b ON a.b_id = b.id) u JOIN test.c ON u.k = c.id",
        "SELECT a.n, b.n, c.n FROM test.a JOIN test.b ON a.b_id = b.id JOIN test.c ON b.id = c.id ORDER BY b.n, c.n, a.n LIMIT 4",
        "SELECT a.id, b.id FROM test.a JOIN test.b ON a.b_id = b.id ORDER BY b.id DESC LIMIT 5",
        "SELECT max(b.n), min(c.n) FROM test.a JOIN test.b ON a.b_id = b.id JOIN test.c ON b.id = c.id",
    ];
    for reorders in [false, true] {
        for partitions in [1, 4] {
            let with = Connector::embedded(&cluster, &[]).await;
            let without = Connector::embedded(&cluster, &[]).await;
            for session in [&with, &without] {
                for setting in [
                    format!("datafusion.optimizer.join_reordering = {reorders}"),
                    format!("datafusion.execution.target_partitions = {partitions}"),
                ] {
                    session.query(&format!("SET {setting}")).await;
                }
            }
            without.query("SET datafusion.optimizer.enable_dynamic_filter_pushdown = false").await;
            for query in queries {
                let plan = with_statistics(&with, query).await;
                let (ours, theirs) = (run(&with, query).await, run(&without, query).await);
                assert!(!sorted(&theirs).is_empty(), "{query}");
                assert_eq!(sorted(&ours), sorted(&theirs), "{query}\n{plan}");
            }
        }
    }
    // And they still narrow: of the two tables that have an id, the one that it is of.
    let session = Connector::embedded(&cluster, &[]).await;
    session.query("SET datafusion.optimizer.join_reordering = false").await;
    let plan = with_statistics(&session, queries[0]).await;
    let scan = |table: &str| {
        let found = plan.lines().find(|line| line.contains(&format!("table=test.{table},")));
        found.unwrap_or_else(|| panic!("{plan}"))
    };
    assert!(scan("b").contains("dynamic_filters=[id"), "{plan}");
    assert!(!scan("a").contains("dynamic_filters=[id"), "{plan}");
    cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_beside_tables_are_narrowed_by_their_own_columns_too() {
    let cluster = start().await;
    let folder = tempfile::tempdir().unwrap();
    let session = Connector::embedded(&cluster, &[]).await;
    let engine = session.context().session_context();
    for table in ["a", "b"] {
        let rows = run(&session, &format!("SELECT * FROM test.{table}")).await;
        let file = folder.path().join(format!("{table}.parquet"));
        let file = file.to_str().unwrap();
        let frame = engine.read_batches(rows.batches).unwrap();
        frame.write_parquet(file, DataFrameWriteOptions::new(), None).await.unwrap();
        let name = format!("datafusion.public.{table}");
        engine.register_parquet(&name, file, ParquetReadOptions::default()).await.unwrap();
    }
    for reorders in [false, true] {
        session.query(&format!("SET datafusion.optimizer.join_reordering = {reorders}")).await;
        for query in [
            "SELECT a.id, b.id, c.id FROM datafusion.public.a JOIN datafusion.public.b ON a.b_id = b.id
             JOIN test.c ON b.id = c.id",
            "SELECT a.id, b.id, c.id FROM test.a JOIN datafusion.public.b ON a.b_id = b.id JOIN test.c ON b.id = c.id",
            "SELECT c.id, t.k FROM (SELECT a.id, b.id AS k FROM datafusion.public.a JOIN datafusion.public.b ON a.b_id = b.id
             GROUP BY a.id, b.id) t JOIN test.c ON t.k = c.id",
            "SELECT a.n, b.id FROM datafusion.public.a JOIN datafusion.public.b ON a.b_id = b.id ORDER BY b.id LIMIT 5",
        ] {
            let [mut ours, mut theirs] = [Vec::new(), Vec::new()];
            for (filters, found) in [(true, &mut ours), (false, &mut theirs)] {
                let set = "SET datafusion.optimizer.enable_dynamic_filter_pushdown =";
                session.query(&format!("{set} {filters}")).await;
                *found = sorted(&run(&session, query).await);
            }
            assert!(!theirs.is_empty(), "{query}");
            assert_eq!(ours, theirs, "{query}");
        }
    }
    cluster.shutdown().await;
}
