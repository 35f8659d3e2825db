//! Waiting for locks that other transactions hold.

use std::time::Duration;

use tifusion_proto::kvrpcpb;
use tokio::time::Instant;
use tonic::Status;

use super::StoreService;
use super::command::Command as _;
use crate::fault::Rpc;
use crate::net::{self, Connection};

/// How long a request waits that leaves it to the store (TiKV's `wait-for-lock-timeout`).
const DEFAULT_WAIT: Duration = Duration::from_secs(1);

impl StoreService {
    /// Locks keys; as long as another transaction holds one of them, waits for its release, up to the
    /// request's limit.
    pub(super) async fn lock(
        &self,
        connection: Option<&Connection>,
        request: kvrpcpb::PessimisticLockRequest,
    ) -> Result<kvrpcpb::PessimisticLockResponse, Status> {
        let limit = match u64::try_from(request.wait_timeout) {
            Ok(0) => Some(DEFAULT_WAIT),
            Ok(wait) => Some(Duration::from_millis(wait)),
            Err(_) => None,
        };
        let until = limit.map(|limit| Instant::now() + limit);
        let _under_way = self.state.faults.begin(Rpc::PessimisticLock);
        let context = request.context.clone().unwrap_or_default();
        let touched = request.touched();
        let told = self.effects(Rpc::PessimisticLock, &context, &touched, connection).await?;
        if let Some(error) = told.refusal {
            return Ok(kvrpcpb::PessimisticLockRequest::refused(*error));
        }
        // The deadlock detector forgets the wait with it, however it ends, a hung up client included.
        let _waiting = self.state.storage.wait_guard(&request);
        let answer = loop {
            // Before the attempt, so that no release is missed.
            let mut released = self.state.storage.released();
            let answer = self.serve(context.clone(), touched.clone(), request.clone()).await?;
            let locked = answer.errors.iter().any(|error| error.locked.is_some());
            let Some(until) = until.filter(|_| locked) else { break answer };
            if tokio::time::timeout_at(until, released.changed()).await.is_err() {
                break answer;
            }
        };
        if told.lose {
            return Err(net::reset(connection));
        }
        Ok(answer)
    }
}
