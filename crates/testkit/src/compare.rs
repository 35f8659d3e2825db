//! Two results, compared cell for cell.

use crate::cell::{Cell, Decimal, Rows};

/// How strictly. The default is: rows in any order, every cell of the same kind and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// Rows come in a defined order.
    pub ordered: bool,
    /// Sums of integers are integers here and decimals in TiDB: numbers of both kinds are equal by
    /// value.
    pub exact_numbers: bool,
    /// Divisions and averages are rounded, to scales of each engine's own or to a float: equal when
    /// they are so at the smaller scale, give or take one in its last digit.
    pub rounded: bool,
}

/// Where two results differ, for people; `None` if nowhere.
#[must_use]
pub fn difference(ours: &Rows, theirs: &Rows, rules: Rules) -> Option<String> {
    if ours.rows.len() != theirs.rows.len() {
        return Some(format!("{} rows here, {} in TiDB", ours.rows.len(), theirs.rows.len()));
    }
    let (mut ours, mut theirs) = (ours.rows.clone(), theirs.rows.clone());
    if !rules.ordered {
        ours.sort_by_cached_key(|row| sort_key(row));
        theirs.sort_by_cached_key(|row| sort_key(row));
    }
    for (number, (our, their)) in ours.iter().zip(&theirs).enumerate() {
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
        (Cell::Int(integer), Cell::Decimal(decimal)) if rules.exact_numbers => {
            *decimal == Decimal::parse(&integer.to_string())
        }
        _ => false,
    }
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

    fn dec(text: &str) -> Cell {
        Cell::Decimal(Decimal::parse(text))
    }
}
