//! How two answers to a query are compared.

use std::fmt;

use crate::cell::Rows;
use crate::compare::{Rules, difference};

/// What is said of an answer's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Nothing.
    None,
    /// Everything.
    Total,
    /// The columns at these places are in order; rows that are equal there come in any.
    By(Vec<usize>),
}

/// How two answers are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// What is said of their order.
    pub order: Order,
    /// Whether they are parts of a larger answer, not always the same ones.
    pub is_cut: bool,
    /// How large the numbers may be whose sums are rounded; 0 if none are.
    pub magnitude: f64,
}

impl Expectation {
    /// Where two answers differ that both are whole; with `rules` for what is besides order and
    /// rounding.
    #[must_use]
    pub fn difference(&self, ours: &Rows, theirs: &Rows, rules: Rules) -> Option<String> {
        let rules = Rules { magnitude: self.magnitude, ..rules };
        let ordered = self.order == Order::Total;
        difference(ours, theirs, Rules { ordered, ..rules })
            .or_else(|| self.difference_in_order(ours, theirs, rules))
    }

    /// Where two parts of an answer differ in their size or in the columns that are in order.
    #[must_use]
    pub fn difference_of_parts(&self, ours: &Rows, theirs: &Rows, rules: Rules) -> Option<String> {
        if ours.rows.len() != theirs.rows.len() {
            return Some(format!("{} rows here, {} there", ours.rows.len(), theirs.rows.len()));
        }
        self.difference_in_order(ours, theirs, Rules { magnitude: self.magnitude, ..rules })
    }

    fn difference_in_order(&self, ours: &Rows, theirs: &Rows, rules: Rules) -> Option<String> {
        let Order::By(places) = &self.order else { return None };
        let keys = |rows: &Rows| {
            let of = |row: &Vec<_>| places.iter().map(|place| row.get(*place).cloned()).collect();
            let keys: Option<Vec<Vec<_>>> = rows.rows.iter().map(of).collect();
            Rows { columns: Vec::new(), rows: keys.expect("a query has its columns") }
        };
        difference(&keys(ours), &keys(theirs), Rules { ordered: true, ..rules })
            .map(|why| format!("order: {why}"))
    }
}

/// The first row of `part` that `whole` does not have, as often as it is there.
#[must_use]
pub fn stranger(part: &Rows, whole: &Rows) -> Option<String> {
    let shown = |rows: &Rows| {
        let line = |row: &Vec<crate::cell::Cell>| {
            row.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let mut lines: Vec<String> = rows.rows.iter().map(line).collect();
        lines.sort_unstable();
        lines
    };
    let whole = shown(whole);
    let mut rest = whole.iter().peekable();
    for row in shown(part) {
        while rest.next_if(|other| **other < row).is_some() {}
        if rest.next_if(|other| **other == row).is_none() {
            return Some(format!("a row that is not there without a limit: {row}"));
        }
    }
    None
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.order {
            Order::None => f.write_str("order=none")?,
            Order::Total => f.write_str("order=total")?,
            Order::By(places) => {
                let places: Vec<_> = places.iter().map(ToString::to_string).collect();
                write!(f, "order={}", places.join(","))?;
            }
        }
        write!(f, " cut={} magnitude={}", self.is_cut, self.magnitude)
    }
}

impl std::str::FromStr for Expectation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("not an expectation: {text:?}");
        let mut expectation = Self { order: Order::None, is_cut: false, magnitude: 0.0 };
        for word in text.split_whitespace() {
            match word.split_once('=').ok_or_else(bad)? {
                ("order", "none") => expectation.order = Order::None,
                ("order", "total") => expectation.order = Order::Total,
                ("order", places) => {
                    let places = places.split(',').map(str::parse);
                    expectation.order =
                        Order::By(places.collect::<Result<_, _>>().map_err(|_| bad())?);
                }
                ("cut", is_cut) => expectation.is_cut = is_cut.parse().map_err(|_| bad())?,
                ("magnitude", size) => expectation.magnitude = size.parse().map_err(|_| bad())?,
                _ => return Err(bad()),
            }
        }
        Ok(expectation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Cell;

    fn rows(pairs: &[(i128, i128)]) -> Rows {
        let row = |&(a, b): &(i128, i128)| vec![Cell::Int(a), Cell::Int(b)];
        Rows { columns: vec![], rows: pairs.iter().map(row).collect() }
    }

    #[test]
    fn ties_come_in_any_order_and_keys_do_not() {
        let by_first = Expectation { order: Order::By(vec![0]), is_cut: false, magnitude: 0.0 };
        let (a, b, c) = (
            rows(&[(1, 1), (1, 2), (2, 0)]),
            rows(&[(1, 2), (1, 1), (2, 0)]),
            rows(&[(2, 0), (1, 1), (1, 2)]),
        );
        assert_eq!(by_first.difference(&a, &b, Rules::default()), None);
        assert!(by_first.difference(&a, &c, Rules::default()).is_some());
        let total = Expectation { order: Order::Total, ..by_first };
        assert!(total.difference(&a, &b, Rules::default()).is_some());
    }

    #[test]
    fn a_part_has_no_row_that_the_whole_has_not() {
        let whole = rows(&[(1, 1), (1, 1), (2, 0)]);
        assert_eq!(stranger(&rows(&[(1, 1), (1, 1)]), &whole), None);
        assert!(stranger(&rows(&[(2, 0), (2, 0)]), &whole).is_some());
        assert!(stranger(&rows(&[(3, 0)]), &whole).is_some());
    }

    #[test]
    fn an_expectation_is_kept_as_text() {
        for order in [Order::None, Order::Total, Order::By(vec![0, 2])] {
            let expectation = Expectation { order, is_cut: true, magnitude: 1e9 };
            assert_eq!(expectation.to_string().parse(), Ok(expectation));
        }
    }
}
