//! How busy the stores are, as all requests of a client have heard: what one of them was told, the others
//! need not ask for again.
//!
//! A store that says that it is busy is given half as many tasks at once as it had, and more again with each
//! answer (as TCP does with segments that are lost); none while it asks for patience or refuses in a row. Only
//! tasks of the coprocessor wait here: they are the load, and reads of single keys and what settles
//! transactions shall not stand in line behind them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::backoff::Backoffer;
use crate::error::{ClientError, ErrorKind, Result};

/// Longest that a store is left in peace for its own estimate.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long it is left in peace that gives none, but refuses again and again: at first, doubled each time,
/// and at most. Those that it has refused wait for longer, each by itself.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_WITHOUT: Duration = Duration::from_secs(2);

/// How long a replica that could not be reached is passed over by reads that have a choice.
const OUT_OF_REACH: Duration = Duration::from_secs(10);

/// What is known of all stores.
#[derive(Debug, Default)]
pub(super) struct StoreLoads {
    stores: Mutex<HashMap<u64, Load>>,
    changed: Notify,
}

/// One store.
#[derive(Debug, Default)]
struct Load {
    /// Tasks under way.
    in_flight: usize,
    limit: Option<Limit>,
    paused_until: Option<Instant>,
    /// Times that it said so, since it last answered.
    refusals: u32,
    lost_until: Option<Instant>,
}

/// How many tasks a store is given at once after it was busy.
#[derive(Debug, Clone, Copy)]
struct Limit {
    size: f64,
    /// From here on there is none.
    enough: f64,
}

impl Load {
    fn is_paused(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|until| until > now)
    }

    /// Whether a task may be sent.
    fn is_open(&self, now: Instant) -> bool {
        let within = |limit: Limit| {
            let next = u32::try_from(self.in_flight.saturating_add(1)).unwrap_or(u32::MAX);
            self.in_flight == 0 || f64::from(next) <= limit.size
        };
        !self.is_paused(now) && self.limit.is_none_or(within)
    }

    fn busy(&mut self, now: Instant, estimate: Option<Duration>) {
        // Those that were under way together hear it together.
        if self.is_paused(now) {
            return;
        }
        self.paused_until = now.checked_add(estimate.unwrap_or_else(|| pause(self.refusals)));
        self.refusals = self.refusals.saturating_add(1);
        let had = f64::from(u32::try_from(self.in_flight).unwrap_or(u32::MAX)).max(1.0);
        self.limit = Some(Limit { size: (had / 2.0).max(1.0), enough: had * 2.0 });
    }

    fn answered(&mut self) {
        self.refusals = 0;
        self.lost_until = None;
        if let Some(limit) = &mut self.limit {
            limit.size += 1.0 / limit.size;
        }
        self.limit = self.limit.filter(|limit| limit.size < limit.enough);
    }
}

/// The pause after so many refusals in a row before this one. A single one is no reason for a pause: most of
/// what a store that sheds load is given it answers.
fn pause(refusals: u32) -> Duration {
    match refusals.checked_sub(1) {
        None => Duration::ZERO,
        Some(doubled) => FIRST_PAUSE.saturating_mul(1 << doubled.min(10)).min(LONGEST_WITHOUT),
    }
}

impl StoreLoads {
    /// Waits until the store may be given a task, and counts it.
    ///
    /// # Errors
    /// When the statement's deadline passes, or the store is busy for too long.
    pub(super) async fn admit(self: &Arc<Self>, bo: &mut Backoffer, store: u64) -> Result<Place> {
        let began = bo.clock().now();
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            bo.check_deadline()?;
            let now = bo.clock().now();
            let pause = {
                let mut stores = self.stores.lock();
                let load = stores.entry(store).or_default();
                let waited = now.saturating_duration_since(began);
                if load.is_open(now) {
                    load.in_flight += 1;
                    bo.was_patient(waited);
                    return Ok(Place { loads: Arc::clone(self), store });
                }
                if !bo.has_patience(waited) {
                    let message = format!("store {store} is busy, and was for {waited:?}");
                    return Err(ClientError::new(ErrorKind::DeadlineExceeded, message));
                }
                let paused = load.paused_until.filter(|until| *until > now);
                paused.map_or(LONGEST_PAUSE, |until| until.saturating_duration_since(now))
            };
            tokio::select! {
                biased;
                () = changed => {}
                () = bo.clock().sleep(bo.bounded_timeout(pause)) => {}
            }
        }
    }

    /// The store has said that it is busy, and perhaps for how long.
    pub(super) fn busy(&self, bo: &Backoffer, store: u64, estimated_ms: u32) {
        let now = bo.clock().now();
        let estimate = Duration::from_millis(estimated_ms.into()).min(LONGEST_PAUSE);
        let estimate = (!estimate.is_zero()).then_some(estimate);
        self.stores.lock().entry(store).or_default().busy(now, estimate);
    }

    /// The store has answered.
    pub(super) fn answered(&self, store: u64) {
        if let Some(load) = self.stores.lock().get_mut(&store) {
            load.answered();
        }
    }

    /// The store could not be reached.
    pub(super) fn lost(&self, bo: &Backoffer, store: u64) {
        let until = bo.clock().now().checked_add(OUT_OF_REACH);
        self.stores.lock().entry(store).or_default().lost_until = until;
    }

    /// Whether a read that has a choice asks another store.
    pub(super) fn is_troubled(&self, store: u64, now: Instant) -> bool {
        self.stores.lock().get(&store).is_some_and(|load| {
            load.is_paused(now) || load.lost_until.is_some_and(|until| until > now)
        })
    }
}

/// A task that a store is given; dropping it makes room for another one.
#[derive(Debug)]
pub(super) struct Place {
    loads: Arc<StoreLoads>,
    store: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(load) = self.loads.stores.lock().get_mut(&self.store) {
            load.in_flight = load.in_flight.saturating_sub(1);
        }
        self.loads.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_was_busy_is_left_in_peace_then_given_half_and_more_with_each_answer() {
        let now = Instant::now();
        let mut load = Load { in_flight: 8, ..Load::default() };
        assert!(load.is_open(now));
        for _ in 0..8 {
            load.busy(now, Some(SECOND));
            load.in_flight -= 1;
        }
        assert_eq!(load.paused_until, Some(now + SECOND), "one pause for all of them");
        assert!(!load.is_open(now) && load.is_open(now + SECOND));
        let mut widest = Vec::new();
        for _ in 0..200 {
            load.in_flight = 0;
            while load.is_open(now + SECOND) && load.in_flight < 50 {
                load.in_flight += 1;
            }
            widest.push(load.in_flight);
            load.answered();
        }
        assert_eq!(widest[0], 4);
        assert!(widest.is_sorted() && widest[199] == 50, "{widest:?}");
        assert!(widest.iter().filter(|width| **width == 5).count() > 3, "{widest:?}");
    }

    #[test]
    fn one_task_may_always_go_once_the_pause_is_over() {
        let now = Instant::now();
        let mut load = Load { in_flight: 1, ..Load::default() };
        load.busy(now, Some(SECOND));
        load.in_flight = 0;
        let later = now + SECOND;
        assert!(!load.is_open(now) && load.is_open(later));
        load.in_flight = 1;
        assert!(!load.is_open(later));
        load.busy(later, Some(SECOND));
        assert_eq!(load.paused_until, Some(later + SECOND));
    }

    #[test]
    fn who_refuses_again_and_again_is_left_in_peace_for_longer_and_longer() {
        let now = Instant::now();
        let mut load = Load { in_flight: 8, ..Load::default() };
        load.busy(now, None);
        assert!(!load.is_paused(now), "once is no reason");
        let mut at = now;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            load.busy(at, None);
            let until = load.paused_until.unwrap();
            pauses.push(until.duration_since(at).as_millis());
            at = until;
        }
        assert_eq!(pauses, [25, 50, 100, 200, 400, 800, 1600, 2000, 2000]);
        load.answered();
        load.busy(at, None);
        assert!(!load.is_paused(at));
    }
}
