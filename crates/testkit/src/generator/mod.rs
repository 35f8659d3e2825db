//! Random queries over random tables, from a seed.
//!
//! A query is kept as its parts, so that a failing one can be made smaller: [`Query::smaller`] gives
//! what is left when one part goes, and the test keeps whatever still fails.

mod aggregate;
mod columns;
mod condition;
mod expectation;
mod expression;
mod query;
mod shrink;
mod tables;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

pub use aggregate::Aggregate;
pub use columns::{COLUMNS, Column, KEYS, Kind};
pub use condition::Condition;
pub use expectation::{Expectation, Order, stranger};
pub use expression::Expression;
pub use query::{Grouping, Join, JoinKind, Key, KeyOf, Query};
pub use tables::{TABLES, Table, table_named};

use columns::all;
use condition::Conditions;

/// Makes queries, the same ones for the same seed.
#[derive(Debug)]
pub struct Generator {
    random: StdRng,
}

impl Generator {
    /// Over [`TABLES`].
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed) }
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        *choices.choose(&mut self.random).expect("there are choices")
    }

    fn table(&mut self) -> String {
        self.of(TABLES).name.to_owned()
    }

    fn conditions(&mut self, side: char, counts: std::ops::Range<usize>) -> Vec<Condition> {
        let count = self.random.random_range(counts);
        (0..count).map(|_| Conditions { random: &mut self.random, side }.any(2)).collect()
    }

    /// The next query.
    pub fn query(&mut self) -> Query {
        let join = if self.random.random_bool(0.2) { Some(self.join()) } else { None };
        let least = usize::from(join.is_some());
        let has_other = join.as_ref().is_some_and(Join::has_columns);
        let mut query = Query {
            table: self.table(),
            join,
            conditions: self.conditions('a', least..4),
            outputs: Vec::new(),
            distinct: false,
            grouping: None,
            union: None,
            order: Vec::new(),
            is_total: true,
            limit: None,
            offset: 0,
        };
        if has_other && self.random.random_bool(0.3) {
            query.conditions.extend(self.conditions('z', 1..2));
        }
        if self.random.random_bool(0.45) {
            self.group(&mut query);
        } else {
            self.rows(&mut query);
        }
        self.order(&mut query);
        query
    }

    /// By a column of many values, so that no row has too many partners.
    fn join(&mut self) -> Join {
        const BY: [&str; 11] = [
            "id", "id", "i_code", "i_int", "i_big", "s", "name_ci", "key_ci", "d_day", "moment",
            "n_price",
        ];
        let kinds = [
            JoinKind::Inner,
            JoinKind::Inner,
            JoinKind::Left,
            JoinKind::In,
            JoinKind::Exists,
            JoinKind::NotExists,
        ];
        Join {
            kind: self.of(&kinds),
            table: self.table(),
            key: self.of(&BY).to_owned(),
            conditions: self.conditions('z', 0..3),
        }
    }

    /// One of the tables whose columns rows have.
    fn side(&mut self, query: &Query) -> char {
        let has_other = query.join.as_ref().is_some_and(Join::has_columns);
        if has_other && self.random.random_bool(0.4) { 'z' } else { 'a' }
    }

    fn rows(&mut self, query: &mut Query) {
        let count = self.random.random_range(1..5);
        for _ in 0..count {
            let side = self.side(query);
            query.outputs.push(match self.random.random_range(0..10) {
                0..=1 => Expression::portable(format!("{side}.id")),
                2..=7 => expression::column(&mut self.random, side, |_| true),
                _ => expression::computed(&mut self.random, side),
            });
        }
        let is_sortable = query.outputs.iter().all(|output| !output.text.contains(".doc"));
        match self.random.random_range(0..10) {
            0 | 1 if is_sortable => query.distinct = true,
            2 => {
                let names_id = query.outputs.iter().any(|output| output.text.contains(".id"));
                query.union = (!names_id).then(|| self.table());
            }
            _ => {}
        }
    }

    fn group(&mut self, query: &mut Query) {
        let count = self.of(&[0, 0, 1, 1, 1, 1, 2, 2, 3]);
        for _ in 0..count {
            let side = self.side(query);
            query.outputs.push(match self.random.random_range(0..10) {
                0..=6 => expression::column(&mut self.random, side, |kind| kind != Kind::Json),
                _ => expression::computed(&mut self.random, side),
            });
        }
        let count = self.random.random_range(1..5);
        let mut aggregates = Vec::new();
        for _ in 0..count {
            let side = self.side(query);
            aggregates.push(Aggregate::random(&mut self.random, side));
        }
        // Of a group, what is equal in all its rows is no matter of chance.
        if let Some(key) = query.outputs.first().filter(|_| self.random.random_bool(0.1)) {
            let text = format!("first_value({})", key.text);
            aggregates.push(Aggregate::exact(Expression { text, ..key.clone() }));
        }
        let mut having = Vec::new();
        if self.random.random_bool(0.2) {
            let text = match self.random.random_range(0..4) {
                0 => format!("count(*) > {}", self.random.random_range(0..6)),
                1 => format!("max(a.i_int) < {}", self.random.random_range(0..300)),
                2 => format!("count(a.s) <= {}", self.random.random_range(0..6)),
                _ => format!("sum(a.i_tiny) > {}", self.random.random_range(-20..20)),
            };
            having.push(Expression::portable(text));
        }
        query.grouping = Some(Grouping { aggregates, having });
    }

    /// Order and limit.
    fn order(&mut self, query: &mut Query) {
        let is_alone = query.grouping.is_some() && query.outputs.is_empty();
        let is_ordered = !is_alone && query.union.is_none() && self.random.random_bool(0.5);
        if is_ordered {
            query.is_total = self.random.random_bool(0.7);
            let count = self.of(&[1, 1, 2, 3]);
            query.order = (0..count).filter_map(|_| self.key(query)).collect();
        }
        if !is_alone && self.random.random_bool(if is_ordered { 0.6 } else { 0.15 }) {
            query.limit = Some(self.of(&[1, 2, 5, 10, 50, 300]));
            if self.random.random_bool(0.3) {
                query.offset = self.of(&[1, 3, 10, 100]);
            }
        }
    }

    fn key(&mut self, query: &Query) -> Option<Key> {
        let is_free = query.grouping.is_none() && !query.distinct && query.is_total;
        let of = if is_free && self.random.random_bool(0.7) {
            let side = self.side(query);
            KeyOf::Row(match self.random.random_range(0..10) {
                0..=7 => {
                    let columns: Vec<_> = all().filter(|column| column.is_sortable()).collect();
                    Expression::portable(format!("{side}.{}", self.of(&columns).name))
                }
                8 => Expression::portable(format!("{side}.{}", self.of(&["id", "i_code"]))),
                _ => loop {
                    let computed = expression::computed(&mut self.random, side);
                    if !computed.text.contains(['(', ')']) {
                        let text = format!("({})", computed.text);
                        break Expression { text, ..computed };
                    }
                },
            })
        } else {
            let place = self.random.random_range(0..query.width());
            let aggregates = query.grouping.as_ref().map_or(&[][..], |it| &it.aggregates);
            let is_sortable = match query.outputs.get(place) {
                Some(output) => !output.text.contains(".doc"),
                None => {
                    aggregates.get(place - query.outputs.len()).is_some_and(Aggregate::is_sortable)
                }
            };
            is_sortable.then_some(KeyOf::Output(place))?
        };
        let (descending, nulls_first) =
            (self.random.random_bool(0.5), self.random.random_bool(0.5));
        Some(Key { of, descending, nulls_first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_queries_again() {
        let queries = |seed| {
            let mut generator = Generator::new(seed);
            (0..50).map(|_| generator.query().sql()).collect::<Vec<_>>()
        };
        assert_eq!(queries(7), queries(7));
        assert_ne!(queries(7), queries(8));
    }

    #[test]
    fn what_is_smaller_is_another_query_and_shrinking_ends() {
        let mut generator = Generator::new(3);
        for _ in 0..100 {
            let mut query = generator.query();
            let mut steps = 0;
            while let Some(smaller) = query.smaller().pop() {
                assert_ne!(smaller, query);
                query = smaller;
                steps += 1;
                assert!(steps < 200, "{query:?}");
            }
            assert_eq!(query.limit, None);
            assert!(query.order.is_empty() && query.width() == 1, "{query:?}");
        }
    }

    #[test]
    fn rows_are_the_same_whatever_rows_are_made_with_them() {
        let table = table_named("multi").unwrap();
        let all = table.rows(1, 0..20);
        assert_eq!(table.rows(1, [3, 17]), [all[3].clone(), all[17].clone()]);
        assert_ne!(table.rows(2, 0..20), all);
    }
}
