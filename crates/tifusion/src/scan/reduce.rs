//! A scan whose rows the stores aggregate, or of which they send the first ones in an order.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;

use super::exec::{ScanReader, TikvScanExec, properties};
use super::partition::by_table;
use super::reduction::{Reduction, TopN};
use super::shared::MOST_ROWS;
use super::spec::{Source, TableScanSpec};
use crate::error::Result;
use crate::pushdown::lower::{Grouping, Physical};
use crate::pushdown::partial::PartialAggregate;
use crate::pushdown::refusal::Refusal;

impl TikvScanExec {
    /// Whether its rows are those that pass its conditions, all of them: only of those can more be
    /// made.
    pub(crate) fn is_plain(&self) -> bool {
        self.spec.reduction.is_none() && self.spec.limit.is_none()
    }

    /// Whether a filter over the scan's output is one over the rows that it is made of: of groups it
    /// speaks of nothing but columns that they are made by, so that it leaves groups out as a whole.
    pub(super) fn is_filtered_whole(&self, filter: &Physical) -> bool {
        match &self.spec.reduction {
            None => true,
            Some(Reduction::TopN(_)) => false,
            Some(Reduction::Aggregate(partial)) => {
                let is_group = |column: &Column| partial.is_group(column.index(), column.name());
                collect_columns(filter).iter().all(is_group)
            }
        }
    }

    /// Whether it takes the stores more to make its rows than it takes to keep them: what they make groups of, or the
    /// first rows in an order. Not that of a part of a plan, whose other parts run elsewhere.
    pub(crate) fn is_worth_sharing(&self) -> bool {
        let is_little = self.estimates.rows().is_some_and(|rows| rows <= MOST_ROWS);
        self.spec.reduction.is_some()
            && is_little
            && self.dynamic.as_ref().is_none_or(|dynamic| dynamic.is_empty())
            && matches!(self.reader, ScanReader::Stores(_))
            && !self.snapshot.is_of_elsewhere()
    }

    /// Whether `other` brings the same rows, as far as both are worth to be shared.
    pub(crate) fn reads_the_same(&self, other: &Self) -> bool {
        self.spec == other.spec
            && self.partitions == other.partitions
            && self.settings == other.settings
            && self.columns.schema() == other.columns.schema()
    }

    /// Whether the stores may aggregate its rows.
    pub(crate) fn allows_aggregates(&self) -> bool {
        self.settings.allow_agg_pushdown
    }

    /// The same with `filters` evaluated by the stores, exactly.
    ///
    /// # Errors
    /// Why they can't be.
    pub(crate) fn filtered(&self, filters: &[Physical]) -> Result<Self, Refusal> {
        let mut pushdown = (*self.pushdown).clone();
        pushdown.claim(filters, self.columns.schema())?;
        let conditions = pushdown.conditions().to_vec();
        let spec = TableScanSpec { conditions, ..TableScanSpec::clone(&self.spec) };
        Ok(Self { spec: Arc::new(spec), pushdown: Arc::new(pushdown), ..self.clone() })
    }

    /// The same with a refusal that `EXPLAIN` shows.
    pub(crate) fn refusing(&self, refusal: Refusal) -> Self {
        let mut pushdown = (*self.pushdown).clone();
        pushdown.refuse(refusal);
        Self { pushdown: Arc::new(pushdown), ..self.clone() }
    }

    /// What its stores make of groups of its rows.
    ///
    /// # Errors
    /// Why they make nothing of them.
    pub(crate) fn partial(&self, grouping: Grouping<'_>) -> Result<PartialAggregate, Refusal> {
        self.pushdown.aggregate(grouping, self.columns.schema())
    }

    /// Whether groups by `keys` are hardly less than the rows.
    pub(crate) fn has_groups_of_one(&self, keys: &[Physical]) -> bool {
        let columns = keys.iter().filter_map(|key| key.downcast_ref::<Column>());
        self.estimates.has_groups_of_one(columns.map(Column::index))
    }

    /// The scan of partial states of this schema instead of rows.
    pub(crate) fn aggregated(
        &self,
        mut partial: PartialAggregate,
        states: &SchemaRef,
    ) -> Result<Self> {
        let groups = partial.group_columns();
        // The rows of a lookup's batch come by their own keys.
        let in_key_order = !matches!(self.spec.source, Source::Lookup(_));
        partial.is_streamed =
            in_key_order && groups.is_some_and(|names| self.key_order.begins_with(&names));
        let columns = self.columns.aggregate(&partial, states)?;
        let keys: Vec<Option<usize>> =
            partial.shown_groups.iter().map(|key| self.place_of(key)).collect();
        let estimates = self.estimates.grouped(&keys, self.pieces(), states);
        let output = (0..).take(partial.answer.len()).collect();
        let reduction = Some(Reduction::Aggregate(partial));
        let spec = TableScanSpec { output, reduction, ..TableScanSpec::clone(&self.spec) };
        // Without an order, so that whoever needs all groups reads to the end: only there is it known whether the states are
        // right (see `PartialAggregate::exact`).
        let aggregated = Self {
            properties: properties(&columns, self.partitions.len(), &[]),
            spec: Arc::new(spec),
            columns: Arc::new(columns),
            estimates: Arc::new(estimates),
            ..self.clone()
        };
        Ok(aggregated.with_few_requests())
    }

    /// The scan of the first `rows` rows in an order, of each request.
    ///
    /// # Errors
    /// Why the stores don't know the order.
    pub(crate) fn top_n(&self, keys: &[PhysicalSortExpr], rows: usize) -> Result<Self, Refusal> {
        let (order, shown) = self.pushdown.order(keys, self.columns.schema())?;
        let top_n = TopN { order, rows, shown };
        let estimates = self.estimates.at_most(rows.saturating_mul(self.pieces()));
        let reduction = Some(Reduction::TopN(top_n));
        let spec = TableScanSpec { reduction, ..TableScanSpec::clone(&self.spec) };
        let first = Self { spec: Arc::new(spec), estimates: Arc::new(estimates), ..self.clone() };
        Ok(first.with_few_requests())
    }

    /// The same in few partitions, if each of them asks a store for all that it reads there: the store divides the
    /// work among its own processors, and makes less of more rows at once.
    fn with_few_requests(self) -> Self {
        match self.spec.is_batch() {
            true => self.with_partitions(by_table(&self.partitions)),
            false => self,
        }
    }

    /// Requests that it is likely made of.
    fn pieces(&self) -> usize {
        self.regions().unwrap_or(self.partitions.len()).max(1)
    }

    /// The place of the column of this name.
    fn place_of(&self, name: &str) -> Option<usize> {
        let schema: &Schema = self.columns.schema();
        schema.index_of(name).ok()
    }
}
