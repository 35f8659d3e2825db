//! Signs of life, for as long as the transaction runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::Instrument as _;

use super::core::Core;
use super::engine::{Beat, Pulse};

/// Gives signs of life until it is dropped.
#[derive(Debug)]
pub(super) struct Heart {
    task: JoinHandle<()>,
}

impl Heart {
    /// Begins; the first sign is due in half of the locks' time to live.
    pub(super) fn start(core: &Arc<Core>) -> Self {
        let beating = Arc::clone(core);
        let beats = async move { beat(&beating).await };
        Self { task: core.runtime.spawn(beats.in_current_span()) }
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Signs in a lock's time to live.
const SIGNS: u32 = 2;

/// How much sooner another try comes after one that was not heard.
const HURRY: u32 = 5;

async fn beat(core: &Core) {
    let (clock, interval) = (core.client.clock(), core.options.lock_ttl / SIGNS);
    let mut pause = interval;
    loop {
        clock.sleep(pause).await;
        let began = clock.now();
        let age = age(core, interval / 2).await;
        // Bound first: the lock must not be held while the request is under way.
        let next = core.engine.lock().beat(age);
        let Beat::Send(until) = next else { return };
        let pulse = core.heartbeat(until, interval / 2).await;
        core.engine.lock().pulse(pulse);
        pause = match pulse {
            Pulse::Unknown => interval / HURRY,
            // What it took is not added to the time between two signs.
            _ => interval.saturating_sub(clock.now().saturating_duration_since(began)),
        };
    }
}

/// The transaction's age by PD's clock, which goes on when this machine sleeps; by this machine's when PD
/// cannot be asked.
async fn age(core: &Core, budget: Duration) -> Duration {
    let mut bo = core.endless_backoffer(budget);
    match core.client.pd().timestamp(&mut bo).await {
        Ok(now) => now.saturating_since(core.start_ts).max(core.age()),
        Err(_) => core.age(),
    }
}
