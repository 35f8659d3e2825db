//! Joins whose one side tells the scan of the other which rows it wants.

use std::time::{Duration, Instant};

use tifusion_codec::key::{Handle, encode_record_key, table_prefix};
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, Rpc};
use tifusion_testkit::connector::{Answer, Connector};
use tifusion_testkit::statistics::analyze_embedded;

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

pub(crate) async fn run(session: &Connector, query: &str) -> Answer {
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
        assert_eq!(sorted(&with), sorted(&without));
        assert!(with.metric("bytes") < without.metric("bytes") * 2 / 3, "{spread:?}");
    }
}

const BY_INDEX: &str =
    "SELECT o.id, o.pad, s.k FROM test.small s JOIN test.orders o ON s.id = o.customer";

/// A table with an index on what others join it by, of which each row has its own value, and a column with
/// as many of the same.
async fn orders(cluster: &EmbeddedCluster, index: &str) {
    let pad = "x".repeat(500);
    let row = |id: i64| format!("({id}, {}, {}, 'pad {id} {pad}')", id * 7 % ROWS, id % 3);
    let rows = (0..ROWS).map(row).collect::<Vec<_>>().join(",");
    let script = format!(
        "CREATE TABLE test.orders (id BIGINT PRIMARY KEY, customer BIGINT, kind BIGINT, \
         pad VARCHAR(600), {index}); INSERT INTO test.orders VALUES {rows}"
    );
    cluster.execute(&script).await.unwrap();
    let table = cluster.table_info("test", "orders").unwrap().id;
    let borders = (0..ROWS).step_by(100).map(|id| encode_record_key(table, &Handle::Int(id)));
    cluster.split_at(&borders.collect::<Vec<_>>()).unwrap();
    cluster.scatter();
}

pub(crate) fn sorted(answer: &Answer) -> Vec<String> {
    let mut rows: Vec<String> = rows(answer).iter().map(|row| format!("{row:?}")).collect();
    rows.sort();
    rows
}

/// A query's plan by statistics: on a machine that has much else to do, a statement may go on without
/// them, and others for a while.
pub(crate) async fn with_statistics(session: &Connector, query: &str) -> String {
    for _ in 0..60 {
        let plan = session.explain(query).await;
        let mut scans = plan.lines().filter(|line| line.contains("TikvScanExec"));
        if scans.all(|scan| scan.contains("stats=v2")) {
            return plan;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("statistics are never read in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_by_an_index_that_was_not_chosen_looks_up_its_rows() {
    for (index, is_analyzed, by_index) in [
        ("UNIQUE KEY by_customer (customer)", false, true),
        ("KEY by_customer (customer, kind)", true, true),
        // Nobody knows how many rows have a value.
        ("KEY by_customer (customer)", false, false),
        ("KEY by_kind (kind, customer)", true, false),
    ] {
        let cluster = start().await;
        orders(&cluster, index).await;
        if is_analyzed {
            analyze_embedded(&cluster, "test", &["small", "orders"]).await;
        }
        for spread in SPREADS {
            let session = session(&cluster, spread).await;
            let plan = match is_analyzed {
                true => with_statistics(&session, BY_INDEX).await,
                false => session.explain(BY_INDEX).await,
            };
            assert!(!plan.contains("access=lookup"), "{plan}");
            let answer = run(&session, BY_INDEX).await;
            assert_eq!(rows(&answer).len() as i64, WANTED, "{spread:?}");
            if by_index {
                assert_eq!(answer.metric("dynamic_ranges") as i64, WANTED, "{index} {spread:?}");
                assert_eq!(answer.metric("index_rows") as i64, WANTED, "{index} {spread:?}");
                // Those of the small table are among them.
                let received = answer.metric("rows_received") as i64;
                assert_eq!(received, 2 * WANTED, "{index} {spread:?}");
            } else {
                assert_eq!(answer.metric("index_rows"), 0, "{index} {spread:?}");
            }
            let found = sorted(&answer);
            for statement in [OFF, "SET tidb.plan.allow_index_read = false"] {
                session.query(statement).await;
                let answer = run(&session, BY_INDEX).await;
                assert_eq!(answer.metric("index_rows"), 0, "{index} {spread:?}");
                assert_eq!(sorted(&answer), found, "{index} {spread:?}");
            }
        }
        cluster.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_and_more_conditions_of_rows_that_are_looked_up() {
    let cluster = start().await;
    orders(&cluster, "KEY by_customer (customer)").await;
    analyze_embedded(&cluster, "test", &["small", "orders"]).await;
    for spread in SPREADS {
        let session = session(&cluster, spread).await;
        let mut looked_up = 0;
        for query in [
            "SELECT o.pad, s.k FROM test.small s JOIN test.orders o ON s.id = o.customer AND o.kind = 1",
            "SELECT o.pad, s.k FROM test.small s LEFT JOIN test.orders o ON s.id = o.customer",
            "SELECT o.pad FROM test.orders o WHERE customer IN (SELECT id FROM test.small)",
            "SELECT o.kind, count(*), max(o.pad) FROM test.small s JOIN test.orders o \
             ON s.id = o.customer GROUP BY o.kind",
            "SELECT s.k, t.n, t.p FROM test.small s JOIN (SELECT customer, count(*) n, max(pad) p \
             FROM test.orders GROUP BY customer) t ON s.id = t.customer",
            "SELECT o.pad, s.k FROM test.small s JOIN test.orders o ON s.id = o.customer \
             ORDER BY o.pad LIMIT 7",
            "SELECT o.pad, s.k FROM test.small s JOIN test.orders o ON s.id = o.customer \
             WHERE s.k < 0",
            "SELECT o.pad, p.pad FROM test.small s JOIN test.orders o ON s.id = o.customer \
             JOIN test.orders p ON p.customer = o.id",
        ] {
            session.query("SET tidb.plan.allow_index_read = true").await;
            with_statistics(&session, query).await;
            let answer = run(&session, query).await;
            let entries = answer.metric("index_rows");
            session.query("SET tidb.plan.allow_index_read = false").await;
            let without = run(&session, query).await;
            assert_eq!(sorted(&answer), sorted(&without), "{query} {spread:?}");
            assert_eq!(without.metric("index_rows"), 0);
            assert!(entries <= 2 * WANTED as usize, "{entries} entries: {query} {spread:?}");
            looked_up += entries;
        }
        assert!(looked_up >= 4 * WANTED as usize, "{looked_up} entries, {spread:?}");
    }
    cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn products_are_looked_at_along_the_way_that_their_rows_were_read_by() {
    const GROUPS: &str = "SELECT s.k, t.v, t.p FROM test.small s JOIN (SELECT customer, \
         sum(price * (1 - discount) * (1 + tax)) v, max(pad) p FROM test.sold GROUP BY customer) t \
         ON s.id = t.customer";
    let cluster = start().await;
    let pad = "x".repeat(500);
    let customer = |id: i64| id * 7 % ROWS;
    let is_wanted = |customer: i64| (0..WANTED).any(|at| at * 24 + at % 3 == customer);
    let row = |id: i64, numbers: &str| format!("({id}, {}, {numbers}, '{pad}')", customer(id));
    // Four rows of each customer.
    let usual = (0..4 * ROWS).map(|id| row(id, "12.50, 0.05, 0.08")).collect::<Vec<_>>().join(",");
    let script = format!(
        "CREATE TABLE test.sold (id BIGINT PRIMARY KEY, customer BIGINT, price DECIMAL(15, 2), \
         discount DECIMAL(15, 2), tax DECIMAL(15, 2), pad VARCHAR(600), KEY by_customer (customer)); \
         INSERT INTO test.sold VALUES {usual}"
    );
    cluster.execute(&script).await.unwrap();
    let table = cluster.table_info("test", "sold").unwrap().id;
    let borders = (0..5 * ROWS).step_by(400).map(|id| encode_record_key(table, &Handle::Int(id)));
    cluster.split_at(&borders.collect::<Vec<_>>()).unwrap();
    cluster.scatter();
    analyze_embedded(&cluster, "test", &["small", "sold"]).await;
    // In the last regions: a factor that is large in a product that is not, of a row that is wanted; a product that
    // is too large, of one that is not wanted; and of one that is.
    let large = "9999999999999.99, -9999999999999.99, 9000000.00";
    let mut last = (4 * ROWS..5 * ROWS).rev();
    let wanted = last.by_ref().filter(|id| is_wanted(customer(*id)));
    let wanted: Vec<i64> = wanted.take(2).collect();
    let other = last.find(|id| !is_wanted(customer(*id))).unwrap();
    let rows = [(wanted[0], "5.00, 0.50, 9000000.00"), (other, large), (wanted[1], large)];
    for (at, (id, numbers)) in rows.into_iter().enumerate() {
        let insert = format!("INSERT INTO test.sold VALUES {}", row(id, numbers));
        cluster.execute(&insert).await.unwrap();
        for spread in SPREADS {
            let session = session(&cluster, spread).await;
            let plan = with_statistics(&session, GROUPS).await;
            assert!(plan.contains("aggregates=["), "{plan}");
            match session.run(GROUPS).await {
                Ok(answer) => {
                    assert!(at < 2, "{spread:?}");
                    assert!(answer.metric("index_rows") >= 4 * WANTED as usize, "{spread:?}");
                    let found = sorted(&answer);
                    session.query("SET tidb.plan.allow_index_read = false").await;
                    let without = run(&session, GROUPS).await;
                    assert_eq!(without.metric("index_rows"), 0, "{spread:?}");
                    assert_eq!(sorted(&without), found, "{spread:?}");
                }
                Err(error) => {
                    assert!(at == 2 && error.to_string().contains("128 bits"), "{at}: {error}");
                }
            }
        }
    }
    cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lookups_with_the_values_of_one_run_are_not_kept_for_the_next() {
    let cluster = start().await;
    orders(&cluster, "KEY by_kind (kind)").await;
    let settings =
        [("coprocessor.cache_size", "67_108_864"), ("plan.use_index_scan_first", "true")];
    let session = Connector::embedded(&cluster, &settings).await;
    let query = format!("{BY_INDEX} WHERE o.kind = 1");
    let plan = session.explain(&query).await;
    assert!(plan.contains("index=by_kind, access=lookup"), "{plan}");
    let offered = |answer: &Answer| answer.metric("cache_misses") + answer.metric("cache_hits");
    let with = run(&session, &query).await;
    session.query(OFF).await;
    let without = run(&session, &query).await;
    assert_eq!(sorted(&with), sorted(&without));
    // The smaller table has one region.
    assert!(offered(&with) <= 1, "{}", offered(&with));
    assert!(offered(&without) > 10, "{}", offered(&without));
    cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_joins_are_built_of_are_read_side_by_side() {
    const TIME: Duration = Duration::from_secs(3);
    let cluster = EmbeddedCluster::builder().seed(64).start().await.unwrap();
    let mut script =
        "CREATE TABLE test.f (id BIGINT PRIMARY KEY, a BIGINT, b BIGINT, c BIGINT, d BIGINT);
                      INSERT INTO test.f VALUES (1, 1, 2, 3, 4), (2, 2, 2, 2, 2), (3, 1, 1, 9, 1);"
            .to_owned();
    for table in ["a", "b", "c", "d"] {
        script += &format!("CREATE TABLE test.{table} (id BIGINT PRIMARY KEY, v BIGINT);");
        script += &format!("INSERT INTO test.{table} VALUES (1, 10), (2, 20), (3, 30), (4, 40);");
    }
    cluster.execute(&script).await.unwrap();
    analyze_embedded(&cluster, "test", &["f", "a", "b", "c", "d"]).await;
    let star = "SELECT f.id, a.v + b.v + c.v + d.v FROM test.f, test.a, test.b, test.c, test.d
                WHERE f.a = a.id AND f.b = b.id AND f.c = c.id AND f.d = d.id ORDER BY f.id";
    for spread in SPREADS {
        let session = session(&cluster, spread).await;
        let expected = rows(&run(&session, star).await);
        assert_eq!(expected.len(), 2, "{spread:?}");
        let delay = cluster.faults().add(Fault::new(Effect::Delay(TIME)).on([Rpc::Coprocessor]));
        let began = Instant::now();
        assert_eq!(rows(&run(&session, star).await), expected, "{spread:?}");
        let took = began.elapsed();
        cluster.faults().remove(delay);
        // All that is built, and then the table that is looked through: not one after another.
        assert!(took >= TIME && took < 4 * TIME, "{spread:?}: {took:?}");
    }
    // Where nothing has a partner already, nothing goes wrong with what was begun.
    let session = session(&cluster, &ONE).await;
    let none = star.replace("f.a = a.id", "f.a = a.id AND a.v < 0");
    assert!(rows(&run(&session, &none).await).is_empty());
}
