//! Answers that wait to be decoded, in DataFusion's memory accounts.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use tifusion_client::cop::MemoryGauge;

/// Counts the bytes of a partition's answers against the statement's memory pool.
#[derive(Debug)]
pub(crate) struct PoolGauge {
    reservation: MemoryReservation,
    pool: Arc<dyn MemoryPool>,
    peak: AtomicUsize,
}

impl PoolGauge {
    /// A gauge that books with `pool` for `consumer`.
    pub(crate) fn new(consumer: MemoryConsumer, pool: &Arc<dyn MemoryPool>) -> Self {
        Self {
            reservation: consumer.register(pool),
            pool: Arc::clone(pool),
            peak: AtomicUsize::new(0),
        }
    }

    /// The most that was held at once.
    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    /// Whether the pool has a limit.
    pub(crate) fn is_bounded(&self) -> bool {
        self.limit().is_some()
    }

    fn limit(&self) -> Option<usize> {
        match self.pool.memory_limit() {
            MemoryLimit::Finite(limit) => Some(limit),
            _ => None,
        }
    }

    /// Accounts for `bytes` that are there already, whatever the pool says, until the hold is
    /// dropped.
    pub(crate) fn hold(self: &Arc<Self>, bytes: usize) -> Hold {
        self.reservation.grow(bytes);
        self.note_peak();
        Hold { gauge: Arc::clone(self), bytes }
    }

    /// Accounts for `bytes` until the hold is dropped, if the pool has room.
    ///
    /// # Errors
    /// When it has none.
    pub(crate) fn try_hold(self: &Arc<Self>, bytes: usize) -> Result<Hold, DataFusionError> {
        self.reservation.try_grow(bytes)?;
        self.note_peak();
        Ok(Hold { gauge: Arc::clone(self), bytes })
    }

    fn note_peak(&self) {
        self.peak.fetch_max(self.reservation.size(), Ordering::Relaxed);
    }
}

impl MemoryGauge for PoolGauge {
    fn try_grow(&self, bytes: usize) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.reservation.try_grow(bytes)?;
        self.note_peak();
        Ok(())
    }

    fn shrink(&self, bytes: usize) {
        self.reservation.shrink(bytes);
    }

    fn may_fit(&self, bytes: usize) -> bool {
        self.limit().is_none_or(|limit| bytes <= limit)
    }
}

/// Bytes accounted for while this lives.
#[derive(Debug)]
pub(crate) struct Hold {
    gauge: Arc<PoolGauge>,
    bytes: usize,
}

impl Hold {
    /// How many.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.gauge.reservation.shrink(self.bytes);
    }
}
