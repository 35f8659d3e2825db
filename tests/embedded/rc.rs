//! `request.isolation.level = RC` over every way to a table's rows.

use std::time::Duration;

use tifusion::ErrorKind;
use tifusion_client::snapshot::{ScanOptions, SnapshotOptions};
use tifusion_client::{Client, ClientOptions};
use tifusion_codec::key::table_prefix;
use tifusion_embedded::{EmbeddedCluster, Rpc};
use tifusion_testkit::cell::Cell;
use tifusion_testkit::connector::Connector;

use crate::raw::{Raw, prewrite, send};

/// Longer than any test runs.
const FOREVER: u64 = 600_000;

/// Every key of a table, of its rows and of its entries, locked by a transaction that lives.
async fn lock_all(cluster: &EmbeddedCluster, table: i64) {
    let client = Client::connect(ClientOptions::new(cluster.pd_addresses())).await.unwrap();
    let now = client.timestamp().await.unwrap();
    let snapshot = client.snapshot(now, SnapshotOptions::default());
    let scan =
        snapshot.scan(&table_prefix(table), &table_prefix(table + 1), ScanOptions::default());
    let pairs = scan.collect().await.unwrap();
    let primary = pairs[0].key.clone();
    let raw = Raw::new(cluster);
    let start = raw.timestamp().await;
    for pair in &pairs {
        let mut request = prewrite(&[(&pair.key, &b"another".to_vec())], &primary, start);
        request.lock_ttl = FOREVER;
        assert_eq!(send!(raw, &pair.key, kv_prewrite, request).errors, []);
    }
}

/// A query, its answer, and what its plan says.
const QUERIES: [(&str, [i128; 2], &str); 8] = [
    ("SELECT count(*), sum(a) FROM t", [40, 8200], "aggregates"),
    ("SELECT id + 0, a FROM t WHERE id = 7", [7, 70], "TikvScanExec"),
    ("SELECT count(id), max(a) FROM t WHERE id IN (3, 5, 9)", [3, 90], "TikvScanExec"),
    ("SELECT id, length(pad) FROM t WHERE a = 80", [8, 3], "access=lookup"),
    ("SELECT count(*), min(a) FROM t WHERE a BETWEEN 100 AND 130", [4, 100], "access=covering"),
    ("SELECT id, length(pad) FROM t WHERE b = 'b11'", [11, 3], "index=by_b"),
    ("SELECT id, a FROM t ORDER BY id DESC LIMIT 1", [40, 400], "limit=1"),
    ("SELECT x.id, y.a FROM t x JOIN t y ON x.id = y.id WHERE y.a = 20", [2, 20], "Join"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rc_passes_by_locks_on_every_way_and_writes_do_not() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let rows = (1..=40).map(|id| format!("({id}, {}, 'b{id}', 'pad')", id * 10));
    let rows = rows.collect::<Vec<_>>().join(", ");
    cluster
        .execute(&format!(
            "CREATE TABLE test.t (id BIGINT PRIMARY KEY, a BIGINT, b VARCHAR(9), pad VARCHAR(9), \
             KEY by_a (a), UNIQUE KEY by_b (b)); INSERT INTO test.t VALUES {rows};"
        ))
        .await
        .unwrap();
    let settings = [
        ("plan.use_index_scan_first", "true"),
        ("new_collation_enable", "true"),
        ("write.enable", "true"),
    ];
    let session = Connector::embedded(&cluster, &settings).await;
    session.use_database("test").await;
    lock_all(&cluster, cluster.table_info("test", "t").unwrap().id).await;
    for (query, _, _) in QUERIES {
        session.query("SET tidb.statement.timeout = '300ms'").await;
        let error = session.try_query(query).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{query} meets no lock: {error}");
    }
    session.query("SET tidb.statement.timeout = 0").await;
    session.query("SET tidb.request.isolation.level = 'RC'").await;
    let asked = cluster.faults().calls(Rpc::CheckTxnStatus);
    for (query, expected, way) in QUERIES {
        let plan = session.explain(query).await;
        assert!(plan.contains(way), "{query}: {plan}");
        for role in ["leader", "follower"] {
            session.query(&format!("SET tidb.replica_read = '{role}'")).await;
            let read = tokio::time::timeout(Duration::from_secs(20), session.query(query)).await;
            let read = read.expect("nobody waits for a lock").rows;
            assert_eq!(read, [expected.map(Cell::Int)], "{query}");
        }
    }
    assert_eq!(cluster.faults().calls(Rpc::CheckTxnStatus), asked, "nobody asks about a lock");
    // What is written from is a snapshot: it waits for the locks.
    session.query("SET tidb.statement.timeout = '1s'").await;
    for write in [
        "UPDATE t SET a = a + 1 WHERE id = 1",
        "INSERT INTO t SELECT id + 100, a, b, pad FROM t WHERE id = 2",
    ] {
        let error = session.try_query(write).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{write}: {error}");
    }
}
