//! What all executors do: give batches of rows.

use tifusion_proto::coprocessor::KeyRange;
use tifusion_proto::tipb::{ExecutorExecutionSummary, FieldType};

use crate::cop::context::EvalContext;
use crate::cop::error::CopError;
use crate::cop::value::Row;
use crate::mvcc::Rows;

/// Most rows of a batch.
pub(crate) const MAX_BATCH: usize = 1024;

/// Whether more batches come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There may be more rows.
    Remain,
    /// There are no more rows.
    Drained,
    /// The page is full: the rest belongs to the next page.
    PageFull,
}

impl Progress {
    /// Whether no more batches come in this request.
    pub(crate) fn stops(self) -> bool {
        self != Self::Remain
    }
}

/// Some rows of an executor's output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Batch {
    /// The rows, each with a value per column of the schema.
    pub(crate) rows: Vec<Row>,
    /// Whether more come.
    pub(crate) progress: Progress,
}

/// What executors work with while they run.
pub(crate) struct Work<'a> {
    /// The snapshot.
    pub(crate) rows: &'a mut dyn Rows,
    /// How to evaluate.
    pub(crate) eval: EvalContext,
    /// Rows of a page, when the request is paged.
    pub(crate) page: Option<usize>,
}

/// What was read below an executor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// Pairs read from each range that was begun.
    pub(crate) counts: Vec<i64>,
    /// Bytes of their keys and values.
    pub(crate) bytes: u64,
}

/// A step of a plan.
pub(crate) trait Executor {
    /// The types of the output's columns.
    fn schema(&self) -> &[FieldType];

    /// The next rows; about `rows` where the executor can choose.
    ///
    /// # Errors
    /// [`CopError`] when the request fails.
    fn next_batch(&mut self, rows: usize, work: &mut Work<'_>) -> Result<Batch, CopError>;

    /// The executor below, none for scans.
    fn child(&mut self) -> Option<&mut (dyn Executor + 'static)>;

    /// What was read so far.
    fn scanned(&mut self) -> Scanned {
        self.child().map(Executor::scanned).unwrap_or_default()
    }

    /// The range that the page covers.
    fn take_scanned_range(&mut self) -> KeyRange {
        self.child().map(Executor::take_scanned_range).unwrap_or_default()
    }

    /// Adds what was counted, in the order of the plan.
    fn summaries(&mut self, out: &mut Vec<ExecutorExecutionSummary>) {
        if let Some(child) = self.child() {
            child.summaries(out);
        }
    }
}
