//! Edits into a transaction, and the transaction to its end.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::{StreamExt as _, stream};
use tifusion_client::split::SplitOptions;
use tifusion_client::txn::{Mutation, Transaction, TxnOptions, TxnProgress};
use tracing::Instrument as _;

use super::guard::{SchemaGuard, SchemaGuards};
use super::job::WriteJob;
use super::rounds::{RoundMaker, Rounds, WrittenRows};
use super::sort::SortRoom;
use super::statistics;
use super::txn_error::{commit_error, transaction_error};
use crate::error::{Error, ErrorKind, Result};
use crate::keep::keep_snapshot;

/// Where a run sorts, and what it counts.
#[derive(Debug, Clone)]
pub(super) struct RunMetrics {
    sort: SortRoom,
    rows: Count,
    keys: Count,
    bytes: Count,
}

impl RunMetrics {
    pub(super) fn new(context: &TaskContext, metrics: &ExecutionPlanMetricsSet) -> Self {
        let counter = |name| MetricBuilder::new(metrics).counter(name, 0);
        Self {
            sort: SortRoom::new(context, metrics),
            rows: counter("rows_written"),
            keys: counter("keys_prewritten"),
            bytes: counter("bytes_prewritten"),
        }
    }
}

/// The edits of one table.
pub(super) type Edits = (Arc<WriteJob>, SendableRecordBatchStream);

/// What prewrites all that a transaction is to write.
#[async_trait]
pub(super) trait Prewrites: Send {
    /// Does so, and tells `writer` of the rows of each table.
    ///
    /// # Errors
    /// Whatever went wrong: the transaction is rolled back then.
    async fn prewrite(self, writer: &mut Writer<'_>) -> Result<()>;
}

/// Writes to the tables of all `jobs`, which have one snapshot, and commits; how many rows of each table changed
/// comes back.
///
/// # Errors
/// Whatever went wrong: nothing was written then, unless the error is an
/// [`ErrorKind::Undetermined`](crate::ErrorKind::Undetermined).
pub(super) async fn run(
    jobs: Vec<Arc<WriteJob>>,
    prewrites: impl Prewrites,
    metrics: &RunMetrics,
) -> Result<Vec<u64>> {
    let Some(job) = jobs.first() else { return Ok(Vec::new()) };
    let span = tracing::debug_span!(
        parent: job.snapshot.span(),
        "write",
        table = label(&jobs),
        kind = %job.kind,
    );
    run_inside(&jobs, job, prewrites, metrics).instrument(span).await
}

async fn run_inside(
    jobs: &[Arc<WriteJob>],
    job: &WriteJob,
    prewrites: impl Prewrites,
    metrics: &RunMetrics,
) -> Result<Vec<u64>> {
    let keep = keep_snapshot(job.target.cluster.client(), &job.snapshot, &job.settings)?;
    let mut writer = Writer { jobs, metrics, rows: Vec::new(), open: None };
    let written = match job.snapshot.deadline() {
        None => prewrites.prewrite(&mut writer).await,
        Some(deadline) => {
            let written =
                tokio::time::timeout_at(deadline.into(), prewrites.prewrite(&mut writer)).await;
            written.unwrap_or_else(|_| Err(too_late(jobs, job)))
        }
    };
    let outcome = match written {
        Ok(()) => writer.commit().await,
        Err(error) => {
            writer.roll_back().await;
            Err(error)
        }
    };
    keep.release().await;
    outcome.map_err(|error| error.of_query(job.snapshot.query()))
}

fn too_late(jobs: &[Arc<WriteJob>], job: &WriteJob) -> Error {
    let timeout = job.settings.statement_timeout.unwrap_or_default();
    Error::new(
        ErrorKind::DeadlineExceeded,
        format!(
            "the statement took too long (statement.timeout: {timeout:?}): nothing was written to {}",
            label(jobs)
        ),
    )
}

/// The options of the transaction of a statement that writes to the tables of `label`.
pub(super) fn options_of(job: &WriteJob, label: String) -> TxnOptions {
    TxnOptions {
        start_ts: Some(job.snapshot.start_ts()),
        label: Some(label.into()),
        query: Some(job.snapshot.query()),
        deadline: job.snapshot.deadline(),
        slow_after: job.settings.slow_task,
        ..TxnOptions::default()
    }
}

/// The tables' names, for people.
fn label(jobs: &[Arc<WriteJob>]) -> String {
    jobs.iter().map(|job| job.target.label()).collect::<Vec<_>>().join(", ")
}

/// A transaction that is written.
pub(super) struct Writer<'a> {
    jobs: &'a [Arc<WriteJob>],
    metrics: &'a RunMetrics,
    /// For each table that is done with.
    rows: Vec<WrittenRows>,
    /// Begun with the first mutation.
    open: Option<(Transaction, SchemaGuards)>,
}

/// Edits that are sorted and prewritten here, one table after the other.
#[async_trait]
impl Prewrites for Vec<Edits> {
    async fn prewrite(self, writer: &mut Writer<'_>) -> Result<()> {
        for (job, edits) in self {
            let room = writer.metrics.sort.clone();
            let (maker, mut rounds) = RoundMaker::start(&job, edits, room, None);
            if let Some(first) = rounds.next().await {
                if job.options.dry_run {
                    while rounds.next().await.is_some() {}
                } else {
                    writer.prewrite(&job, first, rounds).await?;
                }
            }
            writer.is_done_with(maker.finish().await?);
        }
        Ok(())
    }
}

impl Writer<'_> {
    /// Takes note of the rows of the next table, of which all is prewritten.
    pub(super) fn is_done_with(&mut self, rows: WrittenRows) {
        self.rows.push(rows);
    }

    async fn prewrite(
        &mut self,
        job: &Arc<WriteJob>,
        first: Vec<Mutation>,
        others: Rounds,
    ) -> Result<()> {
        split(job).await;
        let transaction = self.begin(job).await?;
        let so_far = SoFar::new(transaction.progress());
        let others = {
            let (job, so_far) = (Arc::clone(job), so_far.clone());
            others.inspect(move |_| so_far.tell(&job))
        };
        let prewritten = transaction.prewrite_all(stream::iter([first]).chain(others)).await;
        prewritten.map_err(|error| transaction_error(&job.target, error))?;
        so_far.tell(job);
        let (keys, bytes) = so_far.counts();
        self.count(keys, bytes);
        Ok(())
    }

    /// Counts keys, and bytes of them and their values, that were prewritten.
    pub(super) fn count(&self, keys: u64, bytes: u64) {
        self.metrics.keys.add(usize::try_from(keys).unwrap_or(usize::MAX));
        self.metrics.bytes.add(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// The transaction, which from here on is not committed if this table changes.
    ///
    /// # Errors
    /// When the table is not the one that the statement was planned with, or the cluster does not answer.
    pub(super) async fn begin(&mut self, job: &WriteJob) -> Result<&mut Transaction> {
        let (start_ts, query) = (job.snapshot.start_ts(), job.snapshot.query());
        let guard = SchemaGuard::new(Arc::clone(&job.target), start_ts, query).await?;
        let (transaction, mut guards) = match self.open.take() {
            Some(open) => open,
            None => {
                let options = options_of(job, label(self.jobs));
                let transaction = job.target.cluster.client().begin(options).await?;
                (transaction, SchemaGuards::default())
            }
        };
        guards.add(guard);
        Ok(&mut self.open.insert((transaction, guards)).0)
    }

    async fn commit(self) -> Result<Vec<u64>> {
        // Nothing to write, or nobody wants it written.
        let counts: Vec<u64> = self.rows.iter().map(|rows| rows.count).collect();
        let Some((transaction, guards)) = self.open else { return Ok(counts) };
        // Whoever stops waiting now must not leave it half committed: it goes on by itself.
        let committing = async move { transaction.commit(&guards).await };
        let committing = tokio::spawn(committing.in_current_span());
        let committed = committing.await.map_err(|error| {
            let why = "the commit was stopped: whether anything was written is not known";
            Error::new(ErrorKind::Undetermined, why).with_source(error)
        })?;
        let first = self.jobs.first().map(|job| &job.target);
        if let (Err(error), Some(target)) = (committed, first) {
            return Err(commit_error(target, &label(self.jobs), error));
        }
        let rows = counts.iter().sum::<u64>();
        self.metrics.rows.add(usize::try_from(rows).unwrap_or(usize::MAX));
        for (job, rows) in self.jobs.iter().zip(self.rows) {
            if job.options.update_statistics {
                statistics::tell(&job.target, job.snapshot.query(), rows.changes).await;
            }
            job.tell(true);
        }
        Ok(counts)
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

/// What a transaction has written of one table.
#[derive(Clone)]
struct SoFar {
    progress: Arc<TxnProgress>,
    keys_before: u64,
    bytes_before: u64,
}

impl SoFar {
    fn new(progress: &Arc<TxnProgress>) -> Self {
        let progress = Arc::clone(progress);
        let (keys_before, bytes_before) = (progress.keys_prewritten(), progress.bytes_prewritten());
        Self { progress, keys_before, bytes_before }
    }

    /// Keys, and bytes of them and their values.
    fn counts(&self) -> (u64, u64) {
        let keys = self.progress.keys_prewritten().saturating_sub(self.keys_before);
        (keys, self.progress.bytes_prewritten().saturating_sub(self.bytes_before))
    }

    fn tell(&self, job: &WriteJob) {
        let (keys, bytes) = self.counts();
        job.progress.prewritten(keys, bytes);
        job.tell(false);
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
        wait: job.options.split.wait,
        deadline: job.snapshot.deadline(),
        query: Some(job.snapshot.query()),
        ..SplitOptions::default()
    };
    let client = job.target.cluster.client();
    if let Err(error) = client.split_and_scatter(keys, &options).await {
        tracing::warn!(%error, "regions were not split before the write");
    }
}
