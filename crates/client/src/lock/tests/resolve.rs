//! Each kind of lock, met by a read of a whole cluster.

use std::sync::Arc;
use std::time::Duration;

use tifusion_proto::errorpb;
use tifusion_proto::kvrpcpb::{self, Op};

use super::super::{LockStats, ReadLocks};
use crate::error::{ErrorKind, Result};
use crate::sender::Isolation;
use crate::snapshot::{Snapshot, SnapshotOptions};
use crate::testing::{Call, Effect, FakeCluster, FakeLock, Fault, TxnEnd, row_key, row_keys};
use crate::transport::StoreRequest;
use crate::{Client, Timestamp};

/// Rows 0..6 in three regions: 0 and 1, 2 and 3, 4 and 5; old values `v0`, `v1`, …
fn cluster() -> Arc<FakeCluster> {
    FakeCluster::with_rows(6, &[2, 4])
}

fn snapshot(cluster: &FakeCluster, client: &Client) -> Snapshot {
    client.snapshot(cluster.now(), SnapshotOptions::default())
}

/// A two-phase lock of a writer that began `ms` ago.
fn lock(primary: usize, ms: u64) -> FakeLock {
    FakeLock::put(&row_key(primary), FakeCluster::before(ms), "new")
}

/// Locks `rows` for one transaction with the first as primary.
fn lock_rows(cluster: &FakeCluster, rows: &[usize], change: impl Fn(&mut FakeLock)) -> FakeLock {
    let mut lock = lock(rows[0], 1000);
    change(&mut lock);
    if lock.use_async_commit {
        lock.secondaries = rows[1..].iter().map(|row| row_key(*row).into_bytes()).collect();
    }
    for row in rows {
        let mut own = lock.clone();
        if *row != rows[0] {
            own.secondaries.clear();
        }
        cluster.state.lock().lock(&row_key(*row), own);
    }
    lock
}

/// All values, in the order of the rows.
async fn values(snapshot: &Snapshot) -> Vec<String> {
    let pairs = snapshot.batch_get(row_keys(0..6)).await.unwrap();
    assert_eq!(pairs.iter().map(|p| p.key.clone()).collect::<Vec<_>>(), row_keys(0..6));
    pairs.iter().map(|pair| String::from_utf8_lossy(&pair.value).into_owned()).collect()
}

fn old() -> Vec<String> {
    (0..6).map(|row| format!("v{row}")).collect()
}

fn new_at(rows: &[usize]) -> Vec<String> {
    let mut values = old();
    for row in rows {
        values[*row] = "new".to_owned();
    }
    values
}

fn commands(cluster: &FakeCluster, command: &'static str) -> Vec<Call> {
    cluster.calls(|call| call.command == command)
}

fn status_questions(cluster: &FakeCluster) -> Vec<kvrpcpb::CheckTxnStatusRequest> {
    let questions = commands(cluster, "check_txn_status").into_iter();
    questions
        .map(|call| match call.request {
            StoreRequest::CheckTxnStatus(request) => request,
            _ => unreachable!(),
        })
        .collect()
}

fn resolved_keys(cluster: &FakeCluster) -> Vec<Vec<u8>> {
    let mut keys: Vec<_> = commands(cluster, "resolve_lock")
        .into_iter()
        .flat_map(|call| match call.request {
            StoreRequest::ResolveLock(request) => request.keys,
            _ => unreachable!(),
        })
        .collect();
    keys.sort_unstable();
    keys
}

fn no_locks(cluster: &FakeCluster) -> bool {
    cluster.state.lock().locks.is_empty()
}

#[tokio::test(start_paused = true)]
async fn secondaries_of_a_committed_transaction_are_read_through_and_cleaned_up() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = lock_rows(&cluster, &[0, 2, 3, 5], |_| ());
    let commit_ts = cluster.now().version() - 1;
    let (primary, txn) = (row_key(0), lock.start_ts.version());
    cluster.state.lock().finish(primary.as_bytes(), txn, TxnEnd::Committed(commit_ts));
    assert_eq!(values(&snapshot(&cluster, &client)).await, new_at(&[0, 2, 3, 5]));
    client.locks().idle().await;
    assert!(no_locks(&cluster));
    assert_eq!(status_questions(&cluster).len(), 1, "one question for all locks");
    assert_eq!(resolved_keys(&cluster).len(), 3);
    // The fate is remembered: another snapshot that meets the transaction asks nobody.
    cluster.state.lock().lock(&row_key(4), lock);
    values(&snapshot(&cluster, &client)).await;
    assert_eq!(status_questions(&cluster).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_committed_after_the_snapshot_is_ignored() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = lock_rows(&cluster, &[0, 2], |_| ());
    let snapshot = snapshot(&cluster, &client);
    let commit_ts = snapshot.start_ts().version() + 1;
    let (primary, txn) = (row_key(0), lock.start_ts.version());
    cluster.state.lock().finish(primary.as_bytes(), txn, TxnEnd::Committed(commit_ts));
    assert_eq!(values(&snapshot).await, old());
}

#[tokio::test(start_paused = true)]
async fn locks_of_a_writer_that_died_are_rolled_back_after_their_time() {
    let cluster = cluster();
    let client = cluster.client();
    lock_rows(&cluster, &[0, 3, 4], |lock| lock.ttl_ms = 500);
    assert_eq!(values(&snapshot(&cluster, &client)).await, old());
    client.locks().idle().await;
    assert!(no_locks(&cluster));
    assert!(cluster.elapsed() < Duration::from_millis(10), "no wait for the dead");
}

#[tokio::test(start_paused = true)]
async fn a_live_writer_is_waited_for_no_longer_than_its_time() {
    let cluster = cluster();
    let client = cluster.client();
    // Alive for two more seconds, and gone.
    lock_rows(&cluster, &[3, 0], |_| ());
    let snapshot = snapshot(&cluster, &client);
    assert_eq!(values(&snapshot).await, old());
    let elapsed = cluster.elapsed();
    assert!((2000..6000).contains(&elapsed.as_millis()), "{elapsed:?}");
    assert!(snapshot.lock_stats().waits() > 2);
    client.locks().idle().await;
    assert!(no_locks(&cluster));
}

#[tokio::test(start_paused = true)]
async fn a_live_writer_that_commits_meanwhile_is_seen_as_it_committed() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = lock_rows(&cluster, &[3, 0], |lock| lock.ttl_ms = 60_000);
    let snapshot = snapshot(&cluster, &client);
    let commit_ts = snapshot.start_ts().version();
    let txn = lock.start_ts.version();
    let commit = move |state: &mut crate::testing::State| {
        state.finish(row_key(3).as_bytes(), txn, TxnEnd::Committed(commit_ts));
    };
    let third =
        Fault::once(|call| call.command == "check_txn_status", Effect::Change(Box::new(commit)));
    cluster.add_fault(third.after(2));
    assert_eq!(values(&snapshot).await, new_at(&[0, 3]));
    assert!(cluster.all_fired());
    assert!(cluster.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_large_transaction_is_pushed_and_not_waited_for() {
    let cluster = cluster();
    let client = cluster.client();
    let min_commit_ts = FakeCluster::before(900).version();
    let lock = lock_rows(&cluster, &[1, 2, 4], |lock| {
        lock.ttl_ms = 60_000;
        lock.min_commit_ts = min_commit_ts;
    });
    let snapshot = snapshot(&cluster, &client);
    assert_eq!(values(&snapshot).await, old());
    assert!(cluster.elapsed() < Duration::from_millis(100));
    let pushed = cluster.state.lock().locks[row_key(1).as_bytes()][0].min_commit_ts;
    assert!(pushed > snapshot.start_ts().version());
    // It lives on: nothing was cleaned up.
    client.locks().idle().await;
    assert_eq!(cluster.state.lock().locks.len(), 3);
    assert!(commands(&cluster, "resolve_lock").is_empty());
    let last = commands(&cluster, "batch_get").pop().unwrap();
    assert_eq!(last.context.resolved_locks, [lock.start_ts.version()]);
}

#[tokio::test(start_paused = true)]
async fn what_was_learnt_for_one_snapshot_is_not_used_for_a_later_one() {
    let cluster = cluster();
    let client = cluster.client();
    let min_commit_ts = FakeCluster::before(900).version();
    lock_rows(&cluster, &[1, 2], |lock| {
        lock.ttl_ms = 60_000;
        lock.min_commit_ts = min_commit_ts;
    });
    values(&snapshot(&cluster, &client)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.state.lock().calls.clear();
    values(&snapshot(&cluster, &client)).await;
    assert_eq!(commands(&cluster, "batch_get")[0].context.resolved_locks, [0_u64; 0]);
    assert_eq!(status_questions(&cluster).len(), 1, "pushed again, past the later snapshot");
}

#[tokio::test(start_paused = true)]
async fn locks_that_hold_no_data_do_not_block_reads() {
    for op in [Op::PessimisticLock, Op::Lock] {
        let cluster = cluster();
        let client = cluster.client();
        lock_rows(&cluster, &[0, 3], |lock| lock.op = op);
        assert_eq!(values(&snapshot(&cluster, &client)).await, old());
        assert!(status_questions(&cluster).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn rc_reads_do_not_ask_about_locks() {
    let cluster = cluster();
    let client = cluster.client();
    lock_rows(&cluster, &[0, 3], |_| ());
    let options = SnapshotOptions { isolation: Isolation::Rc, ..SnapshotOptions::default() };
    let snapshot = client.snapshot(cluster.now(), options);
    assert_eq!(values(&snapshot).await, old());
    assert!(status_questions(&cluster).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_orphan_secondary_is_rolled_back_after_its_time_only() {
    let cluster = cluster();
    let client = cluster.client();
    // The writer died before its primary was written.
    let orphan = lock(0, 1000);
    cluster.state.lock().lock(&row_key(5), orphan);
    assert_eq!(values(&snapshot(&cluster, &client)).await, old());
    let elapsed = cluster.elapsed();
    assert!((2000..4000).contains(&elapsed.as_millis()), "{elapsed:?}");
    let questions = status_questions(&cluster);
    let (last, first) = questions.split_last().unwrap();
    assert!(last.rollback_if_not_exist && last.verify_is_primary);
    assert!(first.iter().all(|question| !question.rollback_if_not_exist));
    assert!(first.len() > 3, "it was looked for while it may have been on its way");
    client.locks().idle().await;
    assert!(no_locks(&cluster));
}

#[tokio::test(start_paused = true)]
async fn an_orphan_whose_primary_arrives_late_is_not_rolled_back() {
    let cluster = cluster();
    let client = cluster.client();
    let orphan = lock(0, 1000);
    let txn = orphan.start_ts.version();
    cluster.state.lock().lock(&row_key(5), orphan);
    let snapshot = snapshot(&cluster, &client);
    let commit_ts = snapshot.start_ts().version();
    let arrive = move |state: &mut crate::testing::State| {
        state.finish(row_key(0).as_bytes(), txn, TxnEnd::Committed(commit_ts));
    };
    let second =
        Fault::once(|call| call.command == "check_txn_status", Effect::Change(Box::new(arrive)));
    cluster.add_fault(second.after(1));
    assert_eq!(values(&snapshot).await, new_at(&[5]));
    assert!(status_questions(&cluster).iter().all(|q| !q.rollback_if_not_exist));
}

fn async_rows(cluster: &FakeCluster, rows: &[usize]) -> FakeLock {
    lock_rows(cluster, rows, |lock| {
        lock.use_async_commit = true;
        lock.ttl_ms = 500;
        lock.min_commit_ts = FakeCluster::before(900).version();
    })
}

#[tokio::test(start_paused = true)]
async fn an_async_commit_with_all_its_locks_is_committed() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = async_rows(&cluster, &[1, 2, 3, 5]);
    let higher = FakeCluster::before(500).version();
    for stored in cluster.state.lock().locks.get_mut(row_key(3).as_bytes()).unwrap() {
        stored.min_commit_ts = higher;
    }
    assert_eq!(values(&snapshot(&cluster, &client)).await, new_at(&[1, 2, 3, 5]));
    client.locks().idle().await;
    assert!(no_locks(&cluster));
    let txn = lock.start_ts.version();
    for row in [1, 2, 3, 5] {
        let end = cluster.state.lock().ended[&(txn, row_key(row).into_bytes())];
        assert_eq!(end, TxnEnd::Committed(higher), "the largest of all, on every key");
    }
    // Asked region by region, although only some of the locks were met.
    assert_eq!(commands(&cluster, "check_secondary_locks").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_async_commit_with_a_lock_missing_is_rolled_back_for_good() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = async_rows(&cluster, &[1, 2, 5]);
    cluster.state.lock().locks.remove(row_key(5).as_bytes());
    assert_eq!(values(&snapshot(&cluster, &client)).await, old());
    client.locks().idle().await;
    assert!(no_locks(&cluster));
    let ended = cluster.state.lock().ended.clone();
    assert!(ended.values().all(|end| *end == TxnEnd::RolledBack));
    assert!(ended.contains_key(&(lock.start_ts.version(), row_key(5).into_bytes())));
}

#[tokio::test(start_paused = true)]
async fn an_async_commit_with_a_key_committed_is_committed_at_that_time() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = async_rows(&cluster, &[1, 2, 5]);
    let (txn, commit_ts) = (lock.start_ts.version(), FakeCluster::before(300).version());
    cluster.state.lock().finish(row_key(2).as_bytes(), txn, TxnEnd::Committed(commit_ts));
    assert_eq!(values(&snapshot(&cluster, &client)).await, new_at(&[1, 2, 5]));
    client.locks().idle().await;
    let ended = cluster.state.lock().ended.clone();
    assert!(ended.values().all(|end| *end == TxnEnd::Committed(commit_ts)), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn an_async_commit_that_fell_back_is_decided_by_its_primary() {
    let cluster = cluster();
    let client = cluster.client();
    async_rows(&cluster, &[1, 2, 5]);
    for stored in cluster.state.lock().locks.get_mut(row_key(5).as_bytes()).unwrap() {
        stored.use_async_commit = false;
        stored.min_commit_ts = 0;
    }
    assert_eq!(values(&snapshot(&cluster, &client)).await, old());
    assert!(status_questions(&cluster).last().unwrap().force_sync_commit);
    client.locks().idle().await;
    let txn = FakeCluster::before(1000).version();
    let ended = cluster.state.lock().ended.clone();
    assert_eq!(ended[&(txn, row_key(1).into_bytes())], TxnEnd::RolledBack);
}

#[tokio::test(start_paused = true)]
async fn a_live_async_commit_is_waited_for() {
    let cluster = cluster();
    let client = cluster.client();
    lock_rows(&cluster, &[1, 2], |lock| {
        lock.use_async_commit = true;
        lock.ttl_ms = 2000;
        lock.min_commit_ts = FakeCluster::before(900).version();
    });
    assert_eq!(values(&snapshot(&cluster, &client)).await, new_at(&[1, 2]));
    assert!(cluster.elapsed() >= Duration::from_millis(1000));
    let first_check = commands(&cluster, "check_secondary_locks")[0].at;
    assert!(first_check >= Duration::from_millis(1000), "not before its time: {first_check:?}");
}

#[tokio::test(start_paused = true)]
async fn many_locks_in_a_region_are_resolved_in_one_pass() {
    let cluster = FakeCluster::with_rows(600, &[300]);
    let client = cluster.client();
    let rows: Vec<usize> = (250..600).collect();
    let lock = lock_rows(&cluster, &rows, |lock| {
        lock.ttl_ms = 500;
        lock.txn_size = 600;
    });
    let pairs = snapshot(&cluster, &client).batch_get(row_keys(0..600)).await.unwrap();
    assert_eq!(pairs.len(), 600);
    client.locks().idle().await;
    assert!(no_locks(&cluster));
    assert_eq!(status_questions(&cluster).len(), 1);
    let resolves = commands(&cluster, "resolve_lock");
    assert!(resolves.len() <= 4, "{} requests for {} locks", resolves.len(), rows.len());
    assert!(resolved_keys(&cluster).is_empty(), "by region, not by key");
    let txn = lock.start_ts.version();
    assert!(
        cluster.state.lock().ended.iter().all(|((t, _), e)| *t == txn && *e == TxnEnd::RolledBack)
    );
}

#[tokio::test(start_paused = true)]
async fn a_split_and_a_moved_leader_do_not_disturb_the_resolving() {
    for command in ["check_txn_status", "check_secondary_locks", "resolve_lock"] {
        let cluster = cluster();
        let client = cluster.client();
        async_rows(&cluster, &[1, 2, 3, 5]);
        let change = |state: &mut crate::testing::State| {
            for row in [1, 3, 5] {
                state.split(row_key(row).as_bytes());
                state.transfer_leader(row_key(row).as_bytes(), 3);
            }
        };
        let fault =
            Fault::once(move |call| call.command == command, Effect::Change(Box::new(change)));
        cluster.add_fault(fault);
        assert_eq!(values(&snapshot(&cluster, &client)).await, new_at(&[1, 2, 3, 5]));
        client.locks().idle().await;
        assert!(cluster.all_fired() && no_locks(&cluster), "{command}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_region_error_while_resolving_heals() {
    for command in ["check_txn_status", "check_secondary_locks", "resolve_lock"] {
        for error in crate::testing::healing_region_errors() {
            let cluster = cluster();
            let client = cluster.client();
            async_rows(&cluster, &[1, 2, 3, 5]);
            let fault =
                Fault::once(move |call| call.command == command, Effect::region(error.clone()));
            cluster.add_fault(fault);
            assert_eq!(values(&snapshot(&cluster, &client)).await, new_at(&[1, 2, 3, 5]));
            client.locks().idle().await;
            assert!(cluster.all_fired() && no_locks(&cluster), "{command} {error:?}");
        }
    }
}

/// Resolves locks that no read of this fake cluster would meet.
async fn resolve(
    cluster: &FakeCluster,
    client: &Client,
    infos: Vec<kvrpcpb::LockInfo>,
) -> Result<LockStats> {
    let read = ReadLocks::new(cluster.now());
    let stats = LockStats::default();
    let mut bo = client.backoffer(Duration::from_secs(20));
    let then = read.knowledge();
    client.locks().clear_for_read(&mut bo, infos, &read, then, &stats, Some("t")).await?;
    client.locks().idle().await;
    Ok(stats)
}

fn pessimistic(cluster: &FakeCluster, rows: &[usize], ttl_ms: u64) -> FakeLock {
    lock_rows(cluster, rows, |lock| {
        lock.op = Op::PessimisticLock;
        lock.for_update_ts = FakeCluster::before(800).version();
        lock.ttl_ms = ttl_ms;
    })
}

#[tokio::test(start_paused = true)]
async fn an_expired_pessimistic_lock_is_taken_off_its_key_and_no_other() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = pessimistic(&cluster, &[0, 2, 3], 500);
    let info = lock.info(row_key(2).as_bytes());
    resolve(&cluster, &client, vec![info]).await.unwrap();
    let left: Vec<_> = cluster.state.lock().locks.keys().cloned().collect();
    assert_eq!(left, row_keys(3..4), "the primary by the question, row 2 by its rollback");
    assert!(cluster.state.lock().ended.is_empty(), "the transaction may go on");
    assert!(commands(&cluster, "resolve_lock").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pessimistic_lock_without_a_primary_rolls_nothing_back() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = pessimistic(&cluster, &[0, 2, 3], 500);
    cluster.state.lock().locks.remove(row_key(0).as_bytes());
    let info = lock.info(row_key(2).as_bytes());
    resolve(&cluster, &client, vec![info]).await.unwrap();
    assert!(status_questions(&cluster).last().unwrap().rollback_if_not_exist);
    let left: Vec<_> = cluster.state.lock().locks.keys().cloned().collect();
    assert_eq!(left, row_keys(3..4));
    assert!(cluster.state.lock().ended.is_empty(), "no rollback of the transaction");
    assert!(commands(&cluster, "resolve_lock").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pessimistic_lock_with_a_changed_primary_is_left_over() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = pessimistic(&cluster, &[0, 2], 60_000);
    // The transaction has chosen row 2 as its primary since.
    let state = &cluster.state;
    state.lock().locks.get_mut(row_key(0).as_bytes()).unwrap()[0].primary = row_key(2).into_bytes();
    let info = lock.info(row_key(2).as_bytes());
    resolve(&cluster, &client, vec![info]).await.unwrap();
    assert!(!state.lock().locks.contains_key(row_key(2).as_bytes()));
    assert!(state.lock().ended.is_empty());
}

#[tokio::test(start_paused = true)]
async fn shared_locks_are_resolved_one_by_one_and_their_wrapper_never() {
    let cluster = cluster();
    let client = cluster.client();
    let key = row_key(2);
    let inner: Vec<FakeLock> = [(0, 1000), (4, 1200)]
        .map(|(primary, ms)| {
            let mut lock = lock(primary, ms);
            lock.op = Op::Lock;
            lock.ttl_ms = 300;
            cluster.state.lock().lock(&row_key(primary), lock.clone());
            cluster.state.lock().lock(&key, lock.clone());
            lock
        })
        .to_vec();
    let wrapper = kvrpcpb::LockInfo {
        key: key.clone().into_bytes(),
        lock_type: Op::SharedLock.into(),
        shared_lock_infos: inner.iter().map(|lock| lock.info(key.as_bytes())).collect(),
        ..kvrpcpb::LockInfo::default()
    };
    resolve(&cluster, &client, vec![wrapper]).await.unwrap();
    assert!(no_locks(&cluster));
    let asked: Vec<u64> = status_questions(&cluster).iter().map(|q| q.lock_ts).collect();
    assert_eq!(asked, inner.iter().map(|lock| lock.start_ts.version()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_empty_shared_lock_is_waited_for_not_looped_over() {
    let cluster = cluster();
    let client = cluster.client();
    let wrapper = kvrpcpb::LockInfo {
        key: b"k".to_vec(),
        lock_type: Op::SharedLock.into(),
        ..kvrpcpb::LockInfo::default()
    };
    let stats = resolve(&cluster, &client, vec![wrapper]).await.unwrap();
    assert_eq!((stats.met(), stats.waits()), (1, 1));
    assert!(cluster.elapsed() > Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_lock_newer_than_the_snapshot_is_ignored_without_a_question() {
    let cluster = cluster();
    let client = cluster.client();
    let mut info = lock(0, 1000).info(b"k");
    info.lock_version = Timestamp::MAX.version() - 1;
    resolve(&cluster, &client, vec![info]).await.unwrap();
    assert!(cluster.calls(|_| true).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_lock_without_a_time_to_live_is_resolved_at_any_age() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = lock_rows(&cluster, &[0, 2], |_| ());
    let info = kvrpcpb::LockInfo { lock_ttl: 0, ..lock.info(row_key(2).as_bytes()) };
    resolve(&cluster, &client, vec![info]).await.unwrap();
    assert!(no_locks(&cluster));
    assert_eq!(status_questions(&cluster)[0].current_ts, u64::MAX);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_stays_ends_in_an_error_that_says_whose_it_is() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = lock_rows(&cluster, &[3, 0], |lock| lock.ttl_ms = 3_600_000);
    let options = SnapshotOptions { label: Some("db.t".into()), ..SnapshotOptions::default() };
    let snapshot = client.snapshot(cluster.now(), options);
    let error = snapshot.get(row_key(0).as_bytes()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(error.to_string().contains(&lock.start_ts.to_string()), "{error}");
    assert_eq!(error.context().table.as_deref(), Some("db.t"));
    assert!(error.context().key.is_some());
    assert!(cluster.elapsed() <= Duration::from_secs(22), "{:?}", cluster.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_reports_an_ignored_lock_again_and_again_is_not_hammered() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = lock_rows(&cluster, &[0, 2], |lock| lock.ttl_ms = 500);
    let (read, stats) = (ReadLocks::new(cluster.now()), LockStats::default());
    let mut bo = client.backoffer(Duration::from_secs(20));
    let info = || vec![lock.info(row_key(2).as_bytes())];
    let mut waits = Vec::new();
    for _ in 0..4 {
        let (then, began) = (read.knowledge(), cluster.elapsed());
        client.locks().clear_for_read(&mut bo, info(), &read, then, &stats, None).await.unwrap();
        waits.push(cluster.elapsed() - began);
    }
    assert_eq!(waits[0], Duration::ZERO, "now it is known how to get past it");
    assert!(waits[1..].iter().all(|wait| *wait > Duration::ZERO), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_tasks_that_meet_one_transaction_ask_once() {
    let cluster = cluster();
    let client = cluster.client();
    cluster.state.lock().latency = Duration::from_millis(20);
    let lock = lock_rows(&cluster, &[0, 2], |lock| lock.ttl_ms = 500);
    let read = ReadLocks::new(cluster.now());
    let stats = LockStats::default();
    let meet = |_| async {
        let mut bo = client.backoffer(Duration::from_secs(20));
        let info = vec![lock.info(row_key(2).as_bytes())];
        let then = read.knowledge();
        client.locks().clear_for_read(&mut bo, info, &read, then, &stats, None).await.unwrap();
    };
    futures::future::join_all((0..100).map(meet)).await;
    assert_eq!(status_questions(&cluster).len(), 1);
    client.locks().idle().await;
    assert_eq!(commands(&cluster, "resolve_lock").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn contradicting_stores_are_an_error_and_resolve_nothing() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = async_rows(&cluster, &[1, 2, 5]);
    let txn = lock.start_ts.version();
    {
        let mut state = cluster.state.lock();
        state.finish(
            row_key(2).as_bytes(),
            txn,
            TxnEnd::Committed(FakeCluster::before(300).version()),
        );
        state.finish(
            row_key(5).as_bytes(),
            txn,
            TxnEnd::Committed(FakeCluster::before(200).version()),
        );
    }
    let error = snapshot(&cluster, &client).get(row_key(1).as_bytes()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    client.locks().idle().await;
    assert!(commands(&cluster, "resolve_lock").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_fatal_region_error_while_resolving_is_reported() {
    let cluster = cluster();
    let client = cluster.client();
    lock_rows(&cluster, &[1, 2], |_| ());
    let flashback = errorpb::Error {
        flashback_in_progress: Some(errorpb::FlashbackInProgress::default()),
        ..errorpb::Error::default()
    };
    let fault = Fault::once(|call| call.command == "check_txn_status", Effect::region(flashback));
    cluster.add_fault(fault);
    let error = snapshot(&cluster, &client).get(row_key(2).as_bytes()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[tokio::test(start_paused = true)]
async fn more_cleanups_than_run_at_once_are_done_by_the_read() {
    let cluster = FakeCluster::with_rows(200, &[100]);
    let client = cluster.client();
    cluster.state.lock().latency = Duration::from_millis(1);
    for row in 0..100 {
        // A hundred writers, each with its primary and one more key.
        let mut lock = lock(row, 1000 + row as u64);
        lock.ttl_ms = 1;
        for key in [row, row + 100] {
            cluster.state.lock().lock(&row_key(key), lock.clone());
        }
    }
    let hang =
        Fault::once(|call| call.command == "resolve_lock", Effect::Delay(Duration::from_secs(5)));
    cluster.add_fault(hang.times(64));
    let pairs = snapshot(&cluster, &client).batch_get(row_keys(100..200)).await.unwrap();
    assert_eq!(pairs.len(), 100);
    assert!(cluster.all_fired());
    assert!(!no_locks(&cluster), "the read did not wait for the slow ones");
    client.locks().idle().await;
    assert!(no_locks(&cluster));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_found_committed_by_another_task_is_never_ignored() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = lock_rows(&cluster, &[0, 1], |_| ());
    let read = ReadLocks::new(cluster.now());
    let then = read.knowledge();
    read.read_through(lock.start_ts);
    // Its fate is no longer remembered, as after two thousand others.
    let infos = vec![lock.info(row_key(1).as_bytes())];
    let mut bo = client.backoffer(Duration::from_secs(20));
    let resolved = client.locks().resolve_for_read(&mut bo, infos, &read, then).await.unwrap();
    assert!(resolved.progress && resolved.wait.is_none());
    let mut context = kvrpcpb::Context::default();
    read.fill(&mut context);
    assert_eq!(context.committed_locks, [lock.start_ts.version()]);
    assert!(context.resolved_locks.is_empty(), "its write would be lost");
}

#[tokio::test(start_paused = true)]
async fn the_line_for_a_transaction_ends_with_the_statement() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = lock_rows(&cluster, &[0, 1], |_| ());
    let slow = |call: &Call| call.command == "check_txn_status";
    cluster.add_fault(Fault::once(slow, Effect::Delay(Duration::from_secs(5))));
    let (read, stats) = (ReadLocks::new(cluster.now()), LockStats::default());
    let then = read.knowledge();
    let infos = || vec![lock.info(row_key(1).as_bytes())];
    let mut first_bo = client.backoffer(Duration::from_secs(20));
    let locks = client.locks();
    let mut first =
        Box::pin(locks.clear_for_read(&mut first_bo, infos(), &read, then, &stats, None));
    assert!(futures::poll!(&mut first).is_pending());
    let deadline = client.clock().now() + Duration::from_millis(50);
    let bo = client.backoffer(Duration::from_secs(20));
    let mut bo = bo.with_deadline(Some(deadline));
    let second = locks.clear_for_read(&mut bo, infos(), &read, then, &stats, None).await;
    assert_eq!(second.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(client.clock().now(), deadline);
}
