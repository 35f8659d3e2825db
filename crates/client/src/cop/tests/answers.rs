//! What comes back: complete, exact, in order where asked for.

use std::time::Duration;

use tifusion_proto::coprocessor;

use super::*;
use crate::error::ErrorKind;
use crate::testing::{Effect, FakeLock, Fault, TxnEnd, row_key, row_keys, status};
use crate::transport::{StatusCode, StoreRequest, StoreResponse};

fn cluster() -> Arc<FakeCluster> {
    FakeCluster::with_rows(60, &[7, 20, 21, 40, 55])
}

fn backwards(mut keys: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    keys.reverse();
    keys
}

#[tokio::test(start_paused = true)]
async fn all_rows_come_once_whatever_the_mode() {
    for paging_size in [0, 1, 7, 1000] {
        for concurrency in [1, 3, 15] {
            let cluster = cluster();
            let client = cluster.client();
            let base = CopRequest { paging_size, concurrency, ..request() };
            let any = sorted_rows(&client, base.clone()).await.unwrap();
            assert_eq!(any, row_keys(0..60));
            let ordered = CopRequest { keep_order: true, ..base };
            assert_eq!(rows(&client, ordered.clone()).await.unwrap(), row_keys(0..60));
            let down = rows(&client, desc(ordered)).await.unwrap();
            assert_eq!(down, backwards(row_keys(0..60)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn order_is_kept_when_the_first_answers_come_last() {
    let cluster = cluster();
    let client = cluster.client();
    let on_first = |call: &Call| is_cop(call) && call.ranges()[0].0 == "r";
    cluster.add_fault(Fault::once(on_first, Effect::Delay(Duration::from_secs(5))));
    let request = CopRequest { keep_order: true, ..request() };
    assert_eq!(rows(&client, request).await.unwrap(), row_keys(0..60));
    assert!(cluster.all_fired());
}

#[tokio::test(start_paused = true)]
async fn several_ranges_are_read_and_nothing_between_them() {
    let cluster = cluster();
    let client = cluster.client();
    let key = row_key;
    let (a, b, c, d) = (key(3), key(9), key(30), key(31));
    let request = request_over(&[(&a, &b), (&c, &d)]);
    let expected = [row_keys(3..9), row_keys(30..31)].concat();
    assert_eq!(sorted_rows(&client, request).await.unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn pages_grow_to_twice_their_size_each_time() {
    let cluster = FakeCluster::with_rows(60, &[]);
    let client = cluster.client();
    let request = CopRequest { paging_size: 4, ..request() };
    assert_eq!(sorted_rows(&client, request).await.unwrap(), row_keys(0..60));
    let sizes: Vec<u64> = cluster
        .calls(is_cop)
        .into_iter()
        .map(|call| match call.request {
            StoreRequest::Coprocessor(request) => request.paging_size,
            _ => unreachable!(),
        })
        .collect();
    assert_eq!(sizes, [4, 8, 16, 32]);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_splits_between_two_pages_loses_and_doubles_nothing() {
    for down in [false, true] {
        for keep_order in [false, true] {
            let cluster = FakeCluster::with_rows(60, &[]);
            let client = cluster.client();
            let base = CopRequest { paging_size: 5, keep_order, ..request() };
            let split = |state: &mut crate::testing::State| {
                for row in [2, 13, 14, 33, 50] {
                    state.split(row_key(row).as_bytes());
                    state.transfer_leader(row_key(row).as_bytes(), 1 + row as u64 % 3);
                }
            };
            cluster.add_fault(Fault::once(is_cop, Effect::Change(Box::new(split))).after(2));
            let request = if down { desc(base) } else { base };
            let mut got = rows(&client, request).await.unwrap();
            if !keep_order {
                got.sort_unstable();
            } else if down {
                got.reverse();
            }
            assert_eq!(got, row_keys(0..60));
            assert!(cluster.all_fired());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn new_buckets_split_the_task_anew() {
    let cluster = FakeCluster::with_rows(30, &[]);
    let client = cluster.client();
    assert_eq!(sorted_rows(&client, request()).await.unwrap(), row_keys(0..30));
    assert_eq!(cop_calls(&cluster), 1);
    {
        let mut state = cluster.state.lock();
        let keys = vec![vec![], row_keys(10..11)[0].clone(), row_keys(20..21)[0].clone(), vec![]];
        state.regions[0].buckets = Some((4, keys));
        state.calls.clear();
        state.pd_calls.clear();
    }
    assert_eq!(sorted_rows(&client, request()).await.unwrap(), row_keys(0..30));
    let calls = cluster.calls(is_cop);
    let versions: Vec<u64> = calls.iter().map(|call| call.context.buckets_version).collect();
    assert_eq!(versions, [0, 4, 4, 4]);
    let stored = cluster.state.lock().pd_calls.clone();
    assert!(stored.is_empty(), "the error itself told the buckets: {stored:?}");
    // Now they are known beforehand, and their tasks run side by side.
    assert_eq!(sorted_rows(&client, request()).await.unwrap(), row_keys(0..30));
    assert_eq!(cop_calls(&cluster), 7);
}

#[tokio::test(start_paused = true)]
async fn too_many_ranges_make_several_requests() {
    let cluster = FakeCluster::with_rows(1, &[]);
    let client = cluster.client();
    let ranges =
        (0..60_001_u32).map(|n| KeyRange::new(format!("r{n:06}a"), format!("r{n:06}b"))).collect();
    let request = CopRequest { ranges, ..request() };
    rows(&client, request).await.unwrap();
    let mut sizes: Vec<usize> = cluster.calls(is_cop).iter().map(|c| c.ranges().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [10_001, 25_000, 25_000]);
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_resolved_and_the_task_goes_on_with_what_was_learnt() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = FakeLock::put(&row_key(1), FakeCluster::before(1000), "new");
    let txn = lock.start_ts;
    {
        let mut state = cluster.state.lock();
        for row in [1, 8, 25, 59] {
            state.lock(&row_key(row), lock.clone());
        }
        // A row that exists in the lock only.
        state.lock("r00025x", lock);
        state.finish(row_key(1).as_bytes(), txn.version(), TxnEnd::Committed(txn.version() + 1));
    }
    let start_ts = cluster.now();
    let request = CopRequest { start_ts, ..request() };
    let mut expected = row_keys(0..60);
    expected.insert(26, b"r00025x".to_vec());
    let mut stream = client.coprocessor(request).unwrap();
    let metrics = Arc::clone(stream.metrics());
    let mut got = Vec::new();
    while let Some(answer) = stream.next().await {
        got.extend(decode_rows(&answer.unwrap().data));
    }
    got.sort_unstable();
    assert_eq!(got, expected);
    assert!(metrics.locks.met() >= 1);
    let last = cluster.calls(|c| is_cop(c) && !c.context.committed_locks.is_empty());
    assert_eq!(last[0].context.committed_locks, [txn.version()]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_table_region_and_store_and_ends_the_read() {
    let cluster = cluster();
    let client = cluster.client();
    let text = "Coprocessor executor not implemented".to_owned();
    let on_third = |call: &Call| is_cop(call) && call.store == 3;
    cluster.add_fault(Fault::once(on_third, Effect::OtherError(text.clone())));
    let error = rows(&client, request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains(&text), "{error}");
    let context = error.context();
    assert_eq!((context.store, context.table.as_deref()), (Some(3), Some("db.t")));
    assert!(context.region.is_some() && context.address.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_write_conflict_is_told_as_one() {
    let cluster = cluster();
    let client = cluster.client();
    let text = "[components/..] write conflict, start_ts: 1".to_owned();
    cluster.add_fault(Fault::once(is_cop, Effect::OtherError(text)));
    let error = rows(&client, request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_runs_out_of_time_is_asked_for_half() {
    let text = "Coprocessor task terminated due to exceeding the deadline";
    for down in [false, true] {
        let cluster = FakeCluster::with_rows(40, &[]);
        let client = cluster.client();
        let other = Effect::OtherError(text.to_owned());
        cluster.add_fault(Fault::once(is_cop, other).times(3));
        let request = CopRequest { keep_order: true, ..request() };
        let request = if down { desc(request) } else { request };
        let mut stream = client.coprocessor(request).unwrap();
        let metrics = Arc::clone(stream.metrics());
        let mut got = Vec::new();
        while let Some(answer) = stream.next().await {
            got.extend(decode_rows(&answer.unwrap().data));
        }
        let expected = if down { backwards(row_keys(0..40)) } else { row_keys(0..40) };
        assert_eq!(got, expected);
        assert_eq!(metrics.halvings(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_always_runs_out_of_time_is_reported() {
    let cluster = FakeCluster::with_rows(40, &[]);
    let client = cluster.client();
    let other = Effect::OtherError("deadline is exceeded".to_owned());
    cluster.add_fault(Fault::once(is_cop, other).times(usize::MAX));
    let error = rows(&client, request()).await.unwrap_err();
    assert!(error.to_string().contains("ran out of time"), "{error}");
    assert_eq!(cop_calls(&cluster), 7);
}

#[tokio::test(start_paused = true)]
async fn ranges_out_of_order_are_refused_before_anything_is_sent() {
    let cluster = cluster();
    let client = cluster.client();
    let error = client.coprocessor(request_over(&[("s", "t"), ("r", "s")])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.context().table.as_deref(), Some("db.t"));
    assert_eq!(cop_calls(&cluster), 0);
}

#[tokio::test(start_paused = true)]
async fn no_ranges_are_no_answers() {
    let cluster = cluster();
    let client = cluster.client();
    assert!(rows(&client, request_over(&[])).await.unwrap().is_empty());
    assert_eq!(cop_calls(&cluster), 0);
}

#[tokio::test(start_paused = true)]
async fn a_page_without_progress_is_an_error_not_a_loop() {
    let cluster = FakeCluster::with_rows(3, &[]);
    let client = cluster.client();
    let answer = |_: &StoreRequest| {
        let range = coprocessor::KeyRange { start: b"r".to_vec(), end: b"r".to_vec() };
        StoreResponse::Coprocessor(coprocessor::Response {
            range: Some(range),
            ..coprocessor::Response::default()
        })
    };
    cluster.add_fault(Fault::once(is_cop, Effect::Answer(Box::new(answer))).times(usize::MAX));
    let error = rows(&client, request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert_eq!(cop_calls(&cluster), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_another_command_is_an_error() {
    let cluster = FakeCluster::with_rows(3, &[]);
    let client = cluster.client();
    let answer = |_: &StoreRequest| StoreResponse::Get(Default::default());
    cluster.add_fault(Fault::once(is_cop, Effect::Answer(Box::new(answer))));
    assert_eq!(rows(&client, request()).await.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_dies_during_the_read_is_replaced() {
    let cluster = cluster();
    let client = cluster.client();
    let die = |state: &mut crate::testing::State| {
        state.stores.get_mut(&2).unwrap().is_down = true;
        for region in &mut state.regions {
            if region.leader_store == 2 {
                region.leader_store = 3;
            }
        }
    };
    cluster.add_fault(Fault::once(|c| c.store == 2, Effect::Change(Box::new(die))));
    assert_eq!(sorted_rows(&client, request()).await.unwrap(), row_keys(0..60));
    assert!(cluster.all_fired());
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_only_slows_the_read_down() {
    let cluster = cluster();
    let client = cluster.client();
    let slow = Fault::once(|c| c.store == 2, Effect::Delay(Duration::from_secs(40)));
    cluster.add_fault(slow.times(usize::MAX));
    assert_eq!(sorted_rows(&client, request()).await.unwrap(), row_keys(0..60));
    assert!(cluster.calls(|c| is_cop(c) && c.context.is_retry_request).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_store_dead_for_good_is_reported_with_all_that_is_known() {
    let cluster = cluster();
    cluster.state.lock().regions.iter_mut().for_each(|region| region.stores = vec![2]);
    cluster.state.lock().regions.iter_mut().for_each(|region| region.leader_store = 2);
    cluster.state.lock().stores.get_mut(&2).unwrap().is_down = true;
    let client = cluster.client();
    let deadline = client.clock().now() + Duration::from_secs(60);
    let request = CopRequest { deadline: Some(deadline), ..request() };
    let error = rows(&client, request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(client.clock().now() < deadline, "the budget ends before the deadline");
    let context = error.context();
    assert_eq!((context.store, context.table.as_deref()), (Some(2), Some("db.t")));
    assert_eq!(context.address.as_deref(), Some("store2:20160"));
    assert!(context.region.is_some() && context.attempts.unwrap() > 5, "{error}");
    assert!(context.elapsed.unwrap() > Duration::from_secs(5), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_statement_s_deadline_ends_the_read() {
    let cluster = cluster();
    let client = cluster.client();
    let silent = Fault::once(|c| c.store == 2, Effect::Silence);
    cluster.add_fault(silent.times(usize::MAX));
    let deadline = client.clock().now() + Duration::from_secs(7);
    let request = CopRequest { deadline: Some(deadline), ..request() };
    let error = rows(&client, request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(client.clock().now(), deadline);
    assert_eq!(error.context().table.as_deref(), Some("db.t"));
}

#[tokio::test(start_paused = true)]
async fn an_unimplemented_coprocessor_is_reported_at_once() {
    let cluster = cluster();
    let client = cluster.client();
    let effect =
        Effect::Transport(|address| status(address, StatusCode::Unimplemented, "unknown method"));
    cluster.add_fault(Fault::once(is_cop, effect));
    assert_eq!(rows(&client, request()).await.unwrap_err().kind(), ErrorKind::Refused);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_panics_ends_the_read_with_an_error() {
    for keep_order in [false, true] {
        let cluster = cluster();
        let client = cluster.client();
        let panic = Effect::Change(Box::new(|_| panic!("on purpose")));
        cluster.add_fault(Fault::once(|c| is_cop(c) && c.store == 3, panic));
        let request = CopRequest { keep_order, ..request() };
        let error = rows(&client, request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}

#[tokio::test(start_paused = true)]
async fn reads_of_one_statement_share_what_they_learn_about_locks() {
    let cluster = cluster();
    let client = cluster.client();
    let mut lock = FakeLock::put(&row_key(1), FakeCluster::before(1000), "new");
    lock.ttl_ms = 60_000;
    lock.min_commit_ts = lock.start_ts.version() + 1;
    cluster.state.lock().lock(&row_key(1), lock.clone());
    cluster.state.lock().lock(&row_key(30), lock);
    let start_ts = cluster.now();
    let snapshot = client.snapshot(start_ts, Default::default());
    snapshot.get(row_key(1).as_bytes()).await.unwrap();
    let shared = CopRequest { start_ts, locks: Some(Arc::clone(snapshot.locks())), ..request() };
    assert_eq!(sorted_rows(&client, shared.clone()).await.unwrap(), row_keys(0..60));
    let questions = cluster.calls(|call| call.command == "check_txn_status").len();
    assert_eq!(questions, 1);
    // Never across timestamps: the transaction may have committed in between.
    let later = CopRequest { start_ts: Timestamp::new(start_ts.version() + 1), ..shared };
    assert_eq!(client.coprocessor(later).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn workers_on_several_threads_lose_nothing() {
    let splits: Vec<usize> = (1..100).map(|n| 10 * n).collect();
    let cluster = FakeCluster::with_rows(1000, &splits);
    let client = cluster.client();
    for (index, error) in crate::testing::healing_region_errors().into_iter().enumerate() {
        // Those that wait for seconds are left to the tests on paused time.
        if error.server_is_busy.is_none() && error.disk_full.is_none() && error.is_witness.is_none()
        {
            cluster.add_fault(Fault::once(is_cop, Effect::region(error)).after(7 * index));
        }
    }
    for keep_order in [false, true] {
        let request = CopRequest { keep_order, paging_size: 3, concurrency: 32, ..request() };
        assert_eq!(sorted_rows(&client, request).await.unwrap(), row_keys(0..1000));
    }
}
