//! A query in parts.

use super::aggregate::Aggregate;
use super::condition::{Condition, all_of};
use super::expectation::{Expectation, Order};
use super::expression::Expression;
use super::tables::table_named;

/// A query in parts. Its table is called `a`, the other table of a join `z`.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The table.
    pub table: String,
    /// Another table beside it.
    pub join: Option<Join>,
    /// Conditions that a row must pass.
    pub conditions: Vec<Condition>,
    /// What is asked of each row, or by what rows are grouped.
    pub outputs: Vec<Expression>,
    /// Whether each answer is given once.
    pub distinct: bool,
    /// What is asked of each group; all rows are one without `outputs`.
    pub grouping: Option<Grouping>,
    /// A table that is asked the same, whose rows are added.
    pub union: Option<String>,
    /// By what rows are ordered.
    pub order: Vec<Key>,
    /// Whether what tells all rows apart is behind `order`.
    pub is_total: bool,
    /// How many rows are wanted.
    pub limit: Option<usize>,
    /// How many come before them.
    pub offset: usize,
}

/// How rows of two tables meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// `JOIN`.
    Inner,
    /// `LEFT JOIN`.
    Left,
    /// `IN (SELECT …)`.
    In,
    /// `EXISTS (SELECT …)`.
    Exists,
    /// `NOT EXISTS (SELECT …)`.
    NotExists,
}

/// Another table.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// How rows meet.
    pub kind: JoinKind,
    /// The table.
    pub table: String,
    /// The column that is equal in both.
    pub key: String,
    /// Conditions that its rows must pass to meet another.
    pub conditions: Vec<Condition>,
}

/// What is asked of groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Grouping {
    /// Aggregates.
    pub aggregates: Vec<Aggregate>,
    /// Conditions that a group must pass.
    pub having: Vec<Expression>,
}

/// A key of the order.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// What it is.
    pub of: KeyOf,
    /// The greatest first.
    pub descending: bool,
    /// `NULL`s first.
    pub nulls_first: bool,
}

/// What a key of the order is.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyOf {
    /// The output at this place.
    Output(usize),
    /// Something else of a row.
    Row(Expression),
}

impl Query {
    fn selected(&self) -> Vec<String> {
        let outputs = self.outputs.iter().map(|output| output.text.clone());
        let aggregates = self.grouping.iter().flat_map(|grouping| &grouping.aggregates);
        let all = outputs.chain(aggregates.map(Aggregate::sql)).enumerate();
        all.map(|(place, text)| format!("{text} AS c{place}")).collect()
    }

    /// How many columns an answer has.
    pub(super) fn width(&self) -> usize {
        self.outputs.len() + self.grouping.as_ref().map_or(0, |grouping| grouping.aggregates.len())
    }

    fn source(&self, table: &str) -> String {
        let mut conditions = self.conditions.clone();
        let mut from = format!("FROM {table} AS a");
        if let Some(join) = &self.join {
            let (other, key) = (&join.table, &join.key);
            let met = |first: String| {
                let rest = if join.conditions.is_empty() {
                    String::new()
                } else {
                    all_of(&join.conditions)
                };
                let both = [first, rest].into_iter().filter(|text| !text.is_empty());
                both.collect::<Vec<_>>().join(" AND ")
            };
            let equal = met(format!("a.{key} = z.{key}"));
            let existing = format!("EXISTS (SELECT 1 FROM {other} AS z WHERE {equal})");
            let mut holds =
                |text| conditions.insert(0, Condition::Atom(Expression::portable(text)));
            match join.kind {
                JoinKind::Inner => from += &format!(" JOIN {other} AS z ON {equal}"),
                JoinKind::Left => from += &format!(" LEFT JOIN {other} AS z ON {equal}"),
                JoinKind::Exists => holds(existing),
                JoinKind::NotExists => holds(format!("NOT {existing}")),
                JoinKind::In => {
                    let inner = met(String::new());
                    let filter = if inner.is_empty() { inner } else { format!(" WHERE {inner}") };
                    holds(format!("a.{key} IN (SELECT z.{key} FROM {other} AS z{filter})"));
                }
            }
        }
        if conditions.is_empty() { from } else { format!("{from} WHERE {}", all_of(&conditions)) }
    }

    fn body(&self, table: &str) -> String {
        let distinct = if self.distinct { "DISTINCT " } else { "" };
        let mut sql =
            format!("SELECT {distinct}{} {}", self.selected().join(", "), self.source(table));
        if let Some(grouping) = &self.grouping {
            if !self.outputs.is_empty() {
                let keys: Vec<_> = self.outputs.iter().map(|key| key.text.as_str()).collect();
                sql += &format!(" GROUP BY {}", keys.join(", "));
            }
            if !grouping.having.is_empty() {
                let having: Vec<_> = grouping.having.iter().map(|it| it.text.as_str()).collect();
                sql += &format!(" HAVING {}", having.join(" AND "));
            }
        }
        sql
    }

    /// Behind `order`, what tells all rows apart.
    fn tail(&self) -> Vec<String> {
        if self.grouping.is_some() || self.distinct {
            return (0..self.outputs.len())
                .map(|place| format!("c{place} ASC NULLS LAST"))
                .collect();
        }
        let second = self.join.as_ref().is_some_and(Join::has_columns).then_some("z");
        let sides = std::iter::once("a").chain(second);
        sides.map(|side| format!("{side}.id ASC NULLS LAST")).collect()
    }

    /// As DataFusion's SQL.
    #[must_use]
    pub fn sql(&self) -> String {
        let mut sql = self.unlimited_sql();
        if let Some(limit) = self.limit {
            sql += &format!(" LIMIT {limit}");
        }
        if self.offset > 0 {
            sql += &format!(" OFFSET {}", self.offset);
        }
        sql
    }

    /// As DataFusion's SQL, without its limit.
    #[must_use]
    pub fn unlimited_sql(&self) -> String {
        let mut sql = self.body(&self.table);
        if let Some(union) = &self.union {
            sql += &format!(" UNION ALL {}", self.body(union));
        }
        let mut keys: Vec<String> = self.order.iter().map(Key::sql).collect();
        if self.is_total && !self.order.is_empty() {
            keys.extend(self.tail());
        }
        if !keys.is_empty() {
            sql += &format!(" ORDER BY {}", keys.join(", "));
        }
        sql
    }

    /// Whether TiDB can judge it.
    #[must_use]
    pub fn is_portable(&self) -> bool {
        let is_even = |name: &str| table_named(name).is_none_or(|table| !table.is_odd);
        let tables = std::iter::once(&self.table).chain(&self.union);
        let grouping = self.grouping.iter();
        let keys = self.order.iter().filter_map(|key| match &key.of {
            KeyOf::Row(of) => Some(of),
            KeyOf::Output(_) => None,
        });
        tables.chain(self.join.iter().map(|join| &join.table)).all(|name| is_even(name))
            && self.conditions.iter().all(Condition::is_portable)
            && self.join.iter().flat_map(|join| &join.conditions).all(Condition::is_portable)
            && self.outputs.iter().chain(keys).all(|output| output.is_portable)
            && grouping.clone().flat_map(|it| &it.aggregates).all(Aggregate::is_portable)
            && grouping.flat_map(|it| &it.having).all(|it| it.is_portable)
    }

    /// How two answers to it are compared.
    #[must_use]
    pub fn expectation(&self) -> Expectation {
        let outputs = self.order.iter().map(|key| match key.of {
            KeyOf::Output(place) => Some(place),
            KeyOf::Row(_) => None,
        });
        let order = match outputs.collect::<Option<Vec<_>>>() {
            _ if self.order.is_empty() => Order::None,
            _ if self.is_total => Order::Total,
            Some(places) => Order::By(places),
            None => Order::None,
        };
        let aggregates = self.grouping.iter().flat_map(|grouping| &grouping.aggregates);
        let magnitude =
            aggregates.filter(|it| it.is_rounded).map(|it| it.magnitude).fold(0.0, f64::max);
        let is_cut = (self.limit.is_some() || self.offset > 0) && order != Order::Total;
        Expectation { order, is_cut, magnitude }
    }
}

impl Join {
    /// Whether rows have columns of the other table.
    #[must_use]
    pub fn has_columns(&self) -> bool {
        matches!(self.kind, JoinKind::Inner | JoinKind::Left)
    }
}

impl Key {
    fn sql(&self) -> String {
        let of = match &self.of {
            KeyOf::Output(place) => format!("c{place}"),
            KeyOf::Row(of) => of.text.clone(),
        };
        let direction = if self.descending { "DESC" } else { "ASC" };
        let nulls = if self.nulls_first { "FIRST" } else { "LAST" };
        format!("{of} {direction} NULLS {nulls}")
    }
}
