//! The engine in memory.
//!
//! A sorted map per column under one lock. Each write has a sequence number; an entry keeps the versions that a
//! living view can still see, and a later write sweeps those that none can.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::{Batch, Change, Column, Engine, EngineError, Order, Span, View, Visitor};

/// How many views show each sequence number.
type Views = BTreeMap<u64, usize>;

/// An engine whose contents go away with it.
#[derive(Default)]
pub(crate) struct MemoryEngine {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    tables: RwLock<Tables>,
    /// Taken inside `tables` or alone, never around it.
    views: Mutex<Views>,
}

#[derive(Default)]
struct Tables {
    default: BTreeMap<Vec<u8>, Entry>,
    lock: BTreeMap<Vec<u8>, Entry>,
    write: BTreeMap<Vec<u8>, Entry>,
    /// Number of the newest write.
    sequence: u64,
    /// Entries that hold more than their newest value, by the write that made them so.
    swept_later: VecDeque<(u64, Column, Vec<u8>)>,
}

/// A value since the write that set it; `None` is a deletion.
struct Version {
    sequence: u64,
    value: Option<Box<[u8]>>,
}

/// The versions of one key. `older` goes from the newest to the oldest.
struct Entry {
    newest: Version,
    older: Vec<Version>,
}

impl Entry {
    fn at(&self, sequence: u64) -> Option<&[u8]> {
        std::iter::once(&self.newest)
            .chain(&self.older)
            .find(|version| version.sequence <= sequence)
            .and_then(|version| version.value.as_deref())
    }

    /// Drops the versions that no view shows: those replaced before any view that saw them.
    fn prune(&mut self, views: &Views) {
        let mut replaced_at = self.newest.sequence;
        self.older.retain(|version| {
            let shown = views.range(version.sequence..replaced_at).next().is_some();
            replaced_at = version.sequence;
            shown
        });
    }
}

impl Tables {
    fn column(&self, column: Column) -> &BTreeMap<Vec<u8>, Entry> {
        match column {
            Column::Default => &self.default,
            Column::Lock => &self.lock,
            Column::Write => &self.write,
        }
    }

    fn column_mut(&mut self, column: Column) -> &mut BTreeMap<Vec<u8>, Entry> {
        match column {
            Column::Default => &mut self.default,
            Column::Lock => &mut self.lock,
            Column::Write => &mut self.write,
        }
    }

    fn apply(&mut self, change: Change, views: &Views) {
        let Change { column, key, value } = change;
        let newest = Version { sequence: self.sequence, value: value.map(Vec::into_boxed_slice) };
        let sequence = self.sequence;
        let table = self.column_mut(column);
        let entry = table.get_mut(&key).filter(|_| !views.is_empty());
        let Some(entry) = entry else {
            if newest.value.is_some() {
                table.insert(key, Entry { newest, older: Vec::new() });
            } else {
                table.remove(&key);
            }
            return;
        };
        let replaced = std::mem::replace(&mut entry.newest, newest);
        entry.older.insert(0, replaced);
        entry.prune(views);
        if !entry.older.is_empty() {
            self.swept_later.push_back((sequence, column, key));
        } else if entry.newest.value.is_none() {
            table.remove(&key);
        }
    }

    /// Removes what only views could see that are gone by now.
    fn sweep(&mut self, views: &Views) {
        let oldest = views.keys().next().copied().unwrap_or(u64::MAX);
        while self.swept_later.front().is_some_and(|(sequence, ..)| *sequence <= oldest) {
            let Some((_, column, key)) = self.swept_later.pop_front() else { return };
            let table = self.column_mut(column);
            let Some(entry) = table.get_mut(&key) else { continue };
            entry.prune(views);
            if entry.older.is_empty() && entry.newest.value.is_none() {
                table.remove(&key);
            }
        }
    }
}

impl Engine for MemoryEngine {
    fn view(&self) -> Result<Box<dyn View>, EngineError> {
        let tables = self.shared.tables.read();
        let sequence = tables.sequence;
        *self.shared.views.lock().entry(sequence).or_insert(0) += 1;
        Ok(Box::new(MemoryView { shared: Arc::clone(&self.shared), sequence }))
    }

    fn write(&self, batch: Batch) -> Result<(), EngineError> {
        let mut tables = self.shared.tables.write();
        let views = self.shared.views.lock();
        tables.sweep(&views);
        tables.sequence += 1;
        for change in batch.into_changes() {
            tables.apply(change, &views);
        }
        Ok(())
    }
}

impl fmt::Debug for MemoryEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.shared.tables.read();
        f.debug_struct("MemoryEngine")
            .field("default", &tables.default.len())
            .field("lock", &tables.lock.len())
            .field("write", &tables.write.len())
            .field("swept_later", &tables.swept_later.len())
            .finish_non_exhaustive()
    }
}

/// The contents after one write.
struct MemoryView {
    shared: Arc<Shared>,
    sequence: u64,
}

impl View for MemoryView {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let tables = self.shared.tables.read();
        let entry = tables.column(column).get(key);
        Ok(entry.and_then(|entry| entry.at(self.sequence)).map(<[u8]>::to_vec))
    }

    fn visit(
        &self,
        column: Column,
        span: Span<'_>,
        order: Order,
        visitor: Visitor<'_>,
    ) -> Result<(), EngineError> {
        if span.is_empty() {
            return Ok(());
        }
        let tables = self.shared.tables.read();
        let end = span.end.map_or(Bound::Unbounded, Bound::Excluded);
        let range = tables.column(column).range::<[u8], _>((Bound::Included(span.start), end));
        let mut step = |(key, entry): (&Vec<u8>, &Entry)| match entry.at(self.sequence) {
            Some(value) => visitor(key, value),
            None => ControlFlow::Continue(()),
        };
        // A walk that was stopped is as good as one that came to its end.
        let _ = match order {
            Order::Ascending => range.into_iter().try_for_each(&mut step),
            Order::Descending => range.into_iter().rev().try_for_each(&mut step),
        };
        Ok(())
    }
}

impl Drop for MemoryView {
    fn drop(&mut self) {
        let mut views = self.shared.views.lock();
        if let Some(count) = views.get_mut(&self.sequence) {
            *count -= 1;
            if *count == 0 {
                views.remove(&self.sequence);
            }
        }
    }
}

#[cfg(test)]
impl MemoryEngine {
    /// Versions held over all entries, newest ones and deletions included.
    pub(crate) fn versions(&self) -> usize {
        let tables = self.shared.tables.read();
        [&tables.default, &tables.lock, &tables.write]
            .into_iter()
            .flat_map(BTreeMap::values)
            .map(|entry| 1 + entry.older.len())
            .sum()
    }
}
