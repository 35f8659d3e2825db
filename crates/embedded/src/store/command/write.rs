//! The steps of transactions that write.

use tifusion_proto::kvrpcpb;

use super::super::check::{Access, Touched};
use super::command;

fn keys_of(mutations: &[kvrpcpb::Mutation]) -> Touched {
    Touched::Keys(mutations.iter().map(|mutation| mutation.key.clone()).collect())
}

command! {
    PrewriteRequest => PrewriteResponse as Prewrite;
    access: |_request| Access::Write;
    touched: |request| keys_of(&request.mutations);
    run: |request, state, _view| state.storage.prewrite(&request)
}

command! {
    CommitRequest => CommitResponse as Commit;
    access: |_request| Access::Write;
    touched: |request| Touched::Keys(request.keys.clone());
    run: |request, state, _view| state.storage.commit(&request)
}

command! {
    BatchRollbackRequest => BatchRollbackResponse as BatchRollback;
    access: |_request| Access::Write;
    touched: |request| Touched::Keys(request.keys.clone());
    run: |request, state, _view| state.storage.batch_rollback(&request)
}

command! {
    CleanupRequest => CleanupResponse as Cleanup;
    access: |_request| Access::Write;
    touched: |request| Touched::Keys(vec![request.key.clone()]);
    run: |request, state, _view| state.storage.cleanup(&request)
}

command! {
    TxnHeartBeatRequest => TxnHeartBeatResponse as TxnHeartBeat;
    access: |_request| Access::Write;
    touched: |request| Touched::Keys(vec![request.primary_lock.clone()]);
    run: |request, state, _view| state.storage.txn_heart_beat(&request)
}

command! {
    PessimisticLockRequest => PessimisticLockResponse as PessimisticLock;
    access: |_request| Access::Write;
    touched: |request| keys_of(&request.mutations);
    run: |request, state, _view| state.storage.pessimistic_lock(&request)
}

command! {
    PessimisticRollbackRequest => PessimisticRollbackResponse as PessimisticRollback;
    access: |_request| Access::Write;
    touched: |request| if request.keys.is_empty() {
        Touched::Region
    } else {
        Touched::Keys(request.keys.clone())
    };
    run: |request, state, view| {
        // Without keys: all of the transaction's locks in the region.
        if request.keys.is_empty() {
            request.keys = super::resolve::keys_locked_by(state, view, request.start_version);
        }
        if request.keys.is_empty() {
            return kvrpcpb::PessimisticRollbackResponse::default();
        }
        state.storage.pessimistic_rollback(&request)
    }
}
