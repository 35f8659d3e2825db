//! The cache of coprocessor answers, as SQL shows it.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::connector::Connector;

/// Enough that a store takes more than the 5 ms that make an answer worth keeping.
const ROWS: i64 = 30_000;

fn rows(ids: std::ops::Range<i64>) -> RecordBatch {
    let values = ids.clone().map(|id| id % 1000);
    let (ids, values) = (Int64Array::from_iter_values(ids), Int64Array::from_iter_values(values));
    RecordBatch::try_from_iter([("id", Arc::new(ids) as _), ("v", Arc::new(values) as _)]).unwrap()
}

/// Two tables of two columns, each in a region of its own.
async fn cluster() -> EmbeddedCluster {
    let cluster = EmbeddedCluster::builder().stores(3).start().await.unwrap();
    for table in ["busy", "calm"] {
        let create = format!("CREATE TABLE test.{table} (id BIGINT PRIMARY KEY, v BIGINT)");
        cluster.execute(&create).await.unwrap();
        for start in (0..ROWS).step_by(10_000) {
            cluster.load("test", table, &rows(start..start + 10_000)).await.unwrap();
        }
    }
    cluster
}

const TOTALS: &str = "SELECT 'busy' AS name, count(*), sum(v) FROM busy \
    UNION ALL SELECT 'calm', count(*), sum(v) FROM calm ORDER BY name";

#[tokio::test(flavor = "multi_thread")]
async fn explain_analyze_shows_hits_and_answers_stay_right_while_rows_change() {
    let cluster = cluster().await;
    let cached = Connector::embedded(&cluster, &[]).await;
    let plain = Connector::embedded(&cluster, &[("coprocessor.cache_size", "0")]).await;
    for session in [&cached, &plain] {
        session.use_database("test").await;
    }
    // Each round's first read: the table that was written to last is read anew.
    let mut hits = Vec::new();
    for row in ROWS..ROWS + 3 {
        let answer = cached.run(TOTALS).await.unwrap();
        hits.push((answer.metric("cache_hits"), answer.metric("cache_misses")));
        let again = cached.run(TOTALS).await.unwrap();
        assert_eq!((again.metric("cache_hits"), again.metric("cache_misses")), (2, 0));
        let expected = plain.query(TOTALS).await.rows;
        assert_eq!(cached.query(TOTALS).await.rows, expected);
        let clock = tifusion_testkit::arrow_cells::Clock::Wall;
        assert_eq!((answer.rows(clock).rows, again.rows(clock).rows), (expected.clone(), expected));
        cluster.load("test", "busy", &rows(row..row + 1)).await.unwrap();
        cluster.load("test", "calm", &rows(row..row + 1)).await.unwrap();
        assert_eq!(cached.query(TOTALS).await.rows, plain.query(TOTALS).await.rows);
        cluster.load("test", "busy", &rows(row + 10..row + 11)).await.unwrap();
    }
    assert_eq!(hits, [(0, 2), (1, 1), (1, 1)]);
    let shown = cached.query(&format!("EXPLAIN ANALYZE {TOTALS}")).await.rows;
    let shown: String = shown.iter().flatten().map(|cell| cell.plain()).collect();
    assert!(shown.contains("cache_hits=1, cache_misses=0"), "{shown}");
    assert!(shown.contains("cache_hits=0, cache_misses=1"), "{shown}");
    let shown = plain.run(TOTALS).await.unwrap();
    assert_eq!((shown.metric("cache_hits"), shown.metric("cache_misses")), (0, 0));
}
