//! The requests about the primary key, which decides.

use std::time::Duration;

use tifusion_proto::kvrpcpb;

use super::answers;
use super::core::{Core, millis};
use super::engine::{CommitReply, Pulse};
use crate::backoff::{BackoffKind, Backoffer};
use crate::error::{ClientError, ErrorKind, Result};
use crate::lock::key_error;
use crate::lock::status::TxnStatus;
use crate::slow::{Spent, Task};
use crate::timestamp::Timestamp;
use crate::transport::{StoreRequest, StoreResponse};

impl Core {
    /// A commit timestamp, and the safe point as it was when all prewrites had been answered.
    pub(super) async fn take_commit_ts(&self) -> Result<(Timestamp, Timestamp)> {
        let pd = self.client.pd();
        let mut bo = self.backoffer(self.client.options().budgets.pd);
        let safe_point = pd.txn_safe_point(&mut bo).await?;
        Ok((pd.timestamp(&mut bo).await?, safe_point))
    }

    /// Sends the commit of the primary once, but for what is known not to have taken effect. `bo` is that
    /// of all tries.
    pub(super) async fn commit_primary(
        &self,
        bo: &mut Backoffer,
        commit_ts: Timestamp,
    ) -> CommitReply {
        let primary = self.primary();
        let build = |context: kvrpcpb::Context| {
            StoreRequest::Commit(kvrpcpb::CommitRequest {
                context: Some(context),
                start_version: self.start_ts.version(),
                keys: vec![primary.clone()],
                commit_version: commit_ts.version(),
                commit_role: kvrpcpb::CommitRole::Primary.into(),
                primary_key: primary.clone(),
                ..kvrpcpb::CommitRequest::default()
            })
        };
        let began = bo.clock().now();
        let sent = self.client.sender().send_to_key(bo, &primary, &self.send, &build).await;
        let mut spent = Spent::default();
        spent.add(bo.clock().now().saturating_duration_since(began));
        if let Ok(answer) = &sent {
            spent.answered(answer);
            let (table, region) = (self.label(), answer.region_id);
            let task = Task { kind: "commit", table, region, ranges: 1 };
            spent.tell(self.options.slow_after, task, bo);
        }
        match sent.map(|answer| answer.response) {
            Ok(StoreResponse::Commit(answer)) => {
                let reply = answers::committed(answer);
                match &reply {
                    // Whoever pushes the primary should not be answered faster than he can push.
                    CommitReply::Expired { .. } => {
                        self.pause(bo).await.map_or(reply, CommitReply::NotApplied)
                    }
                    _ => reply,
                }
            }
            // An answer there is, but none that says anything.
            Ok(_) => CommitReply::Lost { error: ClientError::of_another_command(), again: false },
            Err(error) if error.kind() == ErrorKind::Undetermined => {
                match bo.backoff(BackoffKind::StoreRpc, again(&error)).await {
                    Ok(()) => CommitReply::Lost { error, again: true },
                    Err(error) => CommitReply::Lost { error, again: false },
                }
            }
            Err(error) => CommitReply::NotApplied(error),
        }
    }

    /// Asks the primary key what became of the transaction. If that is open, it is rolled back there and
    /// then: to a clock at the end of time every lock has expired.
    pub(super) async fn settle(&self) -> Result<TxnStatus> {
        let primary = self.primary();
        // The statement may be over, but its outcome still has to be known.
        let mut bo = self.endless_backoffer(self.options.budgets.settle);
        let build = |context: kvrpcpb::Context| {
            StoreRequest::CheckTxnStatus(kvrpcpb::CheckTxnStatusRequest {
                context: Some(context),
                primary_key: primary.clone(),
                lock_ts: self.start_ts.version(),
                current_ts: Timestamp::MAX.version(),
                rollback_if_not_exist: true,
                ..kvrpcpb::CheckTxnStatusRequest::default()
            })
        };
        let answer =
            self.client.sender().send_to_key(&mut bo, &primary, &self.send, &build).await?;
        let StoreResponse::CheckTxnStatus(answer) = answer.response else {
            return Err(ClientError::of_another_command());
        };
        TxnStatus::from_response(answer, true)
    }

    /// Rolls the primary back; its commit must never have been sent.
    pub(super) async fn rollback_primary(&self) -> Result<()> {
        let primary = self.primary();
        let mut bo = self.endless_backoffer(self.options.budgets.settle);
        let build = |context: kvrpcpb::Context| self.batch_rollback(context, vec![primary.clone()]);
        let answer =
            self.client.sender().send_to_key(&mut bo, &primary, &self.send, &build).await?;
        let StoreResponse::BatchRollback(answer) = answer.response else {
            return Err(ClientError::of_another_command());
        };
        answer.error.map_or(Ok(()), |error| Err(key_error(&error, "rolling the primary back")))
    }

    pub(super) fn batch_rollback(
        &self,
        context: kvrpcpb::Context,
        keys: Vec<Vec<u8>>,
    ) -> StoreRequest {
        StoreRequest::BatchRollback(kvrpcpb::BatchRollbackRequest {
            context: Some(context),
            start_version: self.start_ts.version(),
            keys,
            ..kvrpcpb::BatchRollbackRequest::default()
        })
    }

    /// Gives a sign of life: the primary lock is to live until the transaction is this old. For a transaction of
    /// another process it only looks whether the lock is there.
    pub(super) async fn heartbeat(&self, until: Duration, budget: Duration) -> Pulse {
        let primary = self.primary();
        // A lock is never made to live shorter.
        let until = if self.is_of_another { Duration::ZERO } else { until };
        let mut bo = self.endless_backoffer(budget);
        let build = |context: kvrpcpb::Context| {
            StoreRequest::TxnHeartBeat(kvrpcpb::TxnHeartBeatRequest {
                context: Some(context),
                primary_lock: primary.clone(),
                start_version: self.start_ts.version(),
                advise_lock_ttl: millis(until),
                ..kvrpcpb::TxnHeartBeatRequest::default()
            })
        };
        let sent = self.client.sender().send_to_key(&mut bo, &primary, &self.send, &build).await;
        match sent.map(|answer| answer.response) {
            Ok(StoreResponse::TxnHeartBeat(answer)) => answers::pulse(&answer),
            Ok(_) => Pulse::Unknown,
            Err(error) => {
                tracing::debug!(%error, "no sign of life was given");
                Pulse::Unknown
            }
        }
    }

    /// A moment's wait; the error when there is no time for it.
    async fn pause(&self, bo: &mut Backoffer) -> Option<ClientError> {
        let cause = ClientError::new(
            ErrorKind::Unavailable,
            "readers push the transaction's primary, it could not be committed yet",
        );
        bo.backoff(BackoffKind::MaxTsNotSynced, cause).await.err()
    }
}

/// The same error for the backoffer, which keeps it as its cause.
fn again(error: &ClientError) -> ClientError {
    ClientError::new(error.kind(), error.message()).with_context(error.context().clone())
}
