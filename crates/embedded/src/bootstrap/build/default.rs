//! Defaults of columns, in the form in which TiDB keeps them.

use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::decimal::Decimal;
use tifusion_codec::duration;
use tifusion_codec::enum_set::{enum_name, set_names};
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::row::check_stored;
use tifusion_codec::time::{CoreTime, TimeKind};
use tifusion_schema::ColumnInfo;
use tifusion_schema::model::value::{Bytes, DefaultLiteral};

use super::super::convert::LiteralConverter;
use super::super::error::{BootstrapError, Result};
use super::super::sql::{DefaultDef, Value};

/// What metadata has for the time of the statement.
const NOW: &str = "CURRENT_TIMESTAMP";

/// Sets the column's default from what was declared.
pub(super) fn set(
    column: &mut ColumnInfo,
    default: &DefaultDef,
    new_collation: bool,
) -> Result<()> {
    let refuse =
        |what: &str| BootstrapError::Invalid(format!("default of column {}: {what}", column.name));
    let field_type = &column.field_type;
    let value = match default {
        DefaultDef::Now(fsp) => {
            let is_time = matches!(field_type.tp, tp::DATETIME | tp::TIMESTAMP);
            if !is_time || i64::from(*fsp) != field_type.decimal {
                return Err(refuse("CURRENT_TIMESTAMP is of times with as many fraction digits"));
            }
            column.default = Some(DefaultLiteral::Text(NOW.to_owned()));
            return Ok(());
        }
        DefaultDef::Value(Value::Null) => {
            return if column.has_flag(flag::NOT_NULL) { Err(refuse("NULL")) } else { Ok(()) };
        }
        DefaultDef::Value(value) => value,
    };
    let is_blob = field_type.is_string() && !matches!(field_type.tp, tp::VARCHAR | tp::STRING);
    if is_blob || matches!(field_type.tp, tp::JSON | tp::TIDB_VECTOR_FLOAT32) {
        return Err(refuse("columns of this type have none"));
    }
    let converter = LiteralConverter::new(column, new_collation)?;
    let datum = converter.convert(value)?;
    check_stored(&column.field_type, &datum).map_err(|error| refuse(&error.to_string()))?;
    if let Datum::UInt(bits) = &datum
        && field_type.tp == tp::BIT
    {
        let bytes = bit_bytes(value, *bits);
        // As Go's JSON writes bytes that are no text.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        column.default = Some(DefaultLiteral::Text(text));
        column.default_bit = Some(Bytes(bytes));
        return Ok(());
    }
    let text = text_of(field_type, value, &datum).ok_or_else(|| refuse("such a value"))?;
    column.default = Some(DefaultLiteral::Text(text));
    Ok(())
}

/// The bytes of a literal of bytes as they are, those of a number without leading zeros.
fn bit_bytes(value: &Value, bits: u64) -> Vec<u8> {
    match value {
        Value::Bytes(bytes) | Value::Bits(bytes) => bytes.clone(),
        _ => {
            let zeros = usize::try_from(bits.leading_zeros() / 8).unwrap_or(0).min(7);
            bits.to_be_bytes().get(zeros..).unwrap_or_default().to_vec()
        }
    }
}

/// A number as TiDB prints the literal: with a point a decimal with all its digits, with an exponent a
/// double.
fn number_text(digits: &str) -> Option<String> {
    if digits.contains(['e', 'E']) {
        return digits.parse::<f64>().ok().filter(|value| value.is_finite()).map(|v| v.to_string());
    }
    digits.parse::<Decimal>().ok().map(|value| value.to_string())
}

fn text_of(field_type: &FieldType, value: &Value, datum: &Datum<'_>) -> Option<String> {
    let fsp = u8::try_from(field_type.decimal).unwrap_or(0);
    let time = |packed: u64, kind| CoreTime::from_packed(packed, kind, fsp).to_string();
    Some(match (field_type.tp, datum) {
        (tp::DATE, Datum::UInt(packed)) => time(*packed, TimeKind::Date),
        (tp::DATETIME | tp::TIMESTAMP, Datum::UInt(packed)) => time(*packed, TimeKind::DateTime),
        (tp::DURATION, Datum::Duration(nanos)) => duration::to_text(*nanos, fsp),
        (tp::ENUM, Datum::UInt(number)) => enum_name(&field_type.elems, *number).ok()?.to_owned(),
        (tp::SET, Datum::UInt(mask)) => set_names(&field_type.elems, *mask).ok()?,
        // Text and decimals as they were written: TiDB keeps trailing blanks of a CHAR and digits
        // as they are, but fills a BINARY up.
        (tp::STRING, Datum::Bytes(bytes)) if field_type.is_binary_string() => {
            String::from_utf8(bytes.to_vec()).ok()?
        }
        (_, Datum::Bytes(bytes)) => match value {
            Value::Text(text) => text.clone(),
            Value::Number(digits) => number_text(digits)?,
            Value::Bool(value) => u8::from(*value).to_string(),
            _ => String::from_utf8(bytes.to_vec()).ok()?,
        },
        (tp::YEAR, Datum::Int(_)) | (tp::NEW_DECIMAL, _) => match value {
            Value::Number(digits) => number_text(digits)?,
            Value::Text(text) => text.clone(),
            Value::Bool(value) => u8::from(*value).to_string(),
            _ => return None,
        },
        (_, Datum::Int(value)) => value.to_string(),
        (_, Datum::UInt(value)) => value.to_string(),
        (tp::FLOAT, Datum::Float(value)) => {
            #[expect(clippy::cast_possible_truncation, reason = "a FLOAT has no more")]
            let value = *value as f32;
            value.to_string()
        }
        (_, Datum::Float(value)) => value.to_string(),
        _ => return None,
    })
}
