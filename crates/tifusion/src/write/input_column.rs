//! A column of the input that has values of a column of the table.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::input::{ColumnConverter, InputError};

use super::job::WriteJob;
use super::target::WriteTarget;
use crate::error::{Error, ErrorKind, Result};

/// A column of the input, and the way from its values to those of the table's column.
#[derive(Debug)]
pub(super) struct InputColumn {
    at: usize,
    offset: usize,
    converter: ColumnConverter,
}

impl InputColumn {
    /// The column at `at` of batches with this schema, for the table's column at `offset`, whose values are
    /// made to be of `input_type`, or else of the table's column's own.
    ///
    /// # Errors
    /// When either is missing, or the one's type is none for the other.
    pub(super) fn new(
        job: &WriteJob,
        schema: &Schema,
        (at, offset): (usize, usize),
        input_type: Option<FieldType>,
    ) -> Result<Self> {
        let column = job.target.info.columns.get(offset);
        let (Some(column), Some(field)) = (column, schema.fields().get(at)) else {
            return Err(missing());
        };
        let field_type = input_type.as_ref().unwrap_or(&column.field_type);
        let converter = job.converter(field.data_type(), field_type);
        let converter = converter.map_err(|error| refused(&job.target, offset, None, error))?;
        Ok(Self { at, offset, converter })
    }

    /// Where the table's column stands.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// Whether a row of a batch has no value here.
    pub(super) fn is_null(&self, batch: &RecordBatch, row: usize) -> bool {
        let array = batch.columns().get(self.at);
        array.is_none_or(|array| ColumnConverter::is_null(array, row))
    }

    /// The value in a row of a batch.
    ///
    /// # Errors
    /// When it is none of the column's.
    pub(super) fn value<'a>(
        &'a self,
        target: &WriteTarget,
        batch: &'a RecordBatch,
        row: usize,
    ) -> Result<Datum<'a>> {
        let array = batch.columns().get(self.at).ok_or_else(missing)?;
        let value = self.converter.convert(array, row);
        value.map_err(|error| refused(target, self.offset, Some(row), error))
    }
}

/// The refusal of a value, or (without a row) of all values of a type.
fn refused(target: &WriteTarget, offset: usize, row: Option<usize>, error: InputError) -> Error {
    let column = target.info.columns.get(offset);
    let told = Error::new(ErrorKind::InvalidInput, error.to_string())
        .with_context("table", target.label())
        .with_context("column", column.map_or("", |column| column.name.as_str()));
    let told = match row {
        Some(row) => at_row(row, told),
        None => told,
    };
    told.with_source(error)
}

/// The error of a row.
pub(super) fn at_row(row: usize, error: Error) -> Error {
    error.with_context("row of the batch", row.saturating_add(1).to_string())
}

fn missing() -> Error {
    Error::new(ErrorKind::Engine, "the input has fewer columns than are written")
}
