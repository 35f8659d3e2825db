//! Garbage collection, as TiDB drives it: the safe point moves, the locks before it are looked after, then old
//! versions go.

use std::time::Duration;

use tifusion_proto::{kvrpcpb as kv, pdpb};

use crate::bank::work::Bank;
use crate::raw::{pause, send};

/// How old the snapshots are that can still be read while everything goes on: older than those of which a client
/// knows, without asking PD again, that TiDB drops nothing from them (ten seconds).
pub(crate) const LAG: Duration = Duration::from_secs(15);

/// Locks asked for at once.
const LOCKS: u32 = 256;

/// Drops what no snapshot of `lag` ago or younger needs.
pub(crate) async fn collect(bank: &Bank, lag: Duration) {
    let now = bank.client().timestamp().await.unwrap().version();
    let safe_point = now - ((lag.as_millis() as u64) << 18);
    let raw = bank.raw();
    let request = pdpb::UpdateServiceGcSafePointRequest {
        header: raw.header(),
        service_id: b"gc_worker".to_vec(),
        ttl: i64::MAX,
        safe_point,
    };
    while raw.pd.clone().update_service_gc_safe_point(request.clone()).await.is_err() {
        pause().await;
    }
    clear_locks(bank, safe_point, now).await;
    let request = || pdpb::UpdateGcSafePointRequest { header: raw.header(), safe_point };
    while raw.pd.clone().update_gc_safe_point(request()).await.is_err() {
        pause().await;
    }
    let request = kv::GcRequest { safe_point, ..kv::GcRequest::default() };
    // One set of data: one store collects for all.
    assert_eq!(send!(raw, b"t", kv_gc, request).error, None);
}

/// Ends the transactions that left locks before the safe point: what became of them is forgotten after that.
async fn clear_locks(bank: &Bank, safe_point: u64, caller: u64) {
    let (raw, regions) = (bank.raw(), bank.client().regions());
    for (start, end) in bank.table.ranges() {
        let mut from = start;
        while from < end {
            let mut bo = bank.client().backoffer(Duration::from_secs(60));
            let region = regions.locate_key(&mut bo, &from).await.unwrap();
            let border = match &region.end_key[..] {
                [] => end.clone(),
                border => border.min(&end).to_vec(),
            };
            let request = kv::ScanLockRequest {
                context: Some(region.context(&region.leader)),
                start_key: from.clone(),
                end_key: border.clone(),
                max_version: safe_point,
                limit: LOCKS,
            };
            let told = match raw.store(region.leader.store_id).await {
                Some(mut store) => store.kv_scan_lock(request).await.ok(),
                None => None,
            };
            let told = told.map(tonic::Response::into_inner);
            let Some(answer) = told.filter(|answer| answer.region_error.is_none()) else {
                regions.invalidate(region.ver_id);
                pause().await;
                continue;
            };
            assert_eq!(answer.error, None);
            for lock in &answer.locks {
                bank.locks(caller).resolve(lock).await;
            }
            // Those that are alive are asked about again.
            if answer.locks.is_empty() {
                from = border;
            }
        }
    }
}
