//! Holding garbage collection back: by a GC barrier where PD knows them, else by a service safe point.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tifusion_proto::pdpb;

use super::call::Call;
use super::failure::Failure;
use super::gc::gc_state;
use crate::error::ErrorKind;
use crate::timestamp::Timestamp;

/// What it takes to hold garbage collection back.
#[derive(Debug)]
pub(super) struct Hold<'a> {
    pub(super) name: &'a str,
    pub(super) ts: Timestamp,
    /// Zero lets go.
    pub(super) ttl: Duration,
}

/// How this PD does it.
#[derive(Debug, Default)]
pub(super) struct Holds {
    /// It is older than GC barriers (before 9.0).
    no_barriers: AtomicBool,
}

impl Holds {
    /// Sets, renews or (with no time to live) removes the hold.
    pub(super) async fn set(&self, call: &Call, hold: &Hold<'_>) -> Result<(), Failure> {
        if !self.no_barriers.load(Ordering::Relaxed) {
            match barrier(call, hold).await {
                Err(failure) if failure.unimplemented => {
                    self.no_barriers.store(true, Ordering::Relaxed);
                }
                answer => return answer,
            }
        }
        service_safe_point(call, hold).await
    }
}

async fn barrier(call: &Call, hold: &Hold<'_>) -> Result<(), Failure> {
    let mut client = call.client()?;
    if hold.ttl.is_zero() {
        let message = pdpb::DeleteGcBarrierRequest {
            header: call.header(),
            barrier_id: hold.name.to_owned(),
            ..pdpb::DeleteGcBarrierRequest::default()
        };
        let answer = client.delete_gc_barrier(call.request(message));
        return call.answer(answer, |answer| answer.header.as_ref()).await.map(drop);
    }
    let message = pdpb::SetGcBarrierRequest {
        header: call.header(),
        barrier_id: hold.name.to_owned(),
        barrier_ts: hold.ts.version(),
        ttl_seconds: seconds(hold.ttl),
        ..pdpb::SetGcBarrierRequest::default()
    };
    let answer = client.set_gc_barrier(call.request(message));
    let Err(failure) = call.answer(answer, |answer| answer.header.as_ref()).await else {
        return Ok(());
    };
    if failure.unimplemented {
        return Err(failure);
    }
    // A refusal has no code of its own.
    match gc_state(call).await {
        Ok(safe_point) if safe_point > hold.ts.version() => Err(too_late(hold, safe_point)),
        _ => Err(failure),
    }
}

async fn service_safe_point(call: &Call, hold: &Hold<'_>) -> Result<(), Failure> {
    let message = pdpb::UpdateServiceGcSafePointRequest {
        header: call.header(),
        service_id: hold.name.as_bytes().to_vec(),
        ttl: if hold.ttl.is_zero() { 0 } else { seconds(hold.ttl) },
        safe_point: hold.ts.version(),
    };
    let mut client = call.client()?;
    let answer = client.update_service_gc_safe_point(call.request(message));
    let answer = call.answer(answer, |answer| answer.header.as_ref()).await?;
    // PD takes no safe point below the least one there is, and tells that one.
    if !hold.ttl.is_zero() && answer.min_safe_point > hold.ts.version() {
        return Err(too_late(hold, answer.min_safe_point));
    }
    Ok(())
}

fn too_late(hold: &Hold<'_>, safe_point: u64) -> Failure {
    let message = format!(
        "garbage collection can no longer be held back at {}: the safe point is {safe_point}",
        hold.ts
    );
    Failure::fatal(ErrorKind::SnapshotTooOld, message)
}

/// At least one second, never less than asked for.
fn seconds(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_millis().div_ceil(1000).max(1)).unwrap_or(i64::MAX)
}
