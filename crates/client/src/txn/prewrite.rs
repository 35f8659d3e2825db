//! The first phase: locks with the data on all keys.

use std::collections::{HashSet, VecDeque};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt as _};
use tifusion_proto::kvrpcpb;

use super::answers::{self, Prewritten};
use super::core::{Core, millis};
use super::error::{Result, TxnError};
use super::mutation::Mutation;
use super::pieces::{self, Piece};
use crate::backoff::{BackoffKind, Backoffer};
use crate::error::{ClientError, ErrorKind};
use crate::lock::Waiting;
use crate::sender::Sent;
use crate::timestamp::Timestamp;
use crate::transport::{StoreRequest, StoreResponse};

/// How often in a row locks of others may be cleared out of a request's way without a wait, where they stood on the
/// same keys before.
const PATIENT_ROUNDS: usize = 8;

impl Core {
    /// Takes a batch of mutations in, and cuts them into requests, that with the primary first.
    ///
    /// # Errors
    /// A key that comes twice, as far as that is noticed; a region that cannot be located.
    pub(super) async fn admit(&self, mut mutations: Vec<Mutation>) -> Result<Vec<Piece>> {
        if self.primary().is_empty() {
            let Some(primary) = mutations.iter().find(|mutation| mutation.op.locks()) else {
                return Err(TxnError::Misuse("a transaction cannot begin with checks alone"));
            };
            self.engine.lock().choose_primary(&primary.key);
        }
        pieces::sort(&mut mutations).map_err(|key| TxnError::DuplicateKey { key })?;
        self.coverage.lock().admit(&mutations).map_err(|key| TxnError::DuplicateKey { key })?;
        self.cut(mutations).await
    }

    async fn cut(&self, mutations: Vec<Mutation>) -> Result<Vec<Piece>> {
        let mut bo = self.backoffer(self.options.budgets.prewrite);
        let (regions, limit) = (self.client.regions(), self.options.batch_bytes);
        let mut pieces = pieces::cut(regions, &mut bo, mutations, limit).await?;
        pieces::put_first(&mut pieces, &self.primary());
        if !self.coverage.lock().knows_keys() {
            // Nobody knows how many more will come.
            pieces.iter_mut().for_each(|piece| piece.txn_size = u64::MAX);
        }
        Ok(pieces)
    }

    /// Prewrites pieces and those of the batches that come, a bounded number of them at once. Returns when
    /// none of them is under way any more, whether or not one has failed.
    ///
    /// # Errors
    /// The first failure. None when the transaction is doomed, which its engine knows.
    pub(super) async fn prewrite_flow(
        &self,
        pieces: Vec<Piece>,
        batches: impl Stream<Item = Vec<Mutation>> + Send,
    ) -> Result<()> {
        let stop = &AtomicBool::new(false);
        let mut batches = pin!(batches.fuse());
        let (mut waiting, mut running) = (VecDeque::from(pieces), FuturesUnordered::new());
        let mut first = Ok(());
        loop {
            while running.len() < self.options.concurrency
                && let Some(piece) = waiting.pop_front()
            {
                running.push(self.prewrite(piece, stop));
            }
            let is_over = first.is_err() || self.engine.lock().is_doomed();
            let wants_more = waiting.is_empty() && !is_over && !batches.is_done();
            let result = tokio::select! {
                biased;
                Some(result) = running.next() => result,
                batch = batches.next(), if wants_more => match batch {
                    Some(batch) => self.admit(batch).await.map(|pieces| waiting.extend(pieces)),
                    None => Ok(()),
                },
                else => return first,
            };
            if result.is_err() {
                stop.store(true, Ordering::Relaxed);
                waiting.clear();
            }
            first = first.and(result);
        }
    }

    /// Prewrites a piece, wherever its keys are by then; less than that when it is told to stop.
    async fn prewrite(&self, piece: Piece, stop: &AtomicBool) -> Result<()> {
        let mut bo = self.backoffer(self.options.budgets.prewrite);
        let mut left = vec![piece];
        let (mut again, mut rounds) = (false, 0);
        let mut met: HashSet<Vec<u8>> = HashSet::new();
        while let Some(piece) = left.pop() {
            if stop.load(Ordering::Relaxed) || self.engine.lock().is_doomed() {
                return Ok(());
            }
            self.cover(&piece);
            let sent = self.send_prewrite(&mut bo, &piece, again).await?;
            again = true;
            match sent {
                Sent::Answer(answer) => match self.read_answer(answer.response) {
                    Prewritten::Done => self.progress.prewrote(piece.mutations.len(), piece.size()),
                    Prewritten::Locked(locks) => {
                        let waits = bo.attempts();
                        // Some stores tell one lock at a time.
                        let mut is_further = false;
                        for lock in &locks {
                            is_further |= met.insert(lock.key.clone());
                        }
                        self.clear(&mut bo, locks).await?;
                        let is_stuck = bo.attempts() == waits && !is_further;
                        rounds = if is_stuck { rounds + 1 } else { 0 };
                        if rounds > PATIENT_ROUNDS {
                            bo.backoff(BackoffKind::TxnLockFast, locked_again()).await?;
                        }
                        left.push(piece);
                    }
                    Prewritten::Failed(error) => return Err(error),
                },
                Sent::Rebuild { .. } => left.extend(self.cut_again(&mut bo, piece).await?),
                Sent::OutOfTime { backoff, cause } => {
                    bo.backoff(backoff, cause).await?;
                    left.extend(self.cut_again(&mut bo, piece).await?);
                }
            }
        }
        Ok(())
    }

    /// What may be locked has to be known before it is.
    fn cover(&self, piece: &Piece) {
        if let (Some(first), Some(last)) = (piece.mutations.first(), piece.mutations.last()) {
            let region = (piece.region.start_key.as_ref(), piece.region.end_key.as_ref());
            self.coverage.lock().cover(&first.key, &last.key, region);
        }
    }

    async fn send_prewrite(
        &self,
        bo: &mut Backoffer,
        piece: &Piece,
        again: bool,
    ) -> Result<Sent, ClientError> {
        let primary = self.primary();
        let build = |mut context: kvrpcpb::Context| {
            context.is_retry_request |= again;
            StoreRequest::Prewrite(kvrpcpb::PrewriteRequest {
                context: Some(context),
                mutations: piece.mutations.iter().map(Mutation::to_proto).collect(),
                primary_lock: primary.clone(),
                start_version: self.start_ts.version(),
                // Counted from the start.
                lock_ttl: millis(self.age() + self.options.lock_ttl),
                txn_size: piece.txn_size,
                // Not zero: readers may push it, and pass by.
                min_commit_ts: self.start_ts.version() + 1,
                assertion_level: kvrpcpb::AssertionLevel::Strict.into(),
                ..kvrpcpb::PrewriteRequest::default()
            })
        };
        self.client.sender().send(bo, &piece.region, &self.send, &build).await
    }

    fn read_answer(&self, response: StoreResponse) -> Prewritten {
        match response {
            StoreResponse::Prewrite(answer) => answers::prewritten(self.start_ts, answer),
            _ => Prewritten::Failed(ClientError::of_another_command().into()),
        }
    }

    /// The regions have changed. What is in the new ones of the transaction is not known.
    async fn cut_again(&self, bo: &mut Backoffer, piece: Piece) -> Result<Vec<Piece>> {
        let (regions, limit) = (self.client.regions(), self.options.batch_bytes);
        let mut pieces = pieces::cut(regions, bo, piece.mutations, limit).await?;
        pieces.iter_mut().for_each(|piece| piece.txn_size = u64::MAX);
        // The last one is the next; the primary still goes first.
        let primary = self.primary();
        if let Some(at) = pieces.iter().position(|piece| piece.changes(&primary)) {
            let last = pieces.len() - 1;
            pieces.swap(at, last);
        }
        Ok(pieces)
    }

    /// Gets locks out of the way. One of a transaction that began later and lives is a conflict: waiting
    /// for it could only end in one, and two writers that wait for each other would wait for long.
    async fn clear(&self, bo: &mut Backoffer, locks: Vec<kvrpcpb::LockInfo>) -> Result<()> {
        let resolver = self.client.locks();
        let waiting =
            resolver.clear_for_write(bo, locks, self.start_ts, &self.lock_stats, self.label());
        match waiting.await? {
            None => Ok(()),
            Some(Waiting { txn, key, .. }) => Err(TxnError::Conflict {
                key,
                start_ts: self.start_ts,
                conflict_start_ts: txn,
                conflict_commit_ts: Timestamp::ZERO,
            }),
        }
    }
}

fn locked_again() -> ClientError {
    let message = "other transactions' locks come back as fast as they are resolved";
    ClientError::new(ErrorKind::Unavailable, message)
}
