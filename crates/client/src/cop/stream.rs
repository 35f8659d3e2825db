//! The answers of a coprocessor read as a stream.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinHandle;
use tracing::{Instrument as _, Span};

use super::cache::CopCache;
use super::driver;
use super::gate::{Admission, Gate, Limits};
use super::metrics::CopMetrics;
use super::range;
use super::request::{CopRequest, CopResponse};
use super::task::{RANGES_PER_TASK, TaskShape};
use super::worker::{Event, Shared};
use crate::clock::Clock;
use crate::error::{ClientError, ErrorKind, Result};
use crate::lock::{LockResolver, ReadLocks};
use crate::options::ClientOptions;
use crate::query::QueryId;
use crate::sender::{SendOptions, Sender};

/// The answers of a coprocessor read.
///
/// Nothing is sent before the first poll. Dropping the stream ends every request under way; no task
/// of it lives on. It must be polled within a tokio runtime.
#[derive(Debug)]
pub struct CopStream {
    shared: Arc<Shared>,
    state: State,
    /// In order: answers of tasks that come later.
    early: BTreeMap<u64, Early>,
    head: u64,
    closed: u64,
    tasks: Option<u64>,
}

#[derive(Debug)]
enum State {
    New,
    Running { events: UnboundedReceiver<Event>, _driver: Driver },
    Ended,
}

#[derive(Debug, Default)]
struct Early {
    answers: VecDeque<(CopResponse, Admission)>,
    done: bool,
}

/// Aborts the driver, and with it all workers, when dropped.
#[derive(Debug)]
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl CopStream {
    /// A read over these parts; starts with the first poll.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when the ranges are not sorted and disjoint, or `locks` belong to
    /// another timestamp.
    pub fn new(
        mut request: CopRequest,
        sender: Sender,
        resolver: LockResolver,
        cache: Option<Arc<CopCache>>,
        clock: Arc<dyn Clock>,
        options: &ClientOptions,
    ) -> Result<Self> {
        let query = *request.query.get_or_insert_with(|| QueryId::new(&*clock));
        let labelled = |error: ClientError| {
            let error = error.with_query(Some(query));
            match &request.label {
                Some(label) => error.with_table(&**label),
                None => error,
            }
        };
        range::check_sorted(&request.ranges).map_err(labelled)?;
        let locks = request.locks.clone();
        let locks = locks.unwrap_or_else(|| Arc::new(ReadLocks::new(request.start_ts)));
        if locks.start_ts() != request.start_ts {
            let message = "what was learnt about locks belongs to another timestamp";
            return Err(labelled(ClientError::new(ErrorKind::InvalidInput, message)));
        }
        let metrics = Arc::new(CopMetrics::default());
        let limits = Limits {
            concurrency: request.concurrency,
            bytes: request.max_in_flight_bytes,
            keep_order: request.keep_order,
            is_eager: request.is_batch(),
        };
        let gate = Arc::new(Gate::new(limits, request.memory.clone(), Arc::clone(&metrics)));
        let send = SendOptions {
            timeout: options.cop_timeout,
            is_task: true,
            isolation: request.isolation,
            priority: request.priority,
            not_fill_cache: request.not_fill_cache,
            engine: request.engine,
            replica: Arc::clone(&request.replica),
            met_lock: Arc::default(),
            label: request.label.clone(),
            stats: Arc::clone(&metrics.send),
        };
        let shape = TaskShape {
            desc: request.desc,
            paging_size: if request.engine.is_tiflash() { 0 } else { request.paging_size },
            ranges_per_task: RANGES_PER_TASK,
        };
        let shared = Shared {
            shape,
            sender,
            resolver,
            locks,
            cache,
            options: send,
            budgets: options.budgets,
            clock,
            gate,
            metrics,
            span: Span::current(),
            request,
        };
        Ok(Self {
            shared: Arc::new(shared),
            state: State::New,
            early: BTreeMap::new(),
            head: 0,
            closed: 0,
            tasks: None,
        })
    }

    /// The read's counters; they stay readable after the stream is gone.
    #[must_use]
    pub fn metrics(&self) -> &Arc<CopMetrics> {
        &self.shared.metrics
    }

    fn start(&self) -> State {
        let (sender, events) = mpsc::unbounded_channel();
        let drive = driver::drive(Arc::clone(&self.shared), sender);
        let driver = tokio::spawn(drive.instrument(self.shared.span.clone()));
        State::Running { events, _driver: Driver(driver) }
    }

    /// The next answer that may be handed on, when there is one.
    fn take_early(&mut self) -> Option<CopResponse> {
        loop {
            let head = self.early.get_mut(&self.head)?;
            if let Some((response, held)) = head.answers.pop_front() {
                return Some(self.hand_on(response, held));
            }
            if !head.done {
                return None;
            }
            self.early.remove(&self.head);
            self.head += 1;
            self.close_task();
            self.shared.gate.set_head(self.head);
        }
    }

    fn hand_on(&self, response: CopResponse, held: Admission) -> CopResponse {
        drop(held);
        self.shared.gate.answer_taken();
        response
    }

    fn close_task(&mut self) {
        self.closed += 1;
        self.shared.gate.close_task();
    }

    fn on_event(&mut self, event: Event) -> Result<Option<CopResponse>> {
        let keep_order = self.shared.request.keep_order;
        match event {
            Event::Answer { task, response, held } if keep_order => {
                self.early.entry(task).or_default().answers.push_back((response, held));
            }
            Event::Answer { response, held, .. } => return Ok(Some(self.hand_on(response, held))),
            Event::TaskDone { task } if keep_order => {
                self.early.entry(task).or_default().done = true;
            }
            Event::TaskDone { .. } => self.close_task(),
            Event::Failed(error) => return Err(error),
            Event::AllStarted { tasks } => self.tasks = Some(tasks),
        }
        Ok(self.take_early())
    }

    fn is_complete(&self) -> bool {
        self.tasks == Some(self.closed)
    }

    fn end(&mut self) {
        self.state = State::Ended;
        self.early.clear();
    }
}

impl Stream for CopStream {
    type Item = Result<CopResponse>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(response) = this.take_early() {
                return Poll::Ready(Some(Ok(response)));
            }
            if this.is_complete() {
                this.end();
            }
            let event = match &mut this.state {
                State::New => {
                    this.state = this.start();
                    continue;
                }
                State::Running { events, .. } => std::task::ready!(events.poll_recv(cx)),
                State::Ended => return Poll::Ready(None),
            };
            // Without a word that all is done, the end of the events is no end of the answers.
            let event = event.unwrap_or_else(|| {
                let message = "the read was ended from outside";
                Event::Failed(ClientError::new(ErrorKind::Cancelled, message))
            });
            match this.on_event(event) {
                Ok(Some(response)) => return Poll::Ready(Some(Ok(response))),
                Ok(None) => {}
                Err(error) => {
                    this.end();
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}
