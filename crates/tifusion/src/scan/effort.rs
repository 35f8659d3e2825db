//! What a condition costs a store: conditions are evaluated one after another, each for the rows that passed the
//! ones before.

use tifusion_codec::field_type::tp;
use tifusion_proto::tipb::{Expr, ExprType};

/// The same conditions, those first that cost a store the least. Which of them drops the most rows nobody knows.
pub(super) fn cheapest_first(mut conditions: Vec<Expr>) -> Vec<Expr> {
    conditions.sort_by_cached_key(effort);
    conditions
}

/// The work for one row, in comparisons of an integer, roughly.
fn effort(expr: &Expr) -> usize {
    if expr.tp() != ExprType::ScalarFunc {
        return 0;
    }
    let values = expr.children.iter().map(weight).max().unwrap_or(1);
    // A list is compared with value by value; where a store is cleverer than that, it costs it less.
    let comparisons = expr.children.len().saturating_sub(1).max(1);
    let below: usize = expr.children.iter().map(effort).sum();
    values.saturating_mul(comparisons).saturating_add(below)
}

/// What looking at one value costs.
fn weight(value: &Expr) -> usize {
    let code = value.field_type.as_ref().map_or(0, |field_type| field_type.tp());
    match u8::try_from(code).unwrap_or_default() {
        tp::NEW_DECIMAL => 4,
        tp::VARCHAR | tp::VAR_STRING | tp::STRING | tp::BLOB | tp::TINY_BLOB => 4,
        tp::MEDIUM_BLOB | tp::LONG_BLOB | tp::ENUM | tp::SET => 4,
        tp::JSON => 16,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use tifusion_proto::tipb::FieldType;

    use super::*;

    fn column(code: u8) -> Expr {
        let field_type = FieldType { tp: Some(i32::from(code)), ..FieldType::default() };
        Expr {
            tp: Some(ExprType::ColumnRef.into()),
            field_type: Some(field_type),
            ..Expr::default()
        }
    }

    fn call(children: Vec<Expr>) -> Expr {
        Expr { tp: Some(ExprType::ScalarFunc.into()), children, ..Expr::default() }
    }

    #[test]
    fn dates_are_compared_before_decimals_and_lists_of_these_come_last() {
        let (date, decimal) = (column(tp::DATE), column(tp::NEW_DECIMAL));
        let of_date = call(vec![date.clone(), date.clone()]);
        let part_of_date = call(vec![call(vec![date]), column(tp::LONG_LONG)]);
        let of_decimal = call(vec![decimal.clone(), decimal.clone()]);
        let list = call(vec![decimal; 9]);
        let mixed = vec![list.clone(), of_decimal.clone(), part_of_date.clone(), of_date.clone()];
        assert_eq!(cheapest_first(mixed), [of_date, part_of_date, of_decimal, list]);
    }

    #[test]
    fn what_costs_the_same_stays_in_its_order() {
        let one = call(vec![column(tp::LONG), column(tp::LONG)]);
        let other = call(vec![column(tp::LONG_LONG), column(tp::LONG)]);
        let both = vec![one, other];
        assert_eq!(cheapest_first(both.clone()), both);
    }
}
