//! A lock as a store describes it.

use std::time::Duration;

use tifusion_proto::kvrpcpb::{self, Op};

use crate::error::{ClientError, ErrorKind, Result};
use crate::timestamp::Timestamp;

/// A lock of another transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The locked key.
    pub key: Vec<u8>,
    /// The key whose lock decides about the transaction.
    pub primary: Vec<u8>,
    /// The transaction: its start timestamp.
    pub txn: Timestamp,
    /// Milliseconds after `txn` for which the transaction is taken to be alive; 0 asks for the lock
    /// to be resolved whatever its age.
    pub ttl_ms: u64,
    /// Keys of the transaction in the key's region; 0 when unknown.
    pub txn_size: u64,
    /// Whether it was taken by a statement of a pessimistic transaction and holds no data.
    pub is_pessimistic: bool,
    /// Timestamp of that statement.
    pub for_update_ts: Timestamp,
    /// Whether it belongs to a transaction kept in files (next generation storage).
    pub is_txn_file: bool,
}

impl Lock {
    /// The locks in `info`: itself, or those inside when it only wraps shared locks. A wrapper's own
    /// fields say nothing about any transaction and are not looked at.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when it names no transaction, no primary, or wraps wrappers.
    pub fn from_info(info: kvrpcpb::LockInfo) -> Result<Vec<Self>> {
        if is_wrapper(&info) {
            let key = info.key;
            let inner = info.shared_lock_infos.into_iter();
            return inner
                .map(|mut shared| {
                    if is_wrapper(&shared) {
                        return Err(malformed("a shared lock inside of a shared lock", &key));
                    }
                    if shared.key.is_empty() {
                        shared.key.clone_from(&key);
                    }
                    Self::single(shared)
                })
                .collect();
        }
        Ok(vec![Self::single(info)?])
    }

    fn single(info: kvrpcpb::LockInfo) -> Result<Self> {
        if info.lock_version == 0 || info.primary_lock.is_empty() {
            return Err(malformed("a lock without a transaction", &info.key));
        }
        let kind = info.lock_type();
        Ok(Self {
            is_pessimistic: matches!(kind, Op::PessimisticLock | Op::SharedPessimisticLock),
            key: info.key,
            primary: info.primary_lock,
            txn: Timestamp::new(info.lock_version),
            ttl_ms: info.lock_ttl,
            txn_size: info.txn_size,
            for_update_ts: Timestamp::new(info.lock_for_update_ts),
            is_txn_file: info.is_txn_file,
        })
    }

    /// Whether the key is the one that decides.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        self.key == self.primary
    }

    /// Time from `now` until the transaction of this lock may be taken for dead.
    #[must_use]
    pub fn until_expired(&self, ttl_ms: u64, now: Timestamp) -> Duration {
        let expiry = self.txn.physical_ms().saturating_add(ttl_ms);
        Duration::from_millis(expiry.saturating_sub(now.physical_ms()))
    }
}

fn is_wrapper(info: &kvrpcpb::LockInfo) -> bool {
    info.lock_type() == Op::SharedLock || !info.shared_lock_infos.is_empty()
}

fn malformed(what: &str, key: &[u8]) -> ClientError {
    ClientError::new(ErrorKind::Protocol, format!("the store described {what}")).with_key(key)
}
