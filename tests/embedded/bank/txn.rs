//! One transaction, as the protocol has it, by a client that may die at each step.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tifusion_client::Client;
use tifusion_proto::kvrpcpb as kv;

use super::locks::Locks;
use super::wire::{Wire, ask};
use crate::raw::{Raw, Target, pause};

/// How a transaction commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Two phases.
    TwoPhases,
    /// One phase when all keys are in one region.
    OnePhase,
    /// Asynchronous commit: the prewrites decide.
    Async,
    /// The rows are locked before they are read.
    Pessimistic,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] =
        [Self::TwoPhases, Self::OnePhase, Self::Async, Self::Pessimistic];
}

/// What a client knows of its transaction in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is in the data, for good.
    Committed,
    /// It is not and never will be.
    Aborted,
    /// The client died while a call was under way that decides, or after the answer to one was lost.
    Unknown,
}

/// How long its locks live, in milliseconds.
const TTL: u64 = 3000;

/// Tries to get past locks before a transaction gives up.
const TRIES: u32 = 200;

/// How long a client lives, in requests.
#[derive(Debug)]
pub(crate) struct Life {
    left: AtomicU32,
    /// It dies while it waits for an answer, not before it asks.
    mid_call: bool,
}

impl Life {
    pub(crate) fn long() -> Self {
        Self { left: AtomicU32::new(u32::MAX), mid_call: false }
    }

    pub(crate) fn of(requests: u32, mid_call: bool) -> Self {
        Self { left: AtomicU32::new(requests), mid_call }
    }

    /// Carries out a call if the client lives to see its answer.
    async fn call<T>(&self, call: impl Future<Output = T>) -> Result<T, Death> {
        if self.left.load(Ordering::Relaxed) > 0 {
            self.left.fetch_sub(1, Ordering::Relaxed);
            return Ok(call.await);
        }
        if !self.mid_call {
            return Err(Death::Before);
        }
        // The answer may have come in time: then the client dies with it.
        let _ = tokio::time::timeout(Duration::from_millis(2), call).await;
        Err(Death::MidCall)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    Before,
    MidCall,
}

impl Death {
    /// That of a client whose calls of this kind have not all been answered: one may have been carried out.
    fn after(self, lost: bool) -> Self {
        if lost { Self::MidCall } else { self }
    }
}

/// Why a transaction does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Another transaction was faster.
    Lost,
    Dead(Death),
}

impl From<Death> for Stop {
    fn from(death: Death) -> Self {
        Self::Dead(death)
    }
}

/// What the prewrites came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prewritten {
    Locked,
    /// All keys are locked, and with that committed at this timestamp.
    Decided(u64),
    /// All keys are committed already.
    Committed,
}

/// A transaction.
#[derive(Debug)]
pub(crate) struct Txn<'a> {
    pub(crate) raw: &'a Raw,
    pub(crate) wire: &'a Wire,
    pub(crate) client: &'a Client,
    pub(crate) kind: Kind,
    pub(crate) start: u64,
    pub(crate) life: Life,
}

impl Txn<'_> {
    /// Locks the rows first if it is of that kind; whether it may go on.
    pub(crate) async fn begin(&self, rows: &[Vec<u8>]) -> bool {
        if self.kind != Kind::Pessimistic {
            return true;
        }
        match self.lock_rows(rows).await {
            Ok(()) => true,
            Err(Stop::Lost) => {
                self.roll_back(rows).await;
                false
            }
            Err(Stop::Dead(_)) => false,
        }
    }

    /// The value of a row as of the start; `None` when locks stand in the way for long.
    pub(crate) async fn read(&self, key: &[u8]) -> Option<Vec<u8>> {
        for _ in 0..TRIES {
            let target = self.raw.locate(key).await;
            let request = kv::GetRequest {
                context: Some(target.context.clone()),
                key: key.to_vec(),
                version: self.start,
                ..kv::GetRequest::default()
            };
            let Some(answer) = ask!(self.wire, &target, Get, request).await else {
                self.raw.forget(target.context.region_id);
                pause().await;
                continue;
            };
            match answer.error {
                None => return Some(answer.value.to_vec()),
                Some(error) => self.locks().resolve(&error.locked.unwrap()).await,
            }
        }
        None
    }

    /// Writes these, the first key of which is the primary. The keys in `locked` were locked by
    /// [`Txn::begin`] if it is of that kind.
    pub(crate) async fn commit(&self, mutations: &[kv::Mutation], locked: &[Vec<u8>]) -> Verdict {
        let keys: Vec<_> = mutations.iter().map(|mutation| mutation.key.clone()).collect();
        let prewritten = self.prewrite(&keys, mutations, locked).await;
        let is_async = self.kind == Kind::Async;
        match prewritten {
            Ok(Prewritten::Committed) => Verdict::Committed,
            Ok(Prewritten::Decided(commit_version)) => {
                // Others finish what a dead client leaves.
                match self.commit_keys(&keys, commit_version).await {
                    Ok(None) | Err(_) => Verdict::Committed,
                    Ok(Some(error)) => panic!("an async commit was undone: {error:?}"),
                }
            }
            Ok(Prewritten::Locked) => self.commit_primary(&keys).await,
            Err(Stop::Lost) => {
                self.roll_back(&keys).await;
                Verdict::Aborted
            }
            // What was not asked for cannot have happened, and only these commit by prewrites alone.
            Err(Stop::Dead(Death::MidCall)) if is_async || self.kind == Kind::OnePhase => {
                Verdict::Unknown
            }
            Err(Stop::Dead(_)) => Verdict::Aborted,
        }
    }

    /// Ends it without a write.
    pub(crate) async fn give_up(&self, locked: &[Vec<u8>]) {
        if self.kind == Kind::Pessimistic {
            self.roll_back(locked).await;
        }
    }

    fn locks(&self) -> Locks<'_> {
        Locks { raw: self.raw, client: self.client, caller: self.start }
    }

    async fn lock_rows(&self, rows: &[Vec<u8>]) -> Result<(), Stop> {
        for key in rows {
            let request = kv::PessimisticLockRequest {
                mutations: vec![kv::Mutation {
                    op: kv::Op::PessimisticLock.into(),
                    key: key.clone(),
                    ..kv::Mutation::default()
                }],
                primary_lock: rows[0].clone(),
                start_version: self.start,
                lock_ttl: TTL,
                for_update_ts: self.start,
                is_first_lock: *key == rows[0],
                wait_timeout: 50,
                ..kv::PessimisticLockRequest::default()
            };
            let mut groups = Groups::new(std::slice::from_ref(key));
            while let Some(target) = groups.next(self.raw).await {
                let context = Some(target.context.clone());
                let request = kv::PessimisticLockRequest { context, ..request.clone() };
                let answer = ask!(self.wire, &target, PessimisticLock, request);
                let sent = match self.life.call(answer).await? {
                    Some(answer) => self.sort(&answer.errors).await?,
                    None => Sent::Again,
                };
                groups.settle(self.raw, sent).await?;
            }
        }
        Ok(())
    }

    async fn prewrite(
        &self,
        keys: &[Vec<u8>],
        mutations: &[kv::Mutation],
        locked: &[Vec<u8>],
    ) -> Result<Prewritten, Stop> {
        let (mut least, mut committed, mut lost) = (Some(0), false, false);
        let mut groups = Groups::new(keys);
        while let Some(target) = groups.next(self.raw).await {
            let context = target.context.clone();
            let request = self.prewrite_request(&groups.group, context, mutations, locked);
            let one_phase = request.try_one_pc;
            let answer = ask!(self.wire, &target, Prewrite, request);
            let answer = self.life.call(answer).await.map_err(|death| death.after(lost))?;
            let Some(answer) = answer else {
                lost = true;
                groups.again(self.raw).await;
                continue;
            };
            let sent = self.sort(&answer.errors).await?;
            if sent == Sent::Done {
                committed |= one_phase && answer.one_pc_commit_ts > 0;
                // 0: the store fell back to two phases.
                let told = answer.min_commit_ts;
                least = least.filter(|_| told > 0).map(|least: u64| least.max(told));
            }
            groups.settle(self.raw, sent).await?;
        }
        Ok(match least.filter(|_| self.kind == Kind::Async) {
            _ if committed => Prewritten::Committed,
            Some(least) => Prewritten::Decided(least),
            None => Prewritten::Locked,
        })
    }

    fn prewrite_request(
        &self,
        group: &[usize],
        context: kv::Context,
        mutations: &[kv::Mutation],
        locked: &[Vec<u8>],
    ) -> kv::PrewriteRequest {
        use kv::prewrite_request::PessimisticAction as Action;
        let key = |at: usize| mutations[at].key.clone();
        let is_async = self.kind == Kind::Async;
        let mut request = kv::PrewriteRequest {
            context: Some(context),
            mutations: group.iter().map(|at| mutations[*at].clone()).collect(),
            primary_lock: key(0),
            start_version: self.start,
            lock_ttl: TTL,
            txn_size: mutations.len() as u64,
            min_commit_ts: self.start + 1,
            max_commit_ts: self.start + (60_000 << 18),
            use_async_commit: is_async,
            try_one_pc: self.kind == Kind::OnePhase && group.len() == mutations.len(),
            ..kv::PrewriteRequest::default()
        };
        if is_async && group.contains(&0) {
            request.secondaries = (1..mutations.len()).map(key).collect();
        }
        if self.kind == Kind::Pessimistic {
            let action = |at: &usize| match locked.contains(&mutations[*at].key) {
                true => Action::DoPessimisticCheck.into(),
                false => Action::SkipPessimisticCheck.into(),
            };
            request.pessimistic_actions = group.iter().map(action).collect();
            request.for_update_ts = self.start;
        }
        request
    }

    /// What an answer to a request for locks asks for.
    async fn sort(&self, errors: &[kv::KeyError]) -> Result<Sent, Stop> {
        for error in errors {
            let Some(lock) = &error.locked else {
                let lost = error.conflict.is_some()
                    || error.deadlock.is_some()
                    || !error.abort.is_empty()
                    || !error.retryable.is_empty();
                assert!(lost, "{error:?}");
                return Err(Stop::Lost);
            };
            self.locks().resolve(lock).await;
        }
        Ok(if errors.is_empty() { Sent::Done } else { Sent::Waited })
    }

    /// The primary decides; a lost answer is asked for again.
    async fn commit_primary(&self, keys: &[Vec<u8>]) -> Verdict {
        loop {
            let commit_version = self.client.timestamp().await.unwrap().version();
            match self.commit_keys(&keys[..1], commit_version).await {
                Ok(None) => {
                    // Somebody who met a lock may have been faster, at the same timestamp.
                    if let Ok(Some(error)) = self.commit_keys(&keys[1..], commit_version).await {
                        panic!("a secondary of a committed transaction is gone: {error:?}");
                    }
                    return Verdict::Committed;
                }
                // A reader pushed it.
                Ok(Some(error)) if error.commit_ts_expired.is_some() => {}
                // Somebody found the lock too old.
                Ok(Some(error)) => {
                    assert_eq!((&error.conflict, &error.locked), (&None, &None), "{error:?}");
                    self.roll_back(keys).await;
                    return Verdict::Aborted;
                }
                Err(Death::Before) => return Verdict::Aborted,
                Err(Death::MidCall) => return Verdict::Unknown,
            }
        }
    }

    async fn commit_keys(
        &self,
        keys: &[Vec<u8>],
        commit_version: u64,
    ) -> Result<Option<kv::KeyError>, Death> {
        let (mut refusal, mut lost) = (None, false);
        let mut groups = Groups::new(keys);
        while let Some(target) = groups.next(self.raw).await {
            let request = kv::CommitRequest {
                context: Some(target.context.clone()),
                start_version: self.start,
                keys: groups.keys(),
                commit_version,
                ..kv::CommitRequest::default()
            };
            let answer = self.life.call(ask!(self.wire, &target, Commit, request)).await;
            match answer.map_err(|death| death.after(lost))? {
                Some(answer) => {
                    refusal = refusal.take().or(answer.error);
                    groups.done();
                }
                None => {
                    lost = true;
                    groups.again(self.raw).await;
                }
            }
        }
        Ok(refusal)
    }

    async fn roll_back(&self, keys: &[Vec<u8>]) {
        let mut groups = Groups::new(keys);
        while let Some(target) = groups.next(self.raw).await {
            let request = kv::BatchRollbackRequest {
                context: Some(target.context.clone()),
                start_version: self.start,
                keys: groups.keys(),
                ..kv::BatchRollbackRequest::default()
            };
            // Who dies now leaves its locks to others.
            match self.life.call(ask!(self.wire, &target, BatchRollback, request)).await {
                Err(_) => return,
                Ok(Some(answer)) => {
                    assert_eq!(answer.error, None);
                    groups.done();
                }
                Ok(None) => groups.again(self.raw).await,
            }
        }
    }
}

/// Keys that are asked for in groups of one region each, in their order, until all are served.
#[derive(Debug)]
struct Groups<'a> {
    keys: &'a [Vec<u8>],
    left: VecDeque<usize>,
    /// Those of the request under way, and their region.
    group: Vec<usize>,
    region: u64,
    waited: u32,
}

impl<'a> Groups<'a> {
    fn new(keys: &'a [Vec<u8>]) -> Self {
        let left = (0..keys.len()).collect();
        Self { keys, left, group: Vec::new(), region: 0, waited: 0 }
    }

    /// Where the next group is; `None` when all are served.
    async fn next(&mut self, raw: &Raw) -> Option<Target> {
        let first = self.left.front().copied()?;
        let target = raw.locate(&self.keys[first]).await;
        self.region = target.context.region_id;
        self.group = vec![first];
        for at in self.left.iter().skip(1).copied() {
            if raw.locate(&self.keys[at]).await.context.region_id == self.region {
                self.group.push(at);
            }
        }
        Some(target)
    }

    fn keys(&self) -> Vec<Vec<u8>> {
        self.group.iter().map(|at| self.keys[*at].clone()).collect()
    }

    /// The group is served.
    fn done(&mut self) {
        self.left.retain(|at| !self.group.contains(at));
    }

    /// The region is another by now, or the answer was lost.
    async fn again(&mut self, raw: &Raw) {
        raw.forget(self.region);
        pause().await;
    }

    async fn settle(&mut self, raw: &Raw, sent: Sent) -> Result<(), Stop> {
        match sent {
            Sent::Done => self.done(),
            Sent::Again => self.again(raw).await,
            Sent::Waited => {
                self.waited += 1;
                if self.waited > TRIES {
                    return Err(Stop::Lost);
                }
            }
        }
        Ok(())
    }
}

/// What became of a request to one region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Done,
    /// The region is another by now, or the answer was lost.
    Again,
    /// Locks were in the way and are looked after.
    Waited,
}
