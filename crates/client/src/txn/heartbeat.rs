//! Signs of life, for as long as the transaction runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::core::Core;
use super::engine::Beat;

/// Gives signs of life until it is dropped.
#[derive(Debug)]
pub(super) struct Heart {
    task: JoinHandle<()>,
}

impl Heart {
    /// Begins; the first sign is due in half of the locks' time to live.
    pub(super) fn start(core: &Arc<Core>) -> Self {
        let beating = Arc::clone(core);
        Self { task: core.runtime.spawn(async move { beat(&beating).await }) }
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn beat(core: &Core) {
    loop {
        core.client.clock().sleep(core.options.lock_ttl / 2).await;
        let age = age(core).await;
        // Bound first: the lock must not be held while the request is under way.
        let next = core.engine.lock().beat(age);
        match next {
            Beat::Send(until) => {
                let pulse = core.heartbeat(until).await;
                core.engine.lock().pulse(pulse);
            }
            Beat::Stop => return,
        }
    }
}

/// The transaction's age by PD's clock, which goes on when this machine sleeps; by this machine's when PD
/// cannot be asked.
async fn age(core: &Core) -> Duration {
    let mut bo = core.client.backoffer(core.options.lock_ttl / 4);
    match core.client.pd().timestamp(&mut bo).await {
        Ok(now) => now.saturating_since(core.start_ts).max(core.age()),
        Err(_) => core.age(),
    }
}
