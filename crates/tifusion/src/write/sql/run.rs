//! Statements into a transaction at TiDB's SQL port, and the transaction to its end.

use std::sync::Arc;

use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::StreamExt as _;

use super::job::SqlWriteJob;
use super::rows::Inserts;
use crate::error::{Error, ErrorKind, Result};
use crate::sql_port::{SqlSession, SqlTransaction, too_large};
use crate::write::command::{OnDuplicate, WriteKind};

/// What a run counts.
#[derive(Debug, Clone)]
pub(super) struct SqlMetrics {
    rows: Count,
    statements: Count,
    bytes: Count,
}

impl SqlMetrics {
    pub(super) fn new(metrics: &ExecutionPlanMetricsSet) -> Self {
        let counter = |name| MetricBuilder::new(metrics).counter(name, 0);
        Self {
            rows: counter("rows_written"),
            statements: counter("statements_sent"),
            bytes: counter("bytes_sent"),
        }
    }
}

/// Writes, and commits; how many rows changed comes back.
///
/// # Errors
/// Whatever went wrong: nothing was written then, unless the error is an
/// [`ErrorKind::Undetermined`](crate::ErrorKind::Undetermined).
pub(super) async fn run(
    job: &Arc<SqlWriteJob>,
    input: Option<SendableRecordBatchStream>,
    metrics: &SqlMetrics,
) -> Result<u64> {
    let writing = async {
        let session = job.port.session(&job.session_options()).await?;
        let mut writer = Writer::begin(job, session, metrics).await?;
        match writer.write(input).await {
            Ok(rows) => Ok((writer, rows)),
            Err(error) => {
                writer.transaction.rollback().await;
                Err(error)
            }
        }
    };
    // A transaction that is dropped is rolled back, and what runs is killed.
    let (writer, rows) = match job.snapshot.deadline() {
        None => writing.await?,
        Some(deadline) => {
            let written = tokio::time::timeout_at(deadline.into(), writing).await;
            written.unwrap_or_else(|_| Err(too_late(job)))?
        }
    };
    if job.options.dry_run {
        writer.transaction.rollback().await;
        return Ok(rows);
    }
    writer.commit().await?;
    metrics.rows.add(usize::try_from(rows).unwrap_or(usize::MAX));
    job.tell(true);
    Ok(rows)
}

fn too_late(job: &SqlWriteJob) -> Error {
    let timeout = job.settings.statement_timeout.unwrap_or_default();
    Error::new(
        ErrorKind::DeadlineExceeded,
        format!(
            "the statement took too long (statement.timeout: {timeout:?}): nothing was written to {}",
            job.label()
        ),
    )
}

struct Writer<'a> {
    job: &'a Arc<SqlWriteJob>,
    metrics: &'a SqlMetrics,
    transaction: SqlTransaction,
    /// Bytes that TiDB takes at once.
    most: usize,
    rows: u64,
}

impl<'a> Writer<'a> {
    async fn begin(
        job: &'a Arc<SqlWriteJob>,
        mut session: SqlSession,
        metrics: &'a SqlMetrics,
    ) -> Result<Self> {
        let most = session.query("SELECT", "SELECT @@max_allowed_packet").await?;
        let most = most.first().and_then(|most| most.parse().ok()).unwrap_or(usize::MAX);
        let transaction = SqlTransaction::begin(session).await?;
        Ok(Self { job, metrics, transaction, most, rows: 0 })
    }

    async fn write(&mut self, input: Option<SendableRecordBatchStream>) -> Result<u64> {
        match (&self.job.kind, input) {
            (WriteKind::Statement(statement), _) => {
                self.send(statement.what, statement.sql.as_bytes()).await?;
            }
            (WriteKind::Insert { columns, on_duplicate }, Some(input)) => {
                self.insert(input, columns, *on_duplicate).await?;
            }
            (kind, _) => {
                let message = format!("{kind} is no statement for TiDB's SQL port");
                return Err(Error::new(ErrorKind::Engine, message));
            }
        }
        Ok(self.rows)
    }

    async fn insert(
        &mut self,
        mut input: SendableRecordBatchStream,
        columns: &[usize],
        on_duplicate: OnDuplicate,
    ) -> Result<()> {
        let what = match on_duplicate {
            OnDuplicate::Fail | OnDuplicate::Skip => "INSERT",
            OnDuplicate::Replace => "REPLACE",
        };
        let mut inserts = Inserts::new(self.job, &input.schema(), columns, on_duplicate)?;
        inserts.bound_by(self.most);
        while let Some(batch) = input.next().await {
            let batch = batch?;
            for statement in inserts.batch(self.job, &batch)? {
                self.send(what, &statement).await?;
            }
            self.job.progress.encoded(batch.num_rows());
            self.job.tell(false);
        }
        if let Some(statement) = inserts.finish() {
            self.send(what, &statement).await?;
        }
        Ok(())
    }

    async fn send(&mut self, what: &'static str, statement: &[u8]) -> Result<()> {
        if statement.len() >= self.most {
            return Err(too_large(self.job.port.place(), statement.len(), self.most).into());
        }
        self.rows += self.transaction.execute(what, statement).await?;
        self.metrics.statements.add(1);
        self.metrics.bytes.add(statement.len());
        Ok(())
    }

    async fn commit(self) -> Result<()> {
        let transaction = self.transaction;
        // Whoever stops waiting now must not leave it half known: it goes on by itself.
        let committing = tokio::spawn(transaction.commit());
        let committed = committing.await.map_err(|error| {
            let why = "the commit was stopped: whether anything was written is not known";
            Error::new(ErrorKind::Undetermined, why).with_source(error)
        })?;
        Ok(committed?)
    }
}
