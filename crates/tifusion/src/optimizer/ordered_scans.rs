//! Takes DataFusion's buffers away from scans that read in order.
//!
//! Where a sort was not needed, DataFusion buffers what the scan reads ahead of the merge, up to a gibibyte
//! for each partition, and fails where memory has a limit. Our scans have requests under way and
//! answers waiting themselves, and wait for memory instead.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::buffer::BufferExec;
use datafusion::physical_plan::projection::ProjectionExec;

use crate::scan::TikvScanExec;

#[derive(Debug)]
struct OrderedScans;

/// The rule; it goes behind the one that takes sorts away.
pub(super) fn rule() -> Arc<dyn PhysicalOptimizerRule + Send + Sync> {
    Arc::new(OrderedScans)
}

impl PhysicalOptimizerRule for OrderedScans {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let input = node.downcast_ref::<BufferExec>().map(BufferExec::input);
            Ok(match input.filter(|input| is_ordered_scan(input)) {
                Some(input) => Transformed::yes(Arc::clone(input)),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "OrderedScans"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether the rows come from such a scan with nothing between that takes its time.
fn is_ordered_scan(plan: &Arc<dyn ExecutionPlan>) -> bool {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        return is_ordered_scan(projection.input());
    }
    plan.downcast_ref::<TikvScanExec>().is_some_and(TikvScanExec::is_ordered)
}
