//! Statements as data: their SQL, which both sides take, and which rows they mean.

use std::cmp::Ordering;

use tifusion_testkit::cell::{Cell, Decimal};

use super::ddl::Ddl;
use super::table::Table;
use super::value::literal;

/// Who runs a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Connector,
    Tidb,
}

/// A statement and who runs it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) side: Side,
    pub(super) statement: Statement,
}

/// What is done to a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Statement {
    Insert(Insert),
    Update { sets: Vec<(String, Expr)>, filter: Filter, first: Option<usize> },
    Delete { filter: Option<Filter>, first: Option<usize> },
    Ddl(Ddl),
}

/// New rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Insert {
    pub(super) replaces: bool,
    /// All of the table's, in their order, if none are named.
    pub(super) columns: Option<Vec<String>>,
    pub(super) source: Source,
}

/// Where new rows come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    Values(Vec<Vec<Expr>>),
    /// Rows of the table itself.
    Select(Vec<Expr>, Filter),
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Value(Cell),
    Column(String),
    Plus(String, i64),
    /// The default, of all rows alike.
    Default,
    /// A literal that the column does not take.
    Wrong(String),
}

impl Expr {
    fn sql(&self) -> String {
        match self {
            Self::Value(cell) => literal(cell),
            Self::Column(name) => name.clone(),
            Self::Plus(name, more) => format!("{name} + {more}"),
            Self::Default => "DEFAULT".to_owned(),
            Self::Wrong(literal) => literal.clone(),
        }
    }

    /// The value for a row; `None` if there is none.
    pub(super) fn of(&self, table: &Table, row: &[Cell]) -> Option<Cell> {
        let cell = |name: &String| row[table.place(name).unwrap()].clone();
        match self {
            Self::Value(value) => Some(value.clone()),
            Self::Column(name) => Some(cell(name)),
            Self::Plus(name, more) => Some(plus(cell(name), *more)),
            Self::Default | Self::Wrong(_) => None,
        }
    }

    fn columns(&self) -> Option<&String> {
        match self {
            Self::Column(name) | Self::Plus(name, _) => Some(name),
            _ => None,
        }
    }
}

fn plus(cell: Cell, more: i64) -> Cell {
    match cell {
        Cell::Int(value) => Cell::Int(value + i128::from(more)),
        Cell::Decimal(value) => {
            let scale = value.scale();
            let one = 10_i128.pow(u32::try_from(scale).unwrap());
            let sum = value.unscaled_at(scale).unwrap() + i128::from(more) * one;
            let (sign, sum) = (if sum < 0 { "-" } else { "" }, sum.abs().to_string());
            let digits = format!("{sum:0>width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            Cell::Decimal(Decimal::parse(&format!("{sign}{whole}.{fraction}")))
        }
        Cell::Float(value) => Cell::Float(value + more as f64),
        other => other,
    }
}

/// Which rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    All,
    Nothing,
    Equal(String, Cell),
    Other(String, Cell),
    Less(String, Cell),
    In(String, Vec<Cell>),
    Between(String, Cell, Cell),
    IsNull(String),
    IsNotNull(String),
    /// `IN` or `EXISTS` with the numbers of `side` below one.
    InSide(String, i128),
    ExistsInSide(String, i128),
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
}

/// The name of a column that no table has.
pub(super) const NO_COLUMN: &str = "nosuch";

/// The numbers of the table `side`, beside a `NULL`.
pub(super) const SIDE: [i128; 12] = [1, 2, 3, 5, 8, 13, 21, 22, 23, 34, 35, 36];

impl Filter {
    pub(super) fn sql(&self, table: &str) -> String {
        match self {
            Self::All => "true".to_owned(),
            Self::Nothing => "false".to_owned(),
            Self::Equal(name, value) => format!("{name} = {}", literal(value)),
            Self::Other(name, value) => format!("{name} <> {}", literal(value)),
            Self::Less(name, value) => format!("{name} < {}", literal(value)),
            Self::In(name, values) => {
                let values: Vec<_> = values.iter().map(literal).collect();
                format!("{name} IN ({})", values.join(", "))
            }
            Self::Between(name, from, to) => {
                format!("{name} BETWEEN {} AND {}", literal(from), literal(to))
            }
            Self::IsNull(name) => format!("{name} IS NULL"),
            Self::IsNotNull(name) => format!("{name} IS NOT NULL"),
            Self::InSide(name, below) => {
                format!("{name} IN (SELECT side.x FROM side WHERE side.x < {below})")
            }
            Self::ExistsInSide(name, below) => format!(
                "EXISTS (SELECT 1 FROM side WHERE side.x = {table}.{name} AND side.x < {below})"
            ),
            Self::And(a, b) => format!("({} AND {})", a.sql(table), b.sql(table)),
            Self::Or(a, b) => format!("({} OR {})", a.sql(table), b.sql(table)),
            Self::Not(a) => format!("NOT ({})", a.sql(table)),
        }
    }

    /// Whether a row meets it, as `side` has it; `None` where that is not known, for there is a `NULL`.
    pub(super) fn meets(&self, side: Side, table: &Table, row: &[Cell]) -> Option<bool> {
        let cell = |name: &String| &row[table.place(name).unwrap()];
        let equal = |name: &String, value: &Cell| {
            // The engine compares text as it is, TiDB by the column's collation.
            let kind = table.column(name).unwrap().kind;
            match (side, kind.collation(), cell(name), value) {
                (_, _, Cell::Null, _) | (_, _, _, Cell::Null) => None,
                (Side::Tidb, Some(by), Cell::Text(a), Cell::Text(b)) => {
                    Some(by.key(a) == by.key(b))
                }
                (_, _, a, b) => Some(order(a, b) == Some(Ordering::Equal)),
            }
        };
        let is_less = |a: &Cell, b: &Cell| order(a, b).map(|it| it == Ordering::Less);
        let in_side = |name: &String, below: i128| match cell(name) {
            Cell::Null => None,
            Cell::Int(value) => Some(*value < below && SIDE.contains(value)),
            other => panic!("not an integer: {other}"),
        };
        match self {
            Self::All => Some(true),
            Self::Nothing => Some(false),
            Self::Equal(name, value) => equal(name, value),
            Self::Other(name, value) => equal(name, value).map(|it| !it),
            Self::Less(name, value) => is_less(cell(name), value),
            Self::In(name, values) => {
                values.iter().map(|value| equal(name, value)).fold(Some(false), or)
            }
            Self::Between(name, from, to) => {
                let value = cell(name);
                and(is_less(value, from).map(|it| !it), is_less(to, value).map(|it| !it))
            }
            Self::IsNull(name) => Some(*cell(name) == Cell::Null),
            Self::IsNotNull(name) => Some(*cell(name) != Cell::Null),
            Self::InSide(name, below) => in_side(name, *below),
            Self::ExistsInSide(name, below) => Some(in_side(name, *below) == Some(true)),
            Self::And(a, b) => and(a.meets(side, table, row), b.meets(side, table, row)),
            Self::Or(a, b) => or(a.meets(side, table, row), b.meets(side, table, row)),
            Self::Not(a) => a.meets(side, table, row).map(|it| !it),
        }
    }

    fn columns(&self) -> Vec<&String> {
        match self {
            Self::All | Self::Nothing => Vec::new(),
            Self::Equal(name, _)
            | Self::Other(name, _)
            | Self::Less(name, _)
            | Self::In(name, _)
            | Self::Between(name, ..)
            | Self::IsNull(name)
            | Self::IsNotNull(name)
            | Self::InSide(name, _)
            | Self::ExistsInSide(name, _) => vec![name],
            Self::And(a, b) | Self::Or(a, b) => [a.columns(), b.columns()].concat(),
            Self::Not(a) => a.columns(),
        }
    }

    pub(super) fn has_subquery(&self) -> bool {
        match self {
            Self::InSide(..) | Self::ExistsInSide(..) => true,
            Self::And(a, b) | Self::Or(a, b) => a.has_subquery() || b.has_subquery(),
            Self::Not(a) => a.has_subquery(),
            _ => false,
        }
    }
}

fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    and(a.map(|it| !it), b.map(|it| !it)).map(|it| !it)
}

/// Which of two values of one type comes first; `None` beside a `NULL`.
pub(super) fn order(a: &Cell, b: &Cell) -> Option<Ordering> {
    match (a, b) {
        (Cell::Null, _) | (_, Cell::Null) => None,
        (Cell::Int(a), Cell::Int(b)) => Some(a.cmp(b)),
        (Cell::Decimal(a), Cell::Decimal(b)) => {
            let scale = a.scale().max(b.scale());
            Some(a.unscaled_at(scale).unwrap().cmp(&b.unscaled_at(scale).unwrap()))
        }
        (Cell::Float(a), Cell::Float(b)) => a.partial_cmp(b),
        (Cell::Date(a), Cell::Date(b))
        | (Cell::DateTime(a), Cell::DateTime(b))
        | (Cell::Time(a), Cell::Time(b)) => Some(a.cmp(b)),
        (Cell::Text(a), Cell::Text(b)) => Some(a.cmp(b)),
        (Cell::Bytes(a), Cell::Bytes(b)) => Some(a.cmp(b)),
        (a, b) => panic!("{a} beside {b}"),
    }
}

impl Statement {
    /// The SQL, which both sides take.
    pub(super) fn sql(&self, table: &Table) -> String {
        let name = &table.name;
        let first = |first: &Option<usize>| match (first, table.handle()) {
            (Some(count), Some(handle)) => format!(" ORDER BY {handle} LIMIT {count}"),
            _ => String::new(),
        };
        match self {
            Self::Insert(insert) => insert.sql(name),
            Self::Update { sets, filter, first: count } => {
                let sets: Vec<_> = sets
                    .iter()
                    .map(|(column, expr)| format!("{column} = {}", expr.sql()))
                    .collect();
                let filter = filter.sql(name);
                format!("UPDATE {name} SET {} WHERE {filter}{}", sets.join(", "), first(count))
            }
            Self::Delete { filter, first: count } => {
                let filter = filter.as_ref().map(|it| format!(" WHERE {}", it.sql(name)));
                format!("DELETE FROM {name}{}{}", filter.unwrap_or_default(), first(count))
            }
            Self::Ddl(ddl) => ddl.sql(table),
        }
    }

    /// Whether the table has the columns that the statement wants; one that was made wrong on purpose may
    /// name others.
    pub(super) fn fits(&self, table: &Table) -> bool {
        let names: Vec<&String> = match self {
            Self::Insert(Insert { columns, source, .. }) => match source {
                Source::Values(rows) => {
                    let width = rows.first().map_or(0, Vec::len);
                    if columns.is_none() && width.abs_diff(table.columns.len()) > 1 {
                        return false;
                    }
                    columns.iter().flatten().collect()
                }
                Source::Select(exprs, filter) => {
                    let own = exprs.iter().filter_map(Expr::columns);
                    own.chain(filter.columns()).chain(columns.iter().flatten()).collect()
                }
            },
            Self::Update { sets, filter, first } => {
                if first.is_some() && table.handle().is_none() {
                    return false;
                }
                let own = sets
                    .iter()
                    .flat_map(|(name, expr)| std::iter::once(name).chain(expr.columns()));
                own.chain(filter.columns()).collect()
            }
            Self::Delete { filter, first } => {
                if first.is_some() && table.handle().is_none() {
                    return false;
                }
                filter.iter().flat_map(Filter::columns).collect()
            }
            Self::Ddl(ddl) => return ddl.fits(table),
        };
        names.iter().all(|name| *name == NO_COLUMN || table.place(name).is_some())
    }
}

impl Insert {
    fn sql(&self, table: &str) -> String {
        let verb = if self.replaces { "REPLACE" } else { "INSERT" };
        let columns = self.columns.as_ref().map(|it| format!(" ({})", it.join(", ")));
        let list = |exprs: &[Expr]| exprs.iter().map(Expr::sql).collect::<Vec<_>>().join(", ");
        let rows = match &self.source {
            Source::Values(rows) => {
                let rows: Vec<_> = rows.iter().map(|row| format!("({})", list(row))).collect();
                format!("VALUES {}", rows.join(", "))
            }
            Source::Select(exprs, filter) => {
                format!("SELECT {} FROM {table} WHERE {}", list(exprs), filter.sql(table))
            }
        };
        format!("{verb} INTO {table}{} {rows}", columns.unwrap_or_default())
    }
}
