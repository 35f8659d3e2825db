//! Guards, signs of life, readers that push, callers that go away, garbage collection.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::*;
use crate::error::ErrorKind;
use crate::testing::{Call, Effect, Fault, State, TxnEnd};

/// Remembers what it was asked, and says no to some of it.
#[derive(Default)]
struct Guard {
    asked: Mutex<Vec<Timestamp>>,
    allows: AtomicUsize,
}

impl Guard {
    fn allowing(times: usize) -> Self {
        Self { allows: AtomicUsize::new(times), ..Self::default() }
    }
}

#[async_trait::async_trait]
impl CommitGuard for Guard {
    async fn allow(
        &self,
        commit_ts: Timestamp,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.asked.lock().push(commit_ts);
        let left = self.allows.load(Ordering::Relaxed);
        if left == 0 {
            return Err("the table has another column".into());
        }
        self.allows.store(left - 1, Ordering::Relaxed);
        Ok(())
    }
}

fn cluster() -> Arc<FakeCluster> {
    FakeCluster::split_at(&[&row_key(3)])
}

fn is_primary_commit(call: &Call) -> bool {
    matches!(&call.request, crate::transport::StoreRequest::Commit(request)
        if request.keys == [row_key(0).into_bytes()])
}

/// As a reader of a moment later pushes the primary.
fn push(state: &mut State) {
    for lock in state.locks.get_mut(row_key(0).as_bytes()).unwrap() {
        lock.min_commit_ts = lock.min_commit_ts.max(lock.start_ts.version() + (50 << 18));
    }
}

fn roll_back(state: &mut State) {
    let key = row_key(0).into_bytes();
    let start_ts = state.locks[&key][0].start_ts.version();
    state.finish(&key, start_ts, TxnEnd::RolledBack);
}

#[tokio::test(start_paused = true)]
async fn what_the_guard_refuses_is_rolled_back() {
    let cluster = cluster();
    let client = cluster.client();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    txn.prewrite(puts(0..6)).await.unwrap();
    let guard = Guard::default();
    let error = txn.commit(&guard).await.unwrap_err();
    let TxnError::Refused { commit_ts, source } = &error else { panic!("{error}") };
    assert_eq!(guard.asked.lock().as_slice(), [*commit_ts]);
    assert_eq!(source.to_string(), "the table has another column");
    assert!(error.to_string().contains("another column"), "{error}");
    assert_clean(&cluster);
    assert!(cluster.calls(|call| call.command == "commit").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pushed_primary_is_committed_later_and_the_guard_is_asked_again() {
    for allows in [2, 1] {
        let cluster = cluster();
        let client = cluster.client();
        let mut txn = client.begin(TxnOptions::default()).await.unwrap();
        txn.prewrite(puts(0..6)).await.unwrap();
        cluster.add_fault(Fault::once(is_primary_commit, Effect::Change(Box::new(push))));
        // The pushing reader's timestamp has passed when the next one is taken.
        let wait = Effect::Delay(Duration::from_millis(60));
        cluster.add_fault(Fault::once(is_primary_commit, wait));
        let guard = Guard::allowing(allows);
        let result = txn.commit(&guard).await;
        let asked = guard.asked.lock().clone();
        assert_eq!(asked.len(), 2, "{asked:?}");
        assert!(asked[0] < asked[1]);
        assert_clean(&cluster);
        if allows == 2 {
            assert_eq!(result.unwrap().commit_ts, asked[1]);
            assert_eq!(value(&client, 5).await.as_deref(), Some("v5"));
        } else {
            assert!(matches!(result, Err(TxnError::Refused { .. })), "{result:?}");
            assert_eq!(value(&client, 5).await, None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn readers_pass_by_an_open_transaction() {
    let cluster = FakeCluster::with_rows(6, &[3]);
    let client = cluster.client();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    let put = |row| Mutation::put(row_key(row).into_bytes(), b"new".to_vec());
    txn.prewrite((0..6).map(put).collect()).await.unwrap();
    let began = cluster.elapsed();
    for row in 0..6 {
        assert_eq!(value(&client, row).await, Some(format!("v{row}")));
    }
    assert!(cluster.elapsed() - began < Duration::from_secs(1), "a reader has waited");
    let committed = txn.commit(&NoGuard).await.unwrap();
    let primary = cluster.state.lock().commits[row_key(0).as_bytes()].clone();
    assert_eq!(primary[0].0, committed.commit_ts.version());
    for row in 0..6 {
        assert_eq!(value(&client, row).await.as_deref(), Some("new"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_to_the_far_future_is_nonsense() {
    let cluster = cluster();
    let client = cluster.client();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    txn.prewrite(puts(0..6)).await.unwrap();
    for lock in cluster.state.lock().locks.get_mut(row_key(0).as_bytes()).unwrap() {
        lock.min_commit_ts = lock.start_ts.version() + (7_200_000 << 18);
    }
    let error = txn.commit(&NoGuard).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    assert_clean(&cluster);
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_keep_a_long_transaction() {
    let cluster = cluster();
    let client = cluster.client();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    for batch in 0..6 {
        txn.prewrite(puts(batch..batch + 1)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(600)).await;
        // Another writer would remove what has expired.
        let mut other = cluster.client().begin(TxnOptions::default()).await.unwrap();
        let mut bo = client.backoffer(Duration::from_secs(1));
        let lock = cluster.state.lock().locks[row_key(0).as_bytes()][0].info(row_key(0).as_bytes());
        let waiting = client.locks().resolve_for_write(&mut bo, vec![lock]).await.unwrap();
        assert_eq!(waiting.len(), 1, "the lock has expired");
        let _ = other.prewrite(Vec::new()).await;
    }
    let beats = cluster.calls(|call| call.command == "txn_heart_beat").len();
    assert!((355..=361).contains(&beats), "{beats}");
    txn.commit(&NoGuard).await.unwrap();
    assert_clean(&cluster);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(cluster.calls(|call| call.command == "txn_heart_beat").len(), beats);
}

#[tokio::test(start_paused = true)]
async fn an_old_start_makes_locks_that_live_from_now_on() {
    let cluster = cluster();
    let client = cluster.client();
    let start_ts = client.timestamp().await.unwrap();
    tokio::time::sleep(Duration::from_secs(300)).await;
    let options = TxnOptions { start_ts: Some(start_ts), ..TxnOptions::default() };
    let mut txn = client.begin(options).await.unwrap();
    txn.prewrite(puts(0..6)).await.unwrap();
    let ttl = cluster.state.lock().locks[row_key(5).as_bytes()][0].ttl_ms;
    assert_eq!(ttl, 320_000);
    txn.commit(&NoGuard).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_gone_ends_the_transaction_before_its_commit() {
    for then_commit in [true, false] {
        let cluster = cluster();
        let client = cluster.client();
        let mut txn = client.begin(TxnOptions::default()).await.unwrap();
        txn.prewrite(puts(0..6)).await.unwrap();
        roll_back(&mut cluster.state.lock());
        tokio::time::sleep(Duration::from_secs(11)).await;
        let error = match then_commit {
            true => txn.commit(&NoGuard).await.unwrap_err(),
            false => txn.prewrite(puts(6..9)).await.unwrap_err(),
        };
        let why = RolledBackWhy::ByOthers;
        assert!(
            matches!(&error, TxnError::RolledBack { why: told, .. } if *told == why),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(cluster.calls(|call| call.command == "commit").is_empty());
        assert_clean(&cluster);
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_comes_too_late_says_so() {
    let cluster = cluster();
    let client = cluster.client();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    txn.prewrite(puts(0..6)).await.unwrap();
    roll_back(&mut cluster.state.lock());
    let error = txn.commit(&NoGuard).await.unwrap_err();
    let TxnError::RolledBack { why: RolledBackWhy::ByOthers, source: Some(source), .. } = &error
    else {
        panic!("{error}")
    };
    assert!(source.to_string().contains("committing the primary"), "{source}");
    assert_clean(&cluster);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_does_not_last_for_ever() {
    let cluster = cluster();
    let client = cluster.client();
    let max_lifetime = Duration::from_secs(60);
    let options = TxnOptions { max_lifetime, ..TxnOptions::default() };
    let mut txn = client.begin(options).await.unwrap();
    txn.prewrite(puts(0..6)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(80)).await;
    let error = txn.commit(&NoGuard).await.unwrap_err();
    assert!(matches!(error, TxnError::TooLong { .. }), "{error}");
    assert_clean(&cluster);
}

#[tokio::test(start_paused = true)]
async fn garbage_collection_ends_a_transaction_that_it_has_passed() {
    let cluster = cluster();
    let client = cluster.client();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    txn.prewrite(puts(0..6)).await.unwrap();
    cluster.state.lock().safe_point = txn.start_ts().version() + 1;
    let error = txn.commit(&NoGuard).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SnapshotTooOld);
    assert_clean(&cluster);
}

#[tokio::test(start_paused = true)]
async fn without_pd_there_is_no_commit() {
    let cluster = cluster();
    let client = cluster.client();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    txn.prewrite(puts(0..6)).await.unwrap();
    cluster.state.lock().pd_is_down = true;
    let error = txn.commit(&NoGuard).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    assert_clean(&cluster);
}

#[tokio::test(start_paused = true)]
async fn dropped_it_is_rolled_back_behind() {
    for max_keys in [2, 1000] {
        let cluster = cluster();
        let client = cluster.client();
        let options = TxnOptions { max_keys, ..TxnOptions::default() };
        let mut txn = client.begin(options).await.unwrap();
        txn.prewrite(puts(0..6)).await.unwrap();
        drop(txn);
        client.idle().await;
        assert_clean(&cluster);
        assert_eq!(value(&client, 0).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn rolled_back_on_wish() {
    let cluster = cluster();
    let client = cluster.client();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    txn.prewrite(puts(0..6)).await.unwrap();
    txn.rollback().await.unwrap();
    assert_clean(&cluster);
    client.begin(TxnOptions::default()).await.unwrap().rollback().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_cancelled_cannot_be_committed() {
    // By the time for which the call is let run: while regions are looked up, or a store is asked.
    for patience in [0, 1, 15, 25] {
        let cluster = cluster();
        cluster.state.lock().latency = Duration::from_millis(10);
        let client = cluster.client();
        let mut txn = client.begin(TxnOptions::default()).await.unwrap();
        let patience = Duration::from_millis(patience);
        let call = tokio::time::timeout(patience, txn.prewrite(puts(0..6))).await;
        let is_done = call.is_ok();
        let result = txn.commit(&NoGuard).await;
        client.idle().await;
        assert_clean(&cluster);
        let there = usize::from(value(&client, 0).await.is_some())
            + usize::from(value(&client, 5).await.is_some());
        assert_eq!(there, if is_done { 2 } else { 0 });
        match is_done {
            true => drop(result.unwrap()),
            false => assert!(matches!(result, Err(TxnError::Misuse(_))), "{result:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_in_the_middle_of_its_commit_it_is_whole_or_gone() {
    let mut ends = Vec::new();
    for patience in 0..80 {
        let cluster = cluster();
        cluster.state.lock().latency = Duration::from_millis(10);
        let client = cluster.client();
        let mut txn = client.begin(TxnOptions::default()).await.unwrap();
        txn.prewrite(puts(0..6)).await.unwrap();
        let patience = Duration::from_millis(patience);
        let result = tokio::time::timeout(patience, txn.commit(&NoGuard)).await;
        client.idle().await;
        assert_clean(&cluster);
        let mut there = 0;
        for row in 0..6 {
            there += usize::from(value(&client, row).await.is_some());
        }
        assert!(there == 0 || there == 6, "{there}");
        if result.is_ok() {
            assert_eq!(there, 6);
        }
        ends.push((result.is_ok(), there));
    }
    ends.dedup();
    assert_eq!(ends, [(false, 0), (false, 6), (true, 6)]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_waiting_but_not_the_settling() {
    let cluster = cluster();
    let client = cluster.client();
    let deadline = Some(client.clock().now() + Duration::from_secs(5));
    let options = TxnOptions { deadline, ..TxnOptions::default() };
    let mut txn = client.begin(options).await.unwrap();
    txn.prewrite(puts(0..6)).await.unwrap();
    let fault = Fault::once(is_primary_commit, Effect::Silence).times(usize::MAX);
    cluster.add_fault(fault);
    let error = txn.commit(&NoGuard).await.unwrap_err();
    assert!(matches!(error, TxnError::RolledBack { .. }), "{error}");
    assert!(cluster.elapsed() < Duration::from_secs(8), "{:?}", cluster.elapsed());
    client.idle().await;
    assert_clean(&cluster);
}

#[tokio::test(start_paused = true)]
async fn secondaries_can_be_left_to_a_task_behind() {
    let cluster = cluster();
    cluster.state.lock().latency = Duration::from_millis(10);
    let client = cluster.client();
    let options = TxnOptions { commit_secondaries_behind: true, ..TxnOptions::default() };
    let mut txn = client.begin(options).await.unwrap();
    txn.prewrite(puts(0..6)).await.unwrap();
    let committed = txn.commit(&NoGuard).await.unwrap();
    assert!(matches!(committed.secondaries, Secondaries::Behind), "{committed:?}");
    client.idle().await;
    assert_clean(&cluster);
    assert_eq!(value(&client, 5).await.as_deref(), Some("v5"));
}
