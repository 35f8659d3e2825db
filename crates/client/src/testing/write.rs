//! The commands of transactions that write, as TiKV carries them out.

#![allow(clippy::result_large_err)]

use bytes::Bytes;
use tifusion_proto::errorpb;
use tifusion_proto::kvrpcpb::{self, KeyError, Op};

use super::mvcc::{DELETED, FakeLock, TxnEnd};
use super::{FakeRegion, State};
use crate::timestamp::Timestamp;
use crate::transport::{StoreRequest, StoreResponse};

/// The answer with nothing in it but a region error.
pub(super) fn with_region_error(answer: StoreResponse, error: errorpb::Error) -> StoreResponse {
    let region_error = Some(error);
    match answer {
        StoreResponse::Prewrite(_) => StoreResponse::Prewrite(kvrpcpb::PrewriteResponse {
            region_error,
            ..Default::default()
        }),
        StoreResponse::Commit(_) => {
            StoreResponse::Commit(kvrpcpb::CommitResponse { region_error, ..Default::default() })
        }
        StoreResponse::BatchRollback(_) => {
            StoreResponse::BatchRollback(kvrpcpb::BatchRollbackResponse {
                region_error,
                ..Default::default()
            })
        }
        StoreResponse::TxnHeartBeat(_) => {
            StoreResponse::TxnHeartBeat(kvrpcpb::TxnHeartBeatResponse {
                region_error,
                ..Default::default()
            })
        }
        StoreResponse::CheckTxnStatus(_) => {
            StoreResponse::CheckTxnStatus(kvrpcpb::CheckTxnStatusResponse {
                region_error,
                ..Default::default()
            })
        }
        StoreResponse::ResolveLock(_) => StoreResponse::ResolveLock(kvrpcpb::ResolveLockResponse {
            region_error,
            ..Default::default()
        }),
        StoreResponse::SplitRegion(_) => StoreResponse::SplitRegion(kvrpcpb::SplitRegionResponse {
            region_error,
            ..Default::default()
        }),
        other => panic!("not lost here: {other:?}"),
    }
}

impl State {
    pub(super) fn write(
        &mut self,
        request: &StoreRequest,
        region_error: Option<errorpb::Error>,
    ) -> StoreResponse {
        let clean = region_error.is_none();
        let answer = match request {
            StoreRequest::Prewrite(request) => StoreResponse::Prewrite(kvrpcpb::PrewriteResponse {
                errors: if clean { self.prewrite(request) } else { Vec::new() },
                ..Default::default()
            }),
            StoreRequest::Commit(request) => StoreResponse::Commit(kvrpcpb::CommitResponse {
                error: if clean { self.commit(request).err() } else { None },
                ..Default::default()
            }),
            StoreRequest::BatchRollback(request) => {
                StoreResponse::BatchRollback(kvrpcpb::BatchRollbackResponse {
                    error: if clean { self.batch_rollback(request).err() } else { None },
                    ..Default::default()
                })
            }
            StoreRequest::TxnHeartBeat(request) => {
                let mut response = kvrpcpb::TxnHeartBeatResponse::default();
                if clean {
                    match self.heart_beat(request) {
                        Ok(ttl) => response.lock_ttl = ttl,
                        Err(error) => response.error = Some(error),
                    }
                }
                StoreResponse::TxnHeartBeat(response)
            }
            StoreRequest::SplitRegion(request) => {
                let keys = if clean { &request.split_keys[..] } else { &[] };
                StoreResponse::SplitRegion(self.split_regions(keys))
            }
            other => panic!("not served here: {other:?}"),
        };
        match region_error {
            Some(error) => with_region_error(answer, error),
            None => answer,
        }
    }

    /// The regions that begin or end at the keys.
    fn split_regions(&mut self, keys: &[Vec<u8>]) -> kvrpcpb::SplitRegionResponse {
        for key in keys {
            self.split(key);
        }
        let touches = |region: &&FakeRegion| {
            keys.iter().any(|key| *key == region.start || *key == region.end)
        };
        let regions = self.regions.iter().filter(touches).map(FakeRegion::encoded).collect();
        kvrpcpb::SplitRegionResponse { regions, ..Default::default() }
    }

    /// All or nothing, as one entry of the raft log.
    fn prewrite(&mut self, request: &kvrpcpb::PrewriteRequest) -> Vec<KeyError> {
        let mut locks = Vec::new();
        let mut writes = Vec::new();
        for mutation in &request.mutations {
            match self.prewrite_key(request, mutation) {
                Ok(Some(lock)) => writes.push((mutation.key.clone(), lock)),
                Ok(None) => {}
                Err(error) if error.locked.is_some() => locks.push(error),
                Err(error) => return vec![error],
            }
        }
        if locks.is_empty() {
            for (key, lock) in writes {
                self.touch(&key);
                self.locks.entry(key).or_default().push(lock);
            }
        }
        if self.tells_one_lock {
            locks.truncate(1);
        }
        locks
    }

    /// The lock to write, when there is none yet.
    fn prewrite_key(
        &self,
        request: &kvrpcpb::PrewriteRequest,
        mutation: &kvrpcpb::Mutation,
    ) -> Result<Option<FakeLock>, KeyError> {
        let (key, start_ts) = (&mutation.key, request.start_version);
        if self.lock_of(key, start_ts).is_some() {
            return Ok(None);
        }
        if let Some(other) = self.locks.get(key).and_then(|locks| locks.first()) {
            return Err(KeyError { locked: Some(other.info(key)), ..KeyError::default() });
        }
        let conflict = |conflict_ts, conflict_commit_ts, reason| KeyError {
            conflict: Some(kvrpcpb::WriteConflict {
                start_ts,
                conflict_ts,
                key: key.clone(),
                primary: request.primary_lock.clone(),
                conflict_commit_ts,
                reason,
            }),
            ..KeyError::default()
        };
        use kvrpcpb::write_conflict::Reason;
        if self.ended.get(&(start_ts, key.clone())) == Some(&TxnEnd::RolledBack) {
            return Err(conflict(start_ts, start_ts, Reason::SelfRolledBack.into()));
        }
        let newest = self.newest_commit(key);
        if let Some((commit_ts, other)) = newest.filter(|(commit_ts, _)| *commit_ts > start_ts) {
            return Err(conflict(other, commit_ts, Reason::Optimistic.into()));
        }
        let value = self.data.get(key).and_then(|versions| versions.last());
        let exists = value.is_some_and(|(_, value)| value != DELETED);
        let op = mutation.op();
        if exists && matches!(op, Op::Insert | Op::CheckNotExists) {
            return Err(KeyError {
                already_exist: Some(kvrpcpb::AlreadyExist { key: key.clone() }),
                ..KeyError::default()
            });
        }
        let holds = match mutation.assertion() {
            kvrpcpb::Assertion::None => true,
            kvrpcpb::Assertion::Exist => exists,
            kvrpcpb::Assertion::NotExist => !exists,
        };
        if !holds {
            let (commit_ts, other) = newest.unwrap_or((0, 0));
            return Err(KeyError {
                assertion_failed: Some(kvrpcpb::AssertionFailed {
                    start_ts,
                    key: key.clone(),
                    assertion: mutation.assertion,
                    existing_start_ts: other,
                    existing_commit_ts: commit_ts,
                }),
                ..KeyError::default()
            });
        }
        if op == Op::CheckNotExists {
            return Ok(None);
        }
        Ok(Some(FakeLock {
            primary: request.primary_lock.clone(),
            start_ts: Timestamp::new(start_ts),
            ttl_ms: request.lock_ttl,
            op: if op == Op::Insert { Op::Put } else { op },
            value: Bytes::copy_from_slice(&mutation.value),
            txn_size: request.txn_size,
            for_update_ts: 0,
            use_async_commit: false,
            min_commit_ts: request.min_commit_ts,
            secondaries: Vec::new(),
        }))
    }

    /// Commit timestamp and transaction of the newest version, with what tests have put there.
    fn newest_commit(&self, key: &[u8]) -> Option<(u64, u64)> {
        let commits = self.commits.get(key).into_iter().flatten().copied();
        let puts = self.data.get(key).into_iter().flatten().map(|(ts, _)| (*ts, ts - 1));
        puts.chain(commits).max_by_key(|(commit_ts, _)| *commit_ts)
    }

    fn commit(&mut self, request: &kvrpcpb::CommitRequest) -> Result<(), KeyError> {
        let (start_ts, commit_ts) = (request.start_version, request.commit_version);
        assert!(commit_ts > start_ts);
        for key in &request.keys {
            match self.lock_of(key, start_ts) {
                Some(lock) if lock.min_commit_ts > commit_ts => {
                    return Err(KeyError {
                        commit_ts_expired: Some(kvrpcpb::CommitTsExpired {
                            start_ts,
                            attempted_commit_ts: commit_ts,
                            key: key.clone(),
                            min_commit_ts: lock.min_commit_ts,
                        }),
                        ..KeyError::default()
                    });
                }
                Some(_) => {}
                None => match self.ended.get(&(start_ts, key.clone())) {
                    Some(TxnEnd::Committed(_)) => {}
                    _ => {
                        return Err(KeyError {
                            retryable: "TxnLockNotFound".to_owned(),
                            txn_lock_not_found: Some(kvrpcpb::TxnLockNotFound { key: key.clone() }),
                            ..KeyError::default()
                        });
                    }
                },
            }
        }
        for key in &request.keys {
            if self.lock_of(key, start_ts).is_some() {
                self.finish(key, start_ts, TxnEnd::Committed(commit_ts));
            }
        }
        Ok(())
    }

    fn batch_rollback(&mut self, request: &kvrpcpb::BatchRollbackRequest) -> Result<(), KeyError> {
        for key in &request.keys {
            let ended = self.ended.get(&(request.start_version, key.clone()));
            if let Some(TxnEnd::Committed(commit_ts)) = ended {
                let abort = format!("Committed {{ commit_ts: {commit_ts} }}");
                return Err(KeyError { abort, ..KeyError::default() });
            }
        }
        for key in &request.keys {
            self.finish(key, request.start_version, TxnEnd::RolledBack);
        }
        Ok(())
    }

    fn heart_beat(&mut self, request: &kvrpcpb::TxnHeartBeatRequest) -> Result<u64, KeyError> {
        let (key, start_ts) = (&request.primary_lock, request.start_version);
        let locks = self.locks.get_mut(key).into_iter().flatten();
        match locks.into_iter().find(|lock| lock.start_ts.version() == start_ts) {
            Some(lock) => {
                lock.ttl_ms = lock.ttl_ms.max(request.advise_lock_ttl);
                Ok(lock.ttl_ms)
            }
            None => Err(KeyError {
                txn_not_found: Some(kvrpcpb::TxnNotFound { start_ts, primary_key: key.clone() }),
                ..KeyError::default()
            }),
        }
    }
}
