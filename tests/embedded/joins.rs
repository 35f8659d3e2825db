//! Joins whose one side tells the scan of the other which rows it wants.

use std::time::{Duration, Instant};

use tifusion_codec::key::{Handle, encode_record_key};
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, Rpc, When};
use tifusion_testkit::connector::{Answer, Connector};

use crate::tables::rows;

const REGIONS: i64 = 1200;
const ROWS: i64 = 2 * REGIONS;
const WANTED: i64 = 100;

/// How DataFusion spreads a join.
const ONE: [&str; 1] = ["SET datafusion.execution.target_partitions = 1"];
const SPREAD: [&str; 2] = [
    "SET datafusion.execution.target_partitions = 4",
    "SET datafusion.optimizer.hash_join_single_partition_threshold = 0",
];
const COLLECTED: [&str; 2] = [
    "SET datafusion.execution.target_partitions = 4",
    "SET datafusion.optimizer.hash_join_single_partition_threshold = 1000000000",
];
const SPREADS: [&[&str]; 3] = [&ONE, &SPREAD, &COLLECTED];

const OFF: &str = "SET datafusion.optimizer.enable_join_dynamic_filter_pushdown = false";

/// A large table in a thousand regions, and a small one with the ids of some of its rows.
async fn start() -> EmbeddedCluster {
    let cluster = EmbeddedCluster::builder().seed(62).start().await.unwrap();
    let values = (0..ROWS).map(|id| format!("({id}, {})", id % 7)).collect::<Vec<_>>().join(",");
    // Scattered, one from each 24.
    let wanted = (0..WANTED).map(|at| format!("({at}, {})", at * 24 + at % 3));
    let wanted = wanted.collect::<Vec<_>>().join(",");
    let script = format!(
        "CREATE TABLE test.large (id BIGINT PRIMARY KEY, n BIGINT); INSERT INTO test.large VALUES {values};
         CREATE TABLE test.small (k BIGINT PRIMARY KEY, id BIGINT); INSERT INTO test.small VALUES {wanted}"
    );
    cluster.execute(&script).await.unwrap();
    let table = cluster.table_info("test", "large").unwrap().id;
    let borders = (0..ROWS).step_by(2).map(|id| encode_record_key(table, &Handle::Int(id)));
    cluster.split_at(&borders.collect::<Vec<_>>()).unwrap();
    cluster.scatter();
    cluster
}

async fn session(cluster: &EmbeddedCluster, statements: &[&str]) -> Connector {
    let session = Connector::embedded(cluster, &[]).await;
    for statement in statements {
        session.query(statement).await;
    }
    session
}

async fn run(session: &Connector, query: &str) -> Answer {
    session.run(query).await.unwrap_or_else(|error| panic!("{error}\n{query}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_of_a_hundred_keys_reads_a_hundred_ranges() {
    let cluster = start().await;
    let query = "SELECT l.id, l.n, s.k FROM test.small s JOIN test.large l ON s.id = l.id";
    for spread in SPREADS {
        let session = session(&cluster, spread).await;
        let began = Instant::now();
        let answer = run(&session, query).await;
        let took = began.elapsed();
        assert_eq!(rows(&answer).len() as i64, WANTED, "{spread:?}");
        println!("{spread:?} {} {} {took:?}", answer.metric("requests"), answer.metric("dynamic_ranges"));
        assert_eq!(answer.metric("dynamic_ranges") as i64, WANTED, "{spread:?}");
        let requests = answer.metric("requests") as i64;
        assert!(requests <= WANTED + 4, "{requests} requests, {spread:?}");
        session.query(OFF).await;
        let began = Instant::now();
        let answer = run(&session, query).await;
        let without = began.elapsed();
        assert_eq!(rows(&answer).len() as i64, WANTED, "{spread:?}");
        assert!(answer.metric("requests") as i64 >= REGIONS);
        assert!(took < without, "{took:?} with the keys, {without:?} without, {spread:?}");
    }
}
