//! Other ways to a scan's rows than the one that it was planned with.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_plan::PhysicalExpr;
use tifusion_schema::ScanColumn;

use super::keys::SourceKeys;
use super::order::KeyOrder;
use super::spec::{AccessSummary, Segment, Source, TableScanSpec};
use crate::error::Result;

/// Finds other ways.
pub(crate) trait OtherWays: fmt::Debug + Send + Sync {
    /// By an index whose entries are in `order`, over `schema`, if the first `rows` rows are found for less
    /// by it.
    fn in_order(
        &self,
        order: &[PhysicalSortExpr],
        schema: &Schema,
        rows: usize,
    ) -> Result<Option<OtherWay>>;

    /// By an index, if rows that meet all of `conjuncts` too, which speak of columns of `schema`, are found
    /// for less by it than in the table.
    fn for_filters(
        &self,
        conjuncts: &[Arc<dyn PhysicalExpr>],
        schema: &Schema,
    ) -> Result<Option<OtherWay>>;
}

/// A way by which the same columns of rows are read, and perhaps one more.
#[derive(Debug, Clone)]
pub(crate) struct OtherWay {
    /// Where they are read.
    pub(crate) source: Source,
    /// The columns.
    pub(crate) columns: Vec<ScanColumn>,
    /// What of each physical table is read.
    pub(crate) segments: Vec<Segment>,
    /// What the rows are in the order of.
    pub(crate) key_order: KeyOrder,
    /// What finds keys of the source.
    pub(crate) keys: Option<Arc<dyn SourceKeys>>,
    /// For `EXPLAIN`.
    pub(crate) access: AccessSummary,
}

impl OtherWay {
    /// `spec` along this way; `None` if it does not read the same columns.
    pub(super) fn along(&self, spec: &TableScanSpec) -> Option<TableScanSpec> {
        self.columns.starts_with(&spec.columns).then(|| TableScanSpec {
            source: self.source.clone(),
            columns: self.columns.clone(),
            ..spec.clone()
        })
    }
}
