//! Two results, compared cell for cell.

use crate::cell::{Cell, Decimal, Rows};

/// How strictly. The default is: rows in any order, every cell of the same kind and value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rules {
    /// Rows come in a defined order.
    pub ordered: bool,
    /// Sums of integers are integers here and decimals in TiDB: numbers of both kinds are equal by
    /// value.
    pub exact_numbers: bool,
    /// Divisions and averages are rounded, to scales of each engine's own or to a float: equal when
    /// they are so at the smaller scale, give or take one in its last digit.
    pub rounded: bool,
    /// A sum of integers wraps around at 64 bits; TiDB's has more digits: equal when the last 64 bits
    /// are.
    pub wrapped: bool,
    /// Sums of floats depend on the order in which they are added: floats are equal to the twelfth
    /// digit, of themselves or of this, which tells how large the numbers are that were added. 0 for
    /// floats that are equal to the bit.
    pub magnitude: f64,
}

/// What relative to their magnitude floats may differ by that were added up in another order.
const ROUNDING: f64 = 1e-12;

/// Where two results differ, for people; `None` if nowhere.
#[must_use]
pub fn difference(ours: &Rows, theirs: &Rows, rules: Rules) -> Option<String> {
    if ours.rows.len() != theirs.rows.len() {
        return Some(format!("{} rows here, {} in TiDB", ours.rows.len(), theirs.rows.len()));
    }
    if rules.ordered {
        return first_difference(&ours.rows, &theirs.rows, rules);
    }
    let sorted = |rows: &Rows, key: fn(&[Cell]) -> String| {
        let mut rows = rows.rows.clone();
        rows.sort_by_cached_key(|row| key(row));
        rows
    };
    // Rows that are equal in one order are so in any: the second is for keys that are numbers.
    let why = first_difference(&sorted(ours, sort_key), &sorted(theirs, sort_key), rules)?;
    first_difference(&sorted(ours, place_key), &sorted(theirs, place_key), rules).map(|_| why)
}

fn first_difference(ours: &[Vec<Cell>], theirs: &[Vec<Cell>], rules: Rules) -> Option<String> {
    for (number, (our, their)) in ours.iter().zip(theirs).enumerate() {
        if our.len() != their.len() {
            return Some(format!("{} columns here, {} in TiDB", our.len(), their.len()));
        }
        for (column, (a, b)) in our.iter().zip(their).enumerate() {
            if !equal(a, b, rules) {
                return Some(format!("row {number}, column {column}: {a} here, {b} in TiDB"));
            }
        }
    }
    None
}

/// A key that puts equal rows at equal places: numbers that may differ a little decide last.
fn sort_key(row: &[Cell]) -> String {
    let mut exact = String::new();
    let mut inexact = String::new();
    for cell in row {
        match cell {
            Cell::Decimal(_) | Cell::Float(_) => inexact.push_str(&format!("{cell}\u{1}")),
            _ => exact.push_str(&format!("{cell}\u{1}")),
        }
    }
    exact + &inexact
}

/// A key that puts equal rows at equal places when what comes first in them is the same to the digit.
fn place_key(row: &[Cell]) -> String {
    row.iter().map(|cell| format!("{cell}\u{1}").replace("d\u{1}", "\u{1}")).collect()
}

fn equal(a: &Cell, b: &Cell, rules: Rules) -> bool {
    if a == b {
        return true;
    }
    match (a, b) {
        (Cell::Decimal(a), Cell::Decimal(b)) if rules.rounded => {
            let scale = a.scale().min(b.scale());
            match (a.unscaled_at(scale), b.unscaled_at(scale)) {
                (Some(a), Some(b)) => (a - b).abs() <= 1,
                _ => false,
            }
        }
        (Cell::Float(float), Cell::Decimal(decimal)) if rules.rounded => {
            let exact: f64 = decimal.to_string().parse().expect("a decimal is a number");
            let digit = decimal.scale().try_into().map_or(0.0, |scale: i32| 10f64.powi(-scale));
            (float - exact).abs() <= digit
        }
        (Cell::Float(a), Cell::Float(b)) if rules.magnitude > 0.0 => {
            (a - b).abs() <= ROUNDING * a.abs().max(b.abs()).max(rules.magnitude)
                || (a.is_nan() && b.is_nan())
        }
        (Cell::Int(integer), Cell::Decimal(decimal)) if rules.exact_numbers => {
            *decimal == Decimal::parse(&integer.to_string())
                || (rules.wrapped && is_wrapped(*integer, decimal))
        }
        _ => false,
    }
}

/// Whether `integer` is what 64 bits keep of `whole`.
fn is_wrapped(integer: i128, whole: &Decimal) -> bool {
    let Some(whole) = whole.unscaled_at(0).filter(|_| whole.scale() == 0) else { return false };
    (whole - integer).rem_euclid(1 << 64) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(cells: &[Cell]) -> Rows {
        Rows { columns: vec![], rows: cells.iter().map(|cell| vec![cell.clone()]).collect() }
    }

    #[test]
    fn a_wrong_cell_a_missing_row_and_a_wrong_order_are_found() {
        let (one, two) = (Cell::Int(1), Cell::Int(2));
        let both = rows(&[one.clone(), two.clone()]);
        assert!(difference(&both, &both, Rules::default()).is_none());
        assert!(difference(&both, &rows(std::slice::from_ref(&one)), Rules::default()).is_some());
        assert!(difference(&both, &rows(&[one.clone(), one.clone()]), Rules::default()).is_some());
        let turned = rows(&[two, one]);
        assert!(difference(&both, &turned, Rules::default()).is_none());
        let ordered = Rules { ordered: true, ..Rules::default() };
        assert!(difference(&both, &turned, ordered).is_some());
    }

    #[test]
    fn decimals_of_other_scales_are_equal_only_when_asked() {
        let (a, b) = (rows(&[dec("0.3333")]), rows(&[dec("0.333333")]));
        assert!(difference(&a, &b, Rules::default()).is_some());
        let rounded = Rules { rounded: true, ..Rules::default() };
        assert!(difference(&a, &b, rounded).is_none());
        assert!(difference(&a, &rows(&[dec("0.3336")]), rounded).is_some());
        let third = rows(&[Cell::Float(1.0 / 3.0)]);
        assert!(difference(&third, &b, Rules::default()).is_some());
        assert!(difference(&third, &b, rounded).is_none());
        assert!(difference(&third, &rows(&[dec("0.333336")]), rounded).is_some());
    }

    #[test]
    fn sums_may_be_integers_or_decimals_only_when_asked() {
        let (a, b) = (rows(&[Cell::Int(7)]), rows(&[dec("7")]));
        assert!(difference(&a, &b, Rules::default()).is_some());
        let exact = Rules { exact_numbers: true, ..Rules::default() };
        assert!(difference(&a, &b, exact).is_none());
        assert!(difference(&a, &rows(&[dec("7.1")]), exact).is_some());
    }

    #[test]
    fn sums_wrap_only_when_asked_and_only_at_64_bits() {
        let (a, b) = (rows(&[Cell::Int(-2)]), rows(&[dec("18446744073709551614")]));
        let exact = Rules { exact_numbers: true, ..Rules::default() };
        assert!(difference(&a, &b, exact).is_some());
        let wrapped = Rules { wrapped: true, ..exact };
        assert!(difference(&a, &b, wrapped).is_none());
        assert!(difference(&a, &rows(&[dec("18446744073709551615")]), wrapped).is_some());
    }

    #[test]
    fn sums_of_floats_are_equal_to_the_twelfth_digit_only_when_asked() {
        let of = |value: f64| rows(&[Cell::Float(value)]);
        assert!(difference(&of(0.3), &of(0.1 + 0.2), Rules::default()).is_some());
        let sums = Rules { magnitude: 1.0, ..Rules::default() };
        assert!(difference(&of(0.3), &of(0.1 + 0.2), sums).is_none());
        assert!(difference(&of(0.3), &of(0.300_000_1), sums).is_some());
        assert!(difference(&of(1e-9), &of(2e-9), Rules { magnitude: 1e4, ..sums }).is_none());
    }

    #[test]
    fn rows_with_decimal_keys_and_sums_of_either_kind_meet() {
        let of = |pairs: &[(&str, Cell)]| {
            let row = |(key, sum): &(&str, Cell)| vec![dec(key), sum.clone()];
            Rows { columns: vec![], rows: pairs.iter().map(row).collect() }
        };
        let ours = of(&[("1.5", Cell::Int(9)), ("2.5", Cell::Int(1))]);
        let theirs = of(&[("2.5", dec("1")), ("1.5", dec("9"))]);
        let exact = Rules { exact_numbers: true, ..Rules::default() };
        assert_eq!(difference(&ours, &theirs, exact), None);
        let others = of(&[("2.5", dec("9")), ("1.5", dec("1"))]);
        assert!(difference(&ours, &others, exact).is_some());
    }

    fn dec(text: &str) -> Cell {
        Cell::Decimal(Decimal::parse(text))
    }
}
