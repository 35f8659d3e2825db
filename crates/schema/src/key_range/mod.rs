//! From the values of columns to ranges of keys: for clustered primary keys, for indexes, and for the
//! bounds of partitions, which are compared as keys are.
//!
//! The ranges hold the key of every row whose columns have values of their [`Domain`]s. They may hold
//! more: where text is compared otherwise in keys than in Arrow, and where keys hold a prefix only.

mod span;

pub use span::{Span, spans};

use tifusion_codec::index::KeyColumn;
use tifusion_codec::key::prefix_next;

use crate::domain::Domain;

/// Most ranges that the values of several columns are multiplied to. Where there would be more, the
/// ranges are those of fewer columns: `a IN (…) AND b IN (…)` reads all `b` of each `a` then.
pub const MAX_PRODUCT: usize = 1_000;

/// Ranges of keys that are memory-comparable datums one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRanges {
    /// Half-open, ascending, disjoint. None if no row can match.
    pub ranges: Vec<(Vec<u8>, Vec<u8>)>,
    /// How many of the columns narrow them.
    pub columns: usize,
    /// Whether each range holds one value of each of all the columns.
    pub is_points: bool,
}

/// The ranges of keys with the values that `columns` may have; `None` if they exclude nothing.
///
/// The first columns that have single values are multiplied out; the first one with intervals of
/// values ends the key. A column without a domain may have any value.
#[must_use]
pub fn key_ranges(columns: &[(&KeyColumn, Option<&Domain>)]) -> Option<KeyRanges> {
    let is_none = |(_, domain): &(_, Option<&Domain>)| domain.is_some_and(Domain::is_none);
    if columns.iter().any(is_none) {
        return Some(KeyRanges { ranges: Vec::new(), columns: columns.len(), is_points: true });
    }
    let mut ranges: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut used = 0;
    for (column, domain) in columns {
        let Some(spans) = domain.and_then(|domain| spans(column, domain)) else { break };
        let count = ranges.len().max(1).saturating_mul(spans.len());
        if used > 0 && spans.len() > 1 && count > MAX_PRODUCT {
            break;
        }
        ranges = multiply(&ranges, used == 0, &spans);
        used += 1;
        if !spans.iter().all(|span| span.is_point) {
            return Some(KeyRanges { ranges, columns: used, is_points: false });
        }
    }
    (used > 0).then_some(KeyRanges { ranges, columns: used, is_points: used == columns.len() })
}

/// Each of `heads`, which are single values of the columns before, with each of `spans`.
fn multiply(
    heads: &[(Vec<u8>, Vec<u8>)],
    is_first: bool,
    spans: &[Span],
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let empty = [(Vec::new(), Vec::new())];
    let heads = if is_first { &empty } else { heads };
    let product = heads.iter().flat_map(|(head, _)| {
        spans.iter().map(move |span| {
            let with = |tail: &[u8]| [head.as_slice(), tail].concat();
            (with(&span.start), with(&span.end))
        })
    });
    product.collect()
}

/// The range of the keys that begin with `prefix`.
pub(crate) fn of_prefix(prefix: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let end = prefix_next(&prefix);
    (prefix, end)
}

#[cfg(test)]
mod tests;
