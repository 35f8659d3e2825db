//! One reading for several readers: a scan that stands in a plan more than once, such as that of a view which a
//! query and its subquery both are about, is sent to the stores once.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::future::{BoxFuture, Shared};
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;

use super::TikvScanExec;

/// Rows of a scan that are expected at most, for them to be kept.
pub(crate) const MOST_ROWS: u64 = 100_000;
/// Bytes of a partition's rows that are kept. With more each reader asks the stores itself.
const MOST_BYTES: usize = 32 << 20;

/// A scan that has several readers, as one of them sees it. The first one shows the scan, so that it counts once.
#[derive(Debug, Clone)]
pub(crate) struct SharedScanExec {
    scan: Arc<dyn ExecutionPlan>,
    reading: Arc<Reading>,
    is_first: bool,
}

impl SharedScanExec {
    /// A node for each of the `readers` of `scan`.
    pub(crate) fn of(scan: &TikvScanExec, readers: usize) -> Vec<Self> {
        Self::of_plan(&(Arc::new(scan.clone()) as Arc<dyn ExecutionPlan>), readers)
    }

    fn of_plan(scan: &Arc<dyn ExecutionPlan>, readers: usize) -> Vec<Self> {
        let reading = Arc::new(Reading { readers, partitions: Mutex::default() });
        let node = |place| Self {
            scan: Arc::clone(scan),
            reading: Arc::clone(&reading),
            is_first: place == 0,
        };
        (0..readers).map(node).collect()
    }
}

impl DisplayAs for SharedScanExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let readers = self.reading.readers;
        let name = match self.scan.downcast_ref::<TikvScanExec>().map(TikvScanExec::table) {
            Some((database, table)) if !self.is_first => format!("table={database}.{table}, "),
            _ => String::new(),
        };
        match kind {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "SharedScanExec: {name}readers={readers}")
            }
            DisplayFormatType::TreeRender => writeln!(f, "{name}readers={readers}"),
        }
    }
}

impl ExecutionPlan for SharedScanExec {
    fn name(&self) -> &'static str {
        "SharedScanExec"
    }

    fn schema(&self) -> SchemaRef {
        self.scan.schema()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.scan.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true; self.children().len()]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.children().len()]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        if self.is_first { vec![&self.scan] } else { Vec::new() }
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), self.is_first) {
            (None, false) => Ok(self),
            (Some(scan), true) if children.is_empty() => {
                Ok(Arc::new(Self { scan, ..Self::clone(&self) }))
            }
            _ => internal_err!("the first reader of a scan has one child, others have none"),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (rows, reader) = self.reading.join(&self.scan, partition, &context)?;
        let scan = Arc::clone(&self.scan);
        let rows = stream::once(async move {
            let kept = rows.await.map_err(DataFusionError::Shared)?;
            let rows: BoxStream<'static, Result<RecordBatch>> = match kept.as_ref() {
                Kept::Rows(rows, _) => stream::iter(rows.clone()).map(Ok).boxed(),
                Kept::TooMany => scan.execute(partition, context)?.boxed(),
            };
            Ok::<_, DataFusionError>(rows)
        });
        let rows = rows.try_flatten().inspect(move |_| {
            let _until_the_end = &reader;
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        match inputs.first() {
            Some(statistics) => Ok(Arc::clone(statistics)),
            None => self.scan.statistics_from_inputs(&[], args),
        }
    }
}

/// The rows of one partition, once they are there.
type Rows = Shared<BoxFuture<'static, Result<Arc<Kept>, Arc<DataFusionError>>>>;

/// What came of reading a partition.
#[derive(Debug)]
enum Kept {
    Rows(
        Vec<RecordBatch>,
        #[expect(dead_code, reason = "booked while they are kept")] MemoryReservation,
    ),
    TooMany,
}

/// The partitions that are being read, or were and wait for others of their readers.
#[derive(Debug)]
struct Reading {
    readers: usize,
    partitions: Mutex<Vec<Option<Partition>>>,
}

#[derive(Debug)]
struct Partition {
    rows: Rows,
    /// Readers that came so far.
    came: usize,
    /// Those that are not done.
    there: usize,
}

impl Reading {
    /// Begins to read a partition, unless that was begun before.
    fn join(
        self: &Arc<Self>,
        scan: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: &Arc<TaskContext>,
    ) -> Result<(Rows, Reader)> {
        let mut partitions = self.partitions.lock();
        let places = partitions.len().max(partition + 1);
        partitions.resize_with(places, || None);
        let Some(place) = partitions.get_mut(partition) else {
            return internal_err!("no place for partition {partition}");
        };
        if place.is_none() {
            let rows = scan.execute(partition, Arc::clone(context))?;
            let consumer = MemoryConsumer::new(format!("SharedScanExec[{partition}]"));
            let booked = consumer.register(context.memory_pool());
            // A task of its own: who began it may wait for another reader before it goes on.
            let rows = async move {
                let rows = SpawnedTask::spawn(keep(rows, booked)).join_unwind().await;
                let rows =
                    rows.unwrap_or_else(|error| Err(DataFusionError::External(error.into())));
                rows.map(Arc::new).map_err(Arc::new)
            };
            *place = Some(Partition { rows: rows.boxed().shared(), came: 0, there: 0 });
        }
        let Some(found) = place else { return internal_err!("partition {partition} is not read") };
        found.came += 1;
        found.there += 1;
        let reader = Reader { reading: Arc::clone(self), partition };
        Ok((found.rows.clone(), reader))
    }
}

/// Somebody who reads a partition. When it is dropped, rows that nobody else will come for go, and so does a reading
/// that nobody waits for.
#[derive(Debug)]
struct Reader {
    reading: Arc<Reading>,
    partition: usize,
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut partitions = self.reading.partitions.lock();
        let Some(place) = partitions.get_mut(self.partition) else { return };
        let Some(found) = place else { return };
        found.there -= 1;
        let is_over = found.came >= self.reading.readers || found.rows.peek().is_none();
        if found.there == 0 && is_over {
            *place = None;
        }
    }
}

/// All rows, if they are few.
async fn keep(mut rows: SendableRecordBatchStream, booked: MemoryReservation) -> Result<Kept> {
    let mut kept = Vec::new();
    while let Some(batch) = rows.next().await.transpose()? {
        let bytes = batch.get_array_memory_size();
        if booked.size() + bytes > MOST_BYTES || booked.try_grow(bytes).is_err() {
            return Ok(Kept::TooMany);
        }
        kept.push(batch);
    }
    Ok(Kept::Rows(kept, booked))
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
