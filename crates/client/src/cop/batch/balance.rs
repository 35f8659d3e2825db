//! Which store is asked for which region: pure.

use std::collections::{BTreeMap, HashSet};

use crate::cop::range::KeyRange;
use crate::cop::task::CopTask;

/// A region to read, and the stores that may be asked for it in a batch.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) task: CopTask,
    pub(super) stores: Vec<u64>,
}

/// One request to a store: its regions in the order of their keys.
#[derive(Debug, Clone)]
pub(in crate::cop) struct StoreBatch {
    pub(super) store: u64,
    pub(super) tasks: Vec<CopTask>,
}

impl StoreBatch {
    /// The store.
    pub(in crate::cop) fn store(&self) -> u64 {
        self.store
    }

    /// How many regions it is asked for.
    pub(in crate::cop) fn regions(&self) -> usize {
        self.tasks.len()
    }
}

/// Shares regions out among the stores, so that each has about as many: those that only one store has are its own, and
/// of the others the ones with the fewest stores choose first. Those that no store takes in a batch come back apart, and so
/// does what is left of a region that changed while it was located: no request may name a region twice.
///
/// `turn` says who is first where all have as much, so that not every read begins with the same store.
pub(super) fn share_out(
    candidates: Vec<Candidate>,
    turn: u64,
) -> (BTreeMap<u64, Vec<CopTask>>, Vec<CopTask>) {
    let mut shares: BTreeMap<u64, Vec<CopTask>> = BTreeMap::new();
    for store in candidates.iter().flat_map(|candidate| &candidate.stores) {
        shares.entry(*store).or_default();
    }
    let mut candidates = candidates;
    // Stable: regions with as many stores stay in the order of their keys.
    candidates.sort_by_key(|candidate| candidate.stores.len());
    let (mut without, mut seen) = (Vec::new(), HashSet::new());
    for Candidate { task, stores } in candidates {
        if !seen.insert(task.region.ver_id.id) {
            without.push(task);
            continue;
        }
        let load = |store: &u64| {
            let given = shares.get(store).map_or(0, Vec::len);
            (given, store.wrapping_add(turn) % TURNS, *store)
        };
        match stores.iter().copied().min_by_key(load).and_then(|store| shares.get_mut(&store)) {
            Some(share) => share.push(task),
            None => without.push(task),
        }
    }
    shares.values_mut().for_each(|share| sort_by_keys(share));
    sort_by_keys(&mut without);
    (shares, without)
}

/// Among so many stores the turn goes round.
const TURNS: u64 = 7;

/// What is left of the tasks of buckets when each region is asked for once: a store takes only the first one of several
/// that name the same region for one that it has itself.
pub(super) fn by_region(tasks: Vec<CopTask>) -> Vec<CopTask> {
    let mut regions: Vec<CopTask> = Vec::new();
    for task in tasks {
        match regions.last_mut() {
            Some(last) if last.region.ver_id == task.region.ver_id => {
                for range in task.ranges {
                    push(&mut last.ranges, range);
                }
            }
            _ => regions.push(task),
        }
    }
    regions
}

/// The ranges of tasks in the order of their keys, neighbours as one.
pub(super) fn ranges_of(tasks: impl IntoIterator<Item = CopTask>) -> Vec<KeyRange> {
    let mut all: Vec<KeyRange> = tasks.into_iter().flat_map(|task| task.ranges).collect();
    all.sort_by(|one, other| one.start.cmp(&other.start));
    let mut ranges = Vec::new();
    all.into_iter().for_each(|range| push(&mut ranges, range));
    ranges
}

fn push(ranges: &mut Vec<KeyRange>, range: KeyRange) {
    match ranges.last_mut() {
        Some(last) if !last.end.is_empty() && last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

fn sort_by_keys(tasks: &mut [CopTask]) {
    tasks.sort_by(|one, other| one.region.start_key.cmp(&other.region.start_key));
}

/// The batches of a store's share, none with more than `most_ranges`, if a region has not more by itself; and the
/// regions that are alone in one, for which the store needs no batch.
pub(super) fn batches(
    store: u64,
    share: Vec<CopTask>,
    most_ranges: usize,
) -> (Vec<StoreBatch>, Vec<CopTask>) {
    let mut batches: Vec<StoreBatch> = Vec::new();
    let mut ranges = 0_usize;
    for task in share {
        let with = ranges.saturating_add(task.ranges.len());
        match batches.last_mut().filter(|_| with <= most_ranges) {
            Some(batch) => {
                ranges = with;
                batch.tasks.push(task);
            }
            None => {
                ranges = task.ranges.len();
                batches.push(StoreBatch { store, tasks: vec![task] });
            }
        }
    }
    let (several, single): (Vec<_>, Vec<_>) =
        batches.into_iter().partition(|batch| batch.tasks.len() > 1);
    (several, single.into_iter().flat_map(|batch| batch.tasks).collect())
}

#[cfg(test)]
#[path = "balance_tests.rs"]
mod tests;
