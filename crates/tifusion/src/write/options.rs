//! How a write is done, beside what it does.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::pre_split::PreSplit;
use crate::config::WriteMode;

/// Called with how far a write is.
pub(crate) type OnProgress = Arc<dyn Fn(WriteProgress) + Send + Sync>;

/// How far a write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WriteProgress {
    /// Rows of the input that were cast, checked and encoded.
    pub rows_encoded: u64,
    /// Keys (of records and of entries of indexes) that are locked with their new values.
    pub keys_prewritten: u64,
    /// Bytes of these keys and values.
    pub bytes_prewritten: u64,
    /// Whether the transaction is committed.
    pub is_committed: bool,
}

/// How a write is done.
#[derive(Clone, Default)]
pub(crate) struct WriteOptions {
    /// Which way; `None` for the session's (`write.mode`).
    pub(crate) mode: Option<WriteMode>,
    /// Everything is done but the writing.
    pub(crate) dry_run: bool,
    /// Of rows of the input with the same key the last one is written; else they are an error.
    pub(crate) deduplicate: bool,
    /// TiDB's count of the table's rows is brought up to date afterwards.
    pub(crate) update_statistics: bool,
    /// Who is told how far it is.
    pub(crate) progress: Option<OnProgress>,
    /// How regions are split before a large write.
    pub(crate) split: PreSplit,
}

impl WriteOptions {
    /// Tells whoever wants to know how far it is.
    pub(super) fn tell(&self, now: WriteProgress) {
        let Some(progress) = &self.progress else { return };
        // What was committed must not be taken for failed because its listener was.
        if catch_unwind(AssertUnwindSafe(|| progress(now))).is_err() {
            tracing::warn!("a listener to the progress of a write has panicked");
        }
    }
}

impl fmt::Debug for WriteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteOptions")
            .field("mode", &self.mode)
            .field("dry_run", &self.dry_run)
            .field("deduplicate", &self.deduplicate)
            .field("update_statistics", &self.update_statistics)
            .field("progress", &self.progress.is_some())
            .field("split", &self.split)
            .finish()
    }
}

impl PartialEq for WriteOptions {
    fn eq(&self, other: &Self) -> bool {
        let same_progress = match (&self.progress, &other.progress) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        self.mode == other.mode
            && self.dry_run == other.dry_run
            && self.deduplicate == other.deduplicate
            && self.update_statistics == other.update_statistics
            && self.split == other.split
            && same_progress
    }
}

/// Counts what [`WriteProgress`] tells.
#[derive(Debug, Default)]
pub(super) struct Progress {
    rows: AtomicU64,
    keys: AtomicU64,
    bytes: AtomicU64,
}

impl Progress {
    pub(super) fn encoded(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// So many in all.
    pub(super) fn prewritten(&self, keys: u64, bytes: u64) {
        self.keys.store(keys, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn now(&self, is_committed: bool) -> WriteProgress {
        WriteProgress {
            rows_encoded: self.rows.load(Ordering::Relaxed),
            keys_prewritten: self.keys.load(Ordering::Relaxed),
            bytes_prewritten: self.bytes.load(Ordering::Relaxed),
            is_committed,
        }
    }
}
