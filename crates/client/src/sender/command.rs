//! What the sender has to know about commands.

use tifusion_proto::errorpb;

use crate::transport::{StoreRequest, StoreResponse};

/// Whether sending the command twice does the same as sending it once. Exhaustive on purpose: a new
/// command has to say.
pub(super) fn is_idempotent(request: &StoreRequest) -> bool {
    match request {
        // Reads.
        StoreRequest::Coprocessor(_)
        | StoreRequest::Get(_)
        | StoreRequest::BatchGet(_)
        | StoreRequest::Scan(_)
        // Settle another transaction's fate, which is settled once.
        | StoreRequest::CheckTxnStatus(_)
        | StoreRequest::CheckSecondaryLocks(_)
        | StoreRequest::ResolveLock(_)
        | StoreRequest::PessimisticRollback(_) => true,
    }
}

/// Whether the command reads and no more, so that a follower may answer it from its own data.
/// Exhaustive on purpose: a new command has to say.
pub(super) fn is_read(request: &StoreRequest) -> bool {
    match request {
        StoreRequest::Coprocessor(_)
        | StoreRequest::Get(_)
        | StoreRequest::BatchGet(_)
        | StoreRequest::Scan(_) => true,
        // They write, be it a rollback where they find nothing.
        StoreRequest::CheckTxnStatus(_)
        | StoreRequest::CheckSecondaryLocks(_)
        | StoreRequest::ResolveLock(_)
        | StoreRequest::PessimisticRollback(_) => false,
    }
}

/// Takes the region error out of an answer, when it has one.
pub(super) fn take_region_error(response: &mut StoreResponse) -> Option<errorpb::Error> {
    match response {
        StoreResponse::Coprocessor(response) => response.region_error.take(),
        StoreResponse::Get(response) => response.region_error.take(),
        StoreResponse::BatchGet(response) => response.region_error.take(),
        StoreResponse::Scan(response) => response.region_error.take(),
        StoreResponse::CheckTxnStatus(response) => response.region_error.take(),
        StoreResponse::CheckSecondaryLocks(response) => response.region_error.take(),
        StoreResponse::ResolveLock(response) => response.region_error.take(),
        StoreResponse::PessimisticRollback(response) => response.region_error.take(),
    }
}
