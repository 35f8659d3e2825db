//! Rows with some values changed, and rows taken away.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::row::{check_stored, encode_value};
use tifusion_schema::column_default::is_set_on_update;

use super::edit::EditBatches;
use super::existing::{ExistingRow, RowFinder};
use super::ids::NeededIds;
use super::input_column::InputColumn;
use super::job::WriteJob;
use crate::error::{Error, ErrorKind, Result};

/// Encodes batches that tell rows and the new values of some of their columns.
#[derive(Debug)]
pub(super) struct UpdateEncoder {
    finder: RowFinder,
    changes: Vec<InputColumn>,
    /// Columns that have the time of a row's last change, unless the statement sets them.
    stamps: Vec<(usize, Datum<'static>)>,
}

impl UpdateEncoder {
    /// An encoder for batches with this schema: the columns of the rows' key, then those for the columns of
    /// the table at `columns`.
    ///
    /// # Errors
    /// When a type of the input is none for its column.
    pub(super) fn new(job: &WriteJob, schema: &Schema, columns: &[usize]) -> Result<Self> {
        let finder = RowFinder::new(job, schema)?;
        let places = (finder.width()..).zip(columns.iter().copied());
        let changes = places.map(|place| InputColumn::new(job, schema, place, None));
        let changes = changes.collect::<Result<_>>()?;
        let mut stamps = Vec::new();
        for (offset, column) in job.target.info.columns.iter().enumerate() {
            if is_set_on_update(column) && !columns.contains(&offset) {
                stamps.push((offset, job.now(column)?));
            }
        }
        Ok(Self { finder, changes, stamps })
    }

    /// The edits that change the rows of a batch; a row that stays as it is has none.
    ///
    /// # Errors
    /// As for new rows, and when a row is not found.
    pub(super) async fn encode(&self, job: &WriteJob, batch: &RecordBatch) -> Result<EditBatches> {
        let rows = self.finder.find(job, batch).await?;
        let mut edits = EditBatches::new();
        let mut given = NeededIds::default();
        for (at, row) in rows.iter().enumerate() {
            if let Some(values) = self.changed(job, batch, at, row, &mut given)? {
                let new = job.target.encoder.encode_stored(&values, row.row_id)?;
                edits.replace(&row.encoded, &new)?;
            }
        }
        // No new row needs an id.
        given.columns = 0;
        job.ids.take(given).await?;
        Ok(edits)
    }

    /// The values of a row after the statement; `None` if they are those before.
    fn changed<'a>(
        &'a self,
        job: &WriteJob,
        batch: &'a RecordBatch,
        at: usize,
        row: &'a ExistingRow,
        given: &mut NeededIds,
    ) -> Result<Option<Vec<Datum<'a>>>> {
        let mut values: Vec<Datum<'a>> = row.values.clone();
        let mut is_changed = false;
        for change in &self.changes {
            let offset = change.offset();
            let column = job.target.info.columns.get(offset);
            let (Some(column), Some(old)) = (column, values.get_mut(offset)) else {
                return Err(Error::new(ErrorKind::Engine, "a new value's column is missing"));
            };
            let new = change.value(&job.target, batch, at)?;
            check_stored(&column.field_type, &new)?;
            if job.ids.column() == Some(offset) {
                job.ids.see(given, &new, true)?;
            }
            if !is_same(&column.field_type, old, &new)? {
                is_changed = true;
                *old = new;
            }
        }
        if !is_changed {
            return Ok(None);
        }
        for (offset, now) in &self.stamps {
            if let Some(old) = values.get_mut(*offset) {
                *old = now.clone();
            }
        }
        Ok(Some(values))
    }
}

/// Whether two values of a column are stored alike: 1.5 and 1.50 are.
fn is_same(field_type: &FieldType, old: &Datum<'_>, new: &Datum<'_>) -> Result<bool> {
    if *old == Datum::Null || *new == Datum::Null {
        return Ok(old == new);
    }
    let (mut before, mut after) = (Vec::new(), Vec::new());
    encode_value(&mut before, field_type, old)?;
    encode_value(&mut after, field_type, new)?;
    Ok(before == after)
}

/// Encodes batches that tell rows to be deleted.
#[derive(Debug)]
pub(super) struct DeleteEncoder {
    finder: RowFinder,
}

impl DeleteEncoder {
    /// An encoder for batches whose columns are those of the rows' key.
    ///
    /// # Errors
    /// When a type of the input is none for its column.
    pub(super) fn new(job: &WriteJob, schema: &Schema) -> Result<Self> {
        Ok(Self { finder: RowFinder::new(job, schema)? })
    }

    /// The edits that take the rows of a batch away.
    ///
    /// # Errors
    /// When a row is not found.
    pub(super) async fn encode(&self, job: &WriteJob, batch: &RecordBatch) -> Result<EditBatches> {
        let mut edits = EditBatches::new();
        for row in self.finder.find(job, batch).await? {
            edits.delete(&row.encoded)?;
        }
        Ok(edits)
    }
}
