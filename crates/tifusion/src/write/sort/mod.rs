//! Edits in the order of their keys, in bounded memory.
//!
//! What is held in memory is booked in the session's pool; what finds no room there goes to files of its disk manager,
//! in sorted runs, which are merged in the end. DataFusion's own sort books room for its merges besides, and
//! ends with an error where others have taken that. A write asks for memory to be fast, and does without: two runs can be
//! merged in the room of two chunks of a file.

mod buffer;
mod merged;
mod run;

use std::cmp::Reverse;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::StreamExt as _;

use self::buffer::{Buffer, SortedBuffer};
use self::merged::MergedRuns;
use self::run::{Run, RunWriter};
use super::edit::Edit;
use crate::error::{Error, ErrorKind, Result};

/// Runs above which some are merged: each keeps a file open.
const MOST_RUNS: usize = 64;

/// What a run takes while it is read, about: a chunk that is taken apart, and one that is read.
const BYTES_PER_READER: usize = 256 << 10;

/// Where edits are sorted, and what is counted of it.
#[derive(Debug, Clone)]
pub(super) struct SortRoom {
    runtime: Arc<RuntimeEnv>,
    spills: Count,
    spilled_edits: Count,
    spilled_bytes: Count,
}

impl SortRoom {
    pub(super) fn new(context: &TaskContext, metrics: &ExecutionPlanMetricsSet) -> Self {
        Self {
            runtime: context.runtime_env(),
            spills: MetricBuilder::new(metrics).spill_count(0),
            spilled_edits: MetricBuilder::new(metrics).spilled_rows(0),
            spilled_bytes: MetricBuilder::new(metrics).spilled_bytes(0),
        }
    }
}

/// Sorts edits by their keys, what is deleted before what is put.
///
/// # Errors
/// What kept an edit from coming, and what the disk manager has against a file.
pub(super) async fn sort(
    mut edits: SendableRecordBatchStream,
    room: SortRoom,
) -> Result<SortedEdits> {
    let memory = MemoryConsumer::new("TidbWrite").with_can_spill(true);
    let memory = memory.register(&room.runtime.memory_pool);
    let mut sorter = Sorter { room, memory, buffer: Buffer::default(), runs: Vec::new(), taken: 0 };
    while let Some(batch) = edits.next().await {
        sorter.take(batch?).await?;
    }
    // What made them need not be kept any longer.
    drop(edits);
    sorter.finish().await
}

struct Sorter {
    room: SortRoom,
    memory: MemoryReservation,
    buffer: Buffer,
    runs: Vec<Run>,
    taken: u64,
}

impl Sorter {
    async fn take(&mut self, batch: RecordBatch) -> Result<()> {
        let bytes = Buffer::bytes_of(&batch);
        self.taken += batch.num_rows() as u64;
        let mut has_room = self.memory.try_grow(bytes).is_ok();
        if !has_room && !self.buffer.is_empty() {
            self.spill().await?;
            has_room = self.memory.try_grow(bytes).is_ok();
        }
        self.buffer.push(&batch)?;
        if !has_room {
            // It is there, and nowhere could be for long.
            self.spill().await?;
        }
        Ok(())
    }

    /// Writes what is in memory to a run.
    async fn spill(&mut self) -> Result<()> {
        let mut run = RunWriter::create(&self.room.runtime.disk_manager)?;
        let mut sorted = std::mem::take(&mut self.buffer).sorted();
        while let Some(edit) = sorted.next()? {
            run.push(edit)?;
        }
        self.keep(run)?;
        drop(sorted);
        self.memory.free();
        if self.runs.len() >= MOST_RUNS {
            self.merge_until(MOST_RUNS / 2).await?;
            self.memory.free();
        }
        Ok(())
    }

    fn keep(&mut self, run: RunWriter) -> Result<()> {
        let run = run.finish()?;
        self.room.spills.add(1);
        self.room.spilled_edits.add(usize::try_from(run.edits).unwrap_or(usize::MAX));
        self.room.spilled_bytes.add(usize::try_from(run.bytes).unwrap_or(usize::MAX));
        self.runs.push(run);
        Ok(())
    }

    /// Books room to read so many runs at once, or as many as there is room for; two at least.
    fn readers(&self, wanted: usize) -> usize {
        let mut readers = wanted;
        while readers > 2 {
            if self.memory.try_resize(readers * BYTES_PER_READER).is_ok() {
                return readers;
            }
            readers /= 2;
        }
        self.memory.resize(2 * BYTES_PER_READER);
        2
    }

    /// Merges the smallest runs until there are no more than `most`.
    async fn merge_until(&mut self, most: usize) -> Result<()> {
        let most = most.max(1);
        while self.runs.len() > most {
            let readers = self.readers(self.runs.len() - most + 1);
            self.runs.sort_by_key(|run| Reverse(run.edits));
            let smallest = self.runs.split_off(self.runs.len().saturating_sub(readers));
            let mut merged = MergedRuns::open(smallest).await?;
            let mut run = RunWriter::create(&self.room.runtime.disk_manager)?;
            while let Some(edit) = merged.next().await? {
                run.push(edit)?;
            }
            self.keep(run)?;
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<SortedEdits> {
        let source = if self.runs.is_empty() {
            Source::Memory(std::mem::take(&mut self.buffer).sorted())
        } else {
            if !self.buffer.is_empty() {
                self.spill().await?;
            }
            let readers = self.readers(self.runs.len());
            self.merge_until(readers).await?;
            self.memory.resize(self.runs.len() * BYTES_PER_READER);
            Source::Runs(MergedRuns::open(self.runs).await?)
        };
        Ok(SortedEdits { source, left: self.taken, _memory: self.memory })
    }
}

/// Edits in the order of their keys.
pub(super) struct SortedEdits {
    source: Source,
    /// How many are still to come.
    left: u64,
    _memory: MemoryReservation,
}

enum Source {
    Memory(SortedBuffer),
    Runs(MergedRuns),
}

impl SortedEdits {
    /// The next edit.
    ///
    /// # Errors
    /// When a run can't be read, or there are not as many edits as came in.
    pub(super) async fn next(&mut self) -> Result<Option<Edit<'_>>> {
        let next = match &mut self.source {
            Source::Memory(buffer) => buffer.next()?,
            Source::Runs(runs) => runs.next().await?,
        };
        match (next, self.left.checked_sub(1)) {
            (Some(edit), Some(left)) => {
                self.left = left;
                Ok(Some(edit))
            }
            (None, None) => Ok(None),
            _ => Err(Error::new(
                ErrorKind::Engine,
                "sorting has lost or gained edits: nothing was written",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
