//! Reading in the order of the keys: which orders that gives, and how segments are put in order. Pure.

use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::Schema;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Column;
use tifusion_codec::key::{Handle, encode_record_key};

use super::spec::{KeyRange, ScanOrder, Segment};

/// Most output partitions that a scan of a table with partitions becomes to be in order.
const MAX_PARTITIONS: usize = 64;

/// Columns by which the keys of a source ascend, as far as DataFusion orders their values alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeyOrder {
    pub(crate) columns: Vec<KeyOrderColumn>,
    /// No two rows of a physical table have the same values in all of `columns`.
    pub(crate) is_unique: bool,
    /// Numbers above [`i64::MAX`] come before all others in the keys.
    pub(crate) is_split: bool,
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
        let is_among = |column: &KeyOrderColumn| names.contains(&column.name.as_ref());
        let first = self.columns.iter().take_while(|column| is_among(column)).count();
        !names.is_empty() && first == names.len()
    }

    /// How to read for rows in `order`, over `schema`; `None` if no order of keys gives that.
    pub(crate) fn of_rows(
        &self,
        order: &[PhysicalSortExpr],
        schema: &Schema,
    ) -> Option<(ScanOrder, RowOrder)> {
        let desc = order.first()?.options.descending;
        let mut rows = RowOrder::new();
        for (at, part) in order.iter().enumerate() {
            let column = part.expr.downcast_ref::<Column>()?;
            let name = schema.fields().get(column.index())?.name();
            match self.columns.get(at) {
                Some(of_key) => {
                    let fits = of_key.name.as_ref() == name
                        && part.options.descending == desc
                        && (!of_key.is_nullable || part.options.nulls_first != desc);
                    if !fits {
                        return None;
                    }
                }
                // Behind all that tells rows apart, no two rows are left to order.
                None if self.is_unique => {}
                None => return None,
            }
            rows.push((name.as_str().into(), part.options));
        }
        Some((ScanOrder { desc }, rows))
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
        if self.is_split {
            let (above, below): (Vec<_>, Vec<_>) = segments.into_iter().map(halves).unzip();
            segments = below.into_iter().chain(above).flatten().collect();
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

/// The part of a segment with numbers above [`i64::MAX`], and the rest.
fn halves(segment: Segment) -> (Option<Segment>, Option<Segment>) {
    let zero = encode_record_key(segment.physical_id, &Handle::Int(0));
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for KeyRange { start, end } in segment.ranges {
        let ends_above = !end.is_empty() && end <= zero;
        if start >= zero {
            below.push(KeyRange { start, end });
        } else if ends_above {
            above.push(KeyRange { start, end });
        } else {
            above.push(KeyRange { start, end: zero.clone() });
            below.push(KeyRange { start: zero.clone(), end });
        }
    }
    let is_whole = above.is_empty() || below.is_empty();
    let regions = segment.regions.filter(|_| is_whole);
    let part = |ranges: Vec<KeyRange>| {
        let physical_id = segment.physical_id;
        (!ranges.is_empty()).then_some(Segment { physical_id, ranges, regions })
    };
    (part(above), part(below))
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
