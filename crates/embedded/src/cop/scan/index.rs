//! The index scan: from index entries to values.

use bytes::Bytes;
use tifusion_codec::datum as codec_datum;
use tifusion_codec::field_type::tp;
use tifusion_codec::key;
use tifusion_codec::row::{Cell, RowReader};
use tifusion_codec::time::Zone;
use tifusion_codec::{Error, number};
use tifusion_proto::tipb::{ColumnInfo, FieldType};

use super::cell;
use super::index_value::{IndexValue, PARTITION_FLAG, Restored};
use super::special;
use crate::cop::datum;
use crate::cop::error::{CopError, EvalError};
use crate::cop::types::{TypeExt, of_column};
use crate::cop::value::{Row, Value};

/// Where the handle is to be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HandleKind {
    None,
    Int,
    Common,
}

/// What to make of each entry. The request's columns are those of the index in its order, then the
/// handle's, then the partition's id, then the physical table's.
#[derive(Debug)]
pub(crate) struct IndexReader {
    /// The types of the columns, in the order of the request.
    pub(crate) schema: Vec<FieldType>,
    ids: Vec<i64>,
    /// How many of the columns are the index's own.
    indexed: usize,
    handle: HandleKind,
    has_partition: bool,
    has_table: bool,
    zone: Zone,
}

impl IndexReader {
    /// A reader of entries; `primary` are the columns of a common handle that the request has last.
    ///
    /// # Errors
    /// [`CopError::Other`] when the columns are in no order that an index scan has.
    pub(crate) fn new(
        columns: &[ColumnInfo],
        primary: &[i64],
        zone: Zone,
    ) -> Result<Self, CopError> {
        let mut left = columns;
        let mut take_special = |id: i64| match left.split_last() {
            Some((last, rest)) if last.column_id() == id => {
                left = rest;
                true
            }
            _ => false,
        };
        let has_table = take_special(special::PHYSICAL_TABLE_ID);
        let has_partition = take_special(special::PARTITION_ID);
        let is_int = left.last().is_some_and(ColumnInfo::pk_handle);
        let (handle, handle_columns) = match (is_int, primary.len()) {
            (true, 0) => (HandleKind::Int, 1),
            (false, 0) => (HandleKind::None, 0),
            (false, count) => (HandleKind::Common, count),
            (true, _) => {
                return Err(CopError::plan("Both int handle and common handle are push downed"));
            }
        };
        let indexed = left.len().checked_sub(handle_columns).ok_or_else(|| {
            CopError::plan("The number of handle columns exceeds the length of `columns_info`")
        })?;
        Ok(Self {
            schema: columns.iter().map(of_column).collect(),
            ids: columns.iter().map(ColumnInfo::column_id).collect(),
            indexed,
            handle,
            has_partition,
            has_table,
            zone,
        })
    }

    /// The values of one entry.
    ///
    /// # Errors
    /// When key or value are malformed.
    pub(crate) fn read(&self, key: &[u8], value: &[u8]) -> Result<Row, EvalError> {
        let (table_id, _, mut payload) = key::decode_index_key(key)?;
        let mut value = IndexValue::new(value)?;
        let mut row = Vec::with_capacity(self.schema.len());
        match value.restored {
            Some(Restored::All(restored)) => {
                self.read_restored_row(restored, &mut row)?;
                for _ in 0..self.indexed {
                    codec_datum::skip_one(&mut payload)?;
                }
            }
            _ => self.read_datums(&mut payload, self.indexed, &mut row)?,
        }
        match self.handle {
            HandleKind::None => {}
            HandleKind::Int => {
                let handle = self.int_handle(&mut value, payload)?;
                row.push(Value::Int(handle));
            }
            HandleKind::Common => {
                let mut datums = value.common_handle.unwrap_or(payload);
                let count = self.common_columns();
                self.read_datums(&mut datums, count, &mut row)?;
            }
        }
        if let Some(Restored::Some(restored)) = value.restored {
            self.restore(restored, &mut row)?;
        }
        let partition = value.partition.unwrap_or(table_id);
        row.extend((0..usize::from(self.has_partition)).map(|_| Value::Int(partition)));
        row.extend((0..usize::from(self.has_table)).map(|_| Value::Int(partition)));
        Ok(row)
    }

    fn common_columns(&self) -> usize {
        let special = usize::from(self.has_partition) + usize::from(self.has_table);
        self.schema.len().saturating_sub(self.indexed + special)
    }

    /// Reads datums as the next columns.
    fn read_datums(
        &self,
        datums: &mut &[u8],
        count: usize,
        row: &mut Row,
    ) -> Result<(), EvalError> {
        for _ in 0..count {
            let Some(ty) = self.schema.get(row.len()) else { break };
            row.push(datum::decode(datums, ty, self.zone)?);
        }
        Ok(())
    }

    /// All columns of the index from a row.
    fn read_restored_row(&self, restored: &[u8], row: &mut Row) -> Result<(), EvalError> {
        let cells = RowReader::new(restored)?;
        for (id, ty) in self.ids.iter().zip(&self.schema).take(self.indexed) {
            row.push(match cells.get(*id)? {
                Cell::Value(bytes) => cell::decode(bytes, ty, self.zone)?,
                Cell::Null => Value::Null,
                Cell::Missing => return Err(missing(*id)),
            });
        }
        Ok(())
    }

    /// The handle from the value, or behind the columns in the key.
    fn int_handle(&self, value: &mut IndexValue<'_>, payload: &[u8]) -> Result<i64, EvalError> {
        let mut rest = payload;
        // Entries of a global index may have the partition before the handle.
        if let [PARTITION_FLAG, behind @ ..] = rest {
            rest = behind;
            let partition = number::decode_i64(&mut rest)?;
            value.partition.get_or_insert(partition);
        }
        if let Some(handle) = value.handle.filter(|_| rest.is_empty()) {
            return Ok(handle);
        }
        match codec_datum::decode_one(&mut rest)? {
            codec_datum::Datum::Int(handle) => Ok(handle),
            codec_datum::Datum::UInt(handle) => Ok(handle.cast_signed()),
            other => {
                Err(Error::malformed("index key", format!("a handle of {}", other.kind())).into())
            }
        }
    }

    /// Puts texts in place of their sort keys.
    fn restore(&self, restored: &[u8], row: &mut Row) -> Result<(), EvalError> {
        let cells = RowReader::new(restored)?;
        for ((id, ty), value) in self.ids.iter().zip(&self.schema).zip(row) {
            let Value::Bytes(key) = value else { continue };
            if !needs_restoring(ty) {
                continue;
            }
            let Cell::Value(stored) = cells.get(*id)? else { return Err(missing(*id)) };
            if is_padded(ty) {
                let unsigned =
                    FieldType { flag: Some(tifusion_codec::field_type::flag::UNSIGNED), ..long() };
                let Value::Int(blanks) = cell::decode(stored, &unsigned, self.zone)? else {
                    return Err(missing(*id));
                };
                let mut text = key.to_vec();
                let blanks = usize::try_from(blanks).unwrap_or(0).min(usize::from(u16::MAX));
                text.resize(text.len() + blanks, b' ');
                *value = Value::Bytes(text.into());
            } else {
                *value = Value::Bytes(Bytes::copy_from_slice(stored));
            }
        }
        Ok(())
    }
}

fn long() -> FieldType {
    FieldType { tp: Some(i32::from(tp::LONG_LONG)), ..FieldType::default() }
}

fn missing(column_id: i64) -> EvalError {
    EvalError::other(format!("Unexpected missing column {column_id}"))
}

/// Whether a column's sort key differs from it, so that its text is stored too.
fn needs_restoring(ty: &FieldType) -> bool {
    let is_varchar = matches!(ty.code(), tp::VARCHAR | tp::VAR_STRING);
    let is_text = is_varchar
        || matches!(
            ty.code(),
            tp::STRING | tp::TINY_BLOB | tp::BLOB | tp::MEDIUM_BLOB | tp::LONG_BLOB
        );
    is_text
        && match ty.collation_id() {
            63 | -63 | 47 | -309 => false,
            _ if is_padded(ty) => is_varchar,
            _ => true,
        }
}

/// Whether the collation's sort key is the text without its blanks at the end.
fn is_padded(ty: &FieldType) -> bool {
    matches!(ty.collation_id(), -46 | -83 | -65 | -47)
}
