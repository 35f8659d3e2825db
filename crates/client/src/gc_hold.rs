//! Keeping garbage collection away from a snapshot for as long as somebody needs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::background::current_runtime;
use crate::client::Client;
use crate::error::{ClientError, ErrorKind, Result};
use crate::timestamp::Timestamp;

/// Signs of life in a hold's time to live.
const SIGNS: u32 = 3;

impl Client {
    /// Holds garbage collection back at `start_ts` until the hold is released or dropped, in the name of
    /// `name`, of which there may be one at a time in the cluster. PD forgets the hold `ttl` after the last
    /// sign of life, three of which are given in that time. Must be called within a Tokio runtime.
    ///
    /// By a GC barrier, or a service safe point where PD is older than those.
    ///
    /// # Errors
    /// [`ErrorKind::SnapshotTooOld`] when the safe point has passed `start_ts` already; or what kept PD
    /// from answering.
    pub async fn hold_gc(
        &self,
        name: impl Into<String>,
        start_ts: Timestamp,
        ttl: Duration,
    ) -> Result<GcHold> {
        let runtime = current_runtime()?;
        let ttl = ttl.max(Duration::from_secs(1));
        let name = name.into();
        let held = Held { client: self.clone(), name, start_ts, ttl, lost: AtomicBool::new(false) };
        held.renew(self.options().budgets.pd).await?;
        // Tables that were dropped may be gone before the safe point says so.
        if let Err(error) = self.check_gc_safe_point(start_ts).await {
            held.let_go().await.unwrap_or_else(|error| tracing::debug!(%error, "a hold is left"));
            return Err(error);
        }
        let held = Arc::new(held);
        let beating = Arc::clone(&held);
        let task = runtime.spawn(async move { beating.keep().await });
        Ok(GcHold { held, task, runtime, released: false })
    }
}

/// Garbage collection held back; dropped, it is let go behind the caller.
#[derive(Debug)]
pub struct GcHold {
    held: Arc<Held>,
    task: JoinHandle<()>,
    runtime: Handle,
    released: bool,
}

#[derive(Debug)]
struct Held {
    client: Client,
    name: String,
    start_ts: Timestamp,
    ttl: Duration,
    lost: AtomicBool,
}

impl GcHold {
    /// The snapshot that is kept.
    #[must_use]
    pub fn start_ts(&self) -> Timestamp {
        self.held.start_ts
    }

    /// Fails when the hold was lost: PD was out of reach for longer than the time to live, and garbage
    /// collection has gone on meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::SnapshotTooOld`].
    pub fn check(&self) -> Result<()> {
        if !self.held.lost.load(Ordering::Relaxed) {
            return Ok(());
        }
        let start_ts = self.held.start_ts;
        Err(ClientError::new(
            ErrorKind::SnapshotTooOld,
            format!("garbage collection went past {start_ts} while PD could not be reached"),
        ))
    }

    /// Lets go, and waits until PD knows.
    ///
    /// # Errors
    /// What kept PD from answering; it forgets the hold by itself then.
    pub async fn release(mut self) -> Result<()> {
        self.released = true;
        self.task.abort();
        self.held.let_go().await
    }
}

impl Drop for GcHold {
    fn drop(&mut self) {
        self.task.abort();
        if self.released {
            return;
        }
        let held = Arc::clone(&self.held);
        let work = async move {
            if let Err(error) = held.let_go().await {
                tracing::debug!(%error, "garbage collection is held back until the hold expires");
            }
        };
        drop(self.held.client.background().spawn(&self.runtime, work));
    }
}

impl Held {
    async fn renew(&self, budget: Duration) -> Result<()> {
        let mut bo = self.client.backoffer(budget);
        self.client.pd().hold_gc(&mut bo, &self.name, self.start_ts, self.ttl).await
    }

    async fn let_go(&self) -> Result<()> {
        let mut bo = self.client.backoffer(self.client.options().budgets.pd);
        self.client.pd().hold_gc(&mut bo, &self.name, self.start_ts, Duration::ZERO).await
    }

    /// Renews the hold until it is too late.
    async fn keep(&self) {
        loop {
            self.client.clock().sleep(self.ttl / SIGNS).await;
            match self.renew(self.ttl / SIGNS).await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::SnapshotTooOld => {
                    tracing::warn!(%error, "a hold of garbage collection is lost");
                    self.lost.store(true, Ordering::Relaxed);
                    return;
                }
                Err(error) => tracing::warn!(%error, "a hold of garbage collection is not renewed"),
            }
        }
    }
}

#[cfg(test)]
#[path = "gc_hold_tests.rs"]
mod tests;
