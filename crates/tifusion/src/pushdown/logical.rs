//! Filters as DataFusion gives them to a table.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNode as _;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::create_physical_expr;

use super::lower::Physical;

/// What a table says to DataFusion of its filters: it wants to see all of them, and DataFusion is to
/// keep them. The physical plan then drops those that the scan evaluates exactly, knowing the very
/// expressions; the others it can explain.
pub(crate) fn support(filters: &[&Expr]) -> Vec<TableProviderFilterPushDown> {
    let support = |filter: &&Expr| match has_subquery(filter) {
        true => TableProviderFilterPushDown::Unsupported,
        false => TableProviderFilterPushDown::Inexact,
    };
    filters.iter().map(support).collect()
}

fn has_subquery(filter: &Expr) -> bool {
    filter
        .exists(|expr| {
            Ok(matches!(
                expr,
                Expr::ScalarSubquery(_)
                    | Expr::Exists(_)
                    | Expr::InSubquery(_)
                    | Expr::SetComparison(_)
                    | Expr::OuterReferenceColumn(_, _)
                    | Expr::Placeholder(_)
            ))
        })
        .unwrap_or(true)
}

/// `filters` over the columns of `schema`. One that DataFusion can't make physical by itself is left
/// out: it is kept above the scan.
pub(crate) fn physical(
    filters: &[Expr],
    schema: &SchemaRef,
    session: &dyn Session,
) -> Result<Vec<Physical>> {
    if filters.is_empty() {
        return Ok(Vec::new());
    }
    let schema = DFSchema::try_from(Arc::clone(schema))?;
    let context = PhysicalPlanningContext::default();
    let made = filters.iter().filter_map(|filter| {
        create_physical_expr(filter, &schema, session.execution_props(), &context)
            .inspect_err(|error| tracing::debug!(%filter, %error, "a filter stays above its scan"))
            .ok()
    });
    Ok(made.collect())
}
