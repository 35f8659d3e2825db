//! Running one partition of a scan: answers in, batches out.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::{
    BatchCoalescer, SortColumn, concat_batches, lexsort_to_indices, take_record_batch,
};
use arrow::datatypes::SchemaRef;
use datafusion::common::Result as DataFusionResult;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use parking_lot::Mutex;
use tifusion_client::cop::CopMetrics;

use super::answer::Answer;
use super::dag;
use super::dynamic::Narrowed;
use super::lookup::{self, Piece};
use super::memory::{Hold, PoolGauge};
use super::metrics::{CopTotals, DynamicMetrics, LookupMetrics, ScanMetrics};
use super::order::RowOrder;
use super::other_ways::OtherWay;
use super::read::{Reading, SEGMENTS_AT_ONCE, ScanPart, failed};
use super::spec::{LookupSource, Segment, Source};
use crate::error::{Error, Result};

/// Bytes of rows that are put together into a batch at most: large rows make small batches.
const BYTES_OF_A_BATCH: usize = 4 << 20;

/// Starts nothing yet: the first request is sent when the stream is first polled.
pub(crate) fn open(
    part: ScanPart,
    partition: usize,
    context: &TaskContext,
    metrics: &ExecutionPlanMetricsSet,
) -> SendableRecordBatchStream {
    let consumer = MemoryConsumer::new(format!("TikvScanExec[{partition}]"));
    let gauge = Arc::new(PoolGauge::new(consumer, context.memory_pool()));
    let schema = Arc::clone(part.columns.schema());
    let scan = PartScan::new(part, gauge, metrics, partition);
    let batches = stream::try_unfold(scan, |mut scan| async move {
        let batch = scan.next().await.map_err(DataFusionError::from)?;
        DataFusionResult::Ok(batch.map(|batch| (batch, scan)))
    });
    make_cooperative(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
}

/// An answer being decoded: where it came from, and the memory it accounts for.
struct Current {
    answer: Answer,
    hold: Hold,
    region: u64,
    store: u64,
}

/// Rows of a batch of a lookup, in no particular order.
#[derive(Debug, Default)]
struct Unordered {
    batches: Vec<RecordBatch>,
    holds: Vec<Hold>,
}

struct PartScan {
    part: Arc<ScanPart>,
    answers: BoxStream<'static, Result<Piece>>,
    /// The answer being decoded.
    current: Option<Current>,
    /// Rows of a batch whose others are to come, if they are to be put in order.
    unordered: Option<Unordered>,
    ready: VecDeque<RecordBatch>,
    coalescer: Option<BatchCoalescer>,
    /// Bytes of the rows in the coalescer, and the answers that they still point into.
    coalescing: usize,
    read_out: Vec<Hold>,
    /// Rows that may still be handed on.
    remaining: usize,
    finished: bool,
    /// Whether an answer says too little about the products that it is made of.
    in_doubt: bool,
    reads: Arc<Mutex<Vec<Arc<CopMetrics>>>>,
    published: CopTotals,
    /// Rows that came.
    seen: usize,
    gauge: Arc<PoolGauge>,
    metrics: ScanMetrics,
}

impl PartScan {
    fn new(
        part: ScanPart,
        gauge: Arc<PoolGauge>,
        set: &ExecutionPlanMetricsSet,
        partition: usize,
    ) -> Self {
        let narrowing = part.dynamic.as_ref().map(|_| DynamicMetrics::new(set, partition));
        let metrics = match part.spec.source {
            Source::Lookup(_) => ScanMetrics::new(set, partition).of_lookup(set, partition),
            Source::Table(_) | Source::Columnar(_) | Source::Index(_) => {
                ScanMetrics::new(set, partition)
            }
        };
        let part = Arc::new(part);
        let reads = Arc::new(Mutex::new(Vec::new()));
        let batch_rows = part.settings.chunk_batch_size;
        let schema = part.columns.schema();
        // Small chunks (TiKV begins with 32 rows, rows of datums come 64 at a time) are put
        // together; those of half a batch or more go on as they are, without a copy. Under a limit
        // every row goes on at once, for it may be the last one needed.
        let coalesces = !schema.fields().is_empty() && part.spec.limit.is_none();
        let coalescer = coalesces.then(|| {
            BatchCoalescer::new(Arc::clone(schema), batch_rows)
                .with_biggest_coalesce_batch_size(Some(batch_rows / 2))
        });
        let span = tracing::debug_span!(
            parent: part.snapshot.span(),
            "scan",
            table = part.spec.label(),
            partition,
        );
        let (shared, begun) = (Arc::clone(&gauge), Arc::clone(&reads));
        let reading = Reading { part: Arc::clone(&part), gauge: shared, begun, span };
        let answers = answers(reading, &metrics, narrowing, (set.clone(), partition));
        let remaining = part.spec.limit.unwrap_or(usize::MAX);
        let unordered = part.spec.is_ordered_lookup().then(Unordered::default);
        Self {
            part,
            answers,
            current: None,
            unordered,
            ready: VecDeque::new(),
            coalescer,
            coalescing: 0,
            read_out: Vec::new(),
            remaining,
            finished: false,
            in_doubt: false,
            reads,
            published: CopTotals::default(),
            seen: 0,
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
        let Some(current) = &mut self.current else { return Ok(false) };
        let (region, store) = (current.region, current.store);
        let Some(batch) = current.answer.next() else {
            return self.end_answer();
        };
        let batch = batch.map_err(|error| self.part.in_answer(error, region, store))?;
        self.metrics.rows_received.add(batch.num_rows());
        self.collect(batch)?;
        Ok(true)
    }

    /// The current answer has no more chunks: its memory is given back, unless rows that still point
    /// into it wait for company. Whether something is ready.
    fn end_answer(&mut self) -> Result<bool> {
        let Some(Current { answer, hold, .. }) = self.current.take() else { return Ok(false) };
        self.in_doubt |= answer.is_in_doubt();
        if let Some(unordered) = &mut self.unordered {
            unordered.holds.push(hold);
            return Ok(false);
        }
        self.read_out(hold)
    }

    /// All rows of a batch are there.
    fn end_batch(&mut self) -> Result<()> {
        let Some(unordered) = self.unordered.replace(Unordered::default()) else { return Ok(()) };
        let elapsed = self.metrics.baseline.elapsed_compute().clone();
        let _timer = elapsed.timer();
        let Unordered { batches, holds } = unordered;
        let schema = self.part.columns.schema();
        if let Some(sorted) = in_order(schema, &batches, &self.part.row_order)? {
            drop(batches);
            self.push(sorted)?;
        }
        for hold in holds {
            self.read_out(hold)?;
        }
        Ok(())
    }

    /// Whether something is ready, when an answer is read to its end.
    fn read_out(&mut self, hold: Hold) -> Result<bool> {
        let Some(coalescer) = self.coalescer.as_mut().filter(|_| self.coalescing > 0) else {
            return Ok(false);
        };
        self.read_out.push(hold);
        let pinned: usize = self.read_out.iter().map(Hold::bytes).sum();
        // The next answer may wait for the very room that a few rows keep.
        if pinned >= BYTES_OF_A_BATCH || self.gauge.is_bounded() {
            coalescer.finish_buffered_batch().map_err(DataFusionError::from)?;
            self.take_completed();
        }
        Ok(!self.ready.is_empty())
    }

    fn collect(&mut self, batch: RecordBatch) -> Result<()> {
        self.seen = self.seen.saturating_add(batch.num_rows());
        if batch.num_rows() == 0 {
            return Ok(());
        }
        match &mut self.unordered {
            Some(unordered) => {
                unordered.batches.push(batch);
                Ok(())
            }
            None => self.push(batch),
        }
    }

    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let Some(coalescer) = &mut self.coalescer else {
            self.hand_out(batch);
            return Ok(());
        };
        self.coalescing = self.coalescing.saturating_add(bytes_of(&batch)?);
        coalescer.push_batch(batch).map_err(DataFusionError::from)?;
        if self.coalescing >= BYTES_OF_A_BATCH {
            coalescer.finish_buffered_batch().map_err(DataFusionError::from)?;
        }
        self.take_completed();
        Ok(())
    }

    fn take_completed(&mut self) {
        let Some(coalescer) = &mut self.coalescer else { return };
        let mut completed = Vec::new();
        while let Some(batch) = coalescer.next_completed_batch() {
            completed.push(batch);
        }
        if coalescer.is_empty() {
            self.coalescing = 0;
            self.read_out.clear();
        }
        completed.into_iter().for_each(|batch| self.hand_out(batch));
    }

    /// Makes `batch` ready, cut to the size that was asked for.
    fn hand_out(&mut self, batch: RecordBatch) {
        let (rows, size) = (batch.num_rows(), self.part.settings.chunk_batch_size.max(1));
        for start in (0..rows).step_by(size) {
            self.ready.push_back(batch.slice(start, size.min(rows - start)));
        }
    }

    async fn next_answer(&mut self) -> Result<()> {
        let answer = {
            let _timer = self.metrics.waiting.timer();
            self.answers.try_next().await?
        };
        self.publish();
        let response = match answer {
            Some(Piece::Answer(response)) => response,
            Some(Piece::EndOfBatch) => return self.end_batch(),
            None => {
                self.finish().await?;
                return lookup::check_rows(&self.part, self.metrics.lookup.as_ref(), self.seen);
            }
        };
        let hold = self.gauge.hold(response.data.len());
        let (region, store) = (response.region_id, response.store_id);
        let answer = self.part.columns.open(response.data);
        let answer = answer.map_err(|error| self.part.in_answer(error, region, store))?;
        self.current = Some(Current { answer, hold, region, store });
        Ok(())
    }

    /// All data is read: what is left of it goes out, unless the garbage collector was faster.
    async fn finish(&mut self) -> Result<()> {
        self.finished = true;
        self.answers = stream::empty().boxed();
        self.current = None;
        self.publish();
        if let Some(coalescer) = &mut self.coalescer {
            coalescer.finish_buffered_batch().map_err(DataFusionError::from)?;
        }
        self.take_completed();
        if self.in_doubt {
            // Boxed, for it is a scan in a scan.
            let looked_at = Box::pin(self.look_at_products()).await;
            self.publish();
            looked_at?;
        }
        if self.part.segments.is_empty() {
            return Ok(());
        }
        let checked = self.part.snapshot.check(&self.part.client).await;
        checked.map_err(|error| Error::from(error.with_table(self.part.spec.label())))
    }

    /// Has the stores tell the largest of the products that the answers were made of, where a factor was too large to know
    /// by that.
    ///
    /// # Errors
    /// When DataFusion would have failed to compute one.
    async fn look_at_products(&mut self) -> Result<()> {
        let Some(part) = self.part.of_exact()? else { return Ok(()) };
        tracing::debug!(table = part.spec.label(), "the products are looked at in another request");
        // Of the partitions that go another way than planned only the first reads anything, and can be in doubt.
        let (gauge, set) = (Arc::clone(&self.gauge), ExecutionPlanMetricsSet::new());
        let mut scan = Self::new(part, gauge, &set, 0);
        let looked_at = loop {
            match scan.next().await {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let reads = scan.reads.lock().clone();
        self.reads.lock().extend(reads);
        looked_at
    }

    fn publish(&mut self) {
        let now = CopTotals::of(&self.reads.lock());
        self.metrics.add(self.published, now);
        self.published = now;
        self.metrics.peak_buffered.set_max(self.gauge.peak());
    }
}

impl Drop for PartScan {
    /// A LIMIT above ends a scan early: what it did until then counts.
    fn drop(&mut self) {
        self.publish();
    }
}

/// Bytes of the values of a batch, whose columns may be parts of larger buffers.
fn bytes_of(batch: &RecordBatch) -> Result<usize> {
    let mut bytes = 0_usize;
    for column in batch.columns() {
        let size = column.to_data().get_slice_memory_size().map_err(DataFusionError::from)?;
        bytes = bytes.saturating_add(size);
    }
    Ok(bytes)
}

/// The rows of `batches` in an order of their columns; `None` if there are none.
///
/// The rows of a lookup's batch are those of some neighbouring entries, and the columns are of the index's,
/// whose keys are in their order: so are batches then, one behind another.
fn in_order(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    order: &RowOrder,
) -> Result<Option<RecordBatch>> {
    if batches.is_empty() {
        return Ok(None);
    }
    let all = concat_batches(schema, batches).map_err(DataFusionError::from)?;
    let mut columns = Vec::with_capacity(order.len());
    for (name, options) in order {
        let values = all.column_by_name(name).ok_or_else(|| {
            Error::invalid("rows can't be ordered by a column that is not read")
                .with_context("column", name.to_string())
        })?;
        columns.push(SortColumn { values: Arc::clone(values), options: Some(*options) });
    }
    let places = lexsort_to_indices(&columns, None).map_err(DataFusionError::from)?;
    let sorted = take_record_batch(&all, &places).map_err(DataFusionError::from)?;
    Ok(Some(sorted))
}

/// The answers of all segments, when the filters that others find for them soon are there: one segment
/// after another if the scan has an order, else as they come.
fn answers(
    reading: Reading,
    metrics: &ScanMetrics,
    narrowing: Option<DynamicMetrics>,
    (set, partition): (ExecutionPlanMetricsSet, usize),
) -> BoxStream<'static, Result<Piece>> {
    let lookup = metrics.lookup.clone();
    let begun = async move {
        wait(&reading.part, narrowing.as_ref()).await;
        let dynamic = reading.part.dynamic.as_ref();
        if let Some(way) = dynamic.and_then(|dynamic| dynamic.other_way(&reading.part.spec)) {
            let metrics = (LookupMetrics::new(&set, partition), narrowing.as_ref());
            return of_other(reading, &way, partition == 0, metrics);
        }
        match (reading.part.spec.source.clone(), lookup) {
            (Source::Lookup(source), Some(metrics)) => {
                of_lookup(reading, source, metrics, narrowing.as_ref())
            }
            _ => of_segments(reading, narrowing),
        }
    };
    stream::once(begun).flatten().boxed()
}

fn of_segments(
    reading: Reading,
    narrowing: Option<DynamicMetrics>,
) -> BoxStream<'static, Result<Piece>> {
    let has_order = reading.part.spec.order.is_some();
    let segments = reading.part.segments.clone();
    let at_once = segments.len().clamp(1, SEGMENTS_AT_ONCE);
    let answers = stream::iter(segments).map(move |segment| {
        match narrowed(&reading.part, segment, narrowing.as_ref()) {
            Ok(Some(Narrowed { segment, spec, is_own })) => {
                let data = dag::encode(&spec, segment.physical_id);
                let mut request = reading.request(data, &segment.ranges, at_once);
                // The next run asks for other values: its answers would only push those out that are
                // of use.
                request.cacheable = !is_own;
                request.keep_order = has_order;
                request.desc = spec.order.is_some_and(|order| order.desc);
                reading.begin(request)
            }
            Ok(None) => stream::empty().boxed(),
            Err(error) => failed(error),
        }
    });
    match has_order {
        true => answers.flatten().map_ok(Piece::Answer).boxed(),
        false => answers.flatten_unordered(SEGMENTS_AT_ONCE).map_ok(Piece::Answer).boxed(),
    }
}

fn of_lookup(
    reading: Reading,
    source: LookupSource,
    metrics: LookupMetrics,
    narrowing: Option<&DynamicMetrics>,
) -> BoxStream<'static, Result<Piece>> {
    let mut segments = Vec::with_capacity(reading.part.segments.len());
    let mut part = ScanPart::clone(&reading.part);
    for segment in &reading.part.segments {
        match narrowed(&reading.part, segment.clone(), narrowing) {
            Ok(Some(narrowed)) => {
                segments.push(narrowed.segment);
                part.spec = narrowed.spec;
                part.is_cacheable &= !narrowed.is_own;
            }
            Ok(None) => {}
            Err(error) => return failed(error),
        }
    }
    lookup::answers(Reading { part: Arc::new(part), ..reading }, source, segments, metrics)
}

/// The answers along another way than the one that was planned, all of them in one partition: what it reads
/// is little.
fn of_other(
    reading: Reading,
    way: &OtherWay,
    is_first: bool,
    (metrics, narrowing): (LookupMetrics, Option<&DynamicMetrics>),
) -> BoxStream<'static, Result<Piece>> {
    if !is_first {
        return stream::empty().boxed();
    }
    let spec = way.along(&reading.part.spec);
    let source = spec.as_ref().map(|spec| spec.source.clone());
    let (Some(spec), Some(Source::Lookup(source))) = (spec, source) else {
        return failed(Error::invalid("another way to rows is none by an index"));
    };
    // The next run asks for other rows.
    let part = ScanPart {
        spec: Arc::new(spec),
        segments: way.segments.clone(),
        is_cacheable: false,
        ..ScanPart::clone(&reading.part)
    };
    of_lookup(Reading { part: Arc::new(part), ..reading }, source, metrics, narrowing)
}

/// Waits for the filters that others find soon.
async fn wait(part: &ScanPart, narrowing: Option<&DynamicMetrics>) {
    if let (Some(dynamic), Some(metrics)) = (&part.dynamic, narrowing) {
        let _timer = metrics.waiting.timer();
        dynamic.wait(part.settings.dynamic_filter_wait, part.snapshot.deadline()).await;
    }
}

/// `segment` as it is read; `None` if nobody needs its rows any more.
fn narrowed(
    part: &ScanPart,
    segment: Segment,
    narrowing: Option<&DynamicMetrics>,
) -> Result<Option<Narrowed>> {
    let (Some(dynamic), Some(metrics)) = (&part.dynamic, narrowing) else {
        return Ok(Some(Narrowed { segment, spec: Arc::clone(&part.spec), is_own: false }));
    };
    let narrowed = dynamic.narrow(&segment, &part.spec, &part.pushdown)?;
    metrics.record(narrowed.as_ref());
    Ok(narrowed)
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
