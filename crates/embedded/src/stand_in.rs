//! Commands that the transactional store does not have yet.

use tifusion_proto::kvrpcpb;

use crate::mvcc::Storage;

fn missing(command: &str) -> kvrpcpb::KeyError {
    let abort = format!("{command} is not there yet");
    kvrpcpb::KeyError { abort, ..kvrpcpb::KeyError::default() }
}

impl Storage {
    pub(crate) fn open(_path: &std::path::Path) -> Result<Self, &'static str> {
        Err("folders are not there yet")
    }

    pub(crate) fn check_secondary_locks(
        &self,
        _request: &kvrpcpb::CheckSecondaryLocksRequest,
    ) -> kvrpcpb::CheckSecondaryLocksResponse {
        let error = Some(missing("CheckSecondaryLocks"));
        kvrpcpb::CheckSecondaryLocksResponse { error, ..Default::default() }
    }

    pub(crate) fn txn_heart_beat(
        &self,
        _request: &kvrpcpb::TxnHeartBeatRequest,
    ) -> kvrpcpb::TxnHeartBeatResponse {
        let error = Some(missing("TxnHeartBeat"));
        kvrpcpb::TxnHeartBeatResponse { error, ..Default::default() }
    }

    pub(crate) fn pessimistic_lock(
        &self,
        _request: &kvrpcpb::PessimisticLockRequest,
    ) -> kvrpcpb::PessimisticLockResponse {
        let errors = vec![missing("PessimisticLock")];
        kvrpcpb::PessimisticLockResponse { errors, ..Default::default() }
    }

    pub(crate) fn pessimistic_rollback(
        &self,
        _request: &kvrpcpb::PessimisticRollbackRequest,
    ) -> kvrpcpb::PessimisticRollbackResponse {
        let errors = vec![missing("PessimisticRollback")];
        kvrpcpb::PessimisticRollbackResponse { errors, ..Default::default() }
    }
}
