//! Literals to the values of columns, as an `INSERT` under strict SQL mode has them.

use tifusion_codec::datum::Datum;
use tifusion_codec::decimal::Decimal;
use tifusion_codec::enum_set;
use tifusion_codec::field_type::tp;
use tifusion_codec::input::{InputError, InputValue, ValueConverter};
use tifusion_codec::time::Zone;
use tifusion_schema::ColumnInfo;

use super::error::{BootstrapError, Result};
use super::sql::Value;

/// Makes values of one column of literals.
pub(super) struct LiteralConverter {
    column: ColumnInfo,
    values: ValueConverter,
}

impl LiteralConverter {
    /// # Errors
    /// [`BootstrapError::Value`] for a column whose values can't be made.
    pub(super) fn new(column: &ColumnInfo, new_collation: bool) -> Result<Self> {
        let values = ValueConverter::new(&column.field_type, Zone::Utc, new_collation)
            .map_err(|error| refused(column, error))?;
        Ok(Self { column: column.clone(), values })
    }

    /// The value of the column for a literal; [`Value::Default`] is not one. Whether the column takes
    /// `NULL` is checked when the row is encoded: where it is numbered, `NULL` asks for an id.
    ///
    /// # Errors
    /// [`BootstrapError::Value`] when the literal can't become a value of the column's type.
    pub(super) fn convert<'a>(&self, value: &'a Value) -> Result<Datum<'a>> {
        let input = match value {
            Value::Null => return Ok(Datum::Null),
            Value::Default => return Err(refuse(&self.column, "DEFAULT", "it is no value")),
            Value::Bool(value) => InputValue::Int((*value).into()),
            Value::Number(digits) => number(digits)
                .map_err(|what| refuse(&self.column, digits, format!("it is no number: {what}")))?,
            Value::Text(text) => InputValue::Text(text),
            Value::Bytes(bytes) | Value::Bits(bytes) => self.bytes(bytes)?,
        };
        self.values.convert(&input).map_err(|error| refused(&self.column, error))
    }

    /// Bytes in hexadecimal or binary are a number where one is needed.
    fn bytes<'a>(&self, bytes: &'a [u8]) -> Result<InputValue<'a>> {
        let shown = || bytes.escape_ascii().to_string();
        match self.column.field_type.tp {
            tp::JSON
            | tp::DATE
            | tp::DATETIME
            | tp::TIMESTAMP
            | tp::DURATION
            | tp::TIDB_VECTOR_FLOAT32 => {
                Err(refuse(&self.column, &shown(), "bytes are no such value"))
            }
            _ if self.column.field_type.is_string() => Ok(InputValue::Bytes(bytes)),
            tp::BIT | tp::ENUM | tp::SET => Ok(InputValue::Bytes(bytes)),
            _ => enum_set::bit_to_u64(bytes)
                .map(InputValue::UInt)
                .map_err(|error| refuse(&self.column, &shown(), error.to_string())),
        }
    }
}

/// A number as TiDB reads the literal: whole, else a decimal, with an exponent a double.
fn number(digits: &str) -> std::result::Result<InputValue<'static>, String> {
    if let Ok(value) = digits.parse() {
        return Ok(InputValue::Int(value));
    }
    if let Ok(value) = digits.parse() {
        return Ok(InputValue::UInt(value));
    }
    if digits.contains(['e', 'E']) {
        return digits.parse().map(InputValue::Float64).map_err(|error| format!("{error}"));
    }
    digits.parse::<Decimal>().map(InputValue::Decimal).map_err(|error| error.to_string())
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

pub(super) fn refused(column: &ColumnInfo, error: InputError) -> BootstrapError {
    BootstrapError::Input { column: column.name.original.clone(), error }
}
