//! Values, and what they are in a column.

use std::borrow::Cow;
use std::fmt;

use tifusion_codec::datum::Datum;
use tifusion_codec::decimal::Decimal;
use tifusion_codec::duration;
use tifusion_codec::field_type::{FieldType, tp};
use tifusion_codec::time::{CoreTime, MICROS_PER_DAY, TimeKind};

/// Most digits of a decimal whose unscaled value a [`Value`] can be.
const MAX_DECIMAL_DIGITS: i64 = 38;
/// The first and the last day of the years 0 to 9999, counted from 1970-01-01.
const DAYS: (i64, i64) = (-719_528, 2_932_896);

/// A value of a column, ordered as Arrow orders the values of one column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// An integer or `YEAR`; a decimal without its point, at its column's scale; a `DATE` in days, a
    /// `DATETIME` or `TIMESTAMP` (in UTC) in microseconds since 1970; a `TIME` in microseconds.
    Number(i128),
    /// Text or bytes.
    Bytes(Vec<u8>),
}

/// The least and the greatest [`Value::Number`] that a column of this type holds, `None` if its values
/// are no such numbers.
///
/// Floats are none: the order of their keys is not Arrow's (`-0.0`). Nor are `ENUM` and `SET`, which
/// Arrow orders by name, and `BIT`.
#[must_use]
pub fn number_range(field_type: &FieldType) -> Option<(i128, i128)> {
    let bits = |bits: u32| {
        let values = 1_i128 << bits;
        if field_type.is_unsigned() { (0, values - 1) } else { (-values / 2, values / 2 - 1) }
    };
    let symmetric = |most: i128| (-most, most);
    Some(match field_type.tp {
        tp::TINY => bits(8),
        tp::SHORT => bits(16),
        tp::INT24 => bits(24),
        tp::LONG => bits(32),
        tp::LONG_LONG => bits(64),
        tp::YEAR => (0, 2155),
        tp::NEW_DECIMAL => {
            let digits = if field_type.flen <= 0 { 10 } else { field_type.flen };
            let digits = u32::try_from(digits).ok().filter(|_| digits <= MAX_DECIMAL_DIGITS)?;
            symmetric(10_i128.checked_pow(digits)? - 1)
        }
        tp::DATE => (DAYS.0.into(), DAYS.1.into()),
        tp::DATETIME | tp::TIMESTAMP => {
            let day = i128::from(MICROS_PER_DAY);
            (i128::from(DAYS.0) * day, (i128::from(DAYS.1) + 1) * day - 1)
        }
        tp::DURATION => symmetric(duration::to_micros(duration::MAX_NANOS).into()),
        _ => return None,
    })
}

/// The datum of a value of a column, `None` if the column can't have it.
#[must_use]
pub fn datum<'a>(field_type: &FieldType, value: &'a Value) -> Option<Datum<'a>> {
    let number = match value {
        Value::Bytes(bytes) => {
            let is_bytes = field_type.is_string();
            return is_bytes.then_some(Datum::Bytes(Cow::Borrowed(bytes)));
        }
        Value::Number(number) => *number,
    };
    let (least, greatest) = number_range(field_type)?;
    if !(least..=greatest).contains(&number) {
        return None;
    }
    let time = |micros: i64, kind| {
        let time = CoreTime::from_micros(micros, kind, tifusion_codec::time::MAX_FSP).ok()?;
        Some(Datum::UInt(time.to_packed()))
    };
    match field_type.tp {
        tp::NEW_DECIMAL => {
            let scale = u8::try_from(field_type.decimal.max(0)).ok()?;
            Decimal::from_i128(number, scale).ok().map(Datum::Decimal)
        }
        tp::DATE => {
            let days = i64::try_from(number).ok()?;
            time(days.checked_mul(MICROS_PER_DAY)?, TimeKind::Date)
        }
        tp::DATETIME => time(i64::try_from(number).ok()?, TimeKind::DateTime),
        tp::TIMESTAMP => time(i64::try_from(number).ok()?, TimeKind::Timestamp),
        tp::DURATION => i64::try_from(number).ok()?.checked_mul(1000).map(Datum::Duration),
        tp::YEAR => i64::try_from(number).ok().map(Datum::Int),
        _ if field_type.is_unsigned() => u64::try_from(number).ok().map(Datum::UInt),
        _ => i64::try_from(number).ok().map(Datum::Int),
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Bytes(bytes) => write!(f, "{:?}", String::from_utf8_lossy(bytes)),
        }
    }
}
