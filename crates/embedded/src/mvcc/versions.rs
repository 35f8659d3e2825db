//! The locks and versions of single keys in one view: what a command looks at before it writes.

use std::ops::ControlFlow;

use super::error::{MvccError, Result};
use super::key::{self, OwnedSpan};
use super::lock::Lock;
use super::write::{Write, WriteKind};
use crate::engine::{Column, EngineError, Order, View};

/// What is recorded about a transaction on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommitRecord {
    /// It has a record of its own: a commit, or a rollback.
    Own {
        /// When it was committed; its start if it was rolled back.
        commit_ts: u64,
        /// The record.
        write: Write,
    },
    /// It was rolled back, which another transaction's commit record at the same timestamp says.
    OverlappedRollback,
    /// Nothing, but another transaction's commit record stands where its rollback would.
    Overlapped(Write),
    /// Nothing.
    None,
}

/// The locks and versions of one view.
pub(crate) struct Versions<'a> {
    view: &'a dyn View,
}

impl<'a> Versions<'a> {
    /// The locks and versions that `view` shows.
    pub(crate) fn new(view: &'a dyn View) -> Self {
        Self { view }
    }

    /// The view behind them.
    pub(crate) fn view(&self) -> &'a dyn View {
        self.view
    }

    /// The lock on `raw`.
    ///
    /// # Errors
    /// [`MvccError::Engine`].
    pub(crate) fn lock(&self, raw: &[u8]) -> Result<Option<Lock>> {
        let key = key::encoded(raw);
        let bytes = self.view.get(Column::Lock, &key)?;
        Ok(bytes.map(|bytes| parse_lock(&key, &bytes)).transpose()?)
    }

    /// The locks in a range of keys that `wanted` takes, at most `limit` of them, 0 for all.
    ///
    /// # Errors
    /// [`MvccError::Engine`].
    pub(crate) fn locks(
        &self,
        span: &OwnedSpan,
        limit: usize,
        mut wanted: impl FnMut(&Lock) -> bool,
    ) -> Result<Vec<(Vec<u8>, Lock)>> {
        let mut found = Vec::new();
        walk(self.view, Column::Lock, span, Order::Ascending, &mut |key, bytes| {
            let lock = parse_lock(key, bytes)?;
            if wanted(&lock) {
                found.push((key::raw(Column::Lock, key)?, lock));
            }
            Ok(if limit > 0 && found.len() >= limit {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        Ok(found)
    }

    /// The newest record of `raw` at or before `ts`, of any kind.
    ///
    /// # Errors
    /// [`MvccError::Engine`].
    pub(crate) fn seek(&self, raw: &[u8], ts: u64) -> Result<Option<(u64, Write)>> {
        self.find(raw, ts, |_, _| true)
    }

    /// The newest record of `raw` at or before `ts` that `wanted` takes.
    fn find(
        &self,
        raw: &[u8],
        ts: u64,
        mut wanted: impl FnMut(u64, &Write) -> bool,
    ) -> Result<Option<(u64, Write)>> {
        let span = OwnedSpan::of_versions(raw, ts);
        let mut found = None;
        walk(self.view, Column::Write, &span, Order::Ascending, &mut |key, bytes| {
            let (_, commit_ts) = key::split_version(Column::Write, key)?;
            let write = parse_write(key, bytes)?;
            if wanted(commit_ts, &write) {
                found = Some((commit_ts, write));
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// The record that wrote the value of `raw` as of `ts`; `None` if the key does not exist then.
    ///
    /// # Errors
    /// [`MvccError::Engine`].
    pub(crate) fn put_at(&self, raw: &[u8], ts: u64) -> Result<Option<(u64, Write)>> {
        let found = self
            .find(raw, ts, |_, write| matches!(write.kind, WriteKind::Put | WriteKind::Delete))?;
        Ok(found.filter(|(_, write)| write.kind == WriteKind::Put))
    }

    /// The value of `raw` as of `ts`, whatever locks there are.
    ///
    /// # Errors
    /// [`MvccError::Engine`], [`MvccError::ValueNotFound`].
    pub(crate) fn value_at(&self, raw: &[u8], ts: u64) -> Result<Option<Vec<u8>>> {
        match self.put_at(raw, ts)? {
            Some((_, write)) => Ok(Some(self.value_of(raw, write)?)),
            None => Ok(None),
        }
    }

    /// The value that a record of `raw` wrote.
    ///
    /// # Errors
    /// [`MvccError::Engine`], [`MvccError::ValueNotFound`].
    pub(crate) fn value_of(&self, raw: &[u8], write: Write) -> Result<Vec<u8>> {
        match write.short_value {
            Some(value) => Ok(value),
            None => self.long_value(raw, write.start_ts),
        }
    }

    /// The value that the transaction `start_ts` wrote to `raw` and that was too long for its record.
    ///
    /// # Errors
    /// [`MvccError::Engine`], [`MvccError::ValueNotFound`].
    pub(crate) fn long_value(&self, raw: &[u8], start_ts: u64) -> Result<Vec<u8>> {
        self.view
            .get(Column::Default, &key::versioned(raw, start_ts))?
            .ok_or_else(|| MvccError::ValueNotFound { key: raw.to_vec(), start_ts })
    }

    /// What is recorded about the transaction `start_ts` on `raw`.
    ///
    /// # Errors
    /// [`MvccError::Engine`].
    pub(crate) fn commit_record(&self, raw: &[u8], start_ts: u64) -> Result<CommitRecord> {
        // A pessimistic transaction may commit after others that began after it: all newer records count.
        let mut at_start = None;
        let own = self.find(raw, u64::MAX, |commit_ts, write| {
            if write.start_ts == start_ts || commit_ts < start_ts {
                return true;
            }
            if commit_ts == start_ts {
                at_start = Some(write.clone());
                return true;
            }
            false
        })?;
        Ok(match (own, at_start) {
            (_, Some(write)) if write.has_overlapped_rollback => CommitRecord::OverlappedRollback,
            (_, Some(write)) => CommitRecord::Overlapped(write),
            (Some((commit_ts, write)), None) if write.start_ts == start_ts => {
                CommitRecord::Own { commit_ts, write }
            }
            _ => CommitRecord::None,
        })
    }
}

/// A visitor that may fail.
pub(crate) type FallibleVisitor<'a> =
    &'a mut dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, EngineError>;

/// Walks over a column with a visitor that may fail.
///
/// # Errors
/// [`EngineError`], from the engine or the visitor.
pub(crate) fn walk(
    view: &dyn View,
    column: Column,
    span: &OwnedSpan,
    order: Order,
    visitor: FallibleVisitor<'_>,
) -> Result<(), EngineError> {
    let mut failed = Ok(());
    view.visit(column, span.as_span(), order, &mut |key, value| match visitor(key, value) {
        Ok(flow) => flow,
        Err(error) => {
            failed = Err(error);
            ControlFlow::Break(())
        }
    })?;
    failed
}

/// Reads an entry of the lock column.
///
/// # Errors
/// [`EngineError::Corrupted`] when it is no lock.
pub(crate) fn parse_lock(key: &[u8], bytes: &[u8]) -> Result<Lock, EngineError> {
    Lock::parse(bytes).map_err(|error| key::corrupted(Column::Lock, key, &error))
}

/// Reads an entry of the write column.
///
/// # Errors
/// [`EngineError::Corrupted`] when it is no record.
pub(crate) fn parse_write(key: &[u8], bytes: &[u8]) -> Result<Write, EngineError> {
    Write::parse(bytes).map_err(|error| key::corrupted(Column::Write, key, &error))
}
