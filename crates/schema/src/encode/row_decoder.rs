//! Records back to the values of their rows, exactly as the store holds them.

use tifusion_codec::datum::{self, Datum};
use tifusion_codec::key::Handle;
use tifusion_codec::row::{Cell, RowReader, decode_old_row, decode_value, is_old_row, old_value};
use tifusion_codec::time::Zone;

use crate::default_value::origin_default_datum;
use crate::error::Error;
use crate::lookup::HandleKind;
use crate::model::{ColumnInfo, TableInfo};

/// Reads the rows of one table from their records: the reverse of [`TableEncoder`](super::TableEncoder).
///
/// Nothing is lost on the way, as it would be by way of Arrow (zero dates, members of an `ENUM` that are no
/// member): what is encoded again from these values has the keys that are in the store.
#[derive(Debug, Clone)]
pub struct RowDecoder {
    table: String,
    columns: Vec<ColumnInfo>,
    /// For each column, what rows older than it have.
    defaults: Vec<Datum<'static>>,
    handle: HandleParts,
}

/// Which columns the key of a record holds.
#[derive(Debug, Clone)]
enum HandleParts {
    None,
    /// The column's id.
    Int(i64),
    /// The columns' ids in the key's order.
    Common(Vec<i64>),
}

/// A record that is not one of the table's rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a row of table {table}, column {column}: {error}")]
pub struct DecodeRowError {
    /// The table's name.
    pub table: String,
    /// The column's name; empty where the whole row is malformed.
    pub column: String,
    /// What is wrong.
    pub error: tifusion_codec::Error,
}

impl RowDecoder {
    /// A decoder for the rows of `table`; `system_zone` is the zone of the TiDB servers, which defaults of
    /// very old `TIMESTAMP` columns need.
    ///
    /// # Errors
    /// When the table's description contradicts itself, or a column's default is not a value of its type.
    pub fn new(table: &TableInfo, system_zone: Option<Zone>) -> Result<Self, Error> {
        let handle = match table.handle()? {
            HandleKind::RowId => HandleParts::None,
            HandleKind::Int(column) => HandleParts::Int(column.id),
            HandleKind::Common(_) => HandleParts::Common(table.common_handle_column_ids()?),
        };
        let default = |column: &ColumnInfo| -> Result<Datum<'static>, Error> {
            let Some(bytes) = origin_default_datum(column, system_zone)? else {
                return Ok(Datum::Null);
            };
            let value = old_value(&bytes, &column.field_type).map(Datum::into_owned);
            value.map_err(|error| {
                let malformed = crate::default_value::DefaultValueError {
                    column: column.name.original.clone(),
                    type_name: column.field_type.name(),
                    value: column
                        .origin_default
                        .as_ref()
                        .map(ToString::to_string)
                        .unwrap_or_default(),
                    reason: error.into(),
                };
                malformed.into()
            })
        };
        let defaults = table.columns.iter().map(default).collect::<Result<_, _>>()?;
        Ok(Self {
            table: table.name.original.clone(),
            columns: table.columns.clone(),
            defaults,
            handle,
        })
    }

    /// The values of all columns of a row, in the table's order.
    ///
    /// # Errors
    /// [`DecodeRowError`] when the record is malformed.
    pub fn decode<'a>(
        &self,
        handle: &'a Handle,
        value: &'a [u8],
    ) -> Result<Vec<Datum<'a>>, DecodeRowError> {
        let whole = |error| self.error("", error);
        let old =
            if is_old_row(value) { Some(decode_old_row(value).map_err(whole)?) } else { None };
        let row = match old {
            None => Some(RowReader::new(value).map_err(whole)?),
            Some(_) => None,
        };
        let in_key = self.values_of_key(handle).map_err(whole)?;
        let mut values = Vec::with_capacity(self.columns.len());
        for (column, default) in self.columns.iter().zip(&self.defaults) {
            let stored = match (&row, &old) {
                (Some(row), _) => match row.get(column.id) {
                    Ok(Cell::Value(bytes)) => decode_value(bytes, &column.field_type).map(Some),
                    Ok(Cell::Null) => Ok(Some(Datum::Null)),
                    Ok(Cell::Missing) => Ok(None),
                    Err(error) => Err(error),
                },
                (None, Some(old)) => old
                    .iter()
                    .find(|(id, _)| *id == column.id)
                    .map(|(_, bytes)| old_value(bytes, &column.field_type))
                    .transpose(),
                (None, None) => Ok(None),
            };
            let stored = stored.map_err(|error| self.error(&column.name.original, error))?;
            let value = match stored {
                Some(value) => value,
                None => match in_key.iter().find(|(id, _)| *id == column.id) {
                    Some((_, KeyPart::Int(number))) if column.field_type.is_unsigned() => {
                        Datum::UInt(number.cast_unsigned())
                    }
                    Some((_, KeyPart::Int(number))) => Datum::Int(*number),
                    Some((_, KeyPart::Datum(bytes))) => old_value(bytes, &column.field_type)
                        .map_err(|error| self.error(&column.name.original, error))?,
                    None => default.clone(),
                },
            };
            values.push(value);
        }
        Ok(values)
    }

    /// The columns that the key holds, by their ids.
    fn values_of_key<'a>(
        &self,
        handle: &'a Handle,
    ) -> Result<Vec<(i64, KeyPart<'a>)>, tifusion_codec::Error> {
        match (&self.handle, handle) {
            (HandleParts::None, _) => Ok(Vec::new()),
            (HandleParts::Int(id), Handle::Int(number)) => Ok(vec![(*id, KeyPart::Int(*number))]),
            (HandleParts::Common(ids), Handle::Common(datums)) => {
                let mut rest = datums.as_slice();
                let parts = ids
                    .iter()
                    .map(|id| datum::skip_one(&mut rest).map(|bytes| (*id, KeyPart::Datum(bytes))));
                parts.collect()
            }
            _ => Err(tifusion_codec::Error::malformed("record key", "a handle of another kind")),
        }
    }

    fn error(&self, column: &str, error: tifusion_codec::Error) -> DecodeRowError {
        DecodeRowError { table: self.table.clone(), column: column.to_owned(), error }
    }
}

/// What a record's key holds of a column.
enum KeyPart<'a> {
    Int(i64),
    /// A memory-comparable datum.
    Datum(&'a [u8]),
}
