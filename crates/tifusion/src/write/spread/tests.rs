use datafusion::error::DataFusionError;
use proptest::prelude::*;
use tifusion_client::clock::TokioClock;
use tifusion_client::txn::{Assertion, KeySpan, Mutation, MutationOp, Part};

use super::driver::{check, each_once};
use super::failure::{error_of_job, told, told_if_ours};
use super::frame::{self, FrameEnd, FrameReader, Nonce, sift};
use super::jobs::JobFile;
use super::rows::{self, FrameFile, Written};
use crate::error::{Error, ErrorKind};
use crate::write::edit::{Edit, EditBatches, EditKind};
use crate::write::rounds::WrittenRows;
use crate::write::statistics::RowChange;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use tifusion_proto::planpb;

fn nonce(byte: u8) -> Nonce {
    Nonce(vec![byte; 16])
}

fn edits(keys: &[&str]) -> RecordBatch {
    let mut edits = EditBatches::new();
    for key in keys {
        let kind = EditKind::PutDistinct;
        edits.push(Edit { key: key.as_bytes(), kind, rows: 1, value: b"value" }).unwrap();
    }
    edits.finish().unwrap().remove(0)
}

fn begin() -> RecordBatch {
    frame::begin(&nonce(1)).unwrap()
}

fn end(of: u8, edits: u64) -> RecordBatch {
    frame::end(&FrameEnd { nonce: nonce(of), edits }).unwrap()
}

/// How many edits a frame has that comes in these batches.
fn read(batches: &[RecordBatch]) -> Result<u64, Error> {
    let mut reader = FrameReader::new(nonce(1));
    let mut rows = 0;
    for batch in batches {
        rows += reader.read(batch.clone())?.num_rows();
    }
    let end = reader.finish()?;
    assert_eq!(end.edits, rows as u64);
    Ok(end.edits)
}

#[test]
fn a_frame_is_read_whole_or_not_at_all_however_its_rows_are_batched() {
    let parts = [begin(), edits(&["a", "b"]), edits(&["c"]), end(1, 3)];
    assert_eq!(read(&parts).unwrap(), 3);
    let schema = begin().schema();
    let one = concat_batches(&schema, &parts).unwrap();
    assert_eq!(read(std::slice::from_ref(&one)).unwrap(), 3);
    for cut in 1..one.num_rows() {
        let two = [one.slice(0, cut), one.slice(cut, one.num_rows() - cut)];
        assert_eq!(read(&two).unwrap(), 3, "{cut}");
        // What comes of a file that ends early.
        assert_eq!(read(&two[..1]).unwrap_err().kind(), ErrorKind::Unavailable, "{cut}");
    }
    assert_eq!(read(&[begin(), end(1, 0)]).unwrap(), 0);
}

#[test]
fn another_frame_and_one_that_lost_or_gained_rows_is_refused() {
    let some = || edits(&["a"]);
    let other = frame::begin(&nonce(2)).unwrap();
    for (what, parts) in [
        ("another one", vec![other.clone(), some(), end(2, 1)]),
        ("another end", vec![begin(), some(), end(2, 1)]),
        ("two of them", vec![begin(), some(), end(1, 1), other, some(), end(2, 1)]),
        ("twice", vec![begin(), some(), end(1, 1), begin(), some(), end(1, 1)]),
        ("no beginning", vec![some(), end(1, 1)]),
        ("a row is lost", vec![begin(), some(), end(1, 2)]),
        ("a row is gained", vec![begin(), some(), some(), end(1, 1)]),
        ("a row behind the end", vec![begin(), end(1, 0), some()]),
        ("nothing", vec![]),
    ] {
        assert_eq!(read(&parts).unwrap_err().kind(), ErrorKind::Unavailable, "{what}");
    }
}

#[test]
fn nonces_differ() {
    let draw = || Nonce::draw(&TokioClock);
    let (one, other) = (draw(), draw());
    assert_ne!(one, other);
    assert_eq!(one.0.len(), 16);
}

#[test]
fn batches_without_frames_go_by_as_they_are() {
    let batch = edits(&["a", "b"]);
    let sifted = sift(batch.clone()).unwrap();
    assert_eq!(sifted.edits, batch);
    assert!(sifted.begins.is_empty() && sifted.ends.is_empty());
    let wrong = batch.project(&[0]).unwrap();
    assert_eq!(sift(wrong).unwrap_err().kind(), ErrorKind::Engine);
}

#[test]
fn an_error_arrives_through_the_words_of_a_job_as_it_was() {
    let message = "Duplicate entry 'a\"\\\n]ü' for key 't.PRIMARY': it is there already";
    let error = Error::new(ErrorKind::Duplicate, message)
        .with_context("table", "shop.t")
        .with_context("query", "4711");
    let task = format!("Task failed due to runtime execution error: {:?}", told(&error));
    let arrived = error_of_job(&format!("Job abc failed: Stage 2 failed: {task:?}; see there"));
    assert_eq!(arrived.kind(), ErrorKind::Duplicate);
    assert_eq!(arrived.to_string(), error.to_string());
    // Within other errors of a plan, too; and none of ours stays what it is.
    let wrapped = DataFusionError::from(error.clone()).context("while encoding");
    let arrived = error_of_job(&told_if_ours(wrapped).to_string());
    assert_eq!(arrived.to_string(), error.to_string());
    let other = told_if_ours(DataFusionError::Execution("lost".to_owned()));
    assert!(matches!(other, DataFusionError::Execution(_)));
    for words in ["", "lost", "tifusion-failure[", "tifusion-failure[zz]", "tifusion-failure[f]"] {
        let error = error_of_job(words);
        assert_eq!((error.kind(), error.message()), (ErrorKind::Engine, words));
    }
}

#[test]
fn every_kind_of_error_arrives() {
    for kind in super::failure::KINDS {
        let words = format!("{:?}", told(&Error::new(kind, "why")));
        assert_eq!(error_of_job(&words).kind(), kind);
    }
}

fn file(partition: usize) -> FrameFile {
    let file = JobFile {
        executor: "e-1".to_owned(),
        host: "10.0.0.7".to_owned(),
        port: 50_051,
        job: "q7".to_owned(),
        stage: 3,
        partition,
        file: (partition == 1).then_some(9),
        is_sorted: partition == 0,
    };
    FrameFile { file, nonce: nonce(u8::try_from(partition).unwrap()) }
}

#[tokio::test]
async fn what_is_to_be_read_and_what_was_written_arrive_as_they_were_sent() {
    let files = [file(0), file(1)];
    let plan = rows::files_plan(&files).unwrap();
    for (partition, expected) in files.iter().enumerate() {
        let rows = plan.execute(partition, std::sync::Arc::default()).unwrap();
        let batches = datafusion::physical_plan::common::collect(rows).await.unwrap();
        assert_eq!(rows::files_of(&batches).unwrap(), std::slice::from_ref(expected));
    }
    let mut rows_of =
        WrittenRows { count: 5, keys: 7, has_left_out: true, ..WrittenRows::default() };
    rows_of.changes.add(8, RowChange { more: -2, changed: 4 });
    let spans = vec![KeySpan { first: b"a".to_vec(), last: b"b".to_vec() }];
    let written = Written {
        edits: 12,
        ends: vec![FrameEnd { nonce: nonce(3), edits: 12 }],
        rows: rows_of,
        part: Part { keys: 7, bytes: 100, spans },
    };
    let batch = rows::written_batch(&written).unwrap();
    let arrived = rows::written_of(&[batch]).unwrap();
    assert_eq!(format!("{arrived:?}"), format!("{:?}", [written]));
}

/// What a partition tells that has seen these frames' ends.
fn told_by(ends: &[(u8, u64)], edits: u64, has_left_out: bool) -> Written {
    let end = |(of, edits): &(u8, u64)| FrameEnd { nonce: nonce(*of), edits: *edits };
    Written {
        edits,
        ends: ends.iter().map(end).collect(),
        rows: WrittenRows { has_left_out, ..WrittenRows::default() },
        part: Part::default(),
    }
}

#[test]
fn nothing_is_committed_unless_every_frame_was_merged_once_and_the_primary_with_it() {
    let frames = [file(0), file(1), file(2)];
    let whole = || vec![told_by(&[(1, 4), (0, 3)], 5, true), told_by(&[(2, 0)], 2, false)];
    check(&whole(), 2, &frames).unwrap();
    let with = |change: fn(&mut Vec<Written>)| {
        let mut written = whole();
        change(&mut written);
        check(&written, 2, &frames).unwrap_err().to_string()
    };
    for (change, said) in [
        (with(|it| drop(it.pop())), "1 of 2 partitions"),
        (with(|it| it[1].ends.clear()), "2 frames of edits have ended"),
        (with(|it| it[1].ends[0].nonce = nonce(0)), "not each of 3 once"),
        (with(|it| it[1].ends[0].nonce = nonce(9)), "not each of 3 once"),
        (with(|it| it[0].edits = 4), "7 edits were encoded, and 6 merged"),
        (with(|it| it[1].edits = 3), "7 edits were encoded, and 8 merged"),
        (with(|it| it[0].rows.has_left_out = false), "merged 0 times"),
        (with(|it| it[1].rows.has_left_out = true), "merged 2 times"),
    ] {
        assert!(change.contains(said) && change.contains("nothing was written"), "{change}");
    }
}

#[test]
fn a_result_with_a_partition_twice_or_without_one_is_none() {
    let of = |partitions: &[usize]| {
        each_once(partitions.iter().map(|partition| file(*partition).file).collect())
    };
    assert_eq!(of(&[1, 0, 2]).unwrap().len(), 3);
    assert!(of(&[]).unwrap().is_empty());
    for wrong in [&[0, 0][..], &[1], &[0, 2], &[0, 1, 1]] {
        assert_eq!(of(wrong).unwrap_err().kind(), ErrorKind::Engine, "{wrong:?}");
    }
}

fn mutation_of(kinds: &[(&str, EditKind)]) -> Option<Mutation> {
    let mut batches = EditBatches::new();
    for (key, kind) in kinds {
        let value: &[u8] = if *kind == EditKind::Delete { b"" } else { b"new" };
        batches.push(Edit { key: key.as_bytes(), kind: *kind, rows: 1, value }).unwrap();
    }
    let batch = batches.finish().unwrap().remove(0);
    let edits = crate::write::edit::EditReader::new(&batch).unwrap();
    super::head::first_mutation(&edits).unwrap()
}

#[test]
fn the_primary_is_what_a_frames_first_row_does_to_its_record() {
    use EditKind::{Delete, Put, PutDistinct};
    let mutation = |op, value: &str, assertion| {
        Some(Mutation { op, key: b"r".to_vec(), value: value.into(), assertion })
    };
    assert_eq!(
        mutation_of(&[("r", PutDistinct), ("i", Put)]),
        mutation(MutationOp::Insert, "new", Assertion::None)
    );
    assert_eq!(
        mutation_of(&[("r", Delete), ("i", Delete)]),
        mutation(MutationOp::Delete, "", Assertion::Exist)
    );
    assert_eq!(
        mutation_of(&[("r", Delete), ("r", PutDistinct), ("i", Put)]),
        mutation(MutationOp::Put, "new", Assertion::Exist)
    );
}

proptest! {
    #[test]
    fn rows_of_other_processes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let column = arrow::array::BinaryArray::from_iter_values([&bytes]);
        let batch = RecordBatch::try_new(rows::schema(), vec![std::sync::Arc::new(column)]).unwrap();
        drop(rows::files_of(std::slice::from_ref(&batch)));
        drop(rows::written_of(&[batch]));
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        drop(error_of_job(&format!("tifusion-failure[{digits}]")));
        drop(<planpb::Failure as prost::Message>::decode(bytes.as_slice()));
    }
}
