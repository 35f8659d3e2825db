//! What filters will do for a scan, as far as that can be told before they are there.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, lit};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::scalar::ScalarValue;

use super::DynamicFilters;
use crate::error::Result;
use crate::scan::spec::{Source, TableScanSpec};

/// What becomes of values of a column that a join tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByValues {
    /// The keys of their rows are read, of so many values at most.
    Keys(usize),
    /// Their rows are found by an index, if that takes less than to read all.
    Index,
    /// The stores compare with so many of them at most.
    List(usize),
}

impl DynamicFilters {
    /// What becomes of values of the column at `place` of `schema`.
    pub(crate) fn by_values(
        &self,
        place: usize,
        schema: &Schema,
        spec: &TableScanSpec,
    ) -> Result<ByValues> {
        let list = ByValues::List(self.known.lists.most(spec));
        // One value tells what any would: which it is makes no difference to the columns that keys begin with.
        let Some(field) = schema.fields().get(place) else { return Ok(list) };
        let Ok(value) = ScalarValue::new_default(field.data_type()) else { return Ok(list) };
        let column = Arc::new(Column::new(field.name(), place));
        let one: Arc<dyn PhysicalExpr> =
            Arc::new(BinaryExpr::new(column, Operator::Eq, lit(value)));
        let one = [one];
        let (some, all) = (self.keys.keys(&one, schema)?, self.keys.keys(&[], schema)?);
        // Of a partitioned table other partitions may have been left out, which others of the values are in.
        let is_narrowed = some.iter().all(|table| !all.contains(table));
        if is_narrowed && !some.is_empty() {
            return Ok(ByValues::Keys(self.known.most_ranges()));
        }
        let is_table = spec.source.is_rows() && spec.order.is_none();
        let Some(others) = self.others.as_ref().filter(|_| is_table) else { return Ok(list) };
        let way = others.for_filters(&one, schema)?;
        let is_found = way.is_some_and(|way| matches!(way.source, Source::Lookup(_)));
        Ok(if is_found { ByValues::Index } else { list })
    }
}
