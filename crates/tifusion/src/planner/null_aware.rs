//! `IN` over a subquery where it matters that it may be `NULL`.
//!
//! DataFusion 55.2 makes a mark of an `IN` that is no condition of its own, such as one behind an `OR`, and the mark is false where
//! the `IN` is `NULL`: `a OR b NOT IN (SELECT …)` is true then. A `NOT IN` that is a condition of its own becomes an anti join, which
//! knows of `NULL`s where it is asked of columns, of whole tables. Every other `IN` that may be `NULL`, and a `NOT IN` over what depends
//! on the row, for which DataFusion makes an anti join that it can't run, is taken apart here into
//! questions that are true or false, for which marks and anti joins are right:
//!
//! ```text
//! e IN (S)  =  EXISTS (S where it is e) OR (NULL AND (EXISTS (S where it is NULL) OR (e IS NULL AND EXISTS (S))))
//! ```

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{
    Transformed, TransformedResult as _, TreeNode as _, TreeNodeRecursion,
};
use datafusion::common::{
    Column, DFSchema, DataFusionError, ExprSchema, JoinType, Result, ScalarValue,
};
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::utils::{
    conjunction, disjunction, merge_schema, split_conjunction_owned,
};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Expr, ExprSchemable as _, Filter, Join, LogicalPlan, LogicalPlanBuilder,
    Operator, Subquery, SubqueryAlias, exists, lit, not,
};
use datafusion::optimizer::AnalyzerRule;

use crate::error::Error;

/// The name of what an `IN` looks through, so that it is told from the columns of who asks.
const VALUES: &str = "__in";

/// Takes such `IN`s apart.
#[derive(Debug)]
struct NullAware;

/// Has the session that is built tell `NULL` from false in every `IN` over a subquery.
pub(crate) fn register(builder: &mut SessionStateBuilder) {
    // After DataFusion's own type coercion: both sides have one type then.
    builder.analyzer().get_or_insert_default().rules.push(Arc::new(NullAware));
}

impl AnalyzerRule for NullAware {
    fn name(&self) -> &'static str {
        "tidb_null_aware"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(told).data()
    }
}

/// A node whose conditions tell `NULL` from false.
fn told(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Filter(Filter { predicate, input, .. }) => {
            let told = conditions(predicate, input.schema())?;
            told.map_data(|predicate| Ok(LogicalPlan::Filter(Filter::try_new(predicate, input)?)))
        }
        // Whatever is joined, what is not true joins nothing.
        LogicalPlan::Join(mut join) => {
            let Some(filter) = join.filter.take() else {
                return Ok(Transformed::no(LogicalPlan::Join(join)));
            };
            let told =
                conditions(filter, &merge_schema(&[join.left.as_ref(), join.right.as_ref()]))?;
            Ok(told.update_data(|filter| LogicalPlan::Join(Join { filter: Some(filter), ..join })))
        }
        node => Ok(Transformed::no(node)),
    }
}

/// Conditions that are asked for what is true alone.
fn conditions(all: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if !all.exists(|expr| Ok(matches!(expr, Expr::InSubquery(_))))? {
        return Ok(Transformed::no(all));
    }
    let mut is_other = false;
    let mut told = Vec::new();
    for condition in split_conjunction_owned(all) {
        let condition = match itself(&condition, false) {
            Some(_) => Transformed::no(condition),
            None => named(condition)?,
        };
        let condition = condition.transform_data(|condition| self::condition(condition, schema))?;
        is_other |= condition.transformed;
        told.push(condition.data);
    }
    let told = conjunction(told).unwrap_or_else(|| lit(true));
    Ok(Transformed::new(told, is_other, TreeNodeRecursion::Continue))
}

fn condition(condition: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match itself(&condition, false) {
        Some((found, negated)) if !has_untold(&found.expr, schema)? => {
            if !negated || is_told(found, schema) {
                return Ok(Transformed::no(condition));
            }
            return Ok(match Answers::if_needed(found, schema)? {
                Some(Answers { yes, unknown }) => Transformed::yes(not(yes).and(not(unknown))),
                None => Transformed::no(condition),
            });
        }
        None if is_true_alike(&condition, schema)? => return Ok(Transformed::no(condition)),
        // What DataFusion 55.2 makes of it, moved to where the outer query is joined, is true where it is NULL.
        _ if condition.contains_outer() && has_nullable(&condition, schema)? => {
            return Err(refused());
        }
        _ => {}
    }
    condition.transform_up(|expr| match expr {
        Expr::InSubquery(found) if is_untold(&found, schema) => {
            Ok(match Answers::if_needed(&found, schema)? {
                Some(answers) => Transformed::yes(answers.into_in(found.negated)),
                None => Transformed::no(Expr::InSubquery(found)),
            })
        }
        other => Ok(Transformed::no(other)),
    })
}

/// Conditions whose `IN`s look through columns with a name of their own: DataFusion 55.2 can't make a mark by one without, such as an
/// aggregate.
fn named(condition: Expr) -> Result<Transformed<Expr>> {
    condition.transform_up(|expr| match expr {
        Expr::InSubquery(found) if is_nameless(&found.subquery) => {
            let Subquery { subquery, outer_ref_columns, spans } = found.subquery;
            let alias = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(subquery, VALUES)?);
            let subquery = Subquery { subquery: Arc::new(alias), outer_ref_columns, spans };
            Ok(Transformed::yes(Expr::InSubquery(InSubquery { subquery, ..found })))
        }
        other => Ok(Transformed::no(other)),
    })
}

fn is_nameless(subquery: &Subquery) -> bool {
    let first = subquery.subquery.schema().iter().next();
    subquery.outer_ref_columns.is_empty() && first.is_some_and(|(qualifier, _)| qualifier.is_none())
}

/// The `IN` that a condition is, and whether it is a `NOT IN`.
fn itself(condition: &Expr, negated: bool) -> Option<(&InSubquery, bool)> {
    match condition {
        Expr::InSubquery(found) => Some((found, found.negated != negated)),
        Expr::Not(inner) => itself(inner, !negated),
        _ => None,
    }
}

/// Whether the anti join that a `NOT IN` becomes tells `NULL` from false: it does for whole subqueries, and if it is columns that may
/// be `NULL`.
fn is_told(found: &InSubquery, schema: &DFSchema) -> bool {
    let is_whole = found.subquery.outer_ref_columns.is_empty();
    if !may_be_null(found, schema) {
        return is_whole;
    }
    let columns = found.expr.column_refs();
    let is_nullable = |column| ExprSchema::nullable(schema, column).unwrap_or(false);
    is_whole && !columns.is_empty() && (has_nulls(found) || columns.into_iter().any(is_nullable))
}

/// Whether a condition is true for the same rows whether an `IN` that is `NULL` is that or false.
fn is_true_alike(condition: &Expr, schema: &DFSchema) -> Result<bool> {
    Ok(match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            is_true_alike(left, schema)? && is_true_alike(right, schema)?
        }
        Expr::InSubquery(InSubquery { expr, negated: false, .. }) => !has_untold(expr, schema)?,
        other => !has_untold(other, schema)?,
    })
}

/// Whether there is an `IN` over a subquery in an expression that is to be taken apart.
fn has_untold(expr: &Expr, schema: &DFSchema) -> Result<bool> {
    expr.exists(|expr| Ok(matches!(expr, Expr::InSubquery(found) if is_untold(found, schema))))
}

/// Whether there is one that may be `NULL`.
fn has_nullable(expr: &Expr, schema: &DFSchema) -> Result<bool> {
    expr.exists(|expr| Ok(matches!(expr, Expr::InSubquery(found) if may_be_null(found, schema))))
}

/// Whether an `IN` may be `NULL`, or depends on the row: DataFusion 55.2 can't make an anti join that looks for `NULL`s by more
/// than one key, and has it look for them anyway.
fn is_untold(found: &InSubquery, schema: &DFSchema) -> bool {
    may_be_null(found, schema) || !found.subquery.outer_ref_columns.is_empty()
}

/// Whether an `IN` may be `NULL`. What can't be told may be.
fn may_be_null(found: &InSubquery, schema: &DFSchema) -> bool {
    has_nulls(found) || found.expr.nullable(schema).unwrap_or(true)
}

/// Whether the subquery may have `NULL`s.
fn has_nulls(found: &InSubquery) -> bool {
    found.subquery.subquery.schema().fields().iter().any(|field| field.is_nullable())
}

/// When an `IN` is true and when it is `NULL`, by what is true or false and nothing else.
struct Answers {
    yes: Expr,
    /// Means something only where `yes` is false.
    unknown: Expr,
}

impl Answers {
    /// `None` where DataFusion answers an `IN` that is never `NULL`, or says that it can't.
    fn if_needed(found: &InSubquery, schema: &DFSchema) -> Result<Option<Self>> {
        match Self::of(found, schema) {
            Err(_) if !may_be_null(found, schema) => Ok(None),
            answers => answers.map(Some),
        }
    }

    fn of(found: &InSubquery, schema: &DFSchema) -> Result<Self> {
        let InSubquery { expr, subquery, .. } = found;
        let values = Values::of(subquery, expr)?;
        let asked = from_within(expr, schema)?;
        let yes = values.exist(Some(asked.eq(values.value.clone())))?;
        let mut unknown = Vec::new();
        if has_nulls(found) {
            unknown.push(values.exist(Some(values.value.clone().is_null()))?);
        }
        if expr.nullable(schema).unwrap_or(true) {
            unknown.push(expr.as_ref().clone().is_null().and(values.exist(None)?));
        }
        Ok(Self { yes, unknown: disjunction(unknown).unwrap_or_else(|| lit(false)) })
    }

    /// The `IN`, or the `NOT IN`, by these.
    fn into_in(self, negated: bool) -> Expr {
        let null = lit(ScalarValue::Boolean(None));
        let is_in = self.yes.or(null.and(self.unknown));
        if negated { not(is_in) } else { is_in }
    }
}

/// What an `IN` looks through.
struct Values {
    plan: LogicalPlan,
    value: Expr,
    /// Whether it depends on the row that asks.
    depends: bool,
}

impl Values {
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) where DataFusion could not answer, or would otherwise than asked.
    fn of(subquery: &Subquery, asked: &Expr) -> Result<Self> {
        let depends = !subquery.outer_ref_columns.is_empty();
        if !is_asked_once(asked)? || (depends && !is_joined_alike(&subquery.subquery, asked)?) {
            return Err(refused());
        }
        let plan = match depends {
            // DataFusion loses columns by which rows are told apart where they are renamed.
            true => subquery.subquery.as_ref().clone(),
            false => LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(
                Arc::clone(&subquery.subquery),
                VALUES,
            )?),
        };
        let value = plan.schema().iter().next().map(|field| Expr::Column(Column::from(field)));
        let value = value.ok_or_else(refused)?;
        Ok(Self { plan, value, depends })
    }

    /// Whether there are some for which the condition is true.
    fn exist(&self, condition: Option<Expr>) -> Result<Expr> {
        let is_one_enough =
            !self.depends && condition.as_ref().is_none_or(|condition| !condition.contains_outer());
        let mut plan = LogicalPlanBuilder::from(self.plan.clone());
        if let Some(condition) = condition {
            plan = plan.filter(condition)?;
        }
        if is_one_enough {
            plan = plan.limit(0, Some(1))?;
        }
        Ok(exists(Arc::new(plan.build()?)))
    }
}

/// Whether an expression may be asked again, from within a subquery of the row's own.
fn is_asked_once(asked: &Expr) -> Result<bool> {
    let is_else = asked.exists(|expr| {
        Ok(matches!(
            expr,
            Expr::OuterReferenceColumn(..)
                | Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
        ))
    })?;
    Ok(!is_else && !asked.is_volatile())
}

/// Whether a subquery that depends on the row has the same rows when it is joined with all of them: an aggregate without groups, say,
/// has a row where nothing was found, and a group has none.
fn is_joined_alike(subquery: &LogicalPlan, asked: &Expr) -> Result<bool> {
    let columns = asked.column_refs();
    let is_other = subquery.exists(|node| {
        let is_known = match node {
            LogicalPlan::Aggregate(Aggregate { group_expr, .. }) => !group_expr.is_empty(),
            LogicalPlan::Join(join) => join.join_type == JoinType::Inner,
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::TableScan(_)
            | LogicalPlan::Distinct(_) => true,
            _ => false,
        };
        // What is asked for would be looked up in the subquery.
        Ok(!is_known || columns.iter().any(|column| node.schema().has_column(column)))
    })?;
    Ok(!is_other)
}

/// The expression as a subquery of the row names it.
fn from_within(asked: &Expr, schema: &DFSchema) -> Result<Expr> {
    let named = asked.clone().transform(|expr| match expr {
        Expr::Column(column) => {
            let field = Arc::clone(schema.field_from_column(&column)?);
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
        }
        other => Ok(Transformed::no(other)),
    });
    named.data()
}

fn refused() -> DataFusionError {
    DataFusionError::from(Error::unsupported(
        "an IN over a subquery that may be NULL, where what is looked for is a subquery or differs each time, or the subquery depends \
         on the row and has an aggregate without groups, a LIMIT, a window or an outer join, or where one condition compares columns of an \
         outer query, too: use EXISTS, or COALESCE on both sides",
    ))
}
