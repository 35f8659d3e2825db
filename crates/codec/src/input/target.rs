//! What a column takes, made ready once for all its values.

use super::decimal::DecimalTarget;
use super::error::Refusal;
use super::float::FloatTarget;
use super::integer::IntTarget;
use super::member::Members;
use super::source::Meaning;
use super::text::TextTarget;
use super::time::TimeTarget;
use super::value::InputValue;
use super::{integer, json, span};
use crate::datum::Datum;
use crate::field_type::{FieldType, tp};
use crate::time::{MAX_FSP, TimeKind, Zone};
use crate::vector;

/// A column's type.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Int(IntTarget),
    Float(FloatTarget),
    Decimal(DecimalTarget),
    Text(TextTarget),
    Time(TimeTarget),
    Duration { fsp: u8 },
    Year,
    Enum(Members),
    Set(Members),
    Bit { bits: u32 },
    Json,
    Vector { dimensions: Option<usize> },
}

impl Target {
    /// # Errors
    /// The reason why values of the type are not written.
    pub(super) fn new(field_type: &FieldType, new_collation: bool) -> Result<Self, &'static str> {
        let unsigned = field_type.is_unsigned();
        let fsp = u8::try_from(field_type.decimal).unwrap_or(0).min(MAX_FSP);
        Ok(match field_type.tp {
            tp::TINY => Self::Int(IntTarget { bits: 8, unsigned }),
            tp::SHORT => Self::Int(IntTarget { bits: 16, unsigned }),
            tp::INT24 => Self::Int(IntTarget { bits: 24, unsigned }),
            tp::LONG => Self::Int(IntTarget { bits: 32, unsigned }),
            tp::LONG_LONG => Self::Int(IntTarget { bits: 64, unsigned }),
            tp::FLOAT | tp::DOUBLE => Self::Float(FloatTarget::new(field_type)),
            tp::NEW_DECIMAL => Self::Decimal(DecimalTarget::new(field_type)?),
            tp::DATE => Self::Time(TimeTarget { kind: TimeKind::Date, fsp: 0 }),
            tp::DATETIME => Self::Time(TimeTarget { kind: TimeKind::DateTime, fsp }),
            tp::TIMESTAMP => Self::Time(TimeTarget { kind: TimeKind::Timestamp, fsp }),
            tp::DURATION => Self::Duration { fsp },
            tp::YEAR => Self::Year,
            tp::ENUM => Self::Enum(Members::new(field_type, new_collation)?),
            tp::SET => Self::Set(Members::new(field_type, new_collation)?),
            tp::BIT => match u32::try_from(field_type.flen) {
                Ok(bits @ 1..=64) => Self::Bit { bits },
                _ => return Err("a BIT has 1 to 64 bits"),
            },
            tp::JSON => Self::Json,
            tp::TIDB_VECTOR_FLOAT32 => {
                Self::Vector { dimensions: usize::try_from(field_type.flen).ok() }
            }
            _ if field_type.is_string() => Self::Text(TextTarget::new(field_type)?),
            _ => return Err("the type is not known"),
        })
    }

    /// Whether values of a meaning can ever become values of the column.
    pub(super) fn takes(&self, meaning: Meaning) -> bool {
        use Meaning::{
            Bytes, Date, DateTime, Duration, Float, Null, Text, Timestamp, UInt, Vector,
        };
        match (self, meaning) {
            (_, Null) | (Self::Vector { .. }, Text | Bytes | Vector) => true,
            (Self::Vector { .. }, _) | (_, Vector) => false,
            // TiDB refuses these two.
            (Self::Time(_), Float) => false,
            (Self::Time(TimeTarget { kind: TimeKind::Timestamp, .. }), UInt) => false,
            // TiDB takes the day on which it is asked.
            (Self::Time(_) | Self::Year, Duration) => false,
            // TiDB takes the digits of the time for a number.
            (
                Self::Enum(_) | Self::Set(_) | Self::Bit { .. },
                Date | DateTime | Timestamp | Duration,
            ) => false,
            _ => true,
        }
    }

    pub(super) fn convert<'a>(
        &self,
        value: &InputValue<'a>,
        zone: Zone,
    ) -> Result<Datum<'a>, Refusal> {
        Ok(match self {
            Self::Int(target) => target.convert(value, zone)?,
            Self::Float(target) => Datum::Float(target.convert(value, zone)?),
            Self::Decimal(target) => Datum::Decimal(target.convert(value, zone)?),
            Self::Text(target) => Datum::Bytes(target.convert(value, zone)?),
            Self::Time(target) => Datum::UInt(target.convert(value, zone)?),
            Self::Duration { fsp } => Datum::Duration(span::convert(value, *fsp, zone)?),
            Self::Year => Datum::Int(integer::year(value, zone)?),
            Self::Enum(members) => Datum::UInt(members.number(value)?),
            Self::Set(members) => Datum::UInt(members.mask(value)?),
            Self::Bit { bits } => Datum::UInt(integer::bit(value, *bits)?),
            Self::Json => json::convert(value, zone)?,
            Self::Vector { dimensions } => Datum::VectorFloat32(vector(value, *dimensions)?.into()),
        })
    }
}

fn vector(value: &InputValue<'_>, dimensions: Option<usize>) -> Result<Vec<u8>, Refusal> {
    let parsed;
    let elements: &[f32] = match value {
        InputValue::Vector(elements) => elements,
        InputValue::Text(text) => {
            parsed = vector::parse(text).map_err(|_| Refusal::Incorrect)?;
            &parsed
        }
        InputValue::Bytes(bytes) => {
            let text = std::str::from_utf8(bytes).map_err(|_| Refusal::Incorrect)?;
            parsed = vector::parse(text).map_err(|_| Refusal::Incorrect)?;
            &parsed
        }
        _ => return Err(Refusal::Unsupported),
    };
    let count = elements.len();
    if dimensions.is_some_and(|dimensions| dimensions != count) || count > vector::MAX_DIMENSIONS {
        return Err(Refusal::Dimensions(count));
    }
    if elements.iter().any(|element| !element.is_finite()) {
        return Err(Refusal::OutOfRange);
    }
    let mut out = Vec::with_capacity(4 + count * 4);
    vector::encode(&mut out, elements).map_err(|_| Refusal::Dimensions(count))?;
    Ok(out)
}
