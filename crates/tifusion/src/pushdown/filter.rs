//! The conditions of a scan: which of the filters above it the stores evaluate.

use std::cell::{Cell, RefCell};

use datafusion::arrow::datatypes::Schema;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, InListExpr, IsNotNullExpr};
use datafusion::physical_expr::utils::split_conjunction;
use tifusion_proto::tipb::Expr;

use super::build::{MAX_DEPTH, is_too_large};
use super::capability::{Exactness, Kind};
use super::date_range::DateRanges;
use super::lower::{Dates, Lowering, Outcome, Physical, operands};
use super::refusal::{NO_SQL, Reason, Refusal, Sql};
use super::scope::Scope;

/// What becomes of the filters of a scan.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filters {
    /// What the stores evaluate; a row must pass all of them.
    pub(crate) conditions: Vec<Expr>,
    /// The filters that need not be evaluated again, as SQL.
    pub(crate) exact: Vec<String>,
    /// Those that do.
    pub(crate) superset: Vec<String>,
    /// Those, or parts of them, that the stores do not evaluate.
    pub(crate) refused: Vec<Refusal>,
}

/// A filter as the stores evaluate it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Conjunct {
    /// A row must pass all of them.
    pub(crate) conditions: Vec<Expr>,
    /// Whether the rows that pass are the rows that pass the filter.
    pub(crate) exact: bool,
}

impl Filters {
    /// Decides on `filters` over `schema`, whose columns the scan of `scope` reads.
    pub(crate) fn new(filters: &[Physical], scope: &Scope, schema: &Schema) -> Self {
        let mut decided = Self::default();
        for filter in filters.iter().flat_map(split_conjunction) {
            decided.add(filter, scope, schema);
        }
        decided
    }

    /// Decides on one more filter; whether it need not be evaluated again.
    pub(crate) fn add(&mut self, filter: &Physical, scope: &Scope, schema: &Schema) -> Exactness {
        let text = Sql(filter.as_ref()).to_string();
        let mut dropped = Vec::new();
        let conjunct = conjunct(filter, scope, schema, &mut dropped);
        let exactness = match &conjunct {
            Ok(conjunct) if conjunct.exact => Exactness::Exact,
            Ok(_) => Exactness::Superset,
            Err(_) => Exactness::Never,
        };
        match conjunct {
            Ok(conjunct) => {
                let shown = if conjunct.exact { &mut self.exact } else { &mut self.superset };
                push_new(shown, text);
                for condition in conjunct.conditions {
                    push_new(&mut self.conditions, condition);
                }
            }
            Err(refusal) => dropped.push(refusal),
        }
        for refusal in dropped {
            push_new(&mut self.refused, refusal);
        }
        exactness
    }

    /// Has `filters` evaluated exactly, for what follows in the stores. What they know already keeps too
    /// much and is quick, so that it stays the first condition.
    pub(crate) fn claim(
        &mut self,
        filters: &[Physical],
        scope: &Scope,
        schema: &Schema,
    ) -> Outcome<()> {
        let lowering = Lowering::new(scope, schema);
        let mut claimed = Vec::new();
        // SQL has no constants for dates that no calendar has.
        let ranges = match scope.sql {
            Some(_) => DateRanges::default(),
            None => DateRanges::of(filters.iter().flat_map(split_conjunction)),
        };
        for filter in filters.iter().flat_map(split_conjunction) {
            let refuse = |reason| Refusal::new(filter.as_ref(), reason);
            let conditions = match of_dates(&lowering, &ranges, filter)? {
                Some(conditions) => conditions,
                None => {
                    let lowered = lowering.value(filter)?;
                    if lowered.ty.kind() != Kind::Int {
                        return Err(refuse(Reason::Unknown));
                    }
                    vec![lowered.expr]
                }
            };
            check_sent(&conditions, filter, scope)?;
            claimed.push((Sql(filter.as_ref()).to_string(), conditions));
        }
        for (text, conditions) in claimed {
            self.superset.retain(|known| *known != text);
            push_new(&mut self.exact, text);
            for condition in conditions {
                push_new(&mut self.conditions, condition);
            }
        }
        Ok(())
    }
}

/// A comparison of dates exactly, in the fewest steps: as they are stored, and that the calendar has them, which
/// the stores then look at once for all comparisons of a column. `None` for other filters.
fn of_dates(
    lowering: &Lowering<'_>,
    ranges: &DateRanges,
    filter: &Physical,
) -> Outcome<Option<Vec<Expr>>> {
    use Operator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    let Some(binary) = filter.downcast_ref::<BinaryExpr>() else { return Ok(None) };
    // What is not there is distinct from everything: those have no rows less.
    if !matches!(binary.op(), Eq | NotEq | Lt | LtEq | Gt | GtEq) {
        return Ok(None);
    }
    let on_the_calendar = |side| lowering.is_on_the_calendar(side, ranges.absent(side));
    let existence = [on_the_calendar(binary.left())?, on_the_calendar(binary.right())?];
    if existence.iter().all(Option::is_none) {
        return Ok(None);
    }
    let compared = lowering.compare(binary, filter, Dates::Raw)?;
    let mut conditions = vec![compared.typed.expr];
    if !compared.exact {
        conditions.extend(existence.into_iter().flatten().flatten());
    }
    Ok(Some(conditions))
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn compares(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// A filter as the stores evaluate it; parts of it that they don't are added to `dropped`.
fn conjunct(
    filter: &Physical,
    scope: &Scope,
    schema: &Schema,
    dropped: &mut Vec<Refusal>,
) -> Outcome<Conjunct> {
    let conditions = Conditions {
        lowering: Lowering::new(scope, schema),
        dropped: RefCell::default(),
        depth: Cell::new(0),
    };
    let conjunct = conditions.condition(filter)?;
    check_sent(&conjunct.conditions, filter, scope)?;
    dropped.append(&mut conditions.dropped.into_inner());
    Ok(conjunct)
}

/// Refuses the conditions of `filter` where one of them can't be sent.
fn check_sent(conditions: &[Expr], filter: &Physical, scope: &Scope) -> Outcome<()> {
    let has_text = |condition| scope.sql.as_ref().is_none_or(|sql| sql.value(condition).is_some());
    for condition in conditions {
        if is_too_large(condition) {
            return Err(Refusal::new(filter.as_ref(), Reason::TooLarge));
        }
        if !has_text(condition) {
            return Err(Refusal::new(filter.as_ref(), NO_SQL));
        }
    }
    Ok(())
}

/// Lowers conditions, of which it only counts for which rows they are true.
struct Conditions<'a> {
    lowering: Lowering<'a>,
    dropped: RefCell<Vec<Refusal>>,
    depth: Cell<usize>,
}

impl Conditions<'_> {
    fn condition(&self, expr: &Physical) -> Outcome<Conjunct> {
        let depth = self.depth.get();
        if depth >= MAX_DEPTH {
            return Err(Refusal::new(expr.as_ref(), Reason::TooLarge));
        }
        self.depth.set(depth + 1);
        let lowered = self.any_condition(expr);
        self.depth.set(depth);
        lowered
    }

    fn any_condition(&self, expr: &Physical) -> Outcome<Conjunct> {
        let one = |condition: Expr, exact: bool| Conjunct { conditions: vec![condition], exact };
        if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
            return match binary.op() {
                Operator::And => self.all(expr),
                Operator::Or => self.any(expr),
                operator if compares(*operator) => {
                    let compared = self.lowering.compare(binary, expr, Dates::Raw)?;
                    // Dates that are not there are equal to NULL, and distinct from everything else.
                    let is_strict =
                        !matches!(operator, Operator::IsDistinctFrom | Operator::IsNotDistinctFrom);
                    if is_strict || compared.exact {
                        return Ok(one(compared.typed.expr, compared.exact));
                    }
                    Ok(one(self.lowering.value(expr)?.expr, true))
                }
                _ => Ok(one(self.lowering.value(expr)?.expr, true)),
            };
        }
        if let Some(list) = expr.downcast_ref::<InListExpr>() {
            // What no calendar has is none of the constants.
            let exact = !list.negated()
                || self.lowering.value(list.expr()).is_ok_and(|needle| !needle.ty.is_calendar());
            return Ok(one(self.lowering.in_list(list, expr, Dates::Raw)?.expr, exact));
        }
        if let Some(test) = expr.downcast_ref::<IsNotNullExpr>() {
            let (typed, is_raw) = self.lowering.is_not_null_raw(test.arg(), expr)?;
            return Ok(one(typed.expr, !is_raw));
        }
        Ok(one(self.lowering.value(expr)?.expr, true))
    }

    /// Sides of an `AND` that the stores don't evaluate are left out.
    fn all(&self, expr: &Physical) -> Outcome<Conjunct> {
        let mut all = Conjunct { conditions: Vec::new(), exact: true };
        let mut first_refusal = None;
        for side in operands(expr, Operator::And) {
            match self.condition(&side) {
                Ok(side) => {
                    all.exact &= side.exact;
                    all.conditions.extend(side.conditions);
                }
                Err(refusal) => {
                    all.exact = false;
                    self.dropped.borrow_mut().push(refusal.clone());
                    first_refusal.get_or_insert(refusal);
                }
            }
        }
        match first_refusal {
            Some(refusal) if all.conditions.is_empty() => Err(refusal),
            _ => Ok(all),
        }
    }

    fn any(&self, expr: &Physical) -> Outcome<Conjunct> {
        let mut sides = Vec::new();
        let mut exact = true;
        for side in operands(expr, Operator::Or) {
            let side = self.condition(&side)?;
            exact &= side.exact;
            sides.push(self.lowering.all_of(side.conditions, expr)?);
        }
        let condition = self.lowering.any_of(sides, expr)?;
        Ok(Conjunct { conditions: vec![condition], exact })
    }
}
