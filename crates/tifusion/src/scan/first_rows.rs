//! A scan of the first rows in an order that takes an index for it.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_plan::{ExecutionPlan as _, SortOrderPushdownResult};

use super::exec::TikvScanExec;
use super::other_ways::{OtherWay, OtherWays};
use super::spec::{Source, TableScanSpec};

/// Most physical tables whose rows are merged.
const MOST_TABLES: usize = 64;

impl TikvScanExec {
    /// The same, which may take another way.
    pub(crate) fn with_other_ways(self, others: Arc<dyn OtherWays>) -> Self {
        let dynamic = self.dynamic.as_ref();
        let dynamic = dynamic.map(|dynamic| Arc::new(dynamic.with_other_ways(&others)));
        Self { others: Some(others), dynamic, ..self }
    }

    /// The scan of the first `rows` rows in an order by an index that has it, if that costs less.
    pub(crate) fn first_by_index(
        &self,
        order: &[PhysicalSortExpr],
        rows: usize,
    ) -> Result<Option<Self>> {
        let is_of_rows = !matches!(self.spec.source, Source::Index(_));
        let Some(others) = self.others.as_ref().filter(|_| is_of_rows && self.is_plain()) else {
            return Ok(None);
        };
        let Some(way) = others.in_order(order, self.columns.schema(), rows)? else {
            return Ok(None);
        };
        let Some(spec) = way.along(&self.spec) else { return Ok(None) };
        let OtherWay { segments, key_order, keys, mut access, .. } = way;
        if segments.len() > MOST_TABLES {
            return Ok(None);
        }
        let replaced = self.spec.access.chosen.clone();
        let rejected = replaced.into_iter().chain(self.spec.access.rejected.iter().cloned());
        access.rejected = rejected.collect();
        let partitions = match segments.is_empty() {
            true => vec![Vec::new()],
            false => segments.into_iter().map(|segment| vec![segment]).collect(),
        };
        let mut scan = self.with_partitions(partitions);
        scan.spec = Arc::new(TableScanSpec { access, ..spec });
        scan.key_order = Arc::new(key_order);
        scan.dynamic = None;
        if let Some(keys) = keys {
            scan = scan.with_keys(keys);
        }
        let SortOrderPushdownResult::Exact { inner } = scan.try_pushdown_sort(order)? else {
            return Ok(None);
        };
        let inner = inner.with_fetch(Some(rows)).unwrap_or(inner);
        Ok(inner.downcast_ref::<Self>().cloned())
    }
}
