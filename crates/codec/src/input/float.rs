//! `FLOAT` and `DOUBLE`.

use super::error::Refusal;
use super::number_text::{self, FloatText};
use super::span_number;
use super::time::Wall;
use super::value::InputValue;
use crate::decimal::Decimal;
use crate::field_type::{FieldType, tp};
use crate::time::Zone;

/// A column of floats.
#[derive(Debug, Clone, Copy)]
pub(super) struct FloatTarget {
    narrow: bool,
    unsigned: bool,
    size: Option<Size>,
}

/// The size of a `FLOAT(m, d)`.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// `10^d`.
    shift: f64,
    /// The greatest number of `m` digits.
    most: f64,
}

impl FloatTarget {
    pub(super) fn new(field_type: &FieldType) -> Self {
        let size = match (field_type.flen, field_type.decimal) {
            (..0, _) | (_, ..0) => None,
            (length, scale) => {
                let shift = power_of_ten(scale);
                Some(Size { shift, most: power_of_ten(length - scale) - power_of_ten(-scale) })
            }
        };
        Self { narrow: field_type.tp == tp::FLOAT, unsigned: field_type.is_unsigned(), size }
    }

    pub(super) fn convert(self, value: &InputValue<'_>, zone: Zone) -> Result<f64, Refusal> {
        let value = to_float(value, zone)?;
        if !value.is_finite() {
            return Err(Refusal::OutOfRange);
        }
        let value = self.size.map_or(Ok(value), |size| size.round(value))?;
        if self.unsigned && value < 0.0 {
            return Err(Refusal::OutOfRange);
        }
        // Stores have no negative zero.
        let value = value + 0.0;
        if !self.narrow {
            return Ok(value);
        }
        if value.abs() > f64::from(f32::MAX) {
            return Err(Refusal::OutOfRange);
        }
        #[expect(clippy::cast_possible_truncation, reason = "the column has no more digits")]
        let narrow = value as f32;
        Ok(f64::from(narrow))
    }
}

impl Size {
    /// By way of the float nearest to the shifted value, half to even.
    fn round(self, value: f64) -> Result<f64, Refusal> {
        let shifted = value * self.shift;
        let rounded =
            if shifted.is_finite() { shifted.round_ties_even() / self.shift } else { value };
        if rounded.abs() > self.most { Err(Refusal::OutOfRange) } else { Ok(rounded) }
    }
}

/// The nearest power; repeated multiplication would not give it.
fn power_of_ten(exponent: i64) -> f64 {
    format!("1e{exponent}").parse().unwrap_or(f64::INFINITY)
}

/// The number that a `DOUBLE` stores.
#[expect(clippy::cast_precision_loss, reason = "the column rounds to the nearest float")]
fn to_float(value: &InputValue<'_>, zone: Zone) -> Result<f64, Refusal> {
    match value {
        InputValue::Int(value) => Ok(*value as f64),
        InputValue::UInt(value) => Ok(*value as f64),
        InputValue::Float32(value) => Ok(f64::from(*value)),
        InputValue::Float64(value) => Ok(*value),
        InputValue::Decimal(value) => of_decimal(value),
        InputValue::Text(text) => FloatText::parse(text)?.to_float(),
        InputValue::Bytes(bytes) => FloatText::parse(number_text::of_bytes(bytes)?)?.to_float(),
        InputValue::Duration(moment) => of_decimal(&span_number::decimal(*moment)?),
        other => of_decimal(&Wall::of(other, zone)?.ok_or(Refusal::Unsupported)?.decimal()?),
    }
}

/// The float nearest to a decimal.
pub(super) fn of_decimal(value: &Decimal) -> Result<f64, Refusal> {
    value.to_string().parse().map_err(|_| Refusal::Incorrect)
}
