//! The ranges of an index's keys.

use std::collections::BTreeMap;
use std::ops::Bound::Included;

use tifusion_codec::{datum, key};
use tifusion_schema::domain::Value;
use tifusion_schema::key_range::{KeyRanges, key_ranges};
use tifusion_schema::{Domain, HandleKind, IndexInfo, TableInfo};

use crate::access::key_columns::key_columns;
use crate::access::{MAX_RANGES, PhysicalRanges, explain};
use crate::scan::order::FixedKey;
use crate::scan::spec::KeyRange;

/// What of an index's keys is to be read, the same in all partitions.
#[derive(Debug, Clone)]
pub(super) struct IndexRanges {
    index_id: i64,
    name: String,
    /// Ids of the key's columns.
    columns: Vec<i64>,
    /// Those of the handle, which every entry holds.
    handle: Vec<i64>,
    /// `None` for all keys.
    ranges: Option<KeyRanges>,
    /// Most entries that there can be, whatever the table has; `None` if that isn't known.
    most: Option<usize>,
    /// The values that each column which narrows the ranges may have.
    domains: BTreeMap<i64, Domain>,
}

/// Whether rows can be found by `index`.
pub(super) fn is_usable(info: &TableInfo, index: &IndexInfo) -> bool {
    let is_the_table = index.primary && (info.pk_is_handle || info.is_common_handle);
    let is_hidden = || match info.index_columns(index) {
        Ok(columns) => columns.iter().any(|(_, column)| !column.is_visible() || column.is_array),
        Err(_) => true,
    };
    index.is_readable()
        && !index.invisible
        && !index.multi_valued
        // The entries of one index for all partitions tell the partition, which a lookup would need.
        && !index.global
        && !is_the_table
        && !is_hidden()
}

impl IndexRanges {
    /// The keys of rows with values of `domains`; `None` if nothing can be said about its keys.
    pub(super) fn of(
        info: &TableInfo,
        index: &IndexInfo,
        domains: &BTreeMap<i64, Domain>,
        new_collation: Option<bool>,
    ) -> Option<Self> {
        let parts = info.index_columns(index).ok()?;
        let keys = key_columns(info, index, new_collation).ok()?;
        let with: Vec<_> = keys.iter().map(|key| (key, domains.get(&key.id))).collect();
        let ranges = key_ranges(&with);
        let narrowing = ranges.as_ref().map_or(0, |ranges| ranges.columns);
        let used = keys.iter().take(narrowing);
        let used: BTreeMap<i64, Domain> =
            used.filter_map(|key| Some((key.id, domains.get(&key.id)?.clone()))).collect();
        let is_unique = index.unique
            && narrowing == parts.len()
            && !index.has_prefix()
            && !used.values().any(Domain::has_null);
        let most = is_unique.then(|| values_of(used.values())).flatten();
        Some(Self {
            index_id: index.id,
            name: index.name.original.clone(),
            columns: parts.iter().map(|(_, column)| column.id).collect(),
            handle: handle_columns(info)?,
            ranges,
            most,
            domains: used,
        })
    }

    /// The index's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The index.
    pub(super) fn index_id(&self) -> i64 {
        self.index_id
    }

    /// Ids of the key's columns.
    pub(super) fn columns(&self) -> &[i64] {
        &self.columns
    }

    /// Ids of the handle's columns.
    pub(super) fn handle_columns(&self) -> &[i64] {
        &self.handle
    }

    /// Whether not all entries are read.
    pub(super) fn is_narrowed(&self) -> bool {
        self.ranges.is_some()
    }

    /// Most entries that there can be, whatever the table has; `None` if that isn't known.
    pub(super) fn most(&self) -> Option<usize> {
        self.most
    }

    /// How many ranges there are.
    pub(super) fn len(&self) -> usize {
        self.ranges.as_ref().map_or(1, |ranges| ranges.ranges.len())
    }

    /// The ranges as statistics have them.
    pub(super) fn ranges(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        match &self.ranges {
            Some(ranges) => ranges.ranges.clone(),
            None => vec![(Vec::new(), Vec::new())],
        }
    }

    /// How many of the key's columns narrow the ranges.
    pub(super) fn narrowing(&self) -> usize {
        self.ranges.as_ref().map_or(0, |ranges| ranges.columns)
    }

    /// What all keys in the ranges begin with.
    pub(super) fn fixed(&self) -> FixedKey {
        let ranges = self.ranges.as_ref().map(|ranges| ranges.ranges.as_slice());
        let Some(((start, _), ranges)) = ranges.and_then(|all| Some((all.first()?, all))) else {
            return FixedKey::default();
        };
        let mut fixed = FixedKey::default();
        let mut rest = start.as_slice();
        while fixed.columns < self.columns.len() && datum::skip_one(&mut rest).is_ok() {
            let datums = start.strip_suffix(rest).unwrap_or_default();
            let next = key::prefix_next(datums);
            let is_in = |(start, end): &(Vec<u8>, Vec<u8>)| {
                start.starts_with(datums) && !end.is_empty() && *end <= next
            };
            if datums.is_empty() || !ranges.iter().all(is_in) {
                break;
            }
            fixed = FixedKey { columns: fixed.columns + 1, datums: datums.to_vec() };
        }
        fixed
    }

    /// The keys in physical tables.
    pub(super) fn in_tables(&self, physical_ids: &[i64]) -> Vec<PhysicalRanges> {
        let tables = physical_ids.iter().map(|physical_id| PhysicalRanges {
            physical_id: *physical_id,
            ranges: self.in_table(*physical_id, physical_ids.len()),
        });
        tables.filter(|table| !table.ranges.is_empty()).collect()
    }

    /// Whether there would be too many ranges in all partitions together.
    fn is_hull(&self, tables: usize) -> bool {
        tables > 1 && self.len().saturating_mul(tables) > MAX_RANGES
    }

    fn in_table(&self, physical_id: i64, tables: usize) -> Vec<KeyRange> {
        let Some(ranges) = &self.ranges else {
            let (start, end) = key::index_range(physical_id, self.index_id);
            return vec![KeyRange { start, end }];
        };
        let prefix = key::index_prefix(physical_id, self.index_id);
        let with = |datums: &[u8]| [prefix.as_slice(), datums].concat();
        let range =
            |(start, end): (&Vec<u8>, &Vec<u8>)| KeyRange { start: with(start), end: with(end) };
        if self.is_hull(tables) {
            let ends = ranges.ranges.first().zip(ranges.ranges.last());
            return ends.map(|((start, _), (_, end))| range((start, end))).into_iter().collect();
        }
        ranges.ranges.iter().map(|(start, end)| range((start, end))).collect()
    }

    /// `[a: [1,1] [3,3], b: (-inf,5]]`; `None` if there are too many to show, or none.
    pub(super) fn shown(&self, info: &TableInfo) -> Option<String> {
        let columns: Vec<i64> = self.columns.iter().take(self.narrowing()).copied().collect();
        explain::ranges(info, &columns, &self.domains)
    }
}

/// How many combinations of single values `domains` have, if they have no more than those.
fn values_of<'a>(domains: impl Iterator<Item = &'a Domain>) -> Option<usize> {
    let mut all = 1_usize;
    for domain in domains {
        let mut values = 0_usize;
        for interval in domain.intervals() {
            values = values.checked_add(
                match (interval.as_point(), interval.low(), interval.high()) {
                    (Some(_), _, _) => 1,
                    (None, Included(Value::Number(low)), Included(Value::Number(high))) => {
                        usize::try_from(high.checked_sub(*low)?.checked_add(1)?).ok()?
                    }
                    _ => return None,
                },
            )?;
        }
        all = all.checked_mul(values)?;
    }
    Some(all)
}

fn handle_columns(info: &TableInfo) -> Option<Vec<i64>> {
    Some(match info.handle().ok()? {
        HandleKind::Int(column) => vec![column.id],
        HandleKind::Common(_) => info.common_handle_column_ids().ok()?,
        HandleKind::RowId => vec![tifusion_schema::ColumnInfo::extra_handle().id],
    })
}
