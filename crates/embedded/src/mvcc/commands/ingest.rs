//! Bulk load: many pairs as one transaction that is committed at once.

use tifusion_proto::kvrpcpb::write_conflict::Reason;

use super::super::error::{MvccError, Result};
use super::super::lock::{Lock, LockKind, SHORT_VALUE_MAX_LEN};
use super::super::rows::Pair;
use super::super::storage::Storage;
use super::super::txn::MvccTxn;
use super::super::versions::Versions;
use super::super::write::Write;

/// What a bulk load goes by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ingest {
    /// The snapshot that the pairs were made from; also the name of the load's transaction.
    pub(crate) start_ts: u64,
    /// Tells the keys that must not have a value yet.
    pub(crate) is_new: fn(&[u8]) -> bool,
}

impl Storage {
    /// Writes all pairs of raw keys and values, or none, and returns when they were committed. `commit_ts` is asked
    /// for a new timestamp once snapshots that begin from then on meet the load's locks, so that none sees a part
    /// of it.
    ///
    /// # Errors
    /// [`MvccError::Locked`] and [`MvccError::WriteConflict`] for a key that another transaction holds or has written
    /// since `start_ts`, [`MvccError::AlreadyExist`] for one that must be new and is not, [`MvccError::Engine`];
    /// then nothing is written.
    pub(crate) fn ingest(
        &self,
        pairs: Vec<Pair>,
        load: Ingest,
        commit_ts: impl FnOnce() -> u64,
    ) -> Result<u64> {
        let Ingest { start_ts, is_new } = load;
        self.command(start_ts, |txn, versions| {
            // Backwards, so that a row that is there twice is told before its index entries are.
            for (key, _) in pairs.iter().rev() {
                check(versions, key, start_ts, is_new(key))?;
            }
            let least = lock(txn, &pairs)?;
            let commit_ts = commit_ts().max(least);
            for (key, value) in pairs {
                let short = value.len() <= SHORT_VALUE_MAX_LEN;
                let (kept, long) = if short { (Some(value), None) } else { (None, Some(value)) };
                if let Some(value) = long {
                    txn.put_value(&key, start_ts, value);
                }
                if let Some(write) = Write::of_lock(LockKind::Put, start_ts, kept) {
                    txn.put_write(&key, commit_ts, &write);
                }
            }
            txn.note_committed(start_ts, commit_ts);
            Ok(commit_ts)
        })
    }
}

/// Whether the load may write `key`.
fn check(versions: &Versions<'_>, key: &[u8], start_ts: u64, is_new: bool) -> Result<()> {
    if let Some(lock) = versions.lock(key)? {
        return Err(MvccError::Locked(lock.info(key).into()));
    }
    let Some((commit_ts, write)) = versions.seek(key, u64::MAX)? else { return Ok(()) };
    if commit_ts > start_ts {
        let conflicting = (write.start_ts, commit_ts);
        return Err(MvccError::conflict((start_ts, key, &[]), conflicting, Reason::Optimistic));
    }
    if is_new && versions.put_at(key, u64::MAX)?.is_some() {
        return Err(MvccError::AlreadyExist { key: key.to_vec() });
    }
    Ok(())
}

/// Locks all keys in memory, until the pairs are in the engine. Returns the least timestamp to commit at.
fn lock(txn: &mut MvccTxn, pairs: &[Pair]) -> Result<u64> {
    let Some((primary, _)) = pairs.first() else { return Ok(0) };
    let mut least = 0;
    let (start_ts, concurrency) = (txn.start_ts, txn.concurrency.clone());
    for (key, _) in pairs {
        let lock = concurrency.lock_in_memory(key, &mut txn.guards, |max_ts| {
            Ok::<_, MvccError>(Lock {
                kind: LockKind::Put,
                primary: primary.clone(),
                start_ts,
                ttl: LOCK_TTL_MS,
                short_value: None,
                for_update_ts: 0,
                txn_size: u64::try_from(pairs.len()).unwrap_or(u64::MAX),
                min_commit_ts: max_ts.max(start_ts).saturating_add(1),
                use_async_commit: false,
                secondaries: Vec::new(),
                rollback_ts: Vec::new(),
                locked_with_conflict: false,
                use_one_pc: true,
            })
        })?;
        least = lock.min_commit_ts.max(least);
    }
    Ok(least)
}

/// How long who meets the load waits for it before asking; the answer then waits for the load, too.
const LOCK_TTL_MS: u64 = 3000;
