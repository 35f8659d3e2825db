//! What can be listed and described, but not read.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use tifusion_schema::{TableInfo, TypeOptions, arrow_field};

use crate::error::Error;
use crate::reading::ViewUse;

/// A view that something is wrong with, a sequence, a temporary table: it has a place in the catalog, and a reason why its rows
/// can't be read.
#[derive(Debug)]
pub(crate) struct UnreadableTable {
    reason: Error,
    table_type: TableType,
    schema: SchemaRef,
}

impl UnreadableTable {
    /// `database.info`, not readable because of `reason`.
    pub(super) fn new(
        database: &str,
        info: &TableInfo,
        reason: &tifusion_schema::NotReadable,
    ) -> Self {
        let label = format!("{database}.{}", info.name);
        let error = Error::unsupported(format!("{label} can't be read: {}", reason.reason));
        Self::because(info, error)
    }

    /// The view `used`, which can't be used because of `cause`.
    pub(super) fn broken_view(used: &ViewUse, cause: Error) -> Self {
        Self::because(&used.info, cause.with_context("view", used.label()))
    }

    /// The view `used`, which may be described, but not be read.
    pub(super) fn forbidden_view(used: &ViewUse, denied: Error) -> Self {
        Self::because(&used.info, denied)
    }

    /// A table, or view, of which the user may know no more than that it is there.
    pub(super) fn forbidden(denied: Error, is_view: bool) -> Self {
        let table_type = if is_view { TableType::View } else { TableType::Base };
        Self { reason: denied, table_type, schema: Arc::new(Schema::empty()) }
    }

    fn because(info: &TableInfo, reason: Error) -> Self {
        let options = TypeOptions::default();
        // TiDB does not keep the types of a view's columns.
        let field = |column: &tifusion_schema::ColumnInfo| {
            arrow_field(column, &options)
                .unwrap_or_else(|_| Field::new(column.name.as_str(), DataType::Null, true))
        };
        let fields: Vec<Field> = info.public_columns().into_iter().map(field).collect();
        let is_temporary = info.is_base_table();
        Self {
            reason,
            table_type: match (info.is_view(), is_temporary) {
                (true, _) => TableType::View,
                (false, true) => TableType::Temporary,
                (false, false) => TableType::Base,
            },
            schema: Arc::new(Schema::new(fields)),
        }
    }

    /// Why it can't be read.
    pub(crate) fn reason(&self) -> &Error {
        &self.reason
    }
}

#[async_trait]
impl TableProvider for UnreadableTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        self.table_type
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Err(self.reason.clone().into())
    }
}
