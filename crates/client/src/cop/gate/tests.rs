use futures::FutureExt as _;

use super::*;

fn gate(concurrency: usize, bytes: usize, keep_order: bool) -> Arc<Gate> {
    gauged(concurrency, bytes, keep_order, None)
}

fn gauged(
    concurrency: usize,
    bytes: usize,
    keep_order: bool,
    gauge: Option<Arc<dyn MemoryGauge>>,
) -> Arc<Gate> {
    let limits = Limits { concurrency, bytes, keep_order };
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

#[test]
fn an_answer_that_does_not_fit_alone_is_an_error_with_the_pool_s_words() {
    let pool = Pool::new(100);
    let gate = gauged(8, usize::MAX, false, Some(pool.clone()));
    let error = try_admit(&gate, 0).unwrap().answered(500).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "pool exhausted");
    assert_eq!(pool.used(), 0);
    assert_eq!(gate.state.lock().held, 0);
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
