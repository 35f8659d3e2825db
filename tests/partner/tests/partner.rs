//! TiFusion's client beside `tikv-client` on one cluster: what one writes the other reads, and locks that a
//! crashed writer leaves behind stop nobody. And `tikv-client` alone: its transactions run on the embedded cluster
//! as on any other.
//!
//! Each test runs on an embedded cluster, and on the one that `TIFUSION_PD_ADDRS` names; see `.ci/run`.

#[path = "partner/alone.rs"]
mod alone;
#[path = "partner/dying.rs"]
mod dying;
#[path = "../../../crates/testkit/src/raw_cluster.rs"]
#[expect(dead_code, reason = "the conformance tests use all of it")]
mod raw_cluster;
#[path = "../../../crates/testkit/src/raw_writer.rs"]
mod raw_writer;

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use prost::Message as _;
use raw_writer::RawWriter;
use tifusion_client::cop::{CopRequest, KeyRange};
use tifusion_client::snapshot::{ScanOptions, SnapshotOptions};
use tifusion_client::{Client, ClientOptions, Timestamp};
use tifusion_codec::key::{self, Handle};
use tifusion_proto::tipb;
use tikv_client::{CheckLevel, TransactionClient, TransactionOptions};

/// PD's addresses.
type Pd = Vec<String>;

/// The cluster that the environment names, if any; in CI there must be one.
fn named() -> Option<Pd> {
    let addresses = std::env::var("TIFUSION_PD_ADDRS").ok();
    assert!(addresses.is_some() || std::env::var_os("CI").is_none(), "CI names a cluster");
    Some(addresses?.split(',').map(str::to_owned).collect())
}

/// Tests of functions over a cluster.
macro_rules! on_both_clusters {
    ($($test:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let cluster = tifusion_embedded::EmbeddedCluster::builder().start().await.unwrap();
                super::$test(&cluster.pd_addresses()).await;
            })+
        }

        mod named {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                match crate::named() {
                    Some(pd) => super::$test(&pd).await,
                    None => eprintln!("skipped: no cluster in TIFUSION_PD_ADDRS"),
                }
            })+
        }
    };
}
pub(crate) use on_both_clusters;

on_both_clusters!(
    what_the_partner_commits_is_read_and_older_snapshots_stay_as_they_were,
    a_coprocessor_scan_reads_the_partner_s_rows,
    pessimistic_locks_of_a_dead_writer_stop_no_read,
    an_expired_prewrite_is_rolled_back,
    secondaries_of_a_committed_primary_are_read_as_committed,
    a_finished_async_commit_is_read_and_an_unfinished_one_rolled_back,
    a_living_writer_is_not_disturbed_and_not_waited_for,
);

async fn ours(pd: &Pd) -> Client {
    Client::connect(ClientOptions::new(pd.clone())).await.unwrap()
}

async fn theirs(pd: &Pd) -> TransactionClient {
    TransactionClient::new(pd.clone()).await.unwrap()
}

fn key_of(prefix: &str, number: u32) -> Vec<u8> {
    format!("partner_{prefix}_{number:05}").into_bytes()
}

/// Every key with the same value.
fn all(keys: &[Vec<u8>], value: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    keys.iter().map(|key| (key.clone(), value.as_bytes().to_vec())).collect()
}

/// All pairs under `prefix` at `ts`, by our snapshot scan.
async fn scan(client: &Client, prefix: &str, ts: Timestamp) -> Vec<(Vec<u8>, Bytes)> {
    let (start, end) = (key_of(prefix, 0), key_of(prefix, 99_999));
    let snapshot = client.snapshot(ts, SnapshotOptions::default());
    let options = ScanOptions { batch: 100, ..ScanOptions::default() };
    let pairs = snapshot.scan(&start, &end, options).collect().await.unwrap();
    pairs.into_iter().map(|pair| (pair.key, pair.value)).collect()
}

async fn put_all(client: &TransactionClient, prefix: &str, count: u32, value: &str) {
    let mut transaction = client.begin_optimistic().await.unwrap();
    for number in 0..count {
        let value = format!("{value}{number}").into_bytes();
        transaction.put(key_of(prefix, number), value).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

fn expected(prefix: &str, count: u32, value: &str) -> Vec<(Vec<u8>, Bytes)> {
    (0..count)
        .map(|number| (key_of(prefix, number), Bytes::from(format!("{value}{number}"))))
        .collect()
}

async fn what_the_partner_commits_is_read_and_older_snapshots_stay_as_they_were(pd: &Pd) {
    let (ours, theirs) = (ours(pd).await, theirs(pd).await);
    put_all(&theirs, "commit", 500, "old").await;
    let before = ours.timestamp().await.unwrap();
    put_all(&theirs, "commit", 700, "new").await;
    let after = ours.timestamp().await.unwrap();
    assert_eq!(scan(&ours, "commit", before).await, expected("commit", 500, "old"));
    assert_eq!(scan(&ours, "commit", after).await, expected("commit", 700, "new"));

    let snapshot = ours.snapshot(after, SnapshotOptions::default());
    let keys: Vec<Vec<u8>> = [3, 699, 4000].map(|number| key_of("commit", number)).to_vec();
    let mut found = snapshot.batch_get(keys).await.unwrap();
    found.sort_by(|a, b| a.key.cmp(&b.key));
    let values: Vec<Bytes> = found.into_iter().map(|pair| pair.value).collect();
    assert_eq!(values, [Bytes::from("new3"), Bytes::from("new699")]);
    assert_eq!(snapshot.get(&key_of("commit", 4000)).await.unwrap(), None);
}

async fn a_coprocessor_scan_reads_the_partner_s_rows(pd: &Pd) {
    const TABLE: i64 = 900_000_001;
    let (ours, theirs) = (ours(pd).await, theirs(pd).await);
    let mut transaction = theirs.begin_optimistic().await.unwrap();
    for handle in -50_i64..50 {
        // A row of version 2 without columns: the handle is in the key.
        let row = vec![128_u8, 0, 0, 0, 0, 0];
        transaction.put(key::encode_record_key(TABLE, &Handle::Int(handle)), row).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let start_ts = ours.timestamp().await.unwrap();
    assert_eq!(handles(&ours, TABLE, start_ts).await, (-50..50).collect::<Vec<i64>>());
}

/// The handles of a table, by a coprocessor scan of nothing else.
async fn handles(client: &Client, table: i64, start_ts: Timestamp) -> Vec<i64> {
    let column = tipb::ColumnInfo {
        column_id: Some(1),
        tp: Some(8),
        flag: Some(3),
        column_len: Some(20),
        pk_handle: Some(true),
        ..tipb::ColumnInfo::default()
    };
    let scan = tipb::TableScan {
        table_id: Some(table),
        columns: vec![column],
        desc: Some(false),
        ..tipb::TableScan::default()
    };
    let dag = tipb::DagRequest {
        executors: vec![tipb::Executor {
            tp: Some(tipb::ExecType::TypeTableScan.into()),
            tbl_scan: Some(scan),
            ..tipb::Executor::default()
        }],
        output_offsets: vec![0],
        time_zone_offset: Some(0),
        encode_type: Some(tipb::EncodeType::TypeChunk.into()),
        ..tipb::DagRequest::default()
    };
    let (start, end) = key::int_handle_range(table, i64::MIN, i64::MAX);
    let data = Bytes::from(dag.encode_to_vec());
    let request = CopRequest::new(data, start_ts, vec![KeyRange::new(start, end)]);
    let mut answers = client.coprocessor(request).unwrap();
    let mut handles = Vec::new();
    while let Some(answer) = answers.next().await {
        let response = tipb::SelectResponse::decode(answer.unwrap().data.clone()).unwrap();
        for chunk in response.chunks {
            let data = chunk.rows_data.unwrap();
            let rows = u32::from_le_bytes(data[0..4].try_into().unwrap()) as usize;
            for row in 0..rows {
                let at = 8 + 8 * row;
                handles.push(i64::from_le_bytes(data[at..at + 8].try_into().unwrap()));
            }
        }
    }
    handles.sort_unstable();
    handles
}

async fn pessimistic_locks_of_a_dead_writer_stop_no_read(pd: &Pd) {
    let (ours, theirs) = (ours(pd).await, theirs(pd).await);
    put_all(&theirs, "pessimistic", 20, "v").await;
    let options = TransactionOptions::new_pessimistic().drop_check(CheckLevel::None);
    let mut transaction = theirs.begin_with_options(options).await.unwrap();
    for number in 0..20 {
        transaction.put(key_of("pessimistic", number), b"never".to_vec()).await.unwrap();
    }
    drop(transaction);
    let now = ours.timestamp().await.unwrap();
    assert_eq!(scan(&ours, "pessimistic", now).await, expected("pessimistic", 20, "v"));
}

async fn an_expired_prewrite_is_rolled_back(pd: &Pd) {
    let (ours, theirs) = (ours(pd).await, theirs(pd).await);
    put_all(&theirs, "expired", 10, "v").await;
    let writer = RawWriter::connect(&pd.join(",")).await;
    let keys: Vec<Vec<u8>> = (0..10).map(|number| key_of("expired", number)).collect();
    let start_ts = ours.timestamp().await.unwrap();
    writer.prewrite(&all(&keys, "never"), start_ts, 1, &[]).await;
    let now = ours.timestamp().await.unwrap();
    assert_eq!(scan(&ours, "expired", now).await, expected("expired", 10, "v"));
    // The writer comes back too late, and the partner agrees with us.
    assert!(writer.commit(&keys[..1], start_ts, now).await.is_err());
    let mut transaction = theirs.begin_optimistic().await.unwrap();
    assert_eq!(transaction.get(keys[3].clone()).await.unwrap(), Some(b"v3".to_vec()));
    transaction.rollback().await.unwrap();
}

async fn secondaries_of_a_committed_primary_are_read_as_committed(pd: &Pd) {
    let (ours, theirs) = (ours(pd).await, theirs(pd).await);
    put_all(&theirs, "secondary", 10, "v").await;
    let writer = RawWriter::connect(&pd.join(",")).await;
    let keys: Vec<Vec<u8>> = (0..10).map(|number| key_of("secondary", number)).collect();
    let start_ts = ours.timestamp().await.unwrap();
    writer.prewrite(&all(&keys, "new"), start_ts, 60_000, &[]).await;
    let before_commit = ours.timestamp().await.unwrap();
    let commit_ts = ours.timestamp().await.unwrap();
    writer.commit(&keys[..1], start_ts, commit_ts).await.unwrap();
    let now = ours.timestamp().await.unwrap();
    let all_new: Vec<_> = keys.iter().map(|key| (key.clone(), Bytes::from("new"))).collect();
    assert_eq!(scan(&ours, "secondary", now).await, all_new);
    assert_eq!(scan(&ours, "secondary", before_commit).await, expected("secondary", 10, "v"));
}

async fn a_finished_async_commit_is_read_and_an_unfinished_one_rolled_back(pd: &Pd) {
    let (ours, theirs) = (ours(pd).await, theirs(pd).await);
    put_all(&theirs, "async", 10, "v").await;
    let writer = RawWriter::connect(&pd.join(",")).await;
    let keys: Vec<Vec<u8>> = (0..10).map(|number| key_of("async", number)).collect();
    let start_ts = ours.timestamp().await.unwrap();
    writer.prewrite(&all(&keys, "new"), start_ts, 1, &keys[1..]).await;
    let now = ours.timestamp().await.unwrap();
    let all_new: Vec<_> = keys.iter().map(|key| (key.clone(), Bytes::from("new"))).collect();
    assert_eq!(scan(&ours, "async", now).await, all_new);

    // The second transaction names a secondary that it never locked: it did not happen.
    let start_ts = ours.timestamp().await.unwrap();
    let mut secondaries = keys[1..].to_vec();
    secondaries.push(key_of("async", 77));
    writer.prewrite(&all(&keys, "never"), start_ts, 1, &secondaries).await;
    let now = ours.timestamp().await.unwrap();
    assert_eq!(scan(&ours, "async", now).await, all_new);
}

async fn a_living_writer_is_not_disturbed_and_not_waited_for(pd: &Pd) {
    let (ours, theirs) = (ours(pd).await, theirs(pd).await);
    put_all(&theirs, "living", 10, "v").await;
    let writer = RawWriter::connect(&pd.join(",")).await;
    let keys: Vec<Vec<u8>> = (0..10).map(|number| key_of("living", number)).collect();
    let start_ts = ours.timestamp().await.unwrap();
    writer.prewrite(&all(&keys, "new"), start_ts, 60_000, &[]).await;
    let now = ours.timestamp().await.unwrap();
    // The lock lives for a minute; the read pushes its commit past our snapshot instead of waiting.
    let read = scan(&ours, "living", now);
    let read = tokio::time::timeout(Duration::from_secs(10), read).await.expect("no waiting");
    assert_eq!(read, expected("living", 10, "v"));
    let commit_ts = ours.timestamp().await.unwrap();
    writer.commit(&keys, start_ts, commit_ts).await.unwrap();
    let now = ours.timestamp().await.unwrap();
    let all_new: Vec<_> = keys.iter().map(|key| (key.clone(), Bytes::from("new"))).collect();
    assert_eq!(scan(&ours, "living", now).await, all_new);
}
