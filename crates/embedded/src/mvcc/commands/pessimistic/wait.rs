//! Waiting for a lock: what the deadlock detector has to know of it.

use tifusion_proto::kvrpcpb::{LockInfo, PessimisticLockRequest};

use super::super::super::error::MvccError;
use super::super::super::storage::Storage;

/// A request that waits or is about to. When this goes away the detector forgets what the request waited for,
/// however the wait ended.
#[derive(Debug)]
pub(crate) struct WaitGuard {
    storage: Storage,
    waiter: u64,
    keys: Vec<Vec<u8>>,
}

impl Drop for WaitGuard {
    fn drop(&mut self) {
        let mut detector = self.storage.shared.detector.lock();
        for key in &self.keys {
            detector.stop(self.waiter, key);
        }
    }
}

impl Storage {
    /// Is to be taken before the first [`Storage::pessimistic_lock`] of a request that may wait, and held until its
    /// last answer.
    pub(crate) fn wait_guard(&self, request: &PessimisticLockRequest) -> WaitGuard {
        let keys = request.mutations.iter().map(|mutation| mutation.key.clone()).collect();
        WaitGuard { storage: self.clone(), waiter: request.start_version, keys }
    }

    /// The request is tried, so it waits no more for now.
    pub(super) fn stop_waiting(&self, request: &PessimisticLockRequest) {
        let mut detector = self.shared.detector.lock();
        for mutation in &request.mutations {
            detector.stop(request.start_version, &mutation.key);
        }
    }

    /// The error for a key that another transaction holds, after noting the wait if there will be one.
    pub(super) fn held(&self, request: &PessimisticLockRequest, lock: LockInfo) -> MvccError {
        if request.wait_timeout < 0 {
            return MvccError::Locked(lock.into());
        }
        let tag = request.context.as_ref().map(|context| context.resource_group_tag.as_slice());
        let waited = self.shared.detector.lock().wait(
            request.start_version,
            lock.lock_version,
            &lock.key,
            tag.unwrap_or_default(),
        );
        match waited {
            Ok(()) => MvccError::Locked(lock.into()),
            Err(deadlock) => MvccError::Deadlock(deadlock.into()),
        }
    }
}
