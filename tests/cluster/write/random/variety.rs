//! How much of what can be written was written, so that the test can't become one of nothing.

use std::collections::BTreeMap;
use std::fmt;

use super::ddl::Ddl;
use super::model::Outcome;
use super::statement::{Filter, Side, Source, Statement, Step};

/// What statements were, and how many.
#[derive(Debug, Default, Clone)]
pub(super) struct Variety {
    statements: usize,
    found: BTreeMap<&'static str, usize>,
}

/// What there must be, in thousandths of the statements, and one at least.
const LEAST: &[(&str, usize)] = &[
    ("insert by the connector", 60),
    ("insert by TiDB", 40),
    ("replace by the connector", 30),
    ("replace by TiDB", 20),
    ("update by the connector", 60),
    ("update by TiDB", 40),
    ("delete by the connector", 40),
    ("delete by TiDB", 25),
    ("duplicate refused by the connector", 20),
    ("duplicate refused by TiDB", 15),
    ("value refused by the connector", 20),
    ("value refused by TiDB", 15),
    ("insert from a query", 10),
    ("several rows refused for one", 20),
    ("rows replaced", 15),
    ("with a subquery", 5),
    ("ordered and limited", 8),
    ("DDL", 30),
    ("column added", 4),
    ("column dropped", 0),
    ("index added", 6),
    ("index dropped", 2),
    ("emptied", 0),
    ("renamed", 0),
];

impl Variety {
    pub(super) fn count(&mut self, step: &Step, outcome: &Outcome) {
        self.statements += 1;
        let mut has = |what: &'static str| *self.found.entry(what).or_default() += 1;
        let (rows, filter, first) = match &step.statement {
            Statement::Insert(insert) => match &insert.source {
                Source::Values(rows) => (rows.len(), None, false),
                Source::Select(_, filter) => (1, Some(filter), false),
            },
            Statement::Update { filter, first, .. } => (1, Some(filter), first.is_some()),
            Statement::Delete { filter, first } => (1, filter.as_ref(), first.is_some()),
            Statement::Ddl(_) => (0, None, false),
        };
        let is_ours = step.side == Side::Connector;
        match (outcome, &step.statement) {
            (_, Statement::Ddl(ddl)) => {
                has("DDL");
                has(kind_of(ddl));
            }
            (Outcome::Duplicate(_), _) => has(match is_ours {
                true => "duplicate refused by the connector",
                false => "duplicate refused by TiDB",
            }),
            (Outcome::Refused, _) => has(match is_ours {
                true => "value refused by the connector",
                false => "value refused by TiDB",
            }),
            (Outcome::Done(0), _) => has("nothing to do"),
            (Outcome::Done(count), statement) => {
                has(done(statement, is_ours));
                if usize::try_from(*count).unwrap() > rows
                    && matches!(statement, Statement::Insert(it) if it.replaces)
                {
                    has("rows replaced");
                }
                if first {
                    has("ordered and limited");
                }
                if filter.is_some_and(Filter::has_subquery) {
                    has("with a subquery");
                }
                if matches!(statement, Statement::Insert(it) if matches!(it.source, Source::Select(..)))
                {
                    has("insert from a query");
                }
            }
        }
        if rows > 1 && !matches!(outcome, Outcome::Done(_)) {
            has("several rows refused for one");
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.statements += other.statements;
        for (what, count) in &other.found {
            *self.found.entry(what).or_default() += count;
        }
    }

    /// That the statements are not all of one kind.
    pub(super) fn check(&self) {
        // A few statements may well be all of one kind.
        if self.statements < 1000 {
            return;
        }
        for (what, least) in LEAST {
            let count = self.found.get(what).copied().unwrap_or(0);
            let found = count * 1000 / self.statements;
            assert!(
                count > 0 && found >= *least,
                "{what}: {found} of a thousand statements, at least {least}\n{self}"
            );
        }
    }
}

fn done(statement: &Statement, is_ours: bool) -> &'static str {
    match (statement, is_ours) {
        (Statement::Insert(insert), true) if insert.replaces => "replace by the connector",
        (Statement::Insert(insert), false) if insert.replaces => "replace by TiDB",
        (Statement::Insert(_), true) => "insert by the connector",
        (Statement::Insert(_), false) => "insert by TiDB",
        (Statement::Update { .. }, true) => "update by the connector",
        (Statement::Update { .. }, false) => "update by TiDB",
        (Statement::Delete { .. }, true) => "delete by the connector",
        (Statement::Delete { .. }, false) => "delete by TiDB",
        (Statement::Ddl(ddl), _) => kind_of(ddl),
    }
}

fn kind_of(ddl: &Ddl) -> &'static str {
    match ddl {
        Ddl::AddColumn(..) => "column added",
        Ddl::DropColumn(_) => "column dropped",
        Ddl::AddIndex(_) => "index added",
        Ddl::DropIndex(_) => "index dropped",
        Ddl::RenameIndex(..) => "index renamed",
        Ddl::SetDefault(..) => "default changed",
        Ddl::Widen(..) => "column widened",
        Ddl::Truncate => "emptied",
        Ddl::Rename(_) => "renamed",
        Ddl::AddPartition(..) => "partition added",
        Ddl::TruncatePartition(_) => "partition emptied",
        Ddl::DropPartition(_) => "partition dropped",
        Ddl::DropDefault(_) => "default dropped",
        Ddl::AddPartitions(_) => "partitions added",
    }
}

impl fmt::Display for Variety {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> =
            self.found.iter().map(|(what, count)| format!("{what} {count}")).collect();
        write!(f, "of {} statements: {}", self.statements, all.join(", "))
    }
}
