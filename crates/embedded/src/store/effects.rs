//! What faults do to a request.

use std::time::Duration;

use tifusion_codec::key::from_region_key;
use tifusion_proto::{errorpb, kvrpcpb};
use tonic::Status;

use super::StoreService;
use super::check::Touched;
use super::region_error;
use crate::fault::{Call, Damage, Effect, Rpc};
use crate::net::{self, Connection};

/// What is left of the faults once the request is served.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The answer, instead of the true one.
    pub(super) refusal: Option<Box<errorpb::Error>>,
    /// The answer is to be lost.
    pub(super) lose: bool,
    /// How long the request waited.
    pub(super) delayed: Duration,
    /// The request is carried out once more.
    pub(super) twice: bool,
    /// What becomes of the answer.
    pub(super) damage: Option<Damage>,
    /// How a batch of regions ends.
    pub(super) batch_end: Option<BatchEnd>,
}

/// The end of a batch before its end, after so many regions.
#[derive(Debug)]
pub(super) enum BatchEnd {
    /// The connection breaks.
    Break(usize),
    /// An error in words.
    Error(usize, String),
}

impl StoreService {
    /// Counts the call, and carries out what rules say about it.
    pub(super) async fn effects(
        &self,
        rpc: Rpc,
        context: &kvrpcpb::Context,
        touched: &Touched,
        connection: Option<&Connection>,
    ) -> Result<Told, Status> {
        let region = context.region_id;
        let (start, end) = self.span(region, touched);
        let call = Call { rpc, store: self.id, region, start: &start, end: &end };
        let effects = self.state.faults.judge(call);
        let mut told = Told::default();
        for effect in effects {
            match effect {
                Effect::RegionError(kind) => {
                    let topology = self.state.topology.lock();
                    let error = region_error::injected(kind, &topology, self.id, region, &start);
                    told.refusal = Some(error);
                    return Ok(told);
                }
                Effect::Delay(time) => {
                    tokio::time::sleep(time).await;
                    told.delayed += time;
                }
                Effect::DropBefore => return Err(net::reset(connection)),
                Effect::DropAfter => told.lose = true,
                Effect::Twice => told.twice = true,
                Effect::BreakBatch(after) => told.batch_end = Some(BatchEnd::Break(after)),
                Effect::FailBatch(after, text) => {
                    told.batch_end = Some(BatchEnd::Error(after, text));
                }
                Effect::Damage(damage) => told.damage = Some(damage),
                // About PD.
                Effect::ClockBack(_) => {}
                Effect::Status { code, message } => return Err(Status::new(code.into(), message)),
                Effect::KillStore => {
                    // A store that is gone already cannot die.
                    let _ = self.state.kill_store(self.id);
                    return Err(net::reset(connection));
                }
                Effect::SplitRegion => self.split_within(region, &start, &end).await,
                Effect::MergeRegion => self.merge_neighbour(region),
                Effect::TransferLeader => {
                    // The region may be gone by now.
                    let _ = self.state.change(|topology| topology.rotate_leader(region));
                }
                Effect::LeaveLock(lock) => {
                    let key = self.lockable(touched, &start, &end).await;
                    if let Some(key) = key {
                        let state = std::sync::Arc::clone(&self.state);
                        let leave = move || state.leave_lock(&key, lock);
                        // A lock that cannot be left leaves none.
                        let _ = tokio::task::spawn_blocking(leave).await;
                    }
                }
            }
        }
        Ok(told)
    }

    /// The raw range of a request; of a region as a whole, its range.
    fn span(&self, region: u64, touched: &Touched) -> (Vec<u8>, Vec<u8>) {
        if *touched != Touched::Region {
            return touched.span();
        }
        let topology = self.state.topology.lock();
        let Some(region) = topology.region(region) else { return touched.span() };
        let raw = |border: &[u8]| from_region_key(border).unwrap_or_default();
        (raw(&region.meta.start_key), raw(&region.meta.end_key))
    }

    /// Splits the region in the middle of the rows between `start` and `end`, or of its own if there are not
    /// two.
    async fn split_within(&self, region: u64, start: &[u8], end: &[u8]) {
        let borders = self.span(region, &Touched::Region);
        let (start, end) = (start.to_vec(), end.to_vec());
        let state = std::sync::Arc::clone(&self.state);
        let split = move || {
            let middle =
                state.middle_key(&start..&end).or_else(|| state.middle_key(&borders.0..&borders.1));
            if let Some(key) = middle {
                // A key that a row has can be a border.
                let key = tifusion_codec::key::region_key(&key);
                let _ = state.change(|topology| topology.split(&[key]));
            }
        };
        // A split that fails splits nothing.
        let _ = tokio::task::spawn_blocking(split).await;
    }

    fn merge_neighbour(&self, region: u64) {
        // A region without neighbours stays as it is.
        let _ = self.state.change(|topology| {
            let right = topology.region_after(region).map(|it| it.meta.id);
            let start = topology.region(region).map(|it| it.meta.start_key.clone());
            let left = || topology.region_before(&start?).map(|it| it.meta.id);
            right.or_else(left).map(|source| topology.merge(source, region))
        });
    }

    /// The key on which a lock can be left: the first one asked for, or the first row of a range.
    async fn lockable(&self, touched: &Touched, start: &[u8], end: &[u8]) -> Option<Vec<u8>> {
        if let Touched::Keys(keys) = touched {
            return keys.first().cloned();
        }
        let (start, end) = (start.to_vec(), end.to_vec());
        let state = std::sync::Arc::clone(&self.state);
        let first = tokio::task::spawn_blocking(move || state.first_key(&start..&end));
        first.await.ok().flatten()
    }
}
