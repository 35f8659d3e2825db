//! Finding out about locks, and removing them.

use tifusion_proto::kvrpcpb;

use super::super::check::{Access, Touched, View};
use super::command;
use super::read::least_end;
use crate::state::State;

command! {
    CheckTxnStatusRequest => CheckTxnStatusResponse as CheckTxnStatus;
    access: |_request| Access::Write;
    touched: |request| Touched::Keys(vec![request.primary_key.clone()]);
    run: |request, state, _view| state.storage.check_txn_status(&request)
}

command! {
    CheckSecondaryLocksRequest => CheckSecondaryLocksResponse as CheckSecondaryLocks;
    access: |_request| Access::Write;
    touched: |request| Touched::Keys(request.keys.clone());
    run: |request, state, _view| state.storage.check_secondary_locks(&request)
}

command! {
    ScanLockRequest => ScanLockResponse as ScanLock;
    access: |_request| Access::Read(None);
    touched: |request| Touched::From(request.start_key.clone(), request.end_key.clone());
    run: |request, state, view| {
        request.start_key = request.start_key.max(view.start.clone());
        request.end_key = least_end(&request.end_key, &view.end);
        state.storage.scan_lock(&request)
    }
}

command! {
    ResolveLockRequest => ResolveLockResponse as ResolveLock;
    access: |_request| Access::Write;
    touched: |request| if request.keys.is_empty() {
        Touched::Region
    } else {
        Touched::Keys(request.keys.clone())
    };
    run: |request, state, view| {
        state.storage.resolve_lock_within(&request, &view.start..&view.end)
    }
}

/// The raw keys in the region that a transaction has locked.
pub(super) fn keys_locked_by(state: &State, view: &View, start_version: u64) -> Vec<Vec<u8>> {
    let locks = state.storage.scan_lock(&kvrpcpb::ScanLockRequest {
        max_version: start_version,
        start_key: view.start.clone(),
        end_key: view.end.clone(),
        ..kvrpcpb::ScanLockRequest::default()
    });
    let ours = locks.locks.into_iter().filter(|lock| lock.lock_version == start_version);
    ours.map(|lock| lock.key).collect()
}
