//! Reading rows that entries of an index tell: handles from the index ([`handles`]), in batches
//! ([`batch`]) that are asked for by their keys, at the same snapshot; [`seen`] are those of several
//! indexes, and [`downgrade`] is for those that are many in one region.
//!
//! In the order of the index batches come one after another, those behind being read meanwhile; the rows of
//! each are put in order when all of them are there, so that no more than a few batches wait.

mod batch;
mod downgrade;
mod handles;
mod seen;

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream};
use futures::{StreamExt as _, TryStreamExt as _};
use tifusion_client::cop::{CopRequest, CopResponse};
use tifusion_codec::key::{self, Handle};

use self::batch::BatchSizes;
use self::handles::{HandleAnswer, HandleReader};
use self::seen::Seen;
use super::dag;
use super::memory::Hold;
use super::metrics::LookupMetrics;
use super::read::{Reading, SEGMENTS_AT_ONCE, ScanPart, failed};
use super::spec::{KeyRange, LookupSource, Segment, Source, TableScanSpec};
use crate::config::Isolation;
use crate::error::{Error, ErrorKind, Result};

/// Bytes that a handle of a batch takes about, with the ends of its range, besides its own twice.
const BYTES_OF_HANDLE: usize = 160;

/// Handles of a batch in order, which waits as a whole.
const MOST_IN_ORDER: usize = 8_192;

/// The same where memory has a limit.
const FEW_IN_ORDER: usize = 256;

/// What is read of rows.
#[derive(Debug)]
pub(super) enum Piece {
    /// An answer with some of them.
    Answer(CopResponse),
    /// All rows of a batch are there, and those before them.
    EndOfBatch,
}

/// The rows' answers: in the order of the index batch by batch, or in no particular order.
pub(super) fn answers(
    reading: Reading,
    mut source: LookupSource,
    segments: Vec<Segment>,
    metrics: LookupMetrics,
) -> BoxStream<'static, Result<Piece>> {
    let is_ordered = reading.part.spec.order.is_some();
    let mut segments_at_once = if is_ordered { 1 } else { SEGMENTS_AT_ONCE };
    if is_ordered {
        source.options.batch_size = source.options.batch_size.min(MOST_IN_ORDER);
        if reading.part.spec.is_small() {
            // A batch behind is likely not needed.
            source.options.concurrency = 1;
        }
    }
    if reading.gauge.is_bounded() {
        // What waits of the index's answers, and the handles of batches, hold memory that the rows'
        // answers may need.
        segments_at_once = 1;
        source.options.concurrency = 1;
        let page = reading.part.settings.chunk_batch_size;
        let most = if is_ordered { page.min(FEW_IN_ORDER) } else { page };
        source.options.batch_size = source.options.batch_size.min(most);
    }
    let concurrency = source.options.concurrency.max(1);
    let at_once = segments_at_once.min(segments.len()).saturating_add(concurrency);
    // Several indexes tell a row again; and where locks are passed over, so does one whose entry was moved
    // and is there before it is gone elsewhere.
    let is_locking = reading.part.settings.isolation == Isolation::Si;
    let seen = (source.indexes.len() > 1 || !is_locking).then(Seen::default);
    let lookup = Arc::new(Lookup { reading, source, at_once, metrics, seen });
    let of_rows = Arc::clone(&lookup);
    let batches = stream::iter(segments).map(move |segment| batches(&lookup, segment));
    if is_ordered {
        let whole = batches.flatten().map(move |batch| Arc::clone(&of_rows).whole(batch));
        return whole.buffered(concurrency).try_flatten().boxed();
    }
    batches
        .flatten_unordered(segments_at_once)
        .map(move |batch| match batch {
            Ok(batch) => of_rows.rows(batch),
            Err(error) => failed(error),
        })
        .flatten_unordered(concurrency)
        .map_ok(Piece::Answer)
        .boxed()
}

/// A read that came to its end is to have found as many rows as entries, if nothing between them leaves
/// rows out: an entry whose row is missing at the same snapshot is an inconsistency.
pub(super) fn check_rows(
    part: &ScanPart,
    metrics: Option<&LookupMetrics>,
    rows: usize,
) -> Result<()> {
    let (Some(metrics), Source::Lookup(source)) = (metrics, &part.spec.source) else {
        return Ok(());
    };
    // What is read at another isolation may be committed between the two reads.
    let is_comparable = part.spec.conditions.is_empty()
        && part.spec.reduction.is_none()
        && part.dynamic.is_none()
        && part.spec.limit.is_none()
        && part.settings.isolation == Isolation::Si;
    let entries = metrics.index_rows.value();
    if !is_comparable || entries == rows {
        return Ok(());
    }
    let message = format!(
        "{entries} entries of an index tell {rows} rows: index and table contradict each other; run \
         ADMIN CHECK TABLE on TiDB, and read without the index by plan.allow_index_read=false"
    );
    let indexes =
        source.indexes.iter().map(|side| &*side.index.name).collect::<Vec<_>>().join(", ");
    Err(Error::new(ErrorKind::Data, message)
        .with_context("table", part.spec.label())
        .with_context("index", indexes))
}

/// What all batches of one partition share.
#[derive(Debug)]
struct Lookup {
    reading: Reading,
    source: LookupSource,
    /// Reads under way at most.
    at_once: usize,
    metrics: LookupMetrics,
    /// What was asked for, if several indexes may tell the same row.
    seen: Option<Seen>,
}

/// Rows to ask for.
#[derive(Debug)]
struct Batch {
    physical_id: i64,
    handles: Vec<Handle>,
    hold: Hold,
}

impl Lookup {
    /// The answers with the rows of a batch.
    fn rows(self: &Arc<Self>, batch: Batch) -> BoxStream<'static, Result<CopResponse>> {
        let Batch { physical_id, handles, hold } = batch;
        let requests = match self.integers(&handles) {
            Some(handles) => {
                let requests = Arc::clone(self).by_region(physical_id, handles);
                let each = |them: Vec<_>| stream::iter(them).map(Ok::<CopRequest, Error>);
                stream::once(requests).map_ok(each).try_flatten().boxed()
            }
            None => {
                let ranges = batch::ranges(physical_id, handles);
                let data = dag::encode(&self.reading.part.spec, physical_id);
                let request = self.request_of_rows(data, &ranges);
                stream::once(async { Ok(request) }).boxed()
            }
        };
        let lookup = Arc::clone(self);
        // The requests keep their ranges as long as there are answers to come.
        let answers = requests.map_ok(move |request| lookup.reading.begin(request)).try_flatten();
        answers.inspect(move |_| _ = &hold).boxed()
    }

    /// All answers with the rows of a batch, once the last of them is there.
    async fn whole(
        self: Arc<Self>,
        batch: Result<Batch>,
    ) -> Result<impl Stream<Item = Result<Piece>>> {
        let mut rows = self.rows(batch?);
        let mut answers = Vec::new();
        while let Some(response) = rows.try_next().await? {
            let hold = self.reading.gauge.hold(response.data.len());
            answers.push((response, hold));
        }
        let answers = answers.into_iter().map(|(response, _hold)| Ok(Piece::Answer(response)));
        Ok(stream::iter(answers.chain([Ok(Piece::EndOfBatch)])))
    }

    /// A request for rows.
    fn request_of_rows(&self, data: Bytes, ranges: &[KeyRange]) -> CopRequest {
        let mut request = self.reading.request(data, ranges, self.at_once);
        if self.reading.part.spec.order.is_some() {
            // The other rows of the batch keep the room that it would wait for.
            request.memory = None;
        }
        request
    }

    /// Integer handles, ascending, if they are so many that a region may have too many of them.
    fn integers(&self, handles: &[Handle]) -> Option<Vec<i64>> {
        if handles.len() <= self.source.options.downgrade_threshold {
            return None;
        }
        let integer = |handle: &Handle| match handle {
            Handle::Int(handle) => Some(*handle),
            Handle::Common(_) => None,
        };
        let mut integers = handles.iter().map(integer).collect::<Option<Vec<_>>>()?;
        integers.sort_unstable();
        integers.dedup();
        Some(integers)
    }

    /// The requests for rows of which a region may have too many.
    async fn by_region(
        self: Arc<Self>,
        physical_id: i64,
        handles: Vec<i64>,
    ) -> Result<Vec<CopRequest>> {
        let part = &self.reading.part;
        let (Some(first), Some(last)) = (handles.first(), handles.last()) else {
            return Ok(Vec::new());
        };
        let (start, end) = key::int_handle_range(physical_id, *first, *last);
        let budget = part.client.options().budgets.build_tasks;
        let mut bo = part
            .client
            .backoffer(budget)
            .with_deadline(part.snapshot.deadline())
            .with_query(Some(part.snapshot.query()));
        let regions = part.client.regions().locate_range(&mut bo, &start, &end).await;
        let regions = regions.map_err(|error| Error::from(error.with_table(part.spec.label())))?;
        let ends = regions.iter().map(|region| &region.end_key);
        let threshold = self.source.options.downgrade_threshold;
        let found = downgrade::downgrade(physical_id, &handles, ends, threshold);
        let mut requests = Vec::with_capacity(found.many.len() + 1);
        if !found.few.is_empty() {
            let data = dag::encode(&part.spec, physical_id);
            requests.push(self.request_of_rows(data, &found.few));
        }
        for (range, handles) in found.many {
            let data = self.source.is_one_of(&handles).map(|condition| {
                let mut spec = TableScanSpec::clone(&part.spec);
                spec.conditions.push(condition);
                dag::encode(&spec, physical_id)
            });
            requests.push(match data {
                Some(data) => self.request_of_rows(data, &[range]),
                None => {
                    let handles = handles.into_iter().map(Handle::Int).collect();
                    let ranges = batch::ranges(physical_id, handles);
                    let data = dag::encode(&part.spec, physical_id);
                    self.request_of_rows(data, &ranges)
                }
            });
        }
        Ok(requests)
    }

    /// The answers with the handles of a segment.
    fn entries(&self, segment: &Segment) -> Result<BoxStream<'static, Result<CopResponse>>> {
        let side = self.source.index_of(segment).ok_or_else(|| {
            Error::new(ErrorKind::Data, "a range of keys is of no index that is read")
                .with_context("table", self.reading.part.spec.label())
        })?;
        let spec = &self.reading.part.spec;
        let data = dag::encode_handles(spec, &self.source, side, segment.physical_id);
        let mut request = self.reading.request(data, &segment.ranges, self.at_once);
        if spec.is_small() && request.paging_size == 0 {
            // The first of them may be enough.
            let batch = BatchSizes::new(self.source.options, spec.limit).current();
            request.paging_size = u64::try_from(batch).unwrap_or(u64::MAX);
        }
        if self.reading.gauge.is_bounded() {
            request.concurrency = 1;
        }
        if let Some(order) = spec.order {
            request.keep_order = true;
            request.desc = order.desc;
        }
        Ok(self.reading.begin(request))
    }
}

/// The rows that the entries of one segment tell, in batches.
fn batches(lookup: &Arc<Lookup>, segment: Segment) -> BoxStream<'static, Result<Batch>> {
    if segment.ranges.is_empty() {
        return stream::empty().boxed();
    }
    let entries = match Entries::open(lookup, &segment) {
        Ok(entries) => entries,
        Err(error) => return failed(error),
    };
    stream::try_unfold(entries, |mut entries| async move {
        let batch = entries.next_batch().await?;
        Ok(batch.map(|batch| (batch, entries)))
    })
    .boxed()
}

/// The entries of one segment.
struct Entries {
    lookup: Arc<Lookup>,
    physical_id: i64,
    reader: HandleReader,
    answers: BoxStream<'static, Result<CopResponse>>,
    /// The answer that is being read.
    current: Option<Current>,
    /// Handles that no batch has yet.
    waiting: Vec<Handle>,
    /// How many more are needed at most.
    needed: usize,
    sizes: BatchSizes,
}

struct Current {
    answer: HandleAnswer,
    _hold: Hold,
    region: u64,
    store: u64,
}

impl Entries {
    fn open(lookup: &Arc<Lookup>, segment: &Segment) -> Result<Self> {
        let spec = &lookup.reading.part.spec;
        Ok(Self {
            lookup: Arc::clone(lookup),
            physical_id: segment.physical_id,
            reader: HandleReader::new(&lookup.source.handle)?,
            answers: lookup.entries(segment)?,
            current: None,
            waiting: Vec::new(),
            needed: lookup.source.most_entries(spec).unwrap_or(usize::MAX),
            sizes: BatchSizes::new(lookup.source.options, spec.limit),
        })
    }

    async fn next_batch(&mut self) -> Result<Option<Batch>> {
        while self.waiting.len() < self.sizes.current().min(self.needed) {
            if !self.read_chunk()? && !self.next_answer().await? {
                break;
            }
        }
        let count = self.sizes.current().min(self.needed).min(self.waiting.len());
        if count == 0 {
            return Ok(None);
        }
        let rest = self.waiting.split_off(count);
        let handles = std::mem::replace(&mut self.waiting, rest);
        self.needed -= count;
        self.sizes.grow();
        let (metrics, gauge) = (&self.lookup.metrics, &self.lookup.reading.gauge);
        metrics.lookup_batches.add(1);
        metrics.index_rows.add(count);
        let bytes = handles.iter().map(bytes_of).fold(0, usize::saturating_add);
        Ok(Some(Batch { physical_id: self.physical_id, handles, hold: gauge.hold(bytes) }))
    }

    /// The handles of one more chunk of the answer; `false` when there is none.
    fn read_chunk(&mut self) -> Result<bool> {
        let Some(current) = &mut self.current else { return Ok(false) };
        let (region, store) = (current.region, current.store);
        let Some(handles) = current.answer.next() else {
            self.current = None;
            return Ok(false);
        };
        let mut handles = handles.map_err(|error| self.in_answer(error, region, store))?;
        if let Some(seen) = &self.lookup.seen {
            seen.keep_new(self.physical_id, &mut handles, &self.lookup.reading.gauge)?;
        }
        self.waiting.extend(handles);
        Ok(true)
    }

    /// Goes on to the next answer; `false` at the end.
    async fn next_answer(&mut self) -> Result<bool> {
        let Some(response) = self.answers.try_next().await? else { return Ok(false) };
        let hold = self.lookup.reading.gauge.hold(response.data.len());
        let (region, store) = (response.region_id, response.store_id);
        let answer = self.reader.open(response.data);
        let answer = answer.map_err(|error| self.in_answer(error, region, store))?;
        self.current = Some(Current { answer, _hold: hold, region, store });
        Ok(true)
    }

    fn in_answer(&self, error: Error, region: u64, store: u64) -> Error {
        self.lookup.reading.part.in_answer(error, region, store)
    }
}

/// Bytes that a handle takes until its row is there.
fn bytes_of(handle: &Handle) -> usize {
    let own = match handle {
        Handle::Int(_) => 8,
        Handle::Common(datums) => datums.len(),
    };
    own.saturating_mul(3).saturating_add(BYTES_OF_HANDLE)
}
