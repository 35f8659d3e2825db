//! A filter's snapshot in terms that ranges and conditions are made of.
//!
//! What comes out is true for every row that the filter is true for.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array as _, StructArray};
use arrow::datatypes::Schema;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, CaseExpr, InListExpr, Literal, lit};
use datafusion::scalar::ScalarValue;

use crate::error::Result;
use crate::pushdown::lower::Physical;

/// Most tuples whose keys are looked for one by one.
const MAX_TUPLES: usize = 20_000;

/// Deepest nesting that is looked at.
const MAX_DEPTH: usize = 64;

/// What `filter`, over `schema`, says; none if it says nothing.
///
/// - A `CASE` that chooses among the filters of partitions is any of them.
/// - A list of tuples is a list of values for each of its columns.
pub(super) fn conjuncts(filter: &Physical, schema: &Schema) -> Result<Vec<Physical>> {
    let mut all = Vec::new();
    for part in sides(&weaker(filter, schema, 0)?, Operator::And) {
        if constant(&part) == Some(true) {
            continue;
        }
        all.push(part);
    }
    Ok(all)
}

fn weaker(expr: &Physical, schema: &Schema, depth: usize) -> Result<Physical> {
    if depth > MAX_DEPTH {
        return Ok(lit(true));
    }
    if let Some(case) = expr.downcast_ref::<CaseExpr>() {
        let mut branches = Vec::new();
        for branch in branches_of(case) {
            branches.push(weaker(branch, schema, depth + 1)?);
        }
        return Ok(any(branches));
    }
    if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
        let operator = *binary.op();
        if matches!(operator, Operator::And | Operator::Or) {
            let mut parts = Vec::new();
            for part in sides(expr, operator) {
                parts.push(weaker(&part, schema, depth + 1)?);
            }
            return Ok(if operator == Operator::And { all(parts) } else { any(parts) });
        }
    }
    if let Some(list) = TupleList::of(expr) {
        return list.by_column(schema);
    }
    match expr.downcast_ref::<InListExpr>() {
        Some(list) => each_once(list, expr, schema),
        None => Ok(Arc::clone(expr)),
    }
}

/// A list without the values that come again: it may have one for each row of the other side.
fn each_once(list: &InListExpr, expr: &Physical, schema: &Schema) -> Result<Physical> {
    let mut seen = HashSet::new();
    let mut values = Vec::new();
    for value in list.list() {
        let known = value.downcast_ref::<Literal>().map(Literal::value);
        if known.is_none_or(|known| seen.insert(known)) {
            values.push(Arc::clone(value));
        }
    }
    if values.len() == list.len() {
        return Ok(Arc::clone(expr));
    }
    let needle = Arc::clone(list.expr());
    Ok(Arc::new(InListExpr::try_new(needle, values, list.negated(), schema)?))
}

/// What of `conjunct` has no more than `most` values, so that it can be sent to every region.
pub(super) fn for_stores(conjunct: &Physical, most: usize) -> Option<Physical> {
    if values(conjunct) <= most {
        return Some(Arc::clone(conjunct));
    }
    Some(without_lists(conjunct, 0)).filter(|rest| constant(rest).is_none())
}

/// Values in the lists of `expr`.
pub(super) fn values(expr: &Physical) -> usize {
    let mut values = 0_usize;
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        match expr.downcast_ref::<InListExpr>() {
            Some(list) => values = values.saturating_add(list.len()),
            None => open.extend(expr.children()),
        }
    }
    values
}

/// What is left of `expr` if any value is taken for one of a list.
fn without_lists(expr: &Physical, depth: usize) -> Physical {
    if values(expr) == 0 {
        return Arc::clone(expr);
    }
    let operator = expr.downcast_ref::<BinaryExpr>().map(|binary| *binary.op());
    let parts = |operator| {
        let sides = sides(expr, operator);
        sides.iter().map(|side| without_lists(side, depth + 1)).collect()
    };
    match operator {
        Some(Operator::And) if depth < MAX_DEPTH => all(parts(Operator::And)),
        Some(Operator::Or) if depth < MAX_DEPTH => any(parts(Operator::Or)),
        _ => lit(true),
    }
}

/// The tuples of values of which a row must have one, each as comparisons; `None` if the filter isn't
/// like that or they are too many.
pub(super) fn tuples(filter: &Physical) -> Option<Vec<Vec<Physical>>> {
    let tuples = some_tuples(filter, 0)?;
    (tuples.len() <= MAX_TUPLES).then_some(tuples)
}

fn some_tuples(expr: &Physical, depth: usize) -> Option<Vec<Vec<Physical>>> {
    if depth > MAX_DEPTH {
        return None;
    }
    let of_any = |parts: &mut dyn Iterator<Item = &Physical>| {
        let mut found = Vec::new();
        for part in parts {
            found.extend(some_tuples(part, depth + 1)?);
        }
        Some(found)
    };
    if constant(expr) == Some(false) {
        return Some(Vec::new());
    }
    if let Some(case) = expr.downcast_ref::<CaseExpr>() {
        return of_any(&mut branches_of(case).into_iter());
    }
    if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
        return match binary.op() {
            Operator::And => {
                sides(expr, Operator::And).iter().find_map(|side| some_tuples(side, depth + 1))
            }
            Operator::Or => of_any(&mut sides(expr, Operator::Or).iter()),
            _ => None,
        };
    }
    let list = TupleList::of(expr)?;
    (list.tuples.len() <= MAX_TUPLES).then(|| list.comparisons())
}

/// `struct(a, b) IN (…)`.
struct TupleList<'a> {
    columns: &'a [Physical],
    tuples: Vec<&'a StructArray>,
}

impl<'a> TupleList<'a> {
    fn of(expr: &'a Physical) -> Option<Self> {
        let list = expr.downcast_ref::<InListExpr>().filter(|list| !list.negated())?;
        let needle = list.expr().downcast_ref::<ScalarFunctionExpr>()?;
        if needle.fun().name() != "struct" {
            return None;
        }
        let columns = needle.args();
        let tuples =
            list.list().iter().map(|tuple| match tuple.downcast_ref::<Literal>()?.value() {
                ScalarValue::Struct(tuple) if tuple.num_columns() == columns.len() => {
                    (tuple.len() == 1).then_some(tuple.as_ref())
                }
                _ => None,
            });
        Some(Self { columns, tuples: tuples.collect::<Option<_>>()? })
    }

    /// A list of values for each column.
    fn by_column(&self, schema: &Schema) -> Result<Physical> {
        let mut lists = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            let mut seen = HashSet::new();
            let mut values = Vec::new();
            for tuple in &self.tuples {
                let value = value(tuple, at)?;
                if seen.insert(value.clone()) {
                    values.push(lit(value));
                }
            }
            let list = InListExpr::try_new(Arc::clone(column), values, false, schema)?;
            lists.push(Arc::new(list) as Physical);
        }
        Ok(all(lists))
    }

    /// The tuples as comparisons of the columns.
    fn comparisons(&self) -> Vec<Vec<Physical>> {
        let of_tuple = |tuple: &&StructArray| {
            let comparisons = self.columns.iter().enumerate().filter_map(|(at, column)| {
                let value = lit(value(tuple, at).ok()?);
                Some(Arc::new(BinaryExpr::new(Arc::clone(column), Operator::Eq, value)) as Physical)
            });
            comparisons.collect()
        };
        self.tuples.iter().map(of_tuple).collect()
    }
}

fn value(tuple: &StructArray, at: usize) -> Result<ScalarValue> {
    Ok(ScalarValue::try_from_array(tuple.column(at), 0)?)
}

/// What a `CASE` may be.
fn branches_of(case: &CaseExpr) -> Vec<&Physical> {
    let branches = case.when_then_expr().iter().map(|(_, then)| then);
    branches.chain(case.else_expr()).collect()
}

fn constant(expr: &Physical) -> Option<bool> {
    match expr.downcast_ref::<Literal>()?.value() {
        ScalarValue::Boolean(Some(value)) => Some(*value),
        ScalarValue::Boolean(None) | ScalarValue::Null => Some(false),
        _ => None,
    }
}

fn all(parts: Vec<Physical>) -> Physical {
    combined(parts, Operator::And, true)
}

fn any(parts: Vec<Physical>) -> Physical {
    combined(parts, Operator::Or, false)
}

/// `parts` between `operator`, to which `neutral` adds nothing and its opposite is all that counts.
fn combined(parts: Vec<Physical>, operator: Operator, neutral: bool) -> Physical {
    if parts.iter().any(|part| constant(part) == Some(!neutral)) {
        return lit(!neutral);
    }
    let parts = parts.into_iter().filter(|part| constant(part).is_none());
    let combine = |one, other| Arc::new(BinaryExpr::new(one, operator, other)) as Physical;
    parts.reduce(combine).unwrap_or_else(|| lit(neutral))
}

/// What `operator` connects in `expr`, however deep, in order.
fn sides(expr: &Physical, operator: Operator) -> Vec<Physical> {
    let mut found = Vec::new();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        match expr.downcast_ref::<BinaryExpr>().filter(|binary| *binary.op() == operator) {
            Some(binary) => open.extend([binary.right(), binary.left()]),
            None => found.push(Arc::clone(expr)),
        }
    }
    found
}
