//! `ResolveLock` and `ScanLock`: locks that their transactions left behind.

use std::collections::BTreeMap;
use std::ops::Range;

use tifusion_proto::kvrpcpb::{
    ResolveLockRequest, ResolveLockResponse, ScanLockRequest, ScanLockResponse,
};

use super::super::error::{MvccError, Result};
use super::super::key::{OwnedSpan, encoded};
use super::super::lock::Lock;
use super::super::storage::Storage;
use super::super::txn::MvccTxn;
use super::super::versions::Versions;
use super::commit::commit_key;
use super::rollback::cleanup_key;

/// How many locks are resolved at a time; others get their turn in between.
const RESOLVE_LOCK_BATCH: usize = 256;

impl Storage {
    /// As [`Storage::resolve_lock_within`], in all regions.
    #[cfg(test)]
    pub(crate) fn resolve_lock(&self, request: &ResolveLockRequest) -> ResolveLockResponse {
        self.resolve_lock_within(request, b"".as_slice()..b"".as_slice())
    }

    /// Commits or rolls back the locks of transactions whose fate is known: on the request's keys, or wherever in
    /// `region` they are, whose empty end is the end of all keys.
    pub(crate) fn resolve_lock_within(
        &self,
        request: &ResolveLockRequest,
        region: Range<&[u8]>,
    ) -> ResolveLockResponse {
        let result = if request.keys.is_empty() {
            let fates: BTreeMap<u64, u64> = if request.start_version > 0 {
                BTreeMap::from([(request.start_version, request.commit_version)])
            } else {
                request.txn_infos.iter().map(|info| (info.txn, info.status)).collect()
            };
            self.resolve_range(&fates, region)
        } else {
            self.resolve_keys(request)
        };
        ResolveLockResponse {
            error: result.err().map(MvccError::into_key_error),
            ..ResolveLockResponse::default()
        }
    }

    fn resolve_keys(&self, request: &ResolveLockRequest) -> Result<()> {
        let (start_ts, commit_ts) = (request.start_version, request.commit_version);
        if start_ts == 0 {
            return Err(MvccError::InvalidRequest { reason: "keys without their transaction" });
        }
        self.command(start_ts, |txn, versions| {
            for key in &request.keys {
                if commit_ts > 0 {
                    commit_key(txn, versions, key, commit_ts)?;
                } else {
                    cleanup_key(txn, versions, key, 0, false)?;
                }
            }
            note_committed(txn, commit_ts);
            Ok(())
        })
    }

    fn resolve_range(&self, fates: &BTreeMap<u64, u64>, region: Range<&[u8]>) -> Result<()> {
        let mut span = OwnedSpan::of_keys(region.start, region.end);
        loop {
            let last = self.command(0, |txn, versions| {
                let locks = versions
                    .locks(&span, RESOLVE_LOCK_BATCH, |lock| fates.contains_key(&lock.start_ts))?;
                for (key, lock) in &locks {
                    let fate = fates.get(&lock.start_ts).copied().unwrap_or_default();
                    resolve(txn, versions, key, lock, fate)?;
                }
                let is_full = locks.len() >= RESOLVE_LOCK_BATCH;
                Ok(locks.into_iter().next_back().filter(|_| is_full))
            })?;
            let Some((key, _)) = last else { return Ok(()) };
            span = span.from(encoded(&key));
        }
    }

    /// The locks of transactions that began at or before `max_version`, in key order.
    pub(crate) fn scan_lock(&self, request: &ScanLockRequest) -> ScanLockResponse {
        let span = OwnedSpan::of_keys(&request.start_key, &request.end_key);
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        self.shared.concurrency.update_max_ts(request.max_version);
        // As a command, so that no lock is on its way into the engine meanwhile.
        let locks = self.command(0, |_, versions| {
            versions.locks(&span, limit, |lock| lock.start_ts <= request.max_version)
        });
        let mut response = ScanLockResponse::default();
        match locks {
            Ok(locks) => {
                response.locks = locks.iter().map(|(key, lock)| lock.info(key)).collect();
            }
            Err(error) => response.error = Some(error.into_key_error()),
        }
        response
    }
}

fn resolve(
    txn: &mut MvccTxn,
    versions: &Versions<'_>,
    key: &[u8],
    lock: &Lock,
    commit_ts: u64,
) -> Result<()> {
    txn.start_ts = lock.start_ts;
    if commit_ts == 0 {
        return cleanup_key(txn, versions, key, 0, false);
    }
    if commit_ts <= lock.start_ts {
        return Err(MvccError::InvalidTxnTso { start_ts: lock.start_ts, commit_ts });
    }
    commit_key(txn, versions, key, commit_ts)?;
    note_committed(txn, commit_ts);
    Ok(())
}

fn note_committed(txn: &mut MvccTxn, commit_ts: u64) {
    if commit_ts > 0 {
        txn.note_committed(txn.start_ts, commit_ts);
    }
}
