//! How a scan is spread over DataFusion's partitions: pure.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::spec::{KeyRange, Segment};

/// The ranges of one physical table that one region holds, or some of those of which nobody asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegionRanges {
    /// The id in the keys.
    pub(crate) physical_id: i64,
    /// Ascending and disjoint, at least one.
    pub(crate) ranges: Vec<KeyRange>,
    /// Whether it is one region that holds them.
    pub(crate) is_region: bool,
}

/// Most pieces of ranges of which nobody asks where they are.
const MOST_PIECES: usize = 64;

/// Ranges of one physical table in pieces of about as many each, whatever regions hold them.
pub(crate) fn pieces(physical_id: i64, ranges: &[KeyRange]) -> Vec<RegionRanges> {
    let size = ranges.len().div_ceil(MOST_PIECES).max(1);
    let piece = |ranges: &[KeyRange]| RegionRanges {
        physical_id,
        ranges: ranges.to_vec(),
        is_region: false,
    };
    ranges.chunks(size).map(piece).collect()
}

/// The first key of a region and the first behind it, empty for no bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegionBounds {
    pub(crate) start: Bytes,
    pub(crate) end: Bytes,
}

/// Ranges of one physical table, put into the regions that hold them.
#[derive(Debug)]
pub(crate) struct ByRegion {
    physical_id: i64,
    found: Vec<(RegionBounds, Vec<KeyRange>)>,
}

impl ByRegion {
    /// No ranges yet.
    pub(crate) fn new(physical_id: i64) -> Self {
        Self { physical_id, found: Vec::new() }
    }

    /// Adds ranges, ascending and behind all that were added before, which `regions` cover in order and
    /// without a hole.
    pub(crate) fn add(&mut self, ranges: &[KeyRange], regions: &[RegionBounds]) {
        let mut regions = regions.iter().peekable();
        for range in ranges {
            let is_before = |region: &RegionBounds| {
                !region.end.is_empty() && region.end.as_ref() <= range.start.as_slice()
            };
            while regions.next_if(|region| is_before(region)).is_some() {}
            // The last region of this range may be the first one of the next.
            for region in regions.clone() {
                if !range.end.is_empty() && region.start.as_ref() >= range.end.as_slice() {
                    break;
                }
                self.push(region, clip(range, region));
            }
        }
    }

    fn push(&mut self, region: &RegionBounds, range: KeyRange) {
        match self.found.last_mut() {
            Some((last, ranges)) if last == region => ranges.push(range),
            _ => self.found.push((region.clone(), vec![range])),
        }
    }

    /// The ranges of each region, in key order.
    pub(crate) fn into_ranges(self) -> impl Iterator<Item = RegionRanges> {
        let physical_id = self.physical_id;
        let of_one = move |ranges| RegionRanges { physical_id, ranges, is_region: true };
        self.found.into_iter().map(move |(_, ranges)| of_one(ranges))
    }
}

/// The part of `range` that `region` holds.
fn clip(range: &KeyRange, region: &RegionBounds) -> KeyRange {
    let start = range.start.as_slice().max(&region.start).to_vec();
    let end = match (range.end.as_slice(), region.end.as_ref()) {
        ([], bound) | (bound, []) => bound.to_vec(),
        (one, other) => one.min(other).to_vec(),
    };
    KeyRange { start, end }
}

/// Spreads the ranges of regions, in key order, over at most `target` partitions of about as many
/// regions each. Neighbours of one physical table that end up together become one range again, so a
/// plan stays small however many regions there are.
///
/// The result has at least one partition, and no empty one unless there is nothing to read.
pub(crate) fn spread(regions: Vec<RegionRanges>, target: usize) -> Vec<Vec<Segment>> {
    let count = target.clamp(1, regions.len().max(1));
    let total = regions.len();
    let mut partitions: Vec<Vec<Segment>> = vec![Vec::new(); count];
    for (index, region) in regions.into_iter().enumerate() {
        let at = index * count / total;
        if let Some(partition) = partitions.get_mut(at) {
            push(partition, region);
        }
    }
    partitions
}

/// Spreads ranges over at most `target` partitions so that those of one physical table stay together:
/// rows that several indexes tell are asked for once in each partition. Regions are found while they are
/// read.
pub(crate) fn together(
    ranges: impl IntoIterator<Item = (i64, Vec<KeyRange>)>,
    target: usize,
) -> Vec<Vec<Segment>> {
    let mut tables: BTreeMap<i64, Vec<Segment>> = BTreeMap::new();
    for (physical_id, ranges) in ranges {
        let segment = Segment { physical_id, ranges, regions: None };
        tables.entry(physical_id).or_default().push(segment);
    }
    let count = target.clamp(1, tables.len().max(1));
    let mut partitions: Vec<Vec<Segment>> = vec![Vec::new(); count];
    for (at, segments) in tables.into_values().enumerate() {
        if let Some(partition) = partitions.get_mut(at % count) {
            partition.extend(segments);
        }
    }
    partitions
}

/// What is spread over partitions as no more of them than there are physical tables, each table whole in one.
pub(crate) fn by_table(partitions: &[Vec<Segment>]) -> Vec<Vec<Segment>> {
    let mut tables: Vec<Segment> = Vec::new();
    for segment in partitions.iter().flatten() {
        let known = tables.iter_mut().find(|table| table.physical_id == segment.physical_id);
        match known {
            Some(table) => {
                table.regions = table.regions.zip(segment.regions).map(|(one, other)| one + other);
                push_ranges(&mut table.ranges, segment.ranges.iter().cloned());
            }
            None => tables.push(segment.clone()),
        }
    }
    let count = partitions.len().clamp(1, tables.len().max(1));
    let mut spread: Vec<Vec<Segment>> = vec![Vec::new(); count];
    for (at, table) in tables.into_iter().enumerate() {
        if let Some(partition) = spread.get_mut(at % count) {
            partition.push(table);
        }
    }
    spread
}

/// Appends ranges, those that continue the last one to it.
fn push_ranges(ranges: &mut Vec<KeyRange>, more: impl IntoIterator<Item = KeyRange>) {
    for range in more {
        match ranges.last_mut() {
            Some(previous) if !previous.end.is_empty() && previous.end == range.start => {
                previous.end = range.end;
            }
            _ => ranges.push(range),
        }
    }
}

fn push(partition: &mut Vec<Segment>, region: RegionRanges) {
    let RegionRanges { physical_id, ranges, is_region } = region;
    let Some(last) = partition.last_mut().filter(|last| last.physical_id == physical_id) else {
        let regions = is_region.then_some(1);
        partition.push(Segment { physical_id, ranges, regions });
        return;
    };
    last.regions = last.regions.filter(|_| is_region).map(|regions| regions + 1);
    push_ranges(&mut last.ranges, ranges);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_range(start: u8, end: u8) -> KeyRange {
        KeyRange { start: vec![start], end: vec![end] }
    }

    fn region(physical_id: i64, start: u8, end: u8) -> RegionRanges {
        RegionRanges { physical_id, ranges: vec![key_range(start, end)], is_region: true }
    }

    fn bounds(keys: &[&'static [u8]]) -> Vec<RegionBounds> {
        let pairs = keys.iter().zip(keys.iter().skip(1));
        let bounds = pairs.map(|(start, end)| RegionBounds {
            start: Bytes::from_static(start),
            end: Bytes::from_static(end),
        });
        bounds.collect()
    }

    #[test]
    fn ranges_go_to_the_regions_that_hold_them() {
        let regions = bounds(&[b"", &[3], &[6], &[9], b""]);
        let mut by_region = ByRegion::new(1);
        let points = [key_range(1, 2), key_range(2, 3), key_range(7, 8)];
        by_region.add(&points, &regions);
        by_region.add(&[key_range(8, 12)], &regions[2..]);
        let unbounded = KeyRange { start: vec![20], end: vec![] };
        by_region.add(std::slice::from_ref(&unbounded), &regions[3..]);
        let found: Vec<Vec<KeyRange>> =
            by_region.into_ranges().map(|region| region.ranges).collect();
        let want = [
            vec![key_range(1, 2), key_range(2, 3)],
            vec![key_range(7, 8), key_range(8, 9)],
            vec![key_range(9, 12), unbounded],
        ];
        assert_eq!(found, want);
    }

    #[test]
    fn what_was_put_into_regions_is_what_there_was() {
        for step in 1..7_u8 {
            let ranges: Vec<KeyRange> = (0..200)
                .step_by(usize::from(step) + 1)
                .map(|at| key_range(at, at + step))
                .collect();
            for width in 1..40_u8 {
                let keys: Vec<u8> = (1..=254).step_by(usize::from(width)).collect();
                let starts = std::iter::once(Bytes::new())
                    .chain(keys.iter().map(|key| Bytes::copy_from_slice(&[*key])));
                let ends = keys
                    .iter()
                    .map(|key| Bytes::copy_from_slice(&[*key]))
                    .chain(std::iter::once(Bytes::new()));
                let regions: Vec<RegionBounds> =
                    starts.zip(ends).map(|(start, end)| RegionBounds { start, end }).collect();
                let mut by_region = ByRegion::new(1);
                by_region.add(&ranges, &regions);
                let found = by_region.into_ranges().flat_map(|region| region.ranges);
                let keys = |ranges: &mut dyn Iterator<Item = KeyRange>| -> Vec<u8> {
                    ranges.flat_map(|range| range.start[0]..range.end[0]).collect()
                };
                let want = keys(&mut ranges.iter().cloned());
                assert_eq!(keys(&mut found.into_iter()), want, "{step} {width}");
            }
        }
    }

    #[test]
    fn what_several_indexes_read_of_a_table_stays_together() {
        let of = |id: i64, at| (id, vec![key_range(at, at + 1)]);
        let ranges = [of(1, 0), of(2, 10), of(3, 20), of(1, 30), of(2, 40), of(3, 50)];
        for target in 1..6 {
            let partitions = together(ranges.clone(), target);
            assert_eq!(partitions.len(), target.min(3));
            for id in 1..=3 {
                let of_table = |partition: &&Vec<Segment>| {
                    partition.iter().filter(|segment| segment.physical_id == id).count() > 0
                };
                let own: Vec<_> = partitions.iter().filter(of_table).collect();
                assert_eq!(own.len(), 1);
                let segments = own[0].iter().filter(|segment| segment.physical_id == id);
                assert_eq!(segments.count(), 2);
            }
        }
        assert_eq!(together([], 4), vec![Vec::<Segment>::new()]);
    }

    #[test]
    fn nothing_to_read_is_one_empty_partition() {
        assert_eq!(spread(vec![], 8), vec![Vec::<Segment>::new()]);
    }

    #[test]
    fn neighbours_become_one_range_and_tables_stay_apart() {
        let spread = spread(vec![region(1, 0, 1), region(1, 1, 2), region(2, 3, 4)], 1);
        let expected = vec![
            Segment { physical_id: 1, ranges: vec![key_range(0, 2)], regions: Some(2) },
            Segment { physical_id: 2, ranges: vec![key_range(3, 4)], regions: Some(1) },
        ];
        assert_eq!(spread, vec![expected]);
    }

    #[test]
    fn gaps_stay_gaps() {
        let spread = spread(vec![region(1, 0, 1), region(1, 5, 6)], 1);
        assert_eq!(spread[0][0].ranges, vec![key_range(0, 1), key_range(5, 6)]);
    }

    #[test]
    fn every_partition_gets_its_share_and_nothing_is_lost() {
        for regions in 1..40u8 {
            for target in 1..12 {
                let ranges: Vec<_> = (0..regions).map(|i| region(1, 2 * i, 2 * i + 1)).collect();
                let spread = spread(ranges.clone(), target);
                let all: Vec<_> =
                    spread.iter().flatten().flat_map(|segment| segment.ranges.clone()).collect();
                assert_eq!(all, ranges.into_iter().flat_map(|r| r.ranges).collect::<Vec<_>>());
                let sizes: Vec<usize> =
                    spread.iter().map(|p| p.iter().map(|s| s.regions.unwrap()).sum()).collect();
                let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
                assert!(most - least <= 1 && *least > 0, "{sizes:?}");
            }
        }
    }

    #[test]
    fn each_table_whole_in_one_partition_is_all_that_there_was() {
        for tables in 1..5_i64 {
            for target in 1..9 {
                let regions: Vec<_> = (0..40_u8)
                    .map(|at| region(1 + i64::from(at) * tables / 40, at, at + 1))
                    .collect();
                let partitions = spread(regions, target);
                let whole = by_table(&partitions);
                let count = usize::try_from(tables).unwrap().min(target);
                assert_eq!(whole.len(), count, "{tables}, {target}");
                let mut segments: Vec<_> = whole.into_iter().flatten().collect();
                segments.sort_by_key(|segment| segment.physical_id);
                let want = spread(
                    (0..40_u8)
                        .map(|at| region(1 + i64::from(at) * tables / 40, at, at + 1))
                        .collect(),
                    1,
                );
                assert_eq!(segments, want[0]);
            }
        }
        assert_eq!(by_table(&[Vec::new()]), vec![Vec::<Segment>::new()]);
    }

    #[test]
    fn many_ranges_are_spread_as_they_are() {
        for count in [1, 63, 64, 65, 200] {
            let ranges: Vec<KeyRange> = (0..count).map(|at| key_range(at, at + 1)).collect();
            let pieces = pieces(1, &ranges);
            assert!(pieces.len() <= MOST_PIECES.min(usize::from(count)), "{count}");
            let spread = spread(pieces, 4);
            assert!(spread.len() == usize::from(count).min(4));
            let segments = spread.iter().flatten();
            assert!(segments.clone().all(|segment| segment.regions.is_none()));
            // Neighbours are one range again.
            let first = segments.clone().next().unwrap().ranges[0].start.clone();
            let last = segments.last().unwrap().ranges.last().unwrap().end.clone();
            assert_eq!(
                (first, last),
                (ranges[0].start.clone(), ranges.last().unwrap().end.clone())
            );
        }
    }
}
