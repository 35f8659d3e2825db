//! Sorted edits into a transaction, and the transaction to its end.

use std::sync::Arc;

use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::StreamExt as _;
use tifusion_client::split::SplitOptions;
use tifusion_client::txn::{Mutation, Transaction, TxnOptions};
use tracing::Instrument as _;

use super::edit::EditReader;
use super::gc::GcKeeper;
use super::guard::SchemaGuard;
use super::job::WriteJob;
use super::merge::{MergeError, Merged, Merger};
use super::txn_error::{duplicate_in_statement, transaction_error};
use crate::error::{Error, ErrorKind, Result};

/// Bytes of keys and values that are handed to the transaction at once.
const BYTES_PER_ROUND: usize = 16 << 20;

/// What a run counts.
#[derive(Debug, Clone)]
pub(super) struct RunMetrics {
    rows: Count,
    keys: Count,
    bytes: Count,
}

impl RunMetrics {
    pub(super) fn new(metrics: &ExecutionPlanMetricsSet) -> Self {
        let counter = |name| MetricBuilder::new(metrics).counter(name, 0);
        Self {
            rows: counter("rows_written"),
            keys: counter("keys_prewritten"),
            bytes: counter("bytes_prewritten"),
        }
    }
}

/// Writes the edits, which are in the order of their keys, and commits; how many rows changed comes back.
///
/// # Errors
/// Whatever went wrong: nothing was written then, unless the error is an
/// [`ErrorKind::Undetermined`](crate::ErrorKind::Undetermined).
pub(super) async fn run(
    job: &Arc<WriteJob>,
    edits: SendableRecordBatchStream,
    metrics: &RunMetrics,
) -> Result<u64> {
    let span = tracing::debug_span!(
        parent: job.snapshot.span(),
        "write",
        table = job.target.label(),
        kind = %job.kind,
    );
    run_inside(job, edits, metrics).instrument(span).await
}

async fn run_inside(
    job: &Arc<WriteJob>,
    edits: SendableRecordBatchStream,
    metrics: &RunMetrics,
) -> Result<u64> {
    let client = job.target.cluster.client().clone();
    let _gc = GcKeeper::new(client, job.snapshot.start_ts());
    let mut writer = Writer::new(job, metrics);
    let written = match job.snapshot.deadline() {
        None => writer.write(edits).await,
        Some(deadline) => {
            let written = tokio::time::timeout_at(deadline.into(), writer.write(edits)).await;
            written.unwrap_or_else(|_| Err(too_late(job)))
        }
    };
    let outcome = match written {
        Ok(()) => writer.commit().await,
        Err(error) => {
            writer.roll_back().await;
            Err(error)
        }
    };
    outcome.map_err(|error| error.of_query(job.snapshot.query()))
}

fn too_late(job: &WriteJob) -> Error {
    let timeout = job.settings.statement_timeout.unwrap_or_default();
    Error::new(
        ErrorKind::DeadlineExceeded,
        format!(
            "the statement took too long (statement.timeout: {timeout:?}): nothing was written to {}",
            job.target.label()
        ),
    )
}

struct Writer<'a> {
    job: &'a Arc<WriteJob>,
    metrics: &'a RunMetrics,
    merger: Merger,
    pending: Vec<Mutation>,
    pending_bytes: usize,
    rows: u64,
    /// Begun with the first mutation.
    open: Option<(Transaction, SchemaGuard)>,
}

impl<'a> Writer<'a> {
    fn new(job: &'a Arc<WriteJob>, metrics: &'a RunMetrics) -> Self {
        Self {
            job,
            metrics,
            merger: Merger::default(),
            pending: Vec::new(),
            pending_bytes: 0,
            rows: 0,
            open: None,
        }
    }

    async fn write(&mut self, mut edits: SendableRecordBatchStream) -> Result<()> {
        while let Some(batch) = edits.next().await {
            let batch = batch?;
            for edit in EditReader::new(&batch)?.edits() {
                let merged = self.merger.push(edit?);
                let merged = merged.map_err(|error| self.refused(error))?;
                if let Some(merged) = merged {
                    self.add(merged);
                }
                if self.pending_bytes >= BYTES_PER_ROUND {
                    self.prewrite().await?;
                }
            }
        }
        let last = self.merger.finish();
        if let Some(merged) = last.map_err(|error| self.refused(error))? {
            self.add(merged);
        }
        self.prewrite().await
    }

    fn refused(&self, error: MergeError) -> Error {
        match error {
            MergeError::Duplicate(key) => duplicate_in_statement(&self.job.target, &key),
            MergeError::Unordered => Error::new(
                ErrorKind::Engine,
                "the plan gives edits in another order than that of their keys: nothing was written",
            ),
        }
    }

    fn add(&mut self, merged: Merged) {
        self.rows += merged.rows;
        self.pending_bytes += merged.mutation.key.len() + merged.mutation.value.len();
        self.pending.push(merged.mutation);
    }

    async fn prewrite(&mut self) -> Result<()> {
        if self.job.options.dry_run {
            self.pending.clear();
            self.pending_bytes = 0;
        }
        if self.pending.is_empty() {
            return Ok(());
        }
        let (transaction, _) = match &mut self.open {
            Some(open) => open,
            None => {
                split(self.job).await;
                self.open.insert(begin(self.job).await?)
            }
        };
        let mutations = std::mem::take(&mut self.pending);
        let (keys, bytes) = (mutations.len(), std::mem::take(&mut self.pending_bytes));
        transaction
            .prewrite(mutations)
            .await
            .map_err(|error| transaction_error(&self.job.target, error))?;
        self.metrics.keys.add(keys);
        self.metrics.bytes.add(bytes);
        self.job.progress.prewritten(keys, bytes);
        self.job.tell(false);
        Ok(())
    }

    async fn commit(self) -> Result<u64> {
        let rows = usize::try_from(self.rows).unwrap_or(usize::MAX);
        // Nothing to write, or nobody wants it written.
        let Some((transaction, guard)) = self.open else { return Ok(self.rows) };
        // Whoever stops waiting now must not leave it half committed: it goes on by itself.
        let committing = async move { transaction.commit(&guard).await };
        let committing = tokio::spawn(committing.in_current_span());
        let committed = committing.await.map_err(|error| {
            let why = "the commit was stopped: whether anything was written is not known";
            Error::new(ErrorKind::Undetermined, why).with_source(error)
        })?;
        committed.map_err(|error| transaction_error(&self.job.target, error))?;
        self.metrics.rows.add(rows);
        self.job.tell(true);
        Ok(self.rows)
    }

    async fn roll_back(self) {
        if let Some((transaction, _)) = self.open
            && let Err(error) = transaction.rollback().await
        {
            // Whoever meets its locks finds it rolled back when they expire.
            tracing::warn!(%error, "a transaction's locks were left behind");
        }
    }
}

/// Splits regions for a large write, and lets PD spread them. What comes of it is no more than speed.
async fn split(job: &WriteJob) {
    let keys = job.split_keys();
    if keys.is_empty() {
        return;
    }
    let options = SplitOptions {
        scatter_group: Some(job.target.label()),
        deadline: job.snapshot.deadline(),
        query: Some(job.snapshot.query()),
        ..SplitOptions::default()
    };
    let client = job.target.cluster.client();
    if let Err(error) = client.split_and_scatter(keys, &options).await {
        tracing::warn!(%error, "regions were not split before the write");
    }
}

async fn begin(job: &Arc<WriteJob>) -> Result<(Transaction, SchemaGuard)> {
    let target = &job.target;
    let start_ts = job.snapshot.start_ts();
    let guard = SchemaGuard::new(Arc::clone(target), start_ts, job.snapshot.query()).await?;
    let options = TxnOptions {
        start_ts: Some(start_ts),
        label: Some(target.label().into()),
        query: Some(job.snapshot.query()),
        deadline: job.snapshot.deadline(),
        slow_after: job.settings.slow_task,
        ..TxnOptions::default()
    };
    let transaction = target.cluster.client().begin(options).await?;
    Ok((transaction, guard))
}
