//! Rows of Arrow batches.

use arrow_array::RecordBatch;
use tifusion_codec::input::{ColumnConverter, InputError, ValueConverter};
use tifusion_codec::time::Zone;
use tifusion_schema::{ColumnInfo, TableInfo};

use super::convert::refused;
use super::error::Result;
use super::load::{Cell, Source, input_types, places};

/// The rows of a batch.
pub(super) struct BatchReader<'a> {
    batch: &'a RecordBatch,
    /// For each column of the table, where it stands in the batch and what is made of its values.
    columns: Vec<Option<(usize, ColumnConverter)>>,
}

impl<'a> BatchReader<'a> {
    pub(super) fn new(
        table: &TableInfo,
        batch: &'a RecordBatch,
        new_collation: bool,
    ) -> Result<Self> {
        let schema = batch.schema_ref();
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let types = input_types(table)?;
        let columns = places(table, &names)?.into_iter().zip(&table.columns).zip(types).map(
            |((place, column), field_type)| {
                let Some(place) = place else { return Ok(None) };
                let source = schema.field(place).data_type();
                let converter = ValueConverter::new(&field_type, Zone::Utc, new_collation)
                    .and_then(|values| ColumnConverter::with(source, values));
                converter
                    .map(|converter| Some((place, converter)))
                    .map_err(|error| refused(column, error))
            },
        );
        Ok(Self { batch, columns: columns.collect::<Result<_>>()? })
    }
}

impl Source for BatchReader<'_> {
    fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    fn cell(&self, row: usize, offset: usize, column: &ColumnInfo) -> Result<Cell<'_>> {
        let Some((place, converter)) = self.columns.get(offset).and_then(Option::as_ref) else {
            return Ok(Cell::Absent);
        };
        let missing = InputError::NoSuchValue { index: *place, length: self.batch.num_columns() };
        let array = self.batch.columns().get(*place).ok_or(missing);
        array
            .and_then(|array| converter.convert(array.as_ref(), row))
            .map(Cell::Value)
            .map_err(|error| refused(column, error))
    }
}
