//! New rows: their values, defaults and ids.

use std::collections::HashSet;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use tifusion_codec::datum::Datum;
use tifusion_schema::{ColumnDefault, ColumnInfo, EncodedRow};

use super::command::OnDuplicate;
use super::edit::EditBatches;
use super::existing;
use super::ids::{BatchIds, NeededIds};
use super::input_column::{InputColumn, at_row};
use super::job::WriteJob;
use super::refuse::HINT;
use crate::error::{Error, Result};

/// Encodes batches of new rows.
#[derive(Debug)]
pub(super) struct InsertEncoder {
    cells: Vec<Cell>,
    on_duplicate: OnDuplicate,
}

/// Where the values of a column of the table come from.
#[derive(Debug)]
enum Cell {
    /// Columns of the input: the first of them that is not `NULL`.
    Input(Vec<InputColumn>),
    /// The same for each row.
    Constant(Datum<'static>),
    /// The allocator alone.
    Id,
}

impl InsertEncoder {
    /// An encoder for batches with this schema, whose columns are for those of the table at `columns`.
    ///
    /// # Errors
    /// When a type of the input is none for its column, or a column that is left out has no default.
    pub(super) fn new(
        job: &WriteJob,
        schema: &Schema,
        columns: &[usize],
        on_duplicate: OnDuplicate,
    ) -> Result<Self> {
        let cell = |(offset, column): (usize, &ColumnInfo)| {
            let given = columns.iter().enumerate().filter(|(_, given)| **given == offset);
            let inputs = given.map(|(at, _)| {
                InputColumn::new(job, schema, (at, offset), job.ids.input_type(offset))
            });
            let inputs: Vec<InputColumn> = inputs.collect::<Result<_>>()?;
            if inputs.is_empty() {
                return left_out(job, offset, column);
            }
            Ok(Cell::Input(inputs))
        };
        let cells = job.target.info.columns.iter().enumerate().map(cell).collect::<Result<_>>()?;
        Ok(Self { cells, on_duplicate })
    }

    /// The edits that make the rows of a batch be there.
    ///
    /// # Errors
    /// When a value is not one of its column's, no partition takes a row, or there are no ids left.
    pub(super) async fn encode(&self, job: &WriteJob, batch: &RecordBatch) -> Result<EditBatches> {
        let ids = job.ids.take(self.needed_ids(job, batch)?).await?;
        let rows = self.rows(job, batch, ids).map_err(|error| self.told(error))?;
        let mut edits = EditBatches::new();
        if self.on_duplicate == OnDuplicate::Replace {
            let has_own_key = !job.target.encoder.needs_row_id();
            let new: HashSet<_> = rows.iter().map(|row| all_of(row, has_own_key)).collect();
            for old in existing::conflicting(job, &rows).await? {
                // A row that is there already counts once, as MySQL has it.
                match new.contains(&all_of(&old.encoded, has_own_key)) {
                    true => edits.renew(&old.encoded)?,
                    false => edits.delete(&old.encoded)?,
                }
            }
        }
        rows.iter().try_for_each(|row| edits.insert(row))?;
        Ok(edits)
    }

    /// The error of a row; under `IGNORE` TiDB would write something else in its place.
    pub(super) fn told(&self, error: Error) -> Error {
        if self.on_duplicate != OnDuplicate::Skip {
            return error;
        }
        let message = format!(
            "INSERT IGNORE would pass over a row or change a value that can't be written as it is, which this way of \
             writing does for duplicates alone ({error}): give what can be written, or {HINT}"
        );
        Error::unsupported(message).with_source(error)
    }

    /// How many ids the rows need, and which they bring along.
    fn needed_ids(&self, job: &WriteJob, batch: &RecordBatch) -> Result<NeededIds> {
        let mut needed = NeededIds::default();
        if job.target.encoder.needs_row_id() {
            needed.records = batch.num_rows();
        }
        let Some(offset) = job.ids.column() else { return Ok(needed) };
        for row in 0..batch.num_rows() {
            let value = self.value(job, batch, row, offset)?;
            let seen = job.ids.see(&mut needed, &value, job.settings.write_auto_random);
            seen.map_err(|error| at_row(row, error))?;
        }
        Ok(needed)
    }

    /// The keys of a row that no other row may have, one for each of the table's, `None` where it has none; what
    /// depends on an id that it is yet to be given is none.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub(super) fn distinct_keys_of(
        &self,
        job: &WriteJob,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<Vec<Option<Vec<u8>>>> {
        let mut values = Vec::with_capacity(self.cells.len());
        for offset in 0..self.cells.len() {
            values.push(self.value(job, batch, row, offset)?);
        }
        let mut unknown = None;
        if let Some((offset, value)) =
            job.ids.column().and_then(|offset| Some((offset, values.get(offset)?)))
        {
            let mut needed = NeededIds::default();
            let seen = job.ids.see(&mut needed, value, job.settings.write_auto_random);
            seen.map_err(|error| at_row(row, error))?;
            unknown = (needed.columns > 0).then_some(offset);
        }
        let keys = job.target.encoder.distinct_keys_of(&values, unknown);
        keys.map_err(|error| at_row(row, error.into()))
    }

    fn rows(
        &self,
        job: &WriteJob,
        batch: &RecordBatch,
        mut ids: BatchIds,
    ) -> Result<Vec<EncodedRow>> {
        let mut rows = Vec::with_capacity(batch.num_rows());
        let mut values: Vec<Datum<'_>> = Vec::with_capacity(self.cells.len());
        for row in 0..batch.num_rows() {
            values.clear();
            for offset in 0..self.cells.len() {
                let value = self.value(job, batch, row, offset)?;
                values.push(match job.ids.column() == Some(offset) {
                    true => job.ids.value(value, &mut ids)?,
                    false => value,
                });
            }
            let row_id = match job.target.encoder.needs_row_id() {
                true => Some(ids.next_record()?),
                false => None,
            };
            let encoded = job.target.encoder.encode(&values, row_id);
            rows.push(encoded.map_err(|error| at_row(row, error.into()))?);
        }
        Ok(rows)
    }

    fn value<'a>(
        &'a self,
        job: &WriteJob,
        batch: &'a RecordBatch,
        row: usize,
        offset: usize,
    ) -> Result<Datum<'a>> {
        match self.cells.get(offset) {
            Some(Cell::Input(inputs)) => {
                let input = match inputs.as_slice() {
                    [input] => Some(input),
                    several => several
                        .iter()
                        .find(|input| !input.is_null(batch, row))
                        .or_else(|| several.first()),
                };
                input.map_or(Ok(Datum::Null), |input| input.value(&job.target, batch, row))
            }
            Some(Cell::Constant(value)) => Ok(value.clone()),
            Some(Cell::Id) | None => Ok(Datum::Null),
        }
    }
}

/// What stands in a column that the statement leaves out.
fn left_out(job: &WriteJob, offset: usize, column: &ColumnInfo) -> Result<Cell> {
    if job.ids.column() == Some(offset) {
        return Ok(Cell::Id);
    }
    // Those that are known are columns of the input by now.
    if column.default_is_expr {
        return Err(Error::unsupported(format!(
            "column {} of {} is left out, and its default is an expression, which TiDB would compute: give it a \
             value, or {HINT}",
            column.name.as_str(),
            job.target.label()
        )));
    }
    let cluster = &job.target.cluster;
    let default = ColumnDefault::of(column, cluster.new_collation(), cluster.system_zone())?;
    Ok(Cell::Constant(match default {
        ColumnDefault::Value(value) => value,
        ColumnDefault::Null => Datum::Null,
        ColumnDefault::CurrentTimestamp | ColumnDefault::CurrentDate => job.now(column)?,
        _ => {
            return Err(Error::invalid(format!(
                "column {} of {} is left out, and has no default",
                column.name.as_str(),
                job.target.label()
            )));
        }
    }))
}

/// All that makes a row what it is: its key, unless that is a number of nobody's choice, and its values.
fn all_of(row: &EncodedRow, has_own_key: bool) -> (Option<&[u8]>, &[u8]) {
    (has_own_key.then_some(row.key.as_slice()), &row.value)
}
