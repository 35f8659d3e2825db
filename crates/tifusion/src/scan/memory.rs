//! Answers that wait to be decoded, in DataFusion's memory accounts.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::execution::memory_pool::MemoryReservation;
use tifusion_client::cop::MemoryGauge;

/// Counts the bytes of a partition's answers against the statement's memory pool.
#[derive(Debug)]
pub(crate) struct PoolGauge {
    reservation: MemoryReservation,
    peak: AtomicUsize,
}

impl PoolGauge {
    /// A gauge that grows `reservation`.
    pub(crate) fn new(reservation: MemoryReservation) -> Self {
        Self { reservation, peak: AtomicUsize::new(0) }
    }

    /// The most that was held at once.
    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    /// Accounts for `bytes` that are there already, whatever the pool says, until the hold is
    /// dropped.
    pub(crate) fn hold(self: &Arc<Self>, bytes: usize) -> Hold {
        self.reservation.grow(bytes);
        self.note_peak();
        Hold { gauge: Arc::clone(self), bytes }
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
}

/// Bytes accounted for while this lives.
#[derive(Debug)]
pub(crate) struct Hold {
    gauge: Arc<PoolGauge>,
    bytes: usize,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.gauge.reservation.shrink(self.bytes);
    }
}
