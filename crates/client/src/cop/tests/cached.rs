//! Answers that come from the cache are those that the store would give.

use std::time::Duration;

use tifusion_proto::{coprocessor, kvrpcpb};

use super::bounds::Limited;
use super::*;
use crate::error::ErrorKind;
use crate::options::CopCacheOptions;
use crate::sender::Isolation;
use crate::testing::{Effect, FakeLock, Fault, TxnEnd, row_key, row_keys};
use crate::transport::{StoreRequest, StoreResponse};

/// Sixty rows in four regions whose store takes its time.
fn cluster() -> Arc<FakeCluster> {
    let cluster = FakeCluster::with_rows(60, &[20, 30, 45]);
    cluster.state.lock().process_time = Duration::from_millis(5);
    cluster
}

fn client(cluster: &Arc<FakeCluster>) -> Client {
    cluster.client_with(|options| {
        options.cop_cache = CopCacheOptions { capacity: 1 << 20, ..CopCacheOptions::default() };
    })
}

/// The rows of a read in order, its hits and its misses.
async fn counted(client: &Client, request: CopRequest) -> (Vec<Vec<u8>>, u64, u64) {
    let mut stream = client.coprocessor(request).unwrap();
    let metrics = Arc::clone(stream.metrics());
    let (mut rows, mut from_cache) = (Vec::new(), 0);
    while let Some(answer) = stream.next().await {
        let answer = answer.unwrap();
        from_cache += u64::from(answer.from_cache);
        rows.extend(decode_rows(&answer.data));
    }
    rows.sort_unstable();
    assert_eq!(from_cache, metrics.cache_hits());
    assert_eq!(metrics.retries(), 0);
    (rows, metrics.cache_hits(), metrics.cache_misses())
}

fn at(start_ts: u64) -> CopRequest {
    CopRequest { start_ts: Timestamp::new(start_ts), ..request() }
}

/// Whether each coprocessor call asked for the cache, and the version it had.
fn asked(cluster: &Arc<FakeCluster>) -> Vec<(bool, u64)> {
    let of = |call: Call| match call.request {
        StoreRequest::Coprocessor(request) => {
            (request.is_cache_enabled, request.cache_if_match_version)
        }
        _ => unreachable!(),
    };
    cluster.calls(is_cop).into_iter().map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn an_equal_read_is_answered_from_the_cache() {
    let cluster = cluster();
    let client = client(&cluster);
    assert_eq!(counted(&client, request()).await, (row_keys(0..60), 0, 4));
    assert_eq!(client.cop_cache().unwrap().answers(), 4);
    // At the same time, later, and in order.
    assert_eq!(counted(&client, request()).await, (row_keys(0..60), 4, 0));
    assert_eq!(counted(&client, at(2000)).await, (row_keys(0..60), 4, 0));
    let ordered = CopRequest { keep_order: true, concurrency: 1, ..request() };
    assert_eq!(counted(&client, ordered).await, (row_keys(0..60), 4, 0));
}

#[tokio::test(start_paused = true)]
async fn without_a_cache_no_store_hears_of_one() {
    let cluster = cluster();
    let client = cluster.client();
    for _ in 0..2 {
        assert_eq!(counted(&client, request()).await, (row_keys(0..60), 0, 0));
    }
    assert!(asked(&cluster).into_iter().all(|asked| asked == (false, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_write_makes_its_region_answer_anew() {
    let cluster = cluster();
    let client = client(&cluster);
    counted(&client, request()).await;
    cluster.state.lock().put(b"r00031x", 90, b"new");
    let mut expected = row_keys(0..60);
    expected.insert(32, b"r00031x".to_vec());
    assert_eq!(counted(&client, request()).await, (expected.clone(), 3, 1));
    assert_eq!(counted(&client, request()).await, (expected, 4, 0));
}

#[tokio::test(start_paused = true)]
async fn an_older_snapshot_asks_for_itself() {
    let cluster = cluster();
    let client = client(&cluster);
    cluster.state.lock().put(b"r00031x", 90, b"new");
    let mut newer = row_keys(0..60);
    newer.insert(32, b"r00031x".to_vec());
    assert_eq!(counted(&client, at(90)).await, (newer.clone(), 0, 4));
    cluster.state.lock().calls.clear();
    assert_eq!(counted(&client, at(89)).await, (row_keys(0..60), 0, 4));
    assert!(asked(&cluster).into_iter().all(|asked| asked == (true, 0)));
    // Nothing newer was met in three regions: their answers are the older snapshot's now.
    assert_eq!(counted(&client, at(89)).await, (row_keys(0..60), 3, 1));
    // In the fourth, the newer snapshot's answer is kept still.
    assert_eq!(counted(&client, at(90)).await, (newer, 4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_met_whatever_was_kept() {
    let cluster = cluster();
    let client = client(&cluster);
    let start_ts = cluster.now();
    let read = || CopRequest { start_ts, ..request() };
    counted(&client, read()).await;
    let lock = FakeLock::put("r00031x", FakeCluster::before(1000), "new");
    let txn = lock.start_ts.version();
    {
        let mut state = cluster.state.lock();
        state.lock("r00031x", lock.clone());
        state.lock("r00031y", lock);
        state.finish(b"r00031x", txn, TxnEnd::Committed(txn + 1));
    }
    let mut expected = row_keys(0..60);
    expected.splice(32..32, [b"r00031x".to_vec(), b"r00031y".to_vec()]);
    assert_eq!(sorted_rows(&client, read()).await.unwrap(), expected);
    assert_eq!(sorted_rows(&client, read()).await.unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_passed_a_lock_leaves_nothing_for_later_ones() {
    let cluster = cluster();
    let client = client(&cluster);
    let (before, start_ts) = (FakeCluster::before(2000), cluster.now());
    // Not in the way of the earlier snapshot, but of the later one.
    cluster.state.lock().lock("r00031x", FakeLock::put("r00031x", FakeCluster::before(1000), "v"));
    let earlier = CopRequest { start_ts: before, ..request() };
    assert_eq!(counted(&client, earlier.clone()).await, (row_keys(0..60), 0, 4));
    assert_eq!(counted(&client, earlier).await, (row_keys(0..60), 3, 1));
    let mut stream = client.coprocessor(CopRequest { start_ts, ..request() }).unwrap();
    let metrics = Arc::clone(stream.metrics());
    while let Some(answer) = stream.next().await {
        answer.unwrap();
    }
    assert!(metrics.locks.met() >= 1);
}

#[tokio::test(start_paused = true)]
async fn read_committed_and_what_the_caller_excludes_stay_out() {
    let cluster = cluster();
    let client = client(&cluster);
    let lock = FakeLock::put("r00031x", Timestamp::new(50), "new");
    cluster.state.lock().lock("r00031x", lock);
    let committed = CopRequest { isolation: Isolation::Rc, ..at(60) };
    let once =
        CopRequest { cacheable: false, ranges: vec![KeyRange::new("r", "r00020")], ..at(60) };
    for excluded in [committed, once] {
        for _ in 0..2 {
            let (_, hits, misses) = counted(&client, excluded.clone()).await;
            assert_eq!((hits, misses), (0, 0));
        }
    }
    assert!(asked(&cluster).into_iter().all(|asked| asked == (false, 0)));
    assert_eq!(client.cop_cache().unwrap().answers(), 0);
}

#[tokio::test(start_paused = true)]
async fn splits_and_merges_ask_anew_and_moved_leaders_do_not() {
    let cluster = cluster();
    let client = client(&cluster);
    // Twice: the first read after a change may have to ask for leaders.
    let all_again = || async {
        for _ in 0..2 {
            assert_eq!(sorted_rows(&client, request()).await.unwrap(), row_keys(0..60));
        }
    };
    counted(&client, request()).await;
    cluster.state.lock().transfer_leader(b"r00031", 2);
    all_again().await;
    assert!(asked(&cluster).into_iter().skip(4).all(|(_, version)| version != 0));
    assert_eq!(counted(&client, request()).await, (row_keys(0..60), 4, 0));
    cluster.state.lock().split(b"r00035");
    all_again().await;
    assert_eq!(counted(&client, request()).await, (row_keys(0..60), 5, 0));
    // Back to the same borders and the same id at another epoch.
    cluster.state.lock().merge_right(b"r00030");
    cluster.state.lock().calls.clear();
    all_again().await;
    assert!(asked(&cluster).contains(&(true, 0)));
    assert_eq!(counted(&client, request()).await, (row_keys(0..60), 4, 0));
}

#[tokio::test(start_paused = true)]
async fn another_epoch_is_not_asked_about_although_the_version_is_the_same() {
    let cluster = cluster();
    let client = client(&cluster);
    counted(&client, request()).await;
    cluster.state.lock().regions.iter_mut().for_each(|region| region.conf_ver += 1);
    sorted_rows(&client, request()).await.unwrap();
    assert!(asked(&cluster).into_iter().rev().take(4).all(|asked| asked == (true, 0)));
}

#[tokio::test(start_paused = true)]
async fn new_buckets_are_other_ranges() {
    let cluster = cluster();
    let client = client(&cluster);
    counted(&client, request()).await;
    {
        let mut state = cluster.state.lock();
        let region = state.region_of(b"r00030");
        let keys = [30, 40, 45].map(|row| row_key(row).into_bytes());
        region.buckets = Some((4, keys.to_vec()));
    }
    assert_eq!(sorted_rows(&client, request()).await.unwrap(), row_keys(0..60));
    assert_eq!(counted(&client, request()).await, (row_keys(0..60), 5, 0));
}

#[tokio::test(start_paused = true)]
async fn other_ranges_plans_and_pages_have_answers_of_their_own() {
    let cluster = cluster();
    let client = client(&cluster);
    counted(&client, request()).await;
    let (from, to) = (row_key(21), row_key(29));
    let within = request_over(&[(&from, &to)]);
    assert_eq!(counted(&client, within.clone()).await, (row_keys(21..29), 0, 1));
    assert_eq!(counted(&client, within).await, (row_keys(21..29), 1, 0));
    let (from, to) = (row_key(20), row_key(29));
    let shorter = request_over(&[(&from, &to)]);
    assert_eq!(counted(&client, shorter).await, (row_keys(20..29), 0, 1));
    assert_eq!(counted(&client, desc(request())).await, (row_keys(0..60), 0, 4));
    let paged = CopRequest { paging_size: 100, ..request() };
    assert_eq!(counted(&client, paged).await, (row_keys(0..60), 0, 4));
    let paged = CopRequest { paging_size: 200, ..request() };
    assert_eq!(counted(&client, paged).await, (row_keys(0..60), 0, 4));
}

#[tokio::test(start_paused = true)]
async fn pages_come_from_the_cache_with_what_they_cover() {
    for down in [false, true] {
        let cluster = cluster();
        let client = client(&cluster);
        let read = || {
            let paged = CopRequest { paging_size: 4, keep_order: true, ..request() };
            if down { desc(paged) } else { paged }
        };
        let (rows, hits, pages) = counted(&client, read()).await;
        assert_eq!((rows, hits), (row_keys(0..60), 0));
        assert!(pages >= 9, "{pages} pages");
        assert_eq!(counted(&client, read()).await, (row_keys(0..60), pages, 0));
        // A write between the pages of a region.
        cluster.state.lock().put(b"r00010x", 90, b"new");
        let mut expected = row_keys(0..60);
        expected.insert(11, b"r00010x".to_vec());
        assert_eq!(counted(&client, read()).await.0, expected);
        let (rows, _, misses) = counted(&client, read()).await;
        assert_eq!((rows, misses), (expected, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_worth_it_is_asked_for_again() {
    type Change = fn(&mut CopCacheOptions);
    let cases: [(&str, Change); 4] = [
        ("ranges", |options| options.max_ranges = 0),
        ("bytes", |options| options.max_answer = 1),
        ("time", |options| options.min_process_time = Duration::from_millis(6)),
        ("room", |options| options.capacity = 100),
    ];
    for (what, change) in cases {
        let cluster = cluster();
        let client = cluster.client_with(|options| {
            options.cop_cache.capacity = 1 << 20;
            change(&mut options.cop_cache);
        });
        for _ in 0..2 {
            let (rows, hits, _) = counted(&client, request()).await;
            assert_eq!((rows, hits), (row_keys(0..60), 0), "{what}");
        }
        assert_eq!(client.cop_cache().unwrap().answers(), 0, "{what}");
        let told = asked(&cluster).into_iter().all(|(enabled, _)| enabled);
        assert_eq!(told, what != "ranges", "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn later_pages_of_a_task_are_not_kept() {
    let cluster = FakeCluster::with_rows(60, &[]);
    cluster.state.lock().process_time = Duration::from_millis(2);
    let client = cluster.client_with(|options| {
        let bounds = CopCacheOptions::default();
        options.cop_cache = CopCacheOptions { capacity: 1 << 20, max_pages: 2, ..bounds };
    });
    let read = || CopRequest { paging_size: 4, ..request() };
    assert_eq!(counted(&client, read()).await, (row_keys(0..60), 0, 4));
    assert_eq!(counted(&client, read()).await, (row_keys(0..60), 2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_kept_answer_larger_than_the_readers_memory_is_read_in_pages() {
    let cluster = FakeCluster::with_rows(60, &[]);
    {
        let mut state = cluster.state.lock();
        (state.process_time, state.row_padding) = (Duration::from_millis(5), 1000);
    }
    let client = client(&cluster);
    assert_eq!(counted(&client, request()).await, (row_keys(0..60), 0, 1));
    let small = || {
        let pool = Limited { limit: 15_000, used: Default::default() };
        CopRequest { memory: Some(Arc::new(pool)), ..request() }
    };
    for _ in 0..2 {
        assert_eq!(sorted_rows(&client, small()).await.unwrap(), row_keys(0..60));
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refers_to_an_answer_nobody_has_ends_the_read() {
    let cluster = cluster();
    let lie = |_: &StoreRequest| {
        StoreResponse::Coprocessor(coprocessor::Response {
            is_cache_hit: true,
            cache_last_version: 5,
            ..coprocessor::Response::default()
        })
    };
    for client in [client(&cluster), cluster.client()] {
        cluster.add_fault(Fault::once(is_cop, Effect::Answer(Box::new(lie))));
        let error = rows(&client, request()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.context().region.is_some() && error.context().store.is_some(), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hit_has_the_stores_own_account_and_no_rows_in_it() {
    let cluster = cluster();
    let client = client(&cluster);
    counted(&client, request()).await;
    let mut stream = client.coprocessor(request()).unwrap();
    let metrics = Arc::clone(stream.metrics());
    while let Some(answer) = stream.next().await {
        let details: Option<Box<kvrpcpb::ExecDetailsV2>> = answer.unwrap().exec_details;
        assert!(details.is_none(), "not that of the earlier answer");
    }
    assert_eq!((metrics.answers(), metrics.cache_hits()), (4, 4));
    assert!(metrics.bytes() > 0);
}
