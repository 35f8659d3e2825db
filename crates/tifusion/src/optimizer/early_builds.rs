//! Has the tables that hash joins are built of read side by side.
//!
//! A hash join reads one side to its end before it asks for the first row of the other, so that in a plan of many joins
//! one table is read after another, and the stores wait for us as we do for them. A table that no filter of the other
//! joins narrows can as well be read at once: all of it is needed, and held until the statement is over. Not in a session
//! with a memory limit, though: DataFusion's buffers fail where they find no room, instead of waiting for it.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::buffer::BufferExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::replace_children_if_necessary;

use super::Plan;
use crate::TikvScanExec;

/// Bytes that are read of each partition before the join asks for them. What a dimension has is less; of a table that is
/// larger the rest comes when the join takes it.
const AHEAD: usize = 8 << 20;

/// Whether a session with this environment (`None`: DataFusion's own) has room for what is read ahead.
pub(super) fn has_room(environment: Option<&Arc<RuntimeEnv>>) -> bool {
    environment.is_none_or(|it| matches!(it.memory_pool.memory_limit(), MemoryLimit::Infinite))
}

/// Has what is built later be read from the start.
pub(super) fn optimize(plan: Plan, _config: &ConfigOptions) -> Result<Plan> {
    begin(plan, true)
}

/// `at_once` is whether `plan` is asked for rows as soon as the statement begins.
fn begin(plan: Plan, at_once: bool) -> Result<Plan> {
    if !plan.is::<HashJoinExec>() {
        return plan.map_children(|child| begin(child, at_once).map(Transformed::yes)).data();
    }
    let mut sides = Vec::with_capacity(2);
    for (place, side) in plan.children().into_iter().enumerate() {
        let is_built = place == 0;
        let side = begin(Arc::clone(side), at_once && is_built)?;
        let waits = is_built && !at_once && reads_one_table(&side);
        sides.push(if waits { Arc::new(BufferExec::new(side, AHEAD)) as Plan } else { side });
    }
    replace_children_if_necessary(plan, sides)
}

/// Whether rows come from one table alone, all of which is read whatever others have, by nodes that hold none of them.
fn reads_one_table(plan: &Plan) -> bool {
    if let Some(scan) = plan.downcast_ref::<TikvScanExec>() {
        return !scan.has_dynamic_filters();
    }
    let hands_on = plan.is::<FilterExec>()
        || plan.is::<ProjectionExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<RepartitionExec>()
        || plan.is::<CooperativeExec>();
    hands_on && plan.children().into_iter().all(reads_one_table)
}

#[cfg(test)]
mod tests {
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;

    use super::*;

    #[test]
    fn nothing_is_read_ahead_where_memory_is_limited() {
        let environment = |builder: RuntimeEnvBuilder| builder.build_arc().unwrap();
        assert!(has_room(None));
        assert!(has_room(Some(&environment(RuntimeEnvBuilder::new()))));
        let limited = RuntimeEnvBuilder::new().with_memory_limit(1 << 30, 1.0);
        assert!(!has_room(Some(&environment(limited))));
    }
}
