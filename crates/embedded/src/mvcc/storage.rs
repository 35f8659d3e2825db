//! The transactional store: one set of data, shared by all stores of the cluster.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::concurrency::Concurrency;
use super::deadlock::Detector;
use super::error::Result;
use super::reader::{ReadOptions, Reader};
use super::txn::{MvccTxn, Outcome};
use super::versions::Versions;
use crate::engine::{Batch, Engine, EngineError, FolderEngine, MemoryEngine};

/// How many committed transactions are remembered, so that a late prewrite is known for a repeated one.
const COMMITTED_KEPT: usize = 10_000;

/// The transactional store. Clones share everything.
///
/// All calls block for as long as they run, which is short unless they walk over many keys or write to a folder.
/// Commands that write run one after the other; reads run beside them.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) engine: Box<dyn Engine>,
    pub(super) concurrency: Arc<Concurrency>,
    /// Held by a command from its first look at the engine until its changes are there. TiKV latches single keys.
    commands: Mutex<()>,
    /// Start and commit timestamps of transactions committed of late.
    committed: Mutex<BTreeMap<u64, u64>>,
    /// Who waits for whom.
    pub(super) detector: Mutex<Detector>,
    /// Counts the times that locks went away.
    released: watch::Sender<u64>,
}

impl Storage {
    /// An empty store in memory.
    pub(crate) fn memory() -> Self {
        Self::over(Box::new(MemoryEngine::default()))
    }

    /// The store in the folder at `path`, which is made if it is not there. What was answered is there again, however
    /// the process before ended; the timestamps it read at are not: see [`Storage::update_max_ts`].
    ///
    /// # Errors
    /// [`EngineError::Folder`] when the folder cannot be made or read, or another process has it open.
    pub(crate) fn open(path: impl AsRef<Path>) -> Result<Self, EngineError> {
        Ok(Self::over(Box::new(FolderEngine::open(path.as_ref())?)))
    }

    pub(super) fn over(engine: Box<dyn Engine>) -> Self {
        let shared = Shared {
            engine,
            concurrency: Arc::default(),
            commands: Mutex::new(()),
            committed: Mutex::default(),
            detector: Mutex::default(),
            released: watch::Sender::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// A snapshot. From here on no async or one-phase commit gets a timestamp at or below the snapshot's.
    pub(crate) fn reader(&self, options: ReadOptions) -> Reader {
        // In this order: what the view shows may be newer than the locks, never older.
        let memory_locks = self.shared.concurrency.begin_read(options.ts);
        let view: Result<_, EngineError> = self.shared.engine.view();
        Reader::new(options, memory_locks, view)
    }

    /// Changes whenever locks go away. To wait for one: subscribe, try, and try again on a change.
    pub(crate) fn released(&self) -> watch::Receiver<u64> {
        self.shared.released.subscribe()
    }

    /// The newest timestamp that was read at.
    #[cfg(test)]
    pub(crate) fn max_ts(&self) -> u64 {
        self.shared.concurrency.max_ts()
    }

    /// Notes that someone may have read at `ts`. A store that comes back from a folder has to be told a timestamp
    /// that is newer than all before, as TiKV asks PD for one when it becomes leader.
    pub(crate) fn update_max_ts(&self, ts: u64) {
        self.shared.concurrency.update_max_ts(ts);
    }

    /// When the transaction was committed, if that was of late.
    pub(super) fn committed_of_late(&self, start_ts: u64) -> Option<u64> {
        self.shared.committed.lock().get(&start_ts).copied()
    }

    /// Runs a command of the transaction `start_ts`: it looks at the engine, decides, and its changes are written
    /// unless it fails.
    pub(super) fn command<T>(
        &self,
        start_ts: u64,
        decide: impl FnOnce(&mut MvccTxn, &Versions<'_>) -> Result<T>,
    ) -> Result<T> {
        let running = self.shared.commands.lock();
        let view = self.shared.engine.view()?;
        let mut txn = MvccTxn::new(start_ts, Arc::clone(&self.shared.concurrency));
        let answer = decide(&mut txn, &Versions::new(&*view))?;
        // Without the view the engine need not keep what the changes replace.
        drop(view);
        let Outcome { batch, guards, released, committed } = txn.into_outcome();
        if !batch.is_empty() {
            self.shared.engine.write(batch)?;
        }
        drop(guards);
        self.note_committed(&committed);
        if !released.is_empty() {
            let mut detector = self.shared.detector.lock();
            for (holder, key) in &released {
                detector.released(*holder, key);
            }
            drop(detector);
            self.shared.released.send_modify(|count| *count = count.wrapping_add(1));
        }
        drop(running);
        Ok(answer)
    }

    /// Writes changes that depend on nothing in the engine.
    pub(super) fn write(&self, batch: Batch) -> Result<(), EngineError> {
        if batch.is_empty() {
            return Ok(());
        }
        let _running = self.shared.commands.lock();
        self.shared.engine.write(batch)
    }

    fn note_committed(&self, transactions: &[(u64, u64)]) {
        let mut committed = self.shared.committed.lock();
        committed.extend(transactions.iter().copied());
        while committed.len() > COMMITTED_KEPT {
            committed.pop_first();
        }
    }
}
