//! By which way a table's rows are read: all of them or some by handle, or by an index.
//!
//! Pure: filters, statistics and the columns that are needed in, the cheapest way out. Statistics only
//! choose among ways that all lead to every row that matches, so bad ones cost time, never rows.
//!
//! [`index`] finds the ranges of an index, [`estimate`] how many rows they have, [`cost`] what reading
//! them costs, [`merge`] the ways by several indexes, one for each side of an `OR`.

mod cost;
mod estimate;
mod index;
mod merge;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use datafusion::physical_plan::PhysicalExpr;
use tifusion_schema::stats::TableStatistics;
use tifusion_schema::{Domain, IndexInfo, TableInfo};

use super::filter::{self, Restriction};
use super::handle_range::HandleRanges;
use super::{FilteredTable, PhysicalRanges, TableAccess, explain};
use crate::error::Result;
use crate::scan::spec::AccessSummary;
use cost::{Cost, Widths};
use estimate::{Basis, Estimator, Rows};
use index::IndexRanges;

/// A way of one key each whose rows are read by it whatever statistics say: so few are never much.
const FEW_POINTS: usize = 1_000;

/// What a scan needs, and what is known of its table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand<'a> {
    /// Ids of the columns that it reads.
    pub(crate) columns: &'a [i64],
    /// What is known of the table.
    pub(crate) statistics: &'a TableStatistics,
    /// Which indexes may be used.
    pub(crate) indexes: IndexUse<'a>,
}

/// Which indexes may be used.
#[derive(Debug, Clone, Copy)]
pub(crate) enum IndexUse<'a> {
    /// None.
    Never,
    /// Those that cost less than the table, but none of these ids.
    ByCost { but: &'a [i64] },
    /// One of these ids, whatever it costs, if it narrows what is read or covers what is needed.
    Forced(&'a [i64]),
}

/// Keys of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexKeys {
    /// The index.
    pub(crate) index_id: i64,
    /// Ranges of its raw keys, in order of the partitions; none if no row can match.
    pub(crate) tables: Vec<PhysicalRanges>,
    /// Whether the index is unique, and each range is one whole key without `NULL`: a point for the
    /// stores, at which there is at most one entry.
    pub(crate) is_points: bool,
}

/// A way to a table's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AccessPath {
    /// By handle.
    Table(Vec<PhysicalRanges>),
    /// The entries of an index have all that is needed.
    Covering(IndexKeys),
    /// Handles from the entries of indexes (of one, or of one for each side of an `OR`), then rows by
    /// handle.
    Lookup(Vec<IndexKeys>),
}

/// The way that was chosen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChosenPath {
    /// The way.
    pub(crate) path: AccessPath,
    /// How it is shown.
    pub(crate) summary: AccessSummary,
    /// Rows that match, as far as statistics of the columns tell; `None` if they don't.
    pub(crate) rows: Option<f64>,
}

/// A way and what it costs.
#[derive(Debug, Clone)]
struct Candidate {
    way: Way,
    rows: Rows,
    cost: Cost,
    /// Whether it is chosen before all that are not: it ends after a few keys.
    is_few: bool,
    /// Whether it must not win, for its cost is a guess.
    is_guess: bool,
}

#[derive(Debug, Clone)]
enum Way {
    Table(HandleRanges),
    Covering(IndexRanges),
    Lookup(IndexRanges),
    Merge(Vec<IndexRanges>),
}

/// The indexes of a table that rows can be found by.
pub(crate) fn usable_indexes(info: &TableInfo) -> impl Iterator<Item = &IndexInfo> {
    info.indices.iter().filter(|index| index::is_usable(info, index))
}

impl FilteredTable<'_> {
    /// The cheapest way to the rows that meet all of `conjuncts`.
    pub(crate) fn choose(
        &self,
        conjuncts: &[Arc<dyn PhysicalExpr>],
        demand: &Demand<'_>,
    ) -> Result<ChosenPath> {
        let Restriction::Columns(columns) = filter::all_of(conjuncts, self.schema) else {
            let TableAccess { tables, summary } = self.nothing();
            return Ok(ChosenPath { path: AccessPath::Table(tables), summary, rows: Some(0.0) });
        };
        let domains = self.by_id(columns);
        let partitions = self.partitions(&domains);
        let new_collation = self.new_collation.unwrap_or_default();
        let estimator =
            Estimator::new(self.info, demand.statistics, &domains, &partitions, new_collation);
        let widths = Widths::new(self.info, demand.statistics);
        let chooser = Chooser { table: self, demand, domains: &domains, estimator, widths };
        let handle = HandleRanges::of(self.info, &domains, self.new_collation)?;
        let mut candidates = vec![chooser.by_handle(&handle)];
        candidates.extend(chooser.by_index());
        candidates.extend(merge::candidates(&chooser, conjuncts));
        let best = best(&candidates, demand);
        let rows = chooser.estimator.matching();
        let rejected = candidates.iter().enumerate().filter(|(at, _)| *at != best);
        let rejected = rejected.map(|(_, other)| chooser.shown(other)).collect();
        let Some(best) = candidates.get(best).cloned() else {
            // There is the table at least.
            let TableAccess { tables, summary } = self.access(conjuncts)?;
            return Ok(ChosenPath { path: AccessPath::Table(tables), summary, rows });
        };
        let chosen = (candidates.len() > 1).then(|| chooser.shown(&best));
        let (path, mut summary) = chooser.carry_out(best.way, &partitions)?;
        summary.chosen = chosen;
        summary.rejected = rejected;
        Ok(ChosenPath { path, summary, rows })
    }
}

/// The place of the best candidate: of those with few keys the cheapest, else the cheapest whose cost is
/// no guess.
fn best(candidates: &[Candidate], demand: &Demand<'_>) -> usize {
    let is_forced = matches!(demand.indexes, IndexUse::Forced(_));
    let by = |candidate: &&(usize, &Candidate)| {
        let is_table = matches!(candidate.1.way, Way::Table(_));
        // An index that was asked for is used if there is a way by it.
        (is_forced && is_table, !candidate.1.is_few, candidate.1.cost)
    };
    let may_win = |(_, candidate): &(usize, &Candidate)| !candidate.is_guess || is_forced;
    let numbered: Vec<(usize, &Candidate)> =
        candidates.iter().enumerate().filter(may_win).collect();
    let least = numbered.iter().min_by(|one, other| {
        let (one, other) = (by(one), by(other));
        (one.0, one.1).cmp(&(other.0, other.1)).then(one.2.total_cmp(other.2))
    });
    least.map_or(0, |(at, _)| *at)
}

/// Puts candidates together.
struct Chooser<'a> {
    table: &'a FilteredTable<'a>,
    demand: &'a Demand<'a>,
    domains: &'a BTreeMap<i64, Domain>,
    estimator: Estimator<'a>,
    widths: Widths<'a>,
}

impl Chooser<'_> {
    fn by_handle(&self, handle: &HandleRanges) -> Candidate {
        let rows = self.estimator.of_handle(handle);
        let points = handle.points();
        Candidate {
            cost: cost::of_scan(rows.count, handle.len(), self.widths.row()),
            is_few: points.is_some_and(|points| points <= FEW_POINTS),
            // However little is known of it: there is no other way that all rows are sure to be on.
            is_guess: false,
            rows,
            way: Way::Table(handle.clone()),
        }
    }

    /// One for each index that may be used and is of use.
    fn by_index(&self) -> Vec<Candidate> {
        let indexes = self.indexes();
        indexes.filter_map(|index| self.of_index(index, self.domains)).collect()
    }

    /// The indexes that may be used.
    fn indexes(&self) -> impl Iterator<Item = &IndexInfo> {
        let may = |id: i64| match self.demand.indexes {
            IndexUse::Never => false,
            IndexUse::ByCost { but } => !but.contains(&id),
            IndexUse::Forced(only) => only.contains(&id),
        };
        usable_indexes(self.table.info).filter(move |index| may(index.id))
    }

    fn of_index(&self, index: &IndexInfo, domains: &BTreeMap<i64, Domain>) -> Option<Candidate> {
        let keys = IndexRanges::of(self.table.info, index, domains, self.table.new_collation)?;
        let is_covering = keys.cover(self.table.info, self.demand.columns);
        if !keys.is_narrowed() && !(is_covering && self.may_read_whole(&keys)) {
            return None;
        }
        let rows = self.estimator.of_index(&keys);
        let scan = cost::of_scan(rows.count, keys.len(), self.widths.entry(&keys));
        let is_few = keys.most().is_some_and(|most| most <= FEW_POINTS);
        let is_known = is_few || rows.basis == Basis::Analyzed;
        Some(match is_covering {
            true => Candidate {
                // It has fewer bytes than the table, unless that is narrowed and this is not known.
                is_guess: !is_known && self.estimator.is_table_narrowed(),
                way: Way::Covering(keys),
                rows,
                cost: scan,
                is_few,
            },
            false => Candidate {
                is_guess: !is_known,
                cost: scan + cost::of_lookup(self.estimator.found(&keys, rows), self.widths.row()),
                way: Way::Lookup(keys),
                rows,
                is_few,
            },
        })
    }

    /// Whether an index may stand for the whole table: not when the table's own order may be wanted, in
    /// which a scan of the table costs no sort.
    fn may_read_whole(&self, keys: &IndexRanges) -> bool {
        let first = self.table.info.primary_key_columns().unwrap_or_default();
        let is_in_order = first.first().is_some_and(|first| {
            self.demand.columns.contains(&first.id) && self.demand.columns.len() > 1
        });
        !is_in_order && !keys.has_array()
    }

    /// The raw keys of a way.
    fn carry_out(&self, way: Way, partitions: &[i64]) -> Result<(AccessPath, AccessSummary)> {
        let keys = |ranges: &IndexRanges| ranges.in_tables(partitions);
        Ok(match way {
            Way::Table(handle) => {
                let TableAccess { tables, summary } =
                    self.table.by_handle(&handle, self.domains)?;
                (AccessPath::Table(tables), summary)
            }
            Way::Covering(ranges) => {
                let keys = keys(&ranges);
                let summary = self.summary(&keys.tables, &ranges);
                (AccessPath::Covering(keys), summary)
            }
            Way::Lookup(ranges) => {
                let keys = keys(&ranges);
                let summary = self.summary(&keys.tables, &ranges);
                (AccessPath::Lookup(vec![keys]), summary)
            }
            Way::Merge(sides) => {
                let all: Vec<IndexKeys> = sides.iter().map(keys).collect();
                let tables = all.first().map(|keys| keys.tables.as_slice()).unwrap_or_default();
                let mut summary = AccessSummary {
                    partitions: explain::partitions(self.table.info, tables),
                    ..AccessSummary::default()
                };
                let shown = sides.iter().map(|side| side.shown(self.table.info));
                summary.ranges = shown.collect::<Option<Vec<_>>>().map(|sides| sides.join(" or "));
                (AccessPath::Lookup(all), summary)
            }
        })
    }

    fn summary(&self, tables: &[PhysicalRanges], ranges: &IndexRanges) -> AccessSummary {
        if tables.is_empty() {
            return explain::nothing(self.table.info);
        }
        AccessSummary {
            partitions: explain::partitions(self.table.info, tables),
            ranges: ranges.shown(self.table.info),
            ..AccessSummary::default()
        }
    }

    /// `ia lookup rows≈12 cost=3456`.
    fn shown(&self, candidate: &Candidate) -> String {
        let name = match &candidate.way {
            Way::Table(_) => "table".to_owned(),
            Way::Covering(keys) => format!("{} covering", keys.name()),
            Way::Lookup(keys) => format!("{} lookup", keys.name()),
            Way::Merge(sides) => {
                let names: Vec<&str> = sides.iter().map(IndexRanges::name).collect();
                format!("{} merge", names.join(" or "))
            }
        };
        let Candidate { rows, cost, is_guess, .. } = candidate;
        let note = if *is_guess { " (a guess)" } else { "" };
        format!("{name} rows≈{} cost={}{note}", Whole(rows.count), Whole(cost.value()))
    }
}

/// A number without its fraction.
struct Whole(f64);

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}", self.0)
    }
}
