//! The first rows in an order: each region's stores send theirs only.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sort_pushdown::SortOrderPushdownResult;
use datafusion::physical_plan::sorts::sort::SortExec;

use super::below::{Below, over};
use crate::TikvScanExec;
use crate::pushdown::refusal::Refusal;

/// Has the stores send the first rows of each region; which of them are the first of all is found here.
#[derive(Debug)]
pub(super) struct TopNPushdown;

impl PhysicalOptimizerRule for TopNPushdown {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some((sort, rows)) =
                node.downcast_ref::<SortExec>().and_then(|sort| Some((sort, sort.fetch()?)))
            else {
                return Ok(Transformed::no(node));
            };
            let exprs = sort.expr().iter().map(|key| Arc::clone(&key.expr)).collect();
            let Some(below) = Below::find(sort.input(), exprs)? else {
                return Ok(Transformed::no(node));
            };
            if !below.scan.is_plain() {
                return Ok(Transformed::no(node));
            }
            let keys = below.exprs.iter().zip(sort.expr());
            let keys: Vec<PhysicalSortExpr> = keys
                .map(|(expr, key)| PhysicalSortExpr {
                    expr: Arc::clone(expr),
                    options: key.options,
                })
                .collect();
            // A scan that has the order by itself ends after these rows, if DataFusion asks it, which it does
            // not below a filter.
            if below.filters.is_empty() && config.optimizer.enable_sort_pushdown {
                let ordered = below.scan.try_pushdown_sort(&keys)?;
                if matches!(ordered, SortOrderPushdownResult::Exact { .. }) {
                    return Ok(Transformed::no(node));
                }
            }
            let input = match pushed(&below, &keys, rows) {
                Ok(scan) => below.above(scan)?,
                Err(refusal) => below.above(below.scan.refusing(refusal))?,
            };
            Ok(Transformed::yes(over(node, input)?))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "tidb_top_n_pushdown"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn pushed(
    below: &Below<'_>,
    keys: &[PhysicalSortExpr],
    rows: usize,
) -> Result<TikvScanExec, Refusal> {
    // The filters between stay there: they are true for all rows that come now.
    below.scan.filtered(&below.filters)?.top_n(keys, rows)
}
