//! Transactions that several processes write.

use std::time::Duration;

use futures::stream;

use super::*;
use crate::error::ErrorKind;
use crate::testing::TxnEnd;

fn of(txn: &Transaction) -> TxnOptions {
    TxnOptions { start_ts: Some(txn.start_ts()), ..TxnOptions::default() }
}

fn everywhere() -> Vec<KeySpan> {
    vec![KeySpan { first: row_key(0).into_bytes(), last: row_key(999).into_bytes() }]
}

fn cluster() -> Arc<FakeCluster> {
    FakeCluster::split_at(&[&row_key(3), &row_key(6)])
}

/// A transaction whose primary stands, and that others may write to.
async fn begun(client: &Client) -> Transaction {
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    txn.prewrite(puts(0..1)).await.unwrap();
    txn.expect(everywhere()).unwrap();
    txn
}

async fn part(client: &Client, txn: &Transaction, rows: std::ops::Range<usize>) -> Part {
    let part = client.take_part(of(txn), row_key(0).into_bytes()).await.unwrap();
    part.prewrite_all(stream::iter([puts(rows)])).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_others_have_prewritten_is_committed_with_the_primary() {
    let cluster = cluster();
    let (driver, other) = (cluster.client(), cluster.client());
    let mut txn = begun(&driver).await;
    let one = part(&other, &txn, 1..5).await;
    assert_eq!((one.keys, one.spans.len() >= 2), (4, true), "{one:?}");
    // The same part once more, as after a lost answer.
    assert_eq!(part(&other, &txn, 1..5).await, one);
    let two = part(&other, &txn, 5..9).await;
    assert_eq!(value(&driver, 4).await, None);
    txn.join(vec![one, two]);
    let progress = Arc::clone(txn.progress());
    assert_eq!(progress.keys_prewritten(), 9);
    let committed = txn.commit(&NoGuard).await.unwrap();
    assert!(matches!(committed.secondaries, Secondaries::Done));
    assert_eq!(progress.keys_committed(), 9);
    assert_clean(&cluster);
    for row in 0..9 {
        assert_eq!(value(&driver, row).await, Some(format!("v{row}")));
    }
    for call in cluster.calls(|call| call.command == "prewrite") {
        let crate::transport::StoreRequest::Prewrite(request) = &call.request else { panic!() };
        assert_eq!(request.primary_lock, row_key(0).into_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_whose_parts_have_not_told_is_not_committed() {
    let cluster = cluster();
    let client = cluster.client();
    let txn = begun(&client).await;
    part(&client, &txn, 1..9).await;
    let error = txn.commit(&NoGuard).await.unwrap_err();
    assert!(matches!(error, TxnError::Misuse(_)), "{error}");
    // What was dropped is rolled back behind the caller, all of it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_clean(&cluster);
    assert_eq!(value(&client, 4).await, None);
    let mut early = client.begin(TxnOptions::default()).await.unwrap();
    assert!(matches!(early.expect(everywhere()), Err(TxnError::Misuse(_))));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_goes_over_all_that_others_may_have_written() {
    let cluster = cluster();
    let client = cluster.client();
    let txn = begun(&client).await;
    part(&client, &txn, 1..9).await;
    txn.rollback().await.unwrap();
    assert_clean(&cluster);
    assert!(cluster.state.lock().data.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_transaction_that_has_ended_writes_no_more() {
    let cluster = cluster();
    let client = cluster.client();
    let txn = begun(&client).await;
    let start_ts = txn.start_ts().version();
    let part = client.take_part(of(&txn), row_key(0).into_bytes()).await.unwrap();
    let batches = stream::unfold(1, |row| async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        (row < 60).then(|| (puts(row..row + 1), row + 1))
    });
    let writing = tokio::spawn(async move { part.prewrite_all(batches).await });
    tokio::time::sleep(Duration::from_secs(10)).await;
    cluster.state.lock().finish(row_key(0).as_bytes(), start_ts, TxnEnd::RolledBack);
    let error = writing.await.unwrap().unwrap_err();
    assert!(matches!(error, TxnError::RolledBack { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let prewrites = cluster.calls(|call| call.command == "prewrite").len();
    assert!(prewrites < 12, "{prewrites}");
}

#[tokio::test(start_paused = true)]
async fn a_part_looks_at_the_primary_and_does_not_keep_it_alive() {
    let cluster = cluster();
    let client = cluster.client();
    let txn = begun(&client).await;
    let part = client.take_part(of(&txn), row_key(0).into_bytes()).await.unwrap();
    let ttls = |cluster: &Arc<FakeCluster>| -> Vec<u64> {
        let beats = cluster.calls(|call| call.command == "txn_heart_beat");
        let ttl = |call: &crate::testing::Call| match &call.request {
            crate::transport::StoreRequest::TxnHeartBeat(request) => request.advise_lock_ttl,
            _ => panic!(),
        };
        beats.iter().map(ttl).collect()
    };
    let batches = stream::once(async {
        tokio::time::sleep(Duration::from_secs(25)).await;
        puts(1..2)
    });
    part.prewrite_all(batches).await.unwrap();
    let asked = ttls(&cluster).iter().filter(|ttl| **ttl == 0).count();
    assert!(asked >= 2, "{:?}", ttls(&cluster));
}

#[tokio::test(start_paused = true)]
async fn who_takes_part_must_know_of_what() {
    let client = cluster().client();
    let none = client.take_part(TxnOptions::default(), b"p".to_vec()).await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::InvalidInput);
    let start_ts = Some(client.timestamp().await.unwrap());
    let options = TxnOptions { start_ts, ..TxnOptions::default() };
    let none = client.take_part(options, Vec::new()).await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::InvalidInput);
}
