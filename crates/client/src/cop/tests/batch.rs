//! Batches of regions: who is asked, and that each row comes once or the read fails, whatever becomes of a batch.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;
use crate::ErrorKind;
use crate::sender::{Isolation, Priority, ReadEngine};
use crate::testing::{BatchArrived, BatchFault, refused, reset, row_key, row_keys, status};
use crate::transport::{StatusCode, TransportError};

const ROWS: usize = 80;

/// Eight regions with replicas on stores 4 and 5.
fn cluster() -> Arc<FakeCluster> {
    FakeCluster::with_tiflash(ROWS, &[10, 20, 30, 40, 50, 60, 70])
}

fn batched() -> CopRequest {
    CopRequest { engine: ReadEngine::TiFlash, batch: true, ..request() }
}

fn batches(cluster: &Arc<FakeCluster>) -> Vec<BatchArrived> {
    cluster.state.lock().batches.clone()
}

fn fail(cluster: &Arc<FakeCluster>, faults: impl IntoIterator<Item = BatchFault>) {
    cluster.state.lock().batch_faults.extend(faults);
}

fn unimplemented(address: &str) -> TransportError {
    status(address, StatusCode::Unimplemented, "what is that?")
}

fn exhausted(address: &str) -> TransportError {
    status(address, StatusCode::ResourceExhausted, "too much")
}

#[tokio::test(start_paused = true)]
async fn each_store_gets_one_request_for_half_of_the_regions() {
    let cluster = cluster();
    let client = cluster.client();
    let request = CopRequest {
        isolation: Isolation::Rc,
        priority: Priority::High,
        schema_version: 77,
        data: Bytes::from_static(b"plan"),
        ..batched()
    };
    let mut stream = client.coprocessor(request).unwrap();
    let metrics = Arc::clone(stream.metrics());
    let mut rows = Vec::new();
    while let Some(answer) = stream.next().await {
        let answer = answer.unwrap();
        assert!([4, 5].contains(&answer.store_id));
        rows.extend(decode_rows(&answer.data));
    }
    rows.sort_unstable();
    assert_eq!(rows, row_keys(0..ROWS));
    let sent = batches(&cluster);
    let stores: BTreeSet<u64> = sent.iter().map(|batch| batch.store).collect();
    assert_eq!((sent.len(), stores), (2, BTreeSet::from([4, 5])));
    assert!(sent.iter().all(|batch| batch.regions() == 4));
    assert_eq!(cop_calls(&cluster), 0);
    assert_eq!((metrics.tasks(), metrics.tasks_done(), metrics.retries()), (8, 8, 0));
    assert_eq!((metrics.send.requests(), metrics.answers()), (2, 8));
    for BatchArrived { request, timeout, .. } in sent {
        assert_eq!(timeout, Duration::from_secs(3600));
        assert_eq!((request.tp, &request.data[..]), (TP_DAG, &b"plan"[..]));
        assert_eq!((request.start_ts, request.schema_ver), (TS.version(), 77));
        let context = request.context.unwrap();
        assert_eq!(context.isolation_level, Isolation::Rc.to_proto() as i32);
        assert_eq!(context.priority, Priority::High.to_proto() as i32);
        assert_eq!(context.request_source, client.options().tags.source);
        assert_eq!(context.source_stmt.unwrap().connection_id, request.connection_id);
        assert!(request.connection_id > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_of_one_region_or_in_order_or_of_tikv_is_no_batch() {
    let cluster = cluster();
    let client = cluster.client();
    let (first, last) = (row_key(3), row_key(8));
    let one = CopRequest { ranges: request_over(&[(&first, &last)]).ranges, ..batched() };
    for (request, calls) in [
        (one, 1),
        (CopRequest { keep_order: true, ..batched() }, 8),
        (CopRequest { engine: ReadEngine::TiKv, ..batched() }, 8),
        (CopRequest { batch: false, ..batched() }, 8),
    ] {
        cluster.state.lock().calls.clear();
        sorted_rows(&client, request).await.unwrap();
        assert_eq!((batches(&cluster).len(), cop_calls(&cluster)), (0, calls));
    }
}

#[tokio::test(start_paused = true)]
async fn all_stores_are_asked_at_once_and_with_little_room_after_one_another() {
    let cluster = cluster();
    cluster.state.lock().latency = Duration::from_secs(1);
    let client = cluster.client();
    sorted_rows(&client, batched()).await.unwrap();
    assert_eq!(cluster.elapsed(), Duration::from_secs(1));
    let narrow = CopRequest { concurrency: 1, ..batched() };
    assert_eq!(sorted_rows(&client, narrow).await.unwrap(), row_keys(0..ROWS));
    assert_eq!(cluster.elapsed(), Duration::from_secs(3));
}

/// The store has read them elsewhere: their rows are there, and must not be asked for again.
#[tokio::test(start_paused = true)]
async fn regions_that_the_store_found_stale_do_not_come_twice() {
    let cluster = cluster();
    let client = cluster.client();
    sorted_rows(&client, batched()).await.unwrap();
    for row in [5, 42, 63] {
        cluster.state.lock().split(row_key(row).as_bytes());
    }
    cluster.state.lock().batches.clear();
    cluster.state.lock().pd_calls.clear();
    assert_eq!(sorted_rows(&client, batched()).await.unwrap(), row_keys(0..ROWS));
    let told = batches(&cluster);
    assert_eq!(told.iter().map(BatchArrived::regions).sum::<usize>(), 8, "{told:?}");
    assert_eq!(cop_calls(&cluster), 0);
    // The next read knows them.
    cluster.state.lock().batches.clear();
    assert_eq!(sorted_rows(&client, batched()).await.unwrap(), row_keys(0..ROWS));
    let told = batches(&cluster);
    assert_eq!(told.iter().map(BatchArrived::regions).sum::<usize>(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_ends_before_its_end_is_asked_for_again_and_no_row_comes_twice() {
    let deadline = |address: &str| status(address, StatusCode::DeadlineExceeded, "?");
    for after in [0, 1, 3] {
        for fault in [
            BatchFault::Break(after, reset),
            BatchFault::Break(after, exhausted),
            BatchFault::Break(after, deadline),
            BatchFault::OtherError(after, "out of memory".to_owned()),
        ] {
            let cluster = cluster();
            let client = cluster.client();
            fail(&cluster, [fault.clone()]);
            let got = sorted_rows(&client, batched()).await.unwrap();
            assert_eq!(got, row_keys(0..ROWS), "{fault:?}");
            let asked = batches(&cluster).len() + cop_calls(&cluster);
            assert!(asked > 2, "{fault:?}: {asked}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_regions_of_a_dead_store_go_to_the_others_in_one_batch() {
    let cluster = cluster();
    let client = cluster.client();
    cluster.state.lock().stores.get_mut(&4).unwrap().is_down = true;
    let mut stream = client.coprocessor(batched()).unwrap();
    let metrics = Arc::clone(stream.metrics());
    let mut rows = Vec::new();
    while let Some(answer) = stream.next().await {
        rows.extend(decode_rows(&answer.unwrap().data));
    }
    rows.sort_unstable();
    assert_eq!(rows, row_keys(0..ROWS));
    let asked: Vec<_> =
        batches(&cluster).iter().map(|batch| (batch.store, batch.regions())).collect();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked.contains(&(4, 4)) && asked[2] == (5, 4), "{asked:?}");
    assert_eq!((cop_calls(&cluster), metrics.send.transport_errors()), (0, 1));
    // It is left alone for a while.
    cluster.state.lock().batches.clear();
    assert_eq!(sorted_rows(&client, batched()).await.unwrap(), row_keys(0..ROWS));
    let asked: Vec<_> =
        batches(&cluster).iter().map(|batch| (batch.store, batch.regions())).collect();
    assert_eq!(asked, [(5, 8)]);
}

#[tokio::test(start_paused = true)]
async fn where_no_store_of_tiflash_is_left_tikv_is_asked_or_the_error_names_one() {
    for engine in [ReadEngine::TiFlash, ReadEngine::TiFlashOnly] {
        let cluster = cluster();
        let client = cluster.client();
        for store in [4, 5] {
            cluster.state.lock().stores.get_mut(&store).unwrap().is_down = true;
        }
        let read = sorted_rows(&client, CopRequest { engine, ..batched() }).await;
        if engine == ReadEngine::TiFlash {
            assert_eq!(read.unwrap(), row_keys(0..ROWS));
            assert!(cluster.calls(is_cop).iter().any(|call| call.store < 4));
        } else {
            let error = read.unwrap_err();
            assert!([4, 5].contains(&error.context().store.unwrap()), "{error}");
            assert!(error.context().region.is_some() && error.context().table.is_some());
            assert!(cluster.calls(is_cop).iter().all(|call| call.store >= 4));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_knows_no_batches_is_asked_region_by_region_from_then_on() {
    let cluster = cluster();
    let client = cluster.client();
    fail(&cluster, [BatchFault::Refuse(unimplemented), BatchFault::Refuse(unimplemented)]);
    assert_eq!(sorted_rows(&client, batched()).await.unwrap(), row_keys(0..ROWS));
    assert!(batches(&cluster).len() <= 3);
    // Nobody waited before asking otherwise.
    assert_eq!(cluster.elapsed(), Duration::ZERO);
    fail(&cluster, []);
    cluster.state.lock().batch_faults.clear();
    cluster.state.lock().batches.clear();
    cluster.state.lock().calls.clear();
    assert_eq!(sorted_rows(&client, batched()).await.unwrap(), row_keys(0..ROWS));
    assert_eq!((batches(&cluster).len(), cop_calls(&cluster)), (0, 8));
    assert!(cluster.calls(is_cop).iter().all(|call| call.store >= 4));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_the_store_gives_up_on_is_resolved_region_by_region() {
    let cluster = cluster();
    let client = cluster.client();
    let lock = crate::testing::FakeLock::put(&row_key(15), FakeCluster::before(10_000), "new");
    cluster.state.lock().lock(&row_key(15), lock);
    let request = CopRequest { start_ts: cluster.now(), ..batched() };
    assert_eq!(sorted_rows(&client, request).await.unwrap(), row_keys(0..ROWS));
    assert!(cop_calls(&cluster) >= 4);
}

/// Twenty rows of 1 MiB in each region: more than is kept.
fn large() -> Arc<FakeCluster> {
    let cluster = cluster();
    cluster.state.lock().row_padding = 1 << 20;
    cluster
}

#[tokio::test(start_paused = true)]
async fn answers_too_large_to_be_kept_come_as_they_are_and_what_breaks_then_is_an_error() {
    let cluster = large();
    let client = cluster.client();
    let only = || CopRequest { max_in_flight_bytes: 200 << 20, ..batched() };
    assert_eq!(sorted_rows(&client, only()).await.unwrap(), row_keys(0..ROWS));
    // Ten MiB are kept; with those that come next they are too much.
    for (after, is_whole) in [(0, true), (1, true), (2, false), (3, false)] {
        let cluster = large();
        let client = cluster.client();
        fail(&cluster, [BatchFault::Break(after, reset)]);
        let read = sorted_rows(&client, only()).await;
        match is_whole {
            true => assert_eq!(read.unwrap(), row_keys(0..ROWS), "{after}"),
            false => {
                let error = read.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                assert!(error.message().contains("can't be asked for again"), "{error}");
                let context = error.context();
                assert!(context.store.is_some() && context.region.is_some(), "{error}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_within_the_limit_and_a_slow_consumer_holds_nobody_up() {
    for limit in [1 << 20, 12 << 20, 64 << 20] {
        let cluster = large();
        let client = cluster.client();
        let request = CopRequest { max_in_flight_bytes: limit, ..batched() };
        let mut stream = client.coprocessor(request).unwrap();
        let metrics = Arc::clone(stream.metrics());
        let mut rows = Vec::new();
        while let Some(answer) = stream.next().await {
            rows.extend(decode_rows(&answer.unwrap().data));
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        rows.sort_unstable();
        assert_eq!(rows, row_keys(0..ROWS));
        let one = (10 << 20) + 1024;
        assert!(metrics.peak_bytes() <= limit as u64 + one, "{limit}: {}", metrics.peak_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_dropped_leaves_no_batch_behind() {
    let cluster = cluster();
    let client = cluster.client();
    fail(&cluster, [BatchFault::Silence(1), BatchFault::Silence(0)]);
    let mut stream = client.coprocessor(batched()).unwrap();
    let first = tokio::time::timeout(Duration::from_secs(60), stream.next()).await;
    assert!(first.is_err(), "nothing is handed on before it is whole");
    let open = Arc::clone(&cluster.state.lock().open_batches);
    assert_eq!(open.load(Ordering::Relaxed), 2);
    drop(stream);
    tokio::task::yield_now().await;
    assert_eq!(open.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_a_batch_and_the_error_says_where() {
    let cluster = cluster();
    let client = cluster.client();
    fail(&cluster, [BatchFault::Silence(1), BatchFault::Silence(2)]);
    let deadline = client.clock().now() + Duration::from_secs(7);
    let request = CopRequest { deadline: Some(deadline), ..batched() };
    let error = sorted_rows(&client, request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    assert_eq!(cluster.elapsed(), Duration::from_secs(7));
    let context = error.context();
    assert!(context.store.is_some() && context.region.is_some(), "{error}");
    assert_eq!(context.table.as_deref(), Some("db.t"));
    assert!(batches(&cluster).iter().all(|batch| batch.timeout == Duration::from_secs(7)));
    assert_eq!(cluster.state.lock().open_batches.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_batches_each_row_comes_once_or_the_read_fails() {
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};
    for seed in 0..100 {
        let mut chance = StdRng::seed_from_u64(seed);
        let cluster = cluster();
        cluster.state.lock().row_padding = if chance.random_bool(0.3) { 1 << 20 } else { 0 };
        let client = cluster.client();
        sorted_rows(&client, request()).await.unwrap();
        for _ in 0..chance.random_range(0..4) {
            let row = chance.random_range(1..ROWS);
            cluster.state.lock().split(row_key(row).as_bytes());
        }
        let faults = (0..chance.random_range(0..6)).map(|_| {
            let after = chance.random_range(0..5);
            match chance.random_range(0..7) {
                0 => BatchFault::Refuse(refused),
                1 => BatchFault::Refuse(unimplemented),
                2 => BatchFault::Break(after, reset),
                3 => BatchFault::Break(after, exhausted),
                4 => BatchFault::OtherError(after, "?".to_owned()),
                5 => BatchFault::Silence(after),
                _ => BatchFault::Break(100, reset),
            }
        });
        let faults: Vec<_> = faults.collect();
        fail(&cluster, faults.clone());
        let request = CopRequest { max_in_flight_bytes: 200 << 20, ..batched() };
        match sorted_rows(&client, request).await {
            Ok(rows) => assert_eq!(rows, row_keys(0..ROWS), "{seed}: {faults:?}"),
            Err(error) => {
                assert!(error.message().contains("can't be asked for again"), "{seed}: {error}");
            }
        }
    }
}
