//! `TypeChunk` answers to Arrow.
//!
//! A coprocessor's answer (`tipb.SelectResponse`) holds chunks of at most 1024 rows; each
//! `tipb.Chunk.rows_data` is one run of columns: TiKV writes one per batch of its executors, TiDB's own
//! store one per batch too, and TiDB reads no second run after the first. What is left over after
//! the last column is therefore an error here.
//!
//! The columns are Arrow's in all but alignment, so this decoder copies little: validity bitmaps,
//! strings and byte strings are used where they are; 64-bit numbers and offsets too if they happen to
//! be aligned, else they are copied once. Arrays that borrow keep the answer they came in alive.
//!
//! A chunk's `TIMESTAMP` values are wall times in the request's time zone. The requests of this
//! project that output one always ask for UTC.

pub(crate) mod array;
pub(crate) mod buffer;
pub(crate) mod decimal;
mod document;
mod encode;
mod enumerated;
mod float;
mod int;
pub(crate) mod layout;
pub(crate) mod row_error;
pub(crate) mod temporal;
mod text;

pub use encode::ColumnEncoder;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;

use crate::error::{Error, Result};
use crate::output::{DecodeOptions, OutputColumn, Target, resolve_columns};

/// Turns chunks with the same columns into record batches.
#[derive(Debug, Clone)]
pub struct ChunkDecoder {
    schema: SchemaRef,
    targets: Vec<Target>,
    options: DecodeOptions,
}

impl ChunkDecoder {
    /// A decoder for chunks with these columns, whose batches have `schema`.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] for a pair of field type and Arrow type that isn't in the table of
    /// [`output`](crate::output), [`Error::Malformed`] when `columns` is empty or differs from
    /// `schema` in count, type or nullability.
    pub fn new(
        schema: SchemaRef,
        columns: Vec<OutputColumn>,
        options: DecodeOptions,
    ) -> Result<Self> {
        let targets = resolve_columns(&schema, &columns)?;
        Ok(Self { schema, targets, options })
    }

    /// The schema of the batches.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Decodes one chunk; no bytes at all are a chunk without rows.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Malformed`] or [`Error::OutOfRange`], inside an
    /// [`Error::Column`] that tells where, when the bytes are no such chunk or a value doesn't fit its
    /// Arrow type. Cells of NULLs hold anything and are never the cause.
    pub fn decode(&self, rows_data: &Bytes) -> Result<RecordBatch> {
        if rows_data.is_empty() {
            return Ok(RecordBatch::new_empty(self.schema.clone()));
        }
        let mut reader = layout::ColumnReader::new(rows_data);
        let mut arrays = Vec::with_capacity(self.targets.len());
        let mut rows = None;
        for (index, (target, field)) in self.targets.iter().zip(self.schema.fields()).enumerate() {
            let column =
                reader.next(target.cell_width()).map_err(|error| error.in_column(index, 0))?;
            check_len(column.len, *rows.get_or_insert(column.len), index)?;
            let array = array::to_array(column, target, &self.options)
                .and_then(|array| {
                    array::check_nullable(&array, field.is_nullable())?;
                    Ok(array)
                })
                .map_err(|error| error.in_column(index))?;
            arrays.push(array);
        }
        reader.finish()?;
        RecordBatch::try_new(self.schema.clone(), arrays)
            .map_err(|error| Error::Arrow { what: "record batch", message: error.to_string() })
    }

    /// The rows of a chunk, without a look at their values: for answers of which only the number
    /// matters.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Malformed`], as [`ChunkDecoder::decode`].
    pub fn count_rows(&self, rows_data: &Bytes) -> Result<usize> {
        if rows_data.is_empty() {
            return Ok(0);
        }
        let mut reader = layout::ColumnReader::new(rows_data);
        let mut rows = None;
        for (index, target) in self.targets.iter().enumerate() {
            let column =
                reader.next(target.cell_width()).map_err(|error| error.in_column(index, 0))?;
            check_len(column.len, *rows.get_or_insert(column.len), index)?;
        }
        reader.finish()?;
        Ok(rows.unwrap_or(0))
    }

    /// Decodes the chunks of one answer, one batch each.
    ///
    /// # Errors
    /// As [`ChunkDecoder::decode`], for the first chunk that fails.
    pub fn decode_all<'a>(
        &self,
        chunks: impl IntoIterator<Item = &'a Bytes>,
    ) -> Result<Vec<RecordBatch>> {
        chunks.into_iter().map(|rows_data| self.decode(rows_data)).collect()
    }
}

/// All columns of a chunk have as many rows as the first.
fn check_len(len: usize, expected: usize, index: usize) -> Result<()> {
    if len == expected {
        return Ok(());
    }
    let reason = format!("{len} rows, {expected} in column 0");
    Err(Error::malformed("chunk column", reason).in_column(index, 0))
}
