//! One transfer: a transaction of two keys, as the protocol has it.

use tifusion_proto::kvrpcpb as kv;

use crate::raw::{Raw, pause, prewrite, send};

/// How a transfer commits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Two phases.
    TwoPhases,
    /// One phase when both keys are in one region.
    OnePhase,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::TwoPhases, Self::OnePhase];
}

/// How long its locks live, in milliseconds.
const TTL: u64 = 1000;

pub struct Transfer<'a> {
    pub raw: &'a Raw,
    pub from: Vec<u8>,
    pub to: Vec<u8>,
    pub amount: u64,
    pub start: u64,
    pub kind: Kind,
}

/// What a prewrite came to.
enum Prewritten {
    Locked,
    /// Both keys are committed already.
    Committed,
}

impl Transfer<'_> {
    /// `None`: another transaction was in the way, nothing happened.
    pub async fn run(&self) -> Option<()> {
        let from = self.read(&self.from).await?;
        let to = self.read(&self.to).await?;
        let amount = self.amount.min(from);
        let from = (from - amount).to_be_bytes().to_vec();
        let to = (to + amount).to_be_bytes().to_vec();
        match self.prewrite(&from, &to).await {
            Some(Prewritten::Committed) => Some(()),
            Some(Prewritten::Locked) => self.commit().await,
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
        for pair in both {
            let request =
                kv::PrewriteRequest { lock_ttl: TTL, ..prewrite(&[pair], &self.from, self.start) };
            self.lock(pair.0, &request).await?;
        }
        Some(Prewritten::Locked)
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

    async fn lock(&self, key: &[u8], request: &kv::PrewriteRequest) -> Option<()> {
        for _ in 0..200 {
            let answer = send!(self.raw, key, kv_prewrite, request.clone());
            if answer.errors.is_empty() {
                return Some(());
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
                assert!(error.conflict.is_some(), "{error:?}");
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
            let request = |key: &[u8]| kv::CommitRequest {
                start_version: self.start,
                keys: vec![key.to_vec()],
                commit_version,
                ..kv::CommitRequest::default()
            };
            let answer = send!(self.raw, &self.from, kv_commit, request(&self.from));
            match answer.error {
                None => {
                    let answer = send!(self.raw, &self.to, kv_commit, request(&self.to));
                    // Somebody who met the lock was faster, at the timestamp of an earlier try.
                    assert_eq!(answer.error, None);
                    return Some(());
                }
                // A reader pushed it.
                Some(error) if error.commit_ts_expired.is_some() => {}
                // Somebody found the lock too old.
                Some(error) => {
                    assert!(error.retryable.is_empty() || error.txn_not_found.is_none());
                    return None;
                }
            }
        }
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
        let request = kv::CheckTxnStatusRequest {
            primary_key: lock.primary_lock.clone(),
            lock_ts: lock.lock_version,
            caller_start_ts: self.start,
            current_ts: self.raw.timestamp().await,
            rollback_if_not_exist: true,
            ..kv::CheckTxnStatusRequest::default()
        };
        let status = send!(self.raw, &lock.primary_lock, kv_check_txn_status, request);
        assert_eq!(status.error, None);
        if status.lock_ttl > 0 {
            pause().await;
            return;
        }
        let request = kv::ResolveLockRequest {
            start_version: lock.lock_version,
            commit_version: status.commit_version,
            keys: vec![lock.key.clone()],
            ..kv::ResolveLockRequest::default()
        };
        assert_eq!(send!(self.raw, &lock.key, kv_resolve_lock, request).error, None);
    }
}
