//! A small LIMIT over a large table.

use tifusion_codec::key::{Handle, encode_record_key};
use tifusion_embedded::{EmbeddedCluster, Rpc};
use tifusion_testkit::connector::Connector;

const REGIONS: i64 = 1200;
const ROWS: i64 = 2 * REGIONS;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_rows_of_a_thousand_regions_touch_a_few() {
    let cluster = EmbeddedCluster::builder().seed(61).start().await.unwrap();
    let rows = (0..ROWS).map(|id| format!("({id}, {id})")).collect::<Vec<_>>().join(",");
    let script = "CREATE TABLE test.large (id BIGINT PRIMARY KEY, n BIGINT)";
    cluster.execute(&format!("{script}; INSERT INTO test.large VALUES {rows}")).await.unwrap();
    let table = cluster.table_info("test", "large").unwrap().id;
    let borders = (0..ROWS).step_by(2).map(|id| encode_record_key(table, &Handle::Int(id)));
    cluster.split_at(&borders.collect::<Vec<_>>()).unwrap();
    cluster.scatter();
    assert!(cluster.regions().len() > 1000);
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
