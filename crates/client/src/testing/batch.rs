//! One plan over many regions, as stores of TiFlash answer it: what they have not themselves they read elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use tifusion_proto::{coprocessor, kvrpcpb, metapb};

use super::{FakeCluster, FakeStore, State, fault};
use crate::transport::{BatchAnswers, TransportError};

/// Makes the error of a call to an address.
pub(crate) type MakeError = fn(&str) -> TransportError;

/// What becomes of a batch.
#[derive(Debug, Clone)]
pub(crate) enum BatchFault {
    /// No answer.
    Refuse(MakeError),
    /// So many answers, then this error.
    Break(usize, MakeError),
    /// So many answers, then this text.
    OtherError(usize, String),
    /// So many answers, then nothing until the timeout.
    Silence(usize),
}

/// A batch as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct BatchArrived {
    pub(crate) store: u64,
    pub(crate) request: coprocessor::BatchRequest,
    pub(crate) timeout: Duration,
}

impl BatchArrived {
    pub(crate) fn regions(&self) -> usize {
        self.request.regions.len()
    }
}

/// Counts the answers of one batch as under way.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl FakeCluster {
    /// Rows as of [`FakeCluster::with_rows`], whose regions have replicas on stores 4 and 5, which are of TiFlash.
    pub(crate) fn with_tiflash(rows: usize, splits: &[usize]) -> Arc<Self> {
        let cluster = Self::with_rows(rows, splits);
        {
            let mut state = cluster.state.lock();
            for id in [4, 5] {
                let address = format!("store{id}:3930");
                let store = FakeStore { address, is_down: false, is_tiflash: true };
                state.stores.insert(id, store);
            }
            state.regions.iter_mut().for_each(|region| region.stores.extend([4, 5]));
        }
        cluster
    }

    pub(super) async fn serve_batch(
        &self,
        address: &str,
        request: coprocessor::BatchRequest,
        timeout: Duration,
    ) -> Result<BatchAnswers, TransportError> {
        let (latency, fault, id) = {
            let mut state = self.state.lock();
            let store = state.stores.iter().find(|(_, store)| store.address == address);
            let (id, is_down) = store.map_or((0, true), |(id, store)| (*id, store.is_down));
            let fault = state.batch_faults.pop_front();
            state.batches.push(BatchArrived { store: id, request: request.clone(), timeout });
            if is_down {
                return Err(fault::refused(address));
            }
            (state.latency, fault, id)
        };
        tokio::time::sleep(latency).await;
        let mut answers: Vec<_> =
            self.state.lock().batch_answers(&request, id).into_iter().map(Ok).collect();
        let mut silent = false;
        match fault {
            None => {}
            Some(BatchFault::Refuse(make)) => return Err(make(address)),
            Some(BatchFault::Break(after, make)) => {
                answers.truncate(after);
                answers.push(Err(make(address)));
            }
            Some(BatchFault::OtherError(after, text)) => {
                answers.truncate(after);
                answers.push(Ok(other_error(text)));
            }
            Some(BatchFault::Silence(after)) => {
                answers.truncate(after);
                let address = address.to_owned();
                answers.push(Err(TransportError::Timeout { address, timeout }));
                silent = true;
            }
        }
        let open = Arc::clone(&self.state.lock().open_batches);
        open.fetch_add(1, Ordering::Relaxed);
        let open = Open(open);
        let answers = stream::iter(answers).then(move |answer| {
            let _counted = &open;
            let pause = if silent && answer.is_err() { timeout } else { Duration::ZERO };
            async move {
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                answer
            }
        });
        Ok(answers.boxed())
    }
}

impl State {
    /// First the regions that are not as the request says, then the rows of all.
    fn batch_answers(
        &self,
        request: &coprocessor::BatchRequest,
        store: u64,
    ) -> Vec<coprocessor::BatchResponse> {
        let context = kvrpcpb::Context::default();
        let mut stale = coprocessor::BatchResponse::default();
        let mut answers = Vec::new();
        for asked in &request.regions {
            let epoch = asked.region_epoch.unwrap_or_default();
            let is_here = self.regions.iter().any(|region| {
                (region.id, region.version) == (asked.region_id, epoch.version)
                    && region.stores.contains(&store)
            });
            if !is_here {
                stale.retry_regions.push(metapb::Region {
                    id: asked.region_id,
                    region_epoch: asked.region_epoch,
                    ..metapb::Region::default()
                });
            }
            let alone = coprocessor::Request {
                ranges: asked.ranges.clone(),
                start_ts: request.start_ts,
                ..coprocessor::Request::default()
            };
            let answer = self.scan(&alone, &context);
            answers.push(match answer.locked {
                Some(_) => other_error("a lock is in the way".to_owned()),
                None => coprocessor::BatchResponse { data: answer.data, ..Default::default() },
            });
        }
        if !stale.retry_regions.is_empty() {
            answers.insert(0, stale);
        }
        answers
    }
}

fn other_error(text: String) -> coprocessor::BatchResponse {
    coprocessor::BatchResponse { other_error: text, ..coprocessor::BatchResponse::default() }
}
