//! Numbers as MySQL has them: with a point they are decimals, not floats.

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, ExactNumberInfo, Expr, Ident, UnaryOperator, Value,
};

/// Digits of the longest decimal that DataFusion's casts give.
const MOST_DIGITS: u64 = 38;

/// `expr` with a plain number made a decimal of just its digits: DataFusion would take it for a float, and lose
/// digits that the column has.
pub(super) fn exact(expr: Expr) -> Expr {
    match expr {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => match digits(&inner) {
            Some((text, kind)) => cast(format!("-{text}"), kind),
            None => Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner },
        },
        expr => match digits(&expr) {
            Some((text, kind)) => cast(text, kind),
            None => expr,
        },
    }
}

/// The text of a number with a point and without an exponent, and the type that holds it.
fn digits(expr: &Expr) -> Option<(String, ExactNumberInfo)> {
    let Expr::Value(value) = expr else { return None };
    let Value::Number(text, _) = &value.value else { return None };
    let text = text.to_string();
    let (whole, fraction) = text.split_once('.')?;
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let significant = whole.trim_start_matches('0').len() as u64;
    let scale = fraction.len() as u64;
    let precision = (significant + scale).max(1);
    let fits = precision <= MOST_DIGITS;
    let scale = i64::try_from(scale).ok()?;
    fits.then(|| (text.clone(), ExactNumberInfo::PrecisionAndScale(precision, scale)))
}

fn cast(text: String, kind: ExactNumberInfo) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(Expr::Value(Value::SingleQuotedString(text).into())),
        data_type: DataType::Decimal(kind),
        array: false,
        format: None,
    }
}

/// Whether an expression is the word `DEFAULT`.
pub(super) fn is_default(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(Ident { value, quote_style: None, .. })
        if value.eq_ignore_ascii_case("default"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        exact(Expr::Value(Value::Number(text.to_owned(), false).into())).to_string()
    }

    #[test]
    fn numbers_with_a_point_keep_all_their_digits() {
        assert_eq!(of("1.50"), "CAST('1.50' AS DECIMAL(3,2))");
        assert_eq!(of("0.001"), "CAST('0.001' AS DECIMAL(3,3))");
        assert_eq!(
            of("12345678901234567890.123"),
            "CAST('12345678901234567890.123' AS DECIMAL(23,3))"
        );
        let minus = Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr: Box::new(Expr::Value(Value::Number("2.5".to_owned(), false).into())),
        };
        assert_eq!(exact(minus).to_string(), "CAST('-2.5' AS DECIMAL(2,1))");
        for text in ["7", "1e3", "1.5e3"] {
            assert_eq!(of(text), text);
        }
        let long = format!("1.{}", "2".repeat(40));
        assert_eq!(of(&long), long);
    }
}
