//! The engine in a folder: one redb file with a table per column.
//!
//! A write is on the disk when it returns, whole, so that the process may be killed at any time.

use std::fmt;
use std::fs;
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadOnlyTable, ReadableDatabase, TableDefinition};

use super::{Batch, Change, Column, Engine, EngineError, Order, Span, View, Visitor};

/// Name of the file inside the folder.
const FILE: &str = "data.redb";

const DEFAULT: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("default");
const LOCK: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("lock");
const WRITE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("write");

/// An engine whose contents stay in a folder. One process at a time has it open.
pub(crate) struct FolderEngine {
    database: Arc<Database>,
}

impl FolderEngine {
    /// Opens what is in the folder at `path`, which is made if it is not there.
    ///
    /// # Errors
    /// [`EngineError::Folder`] when the folder cannot be made or read, or another process has it open.
    pub(crate) fn open(path: &Path) -> Result<Self, EngineError> {
        fs::create_dir_all(path).map_err(|error| failed("make the folder", error))?;
        let database =
            Database::create(path.join(FILE)).map_err(|error| failed("open the folder", error))?;
        let engine = Self { database: Arc::new(database) };
        // A view can only be taken of tables that are there.
        engine.write(Batch::default())?;
        Ok(engine)
    }
}

impl Engine for FolderEngine {
    fn view(&self) -> Result<Box<dyn View>, EngineError> {
        let read = self.database.begin_read().map_err(|error| failed("begin a read", error))?;
        let open = |table| read.open_table(table).map_err(|error| failed("open a column", error));
        Ok(Box::new(FolderView {
            default: open(DEFAULT)?,
            lock: open(LOCK)?,
            write: open(WRITE)?,
            _database: Arc::clone(&self.database),
        }))
    }

    fn write(&self, batch: Batch) -> Result<(), EngineError> {
        let write = self.database.begin_write().map_err(|error| failed("begin a write", error))?;
        {
            let open =
                |table| write.open_table(table).map_err(|error| failed("open a column", error));
            let (mut default, mut lock, mut records) = (open(DEFAULT)?, open(LOCK)?, open(WRITE)?);
            for Change { column, key, value } in batch.into_changes() {
                let table = match column {
                    Column::Default => &mut default,
                    Column::Lock => &mut lock,
                    Column::Write => &mut records,
                };
                let changed = match value {
                    Some(value) => table.insert(key.as_slice(), value.as_slice()).map(drop),
                    None => table.remove(key.as_slice()).map(drop),
                };
                changed.map_err(|error| failed("change an entry", error))?;
            }
        }
        write.commit().map_err(|error| failed("commit a write", error))
    }
}

impl fmt::Debug for FolderEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FolderEngine").finish_non_exhaustive()
    }
}

type Table = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The contents after one write.
struct FolderView {
    default: Table,
    lock: Table,
    write: Table,
    /// Without it the tables would be closed, so it goes last.
    _database: Arc<Database>,
}

impl FolderView {
    fn column(&self, column: Column) -> &Table {
        match column {
            Column::Default => &self.default,
            Column::Lock => &self.lock,
            Column::Write => &self.write,
        }
    }
}

impl View for FolderView {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let value = self.column(column).get(key).map_err(|error| failed("read an entry", error))?;
        Ok(value.map(|value| value.value().to_vec()))
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
        let end = span.end.map_or(Bound::Unbounded, Bound::Excluded);
        let mut range = self
            .column(column)
            .range::<&[u8]>((Bound::Included(span.start), end))
            .map_err(|error| failed("walk over a column", error))?;
        loop {
            let next = match order {
                Order::Ascending => range.next(),
                Order::Descending => range.next_back(),
            };
            let Some(entry) = next else { return Ok(()) };
            let (key, value) = entry.map_err(|error| failed("walk over a column", error))?;
            if let ControlFlow::Break(()) = visitor(key.value(), value.value()) {
                return Ok(());
            }
        }
    }
}

fn failed(doing: &'static str, error: impl Into<redb::Error>) -> EngineError {
    EngineError::Folder { doing, source: Arc::new(error.into()) }
}
