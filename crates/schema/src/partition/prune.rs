//! From what a filter leaves of the columns to the partitions that may have such rows.

use std::collections::HashMap;

use tifusion_codec::datum;
use tifusion_codec::key::prefix_next;

use super::error::PartitionError;
use super::image::{self, Domains, Image};
use super::router::{PartitionRouter, RoutingColumn, Rule};
use crate::key_range::{Span, key_ranges, spans};
use crate::model::TableInfo;

/// Tells which partitions of a table may have rows that a filter leaves.
///
/// Whatever it does not know how to narrow it leaves in: the partitions are never too few.
#[derive(Debug, Clone)]
pub struct PartitionPruner {
    router: PartitionRouter,
}

impl PartitionPruner {
    /// A pruner for the partitions of `table`.
    ///
    /// # Errors
    /// [`PartitionError`] if the table is not partitioned, by something this version doesn't know, or
    /// if a schema change moves rows between its partitions: all must be read then.
    pub fn new(table: &TableInfo, new_collation: bool) -> Result<Self, PartitionError> {
        if table.partition_info().is_some_and(crate::PartitionInfo::is_changing) {
            return Err(PartitionError::Unsupported {
                text: table.name.original.clone(),
                reason: "a schema change runs on its partitions".to_owned(),
            });
        }
        Ok(Self { router: PartitionRouter::new(table, new_collation)? })
    }

    /// The offsets in the table of the columns that decide.
    #[must_use]
    pub fn columns(&self) -> Vec<usize> {
        self.router.columns()
    }

    /// Ids of the partitions that may have rows with values of `domains`, which are by offset of the
    /// column in the table; a column without one may have any value. In order of definition.
    #[must_use]
    pub fn prune(&self, domains: &Domains) -> Vec<i64> {
        let count = self.router.ids.len();
        let chosen = self.chosen(domains).unwrap_or_else(|| vec![true; count]);
        let ids = self.router.ids.iter().zip(chosen);
        ids.filter(|(_, chosen)| *chosen).map(|(id, _)| *id).collect()
    }

    /// For each partition whether it is needed; `None` if all are.
    fn chosen(&self, domains: &Domains) -> Option<Vec<bool>> {
        match &self.router.rule {
            Rule::Range(expr, bounds) => Some(of_bounds(bounds, &image::image(expr, domains)?)),
            Rule::RangeColumns(columns, bounds) => of_keys(columns, bounds, domains),
            Rule::Hash(expr) => self.of_remainders(&image::image(expr, domains)?),
            Rule::Key(columns) => self.of_routes(columns, domains),
            Rule::List { expr, values, default } => {
                let image = image::image(expr, domains)?;
                Some(self.of_list(values, *default, &image))
            }
            Rule::ListColumns { columns, values, default } => {
                self.of_lists(columns, values, *default, domains)
            }
        }
    }

    fn none(&self) -> Vec<bool> {
        vec![false; self.router.ids.len()]
    }

    fn of_remainders(&self, image: &Image) -> Option<Vec<bool>> {
        let partitions = i128::try_from(self.router.ids.len()).ok()?;
        let mut chosen = self.none();
        if image.null {
            choose(&mut chosen, self.router.remainder(0));
        }
        for (least, greatest) in &image.ranges {
            // As many numbers in a row as there are partitions meet all of them.
            if greatest.checked_sub(*least)? >= partitions - 1 {
                return None;
            }
            for number in *least..=*greatest {
                choose(&mut chosen, self.router.remainder(number));
            }
        }
        Some(chosen)
    }

    fn of_routes(&self, columns: &[RoutingColumn], domains: &Domains) -> Option<Vec<bool>> {
        let columns: Vec<_> =
            columns.iter().map(|column| (column.offset, column.key.field_type())).collect();
        let mut chosen = self.none();
        for row in image::rows(&columns, domains)? {
            let id = self.router.route(&row).ok()?;
            choose(&mut chosen, self.router.ids.iter().position(|other| *other == id));
        }
        Some(chosen)
    }

    fn of_list(
        &self,
        values: &HashMap<Option<i128>, usize>,
        default: Option<usize>,
        image: &Image,
    ) -> Vec<bool> {
        let mut chosen = self.none();
        let within = |number: i128| {
            image.ranges.iter().any(|(least, greatest)| (*least..=*greatest).contains(&number))
        };
        for (value, at) in values {
            if value.map_or(image.null, within) {
                choose(&mut chosen, Some(*at));
            }
        }
        let is_listed = |(least, greatest): &(i128, i128)| {
            // No list is that long.
            let few = greatest.checked_sub(*least).is_some_and(|more| more < 10_000);
            few && (*least..=*greatest).all(|number| values.contains_key(&Some(number)))
        };
        let all_listed =
            image.ranges.iter().all(is_listed) && (!image.null || values.contains_key(&None));
        if !all_listed {
            choose(&mut chosen, default);
        }
        chosen
    }

    fn of_lists(
        &self,
        columns: &[RoutingColumn],
        values: &HashMap<Vec<u8>, usize>,
        default: Option<usize>,
        domains: &Domains,
    ) -> Option<Vec<bool>> {
        let within: Vec<Option<Vec<Span>>> = columns
            .iter()
            .map(|column| domains.get(&column.offset).and_then(|d| spans(&column.key, d)))
            .collect();
        if within.iter().all(Option::is_none) {
            return None;
        }
        let mut chosen = self.none();
        for (key, at) in values {
            if is_within(key, &within)? {
                choose(&mut chosen, Some(*at));
            }
        }
        if !all_listed(columns, values, domains) {
            choose(&mut chosen, default);
        }
        Some(chosen)
    }
}

fn choose(chosen: &mut [bool], at: Option<usize>) {
    if let Some(chosen) = at.and_then(|at| chosen.get_mut(at)) {
        *chosen = true;
    }
}

/// The partitions between whose bounds the numbers are; `NULL` is in the first.
fn of_bounds(bounds: &[Option<i128>], image: &Image) -> Vec<bool> {
    let lows =
        std::iter::once(i128::MIN).chain(bounds.iter().map(|bound| bound.unwrap_or(i128::MAX)));
    let chosen = lows.zip(bounds).enumerate().map(|(at, (low, bound))| {
        let meets = |(least, greatest): &(i128, i128)| {
            *greatest >= low && bound.is_none_or(|bound| *least < bound)
        };
        (at == 0 && image.null) || image.ranges.iter().any(meets)
    });
    chosen.collect()
}

/// The partitions between whose bounds the keys of the columns are.
fn of_keys(columns: &[RoutingColumn], bounds: &[Vec<u8>], domains: &Domains) -> Option<Vec<bool>> {
    let with: Vec<_> =
        columns.iter().map(|column| (&column.key, domains.get(&column.offset))).collect();
    let keys = key_ranges(&with)?;
    let lows =
        std::iter::once(Some(Vec::new())).chain(bounds.iter().map(|bound| first_from(bound)));
    let chosen = lows.zip(bounds).map(|(low, bound)| {
        let low = low?;
        Some(keys.ranges.iter().any(|(start, end)| *end > low && start < bound))
    });
    chosen.collect()
}

/// Below all keys that are not below `bound`, as far as that is known: where `MAXVALUE` stands no key
/// has a value, so that the next one differs before. `None` if the bound is not made of datums.
fn first_from(bound: &[u8]) -> Option<Vec<u8>> {
    let mut rest = bound;
    while let Some(flag) = rest.first() {
        if *flag == datum::flag::MAX {
            let before = bound.get(..bound.len() - rest.len())?;
            return Some(if before.is_empty() { bound.to_vec() } else { prefix_next(before) });
        }
        datum::skip_one(&mut rest).ok()?;
    }
    Some(bound.to_vec())
}

/// Whether each datum of `key` is in the spans of its column; `None` if it is not made of datums.
fn is_within(key: &[u8], within: &[Option<Vec<Span>>]) -> Option<bool> {
    let mut rest = key;
    for spans in within {
        let datum = datum::skip_one(&mut rest).ok()?;
        let holds = |span: &Span| span.start.as_slice() <= datum && datum < span.end.as_slice();
        if spans.as_ref().is_some_and(|spans| !spans.iter().any(holds)) {
            return Some(false);
        }
    }
    Some(true)
}

/// Whether all that the columns may be is in a list, so that nothing of it is in the partition of the
/// rest.
fn all_listed(
    columns: &[RoutingColumn],
    values: &HashMap<Vec<u8>, usize>,
    domains: &Domains,
) -> bool {
    let types: Vec<_> =
        columns.iter().map(|column| (column.offset, column.key.field_type())).collect();
    let Some(rows) = image::rows(&types, domains) else { return false };
    rows.iter()
        .all(|row| super::router::row_key(columns, row).is_ok_and(|key| values.contains_key(&key)))
}
