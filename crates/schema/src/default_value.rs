//! The value a column has in rows that were written before it was added.
//!
//! TiDB does not rewrite rows when a column is added. It keeps the default of that moment with the
//! column (`origin_default`), and sends it with every scan, so that the store can fill the column in
//! where a row lacks it.

pub(crate) mod member;
mod number;

use std::borrow::Cow;

use tifusion_codec::FieldType;
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::field_type::tp;
use tifusion_codec::input::InputError;
use tifusion_codec::time::{CoreTime, TimeKind, Zone};
use tifusion_codec::{duration, enum_set, json, vector};

use crate::model::ColumnInfo;
use crate::model::value::DefaultLiteral;

/// A column whose default can't be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("default {value:?} of column {column}, a {type_name}: {reason}")]
pub struct DefaultValueError {
    /// The column's name.
    pub column: String,
    /// The name of its MySQL type.
    pub type_name: &'static str,
    /// The default as the metadata has it.
    pub value: String,
    /// What is wrong with it.
    pub reason: DefaultValueReason,
}

/// The reason in [`DefaultValueError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DefaultValueReason {
    /// It is not a value of the column's type.
    #[error(transparent)]
    Malformed(Box<tifusion_codec::Error>),
    /// It is not a member of the `ENUM` or `SET`.
    #[error("it is not one of the column's members")]
    NoMember,
    /// It is more than the column's type holds.
    #[error("it is out of the column's range")]
    OutOfRange,
    /// It is the time of a statement, not a value.
    #[error("it is the current time, which rows without the column can't have")]
    NotConstant,
    /// Very old columns keep the default of a `TIMESTAMP` in the zone of the TiDB servers, and
    /// that is not known.
    #[error("it is in the TiDB servers' own time zone, which is not known")]
    UnknownZone,
    /// It is an expression, which only TiDB evaluates.
    #[error("it is an expression, which is not evaluated here: give the column a value")]
    Expression,
    /// It is not what the column stores.
    #[error(transparent)]
    Refused(Box<InputError>),
    /// Columns of this type have no defaults, or none of this kind.
    #[error("this version does not know such defaults")]
    Unsupported,
}

impl From<tifusion_codec::Error> for DefaultValueReason {
    fn from(error: tifusion_codec::Error) -> Self {
        Self::Malformed(Box::new(error))
    }
}

impl From<InputError> for DefaultValueReason {
    fn from(error: InputError) -> Self {
        Self::Refused(Box::new(error))
    }
}

/// The value that rows without the column have, as a datum in the form of
/// `tipb.ColumnInfo.default_val`; `None` if there is none to send, which means `NULL`.
///
/// `system_zone` is the zone of the TiDB servers (`mysql.tidb`, `system_tz`), which a `TIMESTAMP`
/// of column version 0 needs.
///
/// As TiDB does (`SetPBColumnsDefaultValue`), but for a `TIMESTAMP`, which TiDB takes through the
/// session's zone and back; the detour changes nothing except in the hour that repeats, where it is
/// wrong.
///
/// # Errors
/// [`DefaultValueError`] if the metadata's default is not a value of the column's type.
pub fn origin_default_datum(
    column: &ColumnInfo,
    system_zone: Option<Zone>,
) -> Result<Option<Vec<u8>>, DefaultValueError> {
    let is_bit = column.field_type.tp == tp::BIT;
    let encoded = match (&column.origin_default_bit, &column.origin_default) {
        (Some(bytes), _) if is_bit => bit(&column.field_type, &bytes.0).and_then(|d| encode(&d)),
        (_, Some(literal)) => literal_datum(column, literal, system_zone),
        (_, None) if column.is_virtual_generated() => encode(&Datum::Null),
        (_, None) => return Ok(None),
    };
    encoded.map(Some).map_err(|reason| DefaultValueError {
        column: column.name.original.clone(),
        type_name: column.field_type.name(),
        value: column.origin_default.as_ref().map(ToString::to_string).unwrap_or_default(),
        reason,
    })
}

/// The value that a column of this type has by a text as TiDB writes defaults: plain numbers, dates and
/// times with separators, names of members, `BIT` as bytes, `TIMESTAMP` in UTC. Numbers are rounded to
/// the column's digits, `BINARY` is padded, trailing blanks of a `CHAR` are dropped.
///
/// The value may still be beyond what the column can hold; see
/// [`check_stored`](tifusion_codec::row::check_stored).
///
/// # Errors
/// [`DefaultValueReason`] if the text is no value of the type.
pub fn datum_of_text<'a>(
    field_type: &FieldType,
    text: &'a str,
) -> Result<Datum<'a>, DefaultValueReason> {
    if field_type.tp == tp::NEW_DECIMAL {
        return number::decimal_value(field_type, text).map(Datum::Decimal);
    }
    // A scan's default has a `TIME` as a plain integer.
    Ok(match text_datum(field_type, text, Some(Zone::Utc))? {
        Datum::Int(nanos) if field_type.tp == tp::DURATION => Datum::Duration(nanos),
        datum => datum,
    })
}

fn encode(datum: &Datum<'_>) -> Result<Vec<u8>, DefaultValueReason> {
    let mut out = Vec::new();
    datum::encode_value(&mut out, datum)?;
    Ok(out)
}

fn literal_datum(
    column: &ColumnInfo,
    literal: &DefaultLiteral,
    system_zone: Option<Zone>,
) -> Result<Vec<u8>, DefaultValueReason> {
    let field_type = &column.field_type;
    let is_time = matches!(field_type.tp, tp::DATE | tp::DATETIME | tp::TIMESTAMP);
    let text = match literal {
        // TiDB takes anything but text for "no default" here.
        DefaultLiteral::Number(_) | DefaultLiteral::Bool(_) if is_time => {
            return encode(&Datum::Null);
        }
        DefaultLiteral::Text(text) => text.clone(),
        // The number 0 is the zero year, the text "0" is the year 2000.
        DefaultLiteral::Number(number) if field_type.tp == tp::YEAR => format!("{number:04}"),
        DefaultLiteral::Number(number) => number.to_string(),
        DefaultLiteral::Bool(value) => u8::from(*value).to_string(),
        DefaultLiteral::Other => return Err(DefaultValueReason::Unsupported),
    };
    if field_type.tp == tp::NEW_DECIMAL {
        return number::decimal(field_type, &text);
    }
    encode(&text_datum(field_type, &text, zone_of(column, system_zone))?)
}

/// The time that a text of the metadata is for a column of times.
pub(crate) fn timed_datum(
    column: &ColumnInfo,
    text: &str,
    system_zone: Option<Zone>,
) -> Result<Datum<'static>, DefaultValueReason> {
    text_datum(&column.field_type, text, zone_of(column, system_zone)).map(Datum::into_owned)
}

/// The zone of a `TIMESTAMP` in the metadata.
fn zone_of(column: &ColumnInfo, system_zone: Option<Zone>) -> Option<Zone> {
    match (column.field_type.tp, column.version) {
        (tp::TIMESTAMP, 0) => system_zone,
        _ => Some(Zone::Utc),
    }
}

/// The datum of every type but `DECIMAL`. Enums, sets, bits and times are numbers in the forms that
/// rows have, a `TIME` is a plain integer.
fn text_datum<'a>(
    field_type: &FieldType,
    text: &'a str,
    zone: Option<Zone>,
) -> Result<Datum<'a>, DefaultValueReason> {
    Ok(match field_type.tp {
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG => {
            number::integer(field_type, text)?
        }
        tp::YEAR => Datum::Int(number::year(text)?),
        tp::FLOAT | tp::DOUBLE => Datum::Float(number::float(field_type, text)?),
        tp::DATE => Datum::UInt(time(field_type, text, TimeKind::Date)?.to_packed()),
        tp::DATETIME => Datum::UInt(time(field_type, text, TimeKind::DateTime)?.to_packed()),
        tp::TIMESTAMP => Datum::UInt(timestamp(field_type, text, zone)?),
        tp::DURATION => Datum::Int(duration::parse(text, fsp(field_type))?),
        tp::ENUM => Datum::UInt(member::enum_number(field_type, text)?),
        tp::SET => Datum::UInt(member::set_mask(field_type, text)?),
        tp::BIT => bit(field_type, text.as_bytes())?,
        tp::JSON => json_literal(text)?,
        tp::TIDB_VECTOR_FLOAT32 => vector_datum(text)?,
        _ if field_type.is_string() => Datum::Bytes(string(field_type, text)),
        _ => return Err(DefaultValueReason::Unsupported),
    })
}

/// `BINARY(n)` is padded with zero bytes, `CHAR` loses its trailing blanks.
fn string<'a>(field_type: &FieldType, text: &'a str) -> Cow<'a, [u8]> {
    if field_type.tp != tp::STRING {
        return Cow::Borrowed(text.as_bytes());
    }
    if !field_type.is_binary_string() {
        return Cow::Borrowed(text.trim_end_matches(' ').as_bytes());
    }
    // BINARY has at most 255 bytes; what the metadata claims beyond that is not believed.
    let length = usize::try_from(field_type.flen.min(255)).unwrap_or_default();
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(bytes.len().max(length), 0);
    Cow::Owned(bytes)
}

fn bit(field_type: &FieldType, bytes: &[u8]) -> Result<Datum<'static>, DefaultValueReason> {
    let value = enum_set::bit_to_u64(bytes)?;
    let bits = u32::try_from(field_type.flen).unwrap_or_default();
    match value.checked_shr(bits) {
        None | Some(0) => Ok(Datum::UInt(value)),
        Some(_) => Err(DefaultValueReason::OutOfRange),
    }
}

fn fsp(field_type: &FieldType) -> u8 {
    u8::try_from(field_type.decimal).unwrap_or_default()
}

fn time(
    field_type: &FieldType,
    text: &str,
    kind: TimeKind,
) -> Result<CoreTime, DefaultValueReason> {
    let is_now = |name: &str| text.get(..name.len()).is_some_and(|t| t.eq_ignore_ascii_case(name));
    if is_now("CURRENT_TIMESTAMP") || is_now("CURRENT_DATE") {
        return Err(DefaultValueReason::NotConstant);
    }
    Ok(CoreTime::parse(text, kind, fsp(field_type))?)
}

/// The packed UTC time of a `TIMESTAMP` whose text is in `zone`.
fn timestamp(
    field_type: &FieldType,
    text: &str,
    zone: Option<Zone>,
) -> Result<u64, DefaultValueReason> {
    let wall = time(field_type, text, TimeKind::Timestamp)?;
    if wall.is_zero() || zone == Some(Zone::Utc) {
        return Ok(wall.to_packed());
    }
    let utc = wall.to_utc_micros(zone.ok_or(DefaultValueReason::UnknownZone)?)?;
    Ok(CoreTime::from_micros(utc, TimeKind::Timestamp, wall.fsp)?.to_packed())
}

/// JSON columns can't have a default, but a `NOT NULL` one that is added gets `null`.
fn json_literal(text: &str) -> Result<Datum<'static>, DefaultValueReason> {
    let code = match text.trim_ascii() {
        "null" => 0,
        "true" => 1,
        "false" => 2,
        _ => return Err(DefaultValueReason::Unsupported),
    };
    Ok(Datum::Json(json::tp::LITERAL, Cow::Owned(vec![code])))
}

/// `[1, 2.5]`.
fn vector_datum(text: &str) -> Result<Datum<'static>, DefaultValueReason> {
    let mut out = Vec::new();
    vector::encode(&mut out, &vector::parse(text)?)?;
    Ok(Datum::VectorFloat32(Cow::Owned(out)))
}

#[cfg(test)]
mod tests;
