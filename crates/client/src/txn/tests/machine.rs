//! The engine alone, against a model of the store, in every way that things can go.
//!
//! Async commit and one-phase commit are not in the tables: this writer has neither (the module's
//! documentation says why), so no prewrite ever decides about a transaction, and the only request that
//! does is the commit of the primary.

use std::time::Duration;

use super::model::{Choices, Key, Store, Tally};
use crate::txn::TxnError;
use crate::txn::engine::{Beat, Command, CommitReply, Engine, Event, Pulse, Verdict};
use crate::{ClientError, ErrorKind, Timestamp};

const START: u64 = 100;

fn unreachable_store() -> ClientError {
    ClientError::new(ErrorKind::DeadlineExceeded, "the store is out of reach")
}

fn conflict() -> TxnError {
    TxnError::Conflict {
        key: b"k".to_vec(),
        start_ts: Timestamp::new(START),
        conflict_start_ts: Timestamp::new(1),
        conflict_commit_ts: Timestamp::new(2),
    }
}

/// One run of a transaction of two keys.
struct Run<'a> {
    choices: &'a mut Choices,
    engine: Engine,
    store: Store,
    now: u64,
    allowed: Vec<u64>,
    /// How much may still go wrong, so that the ways stay countable.
    losses: usize,
    pushes: usize,
    killings: usize,
    /// Answers to the commit that were lost since the last one that said something about the lock.
    lost: bool,
    /// The caller may go away.
    may_leave: bool,
    left: bool,
}

impl<'a> Run<'a> {
    fn new(choices: &'a mut Choices, may_leave: bool) -> Self {
        let day = Duration::from_secs(86_400);
        let mut engine = Engine::new(Timestamp::new(START), Duration::from_secs(20), day);
        engine.choose_primary(b"p");
        Self {
            choices,
            engine,
            store: Store::new(),
            now: START,
            allowed: Vec::new(),
            losses: if may_leave { 1 } else { 2 },
            pushes: 1,
            killings: 1,
            lost: false,
            may_leave,
            left: false,
        }
    }

    /// Things that others do at any time.
    fn meanwhile(&mut self) {
        if self.killings > 0
            && matches!(self.store.primary, Key::Locked { .. })
            && self.choices.flip()
        {
            self.killings -= 1;
            self.store.primary = Key::RolledBack;
            let beat = self.engine.beat(Duration::from_secs(10));
            if matches!(beat, Beat::Send(_)) && self.choices.flip() {
                // A sign of life finds out.
                self.engine.pulse(Pulse::Gone);
            }
        }
        if self.pushes > 0
            && let Key::Locked { .. } = self.store.primary
            && self.choices.flip()
        {
            self.pushes -= 1;
            // A reader of a moment later than now.
            self.store.primary = Key::Locked { min_commit_ts: self.now + 11 };
        }
        if let Some(commit_ts) = self.store.on_their_way.last().copied()
            && self.choices.flip()
        {
            self.store.on_their_way.pop();
            let _ = self.store.commit(commit_ts);
        }
    }

    /// The engine's word on what happened.
    fn tell(&mut self, event: Event) -> Command {
        if self.may_leave && !self.left && self.choices.flip() {
            self.left = true;
            // What happened is not heard any more.
            drop(event);
            return self.engine.handle(Event::Abandoned);
        }
        self.engine.handle(event)
    }

    /// Runs to the verdict on `first`.
    fn until_told(&mut self, first: Event) -> Verdict {
        let mut command = self.tell(first);
        for _ in 0..60 {
            self.meanwhile();
            let event = match command {
                Command::Return(verdict) => return verdict,
                Command::Cut => Event::Cut(Ok(())),
                Command::PrewritePrimary => self.prewrite(true),
                Command::PrewriteRest => self.prewrite(false),
                Command::TakeCommitTs => self.take_commit_ts(),
                Command::AskGuard(commit_ts) => self.ask_guard(commit_ts),
                Command::CommitPrimary(commit_ts) => {
                    Event::PrimaryCommit(self.commit_primary(commit_ts.version()))
                }
                Command::Settle => self.settle(),
                Command::RollbackPrimary => self.rollback_primary(),
                Command::FinishRest(fate) => {
                    let applied = !self.choices.flip();
                    self.store.finish(fate, applied);
                    Event::RestFinished
                }
            };
            command = self.tell(event);
        }
        panic!("no end: {:?}", self.choices.script());
    }

    /// Sent again until an answer comes or the budget ends, so only the end is seen.
    fn prewrite(&mut self, primary: bool) -> Event {
        let key = if primary { &mut self.store.primary } else { &mut self.store.secondary };
        Event::Prewritten(match self.choices.choose(4) {
            0 => match Store::prewrite(key, START) {
                true => Ok(()),
                false => Err(conflict()),
            },
            1 => Err(conflict()),
            // Out of reach, and written or not.
            2 => {
                let _ = Store::prewrite(key, START);
                Err(unreachable_store().into())
            }
            _ => Err(unreachable_store().into()),
        })
    }

    fn take_commit_ts(&mut self) -> Event {
        self.now += 10;
        Event::CommitTs(match self.choices.choose(3) {
            0 => Ok((Timestamp::new(self.now), Timestamp::new(START))),
            1 => Ok((Timestamp::new(self.now), Timestamp::new(START + 1))),
            _ => Err(unreachable_store()),
        })
    }

    fn ask_guard(&mut self, commit_ts: Timestamp) -> Event {
        Event::Guard(if self.choices.flip() {
            Err("another definition".into())
        } else {
            self.allowed.push(commit_ts.version());
            Ok(())
        })
    }

    fn commit_primary(&mut self, commit_ts: u64) -> CommitReply {
        assert_eq!(self.allowed.last(), Some(&commit_ts), "committed without asking");
        assert!(
            matches!(self.store.secondary, Key::Locked { .. }),
            "committed before all is prewritten"
        );
        let losable = if self.losses > 0 { 5 } else { 2 };
        match self.choices.choose(losable) {
            0 => {
                let reply = self.store.commit(commit_ts);
                match reply {
                    // Only an answer about the lock itself says what became of lost ones.
                    CommitReply::Done | CommitReply::Expired { .. } => self.lost = false,
                    _ => {}
                }
                return reply;
            }
            1 => return CommitReply::NotApplied(unreachable_store()),
            2 => drop(self.store.commit(commit_ts)),
            3 => {}
            // Delayed.
            _ => self.store.on_their_way.push(commit_ts),
        }
        self.losses -= 1;
        self.lost = true;
        CommitReply::Lost { error: unreachable_store(), again: self.choices.flip() }
    }

    fn settle(&mut self) -> Event {
        Event::Settled(match self.choices.choose(3) {
            0 => Ok(self.store.settle()),
            1 => {
                let _ = self.store.settle();
                Err(unreachable_store())
            }
            _ => Err(unreachable_store()),
        })
    }

    fn rollback_primary(&mut self) -> Event {
        assert!(self.allowed.is_empty() || self.store.on_their_way.is_empty());
        Event::PrimaryRolledBack(match self.choices.choose(3) {
            0 => self.store.rollback_primary(),
            1 => {
                let _ = self.store.rollback_primary();
                Err(unreachable_store())
            }
            _ => Err(unreachable_store()),
        })
    }

    /// What was said must be so, and stay so.
    fn judge(&self, verdict: &Verdict, tally: &mut Tally) {
        for end in self.store.possible_ends() {
            match verdict {
                Verdict::Open => panic!("no end"),
                Verdict::Committed(commit_ts) => {
                    assert_eq!(end, Key::Committed(commit_ts.version()), "{:?}", self.store);
                    assert!(self.allowed.contains(&commit_ts.version()));
                }
                Verdict::Failed(TxnError::Undetermined { commit_ts, .. }) => {
                    assert!(self.lost || self.left, "undetermined without a lost answer");
                    assert!(self.allowed.contains(&commit_ts.version()));
                }
                // The caller is not there to hear it.
                Verdict::RolledBack if self.left => {}
                Verdict::RolledBack | Verdict::Failed(_) => {
                    assert!(!matches!(end, Key::Committed(_)), "{verdict:?}, but {:?}", self.store);
                }
            }
        }
        tally.count(match verdict {
            Verdict::Open => "open",
            Verdict::Committed(_) => "committed",
            Verdict::RolledBack => "rolled back",
            Verdict::Failed(TxnError::Undetermined { .. }) => "undetermined",
            Verdict::Failed(TxnError::RolledBack { .. }) => "rolled back by others",
            Verdict::Failed(TxnError::Refused { .. }) => "refused",
            Verdict::Failed(TxnError::SnapshotTooOld { .. }) => "too old",
            Verdict::Failed(_) => "failed",
        });
        // What is on the secondary is what the primary has, or can be found out from it.
        match (self.store.primary, self.store.secondary) {
            (Key::Committed(a), Key::Committed(b)) => assert_eq!(a, b),
            (Key::Committed(_), other) => assert!(matches!(other, Key::Locked { .. }), "{other:?}"),
            (_, other) => assert!(!matches!(other, Key::Committed(_))),
        }
    }
}

fn explore(may_leave: bool) -> Tally {
    let mut choices = Choices::default();
    let mut tally = Tally::default();
    loop {
        let mut run = Run::new(&mut choices, may_leave);
        let mut verdict = run.until_told(Event::Prewrite);
        if matches!(verdict, Verdict::Open) {
            verdict = run.until_told(Event::Commit);
        }
        run.judge(&verdict, &mut tally);
        if !choices.advance() {
            return tally;
        }
    }
}

#[test]
fn a_verdict_never_contradicts_the_store_whatever_is_lost() {
    let tally = explore(false);
    for end in
        ["committed", "undetermined", "rolled back by others", "refused", "too old", "failed"]
    {
        assert!(tally.of(end) > 0, "{end}: {tally:?}");
    }
    assert!(tally.total() > 10_000, "{tally:?}");
}

#[test]
fn a_caller_who_goes_away_at_any_step_leaves_all_or_nothing() {
    let tally = explore(true);
    assert!(tally.of("rolled back") > 0 && tally.of("committed") > 0, "{tally:?}");
}
