//! How a scan is spread over DataFusion's partitions: pure.

use super::spec::{KeyRange, Segment};

/// A range of one physical table that one region holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegionRange {
    /// The id in the keys.
    pub(crate) physical_id: i64,
    /// The range.
    pub(crate) range: KeyRange,
}

/// Spreads region ranges, in key order, over at most `target` partitions of about as many regions
/// each. Neighbours of one physical table that end up together become one range again, so a plan
/// stays small however many regions there are.
///
/// The result has at least one partition, and no empty one unless there is nothing to read.
pub(crate) fn spread(ranges: Vec<RegionRange>, target: usize) -> Vec<Vec<Segment>> {
    let count = target.clamp(1, ranges.len().max(1));
    let total = ranges.len();
    let mut partitions: Vec<Vec<Segment>> = vec![Vec::new(); count];
    for (index, range) in ranges.into_iter().enumerate() {
        let at = index * count / total;
        if let Some(partition) = partitions.get_mut(at) {
            push(partition, range);
        }
    }
    partitions
}

fn push(partition: &mut Vec<Segment>, RegionRange { physical_id, range }: RegionRange) {
    let Some(last) = partition.last_mut().filter(|last| last.physical_id == physical_id) else {
        partition.push(Segment { physical_id, ranges: vec![range], regions: Some(1) });
        return;
    };
    last.regions = last.regions.map(|regions| regions + 1);
    match last.ranges.last_mut() {
        Some(previous) if !previous.end.is_empty() && previous.end == range.start => {
            previous.end = range.end;
        }
        _ => last.ranges.push(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(physical_id: i64, start: u8, end: u8) -> RegionRange {
        RegionRange { physical_id, range: KeyRange { start: vec![start], end: vec![end] } }
    }

    #[test]
    fn nothing_to_read_is_one_empty_partition() {
        assert_eq!(spread(vec![], 8), vec![Vec::<Segment>::new()]);
    }

    #[test]
    fn neighbours_become_one_range_and_tables_stay_apart() {
        let spread = spread(vec![range(1, 0, 1), range(1, 1, 2), range(2, 3, 4)], 1);
        let expected = vec![
            Segment { physical_id: 1, ranges: vec![range(1, 0, 2).range], regions: Some(2) },
            Segment { physical_id: 2, ranges: vec![range(2, 3, 4).range], regions: Some(1) },
        ];
        assert_eq!(spread, vec![expected]);
    }

    #[test]
    fn gaps_stay_gaps() {
        let spread = spread(vec![range(1, 0, 1), range(1, 5, 6)], 1);
        assert_eq!(spread[0][0].ranges, vec![range(1, 0, 1).range, range(1, 5, 6).range]);
    }

    #[test]
    fn every_partition_gets_its_share_and_nothing_is_lost() {
        for regions in 1..40u8 {
            for target in 1..12 {
                let ranges: Vec<_> = (0..regions).map(|i| range(1, 2 * i, 2 * i + 1)).collect();
                let spread = spread(ranges.clone(), target);
                let all: Vec<_> =
                    spread.iter().flatten().flat_map(|segment| segment.ranges.clone()).collect();
                assert_eq!(all, ranges.into_iter().map(|r| r.range).collect::<Vec<_>>());
                let sizes: Vec<usize> =
                    spread.iter().map(|p| p.iter().map(|s| s.regions.unwrap()).sum()).collect();
                let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
                assert!(most - least <= 1 && *least > 0, "{sizes:?}");
            }
        }
    }
}
