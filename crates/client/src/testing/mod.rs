//! A cluster in memory for the tests of the reads: regions on stores, multi-version data with locks,
//! and faults on demand. It checks what TiKV checks (leader, epoch, boundaries, locks) and keeps a
//! record of every call.

#![allow(clippy::cast_possible_truncation, clippy::unwrap_used)]

mod batch;
mod fault;
mod mvcc;
mod pd;
mod serve;
mod topology;
mod write;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

pub(crate) use batch::{BatchArrived, BatchFault};
use bytes::Bytes;
pub(crate) use fault::{Call, Effect, Fault, Lost, healing_region_errors, refused, reset, status};
pub(crate) use mvcc::{FakeLock, TxnEnd};
use parking_lot::Mutex;
use tifusion_proto::kvrpcpb;
pub(crate) use topology::FakeRegion;

use crate::clock::TokioClock;
use crate::options::ClientOptions;
use crate::transport::StoreTransport;
use crate::{Client, Timestamp};

/// Milliseconds of the fake clock when a test begins.
const EPOCH_MS: u64 = 1_000_000;

/// The cluster.
#[derive(Debug)]
pub(crate) struct FakeCluster {
    pub(crate) state: Mutex<State>,
    began: tokio::time::Instant,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) regions: Vec<FakeRegion>,
    next_id: u64,
    /// Stores by id: address, or `None` when dead.
    pub(crate) stores: BTreeMap<u64, FakeStore>,
    pub(crate) data: BTreeMap<Vec<u8>, Vec<(u64, Bytes)>>,
    pub(crate) locks: BTreeMap<Vec<u8>, Vec<FakeLock>>,
    pub(crate) ended: BTreeMap<(u64, Vec<u8>), TxnEnd>,
    /// Commits by key: commit timestamp and transaction, locks without data included.
    pub(crate) commits: BTreeMap<Vec<u8>, Vec<(u64, u64)>>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) calls: Vec<Call>,
    /// What becomes of the batches that come next, one each.
    pub(crate) batch_faults: VecDeque<BatchFault>,
    pub(crate) batches: Vec<BatchArrived>,
    /// Batches whose answers somebody waits for.
    pub(crate) open_batches: Arc<AtomicUsize>,
    pub(crate) pd_calls: Vec<String>,
    pub(crate) disconnects: Vec<String>,
    pub(crate) in_flight: usize,
    pub(crate) peak_in_flight: usize,
    /// What PD tells as the safe point of transactions.
    pub(crate) safe_point: u64,
    /// Up to when all replicas have everything.
    pub(crate) safe_ts: u64,
    /// Who holds garbage collection back at what timestamp.
    pub(crate) holds: BTreeMap<String, u64>,
    /// Regions that PD was asked to scatter.
    pub(crate) scattered: Vec<u64>,
    /// Prewrites tell of one lock at a time.
    pub(crate) tells_one_lock: bool,
    /// PD does not answer.
    pub(crate) pd_is_down: bool,
    /// Time that every call takes.
    pub(crate) latency: Duration,
    /// Time that the coprocessor says it was at work on an answer.
    pub(crate) process_time: Duration,
    /// Bytes added to every row of a coprocessor answer.
    pub(crate) row_padding: usize,
    logical: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct FakeStore {
    pub(crate) address: String,
    pub(crate) is_down: bool,
    pub(crate) is_tiflash: bool,
}

impl FakeCluster {
    /// Three stores, one region over all keys led by store 1.
    pub(crate) fn new() -> Arc<Self> {
        let cluster = Self { state: Mutex::default(), began: tokio::time::Instant::now() };
        {
            let mut state = cluster.state.lock();
            for id in 1..=3 {
                let address = format!("store{id}:20160");
                let store = FakeStore { address, is_down: false, is_tiflash: false };
                state.stores.insert(id, store);
            }
            state.next_id = 10;
            let region = FakeRegion::first(2, &[1, 2, 3]);
            state.regions.push(region);
        }
        Arc::new(cluster)
    }

    /// Regions that begin at these keys (and one before them), led by stores 1, 2, 3, 1, …
    pub(crate) fn split_at(keys: &[&str]) -> Arc<Self> {
        let cluster = Self::new();
        {
            let mut state = cluster.state.lock();
            for key in keys {
                state.split(key.as_bytes());
            }
            for (index, region) in state.regions.iter_mut().enumerate() {
                region.leader_store = (index as u64 % 3) + 1;
            }
        }
        cluster
    }

    /// A table of rows `r000`, `r001`, … committed at timestamp 1, with a region for each of the
    /// given row numbers.
    pub(crate) fn with_rows(rows: usize, splits: &[usize]) -> Arc<Self> {
        let keys: Vec<String> = splits.iter().map(|row| row_key(*row)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let cluster = Self::split_at(&keys);
        {
            let mut state = cluster.state.lock();
            for row in 0..rows {
                state.put(row_key(row).as_bytes(), 1, format!("v{row}").as_bytes());
            }
        }
        cluster
    }

    /// A client of this cluster on tokio's clock.
    pub(crate) fn client(self: &Arc<Self>) -> Client {
        self.client_with(|_| ())
    }

    pub(crate) fn client_with(self: &Arc<Self>, change: impl FnOnce(&mut ClientOptions)) -> Client {
        let mut options = ClientOptions::default();
        change(&mut options);
        let transport = Arc::clone(self) as Arc<dyn StoreTransport>;
        Client::with_parts(options, Arc::clone(self) as _, transport, Arc::new(TokioClock))
    }

    /// The time since the test began on tokio's clock.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The cluster's time now, without taking a timestamp.
    pub(crate) fn now(&self) -> Timestamp {
        let ms = EPOCH_MS + self.elapsed().as_millis() as u64;
        Timestamp::from_parts(ms, 0).unwrap()
    }

    /// A timestamp `ms` before the beginning of the test.
    pub(crate) fn before(ms: u64) -> Timestamp {
        Timestamp::from_parts(EPOCH_MS - ms, 0).unwrap()
    }

    pub(crate) fn add_fault(&self, fault: Fault) {
        self.state.lock().faults.push(fault);
    }

    /// Calls so far that `matches` accepts.
    pub(crate) fn calls(&self, matches: impl Fn(&Call) -> bool) -> Vec<Call> {
        self.state.lock().calls.iter().filter(|call| matches(call)).cloned().collect()
    }

    /// Whether all faults have fired as often as they were meant to.
    pub(crate) fn all_fired(&self) -> bool {
        self.state.lock().faults.iter().all(|fault| fault.left == 0)
    }
}

/// The key of a row.
pub(crate) fn row_key(row: usize) -> String {
    format!("r{row:05}")
}

/// The keys of rows.
pub(crate) fn row_keys(rows: Range<usize>) -> Vec<Vec<u8>> {
    rows.map(|row| row_key(row).into_bytes()).collect()
}

/// The rows of a fake coprocessor answer.
pub(crate) fn decode_rows(mut data: &[u8]) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    while let Some((len, rest)) = data.split_at_checked(4) {
        let len = u32::from_be_bytes(len.try_into().unwrap()) as usize;
        rows.push(rest[..len].split(|byte| *byte == b'#').next().unwrap().to_vec());
        data = &rest[len..];
    }
    rows
}

/// A row of a fake coprocessor answer.
fn encode_row(key: &[u8], padding: usize, out: &mut Vec<u8>) {
    let len = key.len() + if padding > 0 { padding + 1 } else { 0 };
    out.extend_from_slice(&(len as u32).to_be_bytes());
    out.extend_from_slice(key);
    if padding > 0 {
        out.push(b'#');
        out.resize(out.len() + padding, b'.');
    }
}

/// The context of a request.
fn locks_of(context: &kvrpcpb::Context) -> (&[u64], &[u64]) {
    (&context.resolved_locks, &context.committed_locks)
}
