//! Locks of transactions that never finish, left behind on request.

use tifusion_codec::key::region_key;
use tifusion_proto::kvrpcpb::{self, IsolationLevel};

use super::{State, Write};
use crate::fault::LeftLock;
use crate::mvcc::{ReadOptions, Rows as _};
use crate::oracle::LOGICAL_BITS;

/// Time to live of a lock whose owner is dead already.
const SHORT_TTL_MS: u64 = 1;
/// Time to live of a lock whose fate only its primary tells.
const LONG_TTL_MS: u64 = 20_000;

impl State {
    /// Leaves a lock on `key`, which keeps its value whatever becomes of the lock. When the key is locked
    /// already or another transaction is faster, none is left.
    pub(crate) fn leave_lock(&self, key: &[u8], lock: LeftLock) {
        let mut end = beside(key);
        end.push(0);
        let _write = Write::begin(self, region_key(key), region_key(&end), 0);
        match lock {
            LeftLock::Pessimistic => self.leave_pessimistic(key),
            LeftLock::Expired => {
                self.leave(key, key, SHORT_TTL_MS, false);
            }
            LeftLock::Alive(time) => {
                let ttl = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                self.leave(key, key, ttl.max(1), false);
            }
            LeftLock::AsyncCommitted => {
                // Who meets it asks for the secondaries, of which there are none, once its time is over.
                self.leave(key, key, SHORT_TTL_MS, true);
            }
            LeftLock::Committed => {
                let primary = beside(key);
                let Some(start) = self.leave(key, &primary, LONG_TTL_MS, false) else { return };
                self.commit_left(start, &primary);
            }
        }
    }

    /// Commits the primary key, however often readers push it.
    fn commit_left(&self, start_version: u64, primary: &[u8]) {
        loop {
            let answer = self.storage.commit(&kvrpcpb::CommitRequest {
                start_version,
                keys: vec![primary.to_vec()],
                commit_version: self.timestamp(),
                ..kvrpcpb::CommitRequest::default()
            });
            if answer.error.is_none_or(|error| error.commit_ts_expired.is_none()) {
                return;
            }
        }
    }

    /// Prewrites the value that `key` has, and an empty lock on `primary` where that is another key.
    fn leave(&self, key: &[u8], primary: &[u8], ttl: u64, async_commit: bool) -> Option<u64> {
        let start_version = self.timestamp();
        let isolation = IsolationLevel::Si;
        let options = ReadOptions { ts: start_version, isolation, ..ReadOptions::default() };
        let value = self.storage.reader(options).get(key).ok()?;
        let op = if value.is_some() { kvrpcpb::Op::Put } else { kvrpcpb::Op::Del };
        let mut mutations = vec![kvrpcpb::Mutation {
            op: op.into(),
            key: key.to_vec(),
            value: value.unwrap_or_default(),
            ..kvrpcpb::Mutation::default()
        }];
        if primary != key {
            mutations.push(kvrpcpb::Mutation {
                op: kvrpcpb::Op::Lock.into(),
                key: primary.to_vec(),
                ..kvrpcpb::Mutation::default()
            });
        }
        let answer = self.storage.prewrite(&kvrpcpb::PrewriteRequest {
            txn_size: u64::try_from(mutations.len()).unwrap_or(1),
            mutations,
            primary_lock: primary.to_vec(),
            start_version,
            lock_ttl: ttl,
            use_async_commit: async_commit,
            min_commit_ts: start_version.saturating_add(1),
            ..kvrpcpb::PrewriteRequest::default()
        });
        self.expire(start_version, ttl);
        answer.errors.is_empty().then_some(start_version)
    }

    fn leave_pessimistic(&self, key: &[u8]) {
        let start_version = self.timestamp();
        self.storage.pessimistic_lock(&kvrpcpb::PessimisticLockRequest {
            mutations: vec![kvrpcpb::Mutation {
                op: kvrpcpb::Op::PessimisticLock.into(),
                key: key.to_vec(),
                ..kvrpcpb::Mutation::default()
            }],
            primary_lock: key.to_vec(),
            start_version,
            lock_ttl: SHORT_TTL_MS,
            for_update_ts: start_version,
            is_first_lock: true,
            wait_timeout: -1,
            ..kvrpcpb::PessimisticLockRequest::default()
        });
        self.expire(start_version, SHORT_TTL_MS);
    }

    /// A short time to live is over at once: the clock is put past it, so that the outcome does not hang on
    /// who is faster.
    fn expire(&self, start_version: u64, ttl: u64) {
        if ttl == SHORT_TTL_MS {
            let after = (start_version >> LOGICAL_BITS).saturating_add(ttl).saturating_add(1);
            self.oracle.pass(after << LOGICAL_BITS);
        }
    }
}

/// A key of its own right after `key`: no row has it.
fn beside(key: &[u8]) -> Vec<u8> {
    let mut beside = key.to_vec();
    beside.extend_from_slice(b"\0primary");
    beside
}
