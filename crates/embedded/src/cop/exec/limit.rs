//! Stops after some rows.

use tifusion_proto::tipb::FieldType;

use super::executor::{Batch, Executor, Progress, Work};
use crate::cop::error::CopError;

/// Gives the first rows only.
pub(crate) struct Limit {
    child: Box<dyn Executor>,
    remaining: usize,
    /// A scan below reads no more pairs than are wanted.
    over_scan: bool,
}

impl Limit {
    /// The first `limit` rows of `child`.
    pub(crate) fn new(child: Box<dyn Executor>, limit: usize, over_scan: bool) -> Self {
        Self { child, remaining: limit, over_scan }
    }
}

impl Executor for Limit {
    fn schema(&self) -> &[FieldType] {
        self.child.schema()
    }

    fn next_batch(&mut self, rows: usize, work: &mut Work<'_>) -> Result<Batch, CopError> {
        if self.remaining == 0 {
            return Ok(Batch { rows: Vec::new(), progress: Progress::Drained });
        }
        let wanted = if self.over_scan { rows.min(self.remaining) } else { rows };
        let mut batch = self.child.next_batch(wanted, work)?;
        if batch.rows.len() < self.remaining {
            self.remaining -= batch.rows.len();
        } else {
            // Enough, though there may be more below.
            batch.rows.truncate(self.remaining);
            self.remaining = 0;
            batch.progress = Progress::Drained;
        }
        Ok(batch)
    }

    fn child(&mut self) -> Option<&mut (dyn Executor + 'static)> {
        Some(self.child.as_mut())
    }
}
