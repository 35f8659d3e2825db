//! The first rows in an order, by an index whose entries are in it.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_plan::PhysicalExpr;
use tifusion_schema::IndexInfo;

use super::cost::{self, Cost};
use super::estimate::{Basis, Rows, count};
use super::index::IndexRanges;
use super::{AccessPath, Candidate, Chooser, Demand, IndexUse, Price, Way};
use crate::access::FilteredTable;
use crate::access::filter::{self, Restriction};
use crate::access::key_order::{self, Circumstances};
use crate::error::Result;

/// By how much more entries are expected to be read than if the rows that match were spread evenly.
const UNEVEN: f64 = 2.0;

/// The first rows in an order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FirstRows<'a> {
    /// The order.
    pub(crate) order: &'a [PhysicalSortExpr],
    /// What its columns are of.
    pub(crate) schema: &'a Schema,
    /// How many.
    pub(crate) rows: usize,
    /// What orders of keys depend on.
    pub(crate) circumstances: Circumstances,
    /// What finding them otherwise costs.
    pub(crate) otherwise: Price,
}

impl FilteredTable<'_> {
    /// A way to the first rows of those that meet all of `conjuncts`, which ends after them and costs less
    /// than another; `None` if there is none.
    pub(crate) fn choose_in_order(
        &self,
        conjuncts: &[Arc<dyn PhysicalExpr>],
        demand: &Demand<'_>,
        first: FirstRows<'_>,
    ) -> Result<Option<AccessPath>> {
        let is_forced = demand.indexes == IndexUse::First && first.otherwise.is_table;
        let Restriction::Columns(columns) = filter::all_of(conjuncts, self.schema) else {
            return Ok(None);
        };
        if first.otherwise.is_few && !is_forced {
            return Ok(None);
        }
        let domains = self.by_id(columns);
        let partitions = self.partitions(&domains);
        let chooser = Chooser::new(self, demand, &domains, &partitions);
        // Of rows that nobody can count, none may match: all entries would be read for nothing.
        let is_told = |conjunct: &Arc<dyn PhysicalExpr>| {
            let told = filter::all_of(std::slice::from_ref(conjunct), self.schema);
            matches!(told, Restriction::Columns(columns) if !columns.is_empty())
        };
        let is_told = conjuncts.iter().all(is_told);
        let mut best: Option<Candidate> = None;
        for index in chooser.indexes().filter(|index| chooser.tells_rows(index)) {
            let Some(candidate) = chooser.in_order(index, first, is_told)? else { continue };
            let may_win = is_forced
                || (!candidate.is_guess && candidate.cost.total_cmp(first.otherwise.cost).is_lt());
            let is_better =
                best.as_ref().is_none_or(|best| candidate.cost.total_cmp(best.cost).is_lt());
            if may_win && is_better {
                best = Some(candidate);
            }
        }
        let Some(best) = best else { return Ok(None) };
        let mut path = chooser.carry_out(&best.way, &partitions)?;
        path.rows = chooser.estimator.matching();
        path.summary.chosen = Some(format!("{} in order", chooser.shown(&best)));
        Ok(Some(path))
    }
}

impl Chooser<'_> {
    /// The way by one index, if its entries are in the order.
    fn in_order(
        &self,
        index: &IndexInfo,
        first: FirstRows<'_>,
        is_told: bool,
    ) -> Result<Option<Candidate>> {
        let info = self.table.info;
        let keys = IndexRanges::of(info, index, self.domains, self.table.new_collation);
        let Some(keys) = keys else { return Ok(None) };
        let order = key_order::of_index(info, index, &keys.fixed(), first.circumstances)?;
        if order.of_rows(first.order, first.schema).is_none() {
            return Ok(None);
        }
        let found = self.estimator.of_index(&keys);
        let share = self.estimator.passing(&keys).filter(|_| is_told);
        let wanted = count(first.rows);
        let mut entries = match share {
            Some(share) if share < 1.0 => UNEVEN * wanted / share.max(f64::MIN_POSITIVE),
            _ => wanted,
        };
        if found.basis == Basis::Analyzed {
            entries = entries.min(found.count);
        }
        let scan = cost::of_scan(entries, keys.len(), self.widths.entry(&keys));
        let cost: Cost = scan + cost::of_lookup(entries, self.widths.row());
        Ok(Some(Candidate {
            rows: Rows { count: entries, basis: Basis::Analyzed },
            cost,
            is_few: false,
            is_guess: share.is_none(),
            way: Way::Lookup(keys),
        }))
    }
}
