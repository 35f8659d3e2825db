//! Requests in their usual form; a case changes the fields that it is about.

use tifusion_proto::kvrpcpb as kv;

use super::script::Script;

/// The usual time to live of locks, in milliseconds.
pub(crate) const TTL: u64 = 3000;

impl Script {
    /// Several keys of this case.
    pub(crate) fn keys(&self, keys: &[&str]) -> Vec<Vec<u8>> {
        keys.iter().map(|key| self.key(key)).collect()
    }

    pub(crate) fn mutation(&self, op: kv::Op, key: &str) -> kv::Mutation {
        kv::Mutation { op: op.into(), key: self.key(key), ..kv::Mutation::default() }
    }

    pub(crate) fn put_of(&self, key: &str, value: &str) -> kv::Mutation {
        kv::Mutation { value: value.as_bytes().to_vec(), ..self.mutation(kv::Op::Put, key) }
    }

    pub(crate) fn insert_of(&self, key: &str, value: &str) -> kv::Mutation {
        kv::Mutation { value: value.as_bytes().to_vec(), ..self.mutation(kv::Op::Insert, key) }
    }

    pub(crate) fn get(&self, key: &str, version: u64) -> kv::GetRequest {
        kv::GetRequest { key: self.key(key), version, ..kv::GetRequest::default() }
    }

    pub(crate) fn batch_get(&self, keys: &[&str], version: u64) -> kv::BatchGetRequest {
        kv::BatchGetRequest { keys: self.keys(keys), version, ..kv::BatchGetRequest::default() }
    }

    /// A scan from the first key up to before the second, of at most ten pairs.
    pub(crate) fn scan(&self, start: &str, end: &str, version: u64) -> kv::ScanRequest {
        kv::ScanRequest {
            start_key: self.key(start),
            end_key: self.key(end),
            limit: 10,
            version,
            ..kv::ScanRequest::default()
        }
    }

    /// The first phase of an optimistic transaction, whose primary is the first key.
    pub(crate) fn prewrite(&self, start: u64, mutations: Vec<kv::Mutation>) -> kv::PrewriteRequest {
        let primary_lock = mutations.first().map(|first| first.key.clone()).unwrap_or_default();
        kv::PrewriteRequest {
            txn_size: mutations.len() as u64,
            mutations,
            primary_lock,
            start_version: start,
            lock_ttl: TTL,
            ..kv::PrewriteRequest::default()
        }
    }

    /// A prewrite of values.
    pub(crate) fn prewrite_puts(&self, start: u64, pairs: &[(&str, &str)]) -> kv::PrewriteRequest {
        let mutations = pairs.iter().map(|(key, value)| self.put_of(key, value)).collect();
        self.prewrite(start, mutations)
    }

    /// The primary's part of an async commit of values: the first key's lock names the others.
    pub(crate) fn prewrite_async(&self, start: u64, pairs: &[(&str, &str)]) -> kv::PrewriteRequest {
        let secondaries = pairs[1..].iter().map(|(key, _)| self.key(key)).collect();
        kv::PrewriteRequest {
            use_async_commit: true,
            secondaries,
            min_commit_ts: start + 1,
            ..self.prewrite_puts(start, &pairs[..1])
        }
    }

    /// Locks all keys of an async commit, the primary first. Tells its commit timestamp.
    pub(crate) async fn send_async(&mut self, start: u64, pairs: &[(&str, &str)]) -> u64 {
        let primary = self.send(self.prewrite_async(start, pairs)).await;
        let secondaries = kv::PrewriteRequest {
            primary_lock: self.key(pairs[0].0),
            use_async_commit: true,
            min_commit_ts: start + 1,
            ..self.prewrite_puts(start, &pairs[1..])
        };
        let secondaries = self.send(secondaries).await;
        primary.min_commit_ts.max(secondaries.min_commit_ts)
    }

    pub(crate) fn commit(&self, start: u64, commit: u64, keys: &[&str]) -> kv::CommitRequest {
        kv::CommitRequest {
            start_version: start,
            commit_version: commit,
            keys: self.keys(keys),
            ..kv::CommitRequest::default()
        }
    }

    pub(crate) fn rollback(&self, start: u64, keys: &[&str]) -> kv::BatchRollbackRequest {
        kv::BatchRollbackRequest {
            start_version: start,
            keys: self.keys(keys),
            ..kv::BatchRollbackRequest::default()
        }
    }

    pub(crate) fn cleanup(&self, start: u64, key: &str, now: u64) -> kv::CleanupRequest {
        kv::CleanupRequest {
            key: self.key(key),
            start_version: start,
            current_ts: now,
            ..kv::CleanupRequest::default()
        }
    }

    /// What became of a transaction, asked at `now` by a reader at `now`.
    pub(crate) fn status(&self, start: u64, key: &str, now: u64) -> kv::CheckTxnStatusRequest {
        kv::CheckTxnStatusRequest {
            primary_key: self.key(key),
            lock_ts: start,
            caller_start_ts: now,
            current_ts: now,
            ..kv::CheckTxnStatusRequest::default()
        }
    }

    pub(crate) fn secondaries(&self, start: u64, keys: &[&str]) -> kv::CheckSecondaryLocksRequest {
        kv::CheckSecondaryLocksRequest {
            keys: self.keys(keys),
            start_version: start,
            ..kv::CheckSecondaryLocksRequest::default()
        }
    }

    /// Settles a transaction's locks on these keys.
    pub(crate) fn resolve(&self, start: u64, commit: u64, keys: &[&str]) -> kv::ResolveLockRequest {
        kv::ResolveLockRequest {
            start_version: start,
            commit_version: commit,
            keys: self.keys(keys),
            ..kv::ResolveLockRequest::default()
        }
    }

    pub(crate) fn scan_lock(&self, start: &str, end: &str, max: u64) -> kv::ScanLockRequest {
        kv::ScanLockRequest {
            max_version: max,
            start_key: self.key(start),
            end_key: self.key(end),
            limit: 10,
            ..kv::ScanLockRequest::default()
        }
    }

    pub(crate) fn heartbeat(&self, start: u64, key: &str, ttl: u64) -> kv::TxnHeartBeatRequest {
        kv::TxnHeartBeatRequest {
            primary_lock: self.key(key),
            start_version: start,
            advise_lock_ttl: ttl,
            ..kv::TxnHeartBeatRequest::default()
        }
    }

    /// Pessimistic locks, the first key's being the primary, without waiting for others' locks.
    pub(crate) fn lock(&self, start: u64, at: u64, keys: &[&str]) -> kv::PessimisticLockRequest {
        kv::PessimisticLockRequest {
            mutations: keys.iter().map(|key| self.mutation(kv::Op::PessimisticLock, key)).collect(),
            primary_lock: self.key(keys[0]),
            start_version: start,
            lock_ttl: TTL,
            for_update_ts: at,
            wait_timeout: -1,
            ..kv::PessimisticLockRequest::default()
        }
    }

    /// The first phase of a pessimistic transaction that has locked all its keys.
    pub(crate) fn prewrite_locked(
        &self,
        start: u64,
        at: u64,
        pairs: &[(&str, &str)],
    ) -> kv::PrewriteRequest {
        let locked = kv::prewrite_request::PessimisticAction::DoPessimisticCheck;
        kv::PrewriteRequest {
            for_update_ts: at,
            pessimistic_actions: pairs.iter().map(|_| locked.into()).collect(),
            ..self.prewrite_puts(start, pairs)
        }
    }

    pub(crate) fn unlock(
        &self,
        start: u64,
        at: u64,
        keys: &[&str],
    ) -> kv::PessimisticRollbackRequest {
        kv::PessimisticRollbackRequest {
            start_version: start,
            for_update_ts: at,
            keys: self.keys(keys),
            ..kv::PessimisticRollbackRequest::default()
        }
    }
}
