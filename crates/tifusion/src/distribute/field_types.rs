//! TiDB's types as messages.

use tifusion_codec::FieldType;
use tifusion_codec::index::KeyColumn;
use tifusion_proto::{planpb, tipb};
use tifusion_schema::ScanColumn;

use super::malformed_part;
use crate::error::{Error, Result};
use crate::scan::dag;

/// The message of a type.
pub(super) fn to_message(field_type: &FieldType) -> planpb::FieldType {
    planpb::FieldType {
        tp: field_type.tp.into(),
        flag: field_type.flag,
        flen: field_type.flen,
        decimal: field_type.decimal,
        charset: field_type.charset.clone(),
        collate: field_type.collate.clone(),
        elems: field_type.elems.clone(),
    }
}

/// The type of a message.
///
/// # Errors
/// When its code is none of MySQL's.
pub(super) fn of_message(message: planpb::FieldType) -> Result<FieldType> {
    let planpb::FieldType { tp, flag, flen, decimal, charset, collate, elems } = message;
    let tp = u8::try_from(tp).map_err(|_| malformed_part("type code"))?;
    Ok(FieldType { tp, flag, flen, decimal, charset, collate, elems })
}

/// The messages of a scan's columns.
pub(super) fn columns_to_messages(columns: &[ScanColumn]) -> Vec<tipb::ColumnInfo> {
    columns.iter().map(dag::column_info).collect()
}

/// The columns of messages.
pub(super) fn columns_of_messages(messages: Vec<tipb::ColumnInfo>) -> Vec<ScanColumn> {
    let column = |message: tipb::ColumnInfo| ScanColumn {
        column_id: message.column_id(),
        tp: message.tp(),
        collation: message.collation(),
        column_len: message.column_len(),
        decimal: message.decimal(),
        flag: message.flag(),
        pk_handle: message.pk_handle(),
        elems: message.elems,
        default_val: message.default_val,
    };
    messages.into_iter().map(column).collect()
}

/// The message of a column of keys.
pub(super) fn key_column_to_message(column: &KeyColumn) -> planpb::KeyColumn {
    planpb::KeyColumn {
        id: column.id,
        field_type: Some(to_message(column.field_type())),
        prefix: column.prefix().and_then(|prefix| u64::try_from(prefix).ok()),
    }
}

/// The column of keys of a message, in a cluster with or without the new collations.
///
/// # Errors
/// When no key can hold it.
pub(super) fn key_column_of_message(
    message: planpb::KeyColumn,
    new_collation: bool,
) -> Result<KeyColumn> {
    let planpb::KeyColumn { id, field_type, prefix } = message;
    let field_type = of_message(field_type.ok_or_else(|| malformed_part("column of a key"))?)?;
    KeyColumn::new(id, &field_type, prefix, new_collation).map_err(Error::from)
}
