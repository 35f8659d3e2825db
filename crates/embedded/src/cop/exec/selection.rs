//! Keeps the rows that pass every condition.

use tifusion_proto::tipb::FieldType;

use super::executor::{Batch, Executor, Work};
use crate::cop::error::CopError;
use crate::cop::expr::{Expression, truth};
use crate::cop::value::Row;

/// Keeps the rows for which no condition is false or NULL.
pub(crate) struct Selection {
    child: Box<dyn Executor>,
    conditions: Vec<Expression>,
}

impl Selection {
    /// A selection over `child`.
    pub(crate) fn new(child: Box<dyn Executor>, conditions: Vec<Expression>) -> Self {
        Self { child, conditions }
    }
}

impl Executor for Selection {
    fn schema(&self) -> &[FieldType] {
        self.child.schema()
    }

    fn next_batch(&mut self, rows: usize, work: &mut Work<'_>) -> Result<Batch, CopError> {
        let mut batch = self.child.next_batch(rows, work)?;
        // One condition over all rows before the next one: warnings and errors come in that order.
        for condition in &self.conditions {
            let mut kept: Vec<Row> = Vec::with_capacity(batch.rows.len());
            for row in batch.rows {
                let value = condition.eval(&row, &mut work.eval)?;
                if truth(&value, &mut work.eval)? == Some(true) {
                    kept.push(row);
                }
            }
            batch.rows = kept;
        }
        Ok(batch)
    }

    fn child(&mut self) -> Option<&mut (dyn Executor + 'static)> {
        Some(self.child.as_mut())
    }
}
