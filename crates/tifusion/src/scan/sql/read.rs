//! Running a scan through TiDB's SQL port: rows in, batches out.

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use datafusion::common::Result as DataFusionResult;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;
use tifusion_codec::FieldType;
use tifusion_codec::field_type::tp;

use super::SqlSource;
use super::value::push;
use crate::config::Settings;
use crate::error::{Error, ErrorKind, Result};
use crate::scan::answer::ScanColumns;
use crate::scan::memory::PoolGauge;
use crate::scan::metrics::ScanMetrics;
use crate::scan::spec::TableScanSpec;
use crate::sql_port::SqlReading;
use crate::statement::StatementSnapshot;

/// Bytes of rows that are put together into a batch at most: large rows make small batches.
const BYTES_OF_A_BATCH: usize = 4 << 20;

/// A scan, which is one partition.
#[derive(Debug, Clone)]
pub(in crate::scan) struct SqlPart {
    pub(in crate::scan) source: Arc<SqlSource>,
    pub(in crate::scan) settings: Settings,
    pub(in crate::scan) snapshot: Arc<StatementSnapshot>,
    pub(in crate::scan) spec: Arc<TableScanSpec>,
    pub(in crate::scan) columns: Arc<ScanColumns>,
    pub(in crate::scan) sql: String,
}

/// Starts nothing yet: the statement is sent when the stream is first polled.
pub(in crate::scan) fn open(
    part: SqlPart,
    context: &TaskContext,
    metrics: &ExecutionPlanMetricsSet,
) -> SendableRecordBatchStream {
    let schema = Arc::clone(part.columns.schema());
    let consumer = MemoryConsumer::new("TidbSqlScanExec");
    let gauge = Arc::new(PoolGauge::new(consumer, context.memory_pool()));
    let metrics = ScanMetrics::new(metrics, 0);
    // Of rows that are only counted there comes a number each.
    let types = match schema.fields().is_empty() {
        true => vec![FieldType::new(tp::LONG_LONG, 0)],
        false => part.columns.sent_types(),
    };
    let scan = SqlScan { part, types, gauge, metrics, reading: None, is_done: false };
    let batches = stream::try_unfold(scan, |mut scan| async move {
        let batch =
            scan.next().await.map_err(|error| DataFusionError::from(scan.name_in(error)))?;
        DataFusionResult::Ok(batch.map(|batch| (batch, scan)))
    });
    make_cooperative(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
}

struct SqlScan {
    part: SqlPart,
    /// In which the values of a row come.
    types: Vec<FieldType>,
    gauge: Arc<PoolGauge>,
    metrics: ScanMetrics,
    reading: Option<SqlReading>,
    is_done: bool,
}

impl SqlScan {
    /// The next batch with rows, `None` at the end.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.is_done {
            return Ok(None);
        }
        let (deadline, timeout) =
            (self.part.snapshot.deadline(), self.part.settings.statement_timeout);
        let rows = self.rows();
        let rows = match deadline {
            None => rows.await,
            Some(deadline) => {
                let rows = tokio::time::timeout_at(deadline.into(), rows).await;
                rows.unwrap_or_else(|_| {
                    let timeout = timeout.unwrap_or_default();
                    let message =
                        format!("TiDB did not answer in time (statement.timeout: {timeout:?})");
                    Err(Error::new(ErrorKind::DeadlineExceeded, message))
                })
            }
        };
        let (rows, count) = match rows {
            Ok(rows) => rows,
            Err(error) => {
                // What runs is killed.
                (self.reading, self.is_done) = (None, true);
                return Err(error);
            }
        };
        if count == 0 {
            return Ok(None);
        }
        let bytes = rows.len();
        let _held = self.gauge.try_hold(bytes).map_err(Error::from)?;
        self.metrics.peak_buffered.set_max(self.gauge.peak());
        self.metrics.rows_received.add(count);
        self.metrics.bytes.add(bytes);
        let timer = self.metrics.baseline.elapsed_compute().timer();
        let batch = self.part.columns.decode_rows(&Bytes::from(rows))?;
        drop(timer);
        self.metrics.baseline.record_output(batch.num_rows());
        Ok(Some(batch))
    }

    /// The rows of a batch, and how many there are: none at the end.
    async fn rows(&mut self) -> Result<(Vec<u8>, usize)> {
        let part = &self.part;
        let reading = match &mut self.reading {
            Some(reading) => reading,
            None => {
                let port = &part.source.port;
                let session = port.reading_session(Some(part.snapshot.start_ts())).await?;
                self.metrics.requests.add(1);
                self.reading.insert(SqlReading::begin(session, &part.sql).await?)
            }
        };
        let waiting = self.metrics.waiting.timer();
        let (mut rows, mut count) = (Vec::new(), 0);
        while count < part.settings.chunk_batch_size && rows.len() < BYTES_OF_A_BATCH {
            let Some(row) = reading.next().await? else {
                // The connection is of use to others.
                (self.reading, self.is_done) = (None, true);
                break;
            };
            if row.len() != self.types.len() {
                let message = format!("TiDB sent {} columns for {}", row.len(), self.types.len());
                return Err(Error::new(ErrorKind::Data, message));
            }
            for (value, field_type) in row.into_iter().zip(&self.types) {
                push(&mut rows, value, field_type)?;
            }
            count += 1;
        }
        drop(waiting);
        Ok((rows, count))
    }

    /// Says of which scan an error is.
    fn name_in(&self, error: Error) -> Error {
        let error = error.with_context("table", self.part.spec.label());
        error.with_context("sql", self.part.sql.clone()).of_query(self.part.snapshot.query())
    }
}
