//! Keeping garbage collection away from the snapshots that somebody reads: one hold for all of a client.
//!
//! PD is told of the oldest snapshot alone, and of none before somebody has needed it for a while: TiDB keeps
//! ten minutes at the least, and most statements are done in seconds.

mod needs;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use self::needs::{Needs, Step};
use crate::background::{Background, current_runtime};
use crate::backoff::Backoffer;
use crate::clock::Clock;
use crate::error::{ErrorKind, Result};
use crate::options::ClientOptions;
use crate::pd::PdApi;
use crate::timestamp::Timestamp;

/// How soon PD is told again what it could not be told.
const AGAIN: Duration = Duration::from_secs(3);

/// Signs of life in a hold's time to live.
const SIGNS: u32 = 3;

/// Longest that somebody who is done waits until PD knows.
const PATIENCE: Duration = Duration::from_secs(3);

/// Since when a snapshot is kept, and until when, from the moment that it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepTime {
    /// Who is done before this costs PD nothing.
    pub after: Duration,
    /// Garbage collection is held back no longer than this, whoever still reads.
    pub longest: Duration,
}

/// A snapshot that is kept; dropped, it is let go behind the caller.
#[derive(Debug)]
pub struct SnapshotKeep {
    keeper: Arc<GcKeeper>,
    id: Option<u64>,
    start_ts: Timestamp,
}

impl SnapshotKeep {
    /// Lets go, and waits until PD knows, a few seconds at most: a process that ends now leaves nothing.
    pub async fn release(mut self) {
        self.let_go();
        let keeper = Arc::clone(&self.keeper);
        let known = async {
            loop {
                let settled = keeper.settled.notified();
                tokio::pin!(settled);
                settled.as_mut().enable();
                if !keeper.needs.lock().is_told_for(self.start_ts) {
                    return;
                }
                settled.await;
            }
        };
        tokio::select! {
            biased;
            () = known => {}
            () = keeper.clock.sleep(PATIENCE) => {}
        }
    }

    fn let_go(&mut self) {
        let Some(id) = self.id.take() else { return };
        self.keeper.needs.lock().remove(id);
        self.keeper.changed.notify_one();
    }
}

impl Drop for SnapshotKeep {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// What all snapshots of a client share.
#[derive(Debug)]
pub(crate) struct GcKeeper {
    name: String,
    ttl: Duration,
    /// Time that a call to PD may take.
    budget: Duration,
    pd: Arc<dyn PdApi>,
    clock: Arc<dyn Clock>,
    background: Background,
    needs: Mutex<Needs>,
    /// The needs are others.
    changed: Notify,
    /// What PD was told is something else.
    settled: Notify,
}

impl GcKeeper {
    /// One whose hold has a name of its own in the cluster, and which works in `background`.
    pub(crate) fn new(
        pd: Arc<dyn PdApi>,
        clock: Arc<dyn Clock>,
        background: Background,
        options: &ClientOptions,
    ) -> Self {
        Self {
            name: format!("tifusion-{}-{:016x}", std::process::id(), clock.random(u64::MAX)),
            ttl: options.gc_hold_ttl.max(Duration::from_secs(1)),
            budget: options.budgets.pd,
            pd,
            clock,
            background,
            needs: Mutex::default(),
            changed: Notify::new(),
            settled: Notify::new(),
        }
    }

    fn backoffer(&self, budget: Duration) -> Backoffer {
        Backoffer::new(Arc::clone(&self.clock), budget)
    }

    /// Keeps the snapshot at `start_ts`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] outside of a Tokio runtime.
    pub(crate) fn keep(
        self: &Arc<Self>,
        start_ts: Timestamp,
        time: KeepTime,
    ) -> Result<SnapshotKeep> {
        let runtime = current_runtime()?;
        let now = self.clock.now();
        let (from, until) = (now.checked_add(time.after), now.checked_add(time.longest));
        let (id, begins) = {
            let mut needs = self.needs.lock();
            (needs.add(start_ts, from, until), needs.begin())
        };
        if begins {
            let work =
                Keeping { keeper: Arc::clone(self), told: None, next_sign: now, is_done: false };
            drop(self.background.spawn_for_all(&runtime, work.run()));
        }
        self.changed.notify_one();
        Ok(SnapshotKeep { keeper: Arc::clone(self), id: Some(id), start_ts })
    }
}

/// The task that keeps PD informed while there is something to keep.
struct Keeping {
    keeper: Arc<GcKeeper>,
    /// What PD was last told.
    told: Option<Timestamp>,
    next_sign: Instant,
    is_done: bool,
}

impl Drop for Keeping {
    /// The runtime that it ran on has ended: on another one somebody else goes on.
    fn drop(&mut self) {
        if !self.is_done {
            self.keeper.needs.lock().abandon();
        }
    }
}

impl Keeping {
    async fn run(mut self) {
        let keeper = Arc::clone(&self.keeper);
        loop {
            let now = keeper.clock.now();
            let step = keeper.needs.lock().step(now);
            match step {
                Step { oldest: Some(ts), .. } if self.told != Some(ts) || now >= self.next_sign => {
                    self.tell(ts).await;
                    continue;
                }
                Step { oldest: None, .. } if self.told.is_some() => {
                    self.forget().await;
                    continue;
                }
                _ => {}
            }
            // Whoever comes now begins another one.
            if keeper.needs.lock().end() {
                self.is_done = true;
                return;
            }
            let sign = self.told.map(|_| self.next_sign);
            let wake = step.next.into_iter().chain(sign).min();
            let pause = async {
                match wake {
                    Some(wake) => {
                        let pause = wake.saturating_duration_since(now);
                        keeper.clock.sleep(pause).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = keeper.changed.notified() => {}
                () = pause => {}
            }
        }
    }

    /// Sets or renews the hold.
    async fn tell(&mut self, ts: Timestamp) {
        let keeper = Arc::clone(&self.keeper);
        let ttl = keeper.ttl;
        // Whoever is done now waits for this call to be undone.
        keeper.needs.lock().told(Some(self.told.map_or(ts, |told| told.min(ts))));
        let mut bo = keeper.backoffer((ttl / SIGNS).min(keeper.budget));
        let answer = keeper.pd.hold_gc(&mut bo, &keeper.name, ts, ttl).await;
        let before = self.told.replace(ts);
        let pause = if answer.is_ok() { ttl / SIGNS } else { AGAIN.min(ttl / SIGNS) };
        self.next_sign = keeper.clock.now() + pause;
        match answer {
            Ok(()) => keeper.needs.lock().told(Some(ts)),
            Err(error) if error.kind() == ErrorKind::SnapshotTooOld => {
                tracing::warn!(%error, "a snapshot is not kept");
                // PD still has what it was told before.
                self.told = before.filter(|before| *before != ts);
                let mut needs = keeper.needs.lock();
                needs.give_up(ts);
                needs.told(self.told);
            }
            Err(error) => tracing::warn!(%error, "garbage collection is not held back"),
        }
        keeper.settled.notify_waiters();
    }

    /// Lets garbage collection go on.
    async fn forget(&mut self) {
        let keeper = Arc::clone(&self.keeper);
        let mut bo = keeper.backoffer(keeper.budget);
        let ts = self.told.take().unwrap_or_default();
        if let Err(error) = keeper.pd.hold_gc(&mut bo, &keeper.name, ts, Duration::ZERO).await {
            tracing::debug!(%error, "garbage collection is held back until the hold expires");
        }
        keeper.needs.lock().told(None);
        keeper.settled.notify_waiters();
    }
}

#[cfg(test)]
#[path = "gc_hold_tests.rs"]
mod tests;
