//! One batch from its first request to its last answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tifusion_proto::{coprocessor, kvrpcpb};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedSender;

use super::balance::{StoreBatch, ranges_of};
use super::divide::{Division, divide, one_by_one};
use crate::backoff::{BackoffKind, Backoffer};
use crate::cop::gate::Admission;
use crate::cop::range::KeyRange;
use crate::cop::request::CopResponse;
use crate::cop::task::CopTask;
use crate::cop::worker::{Event, Shared, Worker, other_error};
use crate::error::{ClientError, ErrorKind, Result};
use crate::region::Region;
use crate::sender::{AfterBatch, BatchCall, BatchFailure, BatchRegions};
use crate::slow::Spent;

/// Bytes of answers that are kept until the batch is known to be whole.
const MOST_KEPT: usize = 16 << 20;

/// The part of a pool of memory that they may take.
const PART_OF_POOL: usize = 4;

/// Requests at once for the regions of a batch that failed.
const SINGLES_AT_ONCE: usize = 16;

/// Runs one batch.
pub(in crate::cop) struct BatchWorker {
    shared: Arc<Shared>,
    task: u64,
    events: UnboundedSender<Event>,
    batch: StoreBatch,
}

/// What came of one request; nothing of it was handed on where it is not whole.
enum Attempt {
    /// All answers were handed on.
    Whole,
    /// The stores that are left may be asked by batches, after a wait if there is a cause for one.
    Elsewhere(StoreBatch, Option<ClientError>),
    /// Each of its regions is to be asked for by itself.
    OneByOne(StoreBatch),
}

impl BatchWorker {
    pub(in crate::cop) fn new(
        shared: Arc<Shared>,
        task: u64,
        batch: StoreBatch,
        events: UnboundedSender<Event>,
    ) -> Self {
        Self { shared, task, events, batch }
    }

    /// Runs to the last answer, or to an error; either is told to the stream.
    pub(in crate::cop) async fn run(mut self) {
        let regions = self.batch.regions();
        self.shared.metrics.count_tasks(regions);
        let event = match self.work().await {
            Ok(()) => {
                self.shared.metrics.count_tasks_done(regions);
                Event::TaskDone { task: self.task }
            }
            Err(error) => Event::Failed(self.shared.label(error)),
        };
        // A stream that is gone needs no answer.
        let _ = self.events.send(event);
    }

    /// Each round asks for what those before it have left. It ends, since whoever could not be reached is left out for
    /// a while, and what no store takes in a batch is read as if there were none.
    async fn work(&mut self) -> Result<()> {
        let mut bo = self.shared.backoffer(self.shared.budgets.request);
        let first =
            StoreBatch { store: self.batch.store, tasks: std::mem::take(&mut self.batch.tasks) };
        let mut round = Division { batches: vec![first], singles: Vec::new() };
        loop {
            let Division { batches, singles } = round;
            let attempts = try_join_all(batches.into_iter().map(|batch| self.attempt(batch)));
            let (attempts, ()) = tokio::try_join!(attempts, self.read_singles(singles))?;
            let (mut again, mut singles, mut lost) = (Vec::new(), Vec::new(), None);
            for attempt in attempts {
                match attempt {
                    Attempt::Whole => {}
                    Attempt::Elsewhere(batch, cause) => {
                        again.extend(batch.tasks);
                        lost = lost.or(cause);
                    }
                    Attempt::OneByOne(batch) => singles.extend(batch.tasks),
                }
            }
            let singles = singles.into_iter().flat_map(|task| one_by_one(&self.shared, task));
            round = Division { batches: Vec::new(), singles: singles.collect() };
            if let Some(cause) = lost {
                bo.backoff(BackoffKind::StoreRpc, cause).await?;
            }
            if !again.is_empty() {
                self.shared.metrics.count_rebuild();
                let mut building = self.shared.backoffer(self.shared.budgets.build_tasks);
                let anew = divide(&self.shared, &mut building, ranges_of(again)).await?;
                round.batches = anew.batches;
                round.singles.extend(anew.singles);
            }
            if round.batches.is_empty() && round.singles.is_empty() {
                return Ok(());
            }
        }
    }

    /// Regions that are asked for by themselves.
    async fn read_singles(&self, singles: Vec<CopTask>) -> Result<()> {
        let workers = singles.into_iter().map(|task| async move {
            let (shared, events) = (Arc::clone(&self.shared), self.events.clone());
            Worker::new(shared, self.task, task, events).work().await
        });
        stream::iter(workers).buffer_unordered(SINGLES_AT_ONCE).try_collect().await
    }

    async fn attempt(&self, batch: StoreBatch) -> Result<Attempt> {
        let shared = &self.shared;
        let mut bo = shared.backoffer(shared.budgets.request);
        let regions: Vec<Arc<Region>> =
            batch.tasks.iter().map(|task| Arc::clone(&task.region)).collect();
        let asked = BatchRegions { store: batch.store, regions: &regions };
        let admission = shared.gate.admit(self.task).await;
        let slot = shared.slot(&bo).await?;
        let began = shared.clock.now();
        let build = |context: kvrpcpb::Context| self.request(&batch, context);
        let opened = shared.sender.open_batch(&mut bo, asked, &shared.options, &build).await?;
        let call = match opened {
            Ok(call) => call,
            Err(failure) => return self.failed(&bo, batch, failure),
        };
        let mut reading = Reading {
            worker: self,
            call,
            admission,
            slot,
            began,
            waited: Duration::ZERO,
            kept: Vec::new(),
            kept_bytes: 0,
            handed_on: false,
        };
        match reading.read(&bo, asked).await? {
            None => {
                self.tell_if_slow(&reading, &batch, &bo);
                Ok(Attempt::Whole)
            }
            Some(failure) => self.failed(&bo, batch, failure),
        }
    }

    /// What comes after a batch of which nothing was handed on.
    fn failed(&self, bo: &Backoffer, batch: StoreBatch, failure: BatchFailure) -> Result<Attempt> {
        // Nobody waits for what comes next.
        bo.check_deadline().map_err(|error| {
            let place = failure.cause.context().clone();
            error.with_context(place).with_query(bo.query())
        })?;
        let BatchFailure { then, cause } = failure;
        tracing::debug!(regions = batch.tasks.len(), ?then, %cause, "a batch is asked for anew");
        Ok(match then {
            AfterBatch::Elsewhere => Attempt::Elsewhere(batch, Some(cause)),
            AfterBatch::NeverAgain => Attempt::Elsewhere(batch, None),
            AfterBatch::OneByOne => Attempt::OneByOne(batch),
        })
    }

    fn request(
        &self,
        batch: &StoreBatch,
        mut context: kvrpcpb::Context,
    ) -> coprocessor::BatchRequest {
        let request = &self.shared.request;
        self.shared.locks.fill(&mut context);
        let region = |task: &CopTask| coprocessor::RegionInfo {
            region_id: task.region.ver_id.id,
            region_epoch: Some(task.region.epoch()),
            ranges: task.ranges.iter().map(KeyRange::to_proto).collect(),
        };
        coprocessor::BatchRequest {
            context: Some(context),
            tp: request.tp,
            data: request.data.to_vec(),
            regions: batch.tasks.iter().map(region).collect(),
            start_ts: request.start_ts.version(),
            schema_ver: request.schema_version,
            ..coprocessor::BatchRequest::default()
        }
    }

    fn tell_if_slow(&self, reading: &Reading<'_>, batch: &StoreBatch, bo: &Backoffer) {
        let Some(first) = batch.tasks.first() else { return };
        let ranges = batch.tasks.iter().map(|task| task.ranges.len()).sum();
        let mut spent = Spent::default();
        spent.answered_by(reading.call.store.id, &reading.call.store.address);
        let time = self.shared.clock.now().saturating_duration_since(reading.began);
        spent.add(time.saturating_sub(reading.waited));
        self.shared.tell_if_slow(&spent, first.region.ver_id.id, ranges, bo);
    }
}

/// The answers of one request.
struct Reading<'a> {
    worker: &'a BatchWorker,
    call: BatchCall,
    admission: Admission,
    slot: Option<OwnedSemaphorePermit>,
    began: Instant,
    /// For the consumer.
    waited: Duration,
    /// Answers that nobody has seen.
    kept: Vec<(CopResponse, Admission)>,
    kept_bytes: usize,
    handed_on: bool,
}

impl Reading<'_> {
    /// Hands all answers on; if it can't, and has handed on none, it says what became of the batch.
    async fn read(
        &mut self,
        bo: &Backoffer,
        asked: BatchRegions<'_>,
    ) -> Result<Option<BatchFailure>> {
        let shared = &self.worker.shared;
        while let Some(answer) = self.call.next().await {
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    let call = &self.call;
                    let failure =
                        shared.sender.batch_broken(bo, call, asked, &shared.options, error);
                    return self.broken(bo, failure);
                }
            };
            shared.sender.batch_answered(asked.store);
            shared.sender.forget_stale(&answer.retry_regions);
            if !answer.other_error.is_empty() {
                shared.metrics.count_useless();
                let cause = self.locate(other_error(&answer.other_error), asked);
                return self.broken(bo, BatchFailure { then: AfterBatch::OneByOne, cause });
            }
            if answer.data.is_empty() {
                continue;
            }
            if let Some(failure) = self.take(bo, asked, answer).await? {
                return Ok(Some(failure));
            }
        }
        self.hand_on();
        Ok(None)
    }

    /// Keeps an answer, or hands it on.
    async fn take(
        &mut self,
        bo: &Backoffer,
        asked: BatchRegions<'_>,
        answer: coprocessor::BatchResponse,
    ) -> Result<Option<BatchFailure>> {
        let shared = &self.worker.shared;
        let bytes = answer.data.len();
        self.admission.begin_parts();
        if !self.handed_on && !self.admission.may_fit(bytes) {
            let message = format!("an answer of {bytes} bytes does not fit into the memory limit");
            let cause = self.locate(ClientError::new(ErrorKind::Refused, message), asked);
            return Ok(Some(BatchFailure { then: AfterBatch::OneByOne, cause }));
        }
        let time = shared.clock.now().saturating_duration_since(self.began);
        shared.metrics.count_answer(bytes, time);
        let held = match self.keep(bytes) {
            Some(held) => held,
            None => {
                self.hand_on();
                // Others go on while it waits for the consumer, who may wait for them.
                self.slot = None;
                self.call.is_slow();
                let full = shared.clock.now();
                let held = self.admission.part(bo, bytes, shared.budgets.request).await?;
                self.waited += shared.clock.now().saturating_duration_since(full);
                held
            }
        };
        let response = CopResponse {
            data: answer.data,
            region_id: asked.regions.first().map_or(0, |region| region.ver_id.id),
            store_id: asked.store,
            task: self.worker.task,
            covers: None,
            from_cache: false,
            exec_details: None,
            attempts: 1,
        };
        self.kept_bytes += bytes;
        self.kept.push((response, held));
        if self.handed_on {
            self.hand_on();
        }
        Ok(None)
    }

    /// Room for an answer that is kept; `None` once they are handed on.
    fn keep(&self, bytes: usize) -> Option<Admission> {
        let all = self.kept_bytes.saturating_add(bytes);
        let is_little =
            all <= MOST_KEPT && self.admission.may_fit(all.saturating_mul(PART_OF_POOL));
        (!self.handed_on && is_little).then(|| self.admission.try_part(bytes)).flatten()
    }

    /// From here on nothing of the batch may be asked for again.
    fn hand_on(&mut self) {
        self.handed_on = true;
        self.kept_bytes = 0;
        for (response, held) in self.kept.drain(..) {
            let task = self.worker.task;
            let _ = self.worker.events.send(Event::Answer { task, response, held });
        }
    }

    /// The end before the end of the answers.
    fn broken(&self, bo: &Backoffer, failure: BatchFailure) -> Result<Option<BatchFailure>> {
        if !self.handed_on {
            return Ok(Some(failure));
        }
        let cause = failure.cause;
        let message = format!(
            "a batch of TiFlash ended after some of its rows were used, which can't be asked for again: {}",
            cause.message()
        );
        let error = bo.check_deadline().err();
        let kind = error.map_or(ErrorKind::Unavailable, |error| error.kind());
        let error = ClientError::new(kind, message).with_context(cause.context().clone());
        Err(error.with_query(bo.query()).with_source(cause))
    }

    fn locate(&self, error: ClientError, asked: BatchRegions<'_>) -> ClientError {
        let store = &self.call.store;
        let error = error.with_store(store.id, store.address.clone());
        match asked.regions.first() {
            Some(region) => error.with_region(region.ver_id.id),
            None => error,
        }
    }
}
