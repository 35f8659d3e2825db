//! One transfer: a transaction of two keys, as the protocol has it.

use tifusion_proto::kvrpcpb as kv;

use crate::raw::{Raw, pause, prewrite, send};

/// How a transfer commits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Two phases.
    TwoPhases,
    /// One phase when both keys are in one region.
    OnePhase,
    /// Asynchronous commit: the prewrites decide.
    Async,
    /// The keys are locked before they are read.
    Pessimistic,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] =
        [Self::TwoPhases, Self::OnePhase, Self::Async, Self::Pessimistic];
}

/// How long its locks live, in milliseconds.
const TTL: u64 = 1000;

pub(crate) struct Transfer<'a> {
    pub(crate) raw: &'a Raw,
    pub(crate) from: Vec<u8>,
    pub(crate) to: Vec<u8>,
    pub(crate) amount: u64,
    pub(crate) start: u64,
    pub(crate) kind: Kind,
}

/// What a prewrite came to.
enum Prewritten {
    Locked,
    /// Both keys are locked, and with that committed at this timestamp.
    Decided(u64),
    /// Both keys are committed already.
    Committed,
}

impl Transfer<'_> {
    /// `None`: another transaction was in the way, nothing happened.
    pub(crate) async fn run(&self) -> Option<()> {
        if self.kind == Kind::Pessimistic && self.lock_first().await.is_none() {
            self.roll_back().await;
            return None;
        }
        let from = self.read(&self.from).await?;
        let to = self.read(&self.to).await?;
        let amount = self.amount.min(from);
        let from = (from - amount).to_be_bytes().to_vec();
        let to = (to + amount).to_be_bytes().to_vec();
        match self.prewrite(&from, &to).await {
            Some(Prewritten::Committed) => Some(()),
            Some(Prewritten::Locked) => self.commit().await,
            Some(Prewritten::Decided(commit_version)) => {
                for key in [&self.from, &self.to] {
                    self.commit_key(key, commit_version).await.unwrap();
                }
                Some(())
            }
            None => {
                self.roll_back().await;
                None
            }
        }
    }

    async fn read(&self, key: &[u8]) -> Option<u64> {
        for _ in 0..200 {
            let answer = self.raw.get(key, self.start).await;
            match answer.error {
                None => {
                    let value: [u8; 8] = answer.value.as_ref().try_into().unwrap();
                    return Some(u64::from_be_bytes(value));
                }
                Some(error) => self.resolve(&error.locked.unwrap()).await,
            }
        }
        None
    }

    async fn prewrite(&self, from: &Vec<u8>, to: &Vec<u8>) -> Option<Prewritten> {
        let both = [(&self.from, from), (&self.to, to)];
        if self.kind == Kind::OnePhase
            && let Some(prewritten) = self.prewrite_together(&both).await
        {
            return prewritten;
        }
        let mut least = Some(0);
        for pair in both {
            let is_primary = *pair.0 == self.from;
            let request = kv::PrewriteRequest {
                lock_ttl: TTL,
                use_async_commit: self.kind == Kind::Async,
                secondaries: if is_primary { vec![self.to.clone()] } else { Vec::new() },
                min_commit_ts: self.start + 1,
                ..self.as_pessimistic(prewrite(&[pair], &self.from, self.start))
            };
            let told = self.lock(pair.0, &request).await?;
            // 0: the store fell back to two phases.
            least = least.filter(|_| told > 0).map(|least: u64| least.max(told));
        }
        let decided = least.filter(|_| self.kind == Kind::Async);
        Some(decided.map_or(Prewritten::Locked, Prewritten::Decided))
    }

    fn as_pessimistic(&self, mut request: kv::PrewriteRequest) -> kv::PrewriteRequest {
        if self.kind == Kind::Pessimistic {
            let check = kv::prewrite_request::PessimisticAction::DoPessimisticCheck;
            request.pessimistic_actions = vec![check.into(); request.mutations.len()];
            request.for_update_ts = self.start;
        }
        request
    }

    /// Locks both keys as of the start, so that what is read then stays.
    async fn lock_first(&self) -> Option<()> {
        for key in [&self.from, &self.to] {
            let request = kv::PessimisticLockRequest {
                mutations: vec![kv::Mutation {
                    op: kv::Op::PessimisticLock.into(),
                    key: key.clone(),
                    ..kv::Mutation::default()
                }],
                primary_lock: self.from.clone(),
                start_version: self.start,
                lock_ttl: TTL,
                for_update_ts: self.start,
                is_first_lock: *key == self.from,
                wait_timeout: 50,
                ..kv::PessimisticLockRequest::default()
            };
            let mut locked = false;
            for _ in 0..200 {
                let answer = send!(self.raw, key, kv_pessimistic_lock, request.clone());
                locked = answer.errors.is_empty();
                if locked || !self.make_way(&answer.errors).await {
                    break;
                }
            }
            if !locked {
                return None;
            }
        }
        Some(())
    }

    /// Both keys in one request; `None` when they are in different regions, and nothing was sent.
    async fn prewrite_together(&self, both: &[(&Vec<u8>, &Vec<u8>)]) -> Option<Option<Prewritten>> {
        let request = kv::PrewriteRequest {
            lock_ttl: TTL,
            try_one_pc: true,
            min_commit_ts: self.start + 1,
            max_commit_ts: self.start + (5000 << 18),
            ..prewrite(both, &self.from, self.start)
        };
        for _ in 0..200 {
            let (left, right) = (self.raw.locate(&self.from), self.raw.locate(&self.to));
            let (left, right) = (left.await, right.await);
            if left.context.region_id != right.context.region_id {
                // An earlier try may have locked or even committed: the two phases find out.
                return None;
            }
            let region = left.context.region_id;
            let context = Some(left.context);
            let mut store = left.store;
            let ask = kv::PrewriteRequest { context, ..request.clone() };
            let answer = store.kv_prewrite(ask).await.map(tonic::Response::into_inner);
            let Some(answer) = answer.ok().filter(|answer| answer.region_error.is_none()) else {
                self.raw.forget(region);
                pause().await;
                continue;
            };
            if answer.errors.is_empty() {
                let committed = answer.one_pc_commit_ts > 0;
                return Some(Some(if committed {
                    Prewritten::Committed
                } else {
                    Prewritten::Locked
                }));
            }
            if !self.make_way(&answer.errors).await {
                return Some(None);
            }
        }
        Some(None)
    }

    /// Prewrites one key; the least timestamp at which it may commit, when it commits asynchronously.
    async fn lock(&self, key: &[u8], request: &kv::PrewriteRequest) -> Option<u64> {
        for _ in 0..200 {
            let answer = send!(self.raw, key, kv_prewrite, request.clone());
            if answer.errors.is_empty() {
                return Some(answer.min_commit_ts);
            }
            if !self.make_way(&answer.errors).await {
                return None;
            }
        }
        None
    }

    /// Whether locks were all that stood in the way; they are looked after.
    async fn make_way(&self, errors: &[kv::KeyError]) -> bool {
        for error in errors {
            let Some(lock) = &error.locked else {
                let pessimistic = self.kind == Kind::Pessimistic;
                let lost = error.deadlock.is_some()
                    || !error.abort.is_empty()
                    || !error.retryable.is_empty();
                assert!(error.conflict.is_some() || pessimistic && lost, "{error:?}");
                return false;
            };
            self.resolve(lock).await;
        }
        true
    }

    /// The first key decides; a lost answer is asked for again.
    async fn commit(&self) -> Option<()> {
        loop {
            let commit_version = self.raw.timestamp().await;
            match self.commit_key(&self.from, commit_version).await {
                Ok(()) => {
                    // Somebody who met the lock may have been faster, at the same timestamp.
                    self.commit_key(&self.to, commit_version).await.unwrap();
                    return Some(());
                }
                // A reader pushed it.
                Err(error) if error.commit_ts_expired.is_some() => {}
                // Somebody found the lock too old.
                Err(error) => {
                    assert_eq!((&error.conflict, &error.locked), (&None, &None), "{error:?}");
                    return None;
                }
            }
        }
    }

    async fn commit_key(&self, key: &[u8], commit_version: u64) -> Result<(), Box<kv::KeyError>> {
        let request = kv::CommitRequest {
            start_version: self.start,
            keys: vec![key.to_vec()],
            commit_version,
            ..kv::CommitRequest::default()
        };
        send!(self.raw, key, kv_commit, request).error.map_or(Ok(()), |error| Err(Box::new(error)))
    }

    async fn roll_back(&self) {
        for key in [&self.from, &self.to] {
            let request = kv::BatchRollbackRequest {
                start_version: self.start,
                keys: vec![key.clone()],
                ..kv::BatchRollbackRequest::default()
            };
            let answer = send!(self.raw, key, kv_batch_rollback, request);
            assert_eq!(answer.error, None);
        }
    }

    /// Finds out about another transaction by its primary key, and clears its lock if it is over.
    async fn resolve(&self, lock: &kv::LockInfo) {
        let status = self.status(lock, false).await;
        let waiting = status.lock_ttl > 0;
        let primary = status.lock_info.filter(|lock| lock.use_async_commit);
        let commit_version = match primary {
            // Alive, or to be pushed.
            _ if waiting && !lock.use_async_commit => return pause().await,
            Some(primary) if !waiting => match self.secondaries(&primary).await {
                Some(commit_version) => commit_version,
                // It fell back to two phases.
                None => {
                    let status = self.status(lock, true).await;
                    if status.lock_ttl > 0 {
                        return pause().await;
                    }
                    status.commit_version
                }
            },
            _ if waiting => return pause().await,
            _ => status.commit_version,
        };
        let start_version = lock.lock_version;
        if kv::Op::try_from(lock.lock_type) == Ok(kv::Op::PessimisticLock) {
            let request = kv::PessimisticRollbackRequest {
                start_version,
                for_update_ts: lock.lock_for_update_ts,
                keys: vec![lock.key.clone()],
                ..kv::PessimisticRollbackRequest::default()
            };
            let answer = send!(self.raw, &lock.key, kv_pessimistic_rollback, request);
            assert_eq!(answer.errors, []);
            return;
        }
        let request = kv::ResolveLockRequest {
            start_version,
            commit_version,
            keys: vec![lock.key.clone()],
            ..kv::ResolveLockRequest::default()
        };
        assert_eq!(send!(self.raw, &lock.key, kv_resolve_lock, request).error, None);
    }

    async fn status(&self, lock: &kv::LockInfo, force: bool) -> kv::CheckTxnStatusResponse {
        let request = kv::CheckTxnStatusRequest {
            primary_key: lock.primary_lock.clone(),
            lock_ts: lock.lock_version,
            caller_start_ts: self.start,
            current_ts: self.raw.timestamp().await,
            rollback_if_not_exist: true,
            force_sync_commit: force,
            ..kv::CheckTxnStatusRequest::default()
        };
        let status = send!(self.raw, &lock.primary_lock, kv_check_txn_status, request);
        assert_eq!(status.error, None);
        status
    }

    /// When an asynchronous commit whose time is over is committed, 0 for rolled back; its primary is put
    /// right. `None`: it is none any more.
    async fn secondaries(&self, primary: &kv::LockInfo) -> Option<u64> {
        let start_version = primary.lock_version;
        let mut commit_version = primary.min_commit_ts;
        for key in &primary.secondaries {
            let request = kv::CheckSecondaryLocksRequest {
                keys: vec![key.clone()],
                start_version,
                ..kv::CheckSecondaryLocksRequest::default()
            };
            let told = send!(self.raw, key, kv_check_secondary_locks, request);
            assert_eq!(told.error, None);
            match told.locks.first() {
                Some(lock) if !lock.use_async_commit => return None,
                Some(lock) => commit_version = commit_version.max(lock.min_commit_ts),
                None => {
                    commit_version = told.commit_ts;
                    break;
                }
            }
        }
        let request = kv::ResolveLockRequest {
            start_version,
            commit_version,
            keys: vec![primary.key.clone()],
            ..kv::ResolveLockRequest::default()
        };
        assert_eq!(send!(self.raw, &primary.key, kv_resolve_lock, request).error, None);
        Some(commit_version)
    }
}
