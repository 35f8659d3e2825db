//! From a filter to what it leaves of each column.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NotExpr,
};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::scalar::ScalarValue;
use tifusion_schema::Domain;

use super::comparison::{self, View};

/// Deepest nesting of `AND` in `OR` in `AND` that is looked at.
const MAX_DEPTH: usize = 64;

/// What a condition leaves: rows for which it holds have, in each column, a value of the domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Restriction {
    /// It holds for no row.
    Never,
    /// By index in the schema; a column that isn't here may have any value.
    Columns(BTreeMap<usize, Domain>),
}

/// What all conjuncts together leave.
pub(super) fn all_of(conjuncts: &[Arc<dyn PhysicalExpr>], schema: &Schema) -> Restriction {
    let all = conjuncts.iter().map(|conjunct| restriction(conjunct, true, schema, 0));
    balanced(all.collect(), Restriction::and).unwrap_or_else(Restriction::nothing_known)
}

impl Restriction {
    fn nothing_known() -> Self {
        Self::Columns(BTreeMap::new())
    }

    fn of(column: usize, domain: Domain) -> Self {
        if domain.is_none() {
            return Self::Never;
        }
        Self::Columns(BTreeMap::from([(column, domain)]))
    }

    fn and(self, other: Self) -> Self {
        let (Self::Columns(mut columns), Self::Columns(more)) = (self, other) else {
            return Self::Never;
        };
        for (column, domain) in more {
            let both = match columns.get(&column) {
                Some(known) => known.intersect(&domain),
                None => domain,
            };
            if both.is_none() {
                return Self::Never;
            }
            columns.insert(column, both);
        }
        Self::Columns(columns)
    }

    fn or(self, other: Self) -> Self {
        let (columns, mut more) = match (self, other) {
            (Self::Never, other) | (other, Self::Never) => return other,
            (Self::Columns(columns), Self::Columns(more)) => (columns, more),
        };
        let both = columns.into_iter().filter_map(|(column, domain)| {
            let either = domain.union(&more.remove(&column)?);
            (!either.is_all()).then_some((column, either))
        });
        Self::Columns(both.collect())
    }
}

/// Puts a list together two by two, so that long ones of one column take no square of their length.
fn balanced(
    mut list: Vec<Restriction>,
    combine: fn(Restriction, Restriction) -> Restriction,
) -> Option<Restriction> {
    while list.len() > 1 {
        let mut halved = Vec::with_capacity(list.len().div_ceil(2));
        let mut rest = list.into_iter();
        while let Some(one) = rest.next() {
            halved.push(match rest.next() {
                Some(other) => combine(one, other),
                None => one,
            });
        }
        list = halved;
    }
    list.pop()
}

/// What is left where `expr` is `holds`: true or false, but not `NULL`.
fn restriction(
    expr: &Arc<dyn PhysicalExpr>,
    holds: bool,
    schema: &Schema,
    depth: usize,
) -> Restriction {
    if depth > MAX_DEPTH {
        return Restriction::nothing_known();
    }
    if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
        let combine = match (binary.op(), holds) {
            (Operator::And, true) | (Operator::Or, false) => Restriction::and,
            (Operator::And, false) | (Operator::Or, true) => Restriction::or,
            _ => return of_comparison(binary, holds, schema),
        };
        let operands = operands(expr, *binary.op());
        let all = operands.into_iter().map(|one| restriction(one, holds, schema, depth + 1));
        return balanced(all.collect(), combine).unwrap_or_else(Restriction::nothing_known);
    }
    if let Some(not) = expr.downcast_ref::<NotExpr>() {
        return restriction(not.arg(), !holds, schema, depth + 1);
    }
    let of_single = of_literal(expr, holds)
        .or_else(|| of_null_test(expr, holds))
        .or_else(|| of_list(expr, holds, schema))
        .or_else(|| of_pattern(expr, holds, schema));
    of_single.unwrap_or_else(Restriction::nothing_known)
}

/// What `operator` connects, however deep it is nested in itself.
pub(super) fn operands(
    expr: &Arc<dyn PhysicalExpr>,
    operator: Operator,
) -> Vec<&Arc<dyn PhysicalExpr>> {
    let mut found = Vec::new();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        match expr.downcast_ref::<BinaryExpr>().filter(|binary| *binary.op() == operator) {
            Some(binary) => open.extend([binary.left(), binary.right()]),
            None => found.push(expr),
        }
    }
    found
}

/// A constant as a condition.
fn of_literal(expr: &Arc<dyn PhysicalExpr>, holds: bool) -> Option<Restriction> {
    match expr.downcast_ref::<Literal>()?.value() {
        ScalarValue::Boolean(Some(value)) if *value == holds => Some(Restriction::nothing_known()),
        ScalarValue::Boolean(_) | ScalarValue::Null => Some(Restriction::Never),
        _ => None,
    }
}

fn of_null_test(expr: &Arc<dyn PhysicalExpr>, holds: bool) -> Option<Restriction> {
    let (argument, is_null) = match expr.downcast_ref::<IsNullExpr>() {
        Some(test) => (test.arg(), holds),
        None => (expr.downcast_ref::<IsNotNullExpr>()?.arg(), !holds),
    };
    let column = argument.downcast_ref::<Column>()?.index();
    let domain = if is_null { Domain::only_null() } else { Domain::not_null() };
    Some(Restriction::of(column, domain))
}

fn of_comparison(binary: &BinaryExpr, holds: bool, schema: &Schema) -> Restriction {
    let operator = *binary.op();
    let sides = [
        (binary.left(), binary.right(), Some(operator)),
        (binary.right(), binary.left(), operator.swap()),
    ];
    for (side, other, operator) in sides {
        let Some(operator) = operator else { continue };
        let operator = if holds { Some(operator) } else { operator.negate() };
        let Some(literal) = other.downcast_ref::<Literal>() else { continue };
        let (Some(operator), Some(view)) = (operator, View::of(side, schema)) else { continue };
        if let Some(domain) = comparison::domain(operator, &view, literal.value()) {
            return Restriction::of(view.column(), domain);
        }
    }
    Restriction::nothing_known()
}

/// `IN` and `NOT IN`. A `NULL` in the list makes neither true.
fn of_list(expr: &Arc<dyn PhysicalExpr>, holds: bool, schema: &Schema) -> Option<Restriction> {
    let list = expr.downcast_ref::<InListExpr>()?;
    let view = View::of(list.expr(), schema)?;
    let is_among = holds != list.negated();
    let mut intervals = Vec::new();
    for value in list.list() {
        let Some(value) = value.downcast_ref::<Literal>() else {
            // What isn't constant may be anything.
            if is_among {
                return None;
            }
            continue;
        };
        match comparison::domain(Operator::Eq, &view, value.value()) {
            Some(domain) => intervals.extend(domain.intervals().iter().cloned()),
            None if is_among => return None,
            None => {}
        }
    }
    let among = Domain::of(intervals);
    let domain = if is_among { among } else { among.other_values() };
    Some(Restriction::of(view.column(), domain))
}

/// `LIKE 'abc%'`.
fn of_pattern(expr: &Arc<dyn PhysicalExpr>, holds: bool, schema: &Schema) -> Option<Restriction> {
    let like = expr.downcast_ref::<LikeExpr>()?;
    if like.negated() == holds || like.case_insensitive() {
        return None;
    }
    let view = View::of(like.expr(), schema)?;
    let pattern = like.pattern().downcast_ref::<Literal>()?.value();
    let domain = comparison::domain_of_pattern(&view, pattern)?;
    Some(Restriction::of(view.column(), domain))
}
