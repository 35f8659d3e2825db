//! Reading in the order of the keys: which orders that gives, and how segments are put in order. Pure.

use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::Schema;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Column;
use tifusion_codec::key::{Handle, encode_record_key, index_prefix};

use super::spec::{KeyRange, ScanOrder, Segment};

/// Most output partitions that a scan of a table with partitions becomes to be in order.
const MAX_PARTITIONS: usize = 64;

/// Columns by which the keys of a source ascend, as far as DataFusion orders their values alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeyOrder {
    /// Those before them, which have one value in all keys that are read.
    pub(crate) fixed: Vec<Arc<str>>,
    pub(crate) columns: Vec<KeyOrderColumn>,
    /// No two rows of a physical table have the same values in all of `fixed` and `columns`.
    pub(crate) is_unique: bool,
    /// Where the keys are to be cut, so that what is before comes behind the rest; `None` for nowhere.
    pub(crate) cut: Option<Cut>,
}

/// A place in the keys of a physical table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Numbers above [`i64::MAX`] come before all others.
    Unsigned,
    /// Entries of an index that become `NULL` in the first column come before all others. They are only cut
    /// off for an order that has them behind.
    Nulls {
        /// The index.
        index_id: i64,
        /// The datums that the first key behind them begins with.
        behind: Vec<u8>,
    },
}

/// What all keys of an index that are read begin with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FixedKey {
    /// How many of the index's columns that is.
    pub(crate) columns: usize,
    /// Their datums.
    pub(crate) datums: Vec<u8>,
}

/// A column of a [`KeyOrder`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyOrderColumn {
    pub(crate) name: Arc<str>,
    /// Whether it may be `NULL`, which comes before all values.
    pub(crate) is_nullable: bool,
}

/// An order of rows that a scan keeps: columns by name.
pub(crate) type RowOrder = Vec<(Arc<str>, SortOptions)>;

impl KeyOrder {
    /// Whether rows with the same values in these columns have keys one after another.
    pub(crate) fn begins_with(&self, names: &[&str]) -> bool {
        let is_fixed = |name: &&str| self.fixed.iter().any(|fixed| fixed.as_ref() == *name);
        let other = names.iter().filter(|name| !is_fixed(name)).count();
        let is_among = |column: &KeyOrderColumn| names.contains(&column.name.as_ref());
        let first = self.columns.iter().take_while(|column| is_among(column)).count();
        !names.is_empty() && first == other
    }

    /// How to read for rows in `order`, over `schema`; `None` if no order of keys gives that.
    pub(crate) fn of_rows(
        &self,
        order: &[PhysicalSortExpr],
        schema: &Schema,
    ) -> Option<(ScanOrder, RowOrder)> {
        let mut asked = ScanOrder { desc: order.first()?.options.descending, nulls_apart: false };
        let mut rows = RowOrder::new();
        let mut at = 0_usize;
        for part in order {
            let column = part.expr.downcast_ref::<Column>()?;
            let name: Arc<str> = schema.fields().get(column.index())?.name().as_str().into();
            let is_fixed = self.fixed.contains(&name);
            match self.columns.get(at) {
                // One value is in any order.
                _ if is_fixed => {}
                Some(of_key) if of_key.name == name => {
                    if at == 0 {
                        asked.desc = part.options.descending;
                    }
                    if part.options.descending != asked.desc {
                        return None;
                    }
                    if of_key.is_nullable && part.options.nulls_first == asked.desc {
                        let may_cut = at == 0 && matches!(self.cut, Some(Cut::Nulls { .. }));
                        asked.nulls_apart = may_cut.then_some(true)?;
                    }
                    at += 1;
                }
                Some(_) => return None,
                // Behind all that tells rows apart, no two rows are left to order.
                None if self.is_unique => {}
                None => return None,
            }
            rows.push((name, part.options));
        }
        Some((asked, rows))
    }

    /// `partitions`, which hold segments in the order of their keys, such that the rows of each are in
    /// order when its segments are read one after another; `None` if that takes too many.
    pub(crate) fn arrange(
        &self,
        partitions: &[Vec<Segment>],
        order: ScanOrder,
    ) -> Option<Vec<Vec<Segment>>> {
        let mut arranged = Vec::new();
        for partition in partitions {
            for segments in partition.chunk_by(|one, other| one.physical_id == other.physical_id) {
                arranged.push(self.in_order(segments.to_vec(), order));
            }
            if partition.is_empty() {
                arranged.push(Vec::new());
            }
        }
        let at_most = partitions.len().max(MAX_PARTITIONS);
        let is_one = partitions.len() == 1 && arranged.len() > 1;
        (arranged.len() <= at_most && !is_one).then_some(arranged)
    }

    /// All segments as one partition; `None` if they are of several physical tables, whose keys say
    /// nothing of each other's.
    pub(crate) fn as_one(
        &self,
        partitions: &[Vec<Segment>],
        order: ScanOrder,
    ) -> Option<Vec<Segment>> {
        let all: Vec<Segment> = partitions.iter().flatten().cloned().collect();
        let is_one = all.windows(2).all(|pair| match pair {
            [one, other] => one.physical_id == other.physical_id,
            _ => true,
        });
        is_one.then(|| self.in_order(all, order))
    }

    /// Segments of one physical table in the order in which they are read.
    fn in_order(&self, segments: Vec<Segment>, order: ScanOrder) -> Vec<Segment> {
        let mut segments = by_key(segments);
        if let Some(cut) = self.cut.as_ref().filter(|cut| cut.is_for(order)) {
            let halves = segments.into_iter().map(|segment| cut.halves(segment));
            let (before, behind): (Vec<_>, Vec<_>) = halves.unzip();
            segments = behind.into_iter().chain(before).flatten().collect();
        }
        if order.desc {
            segments.reverse();
        }
        segments
    }
}

/// In the order of the keys.
fn by_key(mut segments: Vec<Segment>) -> Vec<Segment> {
    let start = |segment: &Segment| segment.ranges.first().map(|range| range.start.clone());
    segments.sort_by_cached_key(start);
    segments
}

impl Cut {
    /// Whether rows in `order` are read in two parts.
    fn is_for(&self, order: ScanOrder) -> bool {
        match self {
            Self::Unsigned => true,
            Self::Nulls { .. } => order.nulls_apart,
        }
    }

    /// The first key behind it.
    fn key(&self, physical_id: i64) -> Vec<u8> {
        match self {
            Self::Unsigned => encode_record_key(physical_id, &Handle::Int(0)),
            Self::Nulls { index_id, behind } => {
                let mut key = index_prefix(physical_id, *index_id);
                key.extend_from_slice(behind);
                key
            }
        }
    }

    /// The part of a segment before it, and the rest.
    fn halves(&self, segment: Segment) -> (Option<Segment>, Option<Segment>) {
        let cut = self.key(segment.physical_id);
        let (mut before, mut behind) = (Vec::new(), Vec::new());
        for KeyRange { start, end } in segment.ranges {
            let ends_before = !end.is_empty() && end <= cut;
            if start >= cut {
                behind.push(KeyRange { start, end });
            } else if ends_before {
                before.push(KeyRange { start, end });
            } else {
                before.push(KeyRange { start, end: cut.clone() });
                behind.push(KeyRange { start: cut.clone(), end });
            }
        }
        let is_whole = before.is_empty() || behind.is_empty();
        let regions = segment.regions.filter(|_| is_whole);
        let part = |ranges: Vec<KeyRange>| {
            let physical_id = segment.physical_id;
            (!ranges.is_empty()).then_some(Segment { physical_id, ranges, regions })
        };
        (part(before), part(behind))
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
