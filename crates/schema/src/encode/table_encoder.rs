//! Encodes the rows of one table.

use tifusion_codec::datum::Datum;
use tifusion_codec::index::{
    IndexValue, IndexValueForm, KeyColumn, encode_common_handle, encode_index_key,
    restored_version0, restored_version1,
};
use tifusion_codec::key::{Handle, encode_record_key};
use tifusion_codec::row::{RowBuilder, check_stored};

use super::refusal::{EncodeError, NotWritable, NotWritableReason};
use crate::lookup::HandleKind;
use crate::model::{ColumnInfo, IndexInfo, TableInfo};
use crate::partition::PartitionRouter;

/// A row as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedRow {
    /// The table id in the record's key: that of the table or of the partition.
    pub physical_id: i64,
    /// What names the row in its table.
    pub handle: Handle,
    /// The record's key.
    pub key: Vec<u8>,
    /// The record's value.
    pub value: Vec<u8>,
    /// The entries of the indexes, in their order; a clustered primary key has none.
    pub entries: Vec<EncodedEntry>,
}

/// A row's entry in an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedEntry {
    /// The index.
    pub index_id: i64,
    /// The entry's key.
    pub key: Vec<u8>,
    /// The entry's value.
    pub value: Vec<u8>,
    /// Whether no other row may have this key: then it must not exist before.
    pub is_distinct: bool,
}

/// Encodes the rows of one table, exactly as TiDB does.
#[derive(Debug, Clone)]
pub struct TableEncoder {
    table: TableInfo,
    handle: HandleColumns,
    /// For each column in order of offset, whether the key alone tells its value.
    in_key: Vec<bool>,
    indexes: Vec<IndexEncoder>,
    form: IndexValueForm,
    router: Option<PartitionRouter>,
}

/// Where handles come from.
#[derive(Debug, Clone)]
enum HandleColumns {
    RowId,
    /// Offset of the column.
    Int(usize),
    Common(KeyPart),
}

/// Columns of a key with their offsets in the row.
#[derive(Debug, Clone)]
struct KeyPart {
    columns: Vec<KeyColumn>,
    offsets: Vec<usize>,
}

#[derive(Debug, Clone)]
struct IndexEncoder {
    id: i64,
    name: String,
    is_unique: bool,
    is_global: bool,
    part: KeyPart,
}

impl TableEncoder {
    /// An encoder for the rows of `table` in a cluster with or without the new collations.
    ///
    /// # Errors
    /// [`NotWritable`] if this version does not know the table to the last detail.
    pub fn new(table: &TableInfo, new_collation: bool) -> Result<Self, NotWritable> {
        table.check_writable()?;
        let refuse = |reason| NotWritable { table: table.name.original.clone(), reason };
        Self::build(table, new_collation).map_err(refuse)
    }

    fn build(table: &TableInfo, new_collation: bool) -> Result<Self, NotWritableReason> {
        let part = |index: &IndexInfo| KeyPart::new(table, index, new_collation);
        let handle = match table.handle()? {
            HandleKind::RowId => HandleColumns::RowId,
            HandleKind::Int(column) => HandleColumns::Int(offset_of(table, column)),
            HandleKind::Common(index) => HandleColumns::Common(part(index)?),
        };
        let in_key = table.columns.iter().map(|column| handle.tells(column, table)).collect();
        let indexes = table
            .indices
            .iter()
            .filter(|index| !(index.primary && table.is_common_handle))
            .map(|index| {
                Ok(IndexEncoder {
                    id: index.id,
                    name: index.name.original.clone(),
                    is_unique: index.unique,
                    is_global: index.global,
                    part: part(index)?,
                })
            })
            .collect::<Result<_, NotWritableReason>>()?;
        let is_version1 = table.is_common_handle && table.common_handle_version == 1;
        let form = if is_version1 { IndexValueForm::Version1 } else { IndexValueForm::Version0 };
        let router = match table.partition_info() {
            None => None,
            Some(_) => Some(PartitionRouter::new(table, new_collation)?),
        };
        Ok(Self { table: table.clone(), handle, in_key, indexes, form, router })
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &TableInfo {
        &self.table
    }

    /// Whether each row needs a row id from outside (`_tidb_rowid`).
    #[must_use]
    pub fn needs_row_id(&self) -> bool {
        matches!(self.handle, HandleColumns::RowId)
    }

    /// The pairs of a row. `values` are those of all columns of the table, in its order; see
    /// [`check_stored`] for what they may be. `row_id` is needed where
    /// [`TableEncoder::needs_row_id`] says so, and not looked at elsewhere.
    ///
    /// # Errors
    /// [`EncodeError`] when a value is not one its column can hold, or no partition takes the row.
    pub fn encode(
        &self,
        values: &[Datum<'_>],
        row_id: Option<i64>,
    ) -> Result<EncodedRow, EncodeError> {
        self.check(values)?;
        self.encode_stored(values, row_id)
    }

    /// The same for values that are not checked again: those of a row that is in the store, which may be
    /// ones that no statement could write today (a date of zeros, say).
    ///
    /// # Errors
    /// [`EncodeError`] when a value is not of its column's kind, or no partition takes the row.
    pub fn encode_stored(
        &self,
        values: &[Datum<'_>],
        row_id: Option<i64>,
    ) -> Result<EncodedRow, EncodeError> {
        let (physical_id, handle) = self.locate(values, row_id)?;
        let key = encode_record_key(physical_id, &handle);
        let value = self.record(values)?;
        let entries = self
            .indexes
            .iter()
            .map(|index| self.entry(index, values, physical_id, &handle))
            .collect::<Result<_, _>>()?;
        Ok(EncodedRow { physical_id, handle, key, value, entries })
    }

    /// Where a row is: the table id in its record's key, and its handle. Only the values of the columns in
    /// [`TableEncoder::partition_columns`] and of the handle are looked at.
    ///
    /// # Errors
    /// [`EncodeError`] as for [`TableEncoder::encode_stored`].
    pub fn locate(
        &self,
        values: &[Datum<'_>],
        row_id: Option<i64>,
    ) -> Result<(i64, Handle), EncodeError> {
        let handle = self.handle(values, row_id)?;
        let physical_id = match &self.router {
            None => self.table.id,
            Some(router) => router.route(values)?,
        };
        Ok((physical_id, handle))
    }

    /// The offsets of the columns that a row's partition depends on; none without partitions.
    #[must_use]
    pub fn partition_columns(&self) -> Vec<usize> {
        self.router.as_ref().map_or_else(Vec::new, PartitionRouter::columns)
    }

    /// How many keys a row has, at most, that no other row may have: its primary key and its unique ones.
    #[must_use]
    pub fn distinct_keys(&self) -> usize {
        let record = usize::from(!self.needs_row_id());
        record + self.indexes.iter().filter(|index| index.is_unique).count()
    }

    /// The keys of a row that no other row may have, [`TableEncoder::distinct_keys`] of them in the same order for
    /// all rows: `None` for one with a `NULL` in it, and for what depends on the column `unknown`, which has no
    /// value yet.
    ///
    /// # Errors
    /// [`EncodeError`] as for [`TableEncoder::encode`].
    pub fn distinct_keys_of(
        &self,
        values: &[Datum<'_>],
        unknown: Option<usize>,
    ) -> Result<Vec<Option<Vec<u8>>>, EncodeError> {
        let depends = |offsets: &[usize]| unknown.is_some_and(|it| offsets.contains(&it));
        if depends(&self.partition_columns()) {
            // Each key has the columns that its partition depends on.
            return Ok(vec![None; self.distinct_keys()]);
        }
        // An entry that has no handle in it is the same whatever the handle is.
        const ANY: Handle = Handle::Int(0);
        let physical_id = match &self.router {
            None => self.table.id,
            Some(router) => router.route(values)?,
        };
        let mut keys = Vec::with_capacity(self.distinct_keys());
        let is_known = match &self.handle {
            HandleColumns::RowId => None,
            HandleColumns::Int(offset) => Some(!depends(&[*offset])),
            HandleColumns::Common(part) => Some(!depends(&part.offsets)),
        };
        if let Some(is_known) = is_known {
            keys.push(match is_known {
                true => Some(encode_record_key(physical_id, &self.handle(values, None)?)),
                false => None,
            });
        }
        for index in self.indexes.iter().filter(|index| index.is_unique) {
            if depends(&index.part.offsets) {
                keys.push(None);
                continue;
            }
            let table_id = if index.is_global { self.table.id } else { physical_id };
            let (columns, values) = (&index.part.columns, index.part.values(values));
            let entry = encode_index_key(table_id, index.id, true, columns, &values, &ANY);
            let refuse = |error| self.codec_error(&format!("index {}", index.name), error);
            let (key, is_distinct) = entry.map_err(refuse)?;
            keys.push(is_distinct.then_some(key));
        }
        Ok(keys)
    }

    /// Checks that each column can hold its value.
    ///
    /// # Errors
    /// [`EncodeError`] with the first that can't.
    pub fn check(&self, values: &[Datum<'_>]) -> Result<(), EncodeError> {
        if values.len() != self.table.columns.len() {
            return Err(EncodeError::Count {
                table: self.table.name.original.clone(),
                columns: self.table.columns.len(),
                values: values.len(),
            });
        }
        for (column, value) in self.table.columns.iter().zip(values) {
            check_stored(&column.field_type, value).map_err(|error| EncodeError::Value {
                table: self.table.name.original.clone(),
                column: column.name.original.clone(),
                error,
            })?;
        }
        Ok(())
    }

    fn handle(&self, values: &[Datum<'_>], row_id: Option<i64>) -> Result<Handle, EncodeError> {
        let refuse = |error| self.codec_error("the primary key", error);
        match &self.handle {
            HandleColumns::RowId => row_id
                .map(Handle::Int)
                .ok_or_else(|| EncodeError::NoRowId { table: self.table.name.original.clone() }),
            HandleColumns::Int(offset) => match values.get(*offset) {
                Some(Datum::Int(value)) => Ok(Handle::Int(*value)),
                Some(Datum::UInt(value)) => Ok(Handle::Int(value.cast_signed())),
                _ => Err(refuse(tifusion_codec::Error::malformed("handle", "no integer"))),
            },
            HandleColumns::Common(part) => {
                encode_common_handle(&part.columns, &part.values(values)).map_err(refuse)
            }
        }
    }

    /// The record's value: the columns that the key does not tell, but for those that are `NULL` now
    /// and by default (`CanSkip` of TiDB).
    fn record(&self, values: &[Datum<'_>]) -> Result<Vec<u8>, EncodeError> {
        let mut row = RowBuilder::new();
        let mut out = Vec::new();
        let columns = self.table.columns.iter().zip(&self.in_key).zip(values);
        for ((column, in_key), value) in columns {
            let is_absent = *value == Datum::Null
                && column.default.is_none()
                && column.default_bit.is_none()
                && column.origin_default.is_none()
                && column.origin_default_bit.is_none();
            if !in_key && !is_absent {
                row.push_unchecked(column.id, &column.field_type, value)
                    .map_err(|error| self.codec_error("the record", error))?;
            }
        }
        row.write(&mut out).map_err(|error| self.codec_error("the record", error))?;
        Ok(out)
    }

    fn entry(
        &self,
        index: &IndexEncoder,
        row: &[Datum<'_>],
        physical_id: i64,
        handle: &Handle,
    ) -> Result<EncodedEntry, EncodeError> {
        let refuse = |error| self.codec_error(&format!("index {}", index.name), error);
        let columns = &index.part.columns;
        let values = index.part.values(row);
        let table_id = if index.is_global { self.table.id } else { physical_id };
        let (key, is_distinct) =
            encode_index_key(table_id, index.id, index.is_unique, columns, &values, handle)
                .map_err(refuse)?;
        let restored = match (&self.form, &self.handle) {
            (IndexValueForm::Version1, HandleColumns::Common(primary)) => {
                restored_version1(columns, &values, &primary.columns, &primary.values(row))
            }
            _ => restored_version0(columns, &values),
        };
        let restored = restored.map_err(refuse)?;
        let value = IndexValue {
            handle: is_distinct.then(|| handle.clone()),
            partition_id: index.is_global.then_some(physical_id),
            restored: restored.as_deref(),
        };
        let value = value.encode(self.form).map_err(refuse)?;
        Ok(EncodedEntry { index_id: index.id, key, value, is_distinct })
    }

    fn codec_error(&self, part: &str, error: tifusion_codec::Error) -> EncodeError {
        let table = self.table.name.original.clone();
        EncodeError::Codec { table, part: part.to_owned(), error }
    }
}

impl HandleColumns {
    /// Whether the key holds all of a column's value.
    fn tells(&self, column: &ColumnInfo, table: &TableInfo) -> bool {
        match self {
            Self::RowId => false,
            Self::Int(offset) => {
                table.columns.get(*offset).is_some_and(|handle| handle.id == column.id)
            }
            Self::Common(part) => part.columns.iter().any(|part| {
                part.id == column.id && part.prefix().is_none() && !part.needs_restoring()
            }),
        }
    }
}

impl KeyPart {
    fn new(
        table: &TableInfo,
        index: &IndexInfo,
        new_collation: bool,
    ) -> Result<Self, NotWritableReason> {
        let (mut columns, mut offsets) = (Vec::new(), Vec::new());
        for (part, column) in table.index_columns(index)? {
            let key_column =
                KeyColumn::new(column.id, &column.field_type, part.prefix_length(), new_collation);
            columns.push(key_column.map_err(|error| NotWritableReason::Column {
                column: column.name.original.clone(),
                error,
            })?);
            offsets.push(offset_of(table, column));
        }
        Ok(Self { columns, offsets })
    }

    /// The values of the columns out of a row's.
    fn values<'a, 'b>(&self, row: &'a [Datum<'b>]) -> Vec<&'a Datum<'b>> {
        self.offsets.iter().filter_map(|offset| row.get(*offset)).collect()
    }
}

/// Where a column stands in the table's list.
fn offset_of(table: &TableInfo, column: &ColumnInfo) -> usize {
    table.column_offset(column.id).unwrap_or(usize::MAX)
}
