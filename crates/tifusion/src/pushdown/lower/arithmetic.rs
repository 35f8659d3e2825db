//! Arithmetic and bits.
//!
//! DataFusion's integers wrap around at their type's width, the stores' fail at 64 bits; a divisor of
//! zero is an error here and `NULL` there. So the ranges of the operands, known from their columns'
//! types and from constants, must exclude both.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::BinaryExpr;

use super::product::Product;
use super::{Lowering, Outcome, Physical, constant, words};
use crate::pushdown::capability::Kind;
use crate::pushdown::refusal::{Reason, Refusal};
use crate::pushdown::ty::{IntRange, RealRange, Ty, Typed};

/// Floats beyond this may become infinite soon.
const LARGE: f64 = 1e300;

/// Most digits of a product of decimals that surely fits into the words that a store computes with.
const MAX_PRODUCT_DIGITS: u8 = 38;

const SIGNED: IntRange = IntRange::signed(i64::MIN as i128, i64::MAX as i128);

impl Lowering<'_> {
    pub(super) fn arithmetic(&self, binary: &BinaryExpr, expr: &Physical) -> Outcome {
        let name = match binary.op() {
            Operator::Plus => "+",
            Operator::Minus => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            _ => "%",
        };
        // Times are refused by what the table says of them, before their columns are.
        if let DataType::Date32 | DataType::Timestamp(_, _) = self.data_type(binary.left())? {
            let left = self.value(binary.left())?;
            return Err(self.said(name, &left.ty.kind(), expr));
        }
        let (left, right) = (self.value(binary.left())?, self.value(binary.right())?);
        let result = self.data_type(expr)?;
        let refused = self.said(name, &left.ty.kind(), expr);
        match (left.ty, right.ty) {
            (Ty::Int(_), Ty::Int(_)) => self.integers(*binary.op(), name, (left, right), expr),
            (Ty::Real(a), Ty::Real(b)) if result == DataType::Float64 => {
                // Only a constant's bound is its value: what is divided by may be smaller elsewhere.
                let divides = *binary.op() == Operator::Divide;
                let range = reals(*binary.op(), a, b)
                    .filter(|_| !divides || constant(binary.right()).is_some())
                    .ok_or(refused)?;
                let children = vec![left.expr, right.expr];
                self.call((name, Kind::Real), children, Ty::Real(range), expr)
            }
            (Ty::Decimal { .. }, Ty::Decimal { .. }) => {
                match decimals(*binary.op(), left.ty, right.ty, &result) {
                    Some(ty) => {
                        self.call((name, Kind::Decimal), vec![left.expr, right.expr], ty, expr)
                    }
                    None if *binary.op() == Operator::Multiply => {
                        self.product(left, right, &result, expr)?.ok_or(refused)
                    }
                    None => Err(refused),
                }
            }
            _ => Err(refused),
        }
    }

    /// A product that has more digits than DataFusion computes with, where those of all rows are looked
    /// at: the store computes it, and where one is too large here the statement fails as it would have.
    fn product(
        &self,
        left: Typed,
        right: Typed,
        result: &DataType,
        expr: &Physical,
    ) -> Outcome<Option<Typed>> {
        let Some(mut products) = self.products.take() else { return Ok(None) };
        let made = match products_type(&left, &right, result) {
            None => None,
            Some((ty, scale)) => {
                let children = vec![left.expr.clone(), right.expr.clone()];
                let product = self.call(("*", Kind::Decimal), children, ty, expr)?;
                let (value, factors) = (product.clone(), [left, right]);
                products.push(Product { value, scale, factors });
                // What is larger than this is found when it is looked at.
                Some(Typed { ty: narrowed(ty), ..product })
            }
        };
        self.products.replace(Some(products));
        Ok(made)
    }

    fn integers(
        &self,
        operator: Operator,
        name: &str,
        (left, right): (Typed, Typed),
        expr: &Physical,
    ) -> Outcome {
        let refused = || self.said(name, &Kind::Int, expr);
        let (left, right) = (self.signed(left, expr)?, self.signed(right, expr)?);
        let (Ty::Int(a), Ty::Int(b)) = (left.ty, right.ty) else { return Err(refused()) };
        let fits = IntRange::of(&self.data_type(expr)?).ok_or_else(refused)?;
        let range = range_of(operator, a, b).ok_or_else(refused)?;
        if !fits.contains(&range) || !SIGNED.contains(&range) {
            return Err(refused());
        }
        self.call((name, Kind::Int), vec![left.expr, right.expr], Ty::Int(range), expr)
    }

    /// An integer whose bits the stores take for signed.
    pub(super) fn signed(&self, value: Typed, expr: &Physical) -> Outcome {
        match value.ty {
            Ty::Int(range) if !range.unsigned => Ok(value),
            Ty::Int(range) if SIGNED.contains(&range) => {
                let ty = Ty::Int(IntRange { unsigned: false, ..range });
                self.call(("CAST AS integer", Kind::Int), vec![value.expr], ty, expr)
            }
            _ => Err(Refusal::new(
                expr.as_ref(),
                Reason::Special("unsigned integers of 64 bits are not computed with in the store"),
            )),
        }
    }

    pub(super) fn negative(&self, arg: &Physical, expr: &Physical) -> Outcome {
        let value = self.value(arg)?;
        let kind = value.ty.kind();
        let value = if kind == Kind::Int { self.signed(value, expr)? } else { value };
        let ty = match value.ty {
            Ty::Int(range) => {
                let negated = IntRange::signed(-range.high, -range.low);
                let fits = IntRange::of(&self.data_type(expr)?);
                if fits.is_none_or(|fits| !fits.contains(&negated)) {
                    return Err(self.said("unary -", &kind, expr));
                }
                Ty::Int(negated)
            }
            Ty::Real(range) => Ty::Real(RealRange {
                zero: range.negative_zero,
                negative_zero: range.zero,
                ..range
            }),
            other => other,
        };
        self.call(("unary -", kind), vec![value.expr], ty, expr)
    }

    pub(super) fn bits(&self, binary: &BinaryExpr, expr: &Physical) -> Outcome {
        let name = match binary.op() {
            Operator::BitwiseAnd => "&",
            Operator::BitwiseOr => "|",
            Operator::BitwiseXor => "BIT_XOR",
            Operator::BitwiseShiftLeft => "<<",
            _ => ">>",
        };
        let refused = || self.said(name, &Kind::Int, expr);
        let (left, right) = (self.value(binary.left())?, self.value(binary.right())?);
        let (Ty::Int(a), Ty::Int(b)) = (left.ty, right.ty) else { return Err(refused()) };
        let fits = IntRange::of(&self.data_type(expr)?).ok_or_else(refused)?;
        let range = match binary.op() {
            Operator::BitwiseShiftLeft => {
                let whole = fits.digits() >= SIGNED.digits();
                Some(fits).filter(|_| whole && b.low >= 0 && b.high < 64)
            }
            Operator::BitwiseShiftRight => {
                let width = if fits.digits() >= SIGNED.digits() { 64 } else { 32 };
                let small = fits.digits() < 10;
                Some(IntRange { unsigned: fits.unsigned, ..IntRange::signed(0, a.high) })
                    .filter(|_| !small && a.low >= 0 && b.low >= 0 && b.high < width)
            }
            _ => Some(IntRange { plain: true, ..fits }),
        };
        let range = range.ok_or_else(refused)?;
        self.call((name, Kind::Int), vec![left.expr, right.expr], Ty::Int(range), expr)
    }
}

/// The range of a result; `None` where a divisor may be zero, or a quotient too large.
fn range_of(operator: Operator, a: IntRange, b: IntRange) -> Option<IntRange> {
    let from = |ends: [i128; 4]| {
        let (low, high) = (ends.iter().min()?, ends.iter().max()?);
        Some(IntRange::signed(*low, *high))
    };
    let divides = || (b.low > 0 || b.high < 0).then_some(());
    match operator {
        Operator::Plus => Some(IntRange::signed(a.low + b.low, a.high + b.high)),
        Operator::Minus => Some(IntRange::signed(a.low - b.high, a.high - b.low)),
        Operator::Multiply => {
            from([a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high])
        }
        Operator::Divide => {
            divides()?;
            let most = a.magnitude();
            match b.low > 0 {
                true => Some(IntRange::signed(a.low.min(0), a.high.max(0))),
                false => Some(IntRange::signed(-most, most)),
            }
        }
        _ => {
            divides()?;
            let most = b.magnitude() - 1;
            let (low, high) = (a.low.min(0).max(-most), a.high.max(0).min(most));
            (a.low > SIGNED.low).then(|| IntRange::signed(low, high))
        }
    }
}

/// The range of a float; `None` where it may be infinite or no number.
fn reals(operator: Operator, a: RealRange, b: RealRange) -> Option<RealRange> {
    let bound = match operator {
        Operator::Plus | Operator::Minus => a.bound + b.bound,
        Operator::Multiply => a.bound * b.bound,
        Operator::Divide if !b.zero && !b.negative_zero && b.bound > 1e-6 => a.bound / b.bound,
        _ => return None,
    };
    (bound < LARGE).then_some(RealRange::up_to(bound))
}

/// The type of a product that is looked at, and its scale here; `None` where the store would not have
/// all of its digits.
fn products_type(left: &Typed, right: &Typed, result: &DataType) -> Option<(Ty, i8)> {
    let DataType::Decimal128(_, here) = result else { return None };
    let (Ty::Decimal { precision: p, scale: s }, Ty::Decimal { precision: q, scale: t }) =
        (left.ty, right.ty)
    else {
        return None;
    };
    let (precision, scale) = (p.checked_add(q)?, s.checked_add(t)?);
    let digits = words::whole_digits(&left.expr)?.checked_add(words::whole_digits(&right.expr)?)?;
    let words =
        digits.div_ceil(words::DIGITS) + s.div_ceil(words::DIGITS) + t.div_ceil(words::DIGITS);
    let fits = precision <= 65 && scale <= 30 && words <= words::MOST;
    (fits && i16::from(scale) <= i16::from(*here))
        .then_some((Ty::Decimal { precision, scale }, *here))
}

/// The type of what 128 bits hold.
fn narrowed(ty: Ty) -> Ty {
    match ty {
        Ty::Decimal { precision, scale } => Ty::Decimal { precision: precision.min(39), scale },
        other => other,
    }
}

/// The type of a decimal; `None` where DataFusion's result would not have all digits, or the store's.
fn decimals(operator: Operator, a: Ty, b: Ty, result: &DataType) -> Option<Ty> {
    let (DataType::Decimal128(fits, fits_scale) | DataType::Decimal256(fits, fits_scale)) = result
    else {
        return None;
    };
    let (Ty::Decimal { precision: p, scale: s }, Ty::Decimal { precision: q, scale: t }) = (a, b)
    else {
        return None;
    };
    let (precision, scale) = match operator {
        Operator::Plus | Operator::Minus => {
            (p.checked_sub(s)?.max(q.checked_sub(t)?).checked_add(s.max(t))? + 1, s.max(t))
        }
        Operator::Multiply => (p.checked_add(q)?.checked_add(1)?, s.checked_add(t)?),
        _ => return None,
    };
    // A store multiplies in words of nine digits, drops what does not fit into nine words, and counts whole
    // words for the digits of what was computed before.
    if operator == Operator::Multiply && precision > MAX_PRODUCT_DIGITS {
        return None;
    }
    let fits_scale = u8::try_from(*fits_scale).ok()?;
    let whole = precision.checked_sub(scale)?;
    let enough = scale <= fits_scale && whole <= fits.checked_sub(fits_scale)?;
    (enough && precision <= 65 && scale <= 30).then_some(Ty::Decimal { precision, scale })
}
