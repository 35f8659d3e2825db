//! `TxnHeartBeat`: a long transaction keeps its primary lock alive.

use tifusion_proto::kvrpcpb::{TxnHeartBeatRequest, TxnHeartBeatResponse};

use super::super::error::MvccError;
use super::super::storage::Storage;

impl Storage {
    /// Lengthens the primary lock's time to live, never shortens it, and tells it.
    pub(crate) fn txn_heart_beat(&self, request: &TxnHeartBeatRequest) -> TxnHeartBeatResponse {
        let start_ts = request.start_version;
        let result = self.command(start_ts, |txn, versions| {
            let lock = versions.lock(&request.primary_lock)?;
            let Some(mut lock) = lock.filter(|lock| lock.start_ts == start_ts) else {
                let key = request.primary_lock.clone();
                return Err(MvccError::TxnNotFound { start_ts, key });
            };
            if lock.ttl < request.advise_lock_ttl {
                lock.ttl = request.advise_lock_ttl;
                txn.put_lock(&request.primary_lock, &lock);
            }
            Ok(lock.ttl)
        });
        let mut response = TxnHeartBeatResponse::default();
        match result {
            Ok(ttl) => response.lock_ttl = ttl,
            Err(error) => response.error = Some(error.into_key_error()),
        }
        response
    }
}
