//! Tells scans which of their dynamic filters to wait for.
//!
//! A hash join has read all of one side, and knows its values, before it needs a row of the other. The
//! other side may be begun before that, where something between buffers rows or runs in a task of its
//! own; there a short wait saves reading the whole table. The filter of a top-k or of MIN and MAX is
//! made of the scan's own rows: to wait for it would be to wait for oneself.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::physical_plan::joins::HashJoinExec;

use super::{Plan, replaced};
use crate::TikvScanExec;

/// Has each scan wait for those of its dynamic filters that hash joins make.
pub(super) fn optimize(plan: Plan, _config: &ConfigOptions) -> Result<Plan> {
    let mut ids = BTreeSet::new();
    plan.apply(|node| {
        if node.is::<HashJoinExec>() {
            let made = node.dynamic_expressions_produced();
            ids.extend(made.iter().filter_map(|filter| filter.expression_id()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if ids.is_empty() {
        return Ok(plan);
    }
    replaced(plan, |node| {
        let scan = node.downcast_ref::<TikvScanExec>();
        Ok(scan.and_then(|scan| scan.awaiting(&ids)).map(|scan| Arc::new(scan) as Plan))
    })
}
