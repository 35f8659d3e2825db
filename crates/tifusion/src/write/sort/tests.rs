use std::collections::BTreeMap;

use datafusion::common::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, GreedyMemoryPool, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;

use super::*;
use crate::write::edit::{EditBatches, EditKind, EditReader, edit_schema};

/// An edit as the tests compare it.
type Plain = (Vec<u8>, u8, u8, Vec<u8>);

/// Numbers that look like chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound).unwrap()
    }

    fn byte(&mut self, bound: u64) -> u8 {
        u8::try_from(self.below(bound)).unwrap()
    }
}

/// Batches of so many edits each; keys come twice now and then, of all lengths, most with a prefix in common.
fn batches(seed: u64, batches: usize, edits: usize) -> Vec<RecordBatch> {
    let mut chance = Chance(seed);
    let mut all = Vec::new();
    for _ in 0..batches {
        let mut batch = EditBatches::new();
        for _ in 0..edits {
            let mut key = b"t\x80\0\0\0\0\0\0\x07_".to_vec();
            if chance.below(50) == 0 {
                key.truncate(chance.below(10));
            }
            for _ in 0..chance.below(30) {
                key.push(chance.byte(3));
            }
            let kind = [EditKind::Delete, EditKind::Put, EditKind::PutDistinct][chance.below(3)];
            let value = vec![chance.byte(256); chance.below(100)];
            batch.push(Edit { key: &key, kind, rows: chance.byte(2), value: &value }).unwrap();
        }
        all.extend(batch.finish().unwrap());
    }
    all
}

fn room(pool: Arc<dyn MemoryPool>, disk: DiskManagerMode) -> SortRoom {
    let disk = DiskManagerBuilder::default().with_mode(disk);
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).with_disk_manager_builder(disk);
    let context = TaskContext::default().with_runtime(runtime.build_arc().unwrap());
    SortRoom::new(&context, &ExecutionPlanMetricsSet::new())
}

fn stream_of(batches: Vec<RecordBatch>) -> SendableRecordBatchStream {
    let batches = stream::iter(batches.into_iter().map(Ok));
    Box::pin(RecordBatchStreamAdapter::new(edit_schema(), batches))
}

fn plain(edit: Edit<'_>) -> Plain {
    (edit.key.to_vec(), edit.kind as u8, edit.rows, edit.value.to_vec())
}

async fn sorted(batches: Vec<RecordBatch>, room: SortRoom) -> Vec<Plain> {
    let mut sorted = sort(stream_of(batches), room).await.unwrap();
    let mut all = Vec::new();
    while let Some(edit) = sorted.next().await.unwrap() {
        all.push(plain(edit));
    }
    all
}

fn counted(edits: Vec<Plain>) -> BTreeMap<Plain, usize> {
    let mut counted = BTreeMap::new();
    edits.into_iter().for_each(|edit| *counted.entry(edit).or_default() += 1);
    counted
}

fn as_they_came(batches: &[RecordBatch]) -> BTreeMap<Plain, usize> {
    let mut all = Vec::new();
    for batch in batches {
        let edits = EditReader::new(batch).unwrap();
        all.extend((0..edits.len()).map(|at| plain(edits.edit(at).unwrap())));
    }
    counted(all)
}

#[tokio::test]
async fn all_edits_come_in_order_however_little_room_there_is() {
    // None but the least, none at all, room for some, and for all.
    for (seed, bytes) in (0..).zip([0, 1, 10_000, 100_000, 1_000_000, 100_000_000]) {
        let batches = batches(seed, 150, 40);
        let expected = as_they_came(&batches);
        let room = room(Arc::new(FairSpillPool::new(bytes)), DiskManagerMode::OsTmpDirectory);
        let pool = Arc::clone(&room.runtime.memory_pool);
        let spills = room.spills.clone();
        let edits = sorted(batches, room).await;
        assert!(edits.is_sorted_by_key(|(key, kind, _, _)| (key.clone(), *kind)), "{bytes}");
        assert_eq!(counted(edits), expected, "{bytes}");
        assert_eq!(spills.value() > 0, bytes < 100_000_000, "{bytes}: {} spills", spills.value());
        assert!(bytes > 1 || spills.value() > 150, "runs are merged before there are too many");
        assert_eq!(pool.reserved(), 0);
    }
}

#[tokio::test]
async fn what_others_hold_of_the_pool_is_done_without() {
    let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(1 << 20));
    let others = MemoryConsumer::new("others").register(&pool);
    others.try_grow(1 << 20).unwrap();
    let batches = batches(7, 100, 20);
    let expected = as_they_came(&batches);
    let edits = sorted(batches, room(Arc::clone(&pool), DiskManagerMode::OsTmpDirectory)).await;
    assert_eq!(counted(edits), expected);
    assert_eq!(pool.reserved(), 1 << 20);
}

#[tokio::test]
async fn without_room_and_without_files_it_is_an_error() {
    let room = room(Arc::new(GreedyMemoryPool::new(1000)), DiskManagerMode::Disabled);
    let error = sort(stream_of(batches(7, 3, 100)), room).await.err().expect("no way to sort");
    assert!(error.to_string().contains("DiskManager is disabled"), "{error}");
}

#[tokio::test]
async fn an_error_among_the_edits_is_the_sort_s() {
    let mut edits: Vec<_> = batches(7, 2, 10).into_iter().map(Ok).collect();
    edits.push(Err(DataFusionError::Execution("row 21 is no row".to_owned())));
    let edits = Box::pin(RecordBatchStreamAdapter::new(edit_schema(), stream::iter(edits)));
    let room = room(Arc::new(GreedyMemoryPool::new(1 << 20)), DiskManagerMode::OsTmpDirectory);
    let error = sort(edits, room).await.err().expect("an error");
    assert!(error.to_string().contains("row 21 is no row"), "{error}");
}

#[tokio::test]
async fn no_edits_are_none() {
    let room = room(Arc::new(GreedyMemoryPool::new(0)), DiskManagerMode::Disabled);
    assert_eq!(sorted(Vec::new(), room).await, Vec::<Plain>::new());
}
