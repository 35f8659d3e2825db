//! What of a table a filter needs: which partitions, and which ranges of keys in them.
//!
//! Pure: the filter's conjuncts over the table's Arrow schema in, ranges out. The rows in the ranges
//! are those that the filter may be true for and perhaps more, so DataFusion filters them again. What
//! a conjunct says that this module does not understand is left out, which reads more, never less.
//!
//! [`filter`] finds what conjuncts leave of each column, [`comparison`] what one comparison does;
//! [`handle_range`] makes ranges of it, and `tifusion_schema::partition` chooses partitions. [`path`]
//! weighs the table against its indexes, [`source_keys`] finds ranges for filters that come while a
//! statement runs, and [`key_order`] says what order the rows are in.

mod comparison;
mod explain;
mod filter;
mod handle_range;
mod key_columns;
pub(crate) mod key_order;
pub(crate) mod path;
pub(crate) mod source_keys;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::physical_plan::PhysicalExpr;
use tifusion_schema::domain::Interval;
use tifusion_schema::{Domain, PartitionPruner, TableInfo};

use crate::error::Result;
use crate::scan::spec::{AccessSummary, KeyRange};
use filter::Restriction;
use handle_range::HandleRanges;

/// Most pairs of an interval and a partition, or a value that one lists, that are looked at one by one.
const MAX_LOOKS: usize = 4_000_000;

/// Most comparisons of an interval with a partition, or a value that one lists, to choose partitions at all.
const MAX_COMPARISONS: usize = 50_000_000;

/// Most ranges in all partitions together: planned, sent and held in memory one by one.
const MAX_RANGES: usize = 100_000;

/// A table whose filters are looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FilteredTable<'a> {
    /// TiDB's description.
    pub(crate) info: &'a TableInfo,
    /// The schema that filters refer to.
    pub(crate) schema: &'a Schema,
    /// Ids of the schema's columns.
    pub(crate) column_ids: &'a [i64],
    /// Whether strings compare by the new collations; `None` if that is not known, so that no key of
    /// text is.
    pub(crate) new_collation: Option<bool>,
    /// The partitions that the statement names, by id; `None` for all.
    pub(crate) only: Option<&'a [i64]>,
}

/// The ranges to read of a physical table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PhysicalRanges {
    /// The id in the keys.
    pub(crate) physical_id: i64,
    /// Ascending and disjoint.
    pub(crate) ranges: Vec<KeyRange>,
}

/// What to read of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableAccess {
    /// In order of the partitions; none if no row can match.
    pub(crate) tables: Vec<PhysicalRanges>,
    /// For `EXPLAIN`.
    pub(crate) summary: AccessSummary,
}

impl FilteredTable<'_> {
    /// What to read for rows that meet all of `conjuncts`.
    pub(crate) fn access(&self, conjuncts: &[Arc<dyn PhysicalExpr>]) -> Result<TableAccess> {
        let Restriction::Columns(columns) = filter::all_of(conjuncts, self.schema) else {
            return Ok(self.nothing());
        };
        let domains = self.by_id(columns);
        let handle = HandleRanges::of(self.info, &domains, self.new_collation)?;
        self.by_handle(&handle, &domains)
    }

    /// The rows with these handles, in the partitions that may have values of `domains`.
    fn by_handle(
        &self,
        handle: &HandleRanges,
        domains: &BTreeMap<i64, Domain>,
    ) -> Result<TableAccess> {
        let mut tables = self.handles_of_partitions(handle, domains);
        tables.retain(|(id, _)| self.is_asked_for(*id));
        let ranges = tables.iter().map(|(_, handle)| handle.len());
        let too_many = tables.len() > 1 && ranges.fold(0, usize::saturating_add) > MAX_RANGES;
        let tables = tables.into_iter().map(|(physical_id, handle)| {
            let handle = if too_many { handle.hull() } else { handle };
            let ranges = handle.in_table(self.info, physical_id)?;
            Ok(PhysicalRanges { physical_id, ranges })
        });
        let mut tables = tables.collect::<Result<Vec<_>>>()?;
        tables.retain(|table| !table.ranges.is_empty());
        let summary = explain::summary(self.info, &tables, handle.columns(), domains);
        Ok(TableAccess { tables, summary })
    }

    /// No row can match.
    fn nothing(&self) -> TableAccess {
        TableAccess { tables: Vec::new(), summary: explain::nothing(self.info) }
    }

    fn by_id(&self, columns: BTreeMap<usize, Domain>) -> BTreeMap<i64, Domain> {
        let with_id = |(at, domain)| self.column_ids.get(at).map(|column_id| (*column_id, domain));
        columns.into_iter().filter_map(with_id).collect()
    }

    /// The physical tables that may have rows with values of `domains`.
    fn partitions(&self, domains: &BTreeMap<i64, Domain>) -> Vec<i64> {
        let mut tables = match self.pruned(domains) {
            Some((pruner, by_offset)) => pruner.prune(&by_offset),
            None => self.info.physical_ids(),
        };
        tables.retain(|id| self.is_asked_for(*id));
        tables
    }

    /// Whether the statement reads this physical table, as far as it names partitions.
    fn is_asked_for(&self, physical_id: i64) -> bool {
        self.only.is_none_or(|only| only.contains(&physical_id))
    }

    /// What chooses partitions, and by which values of the columns at which offsets; `None` if all are
    /// to be read.
    fn pruned(
        &self,
        domains: &BTreeMap<i64, Domain>,
    ) -> Option<(PartitionPruner, BTreeMap<usize, Domain>)> {
        let pruner = self.pruner()?;
        let by_offset: BTreeMap<usize, Domain> = domains
            .iter()
            .filter_map(|(id, domain)| Some((self.info.column_offset(*id)?, domain.clone())))
            .collect();
        let deciding = pruner.columns().into_iter().filter_map(|offset| by_offset.get(&offset));
        let most = deciding.map(|domain| domain.intervals().len()).max().unwrap_or_default();
        (most.saturating_mul(self.places()) <= MAX_COMPARISONS).then_some((pruner, by_offset))
    }

    /// The physical tables that may have matching rows, with the handles that these have: each of
    /// several intervals of an integer handle only in the partitions that may have it.
    fn handles_of_partitions(
        &self,
        handle: &HandleRanges,
        domains: &BTreeMap<i64, Domain>,
    ) -> Vec<(i64, HandleRanges)> {
        let with = |physical_id| (physical_id, handle.clone());
        let Some((pruner, mut by_offset)) = self.pruned(domains) else {
            return self.info.physical_ids().into_iter().map(with).collect();
        };
        let places = self.places();
        let physical_ids = pruner.prune(&by_offset);
        let Some((offset, domain)) = handle.int_column().and_then(|id| {
            let offset = self.info.column_offset(id)?;
            Some((offset, by_offset.get(&offset)?.clone()))
        }) else {
            return physical_ids.into_iter().map(with).collect();
        };
        let intervals = domain.intervals();
        if intervals.len() < 2 || intervals.len().saturating_mul(places) > MAX_LOOKS {
            return physical_ids.into_iter().map(with).collect();
        }
        let mut own: BTreeMap<i64, Vec<Interval>> = BTreeMap::new();
        for interval in intervals {
            by_offset.insert(offset, Domain::of([interval.clone()]));
            for physical_id in pruner.prune(&by_offset) {
                own.entry(physical_id).or_default().push(interval.clone());
            }
        }
        let of_own = |id| Some((id, handle.of_intervals(own.remove(&id)?)));
        physical_ids.into_iter().filter_map(of_own).collect()
    }

    /// Partitions, or the values that they list if those are more: what choosing among them goes through.
    fn places(&self) -> usize {
        let partitions = self.info.partition_info();
        let definitions = partitions.map(|info| info.definitions.as_slice()).unwrap_or_default();
        let listed = definitions.iter().map(|definition| definition.in_values.len()).sum::<usize>();
        definitions.len().max(listed)
    }

    /// `None` if all partitions are to be read.
    fn pruner(&self) -> Option<PartitionPruner> {
        self.info.partition_info()?;
        let pruner = PartitionPruner::new(self.info, self.new_collation.unwrap_or_default());
        let pruner =
            pruner.inspect_err(|error| tracing::debug!(%error, "all partitions are read")).ok()?;
        let is_text = |offset: &usize| {
            self.info.columns.get(*offset).is_some_and(|column| column.field_type.is_string())
        };
        let is_known = self.new_collation.is_some() || !pruner.columns().iter().any(is_text);
        is_known.then_some(pruner)
    }
}
