//! What a statement does to single keys, as columns that go from operator to operator.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array as _, ArrayBuilder as _, ArrayRef, AsArray as _, LargeBinaryArray, LargeBinaryBuilder,
    RecordBatch, UInt8Array, UInt8Builder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt8Type};
use tifusion_schema::{EncodedEntry, EncodedRow};

use crate::error::{Error, ErrorKind, Result};

/// Edits of one batch.
const EDITS_PER_BATCH: usize = 8192;

/// Bytes of keys and values of one batch, above which it ends.
const BYTES_PER_BATCH: usize = 4 << 20;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("key", DataType::LargeBinary, false),
        Field::new("kind", DataType::UInt8, false),
        Field::new("rows", DataType::UInt8, false),
        Field::new("value", DataType::LargeBinary, false),
    ]))
});

/// The columns of edits: the key, the kind, how many rows the edit counts for, and the value.
pub(super) fn edit_schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// What is done to a key. The numbers order the edits of one key: what is there goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EditKind {
    /// What is there is deleted.
    Delete = 0,
    /// A value that the handle in the key makes the row's own.
    Put = 1,
    /// A value of a key that no other row may have: a record, or an entry of a unique index.
    PutDistinct = 2,
}

impl EditKind {
    pub(super) fn of(number: u8) -> Option<Self> {
        [Self::Delete, Self::Put, Self::PutDistinct].into_iter().find(|kind| *kind as u8 == number)
    }
}

/// One edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edit<'a> {
    pub(super) key: &'a [u8],
    pub(super) kind: EditKind,
    /// How many rows it counts for: 1 where a record stands for its row, else 0.
    pub(super) rows: u8,
    pub(super) value: &'a [u8],
}

/// Collects edits into batches of bounded size.
#[derive(Debug)]
pub(super) struct EditBatches {
    keys: LargeBinaryBuilder,
    kinds: UInt8Builder,
    rows: UInt8Builder,
    values: LargeBinaryBuilder,
    bytes: usize,
    done: Vec<RecordBatch>,
}

impl EditBatches {
    pub(super) fn new() -> Self {
        Self {
            keys: LargeBinaryBuilder::new(),
            kinds: UInt8Builder::new(),
            rows: UInt8Builder::new(),
            values: LargeBinaryBuilder::new(),
            bytes: 0,
            done: Vec::new(),
        }
    }

    /// Adds an edit.
    pub(super) fn push(&mut self, edit: Edit<'_>) -> Result<()> {
        self.keys.append_value(edit.key);
        self.kinds.append_value(edit.kind as u8);
        self.rows.append_value(edit.rows);
        self.values.append_value(edit.value);
        self.bytes += edit.key.len() + edit.value.len();
        if self.kinds.len() >= EDITS_PER_BATCH || self.bytes >= BYTES_PER_BATCH {
            self.end_batch()?;
        }
        Ok(())
    }

    /// Adds a row that was not there.
    pub(super) fn insert(&mut self, row: &EncodedRow) -> Result<()> {
        let (key, value) = (row.key.as_slice(), row.value.as_slice());
        self.push(Edit { key, kind: EditKind::PutDistinct, rows: 1, value })?;
        row.entries.iter().try_for_each(|entry| self.put_entry(entry))
    }

    /// Takes a row that was there away.
    pub(super) fn delete(&mut self, row: &EncodedRow) -> Result<()> {
        self.push(Edit { key: &row.key, kind: EditKind::Delete, rows: 1, value: &[] })?;
        row.entries.iter().try_for_each(|entry| self.delete_key(&entry.key))
    }

    /// Takes a row that was there away, for it comes again as it was: that counts for one row, not two.
    pub(super) fn renew(&mut self, row: &EncodedRow) -> Result<()> {
        self.delete_key(&row.key)?;
        row.entries.iter().try_for_each(|entry| self.delete_key(&entry.key))
    }

    /// Puts a row in the place of another; entries that both have stay untouched.
    pub(super) fn replace(&mut self, old: &EncodedRow, new: &EncodedRow) -> Result<()> {
        self.delete_key(&old.key)?;
        let (key, value) = (new.key.as_slice(), new.value.as_slice());
        self.push(Edit { key, kind: EditKind::PutDistinct, rows: 1, value })?;
        let same = |entry: &EncodedEntry, others: &[EncodedEntry]| {
            others.iter().any(|other| other.key == entry.key && other.value == entry.value)
        };
        for entry in old.entries.iter().filter(|entry| !same(entry, &new.entries)) {
            self.delete_key(&entry.key)?;
        }
        for entry in new.entries.iter().filter(|entry| !same(entry, &old.entries)) {
            self.put_entry(entry)?;
        }
        Ok(())
    }

    fn delete_key(&mut self, key: &[u8]) -> Result<()> {
        self.push(Edit { key, kind: EditKind::Delete, rows: 0, value: &[] })
    }

    fn put_entry(&mut self, entry: &EncodedEntry) -> Result<()> {
        let kind = if entry.is_distinct { EditKind::PutDistinct } else { EditKind::Put };
        self.push(Edit { key: &entry.key, kind, rows: 0, value: &entry.value })
    }

    fn end_batch(&mut self) -> Result<()> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.keys.finish()),
            Arc::new(self.kinds.finish()),
            Arc::new(self.rows.finish()),
            Arc::new(self.values.finish()),
        ];
        self.bytes = 0;
        let batch = RecordBatch::try_new(edit_schema(), columns);
        self.done.push(batch.map_err(datafusion::error::DataFusionError::from)?);
        Ok(())
    }

    /// The batches.
    pub(super) fn finish(mut self) -> Result<Vec<RecordBatch>> {
        if !self.kinds.is_empty() {
            self.end_batch()?;
        }
        Ok(self.done)
    }
}

/// The edits of a batch.
#[derive(Debug)]
pub(super) struct EditReader {
    keys: LargeBinaryArray,
    kinds: Vec<EditKind>,
    rows: UInt8Array,
    values: LargeBinaryArray,
}

impl EditReader {
    /// A reader of a batch with the columns of [`edit_schema`].
    pub(super) fn new(batch: &RecordBatch) -> Result<Self> {
        let reader = match batch.columns() {
            [keys, kinds, rows, values] => Some((keys, kinds, rows, values)),
            _ => None,
        };
        let reader = reader.and_then(|(keys, kinds, rows, values)| {
            let kinds = kinds.as_primitive_opt::<UInt8Type>()?;
            Some(Self {
                keys: keys.as_binary_opt()?.clone(),
                kinds: kinds
                    .values()
                    .iter()
                    .map(|kind| EditKind::of(*kind))
                    .collect::<Option<_>>()?,
                rows: rows.as_primitive_opt::<UInt8Type>()?.clone(),
                values: values.as_binary_opt()?.clone(),
            })
        });
        reader.ok_or_else(|| Error::new(ErrorKind::Engine, "the edits have other columns or kinds"))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Their keys, in the order of the edits.
    pub(super) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.iter().flatten()
    }

    /// The key of the edit at a place.
    pub(super) fn key(&self, at: usize) -> Option<&[u8]> {
        (at < self.keys.len()).then(|| self.keys.value(at))
    }

    /// The kind of the edit at a place.
    pub(super) fn kind(&self, at: usize) -> Option<EditKind> {
        self.kinds.get(at).copied()
    }

    /// The edit at a place.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn edit(&self, at: usize) -> Result<Edit<'_>> {
        let (Some(key), Some(kind)) = (self.key(at), self.kind(at)) else {
            return Err(Error::new(ErrorKind::Engine, "an edit that is not there"));
        };
        Ok(Edit { key, kind, rows: self.rows.value(at), value: self.values.value(at) })
    }

    /// The edits in their order.
    pub(super) fn edits(&self) -> impl Iterator<Item = Result<Edit<'_>>> {
        (0..self.len()).map(|at| self.edit(at))
    }
}
