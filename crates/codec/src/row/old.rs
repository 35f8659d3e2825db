//! Rows of the first format: pairs of datums, a column's id and its value.
//!
//! TiDB wrote these before 4.0, and still does where `tidb_row_format_version` is 1; they stay in the
//! store until their row is written again. Nothing here writes them.

use super::WHAT;
use crate::datum::{self, Datum};
use crate::error::{Error, Result};
use crate::field_type::{FieldType, tp};

/// Whether a record's value is a row of the first format.
#[must_use]
pub fn is_old_row(value: &[u8]) -> bool {
    value.first().is_some_and(|first| *first != super::VERSION)
}

/// Reads a row of the first format: the ids of its columns with their datums, in stored order, each datum
/// in its encoded form; see [`old_value`].
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Truncated`] when the value is no such row.
pub fn decode_old_row(value: &[u8]) -> Result<Vec<(i64, &[u8])>> {
    let mut rest = value;
    let mut columns = Vec::new();
    // A row without columns is one NULL, since a value can't be empty.
    if value == [datum::flag::NIL] {
        return Ok(columns);
    }
    while !rest.is_empty() {
        let Datum::Int(id) = datum::decode_one(&mut rest)? else {
            return Err(Error::malformed(WHAT, "a column's id is no integer"));
        };
        columns.push((id, datum::skip_one(&mut rest)?));
    }
    Ok(columns)
}

/// The value of a column from its datum in a row of the first format, of the kind that
/// [`decode_value`](super::decode_value) gives: a `TIME` is stored as a plain integer.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Truncated`] when the bytes are not one datum of the column's type.
pub fn old_value<'a>(bytes: &'a [u8], field_type: &FieldType) -> Result<Datum<'a>> {
    let mut rest = bytes;
    let value = datum::decode_one(&mut rest)?;
    if !rest.is_empty() {
        return Err(Error::malformed(WHAT, format!("{} bytes too many", rest.len())));
    }
    let is_integer = field_type.is_integer();
    Ok(match (field_type.tp, value) {
        (_, Datum::Null) => Datum::Null,
        (tp::DURATION, Datum::Int(nanos)) => Datum::Duration(nanos),
        // The column says whether it is unsigned, the datum only how it was written.
        (_, Datum::Int(value)) if is_integer && field_type.is_unsigned() => {
            Datum::UInt(value.cast_unsigned())
        }
        (_, Datum::UInt(value)) if is_integer && !field_type.is_unsigned() => {
            Datum::Int(value.cast_signed())
        }
        (_, value) => {
            // Refuses other kinds than the column's.
            super::encode_value(&mut Vec::new(), field_type, &value)?;
            value
        }
    })
}
