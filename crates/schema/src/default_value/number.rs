//! Defaults of numbers.

use std::str::FromStr;

use tifusion_codec::FieldType;
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::decimal::Decimal;
use tifusion_codec::field_type::tp;

use super::DefaultValueReason;

/// A whole number. Very old metadata may have a fraction, which is rounded as TiDB does.
pub(super) fn integer(
    field_type: &FieldType,
    text: &str,
) -> Result<Datum<'static>, DefaultValueReason> {
    let text = text.trim_ascii();
    let rounded;
    let whole = if text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() {
        text
    } else {
        rounded = round(&Decimal::from_str(text)?, 0)?.to_string();
        &rounded
    };
    let out_of_range = |_| DefaultValueReason::OutOfRange;
    if field_type.is_unsigned() {
        return Ok(Datum::UInt(whole.parse().map_err(out_of_range)?));
    }
    Ok(Datum::Int(whole.parse().map_err(out_of_range)?))
}

/// A year, of two digits or four (`AdjustYear`).
pub(super) fn year(text: &str) -> Result<i64, DefaultValueReason> {
    let trimmed = text.trim_ascii();
    let year: i64 =
        trimmed.parse().map_err(|_| tifusion_codec::Error::malformed("YEAR", "not a number"))?;
    match year {
        // "0000" and the number 0 are the zero year, "0" and "00" are the year 2000.
        0 if text.len() != 4 && trimmed.starts_with('0') => Ok(2000),
        0 | 1901..=2155 => Ok(year),
        1..=69 => Ok(2000 + year),
        70..=99 => Ok(1900 + year),
        _ => Err(DefaultValueReason::OutOfRange),
    }
}

/// A `FLOAT` has only the precision of one, a `FLOAT(m, d)` has `d` digits after the point.
pub(super) fn float(field_type: &FieldType, text: &str) -> Result<f64, DefaultValueReason> {
    let malformed = || tifusion_codec::Error::malformed("FLOAT", "not a number");
    let text = text.trim_ascii();
    let value: f64 = text.parse().map_err(|_| malformed())?;
    let value = if field_type.flen < 0 || field_type.decimal < 0 {
        value
    } else {
        round_float(value, field_type.decimal)
    };
    let value = if field_type.tp == tp::FLOAT {
        #[expect(clippy::cast_possible_truncation, reason = "the column holds no more")]
        let narrow = value as f32;
        f64::from(narrow)
    } else {
        value
    };
    if value.is_finite() { Ok(value) } else { Err(DefaultValueReason::OutOfRange) }
}

/// A decimal datum with the column's precision and scale, to which its text is rounded.
pub(super) fn decimal(field_type: &FieldType, text: &str) -> Result<Vec<u8>, DefaultValueReason> {
    let value = decimal_value(field_type, text)?;
    let mut out = Vec::new();
    let size = (u8::try_from(field_type.flen), u8::try_from(field_type.decimal));
    let (Ok(precision), Ok(scale)) = size else {
        datum::encode_value(&mut out, &Datum::Decimal(value))?;
        return Ok(out);
    };
    datum::encode_decimal(&mut out, &value, precision, scale)?;
    Ok(out)
}

/// A decimal rounded to the column's scale, if it has one.
pub(super) fn decimal_value(
    field_type: &FieldType,
    text: &str,
) -> Result<Decimal, DefaultValueReason> {
    let value = Decimal::from_str(text)?;
    if field_type.flen < 0 {
        return Ok(value);
    }
    let Ok(scale) = u8::try_from(field_type.decimal) else { return Ok(value) };
    round(&value, scale)
}

/// Rounds to `scale` digits after the point as TiDB does, by way of the double nearest to the scaled
/// value (`types.Round`).
fn round_float(value: f64, scale: i64) -> f64 {
    // Parsing gives the nearest power of ten, repeated multiplication would not.
    let shift: f64 = format!("1e{scale}").parse().unwrap_or(f64::INFINITY);
    let scaled = value * shift;
    if scaled.is_finite() { scaled.round_ties_even() / shift } else { value }
}

/// Rounds half away from zero.
fn round(value: &Decimal, scale: u8) -> Result<Decimal, DefaultValueReason> {
    let malformed = || tifusion_codec::Error::malformed("DECIMAL", "too many digits");
    Ok(value.rounded(scale).ok_or_else(malformed)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_of_two_digits_are_near_2000() {
        for (text, want) in
            [("0000", 0), ("0", 2000), ("00", 2000), ("1", 2001), ("69", 2069), ("70", 1970)]
        {
            assert_eq!(year(text), Ok(want), "{text}");
        }
        assert_eq!(year("2155"), Ok(2155));
        assert_eq!(year("1900"), Err(DefaultValueReason::OutOfRange));
        assert!(year("soon").is_err());
    }
}
