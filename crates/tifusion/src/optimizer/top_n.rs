//! The first rows in an order: each region's stores send theirs only.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sort_pushdown::SortOrderPushdownResult;
use datafusion::physical_plan::sorts::sort::SortExec;

use super::below::{Below, over};
use super::{Plan, replaced};
use crate::TikvScanExec;
use crate::pushdown::refusal::Refusal;

/// Has the stores send the first rows of each region; which of them are the first of all is found here.
pub(super) fn optimize(plan: Plan, config: &ConfigOptions) -> Result<Plan> {
    replaced(plan, |node| {
        let Some((sort, rows)) =
            node.downcast_ref::<SortExec>().and_then(|sort| Some((sort, sort.fetch()?)))
        else {
            return Ok(None);
        };
        let exprs = sort.expr().iter().map(|key| Arc::clone(&key.expr)).collect();
        let Some(below) = Below::find(sort.input(), exprs)? else {
            return Ok(None);
        };
        if !below.scan.is_plain() {
            return Ok(None);
        }
        let keys = below.exprs.iter().zip(sort.expr());
        let keys: Vec<PhysicalSortExpr> = keys
            .map(|(expr, key)| PhysicalSortExpr { expr: Arc::clone(expr), options: key.options })
            .collect();
        // A scan that has the order by itself ends after these rows, if DataFusion asks it, which it does
        // not below a filter.
        if below.filters.is_empty() && config.optimizer.enable_sort_pushdown {
            let ordered = below.scan.try_pushdown_sort(&keys)?;
            if matches!(ordered, SortOrderPushdownResult::Exact { .. }) {
                return Ok(None);
            }
            if let Some(scan) = below.scan.first_by_index(&keys, rows)? {
                return Ok(Some(over(Arc::clone(node), below.above(scan)?)?));
            }
        }
        let input = match pushed(&below, &keys, rows) {
            Ok(scan) => below.above(scan)?,
            Err(refusal) => below.above(below.scan.refusing(refusal))?,
        };
        Ok(Some(over(Arc::clone(node), input)?))
    })
}

fn pushed(
    below: &Below<'_>,
    keys: &[PhysicalSortExpr],
    rows: usize,
) -> Result<TikvScanExec, Refusal> {
    // The filters between stay there: they are true for all rows that come now.
    below.scan.filtered(&below.filters)?.top_n(keys, rows)
}
