use futures::FutureExt as _;

use std::time::Duration;

use super::*;
use crate::backoff::Backoffer;
use crate::clock::TokioClock;
use crate::error::ErrorKind;

fn gate(concurrency: usize, bytes: usize, keep_order: bool) -> Arc<Gate> {
    gauged(concurrency, bytes, keep_order, None)
}

fn gauged(
    concurrency: usize,
    bytes: usize,
    keep_order: bool,
    gauge: Option<Arc<dyn MemoryGauge>>,
) -> Arc<Gate> {
    let limits = Limits { concurrency, bytes, keep_order, is_eager: false };
    Arc::new(Gate::new(limits, gauge, Arc::default()))
}

/// Admitted at once, or not.
fn try_admit(gate: &Arc<Gate>, task: u64) -> Option<Admission> {
    gate.admit(task).now_or_never()
}

/// A pool with a fixed size.
#[derive(Debug)]
struct Pool {
    size: usize,
    used: Mutex<usize>,
}

impl Pool {
    fn new(size: usize) -> Arc<Self> {
        Arc::new(Self { size, used: Mutex::new(0) })
    }

    fn used(&self) -> usize {
        *self.used.lock()
    }
}

impl MemoryGauge for Pool {
    fn try_grow(&self, bytes: usize) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut used = self.used.lock();
        if *used + bytes > self.size {
            return Err("pool exhausted".into());
        }
        *used += bytes;
        Ok(())
    }

    fn shrink(&self, bytes: usize) {
        *self.used.lock() -= bytes;
    }

    fn may_fit(&self, bytes: usize) -> bool {
        bytes <= self.size
    }
}

#[test]
fn the_window_doubles_as_answers_are_taken_up_to_its_limit() {
    let mut window = Window::new(20);
    let mut sizes = Vec::new();
    for _ in 0..40 {
        sizes.push(window.size());
        window.on_taken();
    }
    assert_eq!(sizes[..7], [2, 2, 4, 4, 4, 4, 8]);
    assert_eq!(sizes[14], 16);
    assert_eq!(*sizes.last().unwrap(), 20);
    assert_eq!(Window::new(0).size(), 1);
    assert_eq!(Window::new(1).size(), 1);
}

#[test]
fn requests_beyond_the_window_wait() {
    let gate = gate(2, usize::MAX, false);
    let first = try_admit(&gate, 0).unwrap();
    let _second = try_admit(&gate, 1).unwrap();
    assert!(try_admit(&gate, 2).is_none());
    drop(first);
    assert!(try_admit(&gate, 2).is_some());
}

#[tokio::test]
async fn a_waiting_request_goes_when_another_ends() {
    let gate = gate(1, usize::MAX, false);
    let first = try_admit(&gate, 0).unwrap();
    let waiting = tokio::spawn({
        let gate = Arc::clone(&gate);
        async move { drop(gate.admit(1).await) }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(first);
    waiting.await.unwrap();
}

#[test]
fn answers_that_wait_hold_new_requests_back() {
    let gate = gate(8, 1000, false);
    let first = try_admit(&gate, 0).unwrap().answered(600).unwrap();
    // The next one is expected to be as large.
    assert!(try_admit(&gate, 1).is_none());
    drop(first);
    let second = try_admit(&gate, 1).unwrap();
    assert!(try_admit(&gate, 2).is_none());
    drop(second.answered(10).unwrap());
    assert_eq!(gate.metrics.peak_bytes(), 600);
}

#[test]
fn an_answer_larger_than_the_limit_passes_alone() {
    let gate = gate(8, 1000, false);
    let large = try_admit(&gate, 0).unwrap().answered(5000).unwrap();
    assert!(try_admit(&gate, 1).is_none());
    drop(large);
    let again = try_admit(&gate, 1).unwrap();
    assert!(try_admit(&gate, 2).is_none());
    drop(again);
}

#[test]
fn in_order_the_task_that_is_waited_for_passes_a_full_buffer() {
    let gate = gate(8, 1000, true);
    let ahead = try_admit(&gate, 1).unwrap().answered(1000).unwrap();
    assert!(try_admit(&gate, 2).is_none());
    let head = try_admit(&gate, 0).unwrap().answered(1000).unwrap();
    // Its next page waits until this one is taken.
    assert!(try_admit(&gate, 0).is_none());
    drop(head);
    drop(try_admit(&gate, 0).unwrap());
    gate.set_head(1);
    assert!(try_admit(&gate, 1).is_none());
    drop(ahead);
    assert!(try_admit(&gate, 1).is_some());
}

#[test]
fn open_tasks_are_bounded_by_the_window_and_twice_that_in_order() {
    for (keep_order, room) in [(false, 2), (true, 4)] {
        let gate = gate(8, usize::MAX, keep_order);
        for _ in 0..room {
            gate.open_task().now_or_never().unwrap();
        }
        assert!(gate.open_task().now_or_never().is_none());
        gate.close_task();
        assert!(gate.open_task().now_or_never().is_some());
    }
}

#[test]
fn waiting_answers_are_booked_with_the_pool_until_they_are_taken() {
    let pool = Pool::new(1000);
    let gate = gauged(8, 1000, false, Some(pool.clone()));
    let admitted = try_admit(&gate, 0).unwrap();
    assert_eq!(pool.used(), 250);
    let answer = admitted.answered(700).unwrap();
    assert_eq!(pool.used(), 700);
    drop(answer);
    assert_eq!(pool.used(), 0);
    drop(try_admit(&gate, 0).unwrap().answered(10).unwrap());
    assert_eq!(pool.used(), 0);
}

#[test]
fn a_full_pool_holds_requests_back_until_answers_are_taken() {
    let pool = Pool::new(1000);
    let gate = gauged(8, usize::MAX, false, Some(pool.clone()));
    *pool.used.lock() = 300;
    let first = try_admit(&gate, 0);
    // The unknown size does not fit, but one request may always go.
    let first = first.unwrap().answered(600).unwrap();
    assert_eq!(pool.used(), 900);
    assert!(try_admit(&gate, 1).is_none());
    drop(first);
    assert_eq!(pool.used(), 300);
    let second = try_admit(&gate, 1).unwrap();
    assert_eq!(pool.used(), 900);
    drop(second);
    assert_eq!(pool.used(), 300);
}

const PATIENCE: Duration = Duration::from_secs(20);

fn backoffer() -> Backoffer {
    Backoffer::new(Arc::new(TokioClock), PATIENCE)
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_can_never_fit_is_an_error_at_once_with_the_pool_s_words() {
    let pool = Pool::new(100);
    let gate = gauged(8, usize::MAX, false, Some(pool.clone()));
    let no_room = try_admit(&gate, 0).unwrap().answered(500).unwrap_err();
    let bo = backoffer();
    let error = no_room.wait(&bo, PATIENCE).await.unwrap_err();
    assert_eq!(bo.elapsed(), Duration::ZERO);
    assert_eq!(error.kind(), ErrorKind::Refused);
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "pool exhausted");
    assert_eq!(pool.used(), 0);
    assert_eq!(gate.state.lock().held, 0);
    assert!(try_admit(&gate, 1).is_some(), "nothing is left behind");
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_room_waits_for_the_other_partitions() {
    let pool = Pool::new(1000);
    let gate = || gauged(8, usize::MAX, false, Some(pool.clone()));
    let (one, other) = (gate(), gate());
    let first = try_admit(&one, 0).unwrap().answered(900).unwrap();
    let no_room = try_admit(&other, 0).unwrap().answered(500).unwrap_err();
    assert!(try_admit(&other, 1).is_none(), "it would take the room away");
    let bo = backoffer();
    let taken = async {
        tokio::time::sleep(Duration::from_millis(40)).await;
        assert_eq!(pool.used(), 900, "what waits holds nothing");
        drop(first);
    };
    let (held, ()) = tokio::join!(no_room.wait(&bo, PATIENCE), taken);
    let held = held.unwrap();
    assert!(bo.elapsed() < Duration::from_millis(100), "{:?}", bo.elapsed());
    assert_eq!(pool.used(), 500);
    assert!(try_admit(&other, 1).is_some());
    drop(held);
    assert_eq!(pool.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn partitions_that_all_wait_do_not_hold_each_other_up() {
    let pool = Pool::new(1000);
    // Each books 250 beforehand, and needs 600.
    let gates: Vec<_> = (0..4).map(|_| gauged(8, 1000, false, Some(pool.clone()))).collect();
    let admitted: Vec<_> = gates.iter().map(|gate| try_admit(gate, 0).unwrap()).collect();
    assert_eq!(pool.used(), 1000);
    let take = async |admission: Admission| {
        let held = match admission.answered(600) {
            Ok(held) => held,
            Err(no_room) => no_room.wait(&backoffer(), PATIENCE).await.unwrap(),
        };
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(held);
    };
    futures::future::join_all(admitted.into_iter().map(take)).await;
    assert_eq!(pool.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_room_is_bounded_by_patience_and_deadline() {
    let pool = Pool::new(1000);
    let gate = gauged(8, usize::MAX, false, Some(pool.clone()));
    *pool.used.lock() = 900;
    for (left, kind, words) in [
        (None, ErrorKind::Refused, "within 20s"),
        (Some(Duration::from_secs(3)), ErrorKind::DeadlineExceeded, "deadline"),
    ] {
        let bo = backoffer();
        let deadline = left.map(|left| bo.clock().now() + left);
        let bo = bo.with_deadline(deadline);
        let no_room = try_admit(&gate, 0).unwrap().answered(500).unwrap_err();
        let error = no_room.wait(&bo, PATIENCE).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(bo.elapsed(), left.unwrap_or(PATIENCE));
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "pool exhausted");
        assert_eq!(pool.used(), 900);
    }
}

#[test]
fn an_answer_that_does_not_fit_beside_others_waits_for_them() {
    let pool = Pool::new(1000);
    let gate = gauged(8, 400, false, Some(pool.clone()));
    let first = try_admit(&gate, 0).unwrap();
    let second = try_admit(&gate, 1).unwrap();
    let first = first.answered(400).unwrap();
    // Larger than expected, and the pool is full: kept, but nothing new is sent.
    let second = second.answered(900).unwrap();
    assert!(try_admit(&gate, 2).is_none());
    drop(first);
    drop(second);
    assert_eq!(pool.used(), 0);
    assert!(try_admit(&gate, 2).is_some());
}
