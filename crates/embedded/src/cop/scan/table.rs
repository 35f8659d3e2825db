//! The table scan: from record keys and rows to values.

use std::collections::HashMap;

use tifusion_codec::datum as codec_datum;
use tifusion_codec::field_type::flag;
use tifusion_codec::key::{self, Handle};
use tifusion_codec::row::{Cell, RowReader, VERSION};
use tifusion_codec::time::Zone;
use tifusion_codec::{Error, number};
use tifusion_proto::tipb::{ColumnInfo, FieldType};

use super::special;
use crate::cop::datum;
use crate::cop::error::{CopError, EvalError};
use crate::cop::scan::cell;
use crate::cop::types::{TypeExt, of_column};
use crate::cop::value::{Row, Value};

/// What to make of each pair.
#[derive(Debug)]
pub(crate) struct TableReader {
    /// The types of the columns, in the order of the request.
    pub(crate) schema: Vec<FieldType>,
    defaults: Vec<Vec<u8>>,
    /// Where each stored column goes.
    offsets: HashMap<i64, usize>,
    /// Where the integer handle goes.
    handles: Vec<usize>,
    /// The columns of a common handle, in its order.
    primary: Vec<i64>,
    zone: Zone,
}

impl TableReader {
    /// A reader of rows with these columns; `primary` are the columns of a common handle.
    ///
    /// # Errors
    /// [`CopError::Other`] for a column that can't be read.
    pub(crate) fn new(
        columns: &[ColumnInfo],
        primary: &[i64],
        zone: Zone,
    ) -> Result<Self, CopError> {
        let mut offsets = HashMap::new();
        let mut handles = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            if column.pk_handle() {
                handles.push(at);
            } else if column.column_id() == special::COMMIT_TS {
                return Err(CopError::plan("the commit_ts of rows can't be read as a column"));
            } else {
                offsets.insert(column.column_id(), at);
            }
        }
        Ok(Self {
            schema: columns.iter().map(of_column).collect(),
            defaults: columns.iter().map(|column| column.default_val().to_vec()).collect(),
            offsets,
            handles,
            primary: primary.to_vec(),
            zone,
        })
    }

    /// The values of one row.
    ///
    /// # Errors
    /// When key or value are malformed, or a column that can't be NULL is missing.
    pub(crate) fn read(&self, key: &[u8], value: &[u8]) -> Result<Row, EvalError> {
        let mut cells: Vec<Option<Value>> = vec![None; self.schema.len()];
        match value {
            [] | [codec_datum::flag::NIL] => {}
            [VERSION, ..] => self.read_v2(value, &mut cells)?,
            _ => self.read_v1(value, &mut cells)?,
        }
        let (table_id, handle) = key::decode_record_key(key)?;
        self.read_handle(&handle, &mut cells)?;
        if let Some(cell) = self.cell_of(special::PHYSICAL_TABLE_ID, &mut cells) {
            *cell = Some(Value::Int(table_id));
        }
        cells.into_iter().enumerate().map(|(at, cell)| self.or_default(at, cell)).collect()
    }

    /// Column ids and values one after another, all datums.
    fn read_v1(&self, value: &[u8], cells: &mut [Option<Value>]) -> Result<(), EvalError> {
        let mut rest = value;
        while let Some((flag, tail)) = rest.split_first() {
            if *flag != codec_datum::flag::VARINT {
                return Err(EvalError::other("Unable to decode row: column id must be VAR_INT"));
            }
            rest = tail;
            let id = number::decode_varint(&mut rest)?;
            let stored = codec_datum::skip_one(&mut rest)?;
            if let Some(&at) = self.offsets.get(&id)
                && let (Some(cell), Some(ty)) = (cells.get_mut(at), self.schema.get(at))
                && cell.is_none()
            {
                *cell = Some(datum::decode(&mut { stored }, ty, self.zone)?);
            }
        }
        Ok(())
    }

    fn read_v2(&self, value: &[u8], cells: &mut [Option<Value>]) -> Result<(), EvalError> {
        let row = RowReader::new(value)?;
        for (id, at) in &self.offsets {
            let (Some(cell), Some(ty)) = (cells.get_mut(*at), self.schema.get(*at)) else {
                continue;
            };
            *cell = match row.get(*id)? {
                Cell::Value(bytes) => Some(cell::decode(bytes, ty, self.zone)?),
                Cell::Null => Some(Value::Null),
                Cell::Missing => None,
            };
        }
        Ok(())
    }

    fn read_handle(&self, handle: &Handle, cells: &mut [Option<Value>]) -> Result<(), EvalError> {
        if !self.handles.is_empty() {
            let Handle::Int(handle) = handle else {
                return Err(Error::malformed("record key", "the handle is no integer").into());
            };
            for at in &self.handles {
                if let Some(cell) = cells.get_mut(*at) {
                    *cell = Some(Value::Int(*handle));
                }
            }
            return Ok(());
        }
        let Handle::Common(datums) = handle else { return Ok(()) };
        let mut rest = datums.as_slice();
        for id in &self.primary {
            let stored = codec_datum::skip_one(&mut rest)?;
            if let Some(&at) = self.offsets.get(id)
                && let (Some(cell), Some(ty)) = (cells.get_mut(at), self.schema.get(at))
                && cell.is_none()
            {
                *cell = Some(datum::decode(&mut { stored }, ty, self.zone)?);
            }
        }
        Ok(())
    }

    fn cell_of<'a>(
        &self,
        column_id: i64,
        cells: &'a mut [Option<Value>],
    ) -> Option<&'a mut Option<Value>> {
        self.offsets.get(&column_id).and_then(|at| cells.get_mut(*at))
    }

    /// What a row written before the column existed shows: its default, else NULL.
    fn or_default(&self, at: usize, cell: Option<Value>) -> Result<Value, EvalError> {
        if let Some(value) = cell {
            return Ok(value);
        }
        let (Some(ty), Some(default)) = (self.schema.get(at), self.defaults.get(at)) else {
            return Ok(Value::Null);
        };
        if !default.is_empty() {
            return datum::decode(&mut default.as_slice(), ty, self.zone);
        }
        if ty.flags() & flag::NOT_NULL == 0 {
            return Ok(Value::Null);
        }
        Err(EvalError::other(format!(
            "Data is corrupted, missing data for NOT NULL column (offset = {at})"
        )))
    }
}
