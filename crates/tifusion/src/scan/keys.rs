//! Keys of a scan's source, for filters that come while a statement runs.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::physical_plan::PhysicalExpr;

use super::spec::KeyRange;
use crate::error::Result;

/// Keys of one physical table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PhysicalKeys {
    /// The id in the keys.
    pub(crate) physical_id: i64,
    /// Ascending and disjoint.
    pub(crate) ranges: Vec<KeyRange>,
}

/// Finds the keys of a scan's source.
pub(crate) trait SourceKeys: fmt::Debug + Send + Sync {
    /// The keys of rows that meet all of `conjuncts`, which speak of columns of `schema`, and perhaps of
    /// more rows: by physical table, ascending and disjoint. A table without such rows is left out.
    fn keys(
        &self,
        conjuncts: &[Arc<dyn PhysicalExpr>],
        schema: &Schema,
    ) -> Result<Vec<PhysicalKeys>>;
}
