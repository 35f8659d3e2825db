//! How long to wait before a retry, and when to stop retrying: one policy for the whole client.
//!
//! [`BackoffKind`] is the pure half (the figures are those of TiDB's client); [`Backoffer`] counts
//! attempts, sleeps on the [`Clock`] and turns an exhausted budget or a passed deadline into an error
//! that keeps its last cause.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::error::{ClientError, ErrorKind, Result};
use crate::query::QueryId;

/// Why a retry has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum BackoffKind {
    /// The region's place changed; soon known.
    RegionMiss,
    /// The region elects a leader, merges, or moves.
    RegionScheduling,
    /// The store asks for less load.
    ServerBusy,
    /// The way to a store failed.
    StoreRpc,
    /// The way to PD failed, or PD has no leader.
    PdRpc,
    /// A live lock on a write.
    TxnLock,
    /// A live lock on a read.
    TxnLockFast,
    /// The store's disk is full.
    DiskFull,
    /// The region is being recovered online.
    RecoveryInProgress,
    /// The peer is a witness and holds no data.
    IsWitness,
    /// The store dropped the command for a newer raft term.
    StaleCommand,
    /// The new leader has not yet synchronised its largest timestamp.
    MaxTsNotSynced,
    /// The peer is being created.
    RegionNotInitialized,
}

/// Whether the wait is exact or drawn from the upper half of the exact one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Jitter {
    None,
    Equal,
}

/// Sleep on a busy server does not use up the budget until there is this much of it: a store that
/// asks for patience is alive.
const MAX_EXCLUDED: Duration = Duration::from_secs(600);

impl BackoffKind {
    /// First wait and longest wait, in milliseconds, and the jitter.
    fn figures(self) -> (u64, u64, Jitter) {
        match self {
            Self::RegionMiss | Self::RegionScheduling | Self::MaxTsNotSynced => {
                (2, 500, Jitter::None)
            }
            Self::StaleCommand | Self::RegionNotInitialized => (2, 1_000, Jitter::None),
            Self::DiskFull => (500, 5_000, Jitter::None),
            Self::ServerBusy => (2_000, 10_000, Jitter::Equal),
            Self::StoreRpc => (100, 2_000, Jitter::Equal),
            Self::PdRpc => (500, 3_000, Jitter::Equal),
            Self::TxnLock => (100, 3_000, Jitter::Equal),
            Self::TxnLockFast => (10, 3_000, Jitter::Equal),
            Self::RecoveryInProgress => (100, 10_000, Jitter::Equal),
            Self::IsWitness => (1_000, 10_000, Jitter::Equal),
        }
    }

    /// The wait before retry number `attempt` (from 0): exponential from the kind's base up to its
    /// cap; with jitter, half of that plus `random(half)`.
    #[must_use]
    pub fn delay(self, attempt: u32, random: impl FnOnce(u64) -> u64) -> Duration {
        let (base, cap, jitter) = self.figures();
        let factor = 1_u64.checked_shl(attempt).unwrap_or(u64::MAX);
        let full = base.saturating_mul(factor).min(cap);
        Duration::from_millis(match jitter {
            Jitter::None => full,
            Jitter::Equal => full / 2 + random(full / 2).min(full / 2),
        })
    }

    /// Whether sleeping for this kind leaves the budget alone.
    fn is_excluded(self) -> bool {
        self == Self::ServerBusy
    }
}

/// Waits of one kind.
#[derive(Debug, Clone, Copy, Default)]
struct Waits {
    count: u32,
    time: Duration,
}

/// Which limit ended the retries.
enum Exhausted {
    Budget(Duration),
    Deadline,
    /// Whoever retries has asked for as little as can be asked for.
    Smallest,
}

/// Counts and sleeps one piece of work's retries.
#[derive(Debug)]
pub struct Backoffer {
    clock: Arc<dyn Clock>,
    waits: BTreeMap<BackoffKind, Waits>,
    attempts: u32,
    started: Instant,
    budget: Duration,
    slept: Duration,
    excluded: Duration,
    in_line: Duration,
    deadline: Option<Instant>,
    query: Option<QueryId>,
}

impl Backoffer {
    /// A backoffer that may sleep `budget` in all.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, budget: Duration) -> Self {
        Self {
            waits: BTreeMap::new(),
            attempts: 0,
            started: clock.now(),
            budget,
            slept: Duration::ZERO,
            excluded: Duration::ZERO,
            in_line: Duration::ZERO,
            deadline: None,
            query: None,
            clock,
        }
    }

    /// Stops at `deadline` as well (the statement's), when there is one.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// Names the statement that the work is done for, when there is one: its requests and errors say so.
    #[must_use]
    pub fn with_query(mut self, query: Option<QueryId>) -> Self {
        self.query = query;
        self
    }

    /// The statement that the work is done for.
    #[must_use]
    pub fn query(&self) -> Option<QueryId> {
        self.query
    }

    /// Sleeps before a retry that `cause` made necessary.
    ///
    /// # Errors
    /// [`ErrorKind::DeadlineExceeded`] with `cause` as its source and `cause`'s context, when the
    /// budget is used up or the deadline would pass during the sleep; [`ErrorKind::Undetermined`]
    /// when that is `cause`'s kind.
    pub async fn backoff(&mut self, kind: BackoffKind, cause: ClientError) -> Result<()> {
        self.backoff_at_most(kind, Duration::MAX, cause).await
    }

    /// As [`Backoffer::backoff`], sleeping at most `cap` this time.
    ///
    /// # Errors
    /// As [`Backoffer::backoff`].
    pub async fn backoff_at_most(
        &mut self,
        kind: BackoffKind,
        cap: Duration,
        cause: ClientError,
    ) -> Result<()> {
        let delay = self.next_delay(kind, cap, cause)?;
        self.clock.sleep(delay).await;
        Ok(())
    }

    /// Books the next wait of `kind`, or says why there is none.
    fn next_delay(
        &mut self,
        kind: BackoffKind,
        cap: Duration,
        cause: ClientError,
    ) -> Result<Duration> {
        if let Some(exhausted) = self.budget_spent(kind) {
            return Err(self.give_up(exhausted, cause));
        }
        let waits = self.waits.get(&kind).copied().unwrap_or_default();
        let count = waits.count;
        let mut delay = kind.delay(count, |bound| self.clock.random(bound)).min(cap);
        if !kind.is_excluded() {
            delay = delay.min(self.remaining());
        }
        if self.deadline.is_some_and(|deadline| self.clock.now() + delay >= deadline) {
            return Err(self.give_up(Exhausted::Deadline, cause));
        }
        let waits = Waits { count: count.saturating_add(1), time: waits.time + delay };
        self.waits.insert(kind, waits);
        self.attempts = self.attempts.saturating_add(1);
        self.slept += delay;
        if kind.is_excluded() {
            self.excluded += delay;
        }
        Ok(delay)
    }

    fn budget_spent(&self, kind: BackoffKind) -> Option<Exhausted> {
        if self.remaining().is_zero() {
            return Some(Exhausted::Budget(self.budget));
        }
        let limit = MAX_EXCLUDED.max(self.budget);
        (kind.is_excluded() && self.excluded >= limit).then_some(Exhausted::Budget(limit))
    }

    /// The error of a piece of work that failed with `cause` however little of it was asked for:
    /// [`ErrorKind::DeadlineExceeded`], as when the budget is used up.
    #[must_use]
    pub fn too_little_left(&self, cause: ClientError) -> ClientError {
        self.give_up(Exhausted::Smallest, cause)
    }

    /// The error that ends the retries. A failure whose outcome is unknown stays one.
    fn give_up(&self, exhausted: Exhausted, cause: ClientError) -> ClientError {
        let kind = match cause.kind() {
            ErrorKind::Undetermined => ErrorKind::Undetermined,
            _ => ErrorKind::DeadlineExceeded,
        };
        let message = match exhausted {
            Exhausted::Deadline => {
                format!("the statement's deadline ended the retries: {}", cause.message())
            }
            Exhausted::Smallest => {
                format!("retries are given up, however little is asked for: {}", cause.message())
            }
            Exhausted::Budget(budget) => {
                format!("retries are given up after {budget:?} of waiting: {}", cause.message())
            }
        };
        ClientError::new(kind, message)
            .with_context(cause.context().clone())
            .with_query(self.query)
            .with_attempts(self.attempts, self.elapsed())
            .with_retry(cause.retry())
            .with_source(cause)
    }

    /// Waits in line behind others as long as the budget and the deadline allow. The time counts until
    /// [`Backoffer::moved_on`] is called: the lines before something that does not work must not add
    /// up, a long line before something that works is no failure.
    ///
    /// # Errors
    /// [`ErrorKind::DeadlineExceeded`] when it took longer; `what` names what was waited for.
    pub async fn wait<F: Future>(&mut self, what: &str, future: F) -> Result<F::Output> {
        let limit = self.bounded_timeout(self.remaining());
        let clock = Arc::clone(&self.clock);
        let began = clock.now();
        let output = tokio::select! {
            biased;
            output = future => Some(output),
            () = clock.sleep(limit) => None,
        };
        self.in_line += clock.now().saturating_duration_since(began);
        output.ok_or_else(|| {
            ClientError::new(ErrorKind::DeadlineExceeded, format!("waited too long for {what}"))
                .with_query(self.query)
                .with_attempts(self.attempts, self.elapsed())
        })
    }

    /// What was waited for in line has brought what it should: the time in line no longer counts.
    pub fn moved_on(&mut self) {
        self.in_line = Duration::ZERO;
    }

    /// Books time lost on a failed call as slept.
    pub fn charge(&mut self, lost: Duration) {
        self.slept += lost;
    }

    /// Whether it may wait for a busy server for so much longer than it did.
    pub(crate) fn has_patience(&self, longer: Duration) -> bool {
        self.excluded + longer < MAX_EXCLUDED.max(self.budget)
    }

    /// Books time spent in line before a busy server as slept for it.
    pub(crate) fn was_patient(&mut self, waited: Duration) {
        self.slept += waited;
        self.excluded += waited;
    }

    /// A backoffer for a part of this work: same deadline, the budget that is left, counters at zero.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::new(Arc::clone(&self.clock), self.remaining())
            .with_deadline(self.deadline)
            .with_query(self.query)
    }

    /// What is left of the budget.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        let spent = self.slept.saturating_sub(self.excluded) + self.in_line;
        self.budget.saturating_sub(spent)
    }

    /// Retries so far.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// What was waited for, how often and how long, for people.
    pub(crate) fn waits(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| {
            let mut separator = "";
            for (kind, waits) in &self.waits {
                write!(f, "{separator}{kind:?} {} in {:?}", waits.count, waits.time)?;
                separator = ", ";
            }
            Ok(())
        })
    }

    /// Time since the work began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.started)
    }

    /// Time slept so far.
    #[must_use]
    pub fn slept(&self) -> Duration {
        self.slept
    }

    /// The statement's deadline, when there is one.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The clock it sleeps on.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Fails when the deadline has passed.
    ///
    /// # Errors
    /// [`ErrorKind::DeadlineExceeded`].
    pub fn check_deadline(&self) -> Result<()> {
        match self.deadline {
            Some(deadline) if self.clock.now() >= deadline => Err(ClientError::new(
                ErrorKind::DeadlineExceeded,
                "the statement's deadline has passed",
            )
            .with_query(self.query)
            .with_attempts(self.attempts, self.elapsed())),
            _ => Ok(()),
        }
    }

    /// `timeout`, or what is left until the deadline when that is less.
    #[must_use]
    pub fn bounded_timeout(&self, timeout: Duration) -> Duration {
        self.deadline.map_or(timeout, |deadline| {
            timeout.min(deadline.saturating_duration_since(self.clock.now()))
        })
    }
}

#[cfg(test)]
#[path = "backoff_tests.rs"]
mod tests;
