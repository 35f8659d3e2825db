//! Counts what an executor does, when the request asks for it.

use std::time::Instant;

use tifusion_proto::tipb::{ExecutorExecutionSummary, FieldType};

use super::executor::{Batch, Executor, Work};
use crate::cop::error::CopError;

/// An executor that is watched.
pub(crate) struct Watched {
    inner: Box<dyn Executor>,
    summary: ExecutorExecutionSummary,
}

impl Watched {
    /// Watches `inner`; `id` is its name in the request.
    pub(crate) fn new(inner: Box<dyn Executor>, id: Option<String>) -> Self {
        let summary = ExecutorExecutionSummary {
            time_processed_ns: Some(0),
            num_produced_rows: Some(0),
            num_iterations: Some(0),
            executor_id: id,
            ..ExecutorExecutionSummary::default()
        };
        Self { inner, summary }
    }
}

impl Executor for Watched {
    fn schema(&self) -> &[FieldType] {
        self.inner.schema()
    }

    fn next_batch(&mut self, rows: usize, work: &mut Work<'_>) -> Result<Batch, CopError> {
        let start = Instant::now();
        let batch = self.inner.next_batch(rows, work);
        let add = |counter: &mut Option<u64>, more: u64| {
            *counter = Some(counter.unwrap_or_default().saturating_add(more));
        };
        let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        add(&mut self.summary.time_processed_ns, nanos);
        add(&mut self.summary.num_iterations, 1);
        if let Ok(batch) = &batch {
            let rows = u64::try_from(batch.rows.len()).unwrap_or(u64::MAX);
            add(&mut self.summary.num_produced_rows, rows);
        }
        batch
    }

    fn child(&mut self) -> Option<&mut (dyn Executor + 'static)> {
        Some(self.inner.as_mut())
    }

    fn summaries(&mut self, out: &mut Vec<ExecutorExecutionSummary>) {
        self.inner.summaries(out);
        out.push(self.summary.clone());
    }
}
