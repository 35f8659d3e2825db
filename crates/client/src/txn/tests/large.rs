//! Transactions of more keys than anybody should remember.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{Stream, StreamExt as _};

use super::*;
use crate::testing::{Effect, Fault};
use crate::txn::coverage::Rest;

const KEYS: usize = 100_000;
const BATCH: usize = 2_000;

/// The keys of batch number `batch`, spread over all regions.
fn batch(batch: usize) -> Vec<Mutation> {
    let batches = KEYS / BATCH;
    (0..BATCH)
        .map(|at| at * batches + batch)
        .map(|row| Mutation::put(key(row), format!("v{row}").into_bytes()))
        .collect()
}

fn key(row: usize) -> Vec<u8> {
    format!("r{row:06}").into_bytes()
}

fn splits(cluster: &Arc<FakeCluster>, command: &'static str, every: usize) {
    for at in 0..20 {
        let split = Effect::Change(Box::new(move |state| {
            state.split(&key(at * 5_000 + 2_500));
        }));
        let fault = Fault::once(move |call| call.command == command, split);
        cluster.add_fault(fault.after(at * every));
    }
}

fn forget_calls(cluster: &Arc<FakeCluster>) {
    cluster.state.lock().calls.clear();
}

async fn prewrite_all(cluster: &Arc<FakeCluster>, txn: &mut Transaction) -> usize {
    let mut most = 0;
    for at in 0..KEYS / BATCH {
        txn.prewrite(batch(at)).await.unwrap();
        forget_calls(cluster);
        most = most.max(match txn.core().coverage.lock().rest(b"") {
            Rest::Keys(keys) => keys.len(),
            Rest::Ranges(ranges) => ranges.len(),
        });
    }
    most
}

#[tokio::test(start_paused = true)]
async fn memory_stays_flat_and_the_commit_goes_by_regions_that_split_meanwhile() {
    let cluster = FakeCluster::new();
    for at in 1..20 {
        cluster.state.lock().split(&key(at * 5_000));
    }
    let client = cluster.client();
    splits(&cluster, "prewrite", 40);
    let options = TxnOptions { max_keys: 5_000, ..TxnOptions::default() };
    let mut txn = client.begin(options).await.unwrap();
    let most = prewrite_all(&cluster, &mut txn).await;
    assert!(most <= 5_000, "{most} keys or ranges were remembered");
    let Rest::Ranges(ranges) = txn.core().coverage.lock().rest(b"") else { panic!() };
    assert!(ranges.len() <= 40, "{}", ranges.len());
    assert!(cluster.all_fired());
    let progress = Arc::clone(txn.progress());
    // They split again, and one merges, while the second phase goes over them.
    cluster.state.lock().faults.clear();
    for at in 0..10 {
        let change = Effect::Change(Box::new(move |state| {
            state.split(&key(at * 10_000 + 1_250));
            if at == 5 {
                state.merge_right(&key(80_000));
            }
        }));
        let fault = Fault::once(|call| call.command == "resolve_lock", change);
        cluster.add_fault(fault.after(at * 3));
    }
    let committed = txn.commit(&NoGuard).await.unwrap();
    assert!(matches!(committed.secondaries, Secondaries::Done), "{committed:?}");
    assert!(cluster.all_fired());
    assert_clean(&cluster);
    assert_eq!(progress.keys_prewritten(), KEYS as u64);
    assert_eq!(progress.keys_committed(), KEYS as u64);
    let state = cluster.state.lock();
    assert_eq!(state.data.len(), KEYS);
    let commit_ts = committed.commit_ts.version();
    assert!(state.data.values().all(|versions| versions[0].0 == commit_ts));
    let commits = state.calls.iter().filter(|call| call.command == "commit").count();
    assert_eq!(commits, 1, "the primary's");
    let resolved = state.calls.iter().filter(|call| call.command == "resolve_lock").count();
    assert!(resolved <= 100, "{resolved}");
}

#[tokio::test(start_paused = true)]
async fn a_large_transaction_is_rolled_back_by_regions_too() {
    let cluster = FakeCluster::new();
    for at in 1..20 {
        cluster.state.lock().split(&key(at * 5_000));
    }
    let client = cluster.client();
    let options = TxnOptions { max_keys: 5_000, ..TxnOptions::default() };
    let mut txn = client.begin(options).await.unwrap();
    prewrite_all(&cluster, &mut txn).await;
    splits(&cluster, "resolve_lock", 1);
    txn.rollback().await.unwrap();
    assert_clean(&cluster);
    assert!(cluster.state.lock().data.is_empty());
}

#[tokio::test(start_paused = true)]
async fn requests_are_bounded_by_bytes_and_in_number() {
    let cluster = FakeCluster::split_at(&["r050000"]);
    cluster.state.lock().latency = std::time::Duration::from_millis(5);
    let client = cluster.client();
    let options = TxnOptions { batch_bytes: 4_096, concurrency: 3, ..TxnOptions::default() };
    let mut txn = client.begin(options).await.unwrap();
    txn.prewrite(batch(0)).await.unwrap();
    assert_eq!(cluster.state.lock().peak_in_flight, 3);
    let prewrites = cluster.calls(|call| call.command == "prewrite");
    for call in &prewrites {
        let crate::transport::StoreRequest::Prewrite(request) = &call.request else { panic!() };
        let bytes: usize = request.mutations.iter().map(|it| it.key.len() + it.value.len()).sum();
        assert!(bytes <= 4_096, "{bytes}");
        assert_eq!(request.txn_size, 1_000, "as many as there are in the region");
    }
    assert!(prewrites.len() >= 10);
    txn.commit(&NoGuard).await.unwrap();
    assert_clean(&cluster);
}

/// Batches of ten keys each, and how many of them were taken.
fn batches(count: usize) -> (impl Stream<Item = Vec<Mutation>> + Send, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let batch = move |batch: usize| {
        counter.fetch_add(1, Ordering::Relaxed);
        let row = move |at| batch * 10 + at;
        (0..10).map(|at| Mutation::put(key(row(at)), b"v".to_vec())).collect()
    };
    (futures::stream::iter((0..count).map(batch)), taken)
}

#[tokio::test(start_paused = true)]
async fn batches_of_a_stream_do_not_wait_for_one_another() {
    for max_keys in [10_000, 50] {
        let cluster = FakeCluster::new();
        cluster.state.lock().latency = std::time::Duration::from_millis(5);
        let client = cluster.client();
        let options = TxnOptions { concurrency: 4, max_keys, ..TxnOptions::default() };
        let mut txn = client.begin(options).await.unwrap();
        let (batches, taken) = batches(100);
        txn.prewrite_all(batches).await.unwrap();
        // A sign of life may go along.
        let peak = cluster.state.lock().peak_in_flight;
        assert!((4..=5).contains(&peak), "{peak}");
        assert_eq!(taken.load(Ordering::Relaxed), 100);
        assert_eq!(txn.progress().keys_prewritten(), 1_000);
        let committed = txn.commit(&NoGuard).await.unwrap();
        let state = cluster.state.lock();
        assert_eq!(state.data.len(), 1_000);
        let commit_ts = committed.commit_ts.version();
        assert!(state.data.values().all(|versions| versions[0].0 == commit_ts));
        drop(state);
        assert_clean(&cluster);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_not_read_on_when_a_batch_of_it_has_failed() {
    let cluster = FakeCluster::new();
    cluster.state.lock().latency = std::time::Duration::from_millis(5);
    let client = cluster.client();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    let (batches, taken) = batches(100);
    // The fifth comes once more before all others.
    let again = futures::stream::iter([
        (40..50).map(|row| Mutation::put(key(row), b"w".to_vec())).collect(),
        Vec::new(),
    ]);
    let error = txn.prewrite_all(again.chain(batches)).await.unwrap_err();
    assert!(
        matches!(&error, TxnError::DuplicateKey { key: twice } if *twice == key(40)),
        "{error}"
    );
    assert_eq!(taken.load(Ordering::Relaxed), 5);
    assert!(matches!(txn.commit(&NoGuard).await.unwrap_err(), TxnError::Misuse(_)));
    client.idle().await;
    assert_clean(&cluster);
    assert!(cluster.state.lock().data.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_primary_goes_by_itself_where_others_wait_for_it() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let options = TxnOptions { batch_bytes: 4_096, ..TxnOptions::default() };
    let mut txn = client.begin(options).await.unwrap();
    txn.prewrite(batch(3)).await.unwrap();
    let sizes: Vec<usize> = cluster
        .calls(|call| call.command == "prewrite")
        .iter()
        .map(|call| match &call.request {
            crate::transport::StoreRequest::Prewrite(request) => request.mutations.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((sizes[0], sizes.iter().sum::<usize>()), (1, BATCH));
    txn.commit(&NoGuard).await.unwrap();
    assert_clean(&cluster);
}
