//! Literals to the values of columns, as an `INSERT` under strict SQL mode has them.

use std::borrow::Cow;

use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::tp;
use tifusion_codec::{enum_set, json};
use tifusion_schema::ColumnInfo;
use tifusion_schema::default_value::datum_of_text;

use super::error::{BootstrapError, Result};
use super::sql::Value;

/// The value of `column` for a literal; [`Value::Default`] is not one. Whether the column can hold it is
/// checked when the row is encoded.
///
/// # Errors
/// [`BootstrapError::Value`] when the literal can't become a value of the column's type.
pub(super) fn to_datum(column: &ColumnInfo, value: &Value) -> Result<Datum<'static>> {
    match value {
        Value::Null => Ok(Datum::Null),
        Value::Default => Err(refuse(column, "DEFAULT", "it is no value")),
        Value::Bool(value) => of_number(column, if *value { "1" } else { "0" }),
        Value::Number(digits) => of_number(column, digits),
        Value::Text(text) => of_text(column, text),
        Value::Bytes(bytes) | Value::Bits(bytes) => of_bytes(column, bytes),
    }
}

pub(super) fn refuse(
    column: &ColumnInfo,
    value: &str,
    reason: impl Into<String>,
) -> BootstrapError {
    BootstrapError::Value {
        column: column.name.original.clone(),
        value: value.chars().take(64).collect(),
        type_name: column.field_type.name(),
        reason: reason.into(),
    }
}

/// The value of `column` for a whole number that need not become text first; `None` where it must.
pub(super) fn of_integer(column: &ColumnInfo, value: i128) -> Option<Datum<'static>> {
    let field_type = &column.field_type;
    match field_type.tp {
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG => {
            if field_type.is_unsigned() {
                u64::try_from(value).ok().map(Datum::UInt)
            } else {
                i64::try_from(value).ok().map(Datum::Int)
            }
        }
        _ => None,
    }
}

fn of_number(column: &ColumnInfo, digits: &str) -> Result<Datum<'static>> {
    let field_type = &column.field_type;
    let whole =
        || digits.parse::<u64>().map_err(|_| refuse(column, digits, "a whole number is needed"));
    match field_type.tp {
        tp::BIT | tp::ENUM | tp::SET => whole().map(Datum::UInt),
        // The number 0 is the zero year, the text "0" the year 2000.
        tp::YEAR => of_text(column, &format!("{:04}", whole()?)),
        tp::DATE | tp::DATETIME | tp::TIMESTAMP | tp::DURATION => {
            Err(refuse(column, digits, "a time is written as text here"))
        }
        tp::JSON => of_text(column, digits),
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG
            if digits.contains(['e', 'E']) =>
        {
            Err(refuse(column, digits, "an exponent in a whole number"))
        }
        _ => of_text(column, digits),
    }
}

fn of_text(column: &ColumnInfo, text: &str) -> Result<Datum<'static>> {
    if column.field_type.tp == tp::JSON {
        let (tp, body) =
            json::from_text(text).map_err(|error| refuse(column, text, error.to_string()))?;
        return Ok(Datum::Json(tp, Cow::Owned(body)));
    }
    datum_of_text(&column.field_type, text)
        .map(Datum::into_owned)
        .map_err(|error| refuse(column, text, error.to_string()))
}

fn of_bytes(column: &ColumnInfo, bytes: &[u8]) -> Result<Datum<'static>> {
    let field_type = &column.field_type;
    if field_type.is_string() {
        let mut bytes = bytes.to_vec();
        let length = usize::try_from(field_type.flen).unwrap_or(0);
        if field_type.tp == tp::STRING && field_type.is_binary_string() && bytes.len() < length {
            bytes.resize(length, 0);
        }
        return Ok(Datum::Bytes(Cow::Owned(bytes)));
    }
    let shown = || bytes.escape_ascii().to_string();
    let number =
        enum_set::bit_to_u64(bytes).map_err(|error| refuse(column, &shown(), error.to_string()))?;
    match field_type.tp {
        tp::BIT => Ok(Datum::UInt(number)),
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG => {
            of_number(column, &number.to_string())
        }
        _ => Err(refuse(column, &shown(), "bytes are no such value")),
    }
}
