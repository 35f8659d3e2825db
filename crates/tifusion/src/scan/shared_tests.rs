use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{AsArray as _, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::poll;

use super::*;
use crate::error::{Error, ErrorKind};

/// A partition of batches of one number each, which counts how often it is read, and how many of its readers are there.
#[derive(Debug)]
struct Numbers {
    schema: SchemaRef,
    batches: i64,
    fails: bool,
    begun: Arc<AtomicUsize>,
    there: Arc<AtomicUsize>,
}

struct There(Arc<AtomicUsize>);

impl Drop for There {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl PartitionStream for Numbers {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.there.fetch_add(1, Ordering::SeqCst);
        let (schema, fails) = (Arc::clone(&self.schema), self.fails);
        let there = There(Arc::clone(&self.there));
        let rows = stream::iter(0..self.batches).then(move |number| {
            let (schema, _there) = (Arc::clone(&schema), &there);
            async move {
                tokio::task::yield_now().await;
                if fails && number == 1 {
                    let error = Error::new(ErrorKind::Unavailable, "no store answers");
                    return Err(DataFusionError::from(error));
                }
                let column = Arc::new(Int64Array::from_value(number, 1000));
                Ok(RecordBatch::try_new(schema, vec![column])?)
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}

struct Shop {
    nodes: Vec<SharedScanExec>,
    begun: Arc<AtomicUsize>,
    there: Arc<AtomicUsize>,
    pool: Arc<dyn MemoryPool>,
    context: Arc<TaskContext>,
}

impl Shop {
    fn new(batches: i64, fails: bool, memory: usize) -> Self {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let (begun, there): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
        let numbers = Numbers {
            schema: Arc::clone(&schema),
            batches,
            fails,
            begun: Arc::clone(&begun),
            there: Arc::clone(&there),
        };
        let parts: Vec<Arc<dyn PartitionStream>> = vec![Arc::new(numbers)];
        let scan = StreamingTableExec::try_new(schema, parts, None, [], false, None).unwrap();
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(memory));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(&pool)).build_arc();
        let context = Arc::new(TaskContext::default().with_runtime(runtime.unwrap()));
        let nodes = SharedScanExec::of_plan(&(Arc::new(scan) as Arc<dyn ExecutionPlan>), 2);
        Self { nodes, begun, there, pool, context }
    }

    fn rows(&self, node: usize) -> SendableRecordBatchStream {
        self.nodes[node].execute(0, Arc::clone(&self.context)).unwrap()
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

fn numbers(batches: &[RecordBatch]) -> Vec<i64> {
    batches.iter().map(|batch| batch.column(0).as_primitive::<Int64Type>().value(0)).collect()
}

#[tokio::test]
async fn readers_share_one_reading_whoever_comes_first() {
    let shop = Shop::new(3, false, 1 << 20);
    let first: Vec<_> = shop.rows(0).try_collect().await.unwrap();
    assert!(shop.pool.reserved() >= 24_000, "kept for the other one: {}", shop.pool.reserved());
    let second: Vec<_> = shop.rows(1).try_collect().await.unwrap();
    assert_eq!((numbers(&first), numbers(&second)), (vec![0, 1, 2], vec![0, 1, 2]));
    assert_eq!((shop.begun(), shop.pool.reserved()), (1, 0));
    // The plan may run once more.
    let (first, second) = (shop.rows(0), shop.rows(1));
    let second: Vec<_> = second.try_collect().await.unwrap();
    let first: Vec<_> = first.try_collect().await.unwrap();
    assert_eq!((first.len(), second.len(), shop.begun(), shop.pool.reserved()), (3, 3, 2, 0));
}

#[tokio::test]
async fn a_reader_that_stands_still_does_not_hold_up_the_other() {
    let shop = Shop::new(3, false, 1 << 20);
    let mut waiting = shop.rows(0);
    assert!(poll!(waiting.next()).is_pending());
    let rows: Vec<_> = shop.rows(1).try_collect().await.unwrap();
    assert_eq!(numbers(&rows), [0, 1, 2]);
    let rows: Vec<_> = waiting.try_collect().await.unwrap();
    assert_eq!((numbers(&rows), shop.begun()), (vec![0, 1, 2], 1));
}

#[tokio::test]
async fn what_does_not_fit_is_read_by_each() {
    let shop = Shop::new(5, false, 20_000);
    for node in 0..2 {
        let rows: Vec<_> = shop.rows(node).try_collect().await.unwrap();
        assert_eq!(numbers(&rows), [0, 1, 2, 3, 4]);
    }
    assert_eq!((shop.begun(), shop.pool.reserved()), (3, 0), "once to see, once for each");
}

#[tokio::test]
async fn a_reading_that_nobody_waits_for_is_given_up() {
    let shop = Shop::new(1_000_000, false, 1 << 30);
    let mut rows = shop.rows(0);
    assert!(poll!(rows.next()).is_pending());
    tokio::task::yield_now().await;
    drop(rows);
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!((shop.there.load(Ordering::SeqCst), shop.pool.reserved()), (0, 0));
}

#[tokio::test]
async fn all_readers_get_the_error() {
    let shop = Shop::new(3, true, 1 << 20);
    let (first, second) = (shop.rows(0), shop.rows(1));
    for rows in [first, second] {
        let error = rows.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(Error::from(error).kind(), ErrorKind::Unavailable);
    }
    assert_eq!(shop.begun(), 1);
}
