//! Aggregates.

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use super::columns::{COLUMNS, Column, Kind};
use super::condition::Conditions;
use super::expression::{self, Expression};

/// An aggregate.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// The call.
    pub call: Expression,
    /// The condition of its `FILTER`.
    pub filter: Option<Expression>,
    /// Whether it may be rounded, by the order in which values are added up.
    pub is_rounded: bool,
    /// How large what is added up may be.
    pub magnitude: f64,
}

impl Aggregate {
    /// An exact one.
    pub(super) fn exact(call: Expression) -> Self {
        Self { call, filter: None, is_rounded: false, magnitude: 0.0 }
    }

    /// As SQL.
    #[must_use]
    pub fn sql(&self) -> String {
        match &self.filter {
            Some(filter) => format!("{} FILTER (WHERE {})", self.call.text, filter.text),
            None => self.call.text.clone(),
        }
    }

    /// Whether TiDB can judge it.
    #[must_use]
    pub fn is_portable(&self) -> bool {
        self.call.is_portable && self.filter.as_ref().is_none_or(|filter| filter.is_portable)
    }

    /// Whether groups may be ordered by it: what is rounded may come in any order, and sums that wrap
    /// around are larger in TiDB.
    pub(super) fn is_sortable(&self) -> bool {
        let is_wrapped = self.call.text.starts_with("sum") && self.call.text.contains("big");
        !self.is_rounded && !is_wrapped
    }

    /// One over rows of the table that `side` names.
    pub(super) fn random(random: &mut StdRng, side: char) -> Self {
        let mut aggregate = match random.random_range(0..24) {
            0..=3 => Self::exact(Expression::portable("count(*)")),
            4 => count(random, side),
            5 => {
                let columns = [(); 2].map(|()| expression::column(random, side, |_| true).text);
                Self::exact(Expression::portable(format!("count({})", columns.join(", "))))
            }
            6 | 7 => {
                let of = expression::column(random, side, |kind| kind != Kind::Json).text;
                Self::exact(Expression::portable(format!("count(DISTINCT {of})")))
            }
            8..=11 => sum(random, side),
            12 | 13 => average(random, side),
            14..=18 => extreme(random, side),
            19 | 20 => {
                let function = pick(random, &["bit_and", "bit_or", "bit_xor"]);
                let of = pick(random, &["i_tiny", "i_int", "i_big", "i_uint", "i_ubig", "i_year"]);
                Self::exact(Expression::portable(format!("{function}({side}.{of})")))
            }
            21 | 22 => deviation(random, side),
            _ => {
                let of = expression::integer(random, side);
                let function = pick(random, &["sum", "min", "max", "count"]);
                Self::exact(Expression { text: format!("{function}({})", of.text), ..of })
            }
        };
        if random.random_bool(0.15) && is_filterable(&aggregate.call.text) {
            aggregate.filter = Some(Conditions { random, side }.simple());
        }
        aggregate
    }
}

/// Whether the known difference of `FILTER` knows the aggregate: it is of all rows or of a column.
fn is_filterable(call: &str) -> bool {
    let Some((function, of)) = call.split_once('(') else { return false };
    let of = of.trim_end_matches(')');
    match function {
        "count" | "sum" | "min" | "max" => !of.contains([' ', '(', ',']),
        _ => false,
    }
}

fn pick<'a>(random: &mut StdRng, choices: &[&'a str]) -> &'a str {
    choices.choose(random).expect("there are choices")
}

fn count(random: &mut StdRng, side: char) -> Aggregate {
    let of = expression::column(random, side, |_| true).text;
    Aggregate::exact(Expression::portable(format!("count({of})")))
}

fn number(random: &mut StdRng) -> &'static Column {
    let is_number = |kind| matches!(kind, Kind::Int | Kind::Float | Kind::Decimal);
    let columns: Vec<_> = COLUMNS.iter().filter(|column| is_number(column.kind)).collect();
    columns.choose(random).expect("there are numbers")
}

/// More than the sum of a column's values in a few thousand rows, where that is no exact number.
fn magnitude(column: &Column) -> f64 {
    match column.name {
        "i_big" | "i_ubig" => 1.9e19,
        "i_int" | "i_uint" => 4.3e9,
        "n_price" => 1e8,
        _ => 1e4,
    }
}

fn sum(random: &mut StdRng, side: char) -> Aggregate {
    let column = number(random);
    let is_portable = column.name != "n_wide";
    let distinct = if random.random_bool(0.1) { "DISTINCT " } else { "" };
    let call = Expression { text: format!("sum({distinct}{side}.{})", column.name), is_portable };
    let is_rounded = column.kind == Kind::Float;
    Aggregate { is_rounded, magnitude: magnitude(column), ..Aggregate::exact(call) }
}

fn average(random: &mut StdRng, side: char) -> Aggregate {
    let column = number(random);
    let is_portable = column.name != "n_wide";
    let call = Expression { text: format!("avg({side}.{})", column.name), is_portable };
    Aggregate { is_rounded: true, magnitude: magnitude(column), ..Aggregate::exact(call) }
}

fn deviation(random: &mut StdRng, side: char) -> Aggregate {
    let column = loop {
        let column = number(random);
        if !matches!(column.name, "i_big" | "i_ubig" | "n_wide") {
            break column;
        }
    };
    let function = pick(random, &["var_pop", "var_samp", "stddev_pop", "stddev_samp"]);
    let call = Expression::portable(format!("{function}({side}.{})", column.name));
    Aggregate { is_rounded: true, magnitude: magnitude(column).powi(2), ..Aggregate::exact(call) }
}

fn extreme(random: &mut StdRng, side: char) -> Aggregate {
    let function = pick(random, &["min", "max"]);
    let of = expression::column(random, side, |kind| !matches!(kind, Kind::Json | Kind::Bits)).text;
    Aggregate::exact(Expression::portable(format!("{function}({of})")))
}
