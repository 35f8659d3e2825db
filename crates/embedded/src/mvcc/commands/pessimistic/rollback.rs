//! `PessimisticRollback`: locks given back, without a trace.

use tifusion_proto::kvrpcpb::{PessimisticRollbackRequest, PessimisticRollbackResponse};

use super::super::super::error::{MvccError, Result};
use super::super::super::key::OwnedSpan;
use super::super::super::lock::Lock;
use super::super::super::storage::Storage;

impl Storage {
    /// Removes the transaction's pessimistic locks that are not newer than `for_update_ts`, from the keys or, if
    /// there are none, from wherever they are.
    pub(crate) fn pessimistic_rollback(
        &self,
        request: &PessimisticRollbackRequest,
    ) -> PessimisticRollbackResponse {
        let ours = |lock: &Lock| {
            lock.is_pessimistic()
                && lock.start_ts == request.start_version
                && lock.for_update_ts <= request.for_update_ts
        };
        let result: Result<()> = self.command(request.start_version, |txn, versions| {
            if request.keys.is_empty() {
                let all = OwnedSpan::of_keys(b"", b"");
                for (key, _) in versions.locks(&all, 0, ours)? {
                    txn.unlock(&key);
                }
            }
            for key in &request.keys {
                if versions.lock(key)?.is_some_and(|lock| ours(&lock)) {
                    txn.unlock(key);
                }
            }
            Ok(())
        });
        PessimisticRollbackResponse {
            errors: result.err().map(MvccError::into_key_error).into_iter().collect(),
            ..PessimisticRollbackResponse::default()
        }
    }
}
