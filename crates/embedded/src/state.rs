//! What PD and the stores of one cluster share.

mod disk;
mod keys;
mod left_lock;
mod write;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use disk::{Disk, Saved};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tifusion_proto::kvrpcpb;
use tokio::sync::Notify;
pub(crate) use write::Write;

use crate::fault::Faults;
use crate::gc::GcState;
use crate::mvcc::Storage;
use crate::net::Gate;
use crate::oracle::{LOGICAL_BITS, Oracle};
use crate::topology::{Topology, TopologyError};

/// How far ahead of its use the bound of timestamps is saved, in milliseconds.
const TS_WINDOW_MS: u64 = 3000;

/// How the cluster is set up.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Bytes at which a region is split into parts of this size; 0 never.
    pub(crate) region_size: u64,
    /// Bytes of a bucket; 0 for no buckets.
    pub(crate) bucket_size: u64,
    /// How far replicas are behind for stale reads, in milliseconds.
    pub(crate) safe_ts_lag_ms: u64,
    pub(crate) seed: u64,
}

/// One cluster: its data, its topology, its clock, its faults.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) cluster_id: u64,
    pub(crate) settings: Settings,
    pub(crate) storage: Storage,
    pub(crate) topology: Mutex<Topology>,
    /// The topology as PD tells it, when that is an old one.
    frozen: Mutex<Option<Topology>>,
    pub(crate) gc: Mutex<GcState>,
    pub(crate) faults: Faults,
    /// Told when enough was written for a region to be split, or to be measured again.
    pub(crate) grown: Notify,
    oracle: Oracle,
    /// Bound that timestamps must stay below until it is saved anew.
    ts_bound: AtomicU64,
    raising: Mutex<()>,
    /// Bytes written since sizes were looked at.
    written: AtomicU64,
    gates: Mutex<HashMap<u64, Arc<Gate>>>,
    chance: Mutex<StdRng>,
    disk: Option<Disk>,
}

impl State {
    /// A cluster over `storage`, as it was saved.
    pub(crate) fn new(
        settings: Settings,
        storage: Storage,
        topology: Topology,
        saved: &Saved,
        disk: Option<Disk>,
    ) -> Self {
        let chance = StdRng::seed_from_u64(settings.seed);
        Self {
            cluster_id: saved.cluster_id,
            faults: Faults::seeded(settings.seed),
            settings,
            storage,
            topology: Mutex::new(topology),
            frozen: Mutex::default(),
            gc: Mutex::new(GcState::restore(saved.txn_safe_point, saved.gc_safe_point)),
            grown: Notify::new(),
            oracle: Oracle::above(saved.ts_bound),
            ts_bound: AtomicU64::new(saved.ts_bound),
            raising: Mutex::default(),
            written: AtomicU64::new(0),
            gates: Mutex::default(),
            chance: Mutex::new(chance),
            disk,
        }
    }

    /// The last of `count` new timestamps; `None` when so many do not fit into a millisecond.
    pub(crate) fn take_timestamps(&self, count: u32) -> Option<u64> {
        let last = self.oracle.take(count)?;
        if self.disk.is_some() && last >= self.ts_bound.load(Ordering::Acquire) {
            let _turn = self.raising.lock();
            if last >= self.ts_bound.load(Ordering::Acquire) {
                let bound = last.saturating_add(TS_WINDOW_MS << LOGICAL_BITS);
                self.ts_bound.store(bound, Ordering::Release);
                self.save();
            }
        }
        Some(last)
    }

    /// One new timestamp.
    pub(crate) fn timestamp(&self) -> u64 {
        // One always fits.
        self.take_timestamps(1).unwrap_or(u64::MAX)
    }

    /// The greatest timestamp that may have been handed out.
    pub(crate) fn newest_timestamp(&self) -> u64 {
        self.oracle.last()
    }

    /// The timestamp up to which every replica can serve stale reads.
    pub(crate) fn safe_ts(&self) -> u64 {
        self.newest_timestamp().saturating_sub(self.settings.safe_ts_lag_ms << LOGICAL_BITS)
    }

    /// A number below `bound`, or 0, drawn from the cluster's seed.
    pub(crate) fn chance(&self, bound: usize) -> usize {
        self.chance.lock().random_range(0..bound.max(1))
    }

    /// Saves what has changed, when the cluster lives in a folder.
    pub(crate) fn save(&self) {
        let Some(disk) = &self.disk else { return };
        disk.save(|| {
            let topology = Some(self.topology.lock().save());
            let gc = self.gc.lock();
            Saved {
                cluster_id: self.cluster_id,
                ts_bound: self.ts_bound.load(Ordering::Acquire),
                txn_safe_point: gc.txn_safe_point(),
                gc_safe_point: gc.gc_safe_point(),
                topology,
            }
        });
    }

    /// Changes the topology and saves it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Topology) -> T) -> T {
        let (answer, changed) = {
            let mut topology = self.topology.lock();
            let before = topology.revision();
            let answer = change(&mut topology);
            (answer, topology.revision() != before)
        };
        if changed {
            self.save();
        }
        answer
    }

    /// The regions as PD tells them.
    pub(crate) fn told_regions<T>(&self, look: impl FnOnce(&Topology) -> T) -> T {
        match &*self.frozen.lock() {
            Some(frozen) => look(frozen),
            None => look(&self.topology.lock()),
        }
    }

    /// PD tells regions as they are now from here on, or no longer.
    pub(crate) fn freeze_regions(&self, freeze: bool) {
        let now = self.topology.lock().save();
        // What was saved just now can be restored.
        *self.frozen.lock() = if freeze { Topology::restore(now) } else { None };
    }

    /// So many bytes were written: when that is a good part of a region, sizes are looked at.
    pub(crate) fn note_growth(&self, bytes: u64) {
        let limit = self.settings.region_size.max(self.settings.bucket_size) / 8;
        let written = self.written.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if limit > 0 && written >= limit {
            self.written.store(0, Ordering::Relaxed);
            self.grown.notify_one();
        }
    }

    /// Drops the versions that no snapshot at `safe_point` or later needs.
    pub(crate) fn collect_garbage(&self, safe_point: u64) -> kvrpcpb::GcResponse {
        let error = self.storage.gc(safe_point).err().map(|error| kvrpcpb::KeyError {
            abort: error.to_string(),
            ..kvrpcpb::KeyError::default()
        });
        kvrpcpb::GcResponse { error, ..kvrpcpb::GcResponse::default() }
    }

    /// The port of a store.
    pub(crate) fn gate(&self, store: u64) -> Option<Arc<Gate>> {
        self.gates.lock().get(&store).cloned()
    }

    /// The store listens there.
    pub(crate) fn add_gate(&self, store: u64, gate: Arc<Gate>) {
        self.gates.lock().insert(store, gate);
    }

    /// Closes all ports.
    pub(crate) fn close_gates(&self) {
        for (_, gate) in self.gates.lock().drain() {
            gate.close();
        }
    }

    /// The store dies: its leaders move, its port closes, calls to it break.
    pub(crate) fn kill_store(&self, store: u64) -> Result<(), TopologyError> {
        self.change(|topology| topology.set_alive(store, false))?;
        if let Some(gate) = self.gate(store) {
            gate.close();
        }
        Ok(())
    }
}
