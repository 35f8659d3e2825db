//! Answers that wait to be decoded, in DataFusion's memory accounts.

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
}

impl MemoryGauge for PoolGauge {
    fn try_grow(&self, bytes: usize) -> bool {
        let granted = self.reservation.try_grow(bytes).is_ok();
        self.peak.fetch_max(self.reservation.size(), Ordering::Relaxed);
        granted
    }

    fn shrink(&self, bytes: usize) {
        self.reservation.shrink(bytes);
    }
}
