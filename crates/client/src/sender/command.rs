//! What the sender has to know about commands.

use tifusion_proto::errorpb;
use tifusion_proto::kvrpcpb::CommitRole;

use crate::transport::{StoreRequest, StoreResponse};

/// Whether an answer that was lost may be asked for again without a word to the caller: sending the
/// command twice does the same as sending it once, and the second answer says all. Exhaustive on
/// purpose: a new command has to say.
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
        | StoreRequest::PessimisticRollback(_)
        // A lock that the transaction has already stays as it is, and where the transaction was rolled
        // back it cannot be written any more. Nothing is visible before the commit.
        | StoreRequest::Prewrite(_)
        // Where the transaction is rolled back already, it stays so.
        | StoreRequest::BatchRollback(_)
        // Only ever lengthens the lock's time to live.
        | StoreRequest::TxnHeartBeat(_)
        // Once it is split the region has another epoch, by which the second request is refused.
        | StoreRequest::SplitRegion(_) => true,
        // Committing twice is committing once, but whoever commits the primary has to know that an
        // answer was lost: what comes after may tell of a failure that none was. With the other keys
        // nothing is decided any more.
        StoreRequest::Commit(request) => request.commit_role() == CommitRole::Secondary,
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
        | StoreRequest::PessimisticRollback(_)
        | StoreRequest::Prewrite(_)
        | StoreRequest::Commit(_)
        | StoreRequest::BatchRollback(_)
        | StoreRequest::TxnHeartBeat(_)
        | StoreRequest::SplitRegion(_) => false,
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
        StoreResponse::Prewrite(response) => response.region_error.take(),
        StoreResponse::Commit(response) => response.region_error.take(),
        StoreResponse::BatchRollback(response) => response.region_error.take(),
        StoreResponse::TxnHeartBeat(response) => response.region_error.take(),
        StoreResponse::SplitRegion(response) => response.region_error.take(),
    }
}
