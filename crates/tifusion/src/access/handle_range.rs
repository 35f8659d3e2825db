//! The ranges of record keys.

use std::collections::BTreeMap;
use std::ops::Bound;

use tifusion_codec::datum::{self, Datum};
use tifusion_codec::key;
use tifusion_schema::domain::{Interval, Value, number_range};
use tifusion_schema::key_range::{KeyRanges, key_ranges};
use tifusion_schema::{ColumnInfo, Domain, HandleKind, TableInfo};

use super::key_columns::key_columns;
use crate::error::Result;
use crate::scan::spec::KeyRange;

/// The handles to read, the same in all partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HandleRanges {
    /// All.
    All,
    /// Of a column: ranges of integers with both ends included, ascending and disjoint.
    Int {
        /// The column's id.
        column: i64,
        /// Its least and its greatest value.
        limits: (i128, i128),
        ranges: Vec<(i64, i64)>,
    },
    /// Of several columns.
    Common {
        /// The ids of those that narrow the ranges.
        columns: Vec<i64>,
        ranges: KeyRanges,
    },
}

impl HandleRanges {
    /// The handles of rows with values of `domains`, which are by the column's id.
    pub(super) fn of(
        table: &TableInfo,
        domains: &BTreeMap<i64, Domain>,
        new_collation: Option<bool>,
    ) -> Result<Self> {
        let of_int = |column: &ColumnInfo| {
            let (domain, limits) = (domains.get(&column.id)?, number_range(&column.field_type)?);
            let ranges = int_ranges(limits, domain)?;
            Some(Self::Int { column: column.id, limits, ranges })
        };
        Ok(match table.handle()? {
            HandleKind::Int(column) => of_int(column).unwrap_or(Self::All),
            HandleKind::RowId => of_int(&ColumnInfo::extra_handle()).unwrap_or(Self::All),
            HandleKind::Common(index) => {
                let parts = key_columns(table, index, new_collation)?;
                let with: Vec<_> = parts.iter().map(|part| (part, domains.get(&part.id))).collect();
                match key_ranges(&with) {
                    None => Self::All,
                    Some(ranges) => {
                        let used = parts.iter().take(ranges.columns).map(|part| part.id);
                        Self::Common { columns: used.collect(), ranges }
                    }
                }
            }
        })
    }

    /// The id of the column of an integer handle that is narrowed.
    pub(super) fn int_column(&self) -> Option<i64> {
        match self {
            Self::Int { column, .. } => Some(*column),
            _ => None,
        }
    }

    /// The same for only some intervals of an integer handle.
    pub(super) fn of_intervals(&self, intervals: Vec<Interval>) -> Self {
        let Self::Int { column, limits, .. } = self else { return self.clone() };
        match int_ranges(*limits, &Domain::of(intervals)) {
            Some(ranges) => Self::Int { column: *column, limits: *limits, ranges },
            None => Self::All,
        }
    }

    /// How many ranges there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::All => 1,
            Self::Int { ranges, .. } => ranges.len(),
            Self::Common { ranges, .. } => ranges.ranges.len(),
        }
    }

    /// How many handles there can be; `None` if that isn't known.
    pub(super) fn points(&self) -> Option<usize> {
        match self {
            Self::All => None,
            Self::Int { ranges, .. } => {
                let width = |(first, last): &(i64, i64)| {
                    usize::try_from(first.abs_diff(*last)).unwrap_or(usize::MAX).saturating_add(1)
                };
                Some(ranges.iter().map(width).fold(0, usize::saturating_add))
            }
            Self::Common { ranges, .. } => ranges.is_points.then_some(ranges.ranges.len()),
        }
    }

    /// The ranges as the statistics of the handle's column, or of the primary key's index, have them.
    pub(super) fn for_statistics(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        match self {
            Self::All => vec![(Vec::new(), Vec::new())],
            Self::Int { limits, ranges, .. } => {
                let is_unsigned = limits.0 == 0;
                let encode = |handle: i64| {
                    let datum = match is_unsigned {
                        true => Datum::UInt(handle.cast_unsigned()),
                        false => Datum::Int(handle),
                    };
                    let mut out = Vec::new();
                    // An integer has a key.
                    datum::encode_key(&mut out, &datum).ok().map(|()| out)
                };
                let range = |(first, last): &(i64, i64)| {
                    Some((encode(*first)?, key::prefix_next(&encode(*last)?)))
                };
                ranges.iter().filter_map(range).collect()
            }
            Self::Common { ranges, .. } => ranges.ranges.clone(),
        }
    }

    /// One range from the first to the last.
    pub(super) fn hull(mut self) -> Self {
        match &mut self {
            Self::All => {}
            Self::Int { ranges, .. } => {
                let ends = ranges.first().zip(ranges.last());
                *ranges = ends.map(|((first, _), (_, last))| (*first, *last)).into_iter().collect();
            }
            Self::Common { ranges, .. } => {
                ranges.is_points = false;
                let ranges = &mut ranges.ranges;
                let ends = ranges.first().zip(ranges.last());
                let ends = ends.map(|((first, _), (_, last))| (first.clone(), last.clone()));
                *ranges = ends.into_iter().collect();
            }
        }
        self
    }

    /// The ranges of keys in a physical table.
    pub(super) fn in_table(&self, table: &TableInfo, physical_id: i64) -> Result<Vec<KeyRange>> {
        let range = |(start, end)| KeyRange { start, end };
        Ok(match self {
            Self::All => vec![KeyRange::of_rows(table, physical_id)?],
            Self::Int { ranges, .. } => ranges
                .iter()
                .map(|(first, last)| range(key::int_handle_range(physical_id, *first, *last)))
                .collect(),
            Self::Common { ranges, .. } => {
                let prefix = key::record_prefix(physical_id);
                let with = |handle: &[u8]| [prefix.as_slice(), handle].concat();
                let ranges = ranges.ranges.iter();
                ranges.map(|(start, end)| range((with(start), with(end)))).collect()
            }
        })
    }

    /// Ids of the columns that narrow the ranges.
    pub(super) fn columns(&self) -> &[i64] {
        match self {
            Self::All => &[],
            Self::Int { column, .. } => std::slice::from_ref(column),
            Self::Common { columns, .. } => columns,
        }
    }
}

/// The integer handles that are values of `domain`, of a column with values from `min` to `max`; `None`
/// if all are.
///
/// An unsigned handle is kept as the signed one with the same bits, so those above [`i64::MAX`] come
/// first in the keys.
fn int_ranges((min, max): (i128, i128), domain: &Domain) -> Option<Vec<(i64, i64)>> {
    let whole = within(min, max)?;
    let mut ranges = Vec::new();
    for interval in domain.intervals() {
        let Some(part) = interval.intersect(&whole) else { continue };
        if part == whole {
            return None;
        }
        let (Bound::Included(Value::Number(low)), Bound::Included(Value::Number(high))) =
            (part.low(), part.high())
        else {
            return None;
        };
        let middle = i128::from(i64::MAX);
        for (low, high) in [(*low, *high.min(&middle)), (*low.max(&(middle + 1)), *high)] {
            if low <= high {
                ranges.push((of_bits(low)?, of_bits(high)?));
            }
        }
    }
    ranges.sort_unstable();
    Some(ranges)
}

fn within(min: i128, max: i128) -> Option<Interval> {
    Interval::new(Bound::Included(Value::Number(min)), Bound::Included(Value::Number(max)))
}

/// A number of 64 bits as the signed one with the same bits.
fn of_bits(number: i128) -> Option<i64> {
    i64::try_from(number).ok().or_else(|| u64::try_from(number).ok().map(u64::cast_signed))
}

#[cfg(test)]
mod tests {
    use tifusion_codec::FieldType;
    use tifusion_codec::field_type::{flag, tp};

    use super::*;

    fn ranges(is_unsigned: bool, pairs: &[(i128, i128)]) -> Option<Vec<(i64, i64)>> {
        let domain = Domain::of(pairs.iter().map(|(low, high)| within(*low, *high).unwrap()));
        let flag = if is_unsigned { flag::UNSIGNED } else { 0 };
        int_ranges(number_range(&FieldType::new(tp::LONG_LONG, flag)).unwrap(), &domain)
    }

    #[test]
    fn a_small_column_ends_where_its_type_does() {
        let tiny = |low, high| {
            let domain = Domain::of(within(low, high));
            int_ranges(number_range(&FieldType::new(tp::TINY, 0)).unwrap(), &domain)
        };
        assert_eq!(tiny(128, 1000), Some(vec![]));
        assert_eq!(tiny(-1000, 1000), None);
        assert_eq!(tiny(100, 1000), Some(vec![(100, 127)]));
    }

    const MIN: i64 = i64::MIN;
    const MAX: i64 = i64::MAX;

    #[test]
    fn signed_handles_at_the_ends() {
        let (min, max) = (i128::from(MIN), i128::from(MAX));
        for (pairs, want) in [
            (vec![(5, 5), (10, 12)], Some(vec![(5, 5), (10, 12)])),
            (vec![(max, max)], Some(vec![(MAX, MAX)])),
            (vec![(min, min)], Some(vec![(MIN, MIN)])),
            (vec![(max, max + 1)], Some(vec![(MAX, MAX)])),
            (vec![(max + 1, max + 5)], Some(vec![])),
            (vec![(min - 5, min - 1)], Some(vec![])),
            (vec![(min - 1, 0)], Some(vec![(MIN, 0)])),
            (vec![(min - 1, max + 1)], None),
            (vec![], Some(vec![])),
        ] {
            assert_eq!(ranges(false, &pairs), want, "{pairs:?}");
        }
        let limits = (i128::from(MIN), i128::from(MAX));
        assert_eq!(int_ranges(limits, &Domain::not_null()), None);
        assert_eq!(int_ranges(limits, &Domain::only_null()), Some(vec![]));
    }

    #[test]
    fn unsigned_handles_above_the_signed_ones_come_first() {
        let (half, max) = (i128::from(MAX), i128::from(u64::MAX));
        for (pairs, want) in [
            (vec![(5, 5)], Some(vec![(5, 5)])),
            (vec![(-5, -1)], Some(vec![])),
            (vec![(-5, 0)], Some(vec![(0, 0)])),
            (vec![(half, half + 1)], Some(vec![(MIN, MIN), (MAX, MAX)])),
            (vec![(max, max)], Some(vec![(-1, -1)])),
            (vec![(7, max)], Some(vec![(MIN, -1), (7, MAX)])),
            (vec![(0, max - 1)], Some(vec![(MIN, -2), (0, MAX)])),
            (vec![(3, 4), (max - 1, max)], Some(vec![(-2, -1), (3, 4)])),
            (vec![(max + 1, max + 9)], Some(vec![])),
            (vec![(0, max)], None),
        ] {
            assert_eq!(ranges(true, &pairs), want, "{pairs:?}");
        }
    }
}
