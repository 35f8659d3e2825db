//! What a node of a plan reads of a scan.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::common::{DataFusionError, Result};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

use crate::TikvScanExec;
use crate::pushdown::lower::Physical;

/// A scan, below nodes that only compute and filter.
#[derive(Debug)]
pub(super) struct Below<'a> {
    /// The scan.
    pub(super) scan: &'a TikvScanExec,
    /// The filters between, over the scan's columns.
    pub(super) filters: Vec<Physical>,
    /// The expressions that were asked for, over the scan's columns.
    pub(super) exprs: Vec<Physical>,
    /// The nodes between, the upper ones first.
    between: Vec<&'a Arc<dyn ExecutionPlan>>,
}

impl<'a> Below<'a> {
    /// The scan that `exprs`, over the output of `node`, are computed of; `None` if there is no such
    /// scan.
    pub(super) fn find(
        mut node: &'a Arc<dyn ExecutionPlan>,
        mut exprs: Vec<Physical>,
    ) -> Result<Option<Self>> {
        let (mut filters, mut between): (Vec<Physical>, Vec<_>) = (Vec::new(), Vec::new());
        loop {
            if let Some(scan) = node.downcast_ref::<TikvScanExec>() {
                return Ok(Some(Self { scan, filters, exprs, between }));
            }
            between.push(node);
            if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
                let of = projection.expr().iter().map(|output| Arc::clone(&output.expr)).collect();
                exprs = inlined(exprs, &of)?;
                filters = inlined(filters, &of)?;
                node = projection.input();
            } else if let Some(filter) = node.downcast_ref::<FilterExec>() {
                if filter.fetch().is_some() {
                    return Ok(None);
                }
                if let Some(places) = filter.projection() {
                    let of = columns(places, filter.input());
                    exprs = inlined(exprs, &of)?;
                    filters = inlined(filters, &of)?;
                }
                filters.push(Arc::clone(filter.predicate()));
                node = filter.input();
            } else {
                return Ok(None);
            }
        }
    }

    /// The plan over `scan`, with the nodes between as they were.
    pub(super) fn above(&self, scan: TikvScanExec) -> Result<Arc<dyn ExecutionPlan>> {
        let mut plan: Arc<dyn ExecutionPlan> = Arc::new(scan);
        for node in self.between.iter().rev() {
            plan = over(Arc::clone(node), plan)?;
        }
        Ok(plan)
    }
}

/// `node` over another input.
pub(super) fn over(
    node: Arc<dyn ExecutionPlan>,
    input: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    node.replace_children(vec![input], options)
}

/// The columns at these places.
pub(super) fn columns(places: &[usize], input: &Arc<dyn ExecutionPlan>) -> Vec<Physical> {
    let schema = input.schema();
    let column = |place: &usize| -> Option<Physical> {
        Some(Arc::new(Column::new(schema.fields().get(*place)?.name(), *place)))
    };
    places.iter().filter_map(column).collect()
}

/// `expr` with others in the place of its columns.
pub(super) fn renumbered(
    expr: &Physical,
    other: impl Fn(&Column) -> Option<Column>,
) -> Result<Physical> {
    let renumber = |part: Physical| {
        let Some(column) = part.downcast_ref::<Column>() else { return Ok(Transformed::no(part)) };
        let other = other(column).ok_or_else(|| {
            DataFusionError::Internal(format!("no column {} in an input", column.index()))
        })?;
        Ok(Transformed::yes(Arc::new(other) as Physical))
    };
    Arc::clone(expr).transform_up(renumber).data()
}

/// `exprs` with the expression at its place in `of` for each column.
pub(super) fn inlined(exprs: Vec<Physical>, of: &Vec<Physical>) -> Result<Vec<Physical>> {
    let inline = |expr: Physical| {
        expr.transform_down(|part| {
            let Some(column) = part.downcast_ref::<Column>() else {
                return Ok(Transformed::no(part));
            };
            let found = of.get(column.index()).map(Arc::clone);
            let found = found.ok_or_else(|| {
                DataFusionError::Internal(format!("no column {} in a projection", column.index()))
            })?;
            // What is put in has columns of its own input.
            Ok(Transformed::new(
                found,
                true,
                datafusion::common::tree_node::TreeNodeRecursion::Jump,
            ))
        })
        .data()
    };
    exprs.into_iter().map(inline).collect()
}
