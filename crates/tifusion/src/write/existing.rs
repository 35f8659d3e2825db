//! Rows of the table that a statement changes or takes away.

use std::collections::HashMap;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::{Int64Type, Schema};
use bytes::Bytes;
use tifusion_codec::datum::Datum;
use tifusion_codec::index::IndexValue;
use tifusion_codec::key::{decode_record_key, encode_record_key};
use tifusion_schema::EncodedRow;

use super::input_column::InputColumn;
use super::job::WriteJob;
use super::target::{RowKeyColumn, WriteTarget};
use super::txn_error::damaged;
use crate::error::{Error, Result};

/// Finds the rows that the first columns of a batch tell.
#[derive(Debug)]
pub(super) struct RowFinder {
    columns: Vec<InputColumn>,
    /// Where the row id is in the batch, if that tells a row.
    row_id: Option<usize>,
}

/// A row as it is in the store.
#[derive(Debug)]
pub(super) struct ExistingRow {
    /// What it encodes to: all of its keys.
    pub(super) encoded: EncodedRow,
    /// The values of all columns.
    pub(super) values: Vec<Datum<'static>>,
    /// Its row id, where the table has them.
    pub(super) row_id: Option<i64>,
}

impl RowFinder {
    /// A finder by columns of the types that the batches have.
    pub(super) fn new(job: &WriteJob, schema: &Schema) -> Result<Self> {
        let (mut columns, mut row_id) = (Vec::new(), None);
        for (at, part) in job.target.row_key_columns()?.into_iter().enumerate() {
            match part {
                RowKeyColumn::RowId => row_id = Some(at),
                RowKeyColumn::Column(offset) => {
                    columns.push(InputColumn::new(job, schema, (at, offset), None)?);
                }
            }
        }
        Ok(Self { columns, row_id })
    }

    /// How many columns tell a row.
    pub(super) fn width(&self) -> usize {
        self.columns.len() + usize::from(self.row_id.is_some())
    }

    /// The rows of a batch, in its order.
    ///
    /// # Errors
    /// When one of them is not there, which means that its key can't be told by what was selected of it.
    pub(super) async fn find(
        &self,
        job: &WriteJob,
        batch: &RecordBatch,
    ) -> Result<Vec<ExistingRow>> {
        let keys = (0..batch.num_rows()).map(|row| self.record_key(&job.target, batch, row));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let found = job.read(keys.clone()).await?;
        keys.iter().map(|key| decode(&job.target, key, found.get(key))).collect()
    }

    fn record_key(&self, target: &WriteTarget, batch: &RecordBatch, row: usize) -> Result<Vec<u8>> {
        let mut values = vec![Datum::Null; target.info.columns.len()];
        for column in &self.columns {
            let value = column.value(target, batch, row)?;
            if let Some(slot) = values.get_mut(column.offset()) {
                *slot = value;
            }
        }
        let ids = self.row_id.and_then(|at| batch.columns().get(at));
        let ids = ids.and_then(|ids| ids.as_primitive_opt::<Int64Type>());
        let row_id = ids.map(|ids| ids.value(row));
        let (physical_id, handle) = target.encoder.locate(&values, row_id)?;
        Ok(encode_record_key(physical_id, &handle))
    }
}

/// The row of a record that must be there.
fn decode(target: &WriteTarget, key: &[u8], value: Option<&Bytes>) -> Result<ExistingRow> {
    let not_found = || {
        Error::unsupported(format!(
            "a row of {} can't be told by what a query shows of its key (dates of zeros, say): \
             nothing was written",
            target.label()
        ))
        .with_context("key", tifusion_codec::key::display_key(key).to_string())
    };
    let value = value.ok_or_else(not_found)?;
    let (_, handle) = decode_record_key(key)?;
    let values = target.decoder.decode(&handle, value)?;
    let row_id = target.row_id_of(&handle);
    let encoded = target.encoder.encode_stored(&values, row_id)?;
    if encoded.key != key {
        let what = format!("a row of {} is not where its values say", target.label());
        return Err(damaged(&what, key));
    }
    let values = values.into_iter().map(Datum::into_owned).collect();
    Ok(ExistingRow { encoded, values, row_id })
}

/// The rows of the table that have the primary key or a unique key of one of `rows`, each once.
///
/// # Errors
/// When they can't be read, or an entry of an index has no row.
pub(super) async fn conflicting(job: &WriteJob, rows: &[EncodedRow]) -> Result<Vec<ExistingRow>> {
    let target = &job.target;
    let has_own_key = !target.encoder.needs_row_id();
    let records = rows.iter().filter(|_| has_own_key).map(|row| row.key.clone());
    let distinct = rows.iter().flat_map(|row| {
        let entries = row.entries.iter().filter(|entry| entry.is_distinct);
        entries.map(|entry| (entry.key.clone(), row.physical_id))
    });
    let tables: HashMap<Vec<u8>, i64> = distinct.collect();
    let keys = records.chain(tables.keys().cloned()).collect();
    let mut found = job.read(keys).await?;
    let mut wanted = Vec::new();
    for (key, physical_id) in &tables {
        if let Some(value) = found.remove(key) {
            let handle = IndexValue::decode(&value)?.handle.ok_or_else(|| {
                tifusion_codec::Error::malformed("index value", "a unique entry without a handle")
            })?;
            wanted.push(encode_record_key(*physical_id, &handle));
        }
    }
    wanted.retain(|key| !found.contains_key(key));
    let more = job.read(wanted.clone()).await?;
    if let Some(missing) = wanted.iter().find(|key| !more.contains_key(*key)) {
        let what = format!("an index of {} has an entry without a row", target.label());
        return Err(damaged(&what, missing));
    }
    found.extend(more);
    found.iter().map(|(key, value)| decode(target, key, Some(value))).collect()
}
