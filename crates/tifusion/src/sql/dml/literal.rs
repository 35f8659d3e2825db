//! Words and literals that stand where values do.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, ExactNumberInfo, Expr, Ident, Query, Value, visit_expressions_mut,
};
use tifusion_codec::field_type::tp;

use crate::error::{Error, Result};
use crate::table::TidbTable;

/// Whether an expression is the word `DEFAULT`.
pub(super) fn is_default(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(Ident { value, quote_style: None, .. })
        if value.eq_ignore_ascii_case("default"))
}

/// Makes doubles of numbers with an exponent, as in MySQL: where numbers with a point are decimals these would be,
/// too, and some of them have no room there.
pub(super) fn make_doubles(query: &mut Query) {
    let _: ControlFlow<()> = visit_expressions_mut(query, |expr| {
        if let Expr::Value(value) = expr
            && let Value::Number(number, _) = &value.value
            && number.contains(['e', 'E'])
        {
            let text = Expr::value(Value::SingleQuotedString(number.to_string()));
            *expr = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(text),
                data_type: DataType::Double(ExactNumberInfo::None),
                array: false,
                format: None,
            };
        }
        ControlFlow::Continue(())
    });
}

/// Makes bytes of bit literals: `b'101'` is `x'05'`, as in MySQL.
pub(super) fn make_bytes(query: &mut Query) {
    let _: ControlFlow<()> = visit_expressions_mut(query, |expr| {
        if let Expr::Value(value) = expr
            && let Some(digits) = digits_of_bits(&value.value)
        {
            *expr = Expr::value(Value::HexStringLiteral(digits));
        }
        ControlFlow::Continue(())
    });
}

/// Makes a number of a hexadecimal or bit literal that is the value of a column of numbers, as in MySQL: `x'31'` is
/// 49 there, while bytes that come of anything else are the text of a number, '1'.
///
/// # Errors
/// When it has more than 64 bits.
pub(super) fn make_number(value: &mut Expr, table: &TidbTable, offset: usize) -> Result<()> {
    let Some(column) = table.info().columns.get(offset) else { return Ok(()) };
    let is_number = matches!(
        column.field_type.tp,
        tp::TINY
            | tp::SHORT
            | tp::INT24
            | tp::LONG
            | tp::LONG_LONG
            | tp::FLOAT
            | tp::DOUBLE
            | tp::NEW_DECIMAL
            | tp::YEAR
    );
    let mut inner = value;
    while let Expr::Nested(nested) = inner {
        inner = nested;
    }
    let Expr::Value(literal) = &*inner else { return Ok(()) };
    let digits = match &literal.value {
        Value::HexStringLiteral(digits) => Some(digits.clone()),
        other => digits_of_bits(other),
    };
    let is_hex = |digits: &String| digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let digits = digits.filter(|digits| is_number && is_hex(digits));
    let Some(digits) = digits else { return Ok(()) };
    let digits = digits.trim_start_matches('0');
    let number = match digits {
        "" => Ok(0),
        digits => u64::from_str_radix(digits, 16),
    };
    let number = number.map_err(|_| {
        Error::invalid(format!(
            "the literal {literal} for column '{}' of {} is no number of 64 bits",
            column.name.as_str(),
            table.label()
        ))
    })?;
    *inner = Expr::value(Value::Number(number.to_string(), false));
    Ok(())
}

/// The hexadecimal digits of a bit literal, two for each byte.
fn digits_of_bits(value: &Value) -> Option<String> {
    let Value::SingleQuotedByteStringLiteral(bits) = value else { return None };
    let mut digits = Vec::new();
    for bits in bits.as_bytes().rchunks(8) {
        let text = std::str::from_utf8(bits).ok()?;
        let is_bits = bits.iter().all(|bit| matches!(bit, b'0' | b'1'));
        digits.push(format!("{:02x}", u8::from_str_radix(text, 2).ok().filter(|_| is_bits)?));
    }
    digits.reverse();
    Some(digits.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_bytes_filled_up_from_the_left() {
        let bytes =
            |bits: &str| digits_of_bits(&Value::SingleQuotedByteStringLiteral(bits.to_owned()));
        for (bits, digits) in [
            ("", Some("")),
            ("1", Some("01")),
            ("110001", Some("31")),
            ("100000000", Some("0100")),
            ("2", None),
            ("+1", None),
            ("é", None),
        ] {
            assert_eq!(bytes(bits).as_deref(), digits, "{bits}");
        }
        assert_eq!(digits_of_bits(&Value::SingleQuotedString("1".to_owned())), None);
    }
}
