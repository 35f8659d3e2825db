//! Garbage collection held back while a write runs.

use std::time::Duration;

use tifusion_client::{Client, Timestamp};
use tokio::task::JoinHandle;

/// Age of a write from which on it holds garbage collection back: TiDB keeps ten minutes at the least, and
/// most writes are done in seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long PD remembers the hold of a process that has died.
const TTL: Duration = Duration::from_secs(300);

/// Holds garbage collection back once the write has run for a while; dropped, it lets go.
#[derive(Debug)]
pub(super) struct GcKeeper {
    task: JoinHandle<()>,
}

impl GcKeeper {
    /// A keeper of the snapshot at `start_ts`.
    pub(super) fn new(client: Client, start_ts: Timestamp) -> Self {
        let task = tokio::spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            let name = format!("tifusion-{}", start_ts.version());
            match client.hold_gc(&name, start_ts, TTL).await {
                // Until the task is stopped.
                Ok(_hold) => std::future::pending().await,
                // The snapshot is looked at again before the commit.
                Err(error) => tracing::warn!(%error, "garbage collection is not held back"),
            }
        });
        Self { task }
    }
}

impl Drop for GcKeeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}
