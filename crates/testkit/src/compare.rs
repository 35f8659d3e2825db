//! Two results, compared cell for cell.

use crate::cell::{Cell, Rows};

/// How strictly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// Rows come in a defined order.
    pub ordered: bool,
    /// Decimals of different scale (both engines round divisions and averages, to scales of their
    /// own) are equal when they are so at the smaller scale, give or take one in its last digit.
    pub rounded_decimals: bool,
    /// Sums of floats depend on the order of the addends: equal within 1e-12 of each other.
    pub float_sums: bool,
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

/// A key that puts equal rows at equal places; decimals of other scales must not change it much.
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
    match (a, b) {
        (Cell::Float(a), Cell::Float(b)) if rules.float_sums => {
            a == b || (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
        }
        (Cell::Float(a), Cell::Float(b)) => a == b || a.to_bits() == b.to_bits(),
        (Cell::Decimal(a), Cell::Decimal(b)) if rules.rounded_decimals => {
            let scale = a.scale().min(b.scale());
            match (a.unscaled_at(scale), b.unscaled_at(scale)) {
                (Some(a), Some(b)) => (a - b).abs() <= 1,
                _ => a == b,
            }
        }
        // COUNT and SUM of integers are BIGINT here and DECIMAL there, or the other way round.
        (Cell::Int(a), Cell::Decimal(b)) | (Cell::Decimal(b), Cell::Int(a)) => {
            *b == crate::cell::Decimal::parse(&a.to_string())
        }
        (Cell::Text(a), Cell::Bytes(b)) | (Cell::Bytes(b), Cell::Text(a)) => a.as_bytes() == b,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Decimal;

    fn rows(cells: &[Cell]) -> Rows {
        Rows { columns: vec![], rows: cells.iter().map(|cell| vec![cell.clone()]).collect() }
    }

    #[test]
    fn a_wrong_cell_a_missing_row_and_a_wrong_order_are_found() {
        let (one, two) = (Cell::Int(1), Cell::Int(2));
        let both = rows(&[one.clone(), two.clone()]);
        assert!(difference(&both, &both, Rules::default()).is_none());
        assert!(difference(&both, &rows(&[one.clone()]), Rules::default()).is_some());
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
        let rounded = Rules { rounded_decimals: true, ..Rules::default() };
        assert!(difference(&a, &b, rounded).is_none());
        assert!(difference(&a, &rows(&[dec("0.3336")]), rounded).is_some());
    }

    fn dec(text: &str) -> Cell {
        Cell::Decimal(Decimal::parse(text))
    }
}
