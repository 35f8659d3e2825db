//! Rows to statements that bring many of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};
use tifusion_codec::FieldType;
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::input::{ColumnConverter, InputError, ValueConverter};
use tifusion_schema::ColumnInfo;

use super::job::SqlWriteJob;
use super::literal::write_literal;
use crate::error::{Error, ErrorKind, Result};
use crate::sql_port::text::{quoted_name, write_text};
use crate::write::command::OnDuplicate;
use crate::write::input_column::at_row;

/// Most rows of a statement.
const MOST_ROWS: usize = 1_000;

/// Bytes of a statement that are enough.
const ENOUGH_BYTES: usize = 4 << 20;

/// Bytes of a packet that are not the statement's.
const PACKET_HEAD: usize = 1 << 10;

/// Character sets whose texts are converted here; TiDB converts those of others.
const OWN_CHARSETS: [&str; 6] = ["", "ascii", "binary", "latin1", "utf8", "utf8mb4"];

/// A column of the input, on its way to one of the table's.
#[derive(Debug)]
struct SqlColumn {
    at: usize,
    name: String,
    field_type: FieldType,
    converter: ColumnConverter,
}

/// Puts rows into statements.
#[derive(Debug)]
pub(super) struct Inserts {
    /// For each column of the table those of the input that may have its value: the first that is not `NULL`.
    columns: Arc<[Vec<SqlColumn>]>,
    /// All before the first row.
    head: Vec<u8>,
    statement: Vec<u8>,
    rows: usize,
    enough: usize,
}

impl Inserts {
    /// For batches with this schema, whose columns are for those of the table at `columns`; several for the same one
    /// stand side by side.
    ///
    /// # Errors
    /// When a type of the input is none for its column.
    pub(super) fn new(
        job: &SqlWriteJob,
        schema: &Schema,
        columns: &[usize],
        on_duplicate: OnDuplicate,
    ) -> Result<Self> {
        let places: Vec<_> = columns.iter().enumerate().collect();
        let same = places.chunk_by(|(_, one), (_, other)| one == other);
        let columns = same.map(|places| {
            places.iter().map(|place| SqlColumn::new(job, schema, *place)).collect::<Result<_>>()
        });
        let columns = columns.collect::<Result<Arc<[Vec<_>]>>>()?;
        let verb = match on_duplicate {
            OnDuplicate::Fail => "INSERT",
            OnDuplicate::Replace => "REPLACE",
            // What else it would let pass was checked before.
            OnDuplicate::Skip => "INSERT IGNORE",
        };
        let names = columns.iter().filter_map(|same| same.first());
        let names: Vec<String> = names.map(|column| quoted_name(&column.name)).collect();
        let head = format!(
            "{verb} INTO {}.{} ({}) VALUES ",
            quoted_name(&job.database),
            quoted_name(&job.info.name.original),
            names.join(",")
        );
        let (head, statement) = (head.into_bytes(), Vec::new());
        Ok(Self { columns, head, statement, rows: 0, enough: ENOUGH_BYTES })
    }

    /// Keeps statements below what TiDB takes at once.
    pub(super) fn bound_by(&mut self, most: usize) {
        self.enough = self.enough.min(most.saturating_sub(PACKET_HEAD));
    }

    /// Adds the rows of a batch; the statements that are full come back one by one.
    ///
    /// # Errors
    /// When a value is not one of its column's.
    pub(super) fn batch(&mut self, job: &SqlWriteJob, batch: &RecordBatch) -> Result<Vec<Vec<u8>>> {
        let columns = Arc::clone(&self.columns);
        let inputs = columns.iter().map(|same| {
            same.iter().map(|column| Input::new(job, batch, column)).collect::<Result<Vec<_>>>()
        });
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let zone = job.settings.time_zone.zone();
        let (mut full, mut row) = (Vec::new(), Vec::new());
        for at in 0..batch.num_rows() {
            row.clear();
            for same in &inputs {
                row.push(if row.is_empty() { b'(' } else { b',' });
                let with_value =
                    same.iter().find(|input| !ColumnConverter::is_null(input.array, at));
                let Input { column, array, texts } =
                    with_value.or_else(|| same.first()).ok_or_else(missing)?;
                let value = column.converter.convert(array, at);
                let value = value.map_err(|error| column.refused(job, Some(at), error))?;
                let written = match texts {
                    Some(texts) if !texts.as_ref().is_null(at) => {
                        write_text(&mut row, texts.as_string::<i64>().value(at).as_bytes());
                        Ok(())
                    }
                    _ => write_literal(&mut row, &column.field_type, &value, zone),
                };
                written.map_err(|error| at_row(at, column.placed(job, error)))?;
            }
            row.push(b')');
            full.extend(self.row(&row));
        }
        Ok(full)
    }

    /// Adds a row; the statement comes back that has no place for it.
    fn row(&mut self, row: &[u8]) -> Option<Vec<u8>> {
        let size = self.statement.len() + row.len() + 1;
        let full = match self.rows >= MOST_ROWS || size > self.enough {
            true => self.finish(),
            false => None,
        };
        match self.rows {
            0 => self.statement.extend(&self.head),
            _ => self.statement.push(b','),
        }
        self.statement.extend(row);
        self.rows += 1;
        full
    }

    /// The statement with the rows that are left, if there are any.
    pub(super) fn finish(&mut self) -> Option<Vec<u8>> {
        let is_there = std::mem::take(&mut self.rows) > 0;
        is_there.then(|| std::mem::take(&mut self.statement))
    }
}

/// A column of a batch.
struct Input<'a> {
    column: &'a SqlColumn,
    array: &'a ArrayRef,
    /// The texts of documents.
    texts: Option<ArrayRef>,
}

impl<'a> Input<'a> {
    fn new(job: &SqlWriteJob, batch: &'a RecordBatch, column: &'a SqlColumn) -> Result<Self> {
        let array = batch.columns().get(column.at).ok_or_else(missing)?;
        let texts = column.document_texts(job, batch)?;
        Ok(Self { column, array, texts })
    }
}

impl SqlColumn {
    fn new(job: &SqlWriteJob, schema: &Schema, (at, offset): (usize, &usize)) -> Result<Self> {
        let (column, field) = (job.info.columns.get(*offset), schema.fields().get(at));
        let (Some(column), Some(field)) = (column, field) else { return Err(missing()) };
        let field_type = accepted(column);
        let zone = job.settings.time_zone.zone();
        let converter = ValueConverter::new(&field_type, zone, job.new_collation);
        let converter =
            converter.and_then(|values| ColumnConverter::with(field.data_type(), values));
        let name = column.name.original.clone();
        let converter = converter.map_err(|error| refused(job, &name, None, error))?;
        Ok(Self { at, name, field_type, converter })
    }

    /// The texts of documents, as they were given: in another spelling a number may be of another type.
    ///
    /// # Errors
    /// When they are no texts: what they would be in a document no text tells.
    fn document_texts(&self, job: &SqlWriteJob, batch: &RecordBatch) -> Result<Option<ArrayRef>> {
        if self.field_type.tp != tp::JSON {
            return Ok(None);
        }
        let array = batch.columns().get(self.at).ok_or_else(missing)?;
        let of = match array.data_type() {
            DataType::Dictionary(_, values) => values,
            other => other,
        };
        match of {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                let texts = cast(array, &DataType::LargeUtf8);
                Ok(Some(texts.map_err(datafusion::error::DataFusionError::from)?))
            }
            DataType::Null => Ok(None),
            other => {
                let message = format!(
                    "through TiDB's SQL port a JSON column is written from text, not from {other}: cast it to text"
                );
                Err(self.placed(job, Error::unsupported(message)))
            }
        }
    }

    fn refused(&self, job: &SqlWriteJob, row: Option<usize>, error: InputError) -> Error {
        refused(job, &self.name, row, error)
    }

    fn placed(&self, job: &SqlWriteJob, error: Error) -> Error {
        error.with_context("table", job.label()).with_context("column", self.name.clone())
    }
}

/// The type that values are converted to before TiDB has them.
fn accepted(column: &ColumnInfo) -> FieldType {
    let mut field_type = column.field_type.clone();
    if field_type.flag & flag::AUTO_INCREMENT != 0 {
        // NULL asks for an id.
        field_type.flag &= !flag::NOT_NULL;
    }
    if field_type.is_string() && !OWN_CHARSETS.contains(&field_type.charset.as_str()) {
        "utf8mb4".clone_into(&mut field_type.charset);
        "utf8mb4_bin".clone_into(&mut field_type.collate);
    }
    field_type
}

fn refused(job: &SqlWriteJob, column: &str, row: Option<usize>, error: InputError) -> Error {
    let told = Error::new(ErrorKind::InvalidInput, error.to_string())
        .with_context("table", job.label())
        .with_context("column", column);
    let told = match row {
        Some(row) => at_row(row, told),
        None => told,
    };
    told.with_source(error)
}

fn missing() -> Error {
    Error::new(ErrorKind::Engine, "the input has fewer columns than are written")
}
