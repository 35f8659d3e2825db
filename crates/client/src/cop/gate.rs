//! How much is under way at once: requests, open tasks, and bytes of answers nobody has taken yet.
//!
//! The window begins small and doubles as the consumer takes answers, so that a consumer that stops
//! early has cost a few tasks, and one that keeps up soon has all the concurrency it allows.
//!
//! The size of an answer is known when it is there. So each request books an estimate (the largest of
//! the recent answers) before it is sent, and the true size afterwards. What waits for the consumer
//! stays under the limit but for one answer, or for the growth of answers over the recent largest.
//! One request may always go: the one whose answer the consumer waits for.
//!
//! The answers of a batch of regions come one after the other, and are booked as they come
//! ([`Admission::try_part`], [`Admission::part`]).
//!
//! The pool behind the gauge has other users, other partitions of the same scan among them. An answer
//! that finds no room there although nothing else is held here waits for them, and meanwhile no new
//! request takes room away from it.

mod admission;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

pub(super) use self::admission::Admission;
use super::metrics::CopMetrics;
use super::request::MemoryGauge;

/// Requests under way before anything is known about the consumer.
const FIRST_WINDOW: usize = 2;

/// Estimate of an answer before one is there.
const UNKNOWN_ANSWER: usize = 1 << 20;

type GaugeError = Box<dyn std::error::Error + Send + Sync>;

/// What the gate lets through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Most requests at once.
    pub(super) concurrency: usize,
    /// Most bytes of answers waiting.
    pub(super) bytes: usize,
    /// Whether answers are taken in the order of the tasks.
    pub(super) keep_order: bool,
    /// Whether the consumer needs all answers, so that nothing is to be gained by beginning small.
    pub(super) is_eager: bool,
}

#[derive(Debug)]
pub(super) struct Gate {
    limits: Limits,
    gauge: Option<Arc<dyn MemoryGauge>>,
    metrics: Arc<CopMetrics>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    window: Window,
    in_flight: usize,
    open_tasks: usize,
    /// Booked for requests under way and for answers.
    held: usize,
    /// Of answers alone.
    waiting: usize,
    estimate: Option<usize>,
    head: u64,
    outstanding: HashMap<u64, usize>,
    /// Answers that wait for room in the pool.
    without_room: usize,
}

/// The number of requests that may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    size: usize,
    max: usize,
    taken: usize,
}

impl Window {
    pub(super) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self { size: FIRST_WINDOW.min(max), max, taken: 0 }
    }

    /// All of it from the beginning.
    fn wide(max: usize) -> Self {
        let max = max.max(1);
        Self { size: max, max, taken: 0 }
    }

    /// The consumer has taken an answer: after as many as the window is wide it doubles.
    pub(super) fn on_taken(&mut self) {
        self.taken += 1;
        if self.taken >= self.size {
            self.size = self.size.saturating_mul(2).min(self.max);
            self.taken = 0;
        }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }
}

impl State {
    fn estimate(&self, limit: usize) -> usize {
        self.estimate.unwrap_or_else(|| UNKNOWN_ANSWER.min(limit / 4)).max(1)
    }

    fn note_answer(&mut self, bytes: usize) {
        let faded = self.estimate.map_or(0, |estimate| estimate - estimate / 8);
        self.estimate = Some(bytes.max(faded));
    }

    fn has_outstanding(&self, task: u64) -> bool {
        self.outstanding.contains_key(&task)
    }

    fn add_outstanding(&mut self, task: u64) {
        *self.outstanding.entry(task).or_insert(0) += 1;
    }

    fn add_part(&mut self, task: u64, bytes: usize) {
        self.note_answer(bytes);
        self.held += bytes;
        self.waiting += bytes;
        self.add_outstanding(task);
    }

    fn remove_outstanding(&mut self, task: u64) {
        if let Some(count) = self.outstanding.get_mut(&task) {
            *count -= 1;
            if *count == 0 {
                self.outstanding.remove(&task);
            }
        }
    }
}

impl Gate {
    pub(super) fn new(
        limits: Limits,
        gauge: Option<Arc<dyn MemoryGauge>>,
        metrics: Arc<CopMetrics>,
    ) -> Self {
        let window = match limits.is_eager {
            true => Window::wide(limits.concurrency),
            false => Window::new(limits.concurrency),
        };
        Self {
            limits,
            gauge,
            metrics,
            state: Mutex::new(State {
                window,
                in_flight: 0,
                open_tasks: 0,
                held: 0,
                waiting: 0,
                estimate: None,
                head: 0,
                outstanding: HashMap::new(),
                without_room: 0,
            }),
            changed: Notify::new(),
        }
    }

    /// Waits until another task may be begun. In order, twice the window may be open, since those
    /// behind a slow one wait for it.
    pub(super) async fn open_task(&self) {
        self.wait_for(|state| {
            let window = state.window.size();
            let room = if self.limits.keep_order { window.saturating_mul(2) } else { window };
            (state.open_tasks < room).then(|| state.open_tasks += 1)
        })
        .await;
    }

    /// The consumer has taken all answers of a task.
    pub(super) fn close_task(&self) {
        self.change(|state| state.open_tasks = state.open_tasks.saturating_sub(1));
    }

    /// In order: the consumer waits for this task now.
    pub(super) fn set_head(&self, task: u64) {
        self.change(|state| state.head = task);
    }

    /// The consumer has taken an answer.
    pub(super) fn answer_taken(&self) {
        self.change(|state| state.window.on_taken());
    }

    /// Waits until a request of the task may be sent, and books it.
    pub(super) async fn admit(self: &Arc<Self>, task: u64) -> Admission {
        let (held, gauged) = self.wait_for(|state| self.try_admit(state, task)).await;
        Admission::new(Arc::clone(self), task, held, gauged)
    }

    /// Bytes held and bytes booked with the gauge, when the request may go.
    fn try_admit(&self, state: &mut State, task: u64) -> Option<(usize, usize)> {
        if state.in_flight >= state.window.size() || state.without_room > 0 {
            return None;
        }
        let estimate = state.estimate(self.limits.bytes);
        let fits = state.held.saturating_add(estimate) <= self.limits.bytes;
        let waited_for = state.outstanding.is_empty()
            || (self.limits.keep_order && state.head == task && !state.has_outstanding(task));
        if !fits && !waited_for {
            return None;
        }
        let gauged = match self.grow(estimate) {
            Ok(()) => estimate,
            Err(_) if waited_for => 0,
            Err(_) => return None,
        };
        state.in_flight += 1;
        state.held += estimate;
        state.add_outstanding(task);
        self.metrics.note_load(state.in_flight, state.waiting);
        Some((estimate, gauged))
    }

    /// Books an answer of `task`, one of several to its request, if it fits beside what is held or nothing else waits for
    /// the consumer. The error is the gauge's, which has no room although nothing else waits.
    fn try_part(
        &self,
        state: &mut State,
        task: u64,
        bytes: usize,
    ) -> Option<Result<(), GaugeError>> {
        let alone = state.waiting == 0;
        if !alone && state.held.saturating_add(bytes) > self.limits.bytes {
            return None;
        }
        match self.grow(bytes) {
            Ok(()) => {}
            Err(error) if alone => return Some(Err(error)),
            Err(_) => return None,
        }
        state.add_part(task, bytes);
        self.metrics.note_load(state.in_flight, state.waiting);
        Some(Ok(()))
    }

    fn grow(&self, bytes: usize) -> Result<(), GaugeError> {
        self.gauge.as_ref().map_or(Ok(()), |gauge| gauge.try_grow(bytes))
    }

    async fn wait_for<T>(&self, mut ready: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(value) = ready(&mut self.state.lock()) {
                return value;
            }
            changed.await;
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let value = change(&mut self.state.lock());
        self.changed.notify_waiters();
        value
    }
}

#[cfg(test)]
mod tests;
