//! Rows through indexes on a cluster whose requests, regions and faults a test can count and choose.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::execute_stream;
use futures::TryStreamExt as _;
use tifusion::ErrorKind;
use tifusion_client::Timestamp;
use tifusion_codec::datum::Datum;
use tifusion_codec::index::{IndexValue, IndexValueForm, KeyColumn, encode_index_key};
use tifusion_codec::key::{Handle, encode_record_key, index_prefix};
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, RegionErrorKind, Rpc, When};
use tifusion_testkit::connector::{Answer, Connector};
use tifusion_testkit::raw_writer::RawWriter;

const ROWS: i64 = 12_000;

/// A table of rows `(id, u, g, pad)`: `u` is unique, `g` is one of ten.
async fn start(seed: u64) -> (EmbeddedCluster, Connector) {
    let cluster = EmbeddedCluster::builder().seed(seed).start().await.unwrap();
    for (table, id, more) in [
        ("t", "id BIGINT PRIMARY KEY", ""),
        ("big", "id BIGINT UNSIGNED PRIMARY KEY", ""),
        ("parts", "id BIGINT PRIMARY KEY", PARTITIONS),
    ] {
        let unique = if more.is_empty() { "UNIQUE KEY by_u (u)" } else { "KEY by_u (u)" };
        let columns = format!("{id}, u BIGINT, g BIGINT, pad VARCHAR(20), {unique}, KEY by_g (g)");
        let sql = format!("CREATE TABLE test.{table} ({columns}) {more}");
        cluster.execute(&sql).await.unwrap();
        let of = |value: fn(i64) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values((0..ROWS).map(value)))
        };
        let pad: ArrayRef =
            Arc::new(StringArray::from_iter_values((0..ROWS).map(|id| format!("pad {id}"))));
        let columns = [
            ("id", of(|id| 2 * id)),
            ("u", of(|id| ROWS - id)),
            ("g", of(|id| id % 10)),
            ("pad", pad),
        ];
        cluster.load("test", table, &RecordBatch::try_from_iter(columns).unwrap()).await.unwrap();
    }
    let connector = Connector::embedded(&cluster, &SETTINGS).await;
    connector.use_database("test").await;
    (cluster, connector)
}

const SETTINGS: [(&str, &str); 2] =
    [("new_collation_enable", "true"), ("plan.use_index_scan_first", "true")];

const PARTITIONS: &str = "PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (5000), \
                          PARTITION p1 VALUES LESS THAN (9000), PARTITION p2 VALUES LESS THAN MAXVALUE)";

fn rows(answer: &Answer) -> usize {
    answer.batches.iter().map(RecordBatch::num_rows).sum()
}

async fn run(connector: &Connector, query: &str) -> Answer {
    connector.run(query).await.unwrap_or_else(|error| panic!("{error}\n{query}"))
}

/// How `query` is read, and its rows in order.
async fn read(connector: &Connector, query: &str) -> (String, Vec<Vec<String>>) {
    let plan = connector.explain(query).await;
    let access = plan.split("access=").nth(1).and_then(|rest| rest.split(',').next());
    let answer = run(connector, query).await;
    let mut rows: Vec<Vec<String>> = crate::tables::rows(&answer)
        .iter()
        .map(|row| row.iter().map(ToString::to_string).collect())
        .collect();
    rows.sort();
    (access.unwrap_or("table").to_owned(), rows)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_by_its_key_is_one_request_and_by_a_unique_index_two() {
    let (cluster, connector) = start(81).await;
    for (query, found, requests) in [
        ("SELECT * FROM t WHERE id = 500", 1, 1),
        ("SELECT * FROM t WHERE u = 500", 1, 2),
        ("SELECT * FROM t WHERE u = -5", 0, 1),
        ("SELECT * FROM t WHERE u IN (500, 501, 502)", 3, 2),
        ("SELECT u, id FROM t WHERE u = 500", 1, 1),
        ("SELECT u FROM t WHERE u IN (1, 20000)", 1, 1),
        ("SELECT * FROM big WHERE u = 500", 1, 2),
    ] {
        run(&connector, query).await;
        let answer = run(&connector, query).await;
        assert_eq!((rows(&answer), answer.metric("requests")), (found, requests), "{query}");
    }
    cluster.shutdown().await;
}

/// Queries by indexes, and how many rows they have.
const QUERIES: [(&str, usize, &str); 8] = [
    ("SELECT * FROM t WHERE g = 3", 1_200, "lookup"),
    ("SELECT id, pad FROM t WHERE u > 2000", 10_000, "lookup"),
    ("SELECT id, g FROM t WHERE g IN (1, 2)", 2_400, "covering"),
    ("SELECT * FROM big WHERE g = 3 AND u < 6000", 600, "lookup"),
    ("SELECT * FROM big WHERE g > 7 AND pad <> 'pad 8'", 2_399, "lookup"),
    ("SELECT * FROM parts WHERE g = 3", 1_200, "lookup"),
    ("SELECT pad FROM parts WHERE u BETWEEN 1 AND 11000", 11_000, "lookup"),
    ("SELECT count(pad) AS n FROM parts WHERE g = 3", 1, "lookup"),
];

/// A session with these settings, beside those of [`start`].
async fn session(cluster: &EmbeddedCluster, settings: &[(&str, &str)]) -> Connector {
    let settings = [&SETTINGS[..], settings].concat();
    let connector = Connector::embedded(cluster, &settings).await;
    connector.use_database("test").await;
    connector
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_the_tables_whatever_the_batches_and_encodings() {
    let (cluster, _) = start(82).await;
    let without = session(&cluster, &[("plan.allow_index_read", "false")]).await;
    let mut sessions = Vec::new();
    for settings in [
        &[][..],
        &[("index.scan_batch_size", "60"), ("index.scan_concurrency", "1")],
        &[("index.scan_batch_size", "1000"), ("table.scan_concurrency", "1")],
        &[("coprocess.codec_format", "default")],
        &[("coprocess.streaming", "true"), ("coprocessor.chunk_batch_size", "64")],
        &[("plan.downgrade.index_threshold", "1"), ("index.scan_batch_size", "200")],
        &[("plan.downgrade.index_threshold", "50"), ("index.scan_batch_size", "100")],
        &[("request.isolation.level", "RC")],
    ] {
        sessions.push((settings, session(&cluster, settings).await));
    }
    for split in [false, true] {
        if split {
            split_all(&cluster);
        }
        for (query, count, way) in QUERIES {
            let (access, expected) = read(&without, query).await;
            assert_eq!((access.as_str(), expected.len()), ("table", count), "{query}");
            for (settings, connector) in &sessions {
                let (access, rows) = read(connector, query).await;
                assert_eq!(access, way, "{query}");
                assert!(rows == expected, "{} rows: {query} {settings:?}", rows.len());
            }
        }
    }
    cluster.shutdown().await;
}

/// Splits records and entries of all tables.
fn split_all(cluster: &EmbeddedCluster) {
    let mut keys = Vec::new();
    for table in ["t", "big"] {
        let info = cluster.table_info("test", table).unwrap();
        keys.extend((1..20).map(|n| encode_record_key(info.id, &Handle::Int(n * 1_100 + 1))));
        for index in &info.indices {
            for value in (0..10).chain((1..9).map(|n| n * 1_500)) {
                let mut key = index_prefix(info.id, index.id);
                tifusion_codec::datum::encode_key(&mut key, &Datum::Int(value)).unwrap();
                keys.push(key);
            }
        }
    }
    keys.sort();
    keys.dedup();
    cluster.split_at(&keys).unwrap();
    cluster.scatter();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn regions_that_change_and_errors_between_the_two_reads_change_no_row() {
    let (cluster, connector) = start(83).await;
    let batches = session(&cluster, &[("index.scan_batch_size", "100")]).await;
    let query = "SELECT id, u, g, pad FROM t WHERE g < 3";
    let (_, expected) = read(&connector, query).await;
    assert_eq!(expected.len(), 3_600);
    for (at, kind) in [
        RegionErrorKind::EpochNotMatch,
        RegionErrorKind::NotLeader,
        RegionErrorKind::ServerIsBusy,
        RegionErrorKind::RegionNotFound,
    ]
    .into_iter()
    .enumerate()
    {
        let rule = Fault::new(Effect::RegionError(kind)).on([Rpc::Coprocessor]);
        let rule = cluster.faults().add(rule.when(When::Probability(0.2)));
        let slow = Fault::new(Effect::Delay(Duration::from_millis(5))).on([Rpc::Coprocessor]);
        let slow = cluster.faults().add(slow);
        let splits = async {
            for n in 0..20 {
                let info = cluster.table_info("test", "t").unwrap();
                let handle = (at as i64 * 20 + n) * 290 + 1;
                cluster.split_at(&[encode_record_key(info.id, &Handle::Int(handle))]).unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(120), read(&batches, query));
        let (found, ()) = tokio::join!(found, splits);
        let (access, rows) = found.expect("no hang");
        assert_eq!(access, "lookup");
        assert!(rows == expected, "{} rows under {kind}", rows.len());
        assert!(cluster.faults().fired(rule) > 0);
        cluster.faults().remove(rule);
        cluster.faults().remove(slow);
    }
    cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_without_a_row_is_an_error_that_names_table_and_index() {
    let (cluster, connector) = start(84).await;
    let info = cluster.table_info("test", "t").unwrap();
    let index = info.find_index("by_g").unwrap();
    let column = info.find_column("g").unwrap();
    let part = KeyColumn::new(column.id, &column.field_type, None, true).unwrap();
    let (g, handle) = (Datum::Int(77), Handle::Int(1));
    let (key, _) = encode_index_key(info.id, index.id, false, &[part], &[&g], &handle).unwrap();
    let value = IndexValue::default().encode(IndexValueForm::Version0).unwrap();
    let writer = RawWriter::connect(&cluster.pd_addresses().join(",")).await;
    let at = |offset| Timestamp::new(cluster.timestamp() + offset);
    let started = at(0);
    writer.prewrite(&[(key.clone(), value)], started, 3_000, &[]).await;
    writer.commit(&[key], started, at(1)).await.unwrap();
    // A condition of the rows' may leave the missing one out; without one there is no doubt.
    let none = session(&cluster, &[("plan.unsupported_pushdown_exprs", "*")]).await;
    let told = none.try_query("SELECT * FROM t WHERE g = 77").await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Data, "{told}");
    for word in ["test.t", "by_g", "ADMIN CHECK TABLE"] {
        assert!(told.to_string().contains(word), "{told}");
    }
    assert!(connector.query("SELECT * FROM t WHERE g = 77").await.rows.is_empty());
    cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_reads_a_few_entries_and_a_few_rows() {
    let (cluster, connector) = start(85).await;
    split_all(&cluster);
    for query in ["SELECT * FROM t WHERE u > 5 LIMIT 3", "SELECT * FROM parts WHERE u > 5 LIMIT 3"]
    {
        run(&connector, query).await;
        let answer = run(&connector, query).await;
        assert_eq!(rows(&answer), 3, "{query}");
        let entries = answer.metric("index_rows");
        assert!((3..=2_000).contains(&entries), "{entries} entries: {query}");
    }
    cluster.shutdown().await;
}

/// How many rows a query has with so much memory, all of which it gives back.
pub(crate) async fn rows_within(connector: &Connector, query: &str, bytes: usize) -> usize {
    let plan = connector.context().sql(query).await.unwrap();
    let plan = plan.create_physical_plan().await.unwrap();
    let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(bytes));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(&pool)).build_arc().unwrap();
    let state = connector.context().session_context().state();
    let task = TaskContext::from(&state).with_runtime(runtime);
    let read = execute_stream(plan, Arc::new(task)).unwrap().try_collect::<Vec<_>>();
    let read = tokio::time::timeout(Duration::from_secs(60), read).await.expect("no hang");
    assert_eq!(pool.reserved(), 0);
    read.unwrap().iter().map(RecordBatch::num_rows).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_memory_pool_is_enough() {
    let (cluster, connector) = start(86).await;
    split_all(&cluster);
    let sql = "SELECT * FROM t WHERE g < 9";
    for bytes in [1 << 20, 4 << 20, 64 << 20] {
        assert_eq!(rows_within(&connector, sql, bytes).await, 10_800);
    }
    cluster.shutdown().await;
}

/// A session that weighs indexes, with these settings.
async fn weighing(cluster: &EmbeddedCluster, settings: &[(&str, &str)]) -> Connector {
    let settings = [&SETTINGS[..1], settings].concat();
    let connector = Connector::embedded(cluster, &settings).await;
    connector.use_database("test").await;
    connector
}

/// The rows in the order in which they come.
fn in_order(answer: &Answer) -> Vec<Vec<String>> {
    let rows = crate::tables::rows(answer);
    rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_rows_by_an_index_cost_as_many_entries_and_rows() {
    let (cluster, _) = start(87).await;
    let connector = weighing(&cluster, &[]).await;
    let without = weighing(&cluster, &[("plan.allow_index_read", "false")]).await;
    for split in [false, true] {
        if split {
            split_all(&cluster);
        }
        for (query, entries) in [
            ("SELECT * FROM t ORDER BY u LIMIT 5", 5),
            ("SELECT * FROM t ORDER BY u DESC LIMIT 5", 5),
            ("SELECT pad FROM t ORDER BY u DESC LIMIT 5", 5),
            ("SELECT pad, u + 1 FROM t ORDER BY u LIMIT 5 OFFSET 7", 12),
            ("SELECT * FROM big ORDER BY u DESC LIMIT 40", 40),
            ("SELECT * FROM t WHERE u > 100 ORDER BY u LIMIT 3", 3),
            ("SELECT * FROM t WHERE u BETWEEN 100 AND 105 ORDER BY u DESC LIMIT 50", 6),
            // Each table has its own first rows.
            ("SELECT * FROM parts ORDER BY u LIMIT 5", 15),
        ] {
            let plan = connector.explain(query).await;
            assert!(plan.contains("index=by_u, access=lookup"), "{query}\n{plan}");
            assert!(plan.contains("keep_order=") && !plan.contains("SortExec"), "{query}\n{plan}");
            run(&connector, query).await;
            let answer = run(&connector, query).await;
            assert_eq!(in_order(&answer), in_order(&run(&without, query).await), "{query}");
            assert_eq!(answer.metric("index_rows"), entries, "{query}");
            assert_eq!(answer.metric("rows_received"), entries, "{query}");
            let requests = answer.metric("requests");
            assert!(requests <= 40, "{requests} requests: {query}");
        }
    }
    // What nobody knows may leave none of the first rows, or a row that is none of them.
    for query in [
        "SELECT * FROM t WHERE pad <> 'pad 7' ORDER BY u LIMIT 5",
        "SELECT * FROM t WHERE u + 1 > g ORDER BY u LIMIT 5",
        "SELECT * FROM t ORDER BY u, g DESC LIMIT 5",
        "SELECT * FROM t ORDER BY g, pad LIMIT 5",
        "SELECT * FROM t ORDER BY u LIMIT 11000",
        "SELECT * FROM t ORDER BY u",
        "SELECT * FROM t WHERE id < 8 ORDER BY u LIMIT 2",
    ] {
        let plan = connector.explain(query).await;
        assert!(!plan.contains("index="), "{query}\n{plan}");
        let (found, want) = (run(&connector, query).await, run(&without, query).await);
        assert_eq!(in_order(&found), in_order(&want), "{query}");
    }
    cluster.shutdown().await;
}

/// Queries of rows in the order of an index, of which each has one order.
const ORDERED: [&str; 5] = [
    "SELECT u, g, pad, id FROM t WHERE u > 500 ORDER BY u",
    "SELECT u, g, pad, id FROM t WHERE u < 9000 ORDER BY u DESC",
    "SELECT pad FROM big WHERE u BETWEEN 300 AND 4000 ORDER BY u DESC",
    "SELECT u, pad FROM parts WHERE u > 9000 ORDER BY u",
    "SELECT u, pad FROM t WHERE u > 9000 AND g <> 3 ORDER BY u LIMIT 500",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_stay_in_order_whatever_the_batches_faults_and_memory() {
    let (cluster, _) = start(88).await;
    let without = session(&cluster, &[("plan.allow_index_read", "false")]).await;
    split_all(&cluster);
    let busy = Fault::new(Effect::RegionError(RegionErrorKind::ServerIsBusy));
    let busy = cluster.faults().add(busy.on([Rpc::Coprocessor]).when(When::Probability(0.1)));
    for settings in [
        &[][..],
        &[("index.scan_batch_size", "60"), ("index.scan_concurrency", "4")],
        &[("index.scan_batch_size", "1000"), ("coprocess.codec_format", "default")],
        &[("coprocess.streaming", "true"), ("coprocessor.chunk_batch_size", "64")],
        &[("plan.downgrade.index_threshold", "1"), ("index.scan_batch_size", "200")],
    ] {
        let connector = session(&cluster, settings).await;
        for query in ORDERED {
            let plan = connector.explain(query).await;
            assert!(plan.contains("access=lookup") && plan.contains("keep_order="), "{plan}");
            let want = in_order(&run(&without, query).await);
            let found = tokio::time::timeout(Duration::from_secs(120), run(&connector, query));
            let found = in_order(&found.await.expect("no hang"));
            assert!(found == want, "{} rows: {query} {settings:?}", found.len());
        }
    }
    assert!(cluster.faults().fired(busy) > 0);
    cluster.faults().remove(busy);
    let connector = session(&cluster, &[]).await;
    for query in &ORDERED[..4] {
        for bytes in [4 << 20, 64 << 20] {
            let rows = rows_within(&connector, query, bytes).await;
            assert_eq!(rows, in_order(&run(&without, query).await).len(), "{query}");
        }
    }
    // Where locks are passed over, entries and rows may contradict each other.
    let passing = session(&cluster, &[("request.isolation.level", "RC")]).await;
    let plan = passing.explain(ORDERED[0]).await;
    assert!(plan.contains("SortExec") && !plan.contains("keep_order="), "{plan}");
    cluster.shutdown().await;
}
