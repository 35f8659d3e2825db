//! A transaction as its caller holds it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _, stream};

use super::core::Core;
use super::engine::{Command, Event, Verdict};
use super::error::{Result, TxnError};
use super::guard::CommitGuard;
use super::heartbeat::Heart;
use super::mutation::Mutation;
use super::participant::{KeySpan, Part};
use super::progress::TxnProgress;
use super::ranges::Range;
use crate::error::{ClientError, ErrorKind};
use crate::lock::LockStats;
use crate::lock::status::Fate;
use crate::metrics;
use crate::timestamp::Timestamp;

/// A committed transaction.
#[derive(Debug)]
#[non_exhaustive]
pub struct Committed {
    /// Its place in the order of events; its `start_ts` when it wrote nothing.
    pub commit_ts: Timestamp,
    /// What came of the keys other than the primary. They are committed whatever this says: whoever
    /// meets a lock that is left finds out from the primary.
    pub secondaries: Secondaries,
}

/// What came of the keys other than the primary.
#[derive(Debug)]
#[non_exhaustive]
pub enum Secondaries {
    /// No lock is left.
    Done,
    /// They are being committed behind the caller.
    Behind,
    /// Some locks are left to those who meet them; why.
    Left(ClientError),
}

/// A transaction that writes: all of it or nothing.
///
/// Dropped before it ends, it is rolled back behind the caller; what is dropped in the middle of
/// [`Transaction::commit`] is rolled back or committed, as a whole, whichever can still be had. Its
/// methods must run in the Tokio runtime in which it was begun.
#[derive(Debug)]
pub struct Transaction {
    core: Arc<Core>,
    heart: Option<Heart>,
    /// What the rest's task brought.
    rest: Option<Secondaries>,
    /// How it ended has been counted.
    is_counted: bool,
    /// Others are prewriting keys of it.
    is_awaited: bool,
}

impl Transaction {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core, heart: None, rest: None, is_counted: false, is_awaited: false }
    }

    /// The snapshot it reads and conflicts by.
    #[must_use]
    pub fn start_ts(&self) -> Timestamp {
        self.core.start_ts
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> &Arc<TxnProgress> {
        &self.core.progress
    }

    /// Locks of others that it has met, and waits for them.
    #[must_use]
    pub fn lock_stats(&self) -> &LockStats {
        &self.core.lock_stats
    }

    /// Writes locks with these mutations' data, and returns when all of them stand. May be called any
    /// number of times, so that input of any size streams through; nothing is kept of a call but what
    /// the second phase needs. A key may come only once in a transaction: twice in one call, or while the
    /// transaction is small, is an error; later it is not noticed, and the first one counts.
    ///
    /// The first mutation of the first call that locks its key is the primary, and its request is
    /// answered before any other is sent.
    ///
    /// # Errors
    /// Any [`TxnError`] but an undetermined one; the transaction is rolled back then, and good for nothing
    /// more. The same when a call was cancelled before.
    pub async fn prewrite(&mut self, mutations: Vec<Mutation>) -> Result<()> {
        self.prewrite_all(stream::iter([mutations])).await
    }

    /// The same for batches that come one by one: requests are on their way while the next batch is awaited,
    /// which is taken when all of the one before are. The batches of a stream that ends early are as good as
    /// any others: it is for the caller to roll back then.
    ///
    /// # Errors
    /// As [`Transaction::prewrite`].
    pub async fn prewrite_all(
        &mut self,
        batches: impl Stream<Item = Vec<Mutation>> + Send,
    ) -> Result<()> {
        let result = self.try_prewrite(batches).await;
        if let Err(error) = &result {
            self.count(failure(error));
        }
        result
    }

    async fn try_prewrite(
        &mut self,
        batches: impl Stream<Item = Vec<Mutation>> + Send,
    ) -> Result<()> {
        let mut batches = pin!(batches.filter(|batch| std::future::ready(!batch.is_empty())));
        let Some(batch) = batches.next().await else { return Ok(()) };
        let (mut batch, mut pieces) = (Some(batch), Vec::new());
        let mut command = self.handle(Event::Prewrite);
        loop {
            let event = match command {
                Command::Cut => {
                    let cut = self.core.admit(batch.take().unwrap_or_default()).await;
                    Event::Cut(cut.map(|cut| pieces = cut))
                }
                Command::PrewritePrimary => {
                    let primary = pieces.drain(..1.min(pieces.len())).collect();
                    let result = self.core.prewrite_flow(primary, stream::empty()).await;
                    if result.is_ok() {
                        self.heart = Some(Heart::start(&self.core));
                    }
                    Event::Prewritten(result)
                }
                Command::PrewriteRest => {
                    let pieces = std::mem::take(&mut pieces);
                    Event::Prewritten(self.core.prewrite_flow(pieces, batches.as_mut()).await)
                }
                Command::Return(verdict) => return uncommitted(verdict),
                other => self.carry_out(other).await,
            };
            command = self.handle(event);
        }
    }

    /// Takes note that others will prewrite keys of this transaction in these spans
    /// ([`Client::take_part`](crate::Client::take_part)). Until [`Transaction::join`] it can't be committed, and a
    /// rollback goes over all of them.
    ///
    /// # Errors
    /// [`TxnError::Misuse`] before the primary is prewritten: others must find it.
    pub fn expect(&mut self, spans: Vec<KeySpan>) -> Result<()> {
        if self.core.primary().is_empty() {
            return Err(TxnError::Misuse("others take part in a transaction that has a primary"));
        }
        self.is_awaited = true;
        self.core.coverage.lock().expect(spans.into_iter().map(Range::from).collect());
        Ok(())
    }

    /// Takes in what all others have prewritten: that is committed with the rest. Nobody of them may prewrite
    /// anything after that but what is among these.
    pub fn join(&mut self, parts: Vec<Part>) {
        self.is_awaited = false;
        for part in &parts {
            let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
            self.core.progress.prewrote(count(part.keys), count(part.bytes));
        }
        let spans = parts.into_iter().flat_map(|part| part.spans);
        self.core.coverage.lock().join(spans.map(Range::from));
    }

    /// Takes a commit timestamp, has `guard` look at it, and commits. `guard` is asked before the commit
    /// of the primary is sent, again for each new timestamp.
    ///
    /// # Errors
    /// Any [`TxnError`]. After all but [`TxnError::Undetermined`] nothing of the transaction is or becomes
    /// visible.
    pub async fn commit(mut self, guard: &dyn CommitGuard) -> Result<Committed> {
        let result = self.try_commit(guard).await;
        self.count(result.as_ref().map_or_else(failure, |_| "committed"));
        result
    }

    async fn try_commit(&mut self, guard: &dyn CommitGuard) -> Result<Committed> {
        if self.is_awaited {
            // Dropped, it is rolled back.
            return Err(TxnError::Misuse("others who take part have not told what they wrote"));
        }
        let budget = self.core.options.budgets.commit;
        let mut bo = self.core.backoffer(budget);
        let mut command = self.handle(Event::Commit);
        loop {
            let event = match command {
                Command::TakeCommitTs => Event::CommitTs(self.core.take_commit_ts().await),
                Command::AskGuard(commit_ts) => Event::Guard(guard.allow(commit_ts).await),
                Command::CommitPrimary(commit_ts) => {
                    Event::PrimaryCommit(self.core.commit_primary(&mut bo, commit_ts).await)
                }
                Command::Return(Verdict::Committed(commit_ts)) => {
                    let secondaries = self.rest.take().unwrap_or(Secondaries::Done);
                    return Ok(Committed { commit_ts, secondaries });
                }
                Command::Return(verdict) => {
                    return uncommitted(verdict).and(Err(TxnError::Misuse("it did not commit")));
                }
                other => self.carry_out(other).await,
            };
            command = self.handle(event);
        }
    }

    /// Rolls it back, and waits for that, within bounds.
    ///
    /// # Errors
    /// None at present: what cannot be reached is left to those who meet it, as it would be after a crash.
    pub async fn rollback(mut self) -> Result<()> {
        self.count("rolled_back");
        let mut command = self.handle(Event::Rollback);
        loop {
            command = match command {
                Command::Return(verdict) => return uncommitted(verdict),
                other => {
                    let event = self.carry_out(other).await;
                    self.handle(event)
                }
            };
        }
    }

    #[cfg(test)]
    pub(super) fn core(&self) -> &Core {
        &self.core
    }

    /// Counts how it ended, the first time.
    fn count(&mut self, outcome: &'static str) {
        if !std::mem::replace(&mut self.is_counted, true) {
            metrics::transaction(outcome);
        }
    }

    fn handle(&self, event: Event) -> Command {
        self.core.engine.lock().handle(event)
    }

    /// The steps that end a transaction, whoever wants it ended.
    async fn carry_out(&mut self, command: Command) -> Event {
        match command {
            Command::FinishRest(fate) => {
                self.rest = Some(self.finish_rest(fate).await);
                Event::RestFinished
            }
            other => end(&self.core, other).await,
        }
    }

    /// Finishes the other keys in a task of its own, which goes on when the caller does not wait.
    async fn finish_rest(&mut self, fate: Fate) -> Secondaries {
        // From here on nobody needs a sign of life.
        self.heart = None;
        let core = Arc::clone(&self.core);
        let clock = Arc::clone(self.core.client.clock());
        let task = async move { core.finish_rest(fate).await };
        let mut task = self.core.client.background().spawn(&self.core.runtime, task);
        let patience = self.patience(fate);
        tokio::select! {
            biased;
            result = &mut task => match result {
                Ok(Ok(())) => Secondaries::Done,
                Ok(Err(error)) => Secondaries::Left(error),
                Err(_) => Secondaries::Behind,
            },
            () = clock.sleep(patience) => Secondaries::Behind,
        }
    }

    /// How long the caller waits for the other keys.
    fn patience(&self, fate: Fate) -> Duration {
        let options = &self.core.options;
        let limit = match fate {
            Fate::Committed(_) if options.commit_secondaries_behind => Duration::ZERO,
            Fate::Committed(_) => options.max_lifetime,
            Fate::RolledBack => options.budgets.rollback_wait,
        };
        self.core.backoffer(limit).bounded_timeout(limit)
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.count("abandoned");
        let command = self.handle(Event::Abandoned);
        if matches!(command, Command::Return(_)) {
            return;
        }
        let core = Arc::clone(&self.core);
        let heart = self.heart.take();
        let work = async move {
            let _heart = heart;
            abandon(&core, command).await;
        };
        drop(self.core.client.background().spawn(&self.core.runtime, work));
    }
}

/// Brings a transaction to an end that nobody waits for.
async fn abandon(core: &Core, mut command: Command) {
    loop {
        let event = match command {
            Command::Return(_) => return,
            Command::FinishRest(fate) => {
                if let Err(error) = core.finish_rest(fate).await {
                    tracing::debug!(%error, "locks of a transaction were left behind");
                }
                Event::RestFinished
            }
            other => end(core, other).await,
        };
        command = core.engine.lock().handle(event);
    }
}

/// The steps about the primary that end a transaction.
async fn end(core: &Core, command: Command) -> Event {
    match command {
        Command::Settle => Event::Settled(core.settle().await),
        Command::RollbackPrimary => Event::PrimaryRolledBack(core.rollback_primary().await),
        // The others belong to calls that are under way.
        _ => Event::Abandoned,
    }
}

/// How a transaction with this error ended, as it is counted.
fn failure(error: &TxnError) -> &'static str {
    match error.kind() {
        ErrorKind::Conflict => "conflicted",
        ErrorKind::Undetermined => "undetermined",
        ErrorKind::InvalidInput
        | ErrorKind::Refused
        | ErrorKind::Security
        | ErrorKind::SnapshotTooOld => "refused",
        _ => "failed",
    }
}

fn uncommitted(verdict: Verdict) -> Result<()> {
    match verdict {
        Verdict::Open | Verdict::RolledBack => Ok(()),
        Verdict::Failed(error) => Err(error),
        Verdict::Committed(_) => Err(TxnError::Misuse("the transaction is committed")),
    }
}
