//! The numbers that a partitioning expression may have for the rows that a filter leaves.

use std::collections::BTreeMap;
use std::ops::Bound;

use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::{FieldType, tp};

use super::expression::PartitionExpr;
use super::node::{ColumnRef, Function, Node, Operator};
use crate::domain::{Domain, Interval, Value, datum, number_range};

/// Most rows for which an expression that neither rises nor falls is computed.
pub(super) const MAX_ROWS: usize = 1_000;

/// The numbers that an expression may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// Whether it may be `NULL`.
    pub(super) null: bool,
    /// Ranges with both ends included, in no particular order.
    pub(super) ranges: Vec<(i128, i128)>,
}

/// Domains of columns by their offset in the table.
pub(super) type Domains = BTreeMap<usize, Domain>;

/// The numbers that `expr` may have for rows of `domains`, `None` if it may have any.
pub(super) fn image(expr: &PartitionExpr, domains: &Domains) -> Option<Image> {
    let mut columns = Vec::new();
    collect_columns(&expr.node, &mut columns);
    let by_ends = match columns.as_slice() {
        [column] => trend(&expr.node).and_then(|trend| of_trend(expr, column, trend, domains)),
        _ => None,
    };
    by_ends.or_else(|| of_rows(expr, &columns, domains))
}

/// Offsets of the columns of an expression.
pub(super) fn offsets(expr: &PartitionExpr) -> Vec<usize> {
    let mut columns = Vec::new();
    collect_columns(&expr.node, &mut columns);
    columns.iter().map(|column| column.offset).collect()
}

/// Whether an expression rises or falls (or stays) as its column rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trend {
    Rises,
    Falls,
    Constant,
}

impl Trend {
    fn turned(self) -> Self {
        match self {
            Self::Rises => Self::Falls,
            Self::Falls => Self::Rises,
            Self::Constant => Self::Constant,
        }
    }

    fn and(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Constant, trend) | (trend, Self::Constant) => Some(trend),
            (one, two) => (one == two).then_some(one),
        }
    }
}

/// How an expression of one column goes, if it goes one way.
fn trend(node: &Node) -> Option<Trend> {
    match node {
        Node::Column(_) => Some(Trend::Rises),
        Node::Number(_) | Node::Text(_) => Some(Trend::Constant),
        Node::Paren(inner) => trend(inner),
        Node::Minus(inner) => trend(inner).map(Trend::turned),
        Node::Binary(operator, left, right) => {
            let (one, two) = (trend(left)?, trend(right)?);
            match operator {
                Operator::Plus => one.and(two),
                Operator::Minus => one.and(two.turned()),
                Operator::Times => match (constant(left), constant(right)) {
                    (_, Some(factor)) => by_sign(one, factor),
                    (Some(factor), _) => by_sign(two, factor),
                    _ => None,
                },
                // Rounding towards zero does not turn anything round.
                Operator::Div => by_sign(one, constant(right).filter(|divisor| *divisor != 0)?),
                Operator::Mod => None,
            }
        }
        Node::Call(function, arguments) => match (function, arguments.as_slice()) {
            (
                Function::Year | Function::ToDays | Function::ToSeconds | Function::UnixTimestamp,
                [argument],
            ) => trend(argument),
            _ => None,
        },
    }
}

fn by_sign(trend: Trend, factor: i128) -> Option<Trend> {
    Some(match factor.signum() {
        0 => Trend::Constant,
        1 => trend,
        _ => trend.turned(),
    })
}

fn constant(node: &Node) -> Option<i128> {
    match node {
        Node::Number(number) => Some(*number),
        Node::Paren(inner) => constant(inner),
        Node::Minus(inner) => constant(inner)?.checked_neg(),
        _ => None,
    }
}

/// The columns of an expression, each once.
fn collect_columns(node: &Node, columns: &mut Vec<ColumnRef>) {
    match node {
        Node::Column(column) => {
            if !columns.iter().any(|known| known.offset == column.offset) {
                columns.push(column.clone());
            }
        }
        Node::Number(_) | Node::Text(_) => {}
        Node::Paren(inner) | Node::Minus(inner) => collect_columns(inner, columns),
        Node::Binary(_, left, right) => {
            collect_columns(left, columns);
            collect_columns(right, columns);
        }
        Node::Call(_, arguments) => {
            arguments.iter().for_each(|argument| collect_columns(argument, columns));
        }
    }
}

/// The domain of a column, if it says something.
///
/// A `NULL` among dates says nothing: dates that no calendar has are `NULL` in Arrow, and the
/// expression has a number for them.
fn domain_of<'a>(
    field_type: &FieldType,
    offset: usize,
    domains: &'a Domains,
) -> Option<&'a Domain> {
    let domain = domains.get(&offset)?;
    let is_date = matches!(field_type.tp, tp::DATE | tp::DATETIME | tp::TIMESTAMP);
    let says_nothing = domain.is_all() || (is_date && domain.has_null());
    (!says_nothing).then_some(domain)
}

/// The numbers between those of the ends of each interval.
fn of_trend(
    expr: &PartitionExpr,
    column: &ColumnRef,
    trend: Trend,
    domains: &Domains,
) -> Option<Image> {
    let domain = domain_of(&column.field_type, column.offset, domains)?;
    let (min, max) = number_range(&column.field_type)?;
    let at = |number: i128| {
        let value = Value::Number(number);
        let mut row = vec![Datum::Null; column.offset];
        row.push(datum(&column.field_type, &value)?);
        // Beyond an overflow there are no rows.
        expr.eval(&row).ok().flatten()
    };
    let mut ranges = Vec::with_capacity(domain.intervals().len());
    for interval in domain.intervals() {
        let (low, high) = number_bounds(interval)?;
        if low.is_some_and(|low| low > max) || high.is_some_and(|high| high < min) {
            continue;
        }
        let low = low.filter(|low| *low > min).and_then(at);
        let high = high.filter(|high| *high < max).and_then(at);
        let (least, greatest) = if trend == Trend::Falls { (high, low) } else { (low, high) };
        ranges.push((least.unwrap_or(i128::MIN), greatest.unwrap_or(i128::MAX)));
    }
    Some(Image { null: domain.has_null(), ranges })
}

fn number_bounds(interval: &Interval) -> Option<(Option<i128>, Option<i128>)> {
    let number = |bound: &Bound<Value>| match bound {
        Bound::Unbounded => Some(None),
        Bound::Included(Value::Number(number)) => Some(Some(*number)),
        _ => None,
    };
    Some((number(interval.low())?, number(interval.high())?))
}

/// The numbers of all rows that have single values in all `columns`.
fn of_rows(expr: &PartitionExpr, columns: &[ColumnRef], domains: &Domains) -> Option<Image> {
    let columns: Vec<_> =
        columns.iter().map(|column| (column.offset, &column.field_type)).collect();
    let mut image = Image { null: false, ranges: Vec::new() };
    for row in rows(&columns, domains)? {
        match expr.eval(&row).ok()? {
            None => image.null = true,
            Some(number) => image.ranges.push((number, number)),
        }
    }
    Some(image)
}

/// All rows of the values that columns (their offsets and types) may have, the others `NULL`; `None`
/// if those are not known, or more than [`MAX_ROWS`].
pub(super) fn rows(
    columns: &[(usize, &FieldType)],
    domains: &Domains,
) -> Option<Vec<Vec<Datum<'static>>>> {
    let width = columns.iter().map(|(offset, _)| offset + 1).max()?;
    let mut rows = vec![vec![Datum::Null; width]];
    for (offset, field_type) in columns {
        let domain = domain_of(field_type, *offset, domains)?;
        let values = values_of(field_type, domain)?;
        if rows.len().checked_mul(values.len())? > MAX_ROWS {
            return None;
        }
        let mut longer = Vec::with_capacity(rows.len() * values.len());
        for row in &rows {
            for value in &values {
                let mut row = row.clone();
                if let Some(cell) = row.get_mut(*offset) {
                    *cell = value.clone();
                }
                longer.push(row);
            }
        }
        rows = longer;
    }
    Some(rows)
}

/// All values of a domain that a column can have, if they are few.
fn values_of(field_type: &FieldType, domain: &Domain) -> Option<Vec<Datum<'static>>> {
    let mut values = Vec::new();
    if domain.has_null() {
        values.push(Datum::Null);
    }
    for interval in domain.intervals() {
        if let Some(Value::Bytes(_)) = interval.as_point() {
            values.push(datum(field_type, interval.as_point()?)?.into_owned());
        } else {
            let (min, max) = number_range(field_type)?;
            let (low, high) = number_bounds(interval)?;
            let (low, high) = (low.unwrap_or(min).max(min), high.unwrap_or(max).min(max));
            if high.checked_sub(low)? >= i128::try_from(MAX_ROWS).ok()? {
                return None;
            }
            for number in low..=high {
                values.push(datum(field_type, &Value::Number(number))?.into_owned());
            }
        }
        if values.len() > MAX_ROWS {
            return None;
        }
    }
    Some(values)
}
