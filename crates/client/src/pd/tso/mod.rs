//! Timestamps: one task that asks for as many at once as there are callers waiting.

mod split;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tifusion_proto::pdpb;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use self::split::{Granted, check_forward};
use super::failure::{Failure, check_header};
use super::members::{Leader, Members};
use crate::clock::Clock;
use crate::error::ErrorKind;
use crate::metrics;
use crate::timestamp::Timestamp;
use crate::transport::Limit;

/// Most timestamps in one request, and most callers in line.
const MAX_BATCH: usize = 10_000;

/// The way to the oracle. Its task starts with the first call and ends when this is dropped.
#[derive(Debug)]
pub(super) struct Tso {
    shared: Arc<Shared>,
    task: Mutex<Option<Task>>,
}

#[derive(Debug)]
struct Shared {
    members: Arc<Members>,
    clock: Arc<dyn Clock>,
    timeout: std::time::Duration,
    /// The largest timestamp handed out.
    last: AtomicU64,
}

#[derive(Debug)]
struct Task {
    line: mpsc::Sender<Waiter>,
    abort: AbortHandle,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

/// A caller in line.
#[derive(Debug)]
struct Waiter {
    leader: Leader,
    reply: oneshot::Sender<Result<Timestamp, Failure>>,
}

impl Tso {
    /// The oracle of `members`; each round-trip may take `timeout`.
    pub(super) fn new(
        members: Arc<Members>,
        clock: Arc<dyn Clock>,
        timeout: std::time::Duration,
    ) -> Self {
        let shared = Shared { members, clock, timeout, last: AtomicU64::new(0) };
        Self { shared: Arc::new(shared), task: Mutex::default() }
    }

    /// One timestamp from `leader`.
    pub(super) async fn get(&self, leader: Leader) -> Result<Timestamp, Failure> {
        let ended = || Failure::passing("the timestamp task ended");
        let (reply, answer) = oneshot::channel();
        let line = self.line();
        line.send(Waiter { leader, reply }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// The task's line; a task whose runtime ended is started anew.
    fn line(&self) -> mpsc::Sender<Waiter> {
        let mut task = self.task.lock();
        if let Some(task) = task.as_ref().filter(|task| !task.line.is_closed()) {
            return task.line.clone();
        }
        let (line, waiters) = mpsc::channel(MAX_BATCH);
        let abort = tokio::spawn(run(Arc::clone(&self.shared), waiters)).abort_handle();
        *task = Some(Task { line: line.clone(), abort });
        line
    }
}

/// Serves the line until nobody can join it any more.
async fn run(shared: Arc<Shared>, mut waiters: mpsc::Receiver<Waiter>) {
    let mut stream = None;
    while let Some(first) = waiters.recv().await {
        let mut batch = vec![first];
        while batch.len() < MAX_BATCH {
            let Ok(next) = waiters.try_recv() else { break };
            batch.push(next);
        }
        batch.retain(|waiter| !waiter.reply.is_closed());
        match shared.serve(&mut stream, &batch).await {
            Ok(granted) => {
                for (waiter, timestamp) in batch.into_iter().zip(granted) {
                    // A caller that went away leaves its timestamp unused.
                    let _ = waiter.reply.send(Ok(timestamp));
                }
            }
            Err(failure) => {
                stream = None;
                for waiter in batch {
                    let _ = waiter.reply.send(Err(failure.clone()));
                }
            }
        }
    }
}

/// A stream to one leader.
#[derive(Debug)]
struct Stream {
    leader: Leader,
    requests: mpsc::Sender<pdpb::TsoRequest>,
    answers: Streaming<pdpb::TsoResponse>,
}

impl Shared {
    /// One round-trip for the whole batch.
    async fn serve(
        &self,
        stream: &mut Option<Stream>,
        batch: &[Waiter],
    ) -> Result<Vec<Timestamp>, Failure> {
        let newest = batch.iter().map(|waiter| &waiter.leader).max_by_key(|it| it.generation);
        let (Some(leader), Ok(count)) = (newest, u32::try_from(batch.len())) else {
            return Ok(Vec::new());
        };
        let began = self.clock.now();
        let answer = tokio::select! {
            biased;
            answer = self.round_trip(stream, leader, count) => answer,
            () = self.clock.sleep(self.timeout) => {
                Err(Failure::passing(format!("no timestamp within {:?}", self.timeout)))
            }
        };
        let granted = answer.and_then(|answer| self.accept(&answer, count));
        let time = self.clock.now().saturating_duration_since(began);
        metrics::tso(count, time, granted.is_ok());
        granted.map_err(|failure| failure.at(&leader.address))
    }

    async fn round_trip(
        &self,
        stream: &mut Option<Stream>,
        leader: &Leader,
        count: u32,
    ) -> Result<pdpb::TsoResponse, Failure> {
        let request = pdpb::TsoRequest {
            header: Some(self.members.header()),
            count,
            dc_location: "global".to_owned(),
        };
        let closed = || Failure::passing("the timestamp stream was closed");
        let open = match stream.take().filter(|stream| stream.leader == *leader) {
            Some(open) => {
                open.requests.send(request).await.map_err(|_| closed())?;
                stream.insert(open)
            }
            None => stream.insert(self.open(leader, request).await?),
        };
        let answer = open.answers.message().await;
        let limit = self.limit(leader);
        answer.map_err(|status| Failure::from_transport(limit.error(&status)))?.ok_or_else(closed)
    }

    /// Opens a stream; PD answers nothing before the first request, so that goes along.
    async fn open(&self, leader: &Leader, first: pdpb::TsoRequest) -> Result<Stream, Failure> {
        let (requests, outgoing) = mpsc::channel(1);
        let unsent = |_| Failure::passing("the timestamp stream was closed");
        requests.send(first).await.map_err(unsent)?;
        let mut client = self.members.client(&leader.address)?;
        let limit = self.limit(leader);
        let answers = client.tso(ReceiverStream::new(outgoing));
        let answers = limit.run(answers).await.map_err(Failure::from_transport)?;
        Ok(Stream { leader: leader.clone(), requests, answers })
    }

    fn accept(&self, answer: &pdpb::TsoResponse, count: u32) -> Result<Vec<Timestamp>, Failure> {
        check_header(answer.header.as_ref(), Some(self.members.cluster_id()))?;
        let wrong = |why| Failure::fatal(ErrorKind::Protocol, why);
        let granted = Granted::read(answer, count).map_err(wrong)?;
        let last = Timestamp::new(self.last.load(Ordering::Acquire));
        let largest = check_forward(granted, last).map_err(wrong)?;
        self.last.store(largest.version(), Ordering::Release);
        Ok(granted.timestamps().collect())
    }

    fn limit<'a>(&'a self, leader: &'a Leader) -> Limit<'a> {
        Limit::new(&*self.clock, &leader.address, self.timeout)
    }
}
