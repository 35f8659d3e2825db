//! What a request says about itself, whatever its command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tifusion_proto::kvrpcpb;

use super::engine::ReadEngine;
use super::replica_read::ReplicaRead;
use crate::region_error::RegionErrorKind;

/// What a read sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Isolation {
    /// Snapshot isolation: everything committed at or before the read's timestamp; locks that may
    /// still commit before it are resolved.
    #[default]
    Si,
    /// The newest version committed before the read's timestamp; locks are ignored.
    Rc,
}

impl Isolation {
    /// As requests carry it.
    #[must_use]
    pub fn to_proto(self) -> kvrpcpb::IsolationLevel {
        match self {
            Self::Si => kvrpcpb::IsolationLevel::Si,
            Self::Rc => kvrpcpb::IsolationLevel::Rc,
        }
    }
}

/// How a store orders a request among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Priority {
    /// After the cluster's own transactions; the default, since analytics must not hurt them.
    #[default]
    Low,
    /// Among them.
    Normal,
    /// Before them.
    High,
}

impl Priority {
    /// As requests carry it.
    #[must_use]
    pub fn to_proto(self) -> kvrpcpb::CommandPri {
        match self {
            Self::Low => kvrpcpb::CommandPri::Low,
            Self::Normal => kvrpcpb::CommandPri::Normal,
            Self::High => kvrpcpb::CommandPri::High,
        }
    }
}

/// What every request of one read has in common.
#[derive(Debug, Clone)]
pub struct SendOptions {
    /// Longest wait for one answer. A store is told less, so that its own word that it ran out of
    /// time still arrives.
    pub timeout: Duration,
    /// Whether the store may be at work all that time (a coprocessor task). The same again would take
    /// as long, so a store that stays silent until then is asked for less; and a call that failed
    /// late counts against the budget as one that failed early. Anything else is answered soon or not
    /// at all: its calls count in full, and none is longer than what is left of the budget.
    pub is_task: bool,
    /// What the read sees.
    pub isolation: Isolation,
    /// Its place among other requests.
    pub priority: Priority,
    /// Keeps a large scan from pushing the cluster's working set out of the block cache.
    pub not_fill_cache: bool,
    /// Whose stores are asked; for reads by the coprocessor alone.
    pub engine: ReadEngine,
    /// Which of TiKV's replicas are asked first; for reads alone.
    pub replica: Arc<ReplicaRead>,
    /// Set once the read has met a lock: a replica that answers from what it has would meet it again, so it
    /// asks the leader how far that is from then on.
    pub met_lock: Arc<AtomicBool>,
    /// Who asks, in errors: a table, say.
    pub label: Option<Arc<str>>,
    /// Where to count.
    pub stats: Arc<SendStats>,
}

impl SendOptions {
    /// The defaults with this timeout.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            is_task: false,
            isolation: Isolation::default(),
            priority: Priority::default(),
            not_fill_cache: false,
            engine: ReadEngine::default(),
            replica: Arc::default(),
            met_lock: Arc::default(),
            label: None,
            stats: Arc::default(),
        }
    }
}

/// Counts of requests and what came of them; shared, only ever growing.
#[derive(Debug, Default)]
pub struct SendStats {
    requests: AtomicU64,
    transport_errors: AtomicU64,
    region_errors: [AtomicU64; RegionErrorKind::ALL.len()],
}

impl SendStats {
    /// Requests sent, retries included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests that brought no answer.
    #[must_use]
    pub fn transport_errors(&self) -> u64 {
        self.transport_errors.load(Ordering::Relaxed)
    }

    /// Region errors of all kinds.
    #[must_use]
    pub fn region_errors(&self) -> u64 {
        self.region_errors.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Region errors by kind, those met at least once.
    #[must_use]
    pub fn region_errors_by_kind(&self) -> Vec<(RegionErrorKind, u64)> {
        RegionErrorKind::ALL
            .into_iter()
            .zip(self.region_errors.iter().map(|count| count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    pub(super) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_transport_error(&self) {
        self.transport_errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_region_error(&self, kind: RegionErrorKind) {
        let counters = RegionErrorKind::ALL.iter().zip(&self.region_errors);
        if let Some((_, count)) = counters.into_iter().find(|(known, _)| **known == kind) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
