//! Work that goes on behind whoever asked for it: cleaning up after transactions.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use crate::error::{ClientError, ErrorKind, Result};

/// The runtime of whoever calls, for tasks that outlive the call.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] outside of a Tokio runtime.
pub(crate) fn current_runtime() -> Result<Handle> {
    Handle::try_current().map_err(|error| {
        let message = "this must be called within a Tokio runtime";
        ClientError::new(ErrorKind::InvalidInput, message).with_source(error)
    })
}

/// More tasks than ever run at once.
const MAX_TASKS: u32 = 1 << 20;

/// Starts tasks and knows when none of them runs any more; clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Background {
    places: Arc<Semaphore>,
}

impl Default for Background {
    fn default() -> Self {
        let places = usize::try_from(MAX_TASKS).unwrap_or(usize::MAX);
        Self { places: Arc::new(Semaphore::new(places)) }
    }
}

impl Background {
    /// Starts a task on `runtime`, from wherever it is called, as a part of what calls.
    pub(crate) fn spawn<F>(&self, runtime: &Handle, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_for_all(runtime, work.in_current_span())
    }

    /// The same for a task that is nobody's own: whoever happens to begin it has a span that ends before it does.
    pub(crate) fn spawn_for_all<F>(&self, runtime: &Handle, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let place: Option<OwnedSemaphorePermit> = Arc::clone(&self.places).try_acquire_owned().ok();
        runtime.spawn(async move {
            let _place = place;
            work.await
        })
    }

    /// Returns when no task runs.
    pub(crate) async fn idle(&self) {
        // The semaphore is never closed.
        let _all = self.places.acquire_many(MAX_TASKS).await;
    }
}
