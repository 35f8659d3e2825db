//! What the parts of a running transaction share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::coverage::Coverage;
use super::engine::Engine;
use super::options::TxnOptions;
use super::progress::TxnProgress;
use crate::backoff::Backoffer;
use crate::client::Client;
use crate::lock::LockStats;
use crate::sender::SendOptions;
use crate::timestamp::Timestamp;

/// A running transaction.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) client: Client,
    pub(super) options: TxnOptions,
    /// What all its requests have in common.
    pub(super) send: SendOptions,
    pub(super) start_ts: Timestamp,
    pub(super) birth: Birth,
    /// Another process has begun it, keeps it alive and ends it.
    pub(super) is_of_another: bool,
    pub(super) engine: Mutex<Engine>,
    pub(super) coverage: Mutex<Coverage>,
    pub(super) progress: Arc<TxnProgress>,
    pub(super) lock_stats: LockStats,
    /// Where tasks run that outlive a call.
    pub(super) runtime: Handle,
}

/// How old the transaction was at what time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Birth {
    pub(super) at: Instant,
    pub(super) age: Duration,
}

impl Core {
    /// A backoffer for a step before the commit is decided, which ends with the statement.
    pub(super) fn backoffer(&self, budget: Duration) -> Backoffer {
        self.endless_backoffer(budget).with_deadline(self.options.deadline)
    }

    /// A backoffer for a step that is taken whatever becomes of the statement.
    pub(super) fn endless_backoffer(&self, budget: Duration) -> Backoffer {
        self.client.backoffer(budget).with_query(self.options.query)
    }

    /// How old the transaction is by this machine's clock.
    pub(super) fn age(&self) -> Duration {
        self.birth.age + self.client.clock().now().saturating_duration_since(self.birth.at)
    }

    pub(super) fn primary(&self) -> Vec<u8> {
        self.engine.lock().primary().to_vec()
    }

    pub(super) fn label(&self) -> Option<&str> {
        self.options.label.as_deref()
    }
}

/// Milliseconds as requests carry them.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
