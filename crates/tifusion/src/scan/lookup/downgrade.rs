//! Many rows of one region (`plan.downgrade.index_threshold`): the region is read from the first of
//! them to the last, and the store leaves out those that are not among them. Pure.
//!
//! The filters that narrowed the index would not do for that: rows between the first and the last that
//! pass them too are in other batches, or in other partitions of the scan, and would come twice. That
//! the handle is one of the batch's is exact, whatever else the scan asks for.

use tifusion_codec::key::{self, Handle};

use super::batch::ranges;
use crate::scan::spec::KeyRange;

/// The rows of a batch, by how they are read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Downgraded {
    /// Ranges of their keys, for regions with few.
    pub(super) few: Vec<KeyRange>,
    /// For each other region one range, and the handles in it.
    pub(super) many: Vec<(KeyRange, Vec<i64>)>,
}

/// Splits ascending `handles` of a physical table by regions, whose ends (empty for no bound) are
/// ascending too: those with more ranges than `threshold` are read as one.
pub(super) fn downgrade(
    physical_id: i64,
    handles: &[i64],
    ends: impl IntoIterator<Item = impl AsRef<[u8]>>,
    threshold: usize,
) -> Downgraded {
    let mut found = Downgraded::default();
    let mut rest = handles;
    for end in ends {
        let end = end.as_ref();
        let is_before = |handle: &i64| {
            let start = key::encode_record_key(physical_id, &Handle::Int(*handle));
            end.is_empty() || start.as_slice() < end
        };
        let (own, behind) = rest.split_at(rest.partition_point(is_before));
        found.add(physical_id, own, threshold);
        rest = behind;
    }
    // Nothing, unless somebody did not tell all regions.
    found.add(physical_id, rest, usize::MAX);
    found
}

impl Downgraded {
    fn add(&mut self, physical_id: i64, handles: &[i64], threshold: usize) {
        let (Some(first), Some(last)) = (handles.first(), handles.last()) else { return };
        let own = ranges(physical_id, handles.iter().map(|it| Handle::Int(*it)).collect());
        if own.len() <= threshold {
            self.few.extend(own);
            return;
        }
        let (start, end) = key::int_handle_range(physical_id, *first, *last);
        self.many.push((KeyRange { start, end }, handles.to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: i64, last: i64) -> KeyRange {
        let (start, end) = key::int_handle_range(7, first, last);
        KeyRange { start, end }
    }

    #[test]
    fn only_regions_with_many_ranges_are_read_as_one() {
        let end = |handle| key::encode_record_key(7, &Handle::Int(handle));
        let handles = [1, 3, 5, 10, 11, 12, 20, 30];
        let ends = [end(10), end(20), Vec::new()];
        let found = downgrade(7, &handles, &ends, 2);
        let few = vec![range(10, 12), range(20, 20), range(30, 30)];
        assert_eq!(found, Downgraded { few, many: vec![(range(1, 5), vec![1, 3, 5])] });
        let found = downgrade(7, &handles, &ends, 1);
        let many = vec![(range(1, 5), vec![1, 3, 5]), (range(20, 30), vec![20, 30])];
        assert_eq!(found, Downgraded { few: vec![range(10, 12)], many });
        let all = downgrade(7, &handles, &ends[..1], 5);
        let want = [range(1, 1), range(3, 3), range(5, 5), range(10, 12), range(20, 20)];
        assert_eq!(all.few, [&want[..], &[range(30, 30)]].concat());
    }
}
