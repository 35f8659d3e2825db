//! Scans that stand in a plan more than once are read once.
//!
//! `DataFusion` plans a view or a common table expression anew wherever it is named. What the stores made groups of
//! rows of, at one snapshot, is the same each time, takes them long, and is little to keep.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};

use super::{Plan, replaced};
use crate::TikvScanExec;
use crate::scan::shared::SharedScanExec;

/// Has equal scans read once, where what they bring is little.
pub(super) fn optimize(plan: Plan, _config: &ConfigOptions) -> Result<Plan> {
    let mut scans: Vec<(TikvScanExec, usize)> = Vec::new();
    plan.apply(|node| {
        if let Some(scan) = shareable(node) {
            match scans.iter_mut().find(|(known, _)| known.reads_the_same(scan)) {
                Some((_, times)) => *times += 1,
                None => scans.push((scan.clone(), 1)),
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    scans.retain(|(_, times)| *times > 1);
    if scans.is_empty() {
        return Ok(plan);
    }
    let mut shared: Vec<(TikvScanExec, Vec<SharedScanExec>)> = scans
        .into_iter()
        .map(|(scan, times)| {
            let mut nodes = SharedScanExec::of(&scan, times);
            nodes.reverse();
            (scan, nodes)
        })
        .collect();
    replaced(plan, |node| {
        let Some(scan) = shareable(node) else { return Ok(None) };
        let found = shared.iter_mut().find(|(known, _)| known.reads_the_same(scan));
        let next = found.and_then(|(_, nodes)| nodes.pop());
        Ok(next.map(|next| Arc::new(next) as Plan))
    })
}

fn shareable(node: &Plan) -> Option<&TikvScanExec> {
    node.downcast_ref::<TikvScanExec>().filter(|scan| scan.is_worth_sharing())
}
