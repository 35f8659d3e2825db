//! A small LIMIT over a large table, and the first and last rows of it.

use tifusion_codec::key::{Handle, encode_record_key};
use tifusion_embedded::{EmbeddedCluster, Rpc};
use tifusion_testkit::cell::Cell;
use tifusion_testkit::connector::Connector;

const REGIONS: i64 = 1200;
const ROWS: i64 = 2 * REGIONS;

/// A table of two rows in each region.
async fn start() -> EmbeddedCluster {
    let cluster = EmbeddedCluster::builder().seed(61).start().await.unwrap();
    let rows = (0..ROWS).map(|id| format!("({id}, {id})")).collect::<Vec<_>>().join(",");
    let script = "CREATE TABLE test.large (id BIGINT PRIMARY KEY, n BIGINT)";
    cluster.execute(&format!("{script}; INSERT INTO test.large VALUES {rows}")).await.unwrap();
    let table = cluster.table_info("test", "large").unwrap().id;
    let borders = (0..ROWS).step_by(2).map(|id| encode_record_key(table, &Handle::Int(id)));
    cluster.split_at(&borders.collect::<Vec<_>>()).unwrap();
    cluster.scatter();
    assert!(cluster.regions().len() > 1000);
    cluster
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_rows_of_a_thousand_regions_touch_a_few() {
    let cluster = start().await;
    for settings in [&[][..], &crate::tables::PAGES] {
        let session = Connector::embedded(&cluster, settings).await;
        let asked = [Rpc::Coprocessor, Rpc::PdScanRegions].map(|rpc| cluster.faults().calls(rpc));
        let answer = session.run("SELECT * FROM test.large LIMIT 10").await.unwrap();
        assert_eq!(crate::tables::rows(&answer).len(), 10);
        for what in ["tasks", "requests"] {
            let count = answer.metric(what);
            assert!((1..=16).contains(&count), "{count} {what} for ten rows");
        }
        let rows = answer.metric("rows_received");
        assert!((10..=160).contains(&rows), "{rows} rows received for ten");
        let told = [Rpc::Coprocessor, Rpc::PdScanRegions].map(|rpc| cluster.faults().calls(rpc));
        assert!(told[0] - asked[0] <= 16, "{told:?} after {asked:?}");
        assert!(told[1] - asked[1] <= 4, "{told:?} after {asked:?}");
    }
    let session = Connector::embedded(&cluster, &[]).await;
    let answer = session.run("SELECT * FROM test.large").await.unwrap();
    assert_eq!(crate::tables::rows(&answer).len() as i64, ROWS);
    assert!(answer.metric("tasks") as i64 >= REGIONS, "{} tasks", answer.metric("tasks"));
}

/// The ids that a query gives, in its order.
async fn ids(session: &Connector, query: &str) -> (Vec<i64>, usize) {
    let answer = session.run(query).await.unwrap_or_else(|error| panic!("{error}\n{query}"));
    let id = |row: &Vec<Cell>| match row[0] {
        Cell::Int(id) => i64::try_from(id).unwrap(),
        ref other => panic!("{other}"),
    };
    (crate::tables::rows(&answer).iter().map(id).collect(), answer.metric("requests"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_and_the_last_rows_of_a_thousand_regions_touch_a_few() {
    let cluster = start().await;
    for settings in [&[][..], &crate::tables::PAGES] {
        let session = Connector::embedded(&cluster, settings).await;
        for target in [1, 4] {
            session.query(&format!("SET datafusion.execution.target_partitions = {target}")).await;
            for (query, want) in [
                ("SELECT * FROM test.large ORDER BY id LIMIT 10", (0..10).collect::<Vec<_>>()),
                (
                    "SELECT * FROM test.large ORDER BY id DESC LIMIT 10",
                    (ROWS - 10..ROWS).rev().collect(),
                ),
                (
                    "SELECT * FROM test.large WHERE id > 1000 ORDER BY id LIMIT 5",
                    (1001..1006).collect(),
                ),
                (
                    "SELECT * FROM test.large WHERE id < 1000 ORDER BY id DESC LIMIT 5 OFFSET 3",
                    (992..997).rev().collect(),
                ),
                ("SELECT id, n + 1 FROM test.large ORDER BY id LIMIT 10", (0..10).collect()),
                (
                    "SELECT id FROM test.large ORDER BY id DESC, n LIMIT 3",
                    (ROWS - 3..ROWS).rev().collect(),
                ),
            ] {
                let (got, requests) = ids(&session, query).await;
                assert_eq!(got, want, "{query}");
                assert!(requests <= 24, "{requests} requests: {query}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_rows_come_in_order_from_all_partitions() {
    let cluster = start().await;
    for settings in [&[][..], &crate::tables::PAGES] {
        let session = Connector::embedded(&cluster, settings).await;
        for target in [1, 4] {
            session.query(&format!("SET datafusion.execution.target_partitions = {target}")).await;
            let (got, _) = ids(&session, "SELECT id FROM test.large ORDER BY id").await;
            assert_eq!(got, (0..ROWS).collect::<Vec<_>>());
            let (got, _) =
                ids(&session, "SELECT id FROM test.large WHERE n % 3 = 1 ORDER BY id DESC").await;
            assert_eq!(got, (0..ROWS).rev().filter(|id| id % 3 == 1).collect::<Vec<_>>());
        }
    }
}
