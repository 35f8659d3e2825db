//! From key ranges to batches, wherever their regions are now.

use super::balance::{Candidate, StoreBatch, batches, by_region, share_out};
use crate::backoff::Backoffer;
use crate::cop::range::KeyRange;
use crate::cop::task::{CopTask, RANGES_PER_TASK, TaskShape, TaskSource, tasks_of_region};
use crate::cop::worker::Shared;
use crate::error::Result;

/// Who is asked for what.
#[derive(Debug)]
pub(in crate::cop) struct Division {
    /// One request for several regions each.
    pub(in crate::cop) batches: Vec<StoreBatch>,
    /// Regions that are asked for by themselves: the only one of a store, or one that no store of TiFlash takes in a
    /// batch now.
    pub(in crate::cop) singles: Vec<CopTask>,
}

/// Divides sorted ranges among the stores of TiFlash.
///
/// # Errors
/// When a region cannot be located.
pub(in crate::cop) async fn divide(
    shared: &Shared,
    bo: &mut Backoffer,
    ranges: Vec<KeyRange>,
) -> Result<Division> {
    let regions = std::sync::Arc::clone(shared.sender.regions());
    // A batch is no larger for a region with many ranges than for many regions.
    let shape = TaskShape { ranges_per_task: usize::MAX, ..shared.shape };
    let tasks = by_region(TaskSource::new(regions, ranges, shape).all(bo).await?);
    let mut candidates = Vec::with_capacity(tasks.len());
    for task in tasks {
        let stores = shared.sender.batch_stores(bo, &task.region).await;
        candidates.push(Candidate { task, stores });
    }
    let (shares, without) = share_out(candidates, bo.clock().random(u64::MAX));
    let mut division = Division { batches: Vec::new(), singles: Vec::new() };
    let mut alone = without;
    for (store, share) in shares {
        let (several, single) = batches(store, share, RANGES_PER_TASK);
        division.batches.extend(several);
        alone.extend(single);
    }
    division.singles = alone.into_iter().flat_map(|task| one_by_one(shared, task)).collect();
    Ok(division)
}

/// A region of a batch as tasks of its own.
pub(super) fn one_by_one(shared: &Shared, task: CopTask) -> Vec<CopTask> {
    tasks_of_region(&task.region, task.ranges, shared.shape)
}
