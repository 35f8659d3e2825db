//! Commit: the second phase.

use tifusion_proto::kvrpcpb::{CommitRequest, CommitResponse};

use super::super::error::{MvccError, Result};
use super::super::storage::Storage;
use super::super::txn::MvccTxn;
use super::super::versions::{CommitRecord, Versions};
use super::super::write::{Write, WriteKind};

impl Storage {
    /// Turns the transaction's locks on the keys into commit records. What is committed already stays so.
    pub(crate) fn commit(&self, request: &CommitRequest) -> CommitResponse {
        let (start_ts, commit_ts) = (request.start_version, request.commit_version);
        let result = self.command(start_ts, |txn, versions| {
            if commit_ts <= start_ts {
                return Err(MvccError::InvalidTxnTso { start_ts, commit_ts });
            }
            for key in &request.keys {
                commit_key(txn, versions, key, commit_ts)?;
            }
            txn.note_committed(start_ts, commit_ts);
            Ok(())
        });
        match result {
            Ok(()) => CommitResponse { commit_version: commit_ts, ..CommitResponse::default() },
            Err(error) => {
                CommitResponse { error: Some(error.into_key_error()), ..CommitResponse::default() }
            }
        }
    }
}

/// Commits `txn`'s lock on `key`. A pessimistic lock that was left behind is only removed.
///
/// # Errors
/// [`MvccError::TxnLockNotFound`], [`MvccError::CommitTsExpired`], [`MvccError::Engine`].
pub(super) fn commit_key(
    txn: &mut MvccTxn,
    versions: &Versions<'_>,
    key: &[u8],
    commit_ts: u64,
) -> Result<()> {
    let start_ts = txn.start_ts;
    let Some(lock) = versions.lock(key)?.filter(|lock| lock.start_ts == start_ts) else {
        return match versions.commit_record(key, start_ts)? {
            CommitRecord::Own { write, .. } if write.kind != WriteKind::Rollback => Ok(()),
            _ => Err(MvccError::TxnLockNotFound { start_ts, commit_ts, key: key.to_vec() }),
        };
    };
    if commit_ts < lock.min_commit_ts {
        return Err(MvccError::CommitTsExpired {
            start_ts,
            commit_ts,
            key: key.to_vec(),
            min_commit_ts: lock.min_commit_ts,
        });
    }
    if let Some(mut write) = Write::of_lock(lock.kind, start_ts, lock.short_value) {
        write.has_overlapped_rollback = lock.rollback_ts.contains(&commit_ts);
        txn.put_write(key, commit_ts, &write);
    }
    txn.unlock(key);
    Ok(())
}
