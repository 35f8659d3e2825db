//! Keys of index entries and common handles.

use super::KeyColumn;
use crate::datum::Datum;
use crate::error::{Error, Result};
use crate::key::{Handle, index_prefix};

/// Key of an index entry, and whether it is distinct: then no other row has it, and the handle is in
/// the entry's value, not in the key.
///
/// `table_id` is that of the table or partition, of the whole table for a global index; `values` are
/// those of `columns`, in full length.
///
/// # Errors
/// As [`KeyColumn::encode`], and [`Error::Malformed`] when there are more or fewer values than columns.
pub fn encode_index_key(
    table_id: i64,
    index_id: i64,
    is_unique: bool,
    columns: &[KeyColumn],
    values: &[&Datum<'_>],
    handle: &Handle,
) -> Result<(Vec<u8>, bool)> {
    let mut key = index_prefix(table_id, index_id);
    encode_datums(&mut key, "index key", columns, values)?;
    let is_distinct = is_unique && !values.iter().any(|value| **value == Datum::Null);
    if !is_distinct {
        handle.encode_in_index(&mut key);
    }
    Ok((key, is_distinct))
}

/// The handle of a row whose clustered primary key has these columns and values.
///
/// # Errors
/// As [`encode_index_key`], and [`Error::Malformed`] for a `NULL`, which no primary key has.
pub fn encode_common_handle(columns: &[KeyColumn], values: &[&Datum<'_>]) -> Result<Handle> {
    const WHAT: &str = "primary key";
    if values.iter().any(|value| **value == Datum::Null) {
        return Err(Error::malformed(WHAT, "NULL in it"));
    }
    let mut datums = Vec::new();
    encode_datums(&mut datums, WHAT, columns, values)?;
    Ok(Handle::common(datums))
}

fn encode_datums(
    out: &mut Vec<u8>,
    what: &'static str,
    columns: &[KeyColumn],
    values: &[&Datum<'_>],
) -> Result<()> {
    if columns.len() != values.len() {
        let reason = format!("{} values for {} columns", values.len(), columns.len());
        return Err(Error::malformed(what, reason));
    }
    for (column, value) in columns.iter().zip(values) {
        column.encode(out, &column.cut(value))?;
    }
    Ok(())
}
