use std::time::Duration;

use futures::TryStreamExt as _;

use super::*;
use crate::Client;
use crate::error::ErrorKind;
use crate::testing::{Call, Effect, FakeCluster, FakeLock, Fault, TxnEnd, row_key, row_keys};

fn snapshot(client: &Client) -> Snapshot {
    client.snapshot(Timestamp::new(100), SnapshotOptions::default())
}

fn keys(pairs: &[Pair]) -> Vec<Vec<u8>> {
    pairs.iter().map(|pair| pair.key.clone()).collect()
}

fn calls(cluster: &FakeCluster, command: &'static str) -> Vec<Call> {
    cluster.calls(|call| call.command == command)
}

#[tokio::test(start_paused = true)]
async fn a_key_is_read_as_of_the_snapshot() {
    let cluster = FakeCluster::with_rows(3, &[]);
    let client = cluster.client();
    cluster.state.lock().put(b"k", 50, b"old");
    cluster.state.lock().put(b"k", 150, b"new");
    let at = |ts| client.snapshot(Timestamp::new(ts), SnapshotOptions::default());
    assert_eq!(at(49).get(b"k").await.unwrap(), None);
    assert_eq!(at(50).get(b"k").await.unwrap().unwrap(), "old");
    assert_eq!(at(100).get(b"k").await.unwrap().unwrap(), "old");
    assert_eq!(at(150).get(b"k").await.unwrap().unwrap(), "new");
    assert_eq!(at(150).get(b"nothing").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn an_empty_value_is_none_whatever_the_flag_says() {
    let cluster = FakeCluster::with_rows(3, &[]);
    let empty = |_: &StoreRequest| StoreResponse::Get(kvrpcpb::GetResponse::default());
    cluster.add_fault(Fault::once(|c| c.command == "get", Effect::Answer(Box::new(empty))));
    assert_eq!(snapshot(&cluster.client()).get(b"r").await.unwrap(), None);
    assert!(cluster.all_fired());
}

#[tokio::test(start_paused = true)]
async fn keys_of_many_regions_come_back_in_order_once_each() {
    let cluster = FakeCluster::with_rows(60, &[5, 6, 30, 45]);
    let client = cluster.client();
    let mut asked = row_keys(0..60);
    asked.reverse();
    asked.extend(row_keys(10..20));
    asked.push(b"nothing".to_vec());
    let pairs = snapshot(&client).batch_get(asked).await.unwrap();
    assert_eq!(keys(&pairs), row_keys(0..60));
    assert_eq!(pairs[7].value, "v7");
    assert_eq!(calls(&cluster, "batch_get").len(), 5, "one request for each region");
    assert!(snapshot(&client).batch_get(vec![]).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn large_sets_of_keys_are_divided_and_read_side_by_side() {
    let cluster = FakeCluster::with_rows(12_000, &[]);
    let client = cluster.client();
    cluster.state.lock().latency = Duration::from_millis(100);
    let pairs = snapshot(&client).batch_get(row_keys(0..12_000)).await.unwrap();
    assert_eq!(pairs.len(), 12_000);
    assert_eq!(calls(&cluster, "batch_get").len(), 3);
    assert!(cluster.elapsed() < Duration::from_millis(200));
    let cluster = FakeCluster::with_rows(100, &(1..100).collect::<Vec<_>>());
    cluster.state.lock().latency = Duration::from_millis(10);
    snapshot(&cluster.client()).batch_get(row_keys(0..100)).await.unwrap();
    assert_eq!(cluster.state.lock().peak_in_flight, 16);
}

#[tokio::test(start_paused = true)]
async fn newest_values_are_read_without_a_timestamp_and_locks_are_left_alone() {
    let cluster = FakeCluster::with_rows(20, &[7]);
    let client = cluster.client();
    cluster.state.lock().put(row_key(3).as_bytes(), 1 << 40, b"new");
    let newest = client.snapshot(Timestamp::MAX, SnapshotOptions::default());
    let pairs = newest.batch_get_unlocked(row_keys(0..20)).await.unwrap().unwrap();
    assert_eq!((keys(&pairs), &pairs[3].value[..]), (row_keys(0..20), &b"new"[..]));
    assert!(!cluster.state.lock().pd_calls.iter().any(|call| call == "tso"));
    let lock = FakeLock::put(&row_key(3), FakeCluster::before(1000), "new");
    cluster.state.lock().lock(&row_key(9), lock);
    assert!(newest.batch_get_unlocked(row_keys(0..20)).await.unwrap().is_none());
    assert!(calls(&cluster, "check_txn_status").is_empty());
    let others = row_keys(0..9);
    assert_eq!(newest.batch_get_unlocked(others).await.unwrap().unwrap().len(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_scan_crosses_regions_and_empty_ones() {
    let cluster = FakeCluster::with_rows(60, &[5, 6, 30, 45]);
    {
        let mut state = cluster.state.lock();
        for key in ["a", "b", "r00029x", "s", "t"] {
            state.split(key.as_bytes());
        }
    }
    let client = cluster.client();
    for batch in [1, 2, 7, 256] {
        let options = ScanOptions { batch, ..ScanOptions::default() };
        for (start, end) in [("", ""), ("r", "s"), ("a", "z"), ("r00000", "r00059\0")] {
            let scan = snapshot(&client).scan(start.as_bytes(), end.as_bytes(), options);
            assert_eq!(keys(&scan.collect().await.unwrap()), row_keys(0..60), "{batch} {start}");
        }
        let part = snapshot(&client).scan(row_key(4).as_bytes(), row_key(31).as_bytes(), options);
        assert_eq!(keys(&part.collect().await.unwrap()), row_keys(4..31));
        for (start, end) in [("x", "y"), ("b", "b"), ("s", "r")] {
            let scan = snapshot(&client).scan(start.as_bytes(), end.as_bytes(), options);
            assert!(scan.collect().await.unwrap().is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_scan_stops_at_its_limit_and_asks_for_no_more() {
    let cluster = FakeCluster::with_rows(60, &[10, 20, 30]);
    let client = cluster.client();
    let options = ScanOptions { batch: 8, limit: Some(13), key_only: true };
    let scan = snapshot(&client).scan(b"r", b"s", options);
    let batches: Vec<_> = scan.into_stream().try_collect().await.unwrap();
    assert_eq!(keys(&batches.concat()), row_keys(0..13));
    let limits: Vec<u32> = calls(&cluster, "scan")
        .into_iter()
        .map(|call| match call.request {
            StoreRequest::Scan(request) => {
                assert!(request.key_only);
                request.limit
            }
            _ => unreachable!(),
        })
        .collect();
    assert_eq!(limits, [8, 5, 3]);
    let none = ScanOptions { limit: Some(0), ..options };
    assert!(snapshot(&client).scan(b"r", b"s", none).collect().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn locked_pairs_of_a_scan_are_read_past_their_locks() {
    let cluster = FakeCluster::with_rows(30, &[10, 20]);
    let client = cluster.client();
    let lock = FakeLock::put(&row_key(3), FakeCluster::before(1000), "new");
    let txn = lock.start_ts.version();
    {
        let mut state = cluster.state.lock();
        // The last of a full batch, among others; and a key that only the lock has.
        for row in [3, 7, 9, 25] {
            state.lock(&row_key(row), lock.clone());
        }
        state.lock("r00012x", lock.clone());
        // Another writer has deleted nothing yet.
        let mut delete = FakeLock::put(&row_key(15), FakeCluster::before(900), "");
        delete.op = kvrpcpb::Op::Del;
        delete.ttl_ms = 100;
        state.lock(&row_key(15), delete);
        state.finish(row_key(3).as_bytes(), txn, TxnEnd::Committed(txn + 1));
    }
    for batch in [1, 5, 10, 256] {
        let snapshot = client.snapshot(cluster.now(), SnapshotOptions::default());
        let options = ScanOptions { batch, ..ScanOptions::default() };
        let pairs = snapshot.scan(b"r", b"s", options).collect().await.unwrap();
        let mut expected = row_keys(0..30);
        expected.insert(13, b"r00012x".to_vec());
        assert_eq!(keys(&pairs), expected, "batches of {batch}");
        let new: Vec<_> = pairs.iter().filter(|pair| pair.value == "new").collect();
        assert_eq!(new.len(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_on_the_whole_answer_is_resolved_and_everything_asked_again() {
    let cluster = FakeCluster::with_rows(10, &[]);
    let client = cluster.client();
    let lock = FakeLock { ttl_ms: 1, ..FakeLock::put(&row_key(3), FakeCluster::before(1000), "") };
    let info = lock.info(row_key(4).as_bytes());
    cluster.state.lock().lock(&row_key(3), lock);
    let error = move || {
        let locked = Some(info.clone());
        Some(kvrpcpb::KeyError { locked, ..kvrpcpb::KeyError::default() })
    };
    let answer = move |request: &StoreRequest| match request {
        StoreRequest::Scan(_) => StoreResponse::Scan(kvrpcpb::ScanResponse {
            error: error(),
            ..kvrpcpb::ScanResponse::default()
        }),
        _ => StoreResponse::BatchGet(kvrpcpb::BatchGetResponse {
            error: error(),
            ..kvrpcpb::BatchGetResponse::default()
        }),
    };
    let first = |call: &Call| matches!(call.command, "scan" | "batch_get");
    cluster.add_fault(Fault::once(first, Effect::Answer(Box::new(answer.clone()))));
    let at = client.snapshot(cluster.now(), SnapshotOptions::default());
    assert_eq!(keys(&at.batch_get(row_keys(0..10)).await.unwrap()), row_keys(0..10));
    cluster.add_fault(Fault::once(first, Effect::Answer(Box::new(answer))));
    let pairs = at.scan(b"r", b"s", ScanOptions::default()).collect().await.unwrap();
    assert_eq!(keys(&pairs), row_keys(0..10));
    assert!(cluster.all_fired());
}

#[tokio::test(start_paused = true)]
async fn key_errors_that_are_no_locks_are_reported() {
    let cluster = FakeCluster::with_rows(3, &[]);
    let client = cluster.client();
    let abort = |_: &StoreRequest| {
        let error = kvrpcpb::KeyError { abort: "broken data".to_owned(), ..Default::default() };
        StoreResponse::Get(kvrpcpb::GetResponse { error: Some(error), ..Default::default() })
    };
    cluster.add_fault(Fault::once(|c| c.command == "get", Effect::Answer(Box::new(abort))));
    let error = snapshot(&client).get(b"r").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("broken data"));
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_goes_backwards_is_an_error_not_a_loop() {
    let cluster = FakeCluster::with_rows(3, &[]);
    let client = cluster.client();
    let backwards = |_: &StoreRequest| {
        let pair = kvrpcpb::KvPair { key: b"a".to_vec(), ..Default::default() };
        StoreResponse::Scan(kvrpcpb::ScanResponse { pairs: vec![pair], ..Default::default() })
    };
    let fault = Fault::once(|c| c.command == "scan", Effect::Answer(Box::new(backwards)));
    cluster.add_fault(fault.times(usize::MAX));
    let options = ScanOptions { batch: 1, ..ScanOptions::default() };
    let error = snapshot(&client).scan(b"r", b"s", options).collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn answers_of_another_command_are_errors() {
    let cluster = FakeCluster::with_rows(3, &[]);
    let client = cluster.client();
    let wrong = |_: &StoreRequest| StoreResponse::ResolveLock(Default::default());
    cluster.add_fault(Fault::once(|_| true, Effect::Answer(Box::new(wrong))).times(3));
    let at = snapshot(&client);
    assert_eq!(at.get(b"r").await.unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(at.batch_get(row_keys(0..1)).await.unwrap_err().kind(), ErrorKind::Protocol);
    let scan = at.scan(b"r", b"s", ScanOptions::default());
    assert_eq!(scan.collect().await.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_runs_out_of_time_asks_for_less() {
    let cluster = FakeCluster::with_rows(30, &[]);
    cluster.state.lock().regions[0].stores = vec![1];
    // Two of these fit into the budget.
    let client = cluster.client_with(|options| options.request_timeout = Duration::from_secs(5));
    let fault = Fault::once(|c| c.command == "scan", Effect::Silence);
    cluster.add_fault(fault.times(2));
    let options = ScanOptions { batch: 16, ..ScanOptions::default() };
    let pairs = snapshot(&client).scan(b"r", b"s", options).collect().await.unwrap();
    assert_eq!(keys(&pairs), row_keys(0..30));
    let limits: Vec<u32> = calls(&cluster, "scan")
        .into_iter()
        .map(|call| match call.request {
            StoreRequest::Scan(request) => request.limit,
            _ => unreachable!(),
        })
        .collect();
    assert_eq!(limits[..4], [16, 8, 4, 16]);
}
