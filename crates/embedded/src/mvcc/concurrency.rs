//! What readers and async commits must agree on: the newest timestamp anyone has read at, and the locks that are
//! on their way into the engine (TiKV's concurrency manager).
//!
//! An async commit picks a commit timestamp above every read so far. Between that moment and the moment its locks
//! are in the engine a new reader could slip in; so the locks are here meanwhile, and both steps are taken under
//! one mutex.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::lock::Lock;

/// Locks by raw key.
pub(crate) type Locks = BTreeMap<Vec<u8>, Lock>;

/// The newest timestamp read at, and the locks on their way into the engine.
#[derive(Debug, Default)]
pub(crate) struct Concurrency {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    max_ts: u64,
    /// Shared with the readers that were given it; changed on a copy if there are any.
    locks: Arc<Locks>,
}

impl Concurrency {
    /// Notes that someone reads at `ts`. The newest read of all (`u64::MAX`) has no timestamp to note.
    pub(crate) fn update_max_ts(&self, ts: u64) {
        self.begin_read(ts);
    }

    /// Notes a read at `ts` and gives the locks that its view of the engine may lack; the view is to be taken
    /// afterwards.
    pub(crate) fn begin_read(&self, ts: u64) -> Arc<Locks> {
        let mut state = self.state.lock();
        if ts != u64::MAX {
            state.max_ts = state.max_ts.max(ts);
        }
        Arc::clone(&state.locks)
    }

    /// The newest timestamp that was read at.
    #[cfg(test)]
    pub(crate) fn max_ts(&self) -> u64 {
        self.state.lock().max_ts
    }

    /// Puts a lock in memory whose `min_commit_ts` is `decide`d from the newest timestamp read at.
    ///
    /// # Errors
    /// That of `decide`; then nothing has changed.
    pub(crate) fn lock_in_memory<E>(
        self: &Arc<Self>,
        key: &[u8],
        guards: &mut MemoryLocks,
        decide: impl FnOnce(u64) -> Result<Lock, E>,
    ) -> Result<Lock, E> {
        let mut state = self.state.lock();
        let lock = decide(state.max_ts)?;
        Arc::make_mut(&mut state.locks).insert(key.to_vec(), lock.clone());
        guards.keys.push(key.to_vec());
        guards.concurrency = Some(Arc::clone(self));
        Ok(lock)
    }
}

/// Locks in memory that go away with this value: once they are in the engine, or were given up.
#[derive(Debug, Default)]
pub(crate) struct MemoryLocks {
    concurrency: Option<Arc<Concurrency>>,
    keys: Vec<Vec<u8>>,
}

impl Drop for MemoryLocks {
    fn drop(&mut self) {
        let Some(concurrency) = &self.concurrency else { return };
        let mut state = concurrency.state.lock();
        let locks = Arc::make_mut(&mut state.locks);
        for key in &self.keys {
            locks.remove(key);
        }
    }
}
