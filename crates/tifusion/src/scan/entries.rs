//! What the entries of an index hold.

use std::borrow::Cow;

use tifusion_codec::field_type::tp;
use tifusion_codec::index::KeyColumn;
use tifusion_codec::key;
use tifusion_codec::{FieldType, datum};
use tifusion_schema::model::IndexColumn;
use tifusion_schema::{ColumnInfo, HandleKind, IndexInfo, ScanColumn, ScanOptions, TableInfo};

use super::spec::{HandleColumns, IndexSide, IndexSource, KeyRange};
use crate::error::{Error, Result};

/// The columns of an index's entries as a scan names them: the index's own in its order, then those of
/// the handle, even if they are among the index's own.
#[derive(Debug)]
pub(crate) struct IndexEntries<'a> {
    index: &'a IndexInfo,
    columns: Vec<EntryColumn<'a>>,
    /// How many of them are the handle's.
    handle: usize,
    has_common_handle: bool,
}

#[derive(Debug)]
struct EntryColumn<'a> {
    info: Cow<'a, ColumnInfo>,
    /// Characters of it that entries have; `None` for all.
    prefix: Option<u64>,
    /// Whether an entry has all of a value.
    is_whole: bool,
}

impl<'a> IndexEntries<'a> {
    /// Those of `index`.
    ///
    /// # Errors
    /// When the entries are not such that there is one for each row, in the row's own partition, from
    /// which its handle can be told.
    pub(crate) fn of(table: &'a TableInfo, index: &'a IndexInfo) -> Result<Self> {
        if !index.is_readable() || index.multi_valued || index.global {
            let name = &index.name.original;
            return Err(Error::unsupported(format!("rows are not read by the index {name}")));
        }
        let own = |(part, column): (&'a IndexColumn, &'a ColumnInfo)| EntryColumn {
            is_whole: is_whole(part, &column.field_type),
            prefix: part.prefix_length(),
            info: Cow::Borrowed(column),
        };
        let mut columns: Vec<_> = table.index_columns(index)?.into_iter().map(own).collect();
        let handle = table.handle()?;
        let mut has_common_handle = false;
        let indexed = columns.len();
        match handle {
            HandleKind::Int(column) => columns.push(EntryColumn {
                info: Cow::Borrowed(column),
                prefix: None,
                is_whole: true,
            }),
            HandleKind::RowId => columns.push(EntryColumn {
                info: Cow::Owned(ColumnInfo::extra_handle()),
                prefix: None,
                is_whole: true,
            }),
            HandleKind::Common(primary) => {
                has_common_handle = true;
                columns.extend(table.index_columns(primary)?.into_iter().map(own));
                let is_text = |column: &EntryColumn<'_>| column.info.field_type.is_string();
                if table.common_handle_version == 0 && columns.iter().skip(indexed).any(is_text) {
                    // Nothing restores the handle's text from its sort keys there.
                    return Err(Error::unsupported(
                        "handles of the first version are of sort keys",
                    ));
                }
            }
        }
        let handle = columns.len() - indexed;
        Ok(Self { index, columns, handle, has_common_handle })
    }

    /// Where entries have all of a value of this column.
    pub(crate) fn place(&self, column_id: i64) -> Option<usize> {
        let is_it = |column: &EntryColumn<'_>| column.info.id == column_id && column.is_whole;
        self.columns.iter().position(is_it)
    }

    /// Where they have a column, all or a part of each value: enough to count them.
    pub(crate) fn place_of_some(&self, column_id: i64) -> Option<usize> {
        self.columns.iter().position(|column| column.info.id == column_id)
    }

    /// Whether they have all of each of these columns.
    pub(crate) fn covers(&self, column_ids: impl IntoIterator<Item = i64>) -> bool {
        column_ids.into_iter().all(|column_id| self.place(column_id).is_some())
    }

    /// Names and types, in the entries' order, of what expressions can be computed over. A column of
    /// which only a part is there has no name.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&str, &FieldType)> {
        self.columns.iter().map(|column| {
            let name = if column.is_whole { column.info.name.as_str() } else { "" };
            (name, &column.info.field_type)
        })
    }

    /// The columns as the request has them.
    ///
    /// # Errors
    /// As [`ScanColumn::new`].
    pub(crate) fn scan_columns(
        &self,
        table: &TableInfo,
        options: ScanOptions,
    ) -> Result<Vec<ScanColumn>> {
        let options = ScanOptions { for_index: true, ..options };
        let columns = self.columns.iter();
        Ok(columns
            .map(|column| ScanColumn::new(table, &column.info, options))
            .collect::<Result<Vec<_>, _>>()?)
    }

    /// The index, of which `ranges` are read.
    pub(crate) fn source<'r>(&self, ranges: impl IntoIterator<Item = &'r KeyRange>) -> IndexSource {
        let own = self.columns.len() - self.handle;
        let handle = if self.has_common_handle { self.handle } else { 0 };
        IndexSource {
            index_id: self.index.id,
            name: self.index.name.original.as_str().into(),
            primary_column_ids: self
                .columns
                .iter()
                .skip(self.columns.len() - handle)
                .map(|column| column.info.id)
                .collect(),
            is_point_get: self.index.unique
                && ranges.into_iter().all(|range| is_one_entry(range, self.index.id, own)),
        }
    }

    /// One side of a lookup.
    ///
    /// # Errors
    /// As [`IndexEntries::scan_columns`].
    pub(crate) fn side<'r>(
        &self,
        table: &TableInfo,
        options: ScanOptions,
        ranges: impl IntoIterator<Item = &'r KeyRange>,
    ) -> Result<IndexSide> {
        Ok(IndexSide {
            index: self.source(ranges),
            columns: self.scan_columns(table, options)?,
            conditions: Vec::new(),
            is_exact: false,
        })
    }

    /// What handles are made of; `new_collation` is `None` if nobody knows how text compares.
    ///
    /// # Errors
    /// When this version can't make keys of the columns.
    pub(crate) fn handle_columns(&self, new_collation: Option<bool>) -> Result<HandleColumns> {
        let columns = self.columns.iter().skip(self.columns.len() - self.handle);
        if !self.has_common_handle {
            let is_unsigned = columns.last().is_some_and(|it| it.info.field_type.is_unsigned());
            return Ok(HandleColumns::Int { is_unsigned });
        }
        let key_column = |column: &EntryColumn<'_>| {
            let field_type = &column.info.field_type;
            if field_type.is_string() && new_collation.is_none() {
                return Err(Error::unsupported("how text compares in keys is not known"));
            }
            let new_collation = new_collation.unwrap_or_default();
            Ok(KeyColumn::new(column.info.id, field_type, column.prefix, new_collation)?)
        };
        Ok(HandleColumns::Common(columns.map(key_column).collect::<Result<_>>()?))
    }
}

/// Whether what entries hold of text in this character set is known to be the text.
fn is_known_charset(field_type: &FieldType) -> bool {
    KeyColumn::new(0, field_type, None, true).is_ok()
}

/// Whether an entry has all of a value. TiDB counts the length of `VARCHAR` and `CHAR` in characters,
/// as it does those of a prefix.
fn is_whole(part: &IndexColumn, field_type: &FieldType) -> bool {
    let is_short = matches!(field_type.tp, tp::VARCHAR | tp::VAR_STRING | tp::STRING);
    let is_all = part.prefix_length().is_none()
        || (is_short && (1..=part.length).contains(&field_type.flen));
    is_all && (!field_type.is_string() || is_known_charset(field_type))
}

/// Whether a range is the key of one entry of a unique index of `columns` columns (one value of each,
/// none of them `NULL`, and nothing behind), or is of another index.
fn is_one_entry(range: &KeyRange, index_id: i64, columns: usize) -> bool {
    let Ok((_, of, mut values)) = key::decode_index_key(&range.start) else { return false };
    if of != index_id {
        return true;
    }
    let is_value = |_| {
        let is_null = values.first() == Some(&datum::flag::NIL);
        !is_null && datum::skip_one(&mut values).is_ok()
    };
    (0..columns).all(is_value) && values.is_empty() && range.end == key::prefix_next(&range.start)
}
