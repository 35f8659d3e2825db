//! Joins whose one side tells the scan of the other which rows it wants.

use std::time::{Duration, Instant};

use tifusion_codec::key::{Handle, encode_record_key, table_prefix};
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, Rpc};
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

const JOIN: &str = "SELECT l.id, l.n, s.k FROM test.small s JOIN test.large l ON s.id = l.id";

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
    for spread in SPREADS {
        let session = session(&cluster, spread).await;
        let began = Instant::now();
        let answer = run(&session, JOIN).await;
        let took = began.elapsed();
        assert_eq!(rows(&answer).len() as i64, WANTED, "{spread:?}");
        assert_eq!(answer.metric("dynamic_ranges") as i64, WANTED, "{spread:?}");
        let requests = answer.metric("requests") as i64;
        assert!(requests <= WANTED + 4, "{requests} requests, {spread:?}");
        session.query(OFF).await;
        let began = Instant::now();
        let answer = run(&session, JOIN).await;
        let without = began.elapsed();
        assert_eq!(rows(&answer).len() as i64, WANTED, "{spread:?}");
        assert!(answer.metric("requests") as i64 >= REGIONS);
        assert!(took < without, "{took:?} with the keys, {without:?} without, {spread:?}");
    }
}

/// The other side of a join is begun before this one is read.
const EAGER: &str = "SET datafusion.execution.hash_join_buffering_capacity = 1048576";

/// Requests for the small table take so long.
fn slow(cluster: &EmbeddedCluster, time: Duration) {
    let small = cluster.table_info("test", "small").unwrap().id;
    let keys = (table_prefix(small), table_prefix(small + 1));
    let fault = Fault::new(Effect::Delay(time)).on([Rpc::Coprocessor]).for_keys(&keys.0, &keys.1);
    cluster.faults().add(fault);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_side_that_is_begun_early_waits_for_the_other_for_a_while() {
    let cluster = start().await;
    slow(&cluster, Duration::from_millis(400));
    for (wait, narrowed) in [("30s", true), ("0s", false), ("10ms", false)] {
        for spread in SPREADS {
            let session = session(&cluster, spread).await;
            session.query(EAGER).await;
            session.query(&format!("SET tidb.plan.dynamic_filter_wait = '{wait}'")).await;
            let answer = run(&session, JOIN).await;
            assert_eq!(rows(&answer).len() as i64, WANTED, "{wait} {spread:?}");
            let requests = answer.metric("requests") as i64;
            if narrowed {
                assert!(requests <= WANTED + 4, "{requests} requests, {wait} {spread:?}");
                assert!(answer.metric("dynamic_wait") > 100_000_000, "{wait} {spread:?}");
            } else {
                assert!(requests >= REGIONS, "{requests} requests, {wait} {spread:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_that_waits_ends_when_it_is_dropped_or_its_time_is_over() {
    let cluster = start().await;
    slow(&cluster, Duration::from_secs(600));
    let session = session(&cluster, &ONE).await;
    session.query(EAGER).await;
    session.query("SET tidb.plan.dynamic_filter_wait = '600s'").await;
    {
        let running = session.run(JOIN);
        tokio::pin!(running);
        while cluster.faults().under_way(Rpc::Coprocessor) == 0 {
            assert!(futures::poll!(&mut running).is_pending());
            tokio::task::yield_now().await;
        }
    }
    crate::cancel::until_idle(&cluster).await;
    session.query("SET tidb.statement.timeout = '1s'").await;
    let began = Instant::now();
    let error = session.try_query(JOIN).await.unwrap_err();
    assert_eq!(error.kind(), tifusion::ErrorKind::DeadlineExceeded, "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_columns_without_a_key_are_left_at_the_stores() {
    let cluster = start().await;
    let script = "CREATE TABLE test.few (n BIGINT); INSERT INTO test.few VALUES (3), (5)";
    cluster.execute(script).await.unwrap();
    for spread in SPREADS {
        let session = session(&cluster, spread).await;
        let query = "SELECT l.id FROM test.few f JOIN test.large l ON f.n = l.n";
        let with = run(&session, query).await;
        session.query(OFF).await;
        let without = run(&session, query).await;
        let sorted = |answer: &Answer| {
            let mut rows: Vec<String> = rows(answer).iter().map(|row| format!("{row:?}")).collect();
            rows.sort();
            rows
        };
        assert_eq!(sorted(&with), sorted(&without));
        assert!(with.metric("bytes") < without.metric("bytes") * 2 / 3, "{spread:?}");
    }
}
