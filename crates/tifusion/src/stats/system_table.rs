//! Reads of single rows of TiDB's own tables, by the columns that an index or the key begins with.
//!
//! These tables grow with the cluster: only the rows that are asked for are read. The columns are
//! looked for by their names and the index by its columns, for versions of TiDB differ in both.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::index::IndexValue;
use tifusion_codec::key::{self, Handle};
use tifusion_codec::row::{self, Cell, RowReader};
use tifusion_schema::{ColumnInfo, HandleKind, IndexInfo, TableInfo};

use crate::error::{Error, ErrorKind, Result};
use crate::meta::{MetaReader, ReadAt};

/// One of TiDB's own tables.
#[derive(Debug, Clone)]
pub(super) struct SystemTable {
    info: Arc<TableInfo>,
}

/// A row, as it is stored.
#[derive(Debug, Clone)]
pub(super) struct SystemRow {
    table: Arc<TableInfo>,
    handle: Handle,
    value: Bytes,
}

/// By what rows are found.
enum Path<'a> {
    /// The rows' own keys.
    Records,
    /// The entries of an index.
    Index(&'a IndexInfo),
}

impl SystemTable {
    /// The table that `info` describes.
    pub(super) fn new(info: Arc<TableInfo>) -> Self {
        Self { info }
    }

    /// The rows whose `columns` have one of the given lists of values, `most` at most: with more it
    /// is an error.
    pub(super) async fn rows(
        &self,
        reader: &dyn MetaReader,
        at: ReadAt,
        columns: &[&str],
        values: &[Vec<i64>],
        most: usize,
    ) -> Result<Vec<SystemRow>> {
        let prefixes = values.iter().map(|values| encode(values));
        match self.path(columns)? {
            Path::Records => {
                let prefix = key::record_prefix(self.info.id);
                let mut rows = Vec::new();
                for datums in prefixes {
                    let pairs = scan(reader, at, [prefix.clone(), datums?].concat(), most).await?;
                    for (key, value) in pairs {
                        let (_, handle) = key::decode_record_key(&key)?;
                        rows.push(self.row(handle, value));
                    }
                }
                Ok(rows)
            }
            Path::Index(index) => {
                let prefix = key::index_prefix(self.info.id, index.id);
                let keys: Result<Vec<Vec<u8>>> =
                    prefixes.map(|datums| Ok([prefix.clone(), datums?].concat())).collect();
                let handles = self.handles(reader, at, index, columns.len(), keys?, most).await?;
                self.records(reader, at, handles).await
            }
        }
    }

    /// The shortest way to rows by these columns.
    fn path(&self, columns: &[&str]) -> Result<Path<'_>> {
        let begins = |index: &IndexInfo| {
            let names = index.columns.iter().map(|column| column.name.lower.as_str());
            names.take(columns.len()).eq(columns.iter().copied())
        };
        if let HandleKind::Common(index) = self.info.handle()?
            && begins(index)
        {
            return Ok(Path::Records);
        }
        let mut indexes: Vec<&IndexInfo> =
            self.info.indices.iter().filter(|index| index.is_readable() && begins(index)).collect();
        indexes.sort_by_key(|index| index.columns.len());
        indexes.first().map(|index| Path::Index(index)).ok_or_else(|| {
            let name = self.info.name.as_str();
            Error::unsupported(format!("mysql.{name} has no index on ({})", columns.join(", ")))
        })
    }

    /// The handles behind the entries of an index that begin with `keys`.
    async fn handles(
        &self,
        reader: &dyn MetaReader,
        at: ReadAt,
        index: &IndexInfo,
        columns: usize,
        keys: Vec<Vec<u8>>,
        most: usize,
    ) -> Result<Vec<Handle>> {
        let is_point = index.unique && index.columns.len() == columns;
        let mut entries: Vec<(Vec<u8>, Bytes)> = Vec::new();
        if is_point {
            let values = reader.get(at, keys.clone()).await?;
            entries.extend(keys.into_iter().zip(values).filter_map(|(k, v)| Some((k, v?))));
        } else {
            for key in keys {
                entries.extend(scan(reader, at, key, most).await?);
            }
        }
        entries.iter().map(|(key, value)| handle_of(index, key, value)).collect()
    }

    async fn records(
        &self,
        reader: &dyn MetaReader,
        at: ReadAt,
        handles: Vec<Handle>,
    ) -> Result<Vec<SystemRow>> {
        if handles.is_empty() {
            return Ok(Vec::new());
        }
        let key = |handle: &Handle| key::encode_record_key(self.info.id, handle);
        let values = reader.get(at, handles.iter().map(key).collect()).await?;
        let rows = handles.into_iter().zip(values);
        Ok(rows.filter_map(|(handle, value)| Some(self.row(handle, value?))).collect())
    }

    fn row(&self, handle: Handle, value: Bytes) -> SystemRow {
        SystemRow { table: Arc::clone(&self.info), handle, value }
    }
}

/// All pairs whose keys begin with `prefix`.
async fn scan(
    reader: &dyn MetaReader,
    at: ReadAt,
    prefix: Vec<u8>,
    most: usize,
) -> Result<Vec<(Vec<u8>, Bytes)>> {
    let (start, end) = key::prefix_range(prefix);
    let mut pairs = Vec::new();
    let mut on_pair = |key: &[u8], value: &[u8]| {
        if pairs.len() == most {
            let message = format!("more than {most} rows of statistics of one column");
            return Err(Error::new(ErrorKind::Refused, message));
        }
        pairs.push((key.to_vec(), Bytes::copy_from_slice(value)));
        Ok(())
    };
    reader.scan(at, &start, &end, &mut on_pair).await?;
    Ok(pairs)
}

fn encode(values: &[i64]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for value in values {
        datum::encode_key(&mut out, &Datum::Int(*value))?;
    }
    Ok(out)
}

/// The handle that an entry of an index leads to: in its value if it is unique, else behind the values
/// in its key.
fn handle_of(index: &IndexInfo, key: &[u8], value: &[u8]) -> Result<Handle> {
    if let Some(handle) = IndexValue::decode(value)?.handle {
        return Ok(handle);
    }
    let (_, _, mut rest) = key::decode_index_key(key)?;
    for _ in &index.columns {
        datum::skip_one(&mut rest)?;
    }
    match rest {
        [datum::flag::INT, handle @ ..] if handle.len() == 8 => Ok(Handle::decode(handle)?),
        _ => Ok(Handle::Common(rest.to_vec())),
    }
}

impl SystemRow {
    /// The values of these columns; `None` for `NULL`, and for a column that the row is older than or
    /// this version of TiDB does not have.
    pub(super) fn values(&self, names: &[&str]) -> Result<Vec<Option<Datum<'_>>>> {
        let stored = Stored::of(&self.value)?;
        let of_key = self.handle.datums()?;
        let key_columns = match self.table.handle()? {
            HandleKind::Common(index) => {
                index.columns.iter().map(|column| column.name.lower.as_str()).collect()
            }
            HandleKind::Int(column) => vec![column.name.lower.as_str()],
            HandleKind::RowId => Vec::new(),
        };
        let mut values = Vec::with_capacity(names.len());
        for name in names {
            let in_key = key_columns.iter().position(|column| column == name);
            let value = match self.table.find_column(name) {
                None => None,
                Some(column) => stored.value(column)?,
            };
            let of_key = in_key.and_then(|at| of_key.get(at)).cloned().map(Datum::into_owned);
            values.push(value.or(of_key));
        }
        Ok(values)
    }
}

/// A row in one of the two formats.
enum Stored<'a> {
    Now(RowReader<'a>),
    Old(HashMap<i64, &'a [u8]>),
}

impl<'a> Stored<'a> {
    fn of(value: &'a [u8]) -> Result<Self> {
        if row::is_old_row(value) {
            return Ok(Self::Old(row::decode_old_row(value)?.into_iter().collect()));
        }
        Ok(Self::Now(RowReader::new(value)?))
    }

    fn value(&self, column: &ColumnInfo) -> Result<Option<Datum<'a>>> {
        let field_type = &column.field_type;
        let value = match self {
            Self::Now(reader) => match reader.get(column.id)? {
                Cell::Value(bytes) => row::decode_value(bytes, field_type)?,
                Cell::Null | Cell::Missing => return Ok(None),
            },
            Self::Old(columns) => match columns.get(&column.id) {
                Some(bytes) => row::old_value(bytes, field_type)?,
                None => return Ok(None),
            },
        };
        Ok(Some(value).filter(|value| *value != Datum::Null))
    }
}

/// A count, of whatever integer type.
pub(super) fn count(value: Option<&Datum<'_>>) -> u64 {
    match value {
        Some(Datum::UInt(count)) => *count,
        Some(Datum::Int(count)) => u64::try_from(*count).unwrap_or(0),
        _ => 0,
    }
}

/// A number that may be negative, of whatever integer type.
pub(super) fn number(value: Option<&Datum<'_>>) -> Option<i64> {
    match value? {
        Datum::Int(number) => Some(*number),
        Datum::UInt(number) => i64::try_from(*number).ok(),
        _ => None,
    }
}

/// Bytes.
pub(super) fn bytes(value: Option<Datum<'_>>) -> Option<Vec<u8>> {
    match value? {
        Datum::Bytes(bytes) => Some(Cow::into_owned(bytes)),
        _ => None,
    }
}
