//! The steps of a transaction as a machine: what happened goes in, what to do next comes out. Pure.
//!
//! One rule guards the data: from the moment the commit of the primary is first sent, only the primary
//! key says what became of the transaction. Every failure from then on leads to [`Command::Settle`],
//! which asks that key and makes it decide; and while it does not answer, the only honest word is
//! [`TxnError::Undetermined`], unless the commit is known never to have arrived.

mod words;

use std::error::Error as StdError;
use std::time::Duration;

use super::error::{RolledBackWhy, TxnError};
use crate::error::{ClientError, ErrorKind};
use crate::lock::status::{Fate, TxnStatus};
use crate::timestamp::Timestamp;

pub(crate) use words::{Beat, Command, CommitReply, Event, Pulse, Verdict};

/// How far ahead of the tried timestamp a primary may ask to be committed (TiDB's figure); more is
/// nonsense that no retry heals.
const MAX_PUSH: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Cutting,
    PrewritingPrimary,
    PrewritingRest,
    TakingTs,
    AskingGuard(Timestamp),
    Committing(Timestamp),
    Settling,
    RollingBack,
    Finishing(Fate),
    Ended,
}

/// A transaction's state.
#[derive(Debug)]
pub(crate) struct Engine {
    start_ts: Timestamp,
    primary: Vec<u8>,
    lock_ttl: Duration,
    max_lifetime: Duration,
    phase: Phase,
    /// The primary may be locked.
    primary_sent: bool,
    /// The last timestamp at which the commit of the primary was sent.
    commit_sent: Option<Timestamp>,
    /// An answer to that commit was lost, and nothing since then says what became of it.
    lost: bool,
    /// The primary lock is gone.
    gone: bool,
    /// It is older than it may be.
    too_old: bool,
    /// What to tell if it is not committed; nothing when that is the caller's wish.
    failure: Option<TxnError>,
}

impl Engine {
    pub(crate) fn new(start_ts: Timestamp, lock_ttl: Duration, max_lifetime: Duration) -> Self {
        Self {
            start_ts,
            primary: Vec::new(),
            lock_ttl,
            max_lifetime,
            phase: Phase::Open,
            primary_sent: false,
            commit_sent: None,
            lost: false,
            gone: false,
            too_old: false,
            failure: None,
        }
    }

    /// The same for a part of a transaction that another process has begun and will end: its primary is
    /// prewritten, and more is to come.
    pub(crate) fn of_another(self, primary: &[u8]) -> Self {
        let (primary, phase) = (primary.to_vec(), Phase::PrewritingRest);
        Self { primary, phase, primary_sent: true, ..self }
    }

    /// The key that decides; empty until it is known.
    pub(crate) fn primary(&self) -> &[u8] {
        &self.primary
    }

    /// Chooses the key that decides, once.
    pub(crate) fn choose_primary(&mut self, key: &[u8]) {
        if self.primary.is_empty() {
            self.primary = key.to_vec();
        }
    }

    /// Whether nothing more should be prewritten.
    pub(crate) fn is_doomed(&self) -> bool {
        self.gone || self.too_old || self.failure.is_some() || self.phase == Phase::Ended
    }

    /// A sign of life is due at this age of the transaction.
    pub(crate) fn beat(&mut self, age: Duration) -> Beat {
        if matches!(self.phase, Phase::Finishing(_) | Phase::Ended) || self.gone {
            return Beat::Stop;
        }
        if age > self.max_lifetime {
            self.too_old = true;
            return Beat::Stop;
        }
        Beat::Send(age + self.lock_ttl)
    }

    /// What a sign of life brought. Once the commit was sent, a lock that is gone may be committed.
    pub(crate) fn pulse(&mut self, pulse: Pulse) {
        if pulse == Pulse::Gone && self.commit_sent.is_none() {
            self.gone = true;
        }
    }

    /// One step.
    pub(crate) fn handle(&mut self, event: Event) -> Command {
        match event {
            Event::Prewrite => self.on_prewrite(),
            Event::Cut(result) => self.on_cut(result),
            Event::Prewritten(result) => self.on_prewritten(result),
            Event::Commit => self.on_commit(),
            Event::CommitTs(result) => self.on_commit_ts(result),
            Event::Guard(result) => self.on_guard(result),
            Event::PrimaryCommit(reply) => self.on_primary_commit(reply),
            Event::Settled(result) => self.on_settled(result),
            Event::PrimaryRolledBack(result) => {
                if let Err(error) = result {
                    // It was never committed: nobody can find another fate.
                    tracing::debug!(%error, "the primary was not rolled back");
                }
                self.finish(Fate::RolledBack)
            }
            Event::RestFinished => self.on_rest_finished(),
            Event::Rollback => match self.phase {
                Phase::Ended => self.end(Verdict::RolledBack),
                _ => self.give_up(None),
            },
            Event::Abandoned => self.on_abandoned(),
        }
    }

    fn on_prewrite(&mut self) -> Command {
        match self.phase {
            Phase::Open if self.is_doomed() => self.fail_doomed(),
            // From here on a call that is dropped is noticed.
            Phase::Open => {
                self.phase = Phase::Cutting;
                Command::Cut
            }
            Phase::Ended => self.end(failed(TxnError::Misuse("the transaction has ended"))),
            _ => self.interrupted(),
        }
    }

    fn on_cut(&mut self, result: Result<(), TxnError>) -> Command {
        if let Err(error) = result {
            return self.give_up(Some(error));
        }
        if self.primary_sent {
            self.phase = Phase::PrewritingRest;
            Command::PrewriteRest
        } else {
            self.phase = Phase::PrewritingPrimary;
            self.primary_sent = true;
            Command::PrewritePrimary
        }
    }

    fn on_prewritten(&mut self, result: Result<(), TxnError>) -> Command {
        match (result, self.phase) {
            (Err(error), _) => match self.doom() {
                Some(doom) => self.give_up(Some(doom)),
                None => self.give_up(Some(error)),
            },
            (Ok(()), Phase::PrewritingPrimary) if self.is_doomed() => self.fail_doomed(),
            (Ok(()), Phase::PrewritingPrimary) => {
                self.phase = Phase::PrewritingRest;
                Command::PrewriteRest
            }
            (Ok(()), _) => {
                self.phase = Phase::Open;
                if self.is_doomed() { self.fail_doomed() } else { Command::Return(Verdict::Open) }
            }
        }
    }

    fn on_commit(&mut self) -> Command {
        match self.phase {
            Phase::Open if self.is_doomed() => self.fail_doomed(),
            Phase::Open if self.primary_sent => {
                self.phase = Phase::TakingTs;
                Command::TakeCommitTs
            }
            // Nothing was written.
            Phase::Open => self.end(Verdict::Committed(self.start_ts)),
            Phase::Ended => self.end(failed(TxnError::Misuse("the transaction has ended"))),
            _ => self.interrupted(),
        }
    }

    /// A call was dropped before it was through: some of its mutations may not be prewritten.
    fn interrupted(&mut self) -> Command {
        self.give_up(Some(TxnError::Misuse(
            "an earlier call of the transaction was cancelled: what it has written is not known",
        )))
    }

    fn on_commit_ts(&mut self, result: Result<(Timestamp, Timestamp), ClientError>) -> Command {
        let (commit_ts, safe_point) = match result {
            Ok(taken) => taken,
            Err(error) => return self.give_up(Some(error.into())),
        };
        if self.is_doomed() && self.commit_sent.is_none() {
            return self.fail_doomed();
        }
        if safe_point > self.start_ts {
            let start_ts = self.start_ts;
            return self.give_up(Some(TxnError::SnapshotTooOld { start_ts, safe_point }));
        }
        if commit_ts <= self.start_ts || self.commit_sent.is_some_and(|sent| commit_ts <= sent) {
            let message = format!(
                "PD's timestamps go backwards: {commit_ts} after {}",
                self.commit_sent.unwrap_or(self.start_ts)
            );
            return self.give_up(Some(ClientError::new(ErrorKind::Protocol, message).into()));
        }
        self.phase = Phase::AskingGuard(commit_ts);
        Command::AskGuard(commit_ts)
    }

    fn on_guard(&mut self, result: Result<(), Box<dyn StdError + Send + Sync>>) -> Command {
        let Phase::AskingGuard(commit_ts) = self.phase else { return self.interrupted() };
        if let Err(source) = result {
            return self.give_up(Some(TxnError::Refused { commit_ts, source }));
        }
        if self.is_doomed() && self.commit_sent.is_none() {
            return self.fail_doomed();
        }
        self.commit_primary(commit_ts)
    }

    fn commit_primary(&mut self, commit_ts: Timestamp) -> Command {
        self.phase = Phase::Committing(commit_ts);
        self.commit_sent = Some(commit_ts);
        Command::CommitPrimary(commit_ts)
    }

    fn on_primary_commit(&mut self, reply: CommitReply) -> Command {
        let Phase::Committing(commit_ts) = self.phase else { return self.interrupted() };
        match reply {
            CommitReply::Done => self.finish(Fate::Committed(commit_ts)),
            CommitReply::Expired { min_commit_ts } => {
                // The lock stands and will not take this timestamp any more, so an answer to it that was
                // lost was the same.
                self.lost = false;
                if min_commit_ts.saturating_since(commit_ts) > MAX_PUSH {
                    let message = format!(
                        "the primary cannot be committed before {min_commit_ts}, far ahead of {commit_ts}"
                    );
                    let error = ClientError::new(ErrorKind::Protocol, message);
                    return self.give_up(Some(error.into()));
                }
                self.phase = Phase::TakingTs;
                Command::TakeCommitTs
            }
            CommitReply::Refused(error) => {
                self.give_up(Some(self.rolled_back(RolledBackWhy::ByOthers, Some(error))))
            }
            CommitReply::NotApplied(error) => self.give_up(Some(error.into())),
            CommitReply::Lost { again: true, .. } => {
                self.lost = true;
                self.commit_primary(commit_ts)
            }
            CommitReply::Lost { error, again: false } => {
                self.lost = true;
                self.give_up(Some(self.rolled_back(RolledBackWhy::GivenUp, Some(error))))
            }
        }
    }

    fn on_settled(&mut self, result: Result<TxnStatus, ClientError>) -> Command {
        let error = match result {
            Ok(TxnStatus::Ended(fate)) => return self.finish(fate),
            Ok(status) => ClientError::new(
                ErrorKind::Protocol,
                format!("the primary was asked to decide and answered {status:?}"),
            )
            .with_key(&self.primary),
            Err(error) => error,
        };
        let verdict = match (self.lost, self.commit_sent) {
            (true, Some(commit_ts)) => failed(TxnError::Undetermined {
                start_ts: self.start_ts,
                commit_ts,
                primary: self.primary.clone(),
                source: error,
            }),
            // It never arrived. The locks are left to those who meet them: with the primary out of
            // reach, nothing is to be gained by touching the others.
            _ => self.take_failure(),
        };
        self.end(verdict)
    }

    fn on_rest_finished(&mut self) -> Command {
        let verdict = match self.phase {
            Phase::Finishing(Fate::Committed(commit_ts)) => Verdict::Committed(commit_ts),
            _ => self.take_failure(),
        };
        self.end(verdict)
    }

    fn on_abandoned(&mut self) -> Command {
        match self.phase {
            // What finishes the rest goes on by itself.
            Phase::Ended | Phase::Finishing(_) => self.end(Verdict::RolledBack),
            _ => self.give_up(None),
        }
    }

    /// Ends it uncommitted, if that can still be had.
    fn give_up(&mut self, failure: Option<TxnError>) -> Command {
        self.failure = failure;
        if self.commit_sent.is_some() {
            self.phase = Phase::Settling;
            Command::Settle
        } else if self.primary_sent {
            self.phase = Phase::RollingBack;
            Command::RollbackPrimary
        } else {
            let verdict = self.take_failure();
            self.end(verdict)
        }
    }

    /// Why nothing more should be prewritten, as far as signs of life tell.
    pub(crate) fn doom(&self) -> Option<TxnError> {
        if self.gone {
            Some(self.rolled_back(RolledBackWhy::ByOthers, None))
        } else if self.too_old {
            Some(TxnError::TooLong { start_ts: self.start_ts, lifetime: self.max_lifetime })
        } else {
            None
        }
    }

    fn rolled_back(&self, why: RolledBackWhy, source: Option<ClientError>) -> TxnError {
        TxnError::RolledBack { start_ts: self.start_ts, why, source }
    }

    fn fail_doomed(&mut self) -> Command {
        let doom = self.doom();
        self.give_up(doom)
    }

    fn finish(&mut self, fate: Fate) -> Command {
        self.phase = Phase::Finishing(fate);
        Command::FinishRest(fate)
    }

    fn end(&mut self, verdict: Verdict) -> Command {
        self.phase = Phase::Ended;
        Command::Return(verdict)
    }

    fn take_failure(&mut self) -> Verdict {
        self.failure.take().map_or(Verdict::RolledBack, Verdict::Failed)
    }
}

fn failed(error: TxnError) -> Verdict {
    Verdict::Failed(error)
}
