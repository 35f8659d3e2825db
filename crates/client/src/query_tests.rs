//! What a statement's requests say about it, whatever they are and whoever sends them.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;

use super::*;
use crate::clock::TokioClock;
use crate::clock::testing::ManualClock;
use crate::cop::{CopRequest, KeyRange};
use crate::snapshot::SnapshotOptions;
use crate::testing::{Effect, FakeCluster, FakeLock, Fault, refused, row_key, row_keys};
use crate::txn::{Mutation, NoGuard, TxnOptions};
use crate::{ErrorKind, Timestamp};

#[test]
fn ids_differ_and_fit_json() {
    let ids: BTreeSet<_> = (0..10_000).map(|_| QueryId::new(&TokioClock)).collect();
    assert_eq!(ids.len(), 10_000);
    assert!(ids.iter().all(|id| (1..=LARGEST).contains(&id.number())));
    let largest = QueryId::new(&ManualClock::default());
    assert_eq!(largest.to_string(), "9007199254740991");
}

/// The ids that requests of each command name, `command id`.
fn told(cluster: &FakeCluster) -> BTreeSet<(&'static str, u64)> {
    let calls = cluster.calls(|_| true);
    let ids = calls.iter().map(|call| {
        let source = call.context.source_stmt.as_ref().unwrap();
        assert_eq!(source.session_alias, "tifusion");
        assert_eq!(source.connection_id, call.context.task_id, "{}", call.command);
        (call.command, source.connection_id)
    });
    ids.collect()
}

fn named(commands: &[&'static str], query: QueryId) -> BTreeSet<(&'static str, u64)> {
    commands.iter().map(|command| (*command, query.number())).collect()
}

/// Two rows are locked by a transaction that died.
fn cluster_with_a_dead_lock() -> Arc<FakeCluster> {
    let cluster = FakeCluster::with_rows(6, &[2, 4]);
    let lock = FakeLock::put(&row_key(0), FakeCluster::before(60_000), "new");
    for row in [0, 2] {
        cluster.state.lock().lock(&row_key(row), lock.clone());
    }
    cluster
}

fn cop(at: Timestamp, query: Option<QueryId>) -> CopRequest {
    let ranges = vec![KeyRange::new("r".to_owned(), "s".to_owned())];
    CopRequest { query, ..CopRequest::new(Bytes::new(), at, ranges) }
}

#[tokio::test(start_paused = true)]
async fn all_requests_of_a_read_name_its_statement_and_those_about_locks_too() {
    for by_coprocessor in [false, true] {
        let cluster = cluster_with_a_dead_lock();
        let client = cluster.client();
        let query = client.query_id();
        if by_coprocessor {
            let mut read = client.coprocessor(cop(cluster.now(), Some(query))).unwrap();
            while let Some(answer) = read.next().await {
                answer.unwrap();
            }
        } else {
            let options = SnapshotOptions { query: Some(query), ..SnapshotOptions::default() };
            let snapshot = client.snapshot(cluster.now(), options);
            snapshot.batch_get(row_keys(0..6)).await.unwrap();
        }
        client.idle().await;
        // Where one task has found out about a transaction the others know without asking.
        let commands = match by_coprocessor {
            true => &["coprocessor", "check_txn_status"][..],
            false => &["batch_get", "check_txn_status", "resolve_lock"],
        };
        assert_eq!(told(&cluster), named(commands, query));
    }
}

#[tokio::test(start_paused = true)]
async fn all_requests_of_a_write_name_its_statement() {
    let cluster = FakeCluster::with_rows(0, &[2, 4]);
    let client = cluster.client();
    let query = client.query_id();
    let puts = || (0..6).map(|row| Mutation::put(row_key(row).into_bytes(), b"v".to_vec()));
    let options = TxnOptions { query: Some(query), ..TxnOptions::default() };
    let mut txn = client.begin(options.clone()).await.unwrap();
    txn.prewrite(puts().collect()).await.unwrap();
    tokio::time::sleep(options.lock_ttl).await;
    txn.commit(&NoGuard).await.unwrap();
    let mut txn = client.begin(options).await.unwrap();
    txn.prewrite(puts().collect()).await.unwrap();
    txn.rollback().await.unwrap();
    client.idle().await;
    let commands = ["prewrite", "txn_heart_beat", "commit", "batch_rollback"];
    assert_eq!(told(&cluster), named(&commands, query));
}

#[tokio::test(start_paused = true)]
async fn work_of_no_statement_has_an_id_of_its_own() {
    let cluster = FakeCluster::with_rows(6, &[2, 4]);
    let client = cluster.client();
    let mut read = client.coprocessor(cop(cluster.now(), None)).unwrap();
    while let Some(answer) = read.next().await {
        answer.unwrap();
    }
    let snapshot = client.snapshot(cluster.now(), SnapshotOptions::default());
    snapshot.batch_get(row_keys(0..6)).await.unwrap();
    snapshot.get(row_key(0).as_bytes()).await.unwrap();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    let put = Mutation::put(row_key(0).into_bytes(), b"v".to_vec());
    txn.prewrite(vec![put]).await.unwrap();
    txn.commit(&NoGuard).await.unwrap();
    let told = told(&cluster);
    let ids: BTreeSet<u64> = told.iter().map(|(_, id)| *id).collect();
    assert!(!ids.contains(&0), "{told:?}");
    assert_eq!(ids.len(), 3, "a read, a snapshot and a transaction: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn errors_name_the_statement() {
    let cluster = FakeCluster::with_rows(6, &[]);
    let client = cluster.client();
    let query = client.query_id();
    let fault = Fault::once(|_| true, Effect::Transport(refused)).times(1_000);
    cluster.add_fault(fault);
    let read = CopRequest { label: Some("db.t".into()), ..cop(cluster.now(), Some(query)) };
    let error = client.coprocessor(read).unwrap().next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(error.context().query, Some(query));
    assert!(error.to_string().contains(&format!(", query {query})")), "{error}");
    let options = SnapshotOptions { query: Some(query), ..SnapshotOptions::default() };
    let snapshot = client.snapshot(cluster.now(), options);
    let error = snapshot.get(row_key(0).as_bytes()).await.unwrap_err();
    assert_eq!(error.context().query, Some(query));
}
