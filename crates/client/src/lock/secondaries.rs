//! The fate of an async-commit transaction from what its secondary keys say: pure.
//!
//! Such a transaction is committed as soon as all its locks stand, at the largest of their
//! `min_commit_ts`. A lock that is missing was committed (the answer says when) or never written (the
//! question itself made sure that it never will be: rolled back).

use tifusion_proto::kvrpcpb;

use super::info::Lock;
use super::status::{AsyncCommit, Fate};
use crate::error::{ClientError, ErrorKind, Result};
use crate::timestamp::Timestamp;

/// What the secondaries decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecondariesVerdict {
    /// The transaction's fate.
    Ended {
        /// The fate.
        fate: Fate,
        /// Secondary keys whose locks still stand and are to be resolved.
        locked: Vec<Vec<u8>>,
    },
    /// A lock is not an async-commit one: the transaction fell back to two-phase commit, and its
    /// primary alone decides.
    FellBack,
}

/// Collects the answers of all regions, in any order.
#[derive(Debug, Clone)]
pub struct Secondaries {
    txn: Timestamp,
    min_commit_ts: Timestamp,
    locked: Vec<Vec<u8>>,
    missing: Option<Fate>,
    fell_back: bool,
}

impl Secondaries {
    /// Begins with the primary lock of `txn`.
    #[must_use]
    pub fn new(txn: Timestamp, primary: &AsyncCommit) -> Self {
        Self {
            txn,
            min_commit_ts: primary.min_commit_ts,
            locked: Vec::new(),
            missing: None,
            fell_back: false,
        }
    }

    /// Takes in the answer about `asked` keys.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when answers contradict each other.
    pub fn add(
        &mut self,
        asked: usize,
        response: kvrpcpb::CheckSecondaryLocksResponse,
    ) -> Result<()> {
        if let Some(error) = &response.error {
            return Err(super::key_error(error, "checking secondary locks"));
        }
        if response.locks.len() < asked {
            let fate = match response.commit_ts {
                0 => Fate::RolledBack,
                commit_ts => Fate::Committed(Timestamp::new(commit_ts)),
            };
            return match self.missing.replace(fate) {
                Some(before) if before != fate => Err(self.contradiction(before, fate)),
                _ => Ok(()),
            };
        }
        for info in response.locks {
            self.add_lock(info)?;
        }
        Ok(())
    }

    fn add_lock(&mut self, info: kvrpcpb::LockInfo) -> Result<()> {
        let (use_async_commit, min_commit_ts) = (info.use_async_commit, info.min_commit_ts);
        let is_shared = !info.shared_lock_infos.is_empty();
        let lock = Lock::from_info(info)?.into_iter().find(|lock| lock.txn == self.txn);
        let Some(lock) = lock else {
            return Err(ClientError::new(
                ErrorKind::Protocol,
                format!("a secondary lock of {} belongs to another transaction", self.txn),
            ));
        };
        // Shared locks and async commit exclude each other.
        if is_shared || !use_async_commit {
            self.fell_back = true;
        }
        self.min_commit_ts = self.min_commit_ts.max(Timestamp::new(min_commit_ts));
        self.locked.push(lock.key);
        Ok(())
    }

    /// The verdict, when all answers are in.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when the commit timestamp is below what a lock demands.
    pub fn verdict(self) -> Result<SecondariesVerdict> {
        if self.fell_back {
            return Ok(SecondariesVerdict::FellBack);
        }
        let at_least = Fate::Committed(self.min_commit_ts);
        let fate = match self.missing {
            Some(Fate::Committed(commit_ts)) if commit_ts < self.min_commit_ts => {
                return Err(self.contradiction(Fate::Committed(commit_ts), at_least));
            }
            Some(fate) => fate,
            None if self.min_commit_ts == Timestamp::ZERO => {
                return Err(self.contradiction(at_least, Fate::RolledBack));
            }
            None => at_least,
        };
        Ok(SecondariesVerdict::Ended { fate, locked: self.locked })
    }

    fn contradiction(&self, one: Fate, other: Fate) -> ClientError {
        ClientError::new(
            ErrorKind::Protocol,
            format!("the locks of transaction {} contradict: {one:?} and {other:?}", self.txn),
        )
    }
}
