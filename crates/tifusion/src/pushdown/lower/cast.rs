//! Casts that lose nothing and can't fail.

use datafusion::arrow::datatypes::{DataType, TimeUnit};

use super::{Lowering, Outcome, Physical};
use crate::pushdown::capability::Kind;
use crate::pushdown::refusal::{Reason, Refusal};
use crate::pushdown::ty::{IntRange, RealRange, Ty, Typed};

impl Lowering<'_> {
    pub(super) fn cast(&self, arg: &Physical, to: &DataType, expr: &Physical) -> Outcome {
        let name = name_of(to).ok_or_else(|| Refusal::new(expr.as_ref(), Reason::Unknown))?;
        let value = self.value(arg)?;
        let kind = value.ty.kind();
        let refused = || self.said(name, &kind, expr);
        match (value.ty, to) {
            (Ty::Int(range), DataType::Boolean) => {
                if range == IntRange::TRUTH {
                    return Ok(value);
                }
                let children = vec![value.expr, self.build().small(0).expr];
                self.call((name, kind), children, Ty::TRUTH, expr)
            }
            (Ty::Int(range), to) if to.is_integer() => {
                // As the store has it: there are only integers of 64 bits there.
                let fits = IntRange::of(to).is_some_and(|fits| fits.contains(&range));
                if fits { self.allowed(value, name, expr) } else { Err(refused()) }
            }
            (Ty::Int(range), DataType::Float64) => {
                #[expect(clippy::cast_precision_loss, reason = "a bound, with room to spare")]
                let bound = range.magnitude() as f64;
                let real = RealRange { bound, zero: true, negative_zero: false };
                self.call((name, kind), vec![value.expr], Ty::Real(real), expr)
            }
            (Ty::Int(range), DataType::Decimal128(p, s) | DataType::Decimal256(p, s)) => {
                let (digits, scale) = (range.digits(), u8::try_from(*s).map_err(|_| refused())?);
                if p.checked_sub(scale).is_none_or(|whole| digits > whole) {
                    return Err(refused());
                }
                let ty = Ty::Decimal { precision: digits, scale: 0 };
                self.call((name, kind), vec![value.expr], ty, expr)
            }
            (Ty::Int(range), to) if is_text(to) && range.plain => {
                self.call((name, kind), vec![value.expr], Ty::Text, expr)
            }
            (Ty::Real(_), DataType::Float64) => self.allowed(value, name, expr),
            (
                Ty::Decimal { precision, scale },
                DataType::Decimal128(p, s) | DataType::Decimal256(p, s),
            ) => {
                let to_scale = u8::try_from(*s).map_err(|_| refused())?;
                let whole = precision.saturating_sub(scale);
                let fits = p.checked_sub(to_scale).is_some_and(|to_whole| whole <= to_whole);
                if fits && scale <= to_scale {
                    self.allowed(value, name, expr)
                } else {
                    Err(refused())
                }
            }
            (Ty::Text, to) if is_text(to) => Ok(value),
            (Ty::Bytes, DataType::Binary | DataType::LargeBinary | DataType::BinaryView) => {
                Ok(value)
            }
            (Ty::Date, DataType::Timestamp(TimeUnit::Microsecond, None)) => {
                Ok(Typed { ty: Ty::DateTime, ..self.allowed(value, name, expr)? })
            }
            (Ty::DateTime, DataType::Date32) => {
                self.call((name, kind), vec![value.expr], Ty::Date, expr)
            }
            (Ty::Timestamp, DataType::Date32) if self.scope.is_utc => {
                self.call((name, kind), vec![value.expr], Ty::Date, expr)
            }
            (ty, to)
                if Ty::of_null(to).map(|to| to.kind()) == Some(ty.kind()) && kind != Kind::Int =>
            {
                self.same_kind(value, arg, to, expr)
            }
            _ => Err(refused()),
        }
    }

    /// A cast within a kind that changes nothing.
    fn same_kind(&self, value: Typed, arg: &Physical, to: &DataType, expr: &Physical) -> Outcome {
        match self.data_type(arg)? == *to {
            true => Ok(value),
            false => Err(Refusal::new(expr.as_ref(), Reason::Unknown)),
        }
    }

    /// `value` as it is, unless casts are forbidden.
    fn allowed(&self, value: Typed, name: &str, expr: &Physical) -> Outcome {
        let kind = value.ty.kind();
        self.row(name, kind, expr).map(|_| value)
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The name of a cast in the table.
fn name_of(to: &DataType) -> Option<&'static str> {
    Some(match to {
        DataType::Boolean => "CAST AS BOOLEAN",
        to if to.is_integer() => "CAST AS integer",
        DataType::Float32 | DataType::Float64 => "CAST AS DOUBLE",
        DataType::Decimal128(_, _) | DataType::Decimal256(_, _) => "CAST AS DECIMAL",
        to if is_text(to) => "CAST AS VARCHAR",
        DataType::Date32 => "CAST AS DATE",
        DataType::Timestamp(_, _) => "CAST AS TIMESTAMP",
        _ => "CAST",
    })
}
