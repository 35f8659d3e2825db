//! Takes DataFusion's buffers away from scans that read in order, and tells them of limits.
//!
//! Where a sort was not needed, DataFusion buffers what the scan reads ahead of the merge, up to a gibibyte
//! for each partition, and fails where memory has a limit. Our scans have requests under way and
//! answers waiting themselves, and wait for memory instead. And where there is a projection between, the
//! limit of such a sort does not reach the scan.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::buffer::BufferExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;

use super::below::over;
use super::{Plan, replaced};
use crate::TikvScanExec;

/// Takes the buffers away, and gives scans the limits.
pub(super) fn optimize(plan: Plan, _config: &ConfigOptions) -> Result<Plan> {
    replaced(plan, |node| {
        let input = node.downcast_ref::<BufferExec>().map(BufferExec::input);
        if let Some(input) = input.filter(|input| is_ordered_scan(input)) {
            return Ok(Some(Arc::clone(input)));
        }
        let Some((rows, input)) = limit_of(node) else { return Ok(None) };
        with_fetch(input, rows)?.map(|input| over(Arc::clone(node), input)).transpose()
    })
}

/// Whether the rows come from such a scan with nothing between that takes its time.
fn is_ordered_scan(plan: &Plan) -> bool {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        return is_ordered_scan(projection.input());
    }
    plan.downcast_ref::<TikvScanExec>().is_some_and(TikvScanExec::is_ordered)
}

/// How many rows of its input a node needs at most.
fn limit_of(node: &Plan) -> Option<(usize, &Plan)> {
    if let Some(limit) = node.downcast_ref::<GlobalLimitExec>() {
        return Some((limit.fetch()?.checked_add(limit.skip())?, limit.input()));
    }
    if let Some(limit) = node.downcast_ref::<LocalLimitExec>() {
        return Some((limit.fetch(), limit.input()));
    }
    let merge = node.downcast_ref::<SortPreservingMergeExec>()?;
    Some((merge.fetch()?, merge.input()))
}

/// The plan over a scan that reads in order and ends after `rows`; `None` if it is over no such scan.
fn with_fetch(plan: &Plan, rows: usize) -> Result<Option<Plan>> {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let input = with_fetch(projection.input(), rows)?;
        return input.map(|input| over(Arc::clone(plan), input)).transpose();
    }
    let scan = plan.downcast_ref::<TikvScanExec>();
    let scan = scan.filter(|scan| scan.is_ordered() && scan.is_plain());
    Ok(scan.and_then(|scan| scan.with_fetch(Some(rows))))
}
