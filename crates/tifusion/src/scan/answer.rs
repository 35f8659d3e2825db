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

use super::partial::PartialStates;
use crate::error::{Error, ErrorKind, Result};
use crate::pushdown::partial::PartialAggregate;

/// The columns of a scan's answers, and what becomes of them.
#[derive(Debug)]
pub(crate) struct ScanColumns {
    chunks: ChunkDecoder,
    rows: RowsDecoder,
    /// The schema of the scan's output.
    schema: SchemaRef,
    columns: Vec<OutputColumn>,
    options: DecodeOptions,
    /// How the batches are made of the answers', unless they are these.
    states: Option<PartialStates>,
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
        Self::of(schema, output, DecodeOptions { zero_date })
    }

    fn of(schema: SchemaRef, columns: Vec<OutputColumn>, options: DecodeOptions) -> Result<Self> {
        Ok(Self {
            chunks: ChunkDecoder::new(Arc::clone(&schema), columns.clone(), options.clone())?,
            rows: RowsDecoder::new(Arc::clone(&schema), columns.clone(), options.clone())?,
            schema,
            columns,
            options,
            states: None,
        })
    }

    /// Those of an aggregate, whose states have `schema`.
    pub(crate) fn aggregate(&self, partial: &PartialAggregate, schema: &SchemaRef) -> Result<Self> {
        let answer = partial.answer_schema();
        let columns = partial.answer.iter().zip(answer.fields());
        let columns = columns.map(|(column, field)| (&column.field_type, field.as_ref()));
        let answers = Self::new(columns, self.options.zero_date)?;
        let states = Some(PartialStates::new(partial));
        Ok(Self { schema: Arc::clone(schema), states, ..answers })
    }

    /// Those that another process had: of `sent` columns, whose fields have these names or none.
    ///
    /// # Errors
    /// When the columns don't make `schema`.
    pub(crate) fn of_sent(
        sent: &Schema,
        columns: Vec<OutputColumn>,
        schema: SchemaRef,
        zero_date: ZeroDate,
        partial: Option<&PartialAggregate>,
    ) -> Result<Self> {
        let options = DecodeOptions { zero_date };
        if partial.is_none() && !schema.fields().is_empty() {
            return Self::of(schema, columns, options);
        }
        let answers = Self::of(Arc::new(sent.clone()), columns, options)?;
        Ok(Self { schema, states: partial.map(PartialStates::new), ..answers })
    }

    /// The columns of an answer.
    pub(crate) fn sent(&self) -> &[OutputColumn] {
        &self.columns
    }

    /// What a date becomes that no calendar has.
    pub(crate) fn zero_date(&self) -> ZeroDate {
        self.options.zero_date
    }

    /// Whether batches are made of the states of aggregates.
    #[cfg(test)]
    pub(crate) fn has_states(&self) -> bool {
        self.states.is_some()
    }

    /// Those at `places`, at least one, in that order.
    pub(crate) fn project(&self, places: &[usize]) -> Result<Self> {
        let schema = self.schema.project(places).map_err(DataFusionError::from)?;
        let columns = places.iter().filter_map(|place| self.columns.get(*place).cloned());
        Self::of(Arc::new(schema), columns.collect(), self.options.clone())
    }

    /// The rows of these columns, counted.
    pub(crate) fn counted(self) -> Self {
        Self { schema: Arc::new(Schema::empty()), ..self }
    }

    /// One column is read, and only its rows are counted.
    pub(crate) fn row_count(column: (&FieldType, &Field), zero_date: ZeroDate) -> Result<Self> {
        Ok(Self::new(std::iter::once(column), zero_date)?.counted())
    }

    /// The place of the column that costs least to send.
    pub(crate) fn cheapest(&self) -> usize {
        let width = |column: &OutputColumn| column.data_type.primitive_width();
        let widths = self.columns.iter().map(|column| width(column).unwrap_or(usize::MAX));
        widths.enumerate().min_by_key(|(_, width)| *width).map_or(0, |(place, _)| place)
    }

    /// The schema of the batches.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The types in which the values of an answer come.
    pub(crate) fn sent_types(&self) -> Vec<FieldType> {
        self.columns.iter().map(|column| column.field_type.clone()).collect()
    }

    /// Rows of datums that are no store's answer.
    ///
    /// # Errors
    /// When a value does not fit its column.
    pub(crate) fn decode_rows(self: &Arc<Self>, rows: &Bytes) -> Result<RecordBatch> {
        let chunks = Vec::new().into_iter();
        let mut rows_only =
            Answer { columns: Arc::clone(self), is_chunk: false, chunks, in_doubt: false };
        rows_only.decode(rows)
    }

    /// Opens an encoded `tipb.SelectResponse`.
    ///
    /// The store says which encoding it used: TiKV answers with rows of datums when it cannot
    /// encode an output column as a chunk.
    ///
    /// # Errors
    /// When the bytes are no such answer, or it holds an error of the store.
    pub(crate) fn open(self: &Arc<Self>, data: Bytes) -> Result<Answer> {
        let response = response(data)?;
        let is_chunk = response.encode_type() == tipb::EncodeType::TypeChunk;
        let chunks = response.chunks.into_iter();
        Ok(Answer { columns: Arc::clone(self), is_chunk, chunks, in_doubt: false })
    }
}

/// An encoded `tipb.SelectResponse`, unless it holds an error of the store.
///
/// # Errors
/// As [`ScanColumns::open`].
pub(crate) fn response(data: Bytes) -> Result<tipb::SelectResponse> {
    let response = tipb::SelectResponse::decode(data).map_err(|error| {
        Error::new(ErrorKind::Data, "an answer is no SelectResponse").with_source(error)
    })?;
    if let Some(error) = &response.error {
        let message = format!("the store could not run the scan: {}", error.msg());
        return Err(
            Error::new(ErrorKind::Refused, message).with_context("code", error.code().to_string())
        );
    }
    for warning in &response.warnings {
        tracing::warn!(code = warning.code(), "a store warns: {}", warning.msg());
    }
    Ok(response)
}

/// A store's answer, decoded chunk by chunk.
#[derive(Debug)]
pub(crate) struct Answer {
    columns: Arc<ScanColumns>,
    is_chunk: bool,
    chunks: std::vec::IntoIter<tipb::Chunk>,
    in_doubt: bool,
}

impl Iterator for Answer {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let data = self.chunks.next()?.rows_data.unwrap_or_default();
        Some(self.decode(&data))
    }
}

impl Answer {
    /// Whether what was decoded so far is right only if no product has more than 128 bits: see
    /// [`PartialAggregate::exact`].
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    fn decode(&mut self, data: &Bytes) -> Result<RecordBatch> {
        let ScanColumns { chunks, rows, schema, states, .. } = &*self.columns;
        if !schema.fields().is_empty() {
            let batch = if self.is_chunk { chunks.decode(data)? } else { rows.decode(data)? };
            return match states {
                None => Ok(batch),
                Some(states) => {
                    let made = states.make(&batch, schema)?;
                    self.in_doubt |= made.in_doubt;
                    Ok(made.batch)
                }
            };
        }
        // The values of the one column that was read are nobody's business, nor what is wrong with
        // them.
        let count = if self.is_chunk { chunks.count_rows(data)? } else { rows.count_rows(data)? };
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(Arc::clone(schema), vec![], &options)
            .map_err(|error| Error::from(DataFusionError::from(error)))
    }
}
