//! Conditions that a row must pass.

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use super::columns::{Column, all};
use super::expression::{self, Expression};

/// A condition: an atom, or others put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// One comparison or predicate.
    Atom(Expression),
    /// All of them hold.
    All(Vec<Condition>),
    /// One of them holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

impl Condition {
    /// As SQL.
    #[must_use]
    pub fn sql(&self) -> String {
        let joined = |sides: &[Self], word: &str| {
            let sides: Vec<String> = sides.iter().map(|side| format!("({})", side.sql())).collect();
            sides.join(word)
        };
        match self {
            Self::Atom(atom) => atom.text.clone(),
            Self::All(sides) => joined(sides, " AND "),
            Self::Any(sides) => joined(sides, " OR "),
            Self::Not(inner) => format!("NOT ({})", inner.sql()),
        }
    }

    /// Whether TiDB can judge it.
    #[must_use]
    pub fn is_portable(&self) -> bool {
        match self {
            Self::Atom(atom) => atom.is_portable,
            Self::All(sides) | Self::Any(sides) => sides.iter().all(Self::is_portable),
            Self::Not(inner) => inner.is_portable(),
        }
    }

    /// What it may be made of less.
    pub(super) fn smaller(&self) -> Vec<Self> {
        match self {
            Self::Atom(_) => Vec::new(),
            Self::All(sides) | Self::Any(sides) => {
                let mut smaller = sides.clone();
                for (place, side) in sides.iter().enumerate() {
                    for less in side.smaller() {
                        let mut sides = sides.clone();
                        sides[place] = less;
                        smaller.push(match self {
                            Self::All(_) => Self::All(sides),
                            _ => Self::Any(sides),
                        });
                    }
                }
                smaller
            }
            Self::Not(inner) => {
                let mut smaller = vec![Self::clone(inner)];
                smaller.extend(inner.smaller().into_iter().map(|less| Self::Not(Box::new(less))));
                smaller
            }
        }
    }
}

/// Conditions joined by `AND`, each in parentheses.
pub(super) fn all_of(conditions: &[Condition]) -> String {
    let sql = conditions.iter().map(|condition| format!("({})", condition.sql()));
    sql.collect::<Vec<_>>().join(" AND ")
}

/// Makes conditions over the columns of the table that is called `side`.
pub(super) struct Conditions<'a> {
    /// Where chance comes from.
    pub(super) random: &'a mut StdRng,
    /// The table.
    pub(super) side: char,
}

impl Conditions<'_> {
    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        *choices.choose(self.random).expect("there are choices")
    }

    /// A condition of `depth` levels at most.
    pub(super) fn any(&mut self, depth: usize) -> Condition {
        let kind = if depth == 0 { 0 } else { self.random.random_range(0..10) };
        let some = |this: &mut Self| {
            let count = this.random.random_range(2..4);
            (0..count).map(|_| this.any(depth - 1)).collect()
        };
        match kind {
            0..=5 => Condition::Atom(self.atom()),
            6 => Condition::All(some(self)),
            7 | 8 => Condition::Any(some(self)),
            _ => Condition::Not(Box::new(self.any(depth - 1))),
        }
    }

    /// A comparison that needs no parentheses in TiDB either, for `FILTER`.
    pub(super) fn simple(&mut self) -> Expression {
        loop {
            let atom = self.column_and_value();
            if !atom.text.contains(['(', ')']) && !atom.text.contains(" DISTINCT ") {
                return atom;
            }
        }
    }

    fn comparison(&mut self) -> &'static str {
        self.of(&["=", "=", "<>", "<", "<=", ">", ">="])
    }

    fn atom(&mut self) -> Expression {
        let side = self.side;
        match self.random.random_range(0..16) {
            0..=5 => self.column_and_value(),
            6 | 7 => self.listed(),
            8 => {
                let name = expression::column(self.random, side, |_| true).text;
                Expression::portable(format!("{name} IS {}NULL", self.of(&["", "NOT "])))
            }
            9 => {
                let column = self.of(&["s", "s_pad", "name_ci", "key_ci"]);
                let pattern =
                    self.of(&["a%", "%a", "_", "%", "", "A_", "%ß%", "a _", "日%", "ab%"]);
                let not = self.of(&["", "NOT "]);
                Expression::portable(format!("{side}.{column} {not}LIKE '{pattern}'"))
            }
            10 => self.two_columns(),
            11 => {
                let left = expression::integer(self.random, side);
                let value = self.of(&[-1, 0, 1, 2, 7, 12, 29, 2024]);
                let text = format!("{} {} {value}", left.text, self.comparison());
                Expression { text, ..left }
            }
            12 | 13 => self.between(),
            14 => self.by_key(),
            _ => {
                let (inner, truth) = (self.column_and_value(), self.of(&["TRUE", "FALSE"]));
                let text = format!("({}) IS {}{truth}", inner.text, self.of(&["", "NOT "]));
                Expression { text, ..inner }
            }
        }
    }

    fn column(&mut self) -> &'static Column {
        let columns: Vec<_> = all().filter(|column| column.is_comparable()).collect();
        self.of(&columns)
    }

    fn column_and_value(&mut self) -> Expression {
        let (column, side) = (self.column(), self.side);
        let (name, value) = (column.name, column.literal(self.random));
        let word = match self.random.random_range(0..10) {
            0 => self.of(&["IS DISTINCT FROM", "IS NOT DISTINCT FROM"]),
            _ => self.comparison(),
        };
        Expression::portable(format!("{side}.{name} {word} {value}"))
    }

    /// A range, as indexes like it: wide or narrow, open or closed.
    fn between(&mut self) -> Expression {
        let (column, side) = (self.column(), self.side);
        let (low, high) = (column.literal(self.random), column.literal(self.random));
        let name = column.name;
        let text = match self.random.random_range(0..3) {
            0 => format!("{side}.{name} BETWEEN {low} AND {high}"),
            1 => format!("{side}.{name} >= {low} AND {side}.{name} < {high}"),
            _ => format!("{side}.{name} > {low} OR {side}.{name} = {high}"),
        };
        Expression::portable(text)
    }

    /// By what finds one row or a few.
    fn by_key(&mut self) -> Expression {
        let side = self.side;
        let number = self.random.random_range(0..900);
        let text = match self.random.random_range(0..5) {
            0 => format!("{side}.id = {number}"),
            1 => format!("{side}.i_code = {number}"),
            2 => format!("{side}.i_code IN ({number}, {}, {})", number + 7, number / 2),
            3 => format!("{side}.id >= {number} AND {side}.id <= {}", number + 20),
            _ => format!("{side}.i_code > {number} AND {side}.i_code < {}", number + 50),
        };
        Expression::portable(text)
    }

    fn listed(&mut self) -> Expression {
        let (column, side) = (self.column(), self.side);
        let count = self.random.random_range(1..5);
        let mut values: Vec<_> = (0..count).map(|_| column.literal(self.random)).collect();
        if self.random.random_bool(0.15) {
            values.push("NULL".to_owned());
        }
        let (not, name) = (self.of(&["", "", "NOT "]), column.name);
        Expression::portable(format!("{side}.{name} {not}IN ({})", values.join(", ")))
    }

    fn two_columns(&mut self) -> Expression {
        const ALIKE: [&[&str]; 6] = [
            &["i_tiny", "i_bool", "i_int", "i_big", "i_uint", "i_ubig", "i_code"],
            &["n_price", "n_wide", "i_int"],
            &["s", "s_pad", "name_ci", "key_ci"],
            &["moment", "moment"],
            &["f_x", "f_single", "f_wild"],
            &["d_day", "d_day"],
        ];
        let (alike, side) = (self.of(&ALIKE), self.side);
        let (left, right) = (self.of(alike), self.of(alike));
        Expression::portable(format!("{side}.{left} {} {side}.{right}", self.comparison()))
    }
}
