//! Snapshot reads: the newest version of each key as of a timestamp, unless a lock stands in the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tifusion_proto::kvrpcpb::{Context, IsolationLevel, write_conflict::Reason};

use super::concurrency::Locks;
use super::error::{MvccError, Result};
use super::lock::{Lock, LockKind};
use super::versions::Versions;
use crate::engine::{EngineError, View};

/// How to read.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadOptions {
    /// The snapshot's timestamp; `u64::MAX` reads what is newest.
    pub(crate) ts: u64,
    /// Snapshot isolation stops at locks. Read committed passes them. `RcCheckTs` fails on locks and versions newer
    /// than `ts`.
    pub(crate) isolation: IsolationLevel,
    /// Start timestamps whose locks are passed: rolled back, or committed after `ts`.
    pub(crate) resolved_locks: Vec<u64>,
    /// Start timestamps whose locks are read through: committed at or before `ts`.
    pub(crate) committed_locks: Vec<u64>,
}

impl ReadOptions {
    /// What a request's context says about reading at `ts`.
    pub(crate) fn of_request(context: Option<&Context>, ts: u64) -> Self {
        let Some(context) = context else { return Self { ts, ..Self::default() } };
        Self {
            ts,
            isolation: context.isolation_level(),
            resolved_locks: context.resolved_locks.clone(),
            committed_locks: context.committed_locks.clone(),
        }
    }
}

/// A version that a snapshot shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The value; empty if only keys were asked for.
    pub(crate) value: Vec<u8>,
    /// When it was committed; 0 if it was read through a lock.
    pub(crate) commit_ts: u64,
}

/// One snapshot. Cheap to make; hold it no longer than one request, for the engine keeps what it shows.
pub(crate) struct Reader {
    pub(super) options: ReadOptions,
    pub(super) memory_locks: Arc<Locks>,
    view: Result<Box<dyn View>, EngineError>,
    /// Whether a lock or a version behind `ts` was met.
    met_newer: AtomicBool,
}

impl Reader {
    pub(super) fn new(
        options: ReadOptions,
        memory_locks: Arc<Locks>,
        view: Result<Box<dyn View>, EngineError>,
    ) -> Self {
        Self { options, memory_locks, view, met_newer: AtomicBool::new(false) }
    }

    /// Whether a lock or a version newer than the snapshot was met so far: then a snapshot at a later timestamp may
    /// show something else although nothing is written in between.
    pub(crate) fn met_newer_ts_data(&self) -> bool {
        self.met_newer.load(Ordering::Relaxed)
    }

    pub(super) fn note_newer(&self) {
        self.met_newer.store(true, Ordering::Relaxed);
    }

    pub(super) fn view(&self) -> Result<&dyn View> {
        match &self.view {
            Ok(view) => Ok(&**view),
            Err(error) => Err(error.clone().into()),
        }
    }

    /// The version of `key`. With `need_commit_ts` a lock is never read through, for it has no commit timestamp.
    ///
    /// # Errors
    /// [`MvccError::Locked`], [`MvccError::WriteConflict`] (`RcCheckTs`), [`MvccError::Engine`].
    pub(crate) fn entry(&self, key: &[u8], need_commit_ts: bool) -> Result<Option<Entry>> {
        let versions = Versions::new(self.view()?);
        if self.options.isolation != IsolationLevel::Rc {
            let engine_lock = versions.lock(key)?;
            for lock in self.memory_locks.get(key).into_iter().chain(&engine_lock) {
                self.note_newer();
                match self.check_lock(key, lock) {
                    Standing::Passed => {}
                    Standing::Committed if !need_commit_ts => {
                        return read_through(&versions, key, lock.clone());
                    }
                    Standing::Committed => return Err(MvccError::Locked(lock.info(key).into())),
                    Standing::Stops(error) => return Err(error),
                }
            }
        }
        if let Some((commit_ts, _)) = versions.seek(key, u64::MAX)?
            && commit_ts > self.options.ts
        {
            self.note_newer();
            if self.options.isolation == IsolationLevel::RcCheckTs {
                return Err(self.newer_version(key, 0, commit_ts, &[]));
            }
        }
        let Some((commit_ts, write)) = versions.put_at(key, self.options.ts)? else {
            return Ok(None);
        };
        Ok(Some(Entry { value: versions.value_of(key, write)?, commit_ts }))
    }

    pub(super) fn check_lock(&self, key: &[u8], lock: &Lock) -> Standing {
        let ReadOptions { ts, isolation, resolved_locks, committed_locks } = &self.options;
        let stops = match isolation {
            IsolationLevel::Rc => false,
            IsolationLevel::Si => lock.blocks_read(key, *ts, resolved_locks),
            IsolationLevel::RcCheckTs => {
                matches!(lock.kind, LockKind::Put | LockKind::Delete)
                    && !resolved_locks.contains(&lock.start_ts)
            }
        };
        if !stops {
            return Standing::Passed;
        }
        if committed_locks.contains(&lock.start_ts) {
            return Standing::Committed;
        }
        Standing::Stops(match isolation {
            IsolationLevel::RcCheckTs => self.newer_version(key, lock.start_ts, 0, &lock.primary),
            IsolationLevel::Si | IsolationLevel::Rc => MvccError::Locked(lock.info(key).into()),
        })
    }

    pub(super) fn newer_version(
        &self,
        key: &[u8],
        start_ts: u64,
        commit_ts: u64,
        primary: &[u8],
    ) -> MvccError {
        let reader = (self.options.ts, key, primary);
        MvccError::conflict(reader, (start_ts, commit_ts), Reason::RcCheckTs)
    }
}

/// How a lock stands to a read.
#[derive(Debug)]
pub(super) enum Standing {
    /// It does not matter.
    Passed,
    /// Its transaction is committed within the snapshot: the lock has the value.
    Committed,
    /// The read has to wait or fail.
    Stops(MvccError),
}

/// The value that a committed lock writes.
pub(super) fn read_through(
    versions: &Versions<'_>,
    key: &[u8],
    lock: Lock,
) -> Result<Option<Entry>> {
    if lock.kind != LockKind::Put {
        return Ok(None);
    }
    let value = match lock.short_value {
        Some(value) => value,
        None => versions.long_value(key, lock.start_ts)?,
    };
    Ok(Some(Entry { value, commit_ts: 0 }))
}
