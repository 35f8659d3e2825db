//! Edits, sorted, as rounds of mutations, which are made while those before them are on their way to the stores.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::SendableRecordBatchStream;
use futures::Stream;
use tifusion_client::txn::Mutation;
use tokio::sync::mpsc;

use super::job::WriteJob;
use super::merge::{MergeError, Merged, Merger};
use super::sort::{SortRoom, sort};
use super::statistics::RowChanges;
use super::txn_error::duplicate_in_statement;
use crate::error::{Error, ErrorKind, Result};

/// Bytes of keys and values that are handed to the transaction at once.
const BYTES_PER_ROUND: usize = 4 << 20;

/// Rounds that wait to be taken.
const ROUNDS_AHEAD: usize = 1;

/// The rows that the edits of one table write.
#[derive(Debug, Default)]
pub(super) struct WrittenRows {
    /// How many were changed, as a statement counts them.
    pub(super) count: u64,
    /// The same for TiDB's statistics, if that is asked for.
    pub(super) changes: RowChanges,
    /// Keys of all rounds.
    pub(super) keys: u64,
    /// Whether what was left out came along.
    pub(super) has_left_out: bool,
}

/// The rounds of the edits of one table; they end early when something goes wrong.
#[derive(Debug)]
pub(super) struct Rounds {
    ready: mpsc::Receiver<Vec<Mutation>>,
}

impl Stream for Rounds {
    type Item = Vec<Mutation>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ready.poll_recv(cx)
    }
}

/// What makes rounds. Stops when it is dropped.
#[derive(Debug)]
pub(super) struct RoundMaker {
    task: SpawnedTask<Result<WrittenRows>>,
}

impl RoundMaker {
    /// Begins to make rounds of edits, once `room` has sorted them. What `left_out` does to its key is done by
    /// somebody else, if it is among them: its rows are counted, and it is in no round.
    pub(super) fn start(
        job: &Arc<WriteJob>,
        edits: SendableRecordBatchStream,
        room: SortRoom,
        left_out: Option<Mutation>,
    ) -> (Self, Rounds) {
        let (sender, ready) = mpsc::channel(ROUNDS_AHEAD);
        let maker = Maker {
            job: Arc::clone(job),
            merger: Merger::default(),
            round: Vec::new(),
            bytes: 0,
            written: WrittenRows::default(),
            left_out,
            sender,
        };
        (Self { task: SpawnedTask::spawn(maker.run(edits, room)) }, Rounds { ready })
    }

    /// The rows of all rounds, when there are no more.
    ///
    /// # Errors
    /// What kept others from being made.
    pub(super) async fn finish(self) -> Result<WrittenRows> {
        self.task.join().await.map_err(|error| {
            Error::new(ErrorKind::Engine, "what makes mutations of rows has stopped")
                .with_source(error)
        })?
    }
}

struct Maker {
    job: Arc<WriteJob>,
    merger: Merger,
    round: Vec<Mutation>,
    bytes: usize,
    written: WrittenRows,
    left_out: Option<Mutation>,
    sender: mpsc::Sender<Vec<Mutation>>,
}

impl Maker {
    async fn run(
        mut self,
        edits: SendableRecordBatchStream,
        room: SortRoom,
    ) -> Result<WrittenRows> {
        let mut sorted = sort(edits, room).await?;
        while let Some(edit) = sorted.next().await? {
            let merged = self.merger.push(edit);
            if let Some(merged) = merged.map_err(|error| self.refused(error))? {
                self.add(merged)?;
            }
            if self.bytes >= BYTES_PER_ROUND {
                self.hand_over().await;
            }
        }
        let last = self.merger.finish();
        if let Some(merged) = last.map_err(|error| self.refused(error))? {
            self.add(merged)?;
        }
        self.hand_over().await;
        Ok(self.written)
    }

    fn refused(&self, error: MergeError) -> Error {
        match error {
            MergeError::Duplicate(key) => duplicate_in_statement(&self.job.target, &key),
            MergeError::Unordered => Error::new(
                ErrorKind::Engine,
                "edits came in another order than that of their keys: nothing was written",
            ),
        }
    }

    /// Adds a mutation.
    ///
    /// # Errors
    /// When the key of what is left out is to become something else.
    fn add(&mut self, merged: Merged) -> Result<()> {
        self.written.count += merged.rows;
        if self.job.options.update_statistics {
            self.written.changes.see(&merged);
        }
        match &self.left_out {
            Some(left_out) if left_out.key == merged.mutation.key => {
                if *left_out != merged.mutation {
                    return Err(Error::new(
                        ErrorKind::Engine,
                        "what the transaction begins with is not what its rows make of that key: nothing was written",
                    ));
                }
                self.written.has_left_out = true;
            }
            _ => {
                self.written.keys += 1;
                self.bytes += merged.mutation.size();
                self.round.push(merged.mutation);
            }
        }
        Ok(())
    }

    async fn hand_over(&mut self) {
        self.bytes = 0;
        let round = std::mem::take(&mut self.round);
        if !round.is_empty() {
            // Nobody takes them any more when a round before this one could not be written.
            drop(self.sender.send(round).await);
        }
    }
}
