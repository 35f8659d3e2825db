//! Begins tasks as the gate allows, and owns their workers.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::batch::{BatchWorker, Division, divide};
use super::task::{CopTask, TaskSource};
use super::worker::{Event, Shared, Worker};
use crate::error::{ClientError, ErrorKind, Result};

/// Runs the whole read. Workers end with this future, wherever it is dropped.
pub(super) async fn drive(shared: Arc<Shared>, events: UnboundedSender<Event>) {
    let mut workers = JoinSet::new();
    let outcome = match shared.request.is_batch() {
        // Apart: the future of all reads is moved about by whoever polls one first, deep in a plan's frames.
        true => Box::pin(start_batches(&shared, &events, &mut workers)).await,
        false => start_all(&shared, &events, &mut workers).await,
    };
    let event = match outcome {
        Ok(tasks) => Event::AllStarted { tasks },
        Err(error) => Event::Failed(error),
    };
    let _ = events.send(event);
    while let Some(ended) = workers.join_next().await {
        report(&events, ended);
    }
}

async fn start_all(
    shared: &Arc<Shared>,
    events: &UnboundedSender<Event>,
    workers: &mut JoinSet<()>,
) -> Result<u64> {
    let ranges = shared.request.ranges.clone();
    let regions = Arc::clone(shared.sender.regions());
    let mut source = TaskSource::new(regions, ranges, shared.shape);
    let mut tasks = 0;
    loop {
        shared.gate.open_task().await;
        while let Some(ended) = workers.try_join_next() {
            report(events, ended);
        }
        let mut bo = shared.backoffer(shared.budgets.build_tasks);
        let next = source.next(&mut bo).await.map_err(|error| shared.label(error))?;
        let Some(task) = next else { return Ok(tasks) };
        start(shared, events, workers, tasks, task);
        tasks += 1;
    }
}

fn start(
    shared: &Arc<Shared>,
    events: &UnboundedSender<Event>,
    workers: &mut JoinSet<()>,
    number: u64,
    task: CopTask,
) {
    let span = tracing::debug_span!(
        "task",
        task = number,
        table = shared.request.label.as_deref(),
        region = task.region.ver_id.id,
        ranges = task.ranges.len(),
    );
    let worker = Worker::new(Arc::clone(shared), number, task, events.clone());
    workers.spawn(worker.run().instrument(span));
}

/// All at once: whoever asks by batches needs all answers, and each store has but a few requests.
async fn start_batches(
    shared: &Arc<Shared>,
    events: &UnboundedSender<Event>,
    workers: &mut JoinSet<()>,
) -> Result<u64> {
    let mut bo = shared.backoffer(shared.budgets.build_tasks);
    let divided = divide(shared, &mut bo, shared.request.ranges.clone()).await;
    let Division { batches, singles } = divided.map_err(|error| shared.label(error))?;
    let mut tasks = 0;
    for batch in batches {
        shared.gate.open_task().await;
        let span = tracing::debug_span!(
            "task",
            task = tasks,
            table = shared.request.label.as_deref(),
            store = batch.store(),
            regions = batch.regions(),
        );
        let worker = BatchWorker::new(Arc::clone(shared), tasks, batch, events.clone());
        workers.spawn(Box::pin(worker.run()).instrument(span));
        tasks += 1;
    }
    for task in singles {
        shared.gate.open_task().await;
        start(shared, events, workers, tasks, task);
        tasks += 1;
    }
    Ok(tasks)
}

/// A worker that did not get to say how it ended must not look like one that was done.
fn report(events: &UnboundedSender<Event>, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        let message = "a coprocessor task ended without a result";
        let error = ClientError::new(ErrorKind::Cancelled, message).with_source(error);
        let _ = events.send(Event::Failed(error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<F: Future>(_: impl FnOnce(Arc<Shared>, UnboundedSender<Event>) -> F) -> usize {
        size_of::<F>()
    }

    /// Without optimization a future is on the stack several times while it is spawned.
    #[test]
    fn the_future_of_a_read_is_small() {
        let size = size(drive);
        assert!(size < 4 << 10, "{size} bytes");
    }
}
