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

#[cfg(test)]
pub(crate) mod testing {
    //! A clock that stands still until someone sleeps on it.

    use std::time::{Duration, Instant};

    use parking_lot::Mutex;

    use super::Clock;

    /// Sleeping returns at once and moves the time; every sleep is on record.
    #[derive(Debug)]
    pub(crate) struct ManualClock {
        start: Instant,
        sleeps: Mutex<Vec<Duration>>,
        skipped: Mutex<Duration>,
    }

    impl Default for ManualClock {
        fn default() -> Self {
            Self { start: Instant::now(), sleeps: Mutex::default(), skipped: Mutex::default() }
        }
    }

    impl ManualClock {
        /// Moves the time without a sleep.
        pub(crate) fn advance(&self, by: Duration) {
            *self.skipped.lock() += by;
        }

        /// All sleeps so far.
        pub(crate) fn sleeps(&self) -> Vec<Duration> {
            self.sleeps.lock().clone()
        }
    }

    #[async_trait::async_trait]
    impl Clock for ManualClock {
        fn now(&self) -> Instant {
            self.start + *self.skipped.lock()
        }

        async fn sleep(&self, duration: Duration) {
            self.sleeps.lock().push(duration);
            self.advance(duration);
            // Others get a turn, as during a real sleep.
            tokio::task::yield_now().await;
        }

        /// Always the largest.
        fn random(&self, bound: u64) -> u64 {
            bound
        }
    }
}
