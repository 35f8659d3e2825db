//! Computes new columns.

use tifusion_proto::tipb::FieldType;

use super::executor::{Batch, Executor, Work};
use crate::cop::error::CopError;
use crate::cop::expr::Expression;
use crate::cop::value::Row;

/// Rows of an expression per column.
pub(crate) struct Projection {
    child: Box<dyn Executor>,
    columns: Vec<Expression>,
    schema: Vec<FieldType>,
}

impl Projection {
    /// A projection over `child`.
    pub(crate) fn new(child: Box<dyn Executor>, columns: Vec<Expression>) -> Self {
        let schema = columns.iter().map(|column| column.field_type(child.schema())).collect();
        Self { child, columns, schema }
    }
}

impl Executor for Projection {
    fn schema(&self) -> &[FieldType] {
        &self.schema
    }

    fn next_batch(&mut self, rows: usize, work: &mut Work<'_>) -> Result<Batch, CopError> {
        let batch = self.child.next_batch(rows, work)?;
        let mut rows = Vec::with_capacity(batch.rows.len());
        for row in &batch.rows {
            let row: Result<Row, _> =
                self.columns.iter().map(|column| column.eval(row, &mut work.eval)).collect();
            rows.push(row?);
        }
        Ok(Batch { rows, progress: batch.progress })
    }

    fn child(&mut self) -> Option<&mut (dyn Executor + 'static)> {
        Some(self.child.as_mut())
    }
}
