//! What becomes of a transaction when nothing goes wrong, and when the data says no.

use super::*;
use crate::error::ErrorKind;

#[tokio::test(start_paused = true)]
async fn a_transaction_over_regions_is_there_as_a_whole() {
    let cluster = FakeCluster::split_at(&[&row_key(3), &row_key(6)]);
    let client = cluster.client();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    txn.prewrite(puts(4..9)).await.unwrap();
    txn.prewrite(puts(0..4)).await.unwrap();
    assert_eq!(value(&client, 4).await, None);
    assert_eq!(txn.progress().keys_prewritten(), 9);
    let progress = Arc::clone(txn.progress());
    let start_ts = txn.start_ts();
    let committed = txn.commit(&NoGuard).await.unwrap();
    assert!(committed.commit_ts > start_ts);
    assert!(matches!(committed.secondaries, Secondaries::Done));
    assert_eq!(progress.keys_committed(), 9);
    assert_clean(&cluster);
    for row in 0..9 {
        assert_eq!(value(&client, row).await, Some(format!("v{row}")));
    }
    let prewrites = cluster.calls(|call| call.command == "prewrite");
    let crate::transport::StoreRequest::Prewrite(first) = &prewrites[0].request else { panic!() };
    assert_eq!(first.primary_lock, row_key(4).into_bytes());
    assert!(first.mutations.iter().any(|mutation| mutation.key == first.primary_lock));
    assert_eq!(first.min_commit_ts, start_ts.version() + 1);
    assert!(!first.use_async_commit && !first.try_one_pc);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_without_writes_needs_no_commit() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let txn = client.begin(TxnOptions::default()).await.unwrap();
    let start_ts = txn.start_ts();
    assert_eq!(txn.commit(&NoGuard).await.unwrap().commit_ts, start_ts);
    assert!(cluster.calls(|_| true).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_newer_version_is_a_conflict_and_leaves_nothing() {
    let cluster = FakeCluster::split_at(&[&row_key(5)]);
    let client = cluster.client();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    let later = client.timestamp().await.unwrap();
    cluster.state.lock().put(row_key(7).as_bytes(), later.version(), b"other");
    let error = txn.prewrite(puts(0..10)).await.unwrap_err();
    let TxnError::Conflict { key, conflict_commit_ts, .. } = &error else { panic!("{error}") };
    assert_eq!(*key, row_key(7).into_bytes());
    assert_eq!(*conflict_commit_ts, later);
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_clean(&cluster);
    let again = txn.commit(&NoGuard).await.unwrap_err();
    assert!(matches!(again, TxnError::Misuse(_)), "{again}");
    assert_eq!(value(&client, 0).await, None);
    assert_eq!(value(&client, 7).await.as_deref(), Some("other"));
}

#[tokio::test(start_paused = true)]
async fn an_insert_of_what_is_there_names_the_key() {
    let cluster = FakeCluster::with_rows(3, &[]);
    let client = cluster.client();
    for check in [false, true] {
        let mut txn = client.begin(TxnOptions::default()).await.unwrap();
        let mut mutation = Mutation::insert(row_key(2).into_bytes(), b"x".to_vec());
        if check {
            mutation.op = MutationOp::CheckNotExists;
        }
        let mutations = vec![Mutation::put(row_key(9).into_bytes(), b"y".to_vec()), mutation];
        let error = txn.prewrite(mutations).await.unwrap_err();
        assert!(
            matches!(&error, TxnError::AlreadyExists { key, .. } if *key == row_key(2).into_bytes()),
            "{error}"
        );
        assert_clean(&cluster);
    }
    assert_eq!(value(&client, 2).await.as_deref(), Some("v2"));
}

#[tokio::test(start_paused = true)]
async fn a_false_assertion_fails() {
    let cluster = FakeCluster::with_rows(3, &[]);
    let client = cluster.client();
    let cases = [
        (Mutation::delete(row_key(7).into_bytes()).asserting(Assertion::Exist), Assertion::Exist),
        (
            Mutation::put(row_key(1).into_bytes(), b"x".to_vec()).asserting(Assertion::NotExist),
            Assertion::NotExist,
        ),
    ];
    for (mutation, expected) in cases {
        let mut txn = client.begin(TxnOptions::default()).await.unwrap();
        let error = txn.prewrite(vec![mutation]).await.unwrap_err();
        assert!(
            matches!(error, TxnError::AssertionFailed { assertion, .. } if assertion == expected),
            "{error}"
        );
    }
    assert_clean(&cluster);
}

#[tokio::test(start_paused = true)]
async fn deletes_and_locks_are_committed_too() {
    let cluster = FakeCluster::with_rows(4, &[2]);
    let client = cluster.client();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    let lock = Mutation { op: MutationOp::Lock, ..Mutation::delete(row_key(1).into_bytes()) };
    let delete = Mutation::delete(row_key(3).into_bytes()).asserting(Assertion::Exist);
    let check =
        Mutation { op: MutationOp::CheckNotExists, ..Mutation::delete(row_key(8).into_bytes()) };
    txn.prewrite(vec![check, lock, delete]).await.unwrap();
    txn.commit(&NoGuard).await.unwrap();
    assert_clean(&cluster);
    assert_eq!(value(&client, 1).await.as_deref(), Some("v1"));
    assert_eq!(value(&client, 3).await, None);
    assert!(cluster.state.lock().commits.contains_key(row_key(1).as_bytes()));
    assert!(!cluster.state.lock().commits.contains_key(row_key(8).as_bytes()));
}

#[tokio::test(start_paused = true)]
async fn a_key_twice_is_refused_and_rolled_back() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    let error = txn.prewrite([puts(0..2), puts(1..3)].concat()).await.unwrap_err();
    assert!(matches!(&error, TxnError::DuplicateKey { key } if *key == row_key(1).into_bytes()));
    assert!(cluster.calls(|_| true).is_empty());
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    txn.prewrite(puts(0..2)).await.unwrap();
    let error = txn.prewrite(puts(1..3)).await.unwrap_err();
    assert!(matches!(&error, TxnError::DuplicateKey { key } if *key == row_key(1).into_bytes()));
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_clean(&cluster);
}

#[tokio::test(start_paused = true)]
async fn a_start_in_the_future_is_refused() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let start_ts = Some(at(u64::MAX - 1));
    let error = client.begin(TxnOptions { start_ts, ..TxnOptions::default() }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let old = Some(FakeCluster::before(90_000));
    let max_lifetime = std::time::Duration::from_secs(60);
    let options = TxnOptions { start_ts: old, max_lifetime, ..TxnOptions::default() };
    let error = client.begin(options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
