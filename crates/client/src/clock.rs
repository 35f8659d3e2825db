//! Time, sleep and randomness as the client sees them, so that a test can replace them.

use std::time::{Duration, Instant};

/// The client's only source of time, waiting and chance.
#[async_trait::async_trait]
pub trait Clock: Send + Sync + std::fmt::Debug + 'static {
    /// Monotonic time.
    fn now(&self) -> Instant;
    /// Returns after `duration`.
    async fn sleep(&self, duration: Duration);
    /// A number drawn evenly from `0..=bound` (jitter of backoffs).
    fn random(&self, bound: u64) -> u64;
}

/// Tokio's clock: real time, or paused time in tests that pause it.
#[derive(Debug, Default, Clone, Copy)]
pub struct TokioClock;

#[async_trait::async_trait]
impl Clock for TokioClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn random(&self, bound: u64) -> u64 {
        use rand::Rng as _;
        rand::rng().random_range(0..=bound)
    }
}
