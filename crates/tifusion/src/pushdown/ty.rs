//! What is known of the values of a lowered expression.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use tifusion_proto::tipb;

use super::capability::Kind;

/// An expression of the stores', and what is known of its values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Typed {
    /// The expression.
    pub(crate) expr: tipb::Expr,
    /// Its type and range.
    pub(crate) ty: Ty,
}

/// A type with the range of its values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Ty {
    /// Integers and truth values.
    Int(IntRange),
    /// Floats.
    Real(RealRange),
    /// Decimals of at most `precision` digits, `scale` of them behind the point.
    Decimal { precision: u8, scale: u8 },
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// Dates.
    Date,
    /// Wall times.
    DateTime,
    /// Points in time.
    Timestamp,
    /// Spans.
    Time,
}

/// The range of an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IntRange {
    /// Least value.
    pub(crate) low: i128,
    /// Greatest value.
    pub(crate) high: i128,
    /// Whether the store takes its bits for unsigned.
    pub(crate) unsigned: bool,
    /// Whether it is shown as plain digits.
    pub(crate) plain: bool,
}

/// The range of a float.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RealRange {
    /// Greatest magnitude.
    pub(crate) bound: f64,
    /// Whether it may be `0.0`.
    pub(crate) zero: bool,
    /// Whether it may be `-0.0`.
    pub(crate) negative_zero: bool,
}

impl IntRange {
    /// The truth of a condition.
    pub(crate) const TRUTH: Self = Self { low: 0, high: 1, unsigned: false, plain: false };

    /// A signed integer in this range.
    pub(crate) const fn signed(low: i128, high: i128) -> Self {
        Self { low, high, unsigned: false, plain: true }
    }

    /// The range of an integer type of Arrow.
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        let (bits, unsigned) = match data_type {
            DataType::Boolean => return Some(Self::TRUTH),
            DataType::Int8 => (8, false),
            DataType::Int16 => (16, false),
            DataType::Int32 => (32, false),
            DataType::Int64 => (64, false),
            DataType::UInt8 => (8, true),
            DataType::UInt16 => (16, true),
            DataType::UInt32 => (32, true),
            DataType::UInt64 => (64, true),
            _ => return None,
        };
        let (low, high) = match unsigned {
            true => (0, (1_i128 << bits) - 1),
            false => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
        };
        Some(Self { low, high, unsigned, plain: true })
    }

    /// Whether all of `other` is in it.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.low <= other.low && other.high <= self.high
    }

    /// Greatest magnitude.
    pub(crate) fn magnitude(&self) -> i128 {
        self.low.abs().max(self.high.abs())
    }

    /// Decimal digits of the greatest magnitude.
    pub(crate) fn digits(&self) -> u8 {
        u8::try_from(self.magnitude().checked_ilog10().map_or(1, |log| log + 1)).unwrap_or(u8::MAX)
    }
}

impl RealRange {
    /// Any value up to `bound`.
    pub(crate) const fn up_to(bound: f64) -> Self {
        Self { bound, zero: true, negative_zero: true }
    }
}

impl Ty {
    /// Truth values.
    pub(crate) const TRUTH: Self = Self::Int(IntRange::TRUTH);

    /// Its kind, as the table has it.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Int(_) => Kind::Int,
            Self::Real(_) => Kind::Real,
            Self::Decimal { .. } => Kind::Decimal,
            Self::Text => Kind::Text,
            Self::Bytes => Kind::Bytes,
            Self::Date => Kind::Date,
            Self::DateTime => Kind::DateTime,
            Self::Timestamp => Kind::Timestamp,
            Self::Time => Kind::Time,
        }
    }

    /// Whether it is a time of the calendar.
    pub(crate) fn is_calendar(&self) -> bool {
        matches!(self, Self::Date | Self::DateTime | Self::Timestamp)
    }

    /// The type of a `NULL` of DataFusion's.
    pub(crate) fn of_null(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Self::Bytes,
            DataType::Float32 | DataType::Float64 => {
                Self::Real(RealRange { bound: 0.0, zero: false, negative_zero: false })
            }
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
                Self::Decimal { precision: *precision, scale: u8::try_from(*scale).ok()? }
            }
            DataType::Date32 => Self::Date,
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::DateTime,
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Self::Timestamp,
            DataType::Duration(TimeUnit::Microsecond) => Self::Time,
            _ => Self::Int(IntRange { low: 0, high: 0, ..IntRange::of(data_type)? }),
        })
    }

    /// The type of a value that is one of either; `None` if they have none in common.
    pub(crate) fn union(self, other: Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Int(a), Self::Int(b)) => {
                let (low, high) = (a.low.min(b.low), a.high.max(b.high));
                // The bits of both are read by one sign.
                let unsigned = high > i128::from(i64::MAX);
                if unsigned && low < 0 {
                    return None;
                }
                Self::Int(IntRange { low, high, unsigned, plain: a.plain && b.plain })
            }
            (Self::Real(a), Self::Real(b)) => Self::Real(RealRange {
                bound: a.bound.max(b.bound),
                zero: a.zero || b.zero,
                negative_zero: a.negative_zero || b.negative_zero,
            }),
            (
                Self::Decimal { precision: p, scale: s },
                Self::Decimal { precision: q, scale: t },
            ) => {
                let whole = p.saturating_sub(s).max(q.saturating_sub(t));
                Self::Decimal { precision: whole.saturating_add(s.max(t)), scale: s.max(t) }
            }
            (Self::Date, Self::DateTime) | (Self::DateTime, Self::Date) => Self::DateTime,
            (a, b) if a.kind() == b.kind() => a,
            _ => return None,
        })
    }
}
