//! `DECIMAL`.

use super::error::Refusal;
use super::time::Wall;
use super::value::InputValue;
use super::{number_text, span_number};
use crate::decimal::{Decimal, DecimalText, MAX_PRECISION, MAX_SCALE};
use crate::field_type::FieldType;
use crate::time::Zone;

/// A column of decimals.
#[derive(Debug, Clone, Copy)]
pub(super) struct DecimalTarget {
    precision: u8,
    scale: u8,
    unsigned: bool,
}

impl DecimalTarget {
    pub(super) fn new(field_type: &FieldType) -> Result<Self, &'static str> {
        match (u8::try_from(field_type.flen), u8::try_from(field_type.decimal)) {
            (Ok(precision @ 1..=MAX_PRECISION), Ok(scale @ 0..=MAX_SCALE))
                if scale <= precision =>
            {
                Ok(Self { precision, scale, unsigned: field_type.is_unsigned() })
            }
            _ => Err("a DECIMAL has 1 to 65 digits, of which at most 30 are after the point"),
        }
    }

    /// The value rounded to the column's scale, half away from zero.
    pub(super) fn convert(self, value: &InputValue<'_>, zone: Zone) -> Result<Decimal, Refusal> {
        let exact = match value {
            InputValue::Int(value) => Decimal::from_i128((*value).into(), 0),
            InputValue::UInt(value) => Decimal::from_i128((*value).into(), 0),
            InputValue::Decimal(value) => Ok(*value),
            InputValue::Float32(value) => return self.of_float(f64::from(*value)),
            InputValue::Float64(value) => return self.of_float(*value),
            InputValue::Text(text) => return self.of_text(text),
            InputValue::Bytes(bytes) => return self.of_text(number_text::of_bytes(bytes)?),
            InputValue::Duration(moment) => Ok(span_number::decimal(*moment)?),
            other => Ok(Wall::of(other, zone)?.ok_or(Refusal::Unsupported)?.decimal()?),
        };
        let exact = exact.map_err(|_| Refusal::OutOfRange)?;
        self.fit(exact.rounded(self.scale))
    }

    /// The shortest decimal that is nearest to the float.
    fn of_float(self, value: f64) -> Result<Decimal, Refusal> {
        if !value.is_finite() {
            return Err(Refusal::OutOfRange);
        }
        self.of_text(&format!("{value:e}"))
    }

    fn of_text(self, text: &str) -> Result<Decimal, Refusal> {
        let number = DecimalText::parse(text).ok_or(Refusal::Incorrect)?;
        self.fit(number.rounded(self.scale))
    }

    fn fit(self, value: Option<Decimal>) -> Result<Decimal, Refusal> {
        let value = value.ok_or(Refusal::OutOfRange)?;
        let is_long = value.int_digits() > self.precision - self.scale;
        if is_long || (self.unsigned && value.is_negative()) {
            return Err(Refusal::OutOfRange);
        }
        Ok(value)
    }
}
