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
use datafusion::common::tree_node::{
    Transformed, TransformedResult as _, TreeNode as _, TreeNodeRecursion,
};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::HashJoinExec;

use crate::scan::TikvScanExec;

#[derive(Debug)]
struct JoinFilters;

/// The rule; it goes behind the one that gives scans their dynamic filters.
pub(super) fn rule() -> Arc<dyn PhysicalOptimizerRule + Send + Sync> {
    Arc::new(JoinFilters)
}

impl PhysicalOptimizerRule for JoinFilters {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
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
        plan.transform_up(|node| {
            let scan = node.downcast_ref::<TikvScanExec>();
            Ok(match scan.and_then(|scan| scan.awaiting(&ids)) {
                Some(scan) => Transformed::yes(Arc::new(scan) as _),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "JoinFilters"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
