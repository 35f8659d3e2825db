//! `IN` over a subquery where it matters that it may be `NULL`.
//!
//! DataFusion 55.2 makes a mark of an `IN` that is no condition of its own, such as one behind an `OR`, and the mark is false where
//! the `IN` is `NULL`: `a OR b NOT IN (SELECT …)` is true then. A `NOT IN` that is a condition of its own becomes an anti join, which
//! knows of `NULL`s where it is asked of columns, of whole tables. What is written, and what a view of TiDB shows, must not be told
//! otherwise than TiDB tells it.

use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError, ExprSchema, JoinType, Result};
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::utils::{merge_schema, split_conjunction};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable as _, Join, LogicalPlan, Operator};

use crate::error::Error;

/// Refuses a plan with such an `IN`.
///
/// # Errors
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) with the way out.
pub(super) fn check(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        match node {
            LogicalPlan::Filter(filter) => conditions(&filter.predicate, &schema)?,
            LogicalPlan::Join(Join {
                join_type: JoinType::Inner, filter: Some(filter), ..
            }) => {
                conditions(filter, &schema)?;
            }
            node => {
                node.apply_expressions(|expr| {
                    refuse(has_nullable(expr, &schema)?)?;
                    Ok(TreeNodeRecursion::Continue)
                })?;
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

fn conditions(all: &Expr, schema: &DFSchema) -> Result<()> {
    for condition in split_conjunction(all) {
        let is_right = match itself(condition, false) {
            Some((found, negated)) => {
                !has_nullable(&found.expr, schema)? && (!negated || is_told(found, schema))
            }
            None => is_true_alike(condition, schema)?,
        };
        refuse(!is_right)?;
    }
    Ok(())
}

fn refuse(is_wrong: bool) -> Result<()> {
    if !is_wrong {
        return Ok(());
    }
    Err(DataFusionError::from(Error::unsupported(
        "an IN over a subquery that may be NULL, where that is told otherwise here (behind OR, NOT or CASE; NOT IN of what is no \
         column, or over a subquery that depends on the row): use EXISTS, or COALESCE on both sides",
    )))
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
    if !may_be_null(found, schema) {
        return true;
    }
    let columns = found.expr.column_refs();
    let is_nullable = |column| ExprSchema::nullable(schema, column).unwrap_or(false);
    let is_whole = found.subquery.outer_ref_columns.is_empty();
    is_whole && !columns.is_empty() && (has_nulls(found) || columns.into_iter().any(is_nullable))
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
    expr.exists(|expr| Ok(matches!(expr, Expr::InSubquery(found) if may_be_null(found, schema))))
}

/// Whether an `IN` may be `NULL`. What can't be told may be.
fn may_be_null(found: &InSubquery, schema: &DFSchema) -> bool {
    has_nulls(found) || found.expr.nullable(schema).unwrap_or(true)
}

/// Whether the subquery may have `NULL`s.
fn has_nulls(found: &InSubquery) -> bool {
    found.subquery.subquery.schema().fields().iter().any(|field| field.is_nullable())
}
