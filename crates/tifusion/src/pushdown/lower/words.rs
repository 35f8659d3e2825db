//! The words that a store computes decimals in: nine of nine digits, those before the point and those
//! behind it apart. What was computed before counts with all digits of its words.

use tifusion_proto::tipb::{Expr, ExprType, ScalarFuncSig};

/// Digits of a word.
pub(super) const DIGITS: u8 = 9;

/// Words of a decimal.
pub(super) const MOST: u8 = 9;

/// The digits before the point that a store keeps for a decimal; `None` if that is not known.
pub(super) fn whole_digits(expr: &Expr) -> Option<u8> {
    match expr.tp() {
        ExprType::ColumnRef | ExprType::MysqlDecimal => real_digits(expr),
        ExprType::ScalarFunc => {
            let operands = || expr.children.iter().map(whole_digits);
            match expr.sig() {
                ScalarFuncSig::CastIntAsDecimal => real_digits(expr),
                ScalarFuncSig::MultiplyDecimal => {
                    let digits = operands().try_fold(0_u8, |sum, own| sum.checked_add(own?))?;
                    digits.div_ceil(DIGITS).checked_mul(DIGITS)
                }
                ScalarFuncSig::PlusDecimal | ScalarFuncSig::MinusDecimal => {
                    let most = operands().try_fold(0_u8, |most, own| Some(most.max(own?)))?;
                    let words = most.div_ceil(DIGITS);
                    let mut reals = expr.children.iter().map(real_digits);
                    let real = reals.try_fold(0_u8, |most, own| Some(most.max(own?)))?;
                    // A first word that is nearly full makes room for one more.
                    let more = u8::from(real >= words.checked_mul(DIGITS)?);
                    words.checked_add(more)?.checked_mul(DIGITS)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The digits before the point that a value can have.
fn real_digits(expr: &Expr) -> Option<u8> {
    let field_type = expr.field_type.as_ref()?;
    u8::try_from(field_type.flen().checked_sub(field_type.decimal())?).ok()
}
