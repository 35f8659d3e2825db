//! One request: from its bytes to its answer.

use std::ops::Range;
use std::time::Instant;

use bytes::Bytes;
use prost::Message;
use tifusion_proto::coprocessor::{KeyRange, Request, Response};
use tifusion_proto::kvrpcpb::{ExecDetailsV2, ScanDetailV2, TimeDetail, TimeDetailV2};
use tifusion_proto::tipb::{Chunk, DagRequest, EncodeType, SelectResponse};

use super::context::EvalContext;
use super::encode::{encode_chunk, encode_rows, encoding};
use super::error::CopError;
use super::exec::{Executor, MAX_BATCH, Progress, Scanned, Work};
use super::plan::{self, Source};
use crate::mvcc::Rows;

/// The type of requests with a plan.
const DAG: i64 = 103;
/// Rows of the first batch; each one after it has twice as many, up to [`MAX_BATCH`].
const FIRST_BATCH: usize = 32;

/// What a request reads, and what its store knows about it.
pub(crate) struct CopContext<'a> {
    /// The snapshot.
    pub(crate) rows: &'a mut dyn Rows,
    /// The keys of the region, raw; an empty end is the end of all keys.
    pub(crate) region: Range<Vec<u8>>,
    /// The version of the region's data; `None` turns the client's cache off.
    pub(crate) data_version: Option<u64>,
    /// The version of the region's buckets; a client with an older one asks for them.
    pub(crate) buckets_version: u64,
}

/// Answers a request. Region errors are the caller's.
///
/// A cache hit reads no row: what a reader does besides reading, such as raising the region's highest
/// timestamp, was done when the snapshot was taken.
pub(crate) fn run(request: &Request, context: CopContext<'_>) -> Response {
    let version = context.data_version.unwrap_or_default();
    let buckets = context.buckets_version;
    let mut response = if is_cache_hit(request, &context) {
        Response { is_cache_hit: true, cache_last_version: version, ..Response::default() }
    } else {
        let CopContext { rows, region, data_version, .. } = context;
        let start = Instant::now();
        let selected = select(request, region, rows);
        let can_be_cached = request.is_cache_enabled && data_version.is_some() && !rows.met_newer();
        match selected {
            Ok(page) => Response {
                data: Bytes::from(page.answer.encode_to_vec()),
                range: page.range,
                can_be_cached,
                cache_last_version: version,
                exec_details_v2: Some(details(&page.scanned, start)),
                ..Response::default()
            },
            Err(error) => failed(error, can_be_cached),
        }
    };
    let known = request.context.as_ref().map_or(0, |context| context.buckets_version);
    if buckets > known {
        response.latest_buckets_version = buckets;
    }
    response
}

/// What was read and how long that took. The snapshot shows one version of each key.
fn details(scanned: &Scanned, start: Instant) -> ExecDetailsV2 {
    let keys = scanned.counts.iter().sum::<i64>();
    let versions = u64::try_from(keys).unwrap_or_default();
    let elapsed = start.elapsed();
    let scan = ScanDetailV2 {
        processed_versions: versions,
        total_versions: versions,
        processed_versions_size: scanned.bytes,
        ..ScanDetailV2::default()
    };
    let time = TimeDetail {
        process_wall_time_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        ..TimeDetail::default()
    };
    let time_v2 = TimeDetailV2 {
        process_wall_time_ns: u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
        ..TimeDetailV2::default()
    };
    ExecDetailsV2 {
        time_detail: Some(time),
        time_detail_v2: Some(time_v2),
        scan_detail_v2: Some(scan),
        ..ExecDetailsV2::default()
    }
}

fn is_cache_hit(request: &Request, context: &CopContext<'_>) -> bool {
    request.is_cache_enabled && context.data_version == Some(request.cache_if_match_version)
}

fn failed(error: CopError, can_be_cached: bool) -> Response {
    match error {
        CopError::Locked(lock) => Response { locked: Some(*lock), ..Response::default() },
        CopError::Other(message) => Response { other_error: message, ..Response::default() },
        CopError::Eval(error) => {
            let answer = SelectResponse { error: Some(error.into()), ..SelectResponse::default() };
            Response {
                data: Bytes::from(answer.encode_to_vec()),
                can_be_cached,
                ..Response::default()
            }
        }
    }
}

/// What a request gave.
struct Page {
    answer: SelectResponse,
    /// What the page covers; `None` when all was read.
    range: Option<KeyRange>,
    scanned: Scanned,
}

/// Runs the plan.
fn select(
    request: &Request,
    region: Range<Vec<u8>>,
    rows: &mut dyn Rows,
) -> Result<Page, CopError> {
    if request.tp != DAG {
        return Err(CopError::plan(format!("unsupported tp {}", request.tp)));
    }
    let dag = DagRequest::decode(request.data.as_ref())
        .map_err(|error| CopError::plan(format!("the plan can't be read: {error}")))?;
    let eval = EvalContext::new(&dag)?;
    let page = usize::try_from(request.paging_size).unwrap_or(usize::MAX);
    let page = (page > 0).then_some(page);
    let top = plan::build(
        &dag,
        &Source {
            ranges: &request.ranges,
            region,
            eval: &eval,
            page,
            watch: dag.collect_execution_summaries(),
        },
    )?;
    let offsets = output_offsets(&dag, top.as_ref())?;
    let work = Work { rows, eval, page };
    Run { dag: &dag, request, top, offsets, work }.answer()
}

fn output_offsets(dag: &DagRequest, top: &dyn Executor) -> Result<Vec<usize>, CopError> {
    let columns = top.schema().len();
    dag.output_offsets
        .iter()
        .map(|offset| {
            usize::try_from(*offset).ok().filter(|offset| *offset < columns).ok_or_else(|| {
                CopError::plan(format!(
                    "Invalid output offset (schema has {columns} columns, access index {offset})"
                ))
            })
        })
        .collect()
}

/// A plan that runs.
struct Run<'a> {
    dag: &'a DagRequest,
    request: &'a Request,
    top: Box<dyn Executor>,
    offsets: Vec<usize>,
    work: Work<'a>,
}

impl Run<'_> {
    fn answer(mut self) -> Result<Page, CopError> {
        let schema = self.top.schema().to_vec();
        let outputs: Vec<_> =
            self.offsets.iter().filter_map(|offset| schema.get(*offset).cloned()).collect();
        let encode_type = encoding(self.dag.encode_type(), &outputs);
        let mut chunks = Vec::new();
        let mut rows_given = 0;
        let mut size = FIRST_BATCH;
        loop {
            let batch = self.top.next_batch(size, &mut self.work)?;
            rows_given += batch.rows.len();
            if !batch.rows.is_empty() {
                let mut data = Vec::new();
                let zone = self.work.eval.zone;
                match encode_type {
                    EncodeType::TypeChunk => {
                        encode_chunk(&mut data, &batch.rows, &schema, &self.offsets)?;
                    }
                    _ => encode_rows(&mut data, &batch.rows, &schema, &self.offsets, zone)?,
                }
                chunks.push(Chunk { rows_data: Some(data.into()), rows_meta: Vec::new() });
            }
            let full = self.work.page.is_some_and(|page| rows_given >= page);
            if batch.progress.stops() || full || self.is_over_budget() {
                let range = self.page_range(batch.progress);
                let scanned = self.top.scanned();
                let answer = self.finish(chunks, encode_type);
                return Ok(Page { answer, range, scanned });
            }
            size = (size * 2).min(MAX_BATCH);
        }
    }

    /// Whether the request's limits on keys or bytes end the page.
    fn is_over_budget(&mut self) -> bool {
        let (keys, bytes) = (self.request.max_keys_read, self.request.paging_size_bytes);
        if keys == 0 && bytes == 0 {
            return false;
        }
        let scanned = self.top.scanned();
        let read: i64 = scanned.counts.iter().sum();
        (keys > 0 && u64::try_from(read).is_ok_and(|read| read >= keys))
            || (bytes > 0 && scanned.bytes >= bytes)
    }

    fn page_range(&mut self, progress: Progress) -> Option<KeyRange> {
        let request = self.request;
        let paged =
            request.paging_size > 0 || request.max_keys_read > 0 || request.paging_size_bytes > 0;
        (paged && progress != Progress::Drained).then(|| self.top.take_scanned_range())
    }

    fn finish(mut self, chunks: Vec<Chunk>, encode_type: EncodeType) -> SelectResponse {
        let mut execution_summaries = Vec::new();
        self.top.summaries(&mut execution_summaries);
        SelectResponse {
            chunks,
            warnings: self.work.eval.warnings,
            warning_count: Some(self.work.eval.warning_count),
            output_counts: self.top.scanned().counts,
            execution_summaries,
            encode_type: Some(encode_type.into()),
            ..SelectResponse::default()
        }
    }
}
