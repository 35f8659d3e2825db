//! TPC-H: all queries on a scheduler and two executors give the answers of one process.

use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::arrow_cells::Clock;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::differences::{sql_mode, to_tidb};
use tifusion_testkit::tidb::Tidb;
use tifusion_testkit::{statistics, tpch};

use super::processes::Processes;
use super::{config, config_at};

const SCALE: f64 = 0.01;

/// Three stores, with the tables in several regions.
pub(crate) async fn loaded() -> EmbeddedCluster {
    let cluster = EmbeddedCluster::builder().stores(3).start().await.unwrap();
    tpch::load_embedded(&cluster, "tpch", SCALE).await;
    for _ in 0..3 {
        for region in cluster.regions() {
            cluster.split_region(region.id).unwrap();
        }
    }
    cluster.scatter();
    let tables = tpch::tables(SCALE).map(|(name, _)| name);
    statistics::analyze_embedded(&cluster, "tpch", &tables).await;
    cluster
}

#[tokio::test(flavor = "multi_thread")]
async fn all_queries_on_two_executors_give_the_answers_of_one_process() {
    let cluster = loaded().await;
    let one = Connector::embedded(&cluster, &[]).await;
    let processes = Processes::start(config(&cluster), 2).await;
    let several = processes.session().await;
    for connector in [&one, &several] {
        connector.use_database("tpch").await;
    }
    for number in 1..=tpch::QUERIES {
        let query = tpch::query(number);
        let rules = Rules { ordered: true, exact_numbers: true, ..Rules::default() };
        let expected = one.query(&query).await;
        assert!(!expected.rows.is_empty(), "query {number} finds nothing");
        let answer = several.run(&query).await;
        let answer =
            answer.unwrap_or_else(|error| panic!("{number}: {error}\n{}", processes.told()));
        if let Some(difference) = difference(&answer.rows(Clock::Wall), &expected, rules) {
            panic!("query {number}: {difference}");
        }
    }
    let read: Vec<(u64, u64)> = processes.executors.iter().map(|it| it.read()).collect();
    for (number, (rows, bytes)) in read.iter().enumerate() {
        println!("executor {number}: {rows} rows, {bytes} bytes of TPC-H's tables");
        assert!(*rows > 10_000 && *bytes > 100_000, "{read:?}\n{}", processes.told());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_queries_on_two_executors_give_tidbs_answers() {
    let test = "tpch_ballista";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database(test).await;
    tpch::load(&mut tidb, SCALE).await;
    tidb.run([sql_mode()]).await;
    let processes = Processes::start(config_at(&cluster.pd), 2).await;
    let connector = processes.session().await;
    connector.use_database(test).await;
    for number in 1..=tpch::QUERIES {
        let query = tpch::query(number);
        let theirs = tidb.query(&to_tidb(&query)).await;
        assert!(!theirs.rows.is_empty(), "query {number} finds nothing");
        let ours = connector.query(&query).await;
        if let Some(difference) = difference(&ours, &theirs, tpch::rules(number)) {
            panic!("query {number}: {difference}");
        }
    }
}
