//! Pessimistic locks: taken before the prewrite, with a look at what is there.

mod key;
mod rollback;
mod wait;

use tifusion_proto::kvrpcpb::{
    KeyError, Op, PessimisticLockKeyResult, PessimisticLockKeyResultType, PessimisticLockRequest,
    PessimisticLockResponse, PessimisticLockWakeUpMode,
};

use self::key::{KeyLock, Taken};
use super::super::error::{MvccError, Result};
use super::super::lock::Lock;
use super::super::storage::Storage;

/// The answer to a request that was carried out.
enum Answer {
    /// All keys are locked.
    Taken(Vec<Taken>),
    /// Nothing is locked: another transaction holds a key.
    Held(MvccError),
}

impl Storage {
    /// Locks keys for a pessimistic transaction and shows what they hold, all of them or none. Answers at once: if
    /// another transaction holds a key, with its lock, or with a deadlock if waiting for it would never end. Who
    /// waits holds a [`Storage::wait_guard`] while it does, and asks again when [`Storage::released`] changes.
    pub(crate) fn pessimistic_lock(
        &self,
        request: &PessimisticLockRequest,
    ) -> PessimisticLockResponse {
        let force = request.wake_up_mode() == PessimisticLockWakeUpMode::WakeUpModeForceLock;
        let result = self.command(request.start_version, |txn, versions| {
            check_request(request, force)?;
            self.stop_waiting(request);
            let mut taken = Vec::with_capacity(request.mutations.len());
            for mutation in &request.mutations {
                match KeyLock::new(request, mutation, force).take(txn, versions) {
                    Ok(key) => taken.push(key),
                    Err(MvccError::Locked(info)) => {
                        txn.clear();
                        return Ok(Answer::Held(self.held(request, *info)));
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(Answer::Taken(taken))
        });
        match result {
            Ok(Answer::Taken(taken)) if force => PessimisticLockResponse {
                results: taken.into_iter().map(Taken::into_result).collect(),
                ..PessimisticLockResponse::default()
            },
            Ok(Answer::Taken(taken)) => answer(request, taken),
            Ok(Answer::Held(error)) => refused(error, force),
            Err(error) => refused(error, false),
        }
    }
}

fn check_request(request: &PessimisticLockRequest, force: bool) -> Result<()> {
    let reason = if force && request.mutations.len() > 1 {
        "multiple keys in a single request with allowed_lock_with_conflict set is not allowed"
    } else if request.mutations.iter().any(|key| key.op() == Op::SharedPessimisticLock) {
        "shared locks are not supported"
    } else if request.mutations.iter().any(|key| key.op() != Op::PessimisticLock) {
        "mismatch Op in pessimistic lock mutations"
    } else {
        return Ok(());
    };
    Err(MvccError::InvalidRequest { reason })
}

/// An answer in the form of before force locks: what was asked for, of all keys.
fn answer(request: &PessimisticLockRequest, taken: Vec<Taken>) -> PessimisticLockResponse {
    let mut response = PessimisticLockResponse::default();
    if request.return_values || request.check_existence {
        response.not_founds = taken.iter().map(|key| key.value.is_none()).collect();
    }
    if request.return_values {
        response.values = taken.into_iter().map(|key| key.value.unwrap_or_default()).collect();
    }
    response
}

/// A refusal; with force locks a key that is held has a result of its own.
fn refused(error: MvccError, with_result: bool) -> PessimisticLockResponse {
    let error: KeyError = error.into_key_error();
    let mut response = PessimisticLockResponse { errors: vec![error], ..Default::default() };
    if with_result {
        response.results.push(PessimisticLockKeyResult {
            r#type: PessimisticLockKeyResultType::LockResultFailed.into(),
            ..PessimisticLockKeyResult::default()
        });
    }
    response
}

impl Lock {
    /// A pessimistic lock as the request asks for.
    fn pessimistic(request: &PessimisticLockRequest) -> Self {
        Self {
            kind: super::super::lock::LockKind::Pessimistic,
            primary: request.primary_lock.clone(),
            start_ts: request.start_version,
            ttl: request.lock_ttl,
            short_value: None,
            for_update_ts: request.for_update_ts,
            txn_size: 0,
            min_commit_ts: request.min_commit_ts,
            use_async_commit: false,
            secondaries: Vec::new(),
            rollback_ts: Vec::new(),
            locked_with_conflict: false,
            use_one_pc: false,
        }
    }
}
