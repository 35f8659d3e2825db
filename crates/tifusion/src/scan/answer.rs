//! From a store's answer to record batches.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use bytes::Bytes;
use datafusion::error::DataFusionError;
use prost::Message as _;
use tifusion_codec::FieldType;
use tifusion_codec::chunk::ChunkDecoder;
use tifusion_codec::output::{DecodeOptions, OutputColumn, ZeroDate};
use tifusion_codec::rows::RowsDecoder;
use tifusion_proto::tipb;

use crate::error::{Error, ErrorKind, Result};

/// The columns of a scan's answers, and what becomes of them.
#[derive(Debug)]
pub(crate) struct ScanColumns {
    chunks: ChunkDecoder,
    rows: RowsDecoder,
    /// The schema of the scan's output.
    schema: SchemaRef,
}

impl ScanColumns {
    /// Columns of these types become these fields.
    pub(crate) fn new<'a>(
        columns: impl Iterator<Item = (&'a FieldType, &'a Field)> + Clone,
        zero_date: ZeroDate,
    ) -> Result<Self> {
        let schema = Arc::new(Schema::new(
            columns.clone().map(|(_, field)| field.clone()).collect::<Vec<_>>(),
        ));
        let output: Vec<OutputColumn> = columns
            .map(|(field_type, field)| OutputColumn::new(field_type.clone(), field))
            .collect();
        let options = DecodeOptions { zero_date };
        Ok(Self {
            chunks: ChunkDecoder::new(Arc::clone(&schema), output.clone(), options.clone())?,
            rows: RowsDecoder::new(Arc::clone(&schema), output, options)?,
            schema,
        })
    }

    /// One column is read, and only its rows are counted.
    pub(crate) fn row_count(column: (&FieldType, &Field), zero_date: ZeroDate) -> Result<Self> {
        let columns = Self::new(std::iter::once(column), zero_date)?;
        Ok(Self { schema: Arc::new(Schema::empty()), ..columns })
    }

    /// The schema of the batches.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Opens an encoded `tipb.SelectResponse`.
    ///
    /// The store says which encoding it used: TiKV answers with rows of datums when it cannot
    /// encode an output column as a chunk.
    ///
    /// # Errors
    /// When the bytes are no such answer, or it holds an error of the store.
    pub(crate) fn open(self: &Arc<Self>, data: Bytes) -> Result<Answer> {
        let response = tipb::SelectResponse::decode(data).map_err(|error| {
            Error::new(ErrorKind::Data, "an answer is no SelectResponse").with_source(error)
        })?;
        if let Some(error) = &response.error {
            let message = format!("the store could not run the scan: {}", error.msg());
            return Err(Error::new(ErrorKind::Refused, message)
                .with_context("code", error.code().to_string()));
        }
        for warning in &response.warnings {
            tracing::warn!(code = warning.code(), "a store warns: {}", warning.msg());
        }
        let is_chunk = response.encode_type() == tipb::EncodeType::TypeChunk;
        let chunks = response.chunks.into_iter();
        Ok(Answer { columns: Arc::clone(self), is_chunk, chunks })
    }
}

/// A store's answer, decoded chunk by chunk.
#[derive(Debug)]
pub(crate) struct Answer {
    columns: Arc<ScanColumns>,
    is_chunk: bool,
    chunks: std::vec::IntoIter<tipb::Chunk>,
}

impl Iterator for Answer {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let data = self.chunks.next()?.rows_data.unwrap_or_default();
        Some(self.decode(&data))
    }
}

impl Answer {
    fn decode(&self, data: &Bytes) -> Result<RecordBatch> {
        let ScanColumns { chunks, rows, schema } = &*self.columns;
        if !schema.fields().is_empty() {
            return Ok(if self.is_chunk { chunks.decode(data)? } else { rows.decode(data)? });
        }
        // The values of the one column that was read are nobody's business, nor what is wrong with
        // them.
        let count = if self.is_chunk { chunks.count_rows(data)? } else { rows.count_rows(data)? };
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(Arc::clone(schema), vec![], &options)
            .map_err(|error| Error::from(DataFusionError::from(error)))
    }
}
