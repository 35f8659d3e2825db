//! One task from its first request to its last answer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tifusion_proto::{coprocessor, kvrpcpb};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedSender;
use tracing::Span;

use super::cache::{self, CopCache, Lookup, Payload};
use super::gate::{Admission, Gate};
use super::metrics::CopMetrics;
use super::range::{self, KeyRange};
use super::request::{CopRequest, CopResponse};
use super::task::{CopTask, TaskShape, TaskSource};
use crate::backoff::{BackoffKind, Backoffer};
use crate::clock::Clock;
use crate::error::{ClientError, ErrorKind, Result};
use crate::lock::{Knowledge, LockResolver, ReadLocks};
use crate::options::BackoffBudgets;
use crate::sender::{Answer, SendOptions, Sender, Sent};
use crate::slow::{Spent, Task};
use crate::transport::{StoreRequest, StoreResponse};

/// Largest page, in rows (TiDB's figure).
const MAX_PAGING_SIZE: u64 = 50_000;

/// Pages stop growing at half of this many bytes, and shrink above it.
const PAGE_BYTES: usize = 8 << 20;

/// First page of a task whose whole answer was too large, in rows.
const FIRST_PAGE: u64 = 1024;

/// Rows of the page after one of `rows` rows that had `bytes`.
fn next_page(rows: u64, bytes: usize) -> u64 {
    match bytes {
        bytes if bytes > PAGE_BYTES => (rows / 2).max(1),
        bytes if bytes > PAGE_BYTES / 2 => rows,
        _ => rows.saturating_mul(2).min(MAX_PAGING_SIZE),
    }
}

/// Rows of a page after one of `rows` rows, or a whole answer (0), that was too large.
fn smaller_page(rows: u64) -> u64 {
    if rows == 0 { FIRST_PAGE } else { (rows / 4).max(1) }
}

/// How often the ranges of a task without pages are halved before its answer is too large: a range of all handles
/// is one of a few then.
const MAX_CUTS: u32 = 60;

/// How often a task's ranges are halved before its store's slowness is reported.
const MAX_HALVINGS: u32 = 6;

/// What the workers of one read share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) request: CopRequest,
    pub(super) shape: TaskShape,
    pub(super) sender: Sender,
    pub(super) resolver: LockResolver,
    pub(super) locks: Arc<ReadLocks>,
    pub(super) cache: Option<Arc<CopCache>>,
    pub(super) options: SendOptions,
    pub(super) budgets: BackoffBudgets,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) gate: Arc<Gate>,
    pub(super) metrics: Arc<CopMetrics>,
    /// Around all its tasks.
    pub(super) span: Span,
}

/// What a worker or the driver tells the stream.
#[derive(Debug)]
pub(super) enum Event {
    /// An answer; its bytes are booked until it is taken.
    Answer { task: u64, response: CopResponse, held: Admission },
    /// The task has no more answers.
    TaskDone { task: u64 },
    /// The read has failed.
    Failed(ClientError),
    /// There are this many tasks in all.
    AllStarted { tasks: u64 },
}

impl Shared {
    pub(super) fn backoffer(&self, budget: Duration) -> Backoffer {
        Backoffer::new(Arc::clone(&self.clock), budget)
            .with_deadline(self.request.deadline)
            .with_query(self.request.query)
    }

    /// A place among the requests under way of all reads that share them. Those before it in line end
    /// by themselves; whoever holds one waits for no consumer.
    pub(super) async fn slot(&self, bo: &Backoffer) -> Result<Option<OwnedSemaphorePermit>> {
        let Some(slots) = &self.request.slots else { return Ok(None) };
        let deadline = async {
            match bo.deadline() {
                Some(_) => self.clock.sleep(bo.bounded_timeout(Duration::MAX)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            slot = Arc::clone(slots).acquire_owned() => slot.map(Some).map_err(|closed| {
                let message = "the scan that the read belongs to was ended";
                ClientError::new(ErrorKind::Cancelled, message).with_source(closed)
            }),
            () = deadline => Err(ClientError::new(
                ErrorKind::DeadlineExceeded,
                "the statement's deadline has passed while other requests of the scan were under way",
            )),
        }
    }

    /// Warns of a task whose answer took long; waits for the consumer are not its time.
    pub(super) fn tell_if_slow(&self, spent: &Spent, region: u64, ranges: usize, bo: &Backoffer) {
        let table = self.request.label.as_deref();
        let task = Task { kind: "coprocessor", table, region, ranges };
        spent.tell(self.request.slow_after, task, bo);
    }

    /// What the cache has for the task; `None` when its answer is not to be kept either.
    fn look_up(&self, task: &CopTask) -> Option<Lookup> {
        Lookup::new(self.cache.as_ref()?, &self.request, task)
    }

    /// The tasks of ranges whose regions have changed, in the order of the scan.
    async fn rebuild(&self, ranges: Vec<KeyRange>, paging_size: u64) -> Result<VecDeque<CopTask>> {
        self.metrics.count_rebuild();
        let shape = TaskShape { paging_size, ..self.shape };
        let source = TaskSource::new(Arc::clone(self.sender.regions()), ranges, shape);
        let mut bo = self.backoffer(self.budgets.build_tasks);
        Ok(source.all(&mut bo).await?.into())
    }

    pub(super) fn label(&self, error: ClientError) -> ClientError {
        let error = error.with_query(self.request.query);
        match &self.request.label {
            Some(label) => error.with_table(&**label),
            None => error,
        }
    }
}

/// Runs one task.
pub(super) struct Worker {
    shared: Arc<Shared>,
    task: u64,
    events: UnboundedSender<Event>,
    left: VecDeque<CopTask>,
}

/// A request that was answered: what was known when it was sent, and how long it took.
struct Asked {
    lookup: Option<Lookup>,
    then: Knowledge,
    time: Duration,
}

/// What an answer asks for next.
enum Next {
    /// The same ranges again.
    Again,
    /// The same ranges, wherever their regions are by now.
    Elsewhere,
    /// The ranges that are left, the next page, after one of so many bytes.
    Page(Vec<KeyRange>, usize),
    /// The same ranges in smaller pages, or less of them at once: the answer is larger than all memory there is.
    SmallerPages,
    /// The task is done.
    Done,
    /// Fewer ranges at once.
    Smaller { backoff: BackoffKind, cause: ClientError },
}

impl Next {
    /// Whether the answer was of use.
    fn has_rows(&self) -> bool {
        matches!(self, Self::Page(..) | Self::Done)
    }
}

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        task: u64,
        first: CopTask,
        events: UnboundedSender<Event>,
    ) -> Self {
        Self { shared, task, events, left: VecDeque::from([first]) }
    }

    /// Runs to the last answer, or to an error; either is told to the stream.
    pub(super) async fn run(mut self) {
        self.shared.metrics.count_tasks(1);
        let event = match self.work().await {
            Ok(()) => {
                self.shared.metrics.count_tasks_done(1);
                Event::TaskDone { task: self.task }
            }
            Err(error) => Event::Failed(self.shared.label(error)),
        };
        // A stream that is gone needs no answer.
        let _ = self.events.send(event);
    }

    /// The backoff budget begins anew with every answer: it bounds the time without progress.
    pub(super) async fn work(&mut self) -> Result<()> {
        let mut bo = self.shared.backoffer(self.shared.budgets.request);
        let mut spent = Spent::default();
        while let Some(task) = self.left.front().cloned() {
            let admission = self.shared.gate.admit(self.task).await;
            let slot = self.shared.slot(&bo).await?;
            let started = self.shared.clock.now();
            let then = self.shared.locks.knowledge();
            let lookup = self.shared.look_up(&task);
            let sent = self.send(&mut bo, &task, lookup.as_ref()).await?;
            drop(slot);
            let time = self.shared.clock.now().saturating_duration_since(started);
            let next = match sent {
                Sent::Answer(answer) => {
                    spent.answered(&answer);
                    let asked = Asked { lookup, then, time };
                    let next = self.on_answer(&mut bo, &task, *answer, admission, asked).await?;
                    if next.has_rows() {
                        spent.add(time);
                        let (region, ranges) = (task.region.ver_id.id, task.ranges.len());
                        self.shared.tell_if_slow(&spent, region, ranges, &bo);
                        spent = Spent::default();
                        bo = self.shared.backoffer(self.shared.budgets.request);
                    }
                    next
                }
                Sent::Rebuild { .. } => {
                    drop(admission);
                    spent.in_vain();
                    Next::Elsewhere
                }
                Sent::OutOfTime { backoff, cause } => {
                    drop(admission);
                    spent.in_vain();
                    Next::Smaller { backoff, cause }
                }
            };
            let has_rows = next.has_rows();
            self.step(&mut bo, task, next).await?;
            if !has_rows {
                spent.add(self.shared.clock.now().saturating_duration_since(started));
            }
        }
        Ok(())
    }

    async fn step(&mut self, bo: &mut Backoffer, task: CopTask, next: Next) -> Result<()> {
        match next {
            Next::Again => {}
            Next::Elsewhere => {
                self.replace(self.shared.rebuild(task.ranges, task.paging_size).await?);
            }
            Next::Done => drop(self.left.pop_front()),
            Next::Page(ranges, bytes) => {
                let paging_size = next_page(task.paging_size, bytes);
                let page = task.page.saturating_add(1);
                self.replace(VecDeque::from([CopTask { ranges, paging_size, page, ..task }]));
            }
            // It knows no pages.
            Next::SmallerPages if self.shared.options.engine.is_tiflash() => {
                let halves = self.halve(task);
                self.replace(halves);
            }
            Next::SmallerPages => {
                let paging_size = smaller_page(task.paging_size);
                self.replace(VecDeque::from([CopTask { paging_size, ..task }]));
            }
            Next::Smaller { backoff, cause } => {
                if task.halvings >= MAX_HALVINGS {
                    return Err(bo.too_little_left(cause));
                }
                // The store is overloaded, or the ranges are too much for the time a request has.
                bo.backoff(backoff, cause).await?;
                self.shared.metrics.count_halving();
                let region = task.region.ver_id;
                let halves = self.halve(task);
                let is_known = self.shared.sender.regions().cached(region).is_some();
                self.replace(if is_known { halves } else { self.locate_anew(halves).await? });
            }
        }
        Ok(())
    }

    /// Puts `tasks` in the place of the first one.
    fn replace(&mut self, mut tasks: VecDeque<CopTask>) {
        self.left.pop_front();
        tasks.append(&mut self.left);
        self.left = tasks;
    }

    /// The halves of a task in the order of the scan; itself when it cannot be divided.
    fn halve(&self, task: CopTask) -> VecDeque<CopTask> {
        let halvings = task.halvings + 1;
        let Some((left, right)) = range::halves(&task.ranges) else {
            return VecDeque::from([CopTask { halvings, ..task }]);
        };
        let part = |ranges| CopTask { ranges, halvings, ..task.clone() };
        let (left, right) = (part(left), part(right));
        if self.shape().desc { [right, left].into() } else { [left, right].into() }
    }

    /// The same tasks wherever their regions are by now.
    async fn locate_anew(&self, tasks: VecDeque<CopTask>) -> Result<VecDeque<CopTask>> {
        let mut located = VecDeque::new();
        for CopTask { ranges, paging_size, halvings, .. } in tasks {
            let anew = self.shared.rebuild(ranges, paging_size).await?;
            located.extend(anew.into_iter().map(|task| CopTask { halvings, ..task }));
        }
        Ok(located)
    }

    fn shape(&self) -> TaskShape {
        self.shared.shape
    }

    /// Whether the task can be asked to answer with less at once.
    fn may_be_smaller(&self, task: &CopTask) -> bool {
        match self.shared.options.engine.is_tiflash() {
            true => task.halvings < MAX_CUTS && range::halves(&task.ranges).is_some(),
            false => task.paging_size != 1,
        }
    }

    async fn send(
        &self,
        bo: &mut Backoffer,
        task: &CopTask,
        lookup: Option<&Lookup>,
    ) -> Result<Sent> {
        let shared = &self.shared;
        let build = |mut context: kvrpcpb::Context| {
            shared.locks.fill(&mut context);
            let known = lookup.and_then(|lookup| lookup.offer(&context));
            StoreRequest::Coprocessor(coprocessor::Request {
                context: Some(context),
                is_cache_enabled: known.is_some(),
                cache_if_match_version: known.unwrap_or_default(),
                tp: shared.request.tp,
                data: shared.request.data.clone(),
                start_ts: shared.request.start_ts.version(),
                ranges: task.ranges.iter().map(KeyRange::to_proto).collect(),
                schema_ver: shared.request.schema_version,
                paging_size: task.paging_size,
                ..coprocessor::Request::default()
            })
        };
        shared.sender.send(bo, &task.region, &shared.options, &build).await
    }

    /// The order is TiDB's: lock, error, data.
    async fn on_answer(
        &self,
        bo: &mut Backoffer,
        task: &CopTask,
        answer: Answer,
        admission: Admission,
        asked: Asked,
    ) -> Result<Next> {
        let Answer { response, store_id, address, attempts, .. } = answer;
        let StoreResponse::Coprocessor(mut response) = response else {
            let error = ClientError::of_another_command();
            return Err(self.locate(error, task, store_id, address));
        };
        if let Some(lock) = response.locked {
            drop(admission);
            let shared = &self.shared;
            shared.metrics.count_useless();
            shared.options.met_lock.store(true, Ordering::Relaxed);
            let label = shared.request.label.as_deref();
            shared
                .resolver
                .clear_for_read(
                    bo,
                    vec![lock],
                    &shared.locks,
                    asked.then,
                    &shared.metrics.locks,
                    label,
                )
                .await?;
            return Ok(Next::Again);
        }
        if !response.other_error.is_empty() {
            self.shared.metrics.count_useless();
            let error = other_error(&response.other_error);
            let error = self.locate(error, task, store_id, address);
            return match error.kind() {
                ErrorKind::Unavailable => {
                    Ok(Next::Smaller { backoff: BackoffKind::ServerBusy, cause: error })
                }
                _ => Err(error),
            };
        }
        let Payload { data, covers, from_cache } =
            cache::settle(asked.lookup.as_ref(), &mut response, &self.shared.metrics)
                .map_err(|error| self.locate(error, task, store_id, address.clone()))?;
        let bytes = data.len();
        self.shared.metrics.count_answer(bytes, asked.time);
        let left = match &covers {
            Some(covers) => range::remaining(&task.ranges, covers, self.shape().desc)
                .map_err(|error| self.locate(error, task, store_id, address))?,
            None => Vec::new(),
        };
        let held = match admission.answered(bytes) {
            Ok(held) => held,
            Err(no_room) if !no_room.may_fit() && self.may_be_smaller(task) => {
                return Ok(Next::SmallerPages);
            }
            Err(no_room) => no_room.wait(bo, self.shared.budgets.request).await?,
        };
        let response = CopResponse {
            data,
            region_id: task.region.ver_id.id,
            store_id,
            task: self.task,
            covers,
            from_cache,
            exec_details: response.exec_details_v2.map(Box::new),
            attempts,
        };
        let _ = self.events.send(Event::Answer { task: self.task, response, held });
        Ok(if left.is_empty() { Next::Done } else { Next::Page(left, bytes) })
    }

    fn locate(
        &self,
        error: ClientError,
        task: &CopTask,
        store_id: u64,
        address: String,
    ) -> ClientError {
        error.with_region(task.region.ver_id.id).with_store(store_id, address)
    }
}

/// The error behind a text. A store that ran out of time says so in a text as well as by a region
/// error; that one is [`ErrorKind::Unavailable`] here, the others are final.
pub(super) fn other_error(text: &str) -> ClientError {
    let lower = text.to_ascii_lowercase();
    let has = |words: &str| lower.contains(words);
    if has("deadline is exceeded") || has("exceeding the deadline") || has("deadline exceeded") {
        let message = format!("the store ran out of time: {text}");
        return ClientError::new(ErrorKind::Unavailable, message);
    }
    if has("write conflict") {
        return ClientError::new(ErrorKind::Conflict, text);
    }
    ClientError::new(ErrorKind::Refused, format!("the store refused the request: {text}"))
}
