//! The ordered key-value store beneath MVCC, in memory or in a folder.
//!
//! Three columns as in TiKV's engine; a batch of changes over all of them is applied whole or not at all, and a
//! view goes on showing what was there when it was taken.

mod folder;
mod memory;

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::Arc;

pub(crate) use {folder::FolderEngine, memory::MemoryEngine};

/// One of the engine's key spaces, TiKV's column families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Column {
    /// Values too long for their record, by key and start timestamp.
    Default,
    /// Locks, by key.
    Lock,
    /// Commit and rollback records, by key and commit timestamp.
    Write,
}

/// Why the engine could not do its work.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum EngineError {
    /// What is stored under a key is not what belongs there.
    #[error("{column:?} column: bad entry under key {key:02x?}: {reason}")]
    Corrupted {
        /// Where the entry is.
        column: Column,
        /// Its key in the engine.
        key: Vec<u8>,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder could not be read or written.
    #[error("cannot {doing}: {source}")]
    Folder {
        /// What was being done.
        doing: &'static str,
        /// What went wrong.
        source: Arc<redb::Error>,
    },
}

/// One entry written, or deleted if there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Where.
    pub(crate) column: Column,
    /// Under which key.
    pub(crate) key: Vec<u8>,
    /// The new value; `None` deletes.
    pub(crate) value: Option<Vec<u8>>,
}

/// Changes that are applied together, the later ones over the earlier ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    changes: Vec<Change>,
}

impl Batch {
    /// Sets the entry under `key`.
    pub(crate) fn put(&mut self, column: Column, key: Vec<u8>, value: Vec<u8>) {
        self.changes.push(Change { column, key, value: Some(value) });
    }

    /// Removes the entry under `key`, if any.
    pub(crate) fn delete(&mut self, column: Column, key: Vec<u8>) {
        self.changes.push(Change { column, key, value: None });
    }

    /// Whether nothing would change.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many changes there are.
    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    /// Forgets all changes.
    pub(crate) fn clear(&mut self) {
        self.changes.clear();
    }

    /// The changes, in the order in which they were made.
    pub(crate) fn into_changes(self) -> Vec<Change> {
        self.changes
    }
}

/// A range of the engine's keys, without its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span<'a> {
    /// The first key.
    pub(crate) start: &'a [u8],
    /// The first key behind the range; `None` goes to the column's end.
    pub(crate) end: Option<&'a [u8]>,
}

impl Span<'_> {
    /// Whether no key can be inside.
    pub(crate) fn is_empty(&self) -> bool {
        self.end.is_some_and(|end| end <= self.start)
    }
}

/// The direction of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// From the span's start upwards.
    Ascending,
    /// From the span's end downwards.
    Descending,
}

/// What a walk calls for each entry; it decides whether the walk goes on.
pub(crate) type Visitor<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// The engine's contents at one moment.
pub(crate) trait View: Send + Sync {
    /// The value under `key`.
    ///
    /// # Errors
    /// [`EngineError`] when the engine fails.
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;

    /// Walks over the entries of `span`. The visitor must not use the engine.
    ///
    /// # Errors
    /// [`EngineError`] when the engine fails.
    fn visit(
        &self,
        column: Column,
        span: Span<'_>,
        order: Order,
        visitor: Visitor<'_>,
    ) -> Result<(), EngineError>;
}

/// An ordered key-value store with atomic batches and consistent views.
pub(crate) trait Engine: Debug + Send + Sync {
    /// The contents as of now.
    ///
    /// # Errors
    /// [`EngineError`] when the engine fails.
    fn view(&self) -> Result<Box<dyn View>, EngineError>;

    /// Applies all changes of `batch` or none. When it returns, every later view shows them.
    ///
    /// # Errors
    /// [`EngineError`] when the engine fails; then nothing has changed.
    fn write(&self, batch: Batch) -> Result<(), EngineError>;
}

#[cfg(test)]
mod tests;
