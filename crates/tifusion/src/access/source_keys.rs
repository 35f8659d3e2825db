//! Ranges of keys for filters that come while a statement runs.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::physical_plan::PhysicalExpr;
use tifusion_schema::TableInfo;

use super::FilteredTable;
use crate::error::Result;
use crate::scan::keys::{PhysicalKeys, SourceKeys};

/// What a table's filters are looked at with, kept for later.
#[derive(Debug)]
pub(crate) struct KeysOfTable {
    /// TiDB's description.
    pub(crate) info: Arc<TableInfo>,
    /// The table's schema.
    pub(crate) schema: SchemaRef,
    /// Ids of its columns.
    pub(crate) column_ids: Vec<i64>,
    /// Whether strings compare by the new collations, if that is known.
    pub(crate) new_collation: Option<bool>,
    /// The index whose keys are read; `None` for the rows' own.
    pub(crate) index_id: Option<i64>,
}

/// The id of a column that no table has.
const NO_COLUMN: i64 = i64::MIN;

impl SourceKeys for KeysOfTable {
    fn keys(
        &self,
        conjuncts: &[Arc<dyn PhysicalExpr>],
        schema: &Schema,
    ) -> Result<Vec<PhysicalKeys>> {
        let id = |name: &String| {
            let at = self.schema.index_of(name).ok();
            at.and_then(|at| self.column_ids.get(at).copied()).unwrap_or(NO_COLUMN)
        };
        let column_ids: Vec<i64> = schema.fields().iter().map(|field| id(field.name())).collect();
        let table = FilteredTable {
            info: &self.info,
            schema,
            column_ids: &column_ids,
            new_collation: self.new_collation,
            // The scan's own segments are of those that were asked for.
            only: None,
        };
        let tables = match self.index_id {
            Some(index_id) => table.entries(index_id, conjuncts)?,
            None => table.access(conjuncts)?.tables,
        };
        let keys = tables
            .into_iter()
            .map(|table| PhysicalKeys { physical_id: table.physical_id, ranges: table.ranges });
        Ok(keys.collect())
    }
}
