//! Random queries over the table of [`edges`](crate::edges), from a seed.
//!
//! A query is kept as its parts, so that a failing one can be made smaller: [`Query::smaller`] gives
//! what is left when one part goes, and the test keeps whatever still fails.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::edges::COLUMNS;

/// A query in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The table.
    pub table: String,
    /// What is asked of the rows.
    pub shape: Shape,
    /// Conditions that a row must pass.
    pub conditions: Vec<Condition>,
}

/// What is asked of the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Columns of each.
    Rows(Vec<String>),
    /// How many there are.
    Count,
    /// How many there are for each value of a column, with the least and greatest `id`.
    Groups(String),
    /// The first few by `id`.
    First(usize),
    /// Those that have a partner in the same table, by a column of integers.
    Join(String),
}

/// A condition: an atom, or others put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// One comparison or predicate.
    Atom(String),
    /// All of them hold.
    All(Vec<Condition>),
    /// One of them holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

/// Makes queries, the same ones for the same seed.
#[derive(Debug)]
pub struct Generator {
    random: StdRng,
    tables: Vec<String>,
}

impl Generator {
    /// For tables that have the columns of [`edges`](crate::edges).
    #[must_use]
    pub fn new(seed: u64, tables: &[&str]) -> Self {
        let tables = tables.iter().map(|table| (*table).to_owned()).collect();
        Self { random: StdRng::seed_from_u64(seed), tables }
    }

    /// The next query.
    pub fn query(&mut self) -> Query {
        let shape = match self.random.random_range(0..10) {
            0..=4 => {
                let count = self.random.random_range(1..4);
                let mut columns = vec!["id".to_owned()];
                for column in COLUMNS.choose_multiple(&mut self.random, count) {
                    columns.push(column.name.to_owned());
                }
                Shape::Rows(columns)
            }
            5 | 6 => Shape::Count,
            7 => Shape::Groups(self.of(&["i_tiny", "s", "name_ci", "d_day", "n_price"]).to_owned()),
            8 => Shape::First(self.random.random_range(1..20)),
            _ => Shape::Join(self.of(&["i_tiny", "i_int"]).to_owned()),
        };
        let count = self.random.random_range(1..4);
        let conditions = (0..count).map(|_| self.condition(2)).collect();
        let table = self.random.random_range(0..self.tables.len());
        Query { table: self.tables[table].clone(), shape, conditions }
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        *choices.choose(&mut self.random).expect("there are choices")
    }

    fn condition(&mut self, depth: usize) -> Condition {
        let kind = if depth == 0 { 0 } else { self.random.random_range(0..10) };
        let some = |this: &mut Self| {
            let count = this.random.random_range(2..4);
            (0..count).map(|_| this.condition(depth - 1)).collect()
        };
        match kind {
            0..=5 => Condition::Atom(self.atom()),
            6 => Condition::All(some(self)),
            7 | 8 => Condition::Any(some(self)),
            _ => Condition::Not(Box::new(self.condition(depth - 1))),
        }
    }

    fn comparison(&mut self) -> &'static str {
        self.of(&["=", "<>", "<", "<=", ">", ">="])
    }

    fn atom(&mut self) -> String {
        match self.random.random_range(0..12) {
            0..=4 => self.column_and_value(),
            5 => self.listed(),
            6 => {
                let column = self.of(COLUMNS);
                format!("{} IS {}NULL", column.name, self.of(&["", "NOT "]))
            }
            7 => {
                let column = self.of(&["s", "s_pad", "name_ci"]);
                let pattern = self.of(&["a%", "%a", "_", "%", "", "A_", "%ß%", "a _", "日%"]);
                format!("{column} {}LIKE '{pattern}'", self.of(&["", "NOT "]))
            }
            8 => self.two_columns(),
            9 => self.computed(),
            10 => {
                let column = self.of(&["i_tiny", "i_int", "i_big"]);
                let low = self.random.random_range(-9..9);
                format!("{column} BETWEEN {low} AND {}", low + self.random.random_range(0..20))
            }
            _ => {
                let (inner, truth) = (self.column_and_value(), self.of(&["TRUE", "FALSE"]));
                format!("({inner}) IS {}{truth}", self.of(&["", "NOT "]))
            }
        }
    }

    /// A column of numbers, text, bytes or times, and one of its values as DataFusion's SQL has it.
    fn value(&mut self) -> (&'static str, String) {
        loop {
            let column = self.of(COLUMNS);
            let value = self.of(column.values);
            let value = match column.name {
                "n_price" => format!("CAST('{value}' AS DECIMAL(10, 2))"),
                "n_wide" => format!("CAST('{value}' AS DECIMAL(38, 10))"),
                "d_day" => format!("DATE {value}"),
                "b" if value.starts_with('\'') => continue,
                "b" => value.to_uppercase(),
                "bits" | "doc" => continue,
                _ => value.to_owned(),
            };
            return (column.name, value);
        }
    }

    fn column_and_value(&mut self) -> String {
        let (column, value) = self.value();
        if self.random.random_bool(0.1) {
            let same = self.of(&["IS DISTINCT FROM", "IS NOT DISTINCT FROM"]);
            return format!("{column} {same} {value}");
        }
        format!("{column} {} {value}", self.comparison())
    }

    fn listed(&mut self) -> String {
        let (column, value) = self.value();
        let mut values = vec![value];
        for _ in 0..20 {
            let (other, value) = self.value();
            if other == column {
                values.push(value);
            }
        }
        if self.random.random_bool(0.2) {
            values.push("NULL".to_owned());
        }
        format!("{column} {}IN ({})", self.of(&["", "NOT "]), values.join(", "))
    }

    fn two_columns(&mut self) -> String {
        const ALIKE: [&[&str]; 7] = [
            &["i_tiny", "i_bool", "i_int", "i_big", "i_uint", "i_ubig", "i_year"],
            &["n_price", "n_wide", "i_int"],
            &["s", "s_pad", "name_ci"],
            &["d_day", "d_day"],
            &["moment", "moment"],
            &["f_x", "f_single"],
            &["stamp", "stamp"],
        ];
        let alike = self.of(&ALIKE);
        let (left, right) = (self.of(alike), self.of(alike));
        format!("{left} {} {right}", self.comparison())
    }

    fn computed(&mut self) -> String {
        const LEFT: [&str; 21] = [
            "i_int + i_tiny",
            "i_int - i_uint",
            "i_tiny * i_int",
            "i_big / 7",
            "i_int % 3",
            "-i_int",
            "(i_int & 6)",
            "(i_uint >> 2)",
            "i_big + i_int",
            "abs(i_tiny + 0)",
            "CASE WHEN s = 'a' THEN i_int WHEN d_day < DATE '2001-01-01' THEN 1 END",
            "coalesce(i_int, i_tiny)",
            "length(s)",
            "octet_length(name_ci)",
            "date_part('year', d_day)",
            "date_part('day', moment)",
            "date_part('dow', stamp)",
            "date_part('hour', moment)",
            "CAST(n_price * 2 AS BIGINT)",
            "length(s || name_ci)",
            "length(substr(s_pad, 2))",
        ];
        let (left, value) = (self.of(&LEFT), self.of(&[-1, 0, 1, 2, 7, 12, 29, 2024]));
        format!("{left} {} {value}", self.comparison())
    }
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
            Self::Atom(text) => text.clone(),
            Self::All(sides) => joined(sides, " AND "),
            Self::Any(sides) => joined(sides, " OR "),
            Self::Not(inner) => format!("NOT ({})", inner.sql()),
        }
    }

    /// Whether TiDB's SQL has the same words for it, and the same meaning.
    fn is_portable(&self) -> bool {
        const OTHERWISE: [&str; 12] = [
            "f_",
            "e_size",
            "tags",
            "b ",
            "DISTINCT",
            "(i_",
            "date_part",
            "length",
            "coalesce",
            "CASE",
            "abs",
            " + ",
        ];
        match self {
            Self::Atom(text) => {
                let computes = [" - ", " * ", " / ", " % ", "-i_", "CAST(n_price *"];
                !OTHERWISE.iter().chain(&computes).any(|part| text.contains(part))
            }
            Self::All(sides) | Self::Any(sides) => sides.iter().all(Self::is_portable),
            Self::Not(inner) => inner.is_portable(),
        }
    }

    /// What it may be made of less.
    fn smaller(&self) -> Vec<Self> {
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

impl Query {
    /// As DataFusion's SQL.
    #[must_use]
    pub fn sql(&self) -> String {
        let of = |prefix: &str| {
            let conditions: Vec<String> =
                self.conditions.iter().map(|condition| format!("({})", condition.sql())).collect();
            format!("{prefix}WHERE {}", conditions.join(" AND "))
        };
        let (table, filter) = (&self.table, of(""));
        match &self.shape {
            Shape::Rows(columns) => format!("SELECT {} FROM {table} {filter}", columns.join(", ")),
            Shape::Count => format!("SELECT count(*) FROM {table} {filter}"),
            Shape::Groups(column) => format!(
                "SELECT {column}, count(*), min(id), max(id) FROM {table} {filter} GROUP BY {column}"
            ),
            Shape::First(count) => {
                format!("SELECT id FROM {table} {filter} ORDER BY id LIMIT {count}")
            }
            Shape::Join(column) => format!(
                "SELECT a.id, z.id FROM (SELECT id, {column} FROM {table} {filter}) a \
                 JOIN (SELECT id, {column} FROM {table} WHERE i_int > 0) z ON a.{column} = z.{column}"
            ),
        }
    }

    /// A query for the ids of its rows below `bound` that TiDB can judge too; `None` if it can't.
    #[must_use]
    pub fn portable_sql(&self, bound: usize) -> Option<String> {
        if !self.conditions.iter().all(Condition::is_portable) {
            return None;
        }
        let bound = Condition::Atom(format!("id < {bound}"));
        let mut query = Self { shape: Shape::Rows(vec!["id".to_owned()]), ..self.clone() };
        query.conditions.push(bound);
        Some(query.sql())
    }

    /// Queries with one part less, or with a simpler one.
    #[must_use]
    pub fn smaller(&self) -> Vec<Self> {
        let mut smaller = Vec::new();
        for place in 0..self.conditions.len() {
            if self.conditions.len() > 1 {
                let mut query = self.clone();
                query.conditions.remove(place);
                smaller.push(query);
            }
            for less in self.conditions[place].smaller() {
                let mut query = self.clone();
                query.conditions[place] = less;
                smaller.push(query);
            }
        }
        let simplest = Shape::Rows(vec!["id".to_owned()]);
        if self.shape != simplest {
            smaller.push(Self { shape: simplest, ..self.clone() });
        }
        smaller
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_queries_again() {
        let queries = |seed| {
            let mut generator = Generator::new(seed, &["edges"]);
            (0..50).map(|_| generator.query().sql()).collect::<Vec<_>>()
        };
        assert_eq!(queries(7), queries(7));
        assert_ne!(queries(7), queries(8));
    }

    #[test]
    fn what_is_smaller_is_shorter_and_ends() {
        let mut query = Generator::new(3, &["edges"]).query();
        while let Some(smaller) = query.smaller().pop() {
            assert!(smaller.sql().len() < query.sql().len() || smaller.shape != query.shape);
            query = smaller;
        }
        assert_eq!(query.conditions.len(), 1);
    }
}
