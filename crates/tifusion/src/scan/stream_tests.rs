use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use bytes::Bytes;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::execute_stream;
use futures::{StreamExt as _, TryStreamExt as _};
use tifusion_proto::tipb;

use super::super::tests::{answer, chunk};
use crate::error::{Error, ErrorKind};
use crate::meta::fake::{FakeMeta, table};
use crate::testing::context_with_rows;
use crate::{ScanProgress, TidbContext};
use tifusion_codec::key::meta;

fn numbers(chunks: &[usize]) -> Bytes {
    let mut next = 0_i64;
    let mut values = |rows: usize| {
        let values: Vec<i64> = (next..).take(rows).collect();
        next += i64::try_from(rows).unwrap();
        chunk(&values)
    };
    let chunks = chunks.iter().map(|rows| values(*rows)).collect();
    answer(tipb::EncodeType::TypeChunk, chunks)
}

/// A chunk of one column of text.
fn texts(rows: usize, len: usize) -> Bytes {
    let mut bytes = u32::try_from(rows).unwrap().to_le_bytes().to_vec();
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend((0..=rows).flat_map(|row| i64::try_from(row * len).unwrap().to_le_bytes()));
    bytes.extend(std::iter::repeat_n(b'x', rows * len));
    Bytes::from(bytes)
}

struct Reader {
    context: TidbContext,
    safe_point: Arc<AtomicU64>,
}

impl Reader {
    fn new(options: &[(&str, &str)], rows: Bytes) -> Self {
        let meta = FakeMeta::new();
        meta.change(serde_json::json!({"type": 3, "schema_id": 1, "table_id": 101}), |meta| {
            meta.put(meta::table_key(1, 101), &table(101, "texts", &[(1, "body", 15)]));
        });
        let safe_point = Arc::new(AtomicU64::new(0));
        let context = context_with_rows(&meta, options, rows, &safe_point);
        Self { context, safe_point }
    }

    async fn read(&self, sql: &str) -> Result<Vec<RecordBatch>, Error> {
        Ok(self.context.sql(sql).await?.collect().await?)
    }
}

fn sizes(batches: &[RecordBatch]) -> Vec<usize> {
    batches.iter().map(RecordBatch::num_rows).collect()
}

#[tokio::test]
async fn batches_have_no_more_rows_than_asked_for() {
    let reader = Reader::new(&[("coprocessor.chunk_batch_size", "100")], numbers(&[250, 30, 30]));
    let batches = reader.read("SELECT id FROM t").await.unwrap();
    assert!(sizes(&batches).iter().all(|rows| *rows <= 100), "{:?}", sizes(&batches));
    assert_eq!(sizes(&batches).iter().sum::<usize>(), 310);
}

#[tokio::test]
async fn large_rows_are_not_held_until_a_batch_is_full() {
    let chunks = (0..16).map(|_| texts(4, 1 << 20)).collect();
    let reader = Reader::new(&[], answer(tipb::EncodeType::TypeChunk, chunks));
    let frame = reader.context.sql("SELECT body FROM texts").await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    let batches: Vec<_> = execute_stream(plan, reader.context.session_context().task_ctx())
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(sizes(&batches), [4; 16]);
}

#[tokio::test]
async fn rows_that_are_put_together_stay_in_the_memory_account() {
    let reader = Reader::new(&[], answer(tipb::EncodeType::TypeChunk, vec![texts(1, 1 << 20)]));
    let frame = reader.context.sql("SELECT body FROM texts UNION ALL SELECT body FROM texts");
    let plan = frame.await.unwrap().create_physical_plan().await.unwrap();
    let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(64 << 20));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(&pool)).build_arc().unwrap();
    let task = TaskContext::from(&reader.context.session_context().state()).with_runtime(runtime);
    let mut stream = execute_stream(plan, Arc::new(task)).unwrap();
    while let Some(batch) = stream.next().await {
        assert_eq!(batch.unwrap().num_rows(), 1);
    }
    drop(stream);
    assert_eq!(pool.reserved(), 0, "all is given back");
}

#[tokio::test]
async fn rows_that_wait_for_company_keep_no_room_from_the_next_answer() {
    // Each region's answer ends with a few rows; the pool has room for one answer and a half.
    let rows = answer(tipb::EncodeType::TypeChunk, vec![texts(1, 1 << 20), texts(1, 10)]);
    let reader = Reader::new(&[], rows);
    let sql = "SELECT body FROM texts UNION ALL SELECT body FROM texts";
    let plan = reader.context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
    let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(3 << 19));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(&pool)).build_arc().unwrap();
    let task = TaskContext::from(&reader.context.session_context().state()).with_runtime(runtime);
    let batches: Vec<_> =
        execute_stream(plan, Arc::new(task)).unwrap().try_collect().await.unwrap();
    assert_eq!(sizes(&batches).iter().sum::<usize>(), 4);
    assert_eq!(pool.reserved(), 0);
}

#[tokio::test]
async fn a_snapshot_that_was_collected_is_an_error_however_the_scan_ended() {
    for sql in [
        "SELECT id FROM t",
        "SELECT id FROM t LIMIT 3",
        "SELECT id FROM t WHERE id > 2 LIMIT 1",
        "SELECT count(*) FROM t",
        "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM t)",
    ] {
        let reader = Reader::new(&[], numbers(&[1000, 1000]));
        let rows = reader.read(sql).await.unwrap();
        assert!(!rows.is_empty(), "{sql}");
        // TiDB drops nothing for a long time after it has said so, and young statements rest on that.
        reader.safe_point.store(u64::MAX >> 1, Ordering::SeqCst);
        reader.read(sql).await.unwrap();
        // Another process hears of it first.
        let reader = Reader::new(&[], numbers(&[1000, 1000]));
        reader.safe_point.store(u64::MAX >> 1, Ordering::SeqCst);
        let error = reader.read(sql).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SnapshotTooOld, "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_plan_tells_how_far_its_scans_are() {
    let reader = Reader::new(&[], numbers(&[1000, 1000]));
    let sql = "SELECT a.id FROM t a UNION ALL SELECT b.id FROM t b";
    let statement = reader.context.parse(sql).unwrap().remove(0);
    let planned = reader.context.prepare(statement).await.unwrap();
    let before = planned.progress();
    let expected = ScanProgress { scans: 2, regions: Some(2), ..ScanProgress::default() };
    assert_eq!(before, expected);
    let plan = Arc::clone(planned.plan());
    let batches: Vec<_> = planned.execute().unwrap().try_collect().await.unwrap();
    assert_eq!(sizes(&batches).iter().sum::<usize>(), 4000);
    let after = ScanProgress::of(plan.as_ref());
    assert_eq!((after.tasks, after.tasks_done, after.rows), (2, 2, 4000));
    assert_eq!(after.bytes, 2 * numbers(&[1000, 1000]).len());
}

#[tokio::test]
async fn the_regions_of_a_small_limit_are_not_known_beforehand() {
    let reader = Reader::new(&[], numbers(&[1000]));
    let statement = reader.context.parse("SELECT id FROM t LIMIT 5").unwrap().remove(0);
    let planned = reader.context.prepare(statement).await.unwrap();
    assert_eq!(planned.progress().regions, None);
    assert_eq!(planned.progress().tasks_expected(), None);
}
