//! What the partitions of a scan read, as rows: those of one partition stand in a batch of their own, so that
//! whoever gives partitions to machines needs to know no more than how to share out batches.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array as _, AsArray as _, BinaryArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::ExecutionPlan;
use prost::Message as _;
use tifusion_proto::planpb;

use super::{malformed, malformed_part, size, wide};
use crate::error::Result;
use crate::scan::spec::{KeyRange, Segment};

/// One column of [`planpb::Segment`].
static SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(vec![Field::new("segment", DataType::Binary, false)])));

/// The plan whose partitions are rows of what the scan's partitions read.
///
/// # Errors
/// When the rows make no batch.
pub(super) fn to_plan(partitions: &[Vec<Segment>]) -> Result<Arc<dyn ExecutionPlan>> {
    let batches: Vec<Vec<RecordBatch>> = partitions
        .iter()
        .map(|segments| Ok(vec![to_batch(segments)?]))
        .collect::<Result<_, DataFusionError>>()?;
    Ok(MemorySourceConfig::try_new_exec(&batches, Arc::clone(&SCHEMA), None)?)
}

fn to_batch(segments: &[Segment]) -> Result<RecordBatch, DataFusionError> {
    let rows = segments.iter().map(|segment| to_message(segment).encode_to_vec());
    let column = BinaryArray::from_iter_values(rows);
    Ok(RecordBatch::try_new(Arc::clone(&SCHEMA), vec![Arc::new(column)])?)
}

/// The segments of a batch.
///
/// # Errors
/// When it is none of [`to_plan`]'s.
pub(super) fn of_batch(batch: &RecordBatch) -> Result<Vec<Segment>> {
    let column = batch.columns().first().and_then(|column| column.as_binary_opt::<i32>());
    let column = column.filter(|column| column.null_count() == 0);
    let column = column.ok_or_else(|| malformed_part("rows of segments"))?;
    column.iter().flatten().map(of_bytes).collect()
}

fn of_bytes(bytes: &[u8]) -> Result<Segment> {
    let message = planpb::Segment::decode(bytes).map_err(|error| malformed("segment", error))?;
    let planpb::Segment { physical_id, ranges, regions } = message;
    let range = |planpb::KeyRange { start, end }| KeyRange { start, end };
    let ranges: Vec<KeyRange> = ranges.into_iter().map(range).collect();
    let is_range = |range: &KeyRange| range.end.is_empty() || range.start < range.end;
    if !ranges.iter().all(is_range) {
        return Err(malformed_part("range of keys"));
    }
    Ok(Segment { physical_id, ranges, regions: regions.map(size).transpose()? })
}

fn to_message(segment: &Segment) -> planpb::Segment {
    let range =
        |range: &KeyRange| planpb::KeyRange { start: range.start.clone(), end: range.end.clone() };
    planpb::Segment {
        physical_id: segment.physical_id,
        ranges: segment.ranges.iter().map(range).collect(),
        regions: segment.regions.map(wide),
    }
}
