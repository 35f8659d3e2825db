//! TPC-H at scale factor 0.01.

use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::difference;
use tifusion_testkit::connector::Connector;
use tifusion_testkit::differences::{sql_mode, to_tidb};
use tifusion_testkit::tidb::Tidb;
use tifusion_testkit::tpch;

#[tokio::test(flavor = "multi_thread")]
async fn all_queries_give_tidbs_answers() {
    let test = "tpch";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database(test).await;
    tpch::load(&mut tidb, 0.01).await;
    tidb.run([sql_mode()]).await;
    let bypass = Connector::connect(&cluster, &[]).await;
    let by_sql = Connector::by_sql(&cluster, &[]).await;
    for connector in [&bypass, &by_sql] {
        connector.use_database(test).await;
        let lines = connector.query("SELECT count(*) FROM lineitem").await;
        assert_eq!(lines.rows[0][0].plain(), "60175");
    }
    for number in 1..=tpch::QUERIES {
        let query = tpch::query(number);
        let theirs = tidb.query(&to_tidb(&query)).await;
        assert!(!theirs.rows.is_empty(), "query {number} finds nothing");
        for (connector, way) in [(&bypass, "from the stores"), (&by_sql, "by SQL")] {
            let ours = connector.query(&query).await;
            if let Some(difference) = difference(&ours, &theirs, tpch::rules(number)) {
                panic!("query {number} {way}: {difference}");
            }
        }
    }
}
