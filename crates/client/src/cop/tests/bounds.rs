//! What is under way at once: requests, bytes, and nothing after the stream is gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::*;
use crate::testing::{Effect, Fault, row_key, row_keys};

/// Ten rows in each of `regions` regions; each call takes 50 ms.
fn cluster(regions: usize) -> Arc<FakeCluster> {
    let splits: Vec<usize> = (1..regions).map(|n| 10 * n).collect();
    let cluster = FakeCluster::with_rows(10 * regions, &splits);
    cluster.state.lock().latency = Duration::from_millis(50);
    cluster
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_reached_and_never_exceeded() {
    for keep_order in [false, true] {
        for concurrency in [1, 2, 5, 16] {
            let cluster = cluster(100);
            let client = cluster.client();
            let request = CopRequest { concurrency, keep_order, ..request() };
            let mut stream = client.coprocessor(request).unwrap();
            let metrics = Arc::clone(stream.metrics());
            while stream.next().await.is_some() {}
            assert_eq!(cluster.state.lock().peak_in_flight, concurrency);
            assert_eq!(metrics.peak_in_flight(), concurrency as u64);
            assert_eq!(metrics.tasks(), 100);
            assert_eq!(metrics.answers(), 100);
            assert_eq!(metrics.retries(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn requests_under_way_are_no_retries() {
    let cluster = cluster(40);
    let client = cluster.client();
    let mut stream = client.coprocessor(request()).unwrap();
    let metrics = Arc::clone(stream.metrics());
    while stream.next().await.is_some() {
        assert_eq!(metrics.retries(), 0, "{} requests", metrics.send.requests());
    }
    assert_eq!((metrics.send.requests(), metrics.retries()), (40, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_the_first_poll() {
    let cluster = cluster(10);
    let client = cluster.client();
    let stream = client.coprocessor(request()).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(cop_calls(&cluster), 0);
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_stops_early_has_cost_a_few_tasks() {
    for keep_order in [false, true] {
        let cluster = cluster(1000);
        let client = cluster.client();
        let request = CopRequest { concurrency: 512, keep_order, ..request() };
        let mut stream = client.coprocessor(request).unwrap();
        stream.next().await.unwrap().unwrap();
        drop(stream);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(cop_calls(&cluster) <= 4, "{} requests", cop_calls(&cluster));
        let state = cluster.state.lock();
        assert!(state.pd_calls.len() <= 8, "{:?}", state.pd_calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_keeps_up_soon_has_all_the_concurrency() {
    let cluster = cluster(400);
    let client = cluster.client();
    let request = CopRequest { concurrency: 64, ..request() };
    let mut stream = client.coprocessor(request).unwrap();
    while stream.next().await.is_some() {}
    assert_eq!(cluster.state.lock().peak_in_flight, 64);
    // 2, 4, 8, … 64 at once: far from one after the other.
    assert!(cluster.elapsed() < Duration::from_secs(2), "{:?}", cluster.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_does_not_come_back_holds_everything_up() {
    for keep_order in [false, true] {
        let cluster = cluster(200);
        let client = cluster.client();
        let request = CopRequest { concurrency: 4, keep_order, ..request() };
        let mut stream = client.coprocessor(request).unwrap();
        for _ in 0..20 {
            stream.next().await.unwrap().unwrap();
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        let sent = cop_calls(&cluster);
        assert!(sent <= 20 + 2 * 4 + 1, "{sent}");
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(cop_calls(&cluster), sent);
        drop(stream);
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_stream_ends_the_requests_under_way() {
    let cluster = cluster(100);
    let client = cluster.client();
    cluster.state.lock().latency = Duration::from_secs(30);
    let request = CopRequest { concurrency: 16, ..request() };
    let mut stream = client.coprocessor(request).unwrap();
    assert!(futures::poll!(stream.next()).is_pending());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(cluster.state.lock().in_flight, 2);
    drop(stream);
    tokio::task::yield_now().await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(cluster.state.lock().in_flight, 0);
    let sent = cop_calls(&cluster);
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(cop_calls(&cluster), sent);
}

#[tokio::test(start_paused = true)]
async fn an_error_ends_the_other_requests() {
    let cluster = cluster(100);
    let client = cluster.client();
    let fail = Effect::OtherError("no".to_owned());
    cluster.add_fault(Fault::once(is_cop, fail).after(20));
    let mut stream = client.coprocessor(request()).unwrap();
    let mut errors = 0;
    while let Some(answer) = stream.next().await {
        errors += usize::from(answer.is_err());
    }
    assert_eq!(errors, 1);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(cluster.state.lock().in_flight, 0);
    assert!(cop_calls(&cluster) < 60);
}

/// Counts what it is told, without a limit.
#[derive(Debug, Default)]
struct Counting {
    used: AtomicUsize,
    peak: AtomicUsize,
}

impl MemoryGauge for Counting {
    fn try_grow(
        &self,
        bytes: usize,
    ) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let used = self.used.fetch_add(bytes, Ordering::SeqCst) + bytes;
        self.peak.fetch_max(used, Ordering::SeqCst);
        Ok(())
    }

    fn shrink(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::SeqCst);
    }

    fn may_fit(&self, _: usize) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_bytes_stay_under_their_limit_but_for_one_answer() {
    for keep_order in [false, true] {
        let cluster = cluster(200);
        let client = cluster.client();
        cluster.state.lock().row_padding = 1000;
        // In order, the first one keeps all others waiting.
        let on_first = |call: &Call| is_cop(call) && call.ranges()[0].0 == "r";
        cluster.add_fault(Fault::once(on_first, Effect::Delay(Duration::from_secs(3))));
        let (limit, answer) = (100_000, 10 * (4 + 6 + 1 + 1000));
        let gauge = Arc::new(Counting::default());
        let request = CopRequest {
            keep_order,
            concurrency: 64,
            max_in_flight_bytes: limit,
            memory: Some(Arc::clone(&gauge) as Arc<dyn MemoryGauge>),
            ..request()
        };
        let mut stream = client.coprocessor(request).unwrap();
        let metrics = Arc::clone(stream.metrics());
        let mut rows = Vec::new();
        while let Some(next) = stream.next().await {
            rows.extend(decode_rows(&next.unwrap().data));
            // A slow consumer: answers would pile up.
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        rows.sort_unstable();
        assert_eq!(rows, row_keys(0..2000));
        let peak = usize::try_from(metrics.peak_bytes()).unwrap();
        assert!(peak <= limit + answer, "{peak} bytes waited");
        assert!(peak > limit / 4, "the limit was made use of: {peak}");
        assert!(gauge.peak.load(Ordering::SeqCst) <= limit + answer);
        assert_eq!(gauge.used.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_larger_than_the_limit_goes_alone() {
    for keep_order in [false, true] {
        let cluster = cluster(30);
        let client = cluster.client();
        cluster.state.lock().row_padding = 1000;
        let request =
            CopRequest { keep_order, max_in_flight_bytes: 1, paging_size: 3, ..request() };
        assert_eq!(sorted_rows(&client, request).await.unwrap(), row_keys(0..300));
        assert_eq!(cluster.state.lock().peak_in_flight, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn booked_memory_is_given_back_when_the_stream_is_dropped() {
    let cluster = cluster(50);
    let client = cluster.client();
    let gauge = Arc::new(Counting::default());
    let memory: Arc<dyn MemoryGauge> = Arc::clone(&gauge) as _;
    let request = CopRequest { memory: Some(memory), keep_order: true, ..request() };
    let mut stream = client.coprocessor(request).unwrap();
    stream.next().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(gauge.used.load(Ordering::SeqCst) > 0);
    drop(stream);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(gauge.used.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn every_answer_says_where_it_comes_from() {
    let cluster = cluster(6);
    let client = cluster.client();
    let request = CopRequest { keep_order: true, paging_size: 5, ..request() };
    let mut stream = client.coprocessor(request).unwrap();
    let mut tasks = Vec::new();
    while let Some(answer) = stream.next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.attempts, 1);
        let first = decode_rows(&answer.data).remove(0);
        let region = cluster.state.lock().region_of(&first).clone();
        assert_eq!((answer.region_id, answer.store_id), (region.id, region.leader_store));
        assert_eq!(answer.covers.is_some(), first.ends_with(b"0"));
        tasks.push(answer.task);
    }
    assert_eq!(tasks, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    assert!(row_key(0).starts_with('r'));
}

/// A pool with a limit that several reads share.
#[derive(Debug)]
pub(super) struct Limited {
    pub(super) limit: usize,
    pub(super) used: parking_lot::Mutex<usize>,
}

impl MemoryGauge for Limited {
    fn try_grow(
        &self,
        bytes: usize,
    ) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut used = self.used.lock();
        if *used + bytes > self.limit {
            return Err("the pool is full".into());
        }
        *used += bytes;
        Ok(())
    }

    fn shrink(&self, bytes: usize) {
        *self.used.lock() -= bytes;
    }

    fn may_fit(&self, bytes: usize) -> bool {
        bytes <= self.limit
    }
}

#[tokio::test(start_paused = true)]
async fn reads_that_share_a_small_pool_wait_for_each_other() {
    let cluster = cluster(40);
    let client = cluster.client();
    cluster.state.lock().row_padding = 1000;
    // Room for one answer and a half.
    let pool = Arc::new(Limited { limit: 15_000, used: Default::default() });
    let read = async |partition: usize| {
        let (start, end) = (row_key(100 * partition), row_key(100 * (partition + 1)));
        let memory: Arc<dyn MemoryGauge> = Arc::clone(&pool) as _;
        let request = CopRequest { memory: Some(memory), ..request_over(&[(&start, &end)]) };
        let mut stream = client.coprocessor(request).unwrap();
        let mut rows = 0;
        while let Some(answer) = stream.next().await {
            rows += decode_rows(&answer.unwrap().data).len();
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        rows
    };
    assert_eq!(futures::future::join_all((0..4).map(read)).await, [100; 4]);
    assert_eq!(*pool.used.lock(), 0);
}

#[tokio::test(start_paused = true)]
async fn reads_that_share_slots_are_bounded_together() {
    for slots in [1, 3, 8] {
        let cluster = cluster(100);
        let client = cluster.client();
        let shared = Arc::new(Semaphore::new(slots));
        let read = async |partition: usize| {
            let (start, end) = (row_key(250 * partition), row_key(250 * (partition + 1)));
            let slots = Some(Arc::clone(&shared));
            let request = CopRequest { slots, concurrency: 8, ..request_over(&[(&start, &end)]) };
            sorted_rows(&client, request).await.unwrap().len()
        };
        assert_eq!(futures::future::join_all((0..4).map(read)).await, [250; 4]);
        assert_eq!(cluster.state.lock().peak_in_flight, slots);
        assert_eq!(shared.available_permits(), slots);
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_nobody_polls_keeps_no_slot_from_the_others() {
    let cluster = cluster(40);
    let client = cluster.client();
    let slots = Some(Arc::new(Semaphore::new(1)));
    let request = || CopRequest { slots: slots.clone(), ..request() };
    let mut idle = client.coprocessor(request()).unwrap();
    idle.next().await.unwrap().unwrap();
    assert_eq!(sorted_rows(&client, request()).await.unwrap(), row_keys(0..400));
    drop(idle);
}

#[tokio::test(start_paused = true)]
async fn the_line_for_a_slot_ends_at_the_deadline() {
    let cluster = cluster(4);
    let client = cluster.client();
    let slots = Arc::new(Semaphore::new(1));
    let _taken = slots.acquire().await.unwrap();
    let deadline = client.clock().now() + Duration::from_secs(3);
    let request =
        CopRequest { slots: Some(Arc::clone(&slots)), deadline: Some(deadline), ..request() };
    let error = rows(&client, request).await.unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::DeadlineExceeded);
    assert_eq!(error.context().table.as_deref(), Some("db.t"));
    assert_eq!(client.clock().now(), deadline);
    assert_eq!(cop_calls(&cluster), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_larger_than_all_memory_is_read_in_pages() {
    for paging_size in [0, 50] {
        let cluster = cluster(4);
        let client = cluster.client();
        cluster.state.lock().row_padding = 1000;
        let pool = Arc::new(Limited { limit: 5_000, used: Default::default() });
        let memory: Option<Arc<dyn MemoryGauge>> = Some(Arc::clone(&pool) as _);
        let request = CopRequest { memory, paging_size, ..request() };
        assert_eq!(sorted_rows(&client, request).await.unwrap(), row_keys(0..40));
        assert_eq!(*pool.used.lock(), 0);
        // A single row that does not fit is an error that says so.
        let pool = Arc::new(Limited { limit: 500, used: Default::default() });
        let memory: Option<Arc<dyn MemoryGauge>> = Some(Arc::clone(&pool) as _);
        let error = rows(&client, CopRequest { memory, paging_size, ..self::request() });
        let error = error.await.unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Refused);
        assert!(error.to_string().contains("does not fit into the memory limit"), "{error}");
        assert_eq!(*pool.used.lock(), 0);
    }
}
