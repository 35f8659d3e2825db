//! Writing while everything goes wrong.

mod faults;
mod ids;
mod kill;
mod memory;
mod refused;

use tifusion_client::snapshot::SnapshotOptions;
use tifusion_client::{Client, ClientOptions};
use tifusion_embedded::EmbeddedCluster;
use tifusion_proto::kvrpcpb as kv;
use tifusion_testkit::connector::Connector;

use crate::raw::{Raw, send};

/// Settings of a session that writes.
const SETTINGS: [(&str, &str); 2] = [("new_collation_enable", "true"), ("write.enable", "true")];

/// Rows of one statement.
const ROWS: usize = 60;

/// A table whose rows and entries lie in many regions on four stores.
async fn start(seed: u64) -> EmbeddedCluster {
    let cluster = EmbeddedCluster::builder().stores(4).seed(seed).start().await.unwrap();
    cluster
        .execute(
            "CREATE TABLE test.t (id BIGINT PRIMARY KEY, batch BIGINT, n BIGINT, pad VARCHAR(40), \
             KEY by_batch (batch), UNIQUE KEY by_both (n, batch))",
        )
        .await
        .unwrap();
    let table = cluster.table_info("test", "t").unwrap();
    let mut keys = Vec::new();
    for slot in 1..8 {
        let handle = tifusion_codec::key::Handle::Int(slot * SLOT);
        keys.push(tifusion_codec::key::encode_record_key(table.id, &handle));
    }
    for index in &table.indices {
        keys.push(tifusion_codec::key::index_prefix(table.id, index.id));
    }
    keys.sort_unstable();
    cluster.split_at(&keys).unwrap();
    cluster.scatter();
    cluster
}

/// Ids of one region.
const SLOT: i64 = 1_000_000;

/// Rows of a batch: some in each region, so that a transaction has many parts.
fn insert(batch: i64) -> String {
    let rows = (0..ROWS as i64).map(|n| {
        let id = n % 8 * SLOT + batch * 100 + n / 8;
        format!("({id}, {batch}, {n}, 'batch {batch}, row {n}')")
    });
    format!("INSERT INTO t VALUES {}", rows.collect::<Vec<_>>().join(", "))
}

/// How many rows each batch has, by the table and by each index, which must agree.
async fn batches(cluster: &EmbeddedCluster) -> Vec<(i64, usize)> {
    let reader = Connector::embedded(cluster, &SETTINGS).await;
    reader.use_database("test").await;
    let mut by = Vec::new();
    for query in [
        "SELECT batch, count(pad) AS c FROM t GROUP BY batch ORDER BY batch",
        "SELECT batch, count(*) AS c FROM t WHERE batch >= 0 GROUP BY batch ORDER BY batch",
        "SELECT batch, count(*) AS c FROM t WHERE n >= 0 GROUP BY batch ORDER BY batch",
    ] {
        let first = if by.is_empty() { "false" } else { "true" };
        reader.query(&format!("SET tidb.plan.use_index_scan_first = {first}")).await;
        let rows = reader.query(query).await.rows;
        let number = |cell: &tifusion_testkit::cell::Cell| cell.plain().parse::<i64>().unwrap();
        let counts = rows.iter().map(|row| (number(&row[0]), number(&row[1]) as usize));
        by.push(counts.collect::<Vec<_>>());
    }
    assert_eq!(by[0], by[1], "the table and by_batch");
    assert_eq!(by[0], by[2], "the table and by_both");
    by.swap_remove(0)
}

/// Every lock that is left goes away when somebody meets it, and the store's records keep their rules. A
/// reader of many rows meets one lock of a transaction and passes by the others.
async fn settled(cluster: &EmbeddedCluster) {
    let raw = Raw::new(cluster);
    let locks = || async {
        let mut locks = Vec::new();
        for region in cluster.regions() {
            let request = kv::ScanLockRequest {
                max_version: u64::MAX,
                start_key: region.start_key.clone(),
                end_key: region.end_key.clone(),
                limit: 1000,
                ..kv::ScanLockRequest::default()
            };
            locks.extend(send!(raw, &region.start_key, kv_scan_lock, request).locks);
        }
        locks
    };
    let client = Client::connect(ClientOptions::new(cluster.pd_addresses())).await.unwrap();
    let mut left = locks().await;
    while !left.is_empty() {
        for lock in &left {
            let now = client.timestamp().await.unwrap();
            client.snapshot(now, SnapshotOptions::default()).get(&lock.key).await.unwrap();
        }
        client.locks().idle().await;
        let now = locks().await;
        assert!(now.iter().all(|lock| !left.contains(lock)), "a lock that nobody can take away");
        left = now;
    }
    assert_eq!(cluster.verify().await.unwrap(), []);
}
