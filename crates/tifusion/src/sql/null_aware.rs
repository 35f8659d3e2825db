//! `IN` over a subquery where it matters that it may be `NULL`.
//!
//! DataFusion 55.2 makes a mark of an `IN` that is no condition of its own, such as one behind an `OR`, and the mark is false where
//! the `IN` is `NULL`: `a OR b NOT IN (SELECT …)` is true then. What is written, and what a view of TiDB shows, must not be told so.

use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable as _, LogicalPlan, Operator};

use crate::error::Error;

/// Refuses a plan with such an `IN`.
///
/// # Errors
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) with the way out.
pub(super) fn check(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        let schema = match node.inputs()[..] {
            [input] => input.schema(),
            _ => node.schema(),
        };
        match node {
            LogicalPlan::Filter(filter) => {
                for condition in split_conjunction(&filter.predicate) {
                    refuse(!is_itself(condition) && !is_true_alike(condition, schema)?)?;
                }
            }
            node => {
                node.apply_expressions(|expr| {
                    refuse(has_nullable(expr, schema)?)?;
                    Ok(TreeNodeRecursion::Continue)
                })?;
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

fn refuse(is_wrong: bool) -> Result<()> {
    if !is_wrong {
        return Ok(());
    }
    Err(DataFusionError::from(Error::unsupported(
        "an IN over a subquery that may be NULL, where it is not a condition of its own (behind OR, NOT or CASE, say): use \
         EXISTS, or leave NULLs out of both sides",
    )))
}

/// Whether a condition is an `IN`, which is planned as one.
fn is_itself(condition: &Expr) -> bool {
    match condition {
        Expr::InSubquery(found) => {
            !found.expr.exists(|it| Ok(matches!(it, Expr::InSubquery(_)))).unwrap_or(true)
        }
        Expr::Not(inner) => is_itself(inner),
        _ => false,
    }
}

/// Whether a condition is true for the same rows whether an `IN` that is `NULL` is that or false.
fn is_true_alike(condition: &Expr, schema: &DFSchema) -> Result<bool> {
    Ok(match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            is_true_alike(left, schema)? && is_true_alike(right, schema)?
        }
        Expr::InSubquery(InSubquery { expr, negated: false, .. }) => !has_nullable(expr, schema)?,
        other => !has_nullable(other, schema)?,
    })
}

/// Whether there is an `IN` over a subquery that may be `NULL` in an expression.
fn has_nullable(expr: &Expr, schema: &DFSchema) -> Result<bool> {
    expr.exists(|expr| {
        let Expr::InSubquery(InSubquery { expr, subquery, .. }) = expr else { return Ok(false) };
        let within = subquery.subquery.schema().fields().iter().any(|field| field.is_nullable());
        // What can't be told may be.
        Ok(within || expr.nullable(schema).unwrap_or(true))
    })
}
