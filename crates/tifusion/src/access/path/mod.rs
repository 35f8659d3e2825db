//! By which way a table's rows are read: all of them or some by handle, or by an index.
//!
//! Pure: filters, statistics and the columns that are needed in, the cheapest way out. Statistics only
//! choose among ways that all lead to every row that matches, so bad ones cost time, never rows.
//!
//! [`index`] finds the ranges of an index, [`estimate`] how many rows they have, [`cost`] what reading
//! them costs, [`columnar`] the way by TiFlash, [`merge`] the ways by several indexes, one for each side of an `OR`, and [`order`] the first
//! rows in an order by an index that has it.

mod columnar;
mod cost;
mod estimate;
mod index;
mod merge;
pub(crate) mod order;
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
use crate::config::ReadEngines;
use crate::error::{Error, ErrorKind, Result};
use crate::scan::entries::IndexEntries;
use crate::scan::order::FixedKey;
use crate::scan::spec::AccessSummary;
use cost::{Cost, Widths};
pub(crate) use estimate::combined;
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
    pub(crate) indexes: IndexUse,
    /// Whose data may be read; without TiKV's there are no indexes.
    pub(crate) engines: ReadEngines,
}

/// Which indexes may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexUse {
    /// None.
    Never,
    /// Those that cost less than the table.
    ByCost,
    /// The best of all that narrow what is read or cover what is needed, whatever it costs.
    First,
}

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathSource {
    /// The rows.
    Table,
    /// The columns that are needed, of TiFlash.
    Columnar,
    /// The entries of an index, which have all that is needed.
    Covering {
        /// The index.
        index_id: i64,
    },
    /// Handles from the entries of indexes (of one, or of one for each side of an `OR`), then rows by
    /// handle.
    Lookup {
        /// The indexes.
        index_ids: Vec<i64>,
    },
}

/// The way to a table's rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AccessPath {
    /// What is read.
    pub(crate) source: PathSource,
    /// Its keys: of rows, or of entries, for each index if there are several; in order of the
    /// partitions, none if no row can match.
    pub(crate) tables: Vec<PhysicalRanges>,
    /// For `EXPLAIN`.
    pub(crate) summary: AccessSummary,
    /// Rows that match, as far as statistics of the columns tell; `None` if they don't.
    pub(crate) rows: Option<f64>,
    /// Rows, or entries, that there are in its keys, whether or not they match; `None` where that is a guess.
    pub(crate) read_rows: Option<u64>,
    /// What all keys of an index begin with.
    pub(crate) fixed: FixedKey,
    /// What it costs, and whether that is little whatever statistics say.
    pub(crate) price: Price,
}

/// What a way costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Price {
    cost: Cost,
    is_few: bool,
    is_table: bool,
}

impl Default for Price {
    fn default() -> Self {
        Self { cost: Cost::NOTHING, is_few: true, is_table: true }
    }
}

impl From<TableAccess> for AccessPath {
    fn from(TableAccess { tables, summary }: TableAccess) -> Self {
        Self {
            source: PathSource::Table,
            tables,
            summary,
            rows: None,
            read_rows: None,
            fixed: FixedKey::default(),
            price: Price::default(),
        }
    }
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

impl Candidate {
    /// How many rows or entries it has; `None` if that rests on no count and no analysis.
    fn known_rows(&self, statistics: &TableStatistics) -> Option<u64> {
        let is_known = self.rows.basis == Basis::Analyzed && statistics.counted_rows().is_some();
        (is_known || self.is_few).then(|| estimate::whole(self.rows.count))
    }
}

#[derive(Debug, Clone)]
enum Way {
    Table(HandleRanges),
    Columnar(HandleRanges),
    Covering(IndexRanges),
    Lookup(IndexRanges),
    Merge(Vec<IndexRanges>),
}

impl Way {
    /// Whether it goes by no index.
    fn is_table(&self) -> bool {
        matches!(self, Self::Table(_) | Self::Columnar(_))
    }
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
    ) -> Result<AccessPath> {
        let Restriction::Columns(columns) = filter::all_of(conjuncts, self.schema) else {
            let nothing = self.nothing().into();
            return Ok(AccessPath { rows: Some(0.0), read_rows: Some(0), ..nothing });
        };
        let domains = self.by_id(columns);
        let partitions = self.partitions(&domains);
        let chooser = Chooser::new(self, demand, &domains, &partitions);
        let handle = HandleRanges::of(self.info, &domains, self.new_collation)?;
        let mut candidates = Vec::new();
        if demand.engines.tikv {
            candidates.push(chooser.by_handle(&handle));
            candidates.extend(chooser.by_index());
            candidates.extend(merge::candidates(&chooser, conjuncts));
        }
        candidates.extend(chooser.by_columns(&handle, &partitions));
        let best = best(&candidates, demand);
        let rows = chooser.estimator.matching();
        let Some(chosen) = candidates.get(best) else {
            return Err(columnar::none_has(self.info, demand.engines));
        };
        let mut path = chooser.carry_out(&chosen.way, &partitions)?;
        path.rows = rows;
        path.read_rows = chosen.known_rows(demand.statistics);
        let is_table = chosen.way.is_table();
        path.price = Price { cost: chosen.cost, is_few: chosen.is_few, is_table };
        path.summary.chosen = (candidates.len() > 1).then(|| chooser.shown(chosen));
        let rejected = candidates.iter().enumerate().filter(|(at, _)| *at != best);
        path.summary.rejected = rejected.map(|(_, other)| chooser.shown(other)).collect();
        Ok(path)
    }

    /// The keys of an index's entries for rows that meet all of `conjuncts`.
    ///
    /// # Errors
    /// When the table has no such index.
    pub(crate) fn entries(
        &self,
        index_id: i64,
        conjuncts: &[Arc<dyn PhysicalExpr>],
    ) -> Result<Vec<PhysicalRanges>> {
        let Restriction::Columns(columns) = filter::all_of(conjuncts, self.schema) else {
            return Ok(Vec::new());
        };
        let domains = self.by_id(columns);
        let index = self.info.find_index_by_id(index_id);
        let keys =
            index.and_then(|index| IndexRanges::of(self.info, index, &domains, self.new_collation));
        let keys = keys.ok_or_else(|| {
            Error::new(ErrorKind::Data, format!("no keys of the index {index_id} are known"))
                .with_context("table", self.info.name.as_str())
        })?;
        Ok(keys.in_tables(&self.partitions(&domains)))
    }
}

/// The place of the best candidate: of those with few keys the cheapest, else the cheapest whose cost is
/// no guess.
fn best(candidates: &[Candidate], demand: &Demand<'_>) -> usize {
    let is_forced = demand.indexes == IndexUse::First;
    let by = |candidate: &&(usize, &Candidate)| {
        let is_table = candidate.1.way.is_table();
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

impl<'a> Chooser<'a> {
    /// Of the ways to rows with values of `domains`, which are in `partitions`.
    fn new(
        table: &'a FilteredTable<'a>,
        demand: &'a Demand<'a>,
        domains: &'a BTreeMap<i64, Domain>,
        partitions: &[i64],
    ) -> Self {
        let new_collation = table.new_collation.unwrap_or_default();
        let estimator =
            Estimator::new(table.info, demand.statistics, domains, partitions, new_collation);
        let widths = Widths::new(table.info, demand.statistics);
        Self { table, demand, domains, estimator, widths }
    }
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
        let may = self.demand.indexes != IndexUse::Never && self.demand.engines.tikv;
        usable_indexes(self.table.info).filter(move |_| may)
    }

    fn of_index(&self, index: &IndexInfo, domains: &BTreeMap<i64, Domain>) -> Option<Candidate> {
        let entries = IndexEntries::of(self.table.info, index).ok()?;
        let is_covering = entries.covers(self.demand.columns.iter().copied());
        if !is_covering && !self.tells_rows(index) {
            return None;
        }
        let keys = IndexRanges::of(self.table.info, index, domains, self.table.new_collation)?;
        let may_read_whole = is_covering && self.may_read_whole();
        if !keys.is_narrowed() && !may_read_whole {
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

    /// Whether the handles of rows can be made of the entries of an index.
    fn tells_rows(&self, index: &IndexInfo) -> bool {
        let entries = IndexEntries::of(self.table.info, index);
        entries.is_ok_and(|entries| entries.handle_columns(self.table.new_collation).is_ok())
    }

    /// Whether an index may stand for the whole table: not when the table's own order may be wanted, in
    /// which a scan of the table costs no sort.
    fn may_read_whole(&self) -> bool {
        let first = self.table.info.primary_key_columns().unwrap_or_default();
        !first.first().is_some_and(|first| self.demand.columns.contains(&first.id))
    }

    /// The raw keys of a way.
    fn carry_out(&self, way: &Way, partitions: &[i64]) -> Result<AccessPath> {
        let (source, sides) = match way {
            Way::Table(handle) => return Ok(self.table.by_handle(handle, self.domains)?.into()),
            Way::Columnar(handle) => {
                let path: AccessPath = self.table.by_handle(handle, self.domains)?.into();
                return Ok(AccessPath { source: PathSource::Columnar, ..path });
            }
            Way::Covering(keys) => {
                (PathSource::Covering { index_id: keys.index_id() }, std::slice::from_ref(keys))
            }
            Way::Lookup(keys) => {
                let index_ids = vec![keys.index_id()];
                (PathSource::Lookup { index_ids }, std::slice::from_ref(keys))
            }
            Way::Merge(sides) => {
                let index_ids = sides.iter().map(IndexRanges::index_id).collect();
                (PathSource::Lookup { index_ids }, sides.as_slice())
            }
        };
        let info = self.table.info;
        let tables: Vec<PhysicalRanges> =
            sides.iter().flat_map(|side| side.in_tables(partitions)).collect();
        let shown: Option<Vec<String>> = sides.iter().map(|side| side.shown(info)).collect();
        let summary = match tables.is_empty() {
            true => explain::nothing(info),
            false => AccessSummary {
                partitions: explain::partitions(info, &tables),
                ranges: shown.map(|shown| shown.join(" or ")),
                ..AccessSummary::default()
            },
        };
        let fixed = match sides {
            [keys] => keys.fixed(),
            _ => FixedKey::default(),
        };
        Ok(AccessPath { source, fixed, ..TableAccess { tables, summary }.into() })
    }

    /// `ia lookup rows≈12 cost=3456`.
    fn shown(&self, candidate: &Candidate) -> String {
        let name = match &candidate.way {
            Way::Table(_) => "table".to_owned(),
            Way::Columnar(_) => "tiflash".to_owned(),
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
