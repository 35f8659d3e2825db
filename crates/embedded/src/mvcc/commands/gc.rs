//! Garbage collection: versions that no snapshot at or behind the safe point can see.

use std::ops::ControlFlow;

use super::super::error::Result;
use super::super::key::{self, OwnedSpan};
use super::super::storage::Storage;
use super::super::txn::MvccTxn;
use super::super::versions::{Versions, parse_write, walk};
use super::super::write::{Write, WriteKind};
use crate::engine::{Column, EngineError, Order};

/// How many records are looked at before others get their turn.
const GC_BATCH: usize = 4096;

/// A record as the walk meets it.
type Record = (Vec<u8>, u64, Write);

impl Storage {
    /// Removes what no snapshot at or behind `safe_point` can see: of each key all but the newest version at or
    /// before it, that one too if it is a deletion, and the records of rollbacks and locks before it. Returns how
    /// many records went.
    ///
    /// The locks of transactions that began before the safe point must have been resolved.
    ///
    /// # Errors
    /// [`super::super::MvccError::Engine`].
    pub(crate) fn gc(&self, safe_point: u64) -> Result<usize> {
        let mut removed = 0;
        let mut span = OwnedSpan::of_keys(b"", b"");
        loop {
            let (next, count) = self.command(0, |txn, versions| {
                let (records, next) = batch(versions, &span)?;
                Ok((next, remove_invisible(txn, &records, safe_point)))
            })?;
            removed += count;
            let Some(next) = next else { return Ok(removed) };
            span = span.from(next);
        }
    }
}

/// The records of whole keys, and the engine's key at which to go on.
fn batch(versions: &Versions<'_>, span: &OwnedSpan) -> Result<(Vec<Record>, Option<Vec<u8>>)> {
    let mut records: Vec<Record> = Vec::new();
    let mut current: Vec<u8> = Vec::new();
    let mut next = None;
    walk(versions.view(), Column::Write, span, Order::Ascending, &mut |key, bytes| {
        let (user, commit_ts) = key::split_version(Column::Write, key)?;
        if user != current {
            if records.len() >= GC_BATCH {
                next = Some(user.to_vec());
                return Ok::<_, EngineError>(ControlFlow::Break(()));
            }
            current = user.to_vec();
        }
        records.push((key::raw(Column::Write, user)?, commit_ts, parse_write(key, bytes)?));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((records, next))
}

fn remove_invisible(txn: &mut MvccTxn, records: &[Record], safe_point: u64) -> usize {
    let mut removed = 0;
    for versions in records.chunk_by(|(a, ..), (b, ..)| a == b) {
        let old = versions.iter().filter(|(_, commit_ts, _)| *commit_ts <= safe_point);
        let mut is_covered = false;
        for (raw, commit_ts, write) in old {
            if !is_covered && write.kind == WriteKind::Put {
                is_covered = true;
                continue;
            }
            is_covered |= write.kind == WriteKind::Delete;
            txn.delete_write(raw, *commit_ts);
            if write.kind == WriteKind::Put && write.short_value.is_none() {
                txn.delete_value(raw, write.start_ts);
            }
            removed += 1;
        }
    }
    removed
}
