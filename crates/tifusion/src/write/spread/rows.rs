//! What jobs are told, and tell, by rows: one column of messages.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array as _, AsArray as _, BinaryArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::ExecutionPlan;
use tifusion_client::txn::{KeySpan, Part};
use tifusion_proto::planpb;

use super::frame::{FrameEnd, Nonce};
use super::jobs::JobFile;
use crate::error::{Error, ErrorKind, Result};
use crate::write::rounds::WrittenRows;
use crate::write::statistics::RowChange;

static SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(vec![Field::new("message", DataType::Binary, false)])));

/// The one column of messages.
pub(super) fn schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// A frame of edits that is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FrameFile {
    pub(super) file: JobFile,
    pub(super) nonce: Nonce,
}

/// What a partition has done.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) edits: u64,
    pub(super) ends: Vec<FrameEnd>,
    pub(super) rows: WrittenRows,
    pub(super) part: Part,
}

/// A plan with a partition for each frame.
///
/// # Errors
/// When the rows make no batch.
pub(super) fn files_plan(files: &[FrameFile]) -> Result<Arc<dyn ExecutionPlan>> {
    let partition = |file: &FrameFile| Ok(vec![batch(&file_message(file))?]);
    let partitions = files.iter().map(partition).collect::<Result<Vec<_>>>()?;
    Ok(MemorySourceConfig::try_new_exec(&partitions, schema(), None)?)
}

fn batch(message: &impl prost::Message) -> Result<RecordBatch> {
    let column = Arc::new(BinaryArray::from_iter_values([message.encode_to_vec()]));
    Ok(RecordBatch::try_new(schema(), vec![column]).map_err(DataFusionError::from)?)
}

/// The messages in batches.
fn messages<M: prost::Message + Default>(batches: &[RecordBatch]) -> Result<Vec<M>> {
    let mut messages = Vec::new();
    for batch in batches {
        let column = batch.columns().first().and_then(|column| column.as_binary_opt::<i32>());
        let column = column.filter(|column| column.null_count() == 0).ok_or_else(malformed)?;
        for bytes in column.iter().flatten() {
            messages.push(M::decode(bytes).map_err(|error| malformed().with_source(error))?);
        }
    }
    Ok(messages)
}

fn malformed() -> Error {
    Error::new(ErrorKind::Data, "a row of another process is no message of a write")
}

fn file_message(file: &FrameFile) -> planpb::EditFile {
    let FrameFile { file, nonce } = file;
    planpb::EditFile {
        executor: file.executor.clone(),
        host: file.host.clone(),
        port: file.port.into(),
        job: file.job.clone(),
        stage: file.stage as u64,
        partition: file.partition as u64,
        file: file.file,
        is_sorted: file.is_sorted,
        nonce: nonce.0.clone(),
    }
}

/// The frames that rows name.
///
/// # Errors
/// When they are none.
pub(super) fn files_of(batches: &[RecordBatch]) -> Result<Vec<FrameFile>> {
    let size = |wide: u64| usize::try_from(wide).map_err(|_| malformed());
    let file = |message: planpb::EditFile| {
        let file = JobFile {
            executor: message.executor,
            host: message.host,
            port: u16::try_from(message.port).map_err(|_| malformed())?,
            job: message.job,
            stage: size(message.stage)?,
            partition: size(message.partition)?,
            file: message.file,
            is_sorted: message.is_sorted,
        };
        Ok(FrameFile { file, nonce: Nonce(message.nonce) })
    };
    messages(batches)?.into_iter().map(file).collect()
}

/// The row that tells what a partition has done.
///
/// # Errors
/// When it makes no batch.
pub(super) fn written_batch(written: &Written) -> Result<RecordBatch> {
    let Written { edits, ends, rows, part } = written;
    let end = |end: &FrameEnd| planpb::FrameEnd { nonce: end.nonce.0.clone(), edits: end.edits };
    let change = |(table_id, change): (&i64, &RowChange)| planpb::RowChange {
        table_id: *table_id,
        more: change.more,
        changed: change.changed,
    };
    let span =
        |span: &KeySpan| planpb::KeyRange { start: span.first.clone(), end: span.last.clone() };
    batch(&planpb::Written {
        edits: *edits,
        ends: ends.iter().map(end).collect(),
        rows: rows.count,
        changes: rows.changes.by_table().iter().map(change).collect(),
        keys: part.keys,
        bytes: part.bytes,
        spans: part.spans.iter().map(span).collect(),
        has_primary: rows.has_left_out,
    })
}

/// What partitions have done.
///
/// # Errors
/// When the rows do not tell.
pub(super) fn written_of(batches: &[RecordBatch]) -> Result<Vec<Written>> {
    let written = |message: planpb::Written| {
        let mut rows = WrittenRows {
            count: message.rows,
            keys: message.keys,
            has_left_out: message.has_primary,
            ..WrittenRows::default()
        };
        for planpb::RowChange { table_id, more, changed } in message.changes {
            rows.changes.add(table_id, RowChange { more, changed });
        }
        let end = |end: planpb::FrameEnd| FrameEnd { nonce: Nonce(end.nonce), edits: end.edits };
        let span = |range: planpb::KeyRange| KeySpan { first: range.start, last: range.end };
        let spans: Vec<_> = message.spans.into_iter().map(span).collect();
        if spans.iter().any(|span| span.last < span.first) {
            return Err(malformed());
        }
        Ok(Written {
            edits: message.edits,
            ends: message.ends.into_iter().map(end).collect(),
            rows,
            part: Part { keys: message.keys, bytes: message.bytes, spans },
        })
    };
    messages(batches)?.into_iter().map(written).collect()
}
