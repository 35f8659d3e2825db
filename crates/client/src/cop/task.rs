//! Ranges to tasks: one region, one bucket, and a bounded number of ranges each. The splitting is
//! pure; [`TaskSource`] locates regions as tasks are asked for.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::range::{KeyRange, take_below, take_from};
use crate::backoff::Backoffer;
use crate::error::{ClientError, ErrorKind, Result};
use crate::region::{Region, RegionCache};

/// Most ranges in one request: the stores refuse larger messages (TiDB's figure).
pub const RANGES_PER_TASK: usize = 25_000;

/// Tasks of one request that are found by single keys before whole ranges are located: as many as a
/// small LIMIT needs.
const TASKS_BEFORE_RANGES: usize = 8;

/// Work for one request to one region.
#[derive(Debug, Clone)]
pub struct CopTask {
    /// The region, with the buckets by which the ranges were split.
    pub region: Arc<Region>,
    /// The ranges, all inside of the region, ascending whatever the direction of the scan.
    pub ranges: Vec<KeyRange>,
    /// Rows after which the store ends the page; 0 for no pages.
    pub paging_size: u64,
    /// Pages of the task that came before.
    pub page: u32,
    /// How often the ranges were halved because a store ran out of time.
    pub halvings: u32,
}

/// How ranges become tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskShape {
    /// Whether the scan goes from the last key to the first.
    pub desc: bool,
    /// First page's rows; 0 for no pages.
    pub paging_size: u64,
    /// Most ranges in one task.
    pub ranges_per_task: usize,
}

/// The tasks of `ranges` that lie in one region, in the direction of the scan.
#[must_use]
pub fn tasks_of_region(
    region: &Arc<Region>,
    ranges: Vec<KeyRange>,
    shape: TaskShape,
) -> Vec<CopTask> {
    let mut tasks = Vec::new();
    for bucket in split_by_buckets(region, ranges) {
        for chunk in bucket.chunks(shape.ranges_per_task.max(1)) {
            tasks.push(CopTask {
                region: Arc::clone(region),
                ranges: chunk.to_vec(),
                paging_size: shape.paging_size,
                page: 0,
                halvings: 0,
            });
        }
    }
    if shape.desc {
        tasks.reverse();
    }
    tasks
}

/// The ranges by bucket, ascending; all in one when the region has no buckets.
fn split_by_buckets(region: &Region, ranges: Vec<KeyRange>) -> Vec<Vec<KeyRange>> {
    let Some(buckets) = &region.buckets else {
        return vec![ranges];
    };
    let mut left: VecDeque<KeyRange> = ranges.into();
    let mut split = Vec::new();
    // The last boundary is the region's end, or beyond it: what is left lies below it.
    for boundary in buckets.keys.iter().filter(|key| !key.is_empty()) {
        if left.is_empty() {
            break;
        }
        split.push(take_below(&mut left, boundary));
    }
    split.push(left.into());
    split.retain(|ranges| !ranges.is_empty());
    split
}

/// Makes tasks of sorted ranges, one after the other.
///
/// Ascending, the first few regions are located by key and the rest by range: so a consumer that stops
/// early has not made PD list a table's regions. Descending, a range's regions are listed at once, as
/// PD finds regions by their first key only.
#[derive(Debug)]
pub struct TaskSource {
    regions: Arc<RegionCache>,
    shape: TaskShape,
    left: VecDeque<KeyRange>,
    ready: VecDeque<CopTask>,
    located: usize,
}

impl TaskSource {
    /// The tasks of `ranges`, which are sorted and disjoint.
    #[must_use]
    pub fn new(regions: Arc<RegionCache>, ranges: Vec<KeyRange>, shape: TaskShape) -> Self {
        Self { regions, shape, left: ranges.into(), ready: VecDeque::new(), located: 0 }
    }

    /// The next task; `None` after the last.
    ///
    /// # Errors
    /// When a region cannot be located.
    pub async fn next(&mut self, bo: &mut Backoffer) -> Result<Option<CopTask>> {
        while self.ready.is_empty() {
            if self.shape.desc {
                let Some(range) = self.left.back().cloned() else { return Ok(None) };
                self.locate_desc(bo, &range).await?;
            } else {
                let Some(range) = self.left.front().cloned() else { return Ok(None) };
                self.locate_asc(bo, &range).await?;
            }
        }
        Ok(self.ready.pop_front())
    }

    /// All tasks.
    ///
    /// # Errors
    /// When a region cannot be located.
    pub async fn all(mut self, bo: &mut Backoffer) -> Result<Vec<CopTask>> {
        let mut tasks = Vec::new();
        while let Some(task) = self.next(bo).await? {
            tasks.push(task);
        }
        Ok(tasks)
    }

    async fn locate_asc(&mut self, bo: &mut Backoffer, range: &KeyRange) -> Result<()> {
        let regions = if self.located < TASKS_BEFORE_RANGES {
            vec![self.regions.locate_key(bo, &range.start).await?]
        } else {
            self.regions.locate_range(bo, &range.start, &range.end).await?
        };
        let before = self.left.front().cloned();
        for region in regions {
            let ranges = take_below(&mut self.left, &region.end_key);
            self.add(&region, ranges);
        }
        self.check_progress(before.as_ref(), self.left.front())
    }

    async fn locate_desc(&mut self, bo: &mut Backoffer, range: &KeyRange) -> Result<()> {
        let regions = self.regions.locate_range(bo, &range.start, &range.end).await?;
        let before = self.left.back().cloned();
        for region in regions.into_iter().rev() {
            let ranges = take_from(&mut self.left, &region.start_key);
            self.add(&region, ranges);
        }
        self.check_progress(before.as_ref(), self.left.back())
    }

    fn add(&mut self, region: &Arc<Region>, ranges: Vec<KeyRange>) {
        if !ranges.is_empty() {
            self.located += 1;
            self.ready.extend(tasks_of_region(region, ranges, self.shape));
        }
    }

    /// The cache promises regions that cover what was asked; without progress this would not end.
    fn check_progress(&self, before: Option<&KeyRange>, after: Option<&KeyRange>) -> Result<()> {
        if before == after && before.is_some() {
            let key = before.map_or(&[][..], |range: &KeyRange| Bytes::as_ref(&range.start));
            return Err(ClientError::new(
                ErrorKind::Protocol,
                "the located regions do not hold the range",
            )
            .with_key(key));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
