//! The timestamp below which no snapshot may be read.
//!
//! TiDB's garbage collection has two. First it raises the *transaction* safe point; when every server
//! has heard of it, it destroys the ranges of dropped tables and indexes; only then it raises the *GC*
//! safe point, after which the stores drop old versions. So data below the transaction safe point may
//! be gone while the GC safe point still says that it is there.

use std::sync::atomic::{AtomicBool, Ordering};

use tifusion_proto::etcdserverpb::RangeRequest;
use tifusion_proto::etcdserverpb::kv_client::KvClient;
use tifusion_proto::pdpb;

use super::call::Call;
use super::failure::Failure;
use crate::error::ErrorKind;

/// Where TiDB keeps its transaction safe point in PD's etcd, as a decimal number. A PD with
/// `GetGCState` keeps its own under the same key.
const SAVED_SAFE_POINT: &str = "/tidb/store/gcworker/saved_safe_point";

/// The ways to the transaction safe point, and which of them this PD does not know.
#[derive(Debug, Default)]
pub(super) struct TxnSafePoint {
    no_gc_state: AtomicBool,
    no_etcd: AtomicBool,
}

impl TxnSafePoint {
    /// Reads it: by `GetGCState`; from the etcd of a PD older than that (before 9.0); and where there
    /// is neither, the GC safe point stands for it, which is better than nothing.
    pub(super) async fn get(&self, call: &Call) -> Result<u64, Failure> {
        if !self.no_gc_state.load(Ordering::Relaxed) {
            match gc_state(call).await {
                Err(failure) if failure.unimplemented => {
                    self.no_gc_state.store(true, Ordering::Relaxed);
                }
                answer => return answer,
            }
        }
        if !self.no_etcd.load(Ordering::Relaxed) {
            match saved_safe_point(call).await {
                Ok(Some(saved)) => return Ok(saved),
                // Nothing was ever collected.
                Ok(None) => {}
                Err(failure) if failure.unimplemented => {
                    self.no_etcd.store(true, Ordering::Relaxed);
                }
                // Somebody between PD and this client keeps its etcd to himself.
                Err(failure) if !failure.retry && failure.kind == ErrorKind::Security => {}
                Err(failure) => return Err(failure),
            }
        }
        gc_safe_point(call).await
    }
}

pub(super) async fn gc_state(call: &Call) -> Result<u64, Failure> {
    let message = pdpb::GetGcStateRequest {
        header: call.header(),
        exclude_gc_barriers: true,
        ..pdpb::GetGcStateRequest::default()
    };
    let mut client = call.client()?;
    let answer = client.get_gc_state(call.request(message));
    let answer = call.answer(answer, |answer| answer.header.as_ref()).await?;
    let state = answer
        .gc_state
        .ok_or_else(|| Failure::fatal(ErrorKind::Protocol, "an answer without a GC state"))?;
    Ok(state.txn_safe_point)
}

/// `None` when there is none.
async fn saved_safe_point(call: &Call) -> Result<Option<u64>, Failure> {
    let message = RangeRequest { key: SAVED_SAFE_POINT.into(), ..RangeRequest::default() };
    let mut client = KvClient::new(call.channel()?);
    let answer = call.headless(client.range(call.request(message))).await?;
    let value = answer.kvs.first().map_or(&[][..], |pair| &pair.value);
    if value.is_empty() {
        return Ok(None);
    }
    let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    let wrong = || {
        let value = String::from_utf8_lossy(value).into_owned();
        let why = format!("the saved safe point {value:?} is no timestamp");
        Failure::fatal(ErrorKind::Protocol, why).at(&call.leader.address)
    };
    number.map(Some).ok_or_else(wrong)
}

async fn gc_safe_point(call: &Call) -> Result<u64, Failure> {
    let message = pdpb::GetGcSafePointRequest { header: call.header() };
    let mut client = call.client()?;
    let answer = client.get_gc_safe_point(call.request(message));
    Ok(call.answer(answer, |answer| answer.header.as_ref()).await?.safe_point)
}
