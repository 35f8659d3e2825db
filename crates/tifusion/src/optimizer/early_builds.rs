//! Has the tables that hash joins are built of read side by side.
//!
//! A hash join reads one side to its end before it asks for the first row of the other, so that in a plan of many joins
//! one table is read after another, and the stores wait for us as we do for them. A table that no filter of the other
//! joins narrows can as well be read at once: all of it is needed, and held until the statement is over.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::physical_plan::buffer::BufferExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::replace_children_if_necessary;

use super::Plan;
use crate::TikvScanExec;

/// Bytes that are read of each partition before the join asks for them. What a dimension has is less; of a table that is
/// larger the rest comes when the join takes it.
const AHEAD: usize = 8 << 20;

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

/// Whether rows come from one table alone, all of which is read whatever others have.
fn reads_one_table(plan: &Plan) -> bool {
    match plan.children().as_slice() {
        [] => plan.downcast_ref::<TikvScanExec>().is_some_and(|scan| !scan.has_dynamic_filters()),
        [input] => reads_one_table(input),
        _ => false,
    }
}
