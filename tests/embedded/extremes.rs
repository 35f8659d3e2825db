//! Least and greatest values of one query: what one of them has found leaves out no row that another one needs.
//!
//! DataFusion 55.2 narrows scans by those that it has found of bare columns, and forgets the others (its issues 24816 and 25147).

use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::connector::Connector;

/// Rows of each of twelve partitions.
const ROWS: i64 = 1500;

/// `y` and `g` grow with the key, of which `g` is `NULL` in the older half.
async fn start() -> EmbeddedCluster {
    let cluster = EmbeddedCluster::builder().seed(79).start().await.unwrap();
    let bounds =
        (1..=12).map(|part| format!("PARTITION p{part} VALUES LESS THAN ({})", part * ROWS));
    let values = (0..12 * ROWS).map(|id| match id < 6 * ROWS {
        true => format!("({id}, {id}, {id}, {id}, NULL)"),
        false => format!("({id}, {id}, {id}, {}, {id})", 2 * id),
    });
    let script = format!(
        "CREATE TABLE test.t (id BIGINT PRIMARY KEY, x BIGINT NOT NULL, y BIGINT NOT NULL, f DOUBLE, g DOUBLE)
         PARTITION BY RANGE (id) ({}); INSERT INTO test.t VALUES {}",
        bounds.collect::<Vec<_>>().join(", "),
        values.collect::<Vec<_>>().join(","),
    );
    cluster.execute(&script).await.unwrap();
    cluster
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_has_found_leaves_out_no_row_that_another_needs() {
    let cluster = start().await;
    let session = Connector::embedded(&cluster, &[]).await;
    for setting in [
        "datafusion.execution.target_partitions = 2",
        "datafusion.execution.batch_size = 128",
        // They are found here.
        "tidb.plan.allow_agg_pushdown = false",
    ] {
        session.query(&format!("SET {setting}")).await;
    }
    for (query, expected) in [
        ("SELECT min(x), max(y + 1) FROM test.t", "0, 18000"),
        ("SELECT max(x - 1), min(y) FROM test.t", "17998, 0"),
        ("SELECT min(f), max(g) FROM test.t", "0.0, 17999.0"),
        ("SELECT max(g), min(f), max(x) FROM test.t", "17999.0, 0.0, 17999"),
        ("SELECT min(g), max(g) FROM test.t", "9000.0, 17999.0"),
        ("SELECT min(x) FROM test.t", "0"),
        ("SELECT max(g) FROM test.t", "17999.0"),
    ] {
        let answer = session.query(query).await;
        let cells: Vec<_> = answer.rows[0].iter().map(|cell| cell.plain()).collect();
        assert_eq!(cells.join(", "), expected, "{query}");
    }
    cluster.shutdown().await;
}
