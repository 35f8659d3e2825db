//! Running one partition of a scan: answers in, batches out.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use datafusion::common::Result as DataFusionResult;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use tifusion_client::Timestamp;
use tifusion_client::cop::{CopMetrics, CopRequest, CopResponse, KeyRange};

use super::answer::{Answer, ScanColumns};
use super::dag;
use super::memory::PoolGauge;
use super::metrics::ScanMetrics;
use super::spec::{Segment, TableScanSpec};
use crate::cluster::Cluster;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::statement::StatementSnapshot;

/// Physical tables read at once in one partition of a scan.
const SEGMENTS_AT_ONCE: usize = 4;

/// One partition of a scan.
#[derive(Debug)]
pub(crate) struct ScanPart {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) config: Config,
    pub(crate) snapshot: Arc<StatementSnapshot>,
    pub(crate) spec: Arc<TableScanSpec>,
    pub(crate) columns: Arc<ScanColumns>,
    pub(crate) segments: Vec<Segment>,
}

/// Starts nothing yet: the first request is sent when the stream is first polled.
pub(crate) fn open(
    part: ScanPart,
    partition: usize,
    context: &TaskContext,
    metrics: &ExecutionPlanMetricsSet,
) -> SendableRecordBatchStream {
    let metrics = ScanMetrics::new(metrics, partition);
    let consumer = MemoryConsumer::new(format!("TikvScanExec[{partition}]"));
    let gauge = Arc::new(PoolGauge::new(consumer.register(context.memory_pool())));
    let schema = Arc::clone(part.columns.schema());
    let scan = PartScan::new(part, gauge, metrics);
    let batches = stream::try_unfold(scan, |mut scan| async move {
        let batch = scan.next().await.map_err(DataFusionError::from)?;
        DataFusionResult::Ok(batch.map(|batch| (batch, scan)))
    });
    make_cooperative(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
}

struct PartScan {
    part: Arc<ScanPart>,
    answers: BoxStream<'static, Result<CopResponse>>,
    /// The answer being decoded; the response is kept for the memory it accounts for.
    current: Option<(Answer, CopResponse)>,
    ready: VecDeque<RecordBatch>,
    coalescer: Option<BatchCoalescer>,
    /// Rows that may still be handed on.
    remaining: usize,
    finished: bool,
    cop_metrics: Arc<CopMetrics>,
    gauge: Arc<PoolGauge>,
    metrics: ScanMetrics,
}

impl PartScan {
    fn new(part: ScanPart, gauge: Arc<PoolGauge>, metrics: ScanMetrics) -> Self {
        let part = Arc::new(part);
        let cop_metrics = Arc::new(CopMetrics::default());
        let batch_rows = part.config.chunk_batch_size;
        let schema = part.columns.schema();
        // Small chunks (TiKV begins with 32 rows, rows of datums come 64 at a time) are put
        // together; those of half a batch or more go on as they are, without a copy.
        let coalescer = (!schema.fields().is_empty()).then(|| {
            BatchCoalescer::new(Arc::clone(schema), batch_rows)
                .with_biggest_coalesce_batch_size(Some(batch_rows / 2))
        });
        let answers = answers(&part, &gauge, &cop_metrics);
        let remaining = part.spec.limit.unwrap_or(usize::MAX);
        Self {
            part,
            answers,
            current: None,
            ready: VecDeque::new(),
            coalescer,
            remaining,
            finished: false,
            cop_metrics,
            gauge,
            metrics,
        }
    }

    /// The next batch with rows, `None` at the end.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(self.hand_on(batch)));
            }
            if self.finished {
                return Ok(None);
            }
            if self.remaining == 0 {
                self.finish().await?;
            } else if !self.decode_one()? {
                self.next_answer().await?;
            }
        }
    }

    fn hand_on(&mut self, batch: RecordBatch) -> RecordBatch {
        let batch = match batch.num_rows() {
            rows if rows > self.remaining => batch.slice(0, self.remaining),
            _ => batch,
        };
        self.remaining -= batch.num_rows();
        self.metrics.baseline.record_output(batch.num_rows());
        batch
    }

    /// Decodes one chunk of the current answer; `false` when there is none.
    fn decode_one(&mut self) -> Result<bool> {
        let elapsed = self.metrics.baseline.elapsed_compute().clone();
        let _timer = elapsed.timer();
        let Some((answer, _)) = &mut self.current else { return Ok(false) };
        let Some(batch) = answer.next() else {
            self.current = None;
            return Ok(false);
        };
        let batch = batch.map_err(|error| self.in_table(error))?;
        self.collect(batch)?;
        Ok(true)
    }

    fn collect(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let Some(coalescer) = &mut self.coalescer else {
            self.ready.push_back(batch);
            return Ok(());
        };
        coalescer.push_batch(batch).map_err(DataFusionError::from)?;
        while let Some(batch) = coalescer.next_completed_batch() {
            self.ready.push_back(batch);
        }
        Ok(())
    }

    async fn next_answer(&mut self) -> Result<()> {
        let answer = {
            let _timer = self.metrics.waiting.timer();
            self.answers.try_next().await?
        };
        self.publish_counts();
        let Some(mut response) = answer else { return self.finish().await };
        self.metrics.answers.add(1);
        self.metrics.bytes.add(response.data.len());
        let data = std::mem::take(&mut response.data);
        let place = (response.region_id, response.store_id);
        let answer = self.part.columns.open(data).map_err(|error| {
            self.in_table(error)
                .with_context("region", place.0.to_string())
                .with_context("store", place.1.to_string())
        })?;
        self.current = Some((answer, response));
        Ok(())
    }

    /// All data is read: what is left of it goes out, unless the garbage collector was faster.
    async fn finish(&mut self) -> Result<()> {
        self.finished = true;
        self.answers = stream::empty().boxed();
        self.current = None;
        self.publish_counts();
        if let Some(coalescer) = &mut self.coalescer {
            coalescer.finish_buffered_batch().map_err(DataFusionError::from)?;
            while self.remaining > 0
                && let Some(batch) = coalescer.next_completed_batch()
            {
                self.ready.push_back(batch);
            }
        }
        let start_ts = self.part.snapshot.start_ts();
        let checked = self.part.cluster.client().check_gc_safe_point(start_ts).await;
        checked.map_err(|error| Error::from(error.with_table(self.part.spec.label())))
    }

    fn publish_counts(&self) {
        let counts = self.cop_metrics.take();
        self.metrics.requests.add(counts.requests);
        self.metrics.retries.add(counts.retries);
        self.metrics.region_errors.add(counts.region_errors);
        self.metrics.locks.add(counts.locks);
        self.metrics.peak_buffered.set_max(self.gauge.peak());
    }

    fn in_table(&self, error: Error) -> Error {
        error.with_context("table", self.part.spec.label())
    }
}

/// The answers of all segments of `part`, in no particular order.
fn answers(
    part: &Arc<ScanPart>,
    gauge: &Arc<PoolGauge>,
    metrics: &Arc<CopMetrics>,
) -> BoxStream<'static, Result<CopResponse>> {
    let (part, gauge, metrics) = (Arc::clone(part), Arc::clone(gauge), Arc::clone(metrics));
    let segments: Vec<Segment> = part.segments.clone();
    stream::iter(segments)
        .map(move |segment| {
            let request = request(&part, &segment, &gauge, &metrics);
            part.cluster.client().coprocessor(request).map_err(Error::from)
        })
        .flatten_unordered(SEGMENTS_AT_ONCE)
        .boxed()
}

fn request(
    part: &ScanPart,
    segment: &Segment,
    gauge: &Arc<PoolGauge>,
    metrics: &Arc<CopMetrics>,
) -> CopRequest {
    let ranges = segment
        .ranges
        .iter()
        .map(|range| KeyRange { start: range.start.clone(), end: range.end.clone() })
        .collect();
    let data = dag::encode(&part.spec, segment.physical_id);
    CopRequest {
        isolation: part.config.isolation,
        priority: part.config.priority,
        concurrency: part.config.scan_concurrency,
        deadline: part.snapshot.deadline(),
        schema_version: part.spec.schema_version,
        memory: Some(Arc::clone(gauge) as _),
        metrics: Arc::clone(metrics),
        ..CopRequest::new(
            data,
            Timestamp::new(part.spec.start_ts),
            ranges,
            part.spec.label(),
        )
    }
}
