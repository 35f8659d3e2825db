//! Versions, locks, and the commands that settle transactions, as TiKV does them.

use bytes::Bytes;
use tifusion_proto::kvrpcpb::{self, Action, Op};

use super::{State, locks_of};
use crate::timestamp::Timestamp;

/// The value that stands for a deletion.
pub(super) const DELETED: &[u8] = b"\0deleted";

/// A lock on a key.
#[derive(Debug, Clone)]
pub(crate) struct FakeLock {
    pub(crate) primary: Vec<u8>,
    pub(crate) start_ts: Timestamp,
    pub(crate) ttl_ms: u64,
    pub(crate) op: Op,
    pub(crate) value: Bytes,
    pub(crate) txn_size: u64,
    pub(crate) for_update_ts: u64,
    pub(crate) use_async_commit: bool,
    pub(crate) min_commit_ts: u64,
    pub(crate) secondaries: Vec<Vec<u8>>,
}

impl FakeLock {
    /// A put of `value` by the transaction that began at `start_ts`.
    pub(crate) fn put(primary: &str, start_ts: Timestamp, value: &str) -> Self {
        Self {
            primary: primary.as_bytes().to_vec(),
            start_ts,
            ttl_ms: 3000,
            op: Op::Put,
            value: Bytes::copy_from_slice(value.as_bytes()),
            txn_size: 2,
            for_update_ts: 0,
            use_async_commit: false,
            min_commit_ts: 0,
            secondaries: Vec::new(),
        }
    }

    pub(crate) fn info(&self, key: &[u8]) -> kvrpcpb::LockInfo {
        kvrpcpb::LockInfo {
            primary_lock: self.primary.clone(),
            lock_version: self.start_ts.version(),
            key: key.to_vec(),
            lock_ttl: self.ttl_ms,
            txn_size: self.txn_size,
            lock_type: self.op.into(),
            lock_for_update_ts: self.for_update_ts,
            use_async_commit: self.use_async_commit,
            min_commit_ts: self.min_commit_ts,
            secondaries: self.secondaries.clone(),
            ..kvrpcpb::LockInfo::default()
        }
    }

    pub(super) fn is_pessimistic(&self) -> bool {
        self.op == Op::PessimisticLock
    }

    fn is_expired(&self, now: u64) -> bool {
        now == u64::MAX
            || self.start_ts.physical_ms() + self.ttl_ms < Timestamp::new(now).physical_ms()
    }
}

/// How a transaction ended on a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TxnEnd {
    Committed(u64),
    RolledBack,
}

/// What a read finds.
pub(super) enum Found {
    Value(Bytes),
    Nothing,
    Locked(kvrpcpb::LockInfo),
}

impl State {
    pub(crate) fn put(&mut self, key: &[u8], commit_ts: u64, value: &[u8]) {
        self.touch(key);
        let versions = self.data.entry(key.to_vec()).or_default();
        versions.push((commit_ts, Bytes::copy_from_slice(value)));
        versions.sort_unstable_by_key(|(ts, _)| *ts);
    }

    /// A version that says that the key is gone.
    pub(crate) fn delete(&mut self, key: &[u8], commit_ts: u64) {
        self.touch(key);
        let versions = self.data.entry(key.to_vec()).or_default();
        versions.push((commit_ts, Bytes::from_static(DELETED)));
        versions.sort_unstable_by_key(|(ts, _)| *ts);
    }

    pub(crate) fn lock(&mut self, key: &str, lock: FakeLock) {
        self.touch(key.as_bytes());
        self.locks.entry(key.as_bytes().to_vec()).or_default().push(lock);
    }

    pub(crate) fn lock_of(&self, key: &[u8], start_ts: u64) -> Option<&FakeLock> {
        self.locks.get(key)?.iter().find(|lock| lock.start_ts.version() == start_ts)
    }

    pub(super) fn unlock(&mut self, key: &[u8], start_ts: u64) -> Option<FakeLock> {
        let locks = self.locks.get_mut(key)?;
        let at = locks.iter().position(|lock| lock.start_ts.version() == start_ts)?;
        let lock = locks.remove(at);
        if locks.is_empty() {
            self.locks.remove(key);
        }
        self.touch(key);
        Some(lock)
    }

    /// Ends a transaction on one key.
    pub(crate) fn finish(&mut self, key: &[u8], start_ts: u64, end: TxnEnd) {
        let lock = self.unlock(key, start_ts);
        self.ended.insert((start_ts, key.to_vec()), end);
        let (Some(lock), TxnEnd::Committed(commit_ts)) = (lock, end) else { return };
        self.commits.entry(key.to_vec()).or_default().push((commit_ts, start_ts));
        match lock.op {
            Op::Put => self.put(key, commit_ts, &lock.value.clone()),
            Op::Del => self.delete(key, commit_ts),
            _ => {}
        }
    }

    pub(super) fn read(&self, key: &[u8], ts: u64, context: &kvrpcpb::Context) -> Found {
        let (resolved, committed) = locks_of(context);
        let isolation = context.isolation_level();
        for lock in self.locks.get(key).into_iter().flatten() {
            let start_ts = lock.start_ts.version();
            let harmless = start_ts > ts
                || matches!(lock.op, Op::Lock | Op::PessimisticLock | Op::SharedLock)
                || lock.min_commit_ts > ts
                || resolved.contains(&start_ts)
                || isolation != kvrpcpb::IsolationLevel::Si;
            if harmless {
                continue;
            }
            if committed.contains(&start_ts) {
                return match lock.op {
                    Op::Del => Found::Nothing,
                    _ => Found::Value(lock.value.clone()),
                };
            }
            return Found::Locked(lock.info(key));
        }
        let versions = self.data.get(key).map_or(&[][..], Vec::as_slice);
        match versions.iter().rev().find(|(commit_ts, _)| *commit_ts <= ts) {
            Some((_, value)) if value != DELETED => Found::Value(value.clone()),
            _ => Found::Nothing,
        }
    }

    /// Whether a snapshot read of `key` meets a lock or a version newer than itself.
    pub(super) fn has_newer(&self, key: &[u8], ts: u64, context: &kvrpcpb::Context) -> bool {
        let has_lock = self.locks.contains_key(key)
            && context.isolation_level() == kvrpcpb::IsolationLevel::Si;
        let versions = self.data.get(key).into_iter().flatten();
        has_lock || versions.into_iter().any(|(commit_ts, _)| *commit_ts > ts)
    }

    /// Keys of `start..end` that have data or locks.
    pub(super) fn keys_in(&self, start: &[u8], end: &[u8]) -> Vec<Vec<u8>> {
        let inside =
            |key: &&Vec<u8>| key.as_slice() >= start && (end.is_empty() || key.as_slice() < end);
        let mut keys: Vec<_> =
            self.data.keys().chain(self.locks.keys()).filter(inside).cloned().collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    pub(super) fn check_txn_status(
        &mut self,
        request: &kvrpcpb::CheckTxnStatusRequest,
    ) -> kvrpcpb::CheckTxnStatusResponse {
        let key = &request.primary_key;
        match self.lock_of(key, request.lock_ts).cloned() {
            Some(lock) => self.check_locked(request, lock),
            None => self.check_missing(request),
        }
    }

    fn check_locked(
        &mut self,
        request: &kvrpcpb::CheckTxnStatusRequest,
        mut lock: FakeLock,
    ) -> kvrpcpb::CheckTxnStatusResponse {
        let key = request.primary_key.clone();
        let mut response = kvrpcpb::CheckTxnStatusResponse::default();
        if request.verify_is_primary && lock.primary != key {
            response.error = Some(kvrpcpb::KeyError {
                primary_mismatch: Some(kvrpcpb::PrimaryMismatch {
                    lock_info: Some(lock.info(&key)),
                }),
                ..kvrpcpb::KeyError::default()
            });
            return response;
        }
        let is_async = lock.use_async_commit && !request.force_sync_commit;
        if !is_async && lock.is_expired(request.current_ts) {
            if lock.is_pessimistic() && request.resolving_pessimistic_lock {
                self.unlock(&key, request.lock_ts);
                response.set_action(Action::TtlExpirePessimisticRollback);
            } else {
                self.finish(&key, request.lock_ts, TxnEnd::RolledBack);
                response.set_action(Action::TtlExpireRollback);
            }
            return response;
        }
        if !is_async {
            if lock.min_commit_ts > 0 && request.caller_start_ts >= lock.min_commit_ts {
                lock.min_commit_ts = (request.caller_start_ts + 1).max(request.current_ts);
                for stored in self.locks.get_mut(&key).unwrap() {
                    if stored.start_ts == lock.start_ts {
                        stored.min_commit_ts = lock.min_commit_ts;
                    }
                }
            }
            if lock.min_commit_ts > request.caller_start_ts {
                response.set_action(Action::MinCommitTsPushed);
            }
        }
        response.lock_ttl = lock.ttl_ms;
        response.lock_info = Some(lock.info(&key));
        response
    }

    fn check_missing(
        &mut self,
        request: &kvrpcpb::CheckTxnStatusRequest,
    ) -> kvrpcpb::CheckTxnStatusResponse {
        let mut response = kvrpcpb::CheckTxnStatusResponse::default();
        let key = request.primary_key.clone();
        match self.ended.get(&(request.lock_ts, key.clone())) {
            Some(TxnEnd::Committed(commit_ts)) => response.commit_version = *commit_ts,
            Some(TxnEnd::RolledBack) => {}
            None if !request.rollback_if_not_exist => {
                response.error = Some(kvrpcpb::KeyError {
                    txn_not_found: Some(kvrpcpb::TxnNotFound {
                        start_ts: request.lock_ts,
                        primary_key: key,
                    }),
                    ..kvrpcpb::KeyError::default()
                });
            }
            None if request.resolving_pessimistic_lock => {
                response.set_action(Action::LockNotExistDoNothing);
            }
            None => {
                self.ended.insert((request.lock_ts, key), TxnEnd::RolledBack);
                response.set_action(Action::LockNotExistRollback);
            }
        }
        response
    }

    pub(super) fn check_secondary_locks(
        &mut self,
        request: &kvrpcpb::CheckSecondaryLocksRequest,
    ) -> kvrpcpb::CheckSecondaryLocksResponse {
        let mut response = kvrpcpb::CheckSecondaryLocksResponse::default();
        for key in &request.keys {
            if let Some(lock) = self.lock_of(key, request.start_version) {
                response.locks.push(lock.info(key));
                continue;
            }
            response.locks.clear();
            match self.ended.get(&(request.start_version, key.clone())) {
                Some(TxnEnd::Committed(commit_ts)) => response.commit_ts = *commit_ts,
                Some(TxnEnd::RolledBack) => {}
                None => {
                    let ended = (request.start_version, key.clone());
                    self.ended.insert(ended, TxnEnd::RolledBack);
                }
            }
            return response;
        }
        response
    }

    /// Resolves the given keys, or all of the transaction's in `region` when there are none.
    pub(super) fn resolve_lock(&mut self, request: &kvrpcpb::ResolveLockRequest, region: u64) {
        let end = match request.commit_version {
            0 => TxnEnd::RolledBack,
            commit_ts => TxnEnd::Committed(commit_ts),
        };
        let mut keys = request.keys.clone();
        if keys.is_empty() {
            let region = self.regions.iter().find(|known| known.id == region).unwrap().clone();
            keys = self.locks.keys().filter(|key| region.contains(key)).cloned().collect();
        }
        for key in keys {
            let lock = self.lock_of(&key, request.start_version);
            match lock.map(FakeLock::is_pessimistic) {
                Some(true) => drop(self.unlock(&key, request.start_version)),
                Some(false) => self.finish(&key, request.start_version, end),
                None => {}
            }
        }
    }

    pub(super) fn pessimistic_rollback(&mut self, request: &kvrpcpb::PessimisticRollbackRequest) {
        for key in &request.keys {
            let matches = self.lock_of(key, request.start_version).is_some_and(|lock| {
                lock.is_pessimistic() && lock.for_update_ts <= request.for_update_ts
            });
            if matches {
                self.unlock(key, request.start_version);
            }
        }
    }
}
