//! Bulk load: values that were never anybody's transaction.

use super::super::key;
use super::super::lock::{LockKind, SHORT_VALUE_MAX_LEN};
use super::super::storage::Storage;
use super::super::write::Write;
use crate::engine::{Batch, Column, EngineError};

/// How many pairs are written at a time.
const INGEST_BATCH: usize = 16 * 1024;

impl Storage {
    /// Writes pairs of raw keys and values as committed at `commit_ts` by a transaction that began just before it.
    /// Returns how many there were.
    ///
    /// Neither locks nor other versions are looked at: the range must not be in use, and the timestamp before
    /// `commit_ts` must not be a transaction's (take two timestamps and give the second). A failure leaves what was
    /// written so far.
    ///
    /// # Errors
    /// [`EngineError`] when the engine fails.
    pub(crate) fn ingest(
        &self,
        pairs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
        commit_ts: u64,
    ) -> Result<usize, EngineError> {
        let start_ts = commit_ts.saturating_sub(1);
        let mut count = 0;
        let mut batch = Batch::default();
        for (raw, value) in pairs {
            let short = value.len() <= SHORT_VALUE_MAX_LEN;
            if !short {
                batch.put(Column::Default, key::versioned(&raw, start_ts), value.clone());
            }
            if let Some(write) = Write::of_lock(LockKind::Put, start_ts, short.then_some(value)) {
                batch.put(Column::Write, key::versioned(&raw, commit_ts), write.to_bytes());
            }
            count += 1;
            if batch.len() >= INGEST_BATCH {
                self.write(std::mem::take(&mut batch))?;
            }
        }
        self.write(batch)?;
        Ok(count)
    }
}
