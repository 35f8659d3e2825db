//! `TypeDefault` answers to Arrow.
//!
//! Rows follow one another, each a datum per column: a flag byte, then the value. This is what a store
//! answers when it can't encode an output column as a chunk (TiKV: `SET`), whatever was asked for, so
//! every reader of answers needs it; TiKV puts a batch of rows into each `tipb.Chunk.rows_data`,
//! TiDB's own store 64 rows.
//!
//! Datums are told by their flags, not by the column: an integer may come in its memory-comparable or
//! its variable length form, bytes likewise. `TIMESTAMP` values are in UTC here, whatever the
//! request's time zone: both stores convert them back.

mod column;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;

use self::column::ColumnBuilder;
use crate::chunk::array::check_nullable;
use crate::datum;
use crate::error::{Error, Result};
use crate::output::{DecodeOptions, OutputColumn, Target, resolve_columns};

/// Turns runs of datum rows with the same columns into record batches.
#[derive(Debug, Clone)]
pub struct RowsDecoder {
    schema: SchemaRef,
    targets: Vec<Target>,
    options: DecodeOptions,
}

impl RowsDecoder {
    /// A decoder for rows with these columns, whose batches have `schema`.
    ///
    /// # Errors
    /// As [`ChunkDecoder::new`](crate::chunk::ChunkDecoder::new).
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

    /// Decodes the rows of one `tipb.Chunk`.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Malformed`] or [`Error::OutOfRange`], inside an
    /// [`Error::Column`] that tells where, when the bytes are no such rows or a value doesn't fit its
    /// Arrow type.
    pub fn decode(&self, rows_data: &Bytes) -> Result<RecordBatch> {
        let mut columns: Vec<_> = self.targets.iter().map(ColumnBuilder::new).collect();
        let mut rest: &[u8] = rows_data;
        let mut row = 0_usize;
        while !rest.is_empty() {
            for (index, column) in columns.iter_mut().enumerate() {
                column
                    .push(&mut rest, &self.options)
                    .map_err(|error| error.in_column(index, row))?;
            }
            row = row.saturating_add(1);
        }
        let mut arrays = Vec::with_capacity(columns.len());
        for (index, (column, field)) in columns.into_iter().zip(self.schema.fields()).enumerate() {
            let array = column
                .finish(&self.options)
                .and_then(|array| {
                    check_nullable(&array, field.is_nullable())?;
                    Ok(array)
                })
                .map_err(|error| error.in_column(index))?;
            arrays.push(array);
        }
        RecordBatch::try_new(self.schema.clone(), arrays)
            .map_err(|error| Error::Arrow { what: "record batch", message: error.to_string() })
    }

    /// The rows of one `tipb.Chunk`, without a look at their values: for answers of which only the
    /// number matters.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Malformed`], as [`RowsDecoder::decode`].
    pub fn count_rows(&self, rows_data: &Bytes) -> Result<usize> {
        let mut rest: &[u8] = rows_data;
        let mut rows = 0_usize;
        while !rest.is_empty() {
            for index in 0..self.targets.len() {
                datum::skip_one(&mut rest).map_err(|error| error.in_column(index, rows))?;
            }
            rows = rows.saturating_add(1);
        }
        Ok(rows)
    }

    /// Decodes the chunks of one answer, one batch each.
    ///
    /// # Errors
    /// As [`RowsDecoder::decode`], for the first chunk that fails.
    pub fn decode_all<'a>(
        &self,
        chunks: impl IntoIterator<Item = &'a Bytes>,
    ) -> Result<Vec<RecordBatch>> {
        chunks.into_iter().map(|rows_data| self.decode(rows_data)).collect()
    }
}
