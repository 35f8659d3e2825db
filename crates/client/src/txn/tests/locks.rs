//! Locks of others in the way of a prewrite, of every kind.

use std::time::Duration;

use tifusion_proto::kvrpcpb::{self, Op};

use super::*;
use crate::error::ErrorKind;
use crate::testing::{Effect, FakeLock, Fault, State, TxnEnd};

/// A cluster where row 4 is locked; the lock's transaction began `age_ms` before the test.
fn locked(age_ms: u64, change: impl FnOnce(&mut FakeLock, &mut State)) -> Arc<FakeCluster> {
    let cluster = FakeCluster::split_at(&[&row_key(3)]);
    {
        let mut state = cluster.state.lock();
        let start_ts = FakeCluster::before(age_ms);
        let mut lock = FakeLock::put(&row_key(9), start_ts, "other");
        change(&mut lock, &mut state);
        state.lock(&row_key(4), lock);
    }
    cluster
}

fn primary_too(lock: &mut FakeLock, state: &mut State) {
    state.lock(&row_key(9), lock.clone());
}

/// Writes rows 0 to 5, and tells how long that took.
async fn write(cluster: &Arc<FakeCluster>) -> (Result<Committed, TxnError>, Duration) {
    let client = cluster.client();
    let began = cluster.elapsed();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    let result = match txn.prewrite(puts(0..6)).await {
        Ok(()) => txn.commit(&NoGuard).await,
        Err(error) => Err(error),
    };
    let took = cluster.elapsed() - began;
    client.idle().await;
    (result, took)
}

async fn wins(cluster: &Arc<FakeCluster>) -> Duration {
    let (result, took) = write(cluster).await;
    result.unwrap();
    assert_clean(cluster);
    assert_eq!(value(&cluster.client(), 4).await.as_deref(), Some("v4"));
    took
}

#[tokio::test(start_paused = true)]
async fn a_live_lock_is_waited_for_and_removed_when_it_has_expired() {
    let cluster = locked(1_000, primary_too);
    // It has 2 s left.
    let took = wins(&cluster).await;
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(6), "{took:?}");
    assert_eq!(value(&cluster.client(), 9).await, None, "the other is rolled back");
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_ends_in_time_is_no_conflict_unless_it_commits() {
    for commits in [false, true] {
        let cluster = locked(1_000, primary_too);
        let start_ts = FakeCluster::before(1_000).version();
        // The third question finds it at its end.
        let end = Effect::Change(Box::new(move |state: &mut State| {
            let end = match commits {
                true => TxnEnd::Committed((1_000_000 + 60_000) << 18),
                false => TxnEnd::RolledBack,
            };
            state.finish(row_key(9).as_bytes(), start_ts, end);
        }));
        let status = |call: &crate::testing::Call| call.command == "check_txn_status";
        cluster.add_fault(Fault::once(status, end).after(2));
        let (result, _) = write(&cluster).await;
        assert_clean(&cluster);
        match (commits, result) {
            (false, Ok(_)) => {}
            (true, Err(TxnError::Conflict { conflict_start_ts, .. })) => {
                assert_eq!(conflict_start_ts.version(), start_ts);
            }
            (_, result) => panic!("{result:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_stays_alive_ends_the_wait_with_the_budget() {
    let cluster = locked(1_000, |lock, state| {
        lock.ttl_ms = 10_000_000;
        primary_too(lock, state);
    });
    let (result, took) = write(&cluster).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    assert!(error.to_string().contains("locked"), "{error}");
    assert!(took >= Duration::from_secs(40) && took < Duration::from_secs(50), "{took:?}");
    let state = cluster.state.lock();
    assert_eq!(state.locks.len(), 2, "the others' locks alone are left: {:?}", state.locks);
}

#[tokio::test(start_paused = true)]
async fn a_live_lock_of_a_later_transaction_is_a_conflict_at_once() {
    let cluster = FakeCluster::split_at(&[&row_key(3)]);
    let client = cluster.client();
    let mut first = client.begin(TxnOptions::default()).await.unwrap();
    let mut second = client.begin(TxnOptions::default()).await.unwrap();
    second.prewrite(puts(4..5)).await.unwrap();
    let began = cluster.elapsed();
    let error = first.prewrite(puts(0..6)).await.unwrap_err();
    let TxnError::Conflict { key, conflict_start_ts, .. } = &error else { panic!("{error}") };
    assert_eq!((key, *conflict_start_ts), (&row_key(4).into_bytes(), second.start_ts()));
    assert!(cluster.elapsed() - began < Duration::from_secs(1));
    second.commit(&NoGuard).await.unwrap();
    assert_clean(&cluster);
}

#[tokio::test(start_paused = true)]
async fn two_that_want_each_others_keys_do_not_wait_for_ever() {
    let cluster = FakeCluster::split_at(&[&row_key(3)]);
    let client = cluster.client();
    let mut older = client.begin(TxnOptions::default()).await.unwrap();
    let mut newer = client.begin(TxnOptions::default()).await.unwrap();
    older.prewrite(puts(0..1)).await.unwrap();
    newer.prewrite(puts(4..5)).await.unwrap();
    let (a, b) = tokio::join!(older.prewrite(puts(4..5)), newer.prewrite(puts(0..1)));
    assert!(matches!(a, Err(TxnError::Conflict { .. })), "{a:?}");
    b.unwrap();
    newer.commit(&NoGuard).await.unwrap();
    assert_clean(&cluster);
    assert!(cluster.elapsed() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn an_expired_lock_of_a_later_transaction_is_removed() {
    let cluster = FakeCluster::split_at(&[&row_key(3)]);
    let client = cluster.client();
    let start_ts = Some(client.timestamp().await.unwrap());
    let crashed = client.timestamp().await.unwrap();
    cluster.state.lock().lock(&row_key(4), FakeLock::put(&row_key(9), crashed, "other"));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut txn = client.begin(TxnOptions { start_ts, ..TxnOptions::default() }).await.unwrap();
    txn.prewrite(puts(0..6)).await.unwrap();
    txn.commit(&NoGuard).await.unwrap();
    assert_clean(&cluster);
}

#[tokio::test(start_paused = true)]
async fn a_crashed_writers_locks_are_removed() {
    // With its primary, and where that was never written.
    for with_primary in [true, false] {
        let cluster = locked(60_000, |lock, state| {
            if with_primary {
                primary_too(lock, state);
            }
        });
        assert!(wins(&cluster).await < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_committed_transactions_lock_is_committed_and_then_overwritten() {
    let cluster = locked(60_000, |lock, state| {
        let end = TxnEnd::Committed(lock.start_ts.version() + 5);
        state.finish(row_key(9).as_bytes(), lock.start_ts.version(), end);
    });
    wins(&cluster).await;
    let versions = cluster.state.lock().data[row_key(4).as_bytes()].clone();
    assert_eq!(versions[0].1.as_ref(), b"other");
    assert_eq!(versions.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_async_commit_transaction_is_brought_to_its_end() {
    for complete in [true, false] {
        let cluster = locked(60_000, |lock, state| {
            lock.use_async_commit = true;
            lock.min_commit_ts = lock.start_ts.version() + 7;
            let mut primary = lock.clone();
            primary.secondaries = vec![row_key(4).into_bytes(), row_key(8).into_bytes()];
            state.lock(&row_key(9), primary);
            if complete {
                state.lock(&row_key(8), lock.clone());
            }
        });
        wins(&cluster).await;
        let other = value(&cluster.client(), 9).await;
        assert_eq!(other.as_deref(), complete.then_some("other"));
    }
}

#[tokio::test(start_paused = true)]
async fn pessimistic_locks_of_a_dead_transaction_are_removed() {
    for primary in [Some(true), Some(false), None] {
        let cluster = locked(60_000, |lock, state| {
            lock.op = Op::PessimisticLock;
            lock.for_update_ts = lock.start_ts.version() + 1;
            if let Some(pessimistic) = primary {
                let mut other = lock.clone();
                if !pessimistic {
                    other.op = Op::Put;
                }
                state.lock(&row_key(9), other);
            }
        });
        wins(&cluster).await;
    }
}

#[tokio::test(start_paused = true)]
async fn many_locks_of_a_dead_transaction_are_no_reason_to_wait_if_they_are_told_one_by_one() {
    for op in [Op::PessimisticLock, Op::Put] {
        let cluster = FakeCluster::split_at(&[]);
        {
            let mut state = cluster.state.lock();
            state.tells_one_lock = true;
            let start_ts = FakeCluster::before(60_000);
            for row in 0..40 {
                let mut lock = FakeLock::put(&row_key(0), start_ts, "other");
                lock.op = op;
                state.lock(&row_key(row), lock);
            }
        }
        let client = cluster.client();
        let began = cluster.elapsed();
        let mut txn = client.begin(TxnOptions::default()).await.unwrap();
        txn.prewrite(puts(0..40)).await.unwrap();
        txn.commit(&NoGuard).await.unwrap();
        let took = cluster.elapsed() - began;
        assert!(took < Duration::from_secs(1), "{op:?}: {took:?}");
        client.idle().await;
        assert_clean(&cluster);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pessimistic_lock_on_its_own_primary_is_removed() {
    let cluster = locked(60_000, |lock, _| {
        lock.op = Op::PessimisticLock;
        lock.primary = row_key(4).into_bytes();
    });
    wins(&cluster).await;
}

#[tokio::test(start_paused = true)]
async fn a_pessimistic_lock_whose_primary_is_another_now_is_removed() {
    let cluster = locked(60_000, |lock, state| {
        lock.op = Op::PessimisticLock;
        let mut moved = lock.clone();
        moved.primary = row_key(8).into_bytes();
        moved.ttl_ms = 10_000_000;
        state.lock(&row_key(9), moved);
    });
    let (result, _) = write(&cluster).await;
    result.unwrap();
    assert_eq!(cluster.state.lock().locks.len(), 1, "the live key keeps its lock");
}

#[tokio::test(start_paused = true)]
async fn shared_locks_are_looked_at_one_by_one() {
    let cluster = FakeCluster::split_at(&[&row_key(3)]);
    let (one, two) = (FakeCluster::before(60_000), FakeCluster::before(50_000));
    let inner = |start_ts: Timestamp| kvrpcpb::LockInfo {
        primary_lock: row_key(9).into_bytes(),
        lock_version: start_ts.version(),
        lock_ttl: 3_000,
        lock_type: Op::SharedPessimisticLock.into(),
        ..kvrpcpb::LockInfo::default()
    };
    let wrapper = kvrpcpb::LockInfo {
        key: row_key(4).into_bytes(),
        lock_type: Op::SharedLock.into(),
        shared_lock_infos: vec![inner(one), inner(two)],
        ..kvrpcpb::LockInfo::default()
    };
    let second = |call: &crate::testing::Call| call.command == "prewrite" && call.region() != 10;
    let answer = Effect::Answer(Box::new(move |_| {
        crate::transport::StoreResponse::Prewrite(kvrpcpb::PrewriteResponse {
            errors: vec![kvrpcpb::KeyError { locked: Some(wrapper.clone()), ..Default::default() }],
            ..Default::default()
        })
    }));
    cluster.add_fault(Fault::once(second, answer));
    wins(&cluster).await;
    assert!(cluster.all_fired());
    let asked = cluster.calls(|call| call.command == "check_txn_status");
    let mut asked: Vec<u64> = asked
        .iter()
        .filter_map(|call| match &call.request {
            crate::transport::StoreRequest::CheckTxnStatus(request) => Some(request.lock_ts),
            _ => None,
        })
        .collect();
    asked.dedup();
    assert_eq!(asked, [one.version(), two.version()]);
}

#[tokio::test(start_paused = true)]
async fn a_large_dead_transaction_is_removed_region_by_region() {
    let cluster = locked(60_000, |lock, state| {
        lock.txn_size = 10_000;
        state.lock(&row_key(5), lock.clone());
        primary_too(lock, state);
    });
    wins(&cluster).await;
    let whole = cluster.calls(|call| {
        matches!(&call.request, crate::transport::StoreRequest::ResolveLock(request)
            if request.keys.is_empty())
    });
    assert_eq!(whole.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn locks_that_come_back_for_ever_end_with_the_budget() {
    let cluster = FakeCluster::split_at(&[&row_key(3)]);
    let lock = FakeLock::put(&row_key(9), FakeCluster::before(60_000), "other");
    let back = Effect::Change(Box::new(move |state: &mut State| {
        if !state.locks.contains_key(row_key(4).as_bytes()) {
            state.lock(&row_key(4), lock.clone());
        }
    }));
    let prewrite = |call: &crate::testing::Call| call.command == "prewrite" && call.region() != 10;
    cluster.add_fault(Fault::once(prewrite, back).times(usize::MAX));
    let (result, took) = write(&cluster).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    assert!(took < Duration::from_secs(60), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_store_says_about_a_key_is_told_as_it_is() {
    use kvrpcpb::KeyError as E;
    type Check = fn(&TxnError) -> bool;
    let cases: Vec<(E, Check)> = vec![
        (E { retryable: "try".into(), ..E::default() }, |error| {
            matches!(error, TxnError::Aborted { retryable: true, .. })
        }),
        (E { abort: "no".into(), ..E::default() }, |error| {
            matches!(error, TxnError::Aborted { retryable: false, .. })
        }),
        (
            E {
                deadlock: Some(kvrpcpb::Deadlock { lock_ts: 5, ..Default::default() }),
                ..E::default()
            },
            |error| matches!(error, TxnError::Deadlock { .. }),
        ),
        (
            E {
                conflict: Some(kvrpcpb::WriteConflict {
                    reason: kvrpcpb::write_conflict::Reason::SelfRolledBack.into(),
                    ..Default::default()
                }),
                ..E::default()
            },
            |error| matches!(error, TxnError::RolledBack { .. }),
        ),
        (E { commit_ts_too_large: Some(Default::default()), ..E::default() }, |error| {
            matches!(error, TxnError::Client(_))
        }),
        (E { primary_mismatch: Some(Default::default()), ..E::default() }, |error| {
            matches!(error, TxnError::Client(_))
        }),
    ];
    for (error, expected) in cases {
        let cluster = FakeCluster::split_at(&[&row_key(3)]);
        let told = error.clone();
        let answer = Effect::Answer(Box::new(move |_| {
            crate::transport::StoreResponse::Prewrite(kvrpcpb::PrewriteResponse {
                errors: vec![told.clone()],
                ..Default::default()
            })
        }));
        cluster.add_fault(Fault::once(|call| call.command == "prewrite", answer).after(1));
        let (result, _) = write(&cluster).await;
        let told = result.unwrap_err();
        assert!(expected(&told), "{error:?}: {told:?}");
        assert_clean(&cluster);
    }
}
