//! A table as it arrives: its name, and the snapshot that it is read at.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use tifusion_proto::planpb;

use crate::error::Error;
use crate::pushdown::logical;
use crate::reading::Reading;
use crate::statement::StatementSnapshot;

/// A table that is still to be looked up.
#[derive(Debug)]
pub(super) struct SentTable {
    message: planpb::Table,
    snapshot: Arc<StatementSnapshot>,
    schema: SchemaRef,
}

impl SentTable {
    pub(super) fn new(
        message: planpb::Table,
        snapshot: StatementSnapshot,
        schema: SchemaRef,
    ) -> Self {
        Self { message, snapshot: Arc::new(snapshot), schema }
    }

    /// What the statement reads.
    pub(super) fn snapshot(&self) -> &Arc<StatementSnapshot> {
        &self.snapshot
    }

    /// The columns that the statement was planned with.
    pub(super) fn columns(&self) -> &SchemaRef {
        &self.schema
    }

    /// Its database.
    pub(super) fn database(&self) -> &str {
        &self.message.database
    }

    /// Ids of its database and of itself.
    pub(super) fn ids(&self) -> (i64, i64) {
        (self.message.database_id, self.message.table_id)
    }

    /// `database.table`, for people.
    pub(super) fn label(&self) -> String {
        format!("{}.{}", self.message.database, self.message.table)
    }

    /// How it is read.
    pub(super) fn reading(&self) -> Reading {
        let names = self.message.partitions.as_ref().map(|partitions| partitions.names.as_slice());
        Reading {
            as_of: self.snapshot.as_of(),
            // Whose rights count in a view, and whether it is what it was, is looked at where the statement
            // comes from.
            views: Vec::new(),
            partitions: names.map(Arc::from),
            row_id: self.message.row_id,
        }
    }

    /// The refusal of a statement that was planned by this schema, and is not any more.
    pub(super) fn changed(&self, what: &str) -> Error {
        let message = format!("{} {what} for the scheduler: run the statement again", self.label());
        Error::new(crate::error::ErrorKind::SchemaChanged, message)
    }
}

#[async_trait]
impl TableProvider for SentTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan_err!(
            "{} comes from another process and has not been looked up: the session's query planner must be that of \
             tifusion::distribute::sent_plans",
            self.label()
        )
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(logical::support(filters))
    }
}
