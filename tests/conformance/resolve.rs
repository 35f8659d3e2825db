//! `ResolveLock`, `ScanLock` and `CheckSecondaryLocks`: locks that their transactions left behind.

use tifusion_proto::kvrpcpb as kv;

use crate::harness::group::{Group, cases, group_tests};
use crate::harness::script::Script;

group_tests!();

fn group() -> Group {
    Group {
        name: "resolve",
        cases: cases![
            a_transaction_that_was_committed,
            a_transaction_that_was_rolled_back,
            keys_of_a_committed_transaction,
            keys_of_a_rolled_back_transaction,
            keys_that_are_not_locked_rolled_back,
            keys_that_are_not_locked_committed,
            keys_that_are_committed_already,
            keys_that_another_transaction_holds,
            several_transactions_at_once,
            other_transactions_stay,
            a_transaction_without_locks,
            pessimistic_locks_rolled_back,
            pessimistic_locks_committed,
            scan_of_locks,
            scan_of_locks_in_a_range,
            scan_of_locks_with_a_limit,
            scan_of_locks_of_old_transactions,
            scan_of_locks_of_all_kinds,
            scan_where_no_lock_is,
        ],
    }
}

/// Three locked keys; the primary's fate is told by the caller.
async fn left_behind(s: &mut Script) -> u64 {
    s.put(&[("a", "0"), ("b", "0")]).await;
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1"), ("b", "1"), ("c", "1")])).await;
    start
}

async fn a_transaction_that_was_committed(s: &mut Script) {
    let start = left_behind(s).await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["a"])).await;
    s.send(s.resolve(start, commit, &[])).await;
    s.locks().await;
    s.send(s.scan("a", "z", commit)).await;
}

async fn a_transaction_that_was_rolled_back(s: &mut Script) {
    let start = left_behind(s).await;
    s.send(s.rollback(start, &["a"])).await;
    s.send(s.resolve(start, 0, &[])).await;
    s.locks().await;
    s.send(s.scan("a", "z", start)).await;
    s.send(s.prewrite_puts(start, &[("b", "1")])).await;
}

async fn keys_of_a_committed_transaction(s: &mut Script) {
    let start = left_behind(s).await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["a"])).await;
    s.send(s.resolve(start, commit, &["b"])).await;
    s.locks().await;
    s.send(s.get("b", commit)).await;
}

async fn keys_of_a_rolled_back_transaction(s: &mut Script) {
    let start = left_behind(s).await;
    s.send(s.rollback(start, &["a"])).await;
    s.send(s.resolve(start, 0, &["c"])).await;
    s.locks().await;
}

async fn keys_that_are_not_locked_rolled_back(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.resolve(start, 0, &["a"])).await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
}

async fn keys_that_are_not_locked_committed(s: &mut Script) {
    let (start, commit) = (s.ts().await, s.ts().await);
    s.send(s.resolve(start, commit, &["a"])).await;
}

async fn keys_that_are_committed_already(s: &mut Script) {
    let (start, commit) = s.put(&[("a", "1")]).await;
    s.send(s.resolve(start, commit, &["a"])).await;
    s.send(s.resolve(start, 0, &["a"])).await;
    s.send(s.get("a", commit)).await;
}

async fn keys_that_another_transaction_holds(s: &mut Script) {
    let other = s.ts().await;
    let start = left_behind(s).await;
    s.send(s.resolve(other, 0, &["a"])).await;
    s.send(s.resolve(other, start, &["a"])).await;
    s.locks().await;
}

async fn several_transactions_at_once(s: &mut Script) {
    let mut starts = Vec::new();
    for key in ["a", "b", "c"] {
        let start = s.ts().await;
        s.send(s.prewrite_puts(start, &[(key, "1")])).await;
        starts.push(start);
    }
    let commit = s.ts().await;
    let info = |txn, status| kv::TxnInfo { txn, status, ..kv::TxnInfo::default() };
    let txn_infos = vec![info(starts[0], commit), info(starts[1], 0)];
    s.send(kv::ResolveLockRequest { txn_infos, ..kv::ResolveLockRequest::default() }).await;
    s.locks().await;
    s.send(s.batch_get(&["a", "b"], commit)).await;
}

async fn other_transactions_stay(s: &mut Script) {
    let start = left_behind(s).await;
    let other = s.ts().await;
    s.send(s.prewrite_puts(other, &[("x", "1")])).await;
    s.send(s.resolve(start, 0, &[])).await;
    s.locks().await;
}

async fn a_transaction_without_locks(s: &mut Script) {
    let (start, commit) = (s.ts().await, s.ts().await);
    s.send(s.resolve(start, commit, &[])).await;
    s.send(s.resolve(start, 0, &[])).await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
}

async fn pessimistic_locks_rolled_back(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a", "b"])).await;
    s.send(s.resolve(start, 0, &[])).await;
    s.locks().await;
    s.send(s.lock(start, start, &["b"])).await;
}

async fn pessimistic_locks_committed(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a", "b"])).await;
    let commit = s.ts().await;
    s.send(s.resolve(start, commit, &[])).await;
    s.locks().await;
    s.send(s.scan("a", "z", commit)).await;
}

async fn scan_of_locks(s: &mut Script) {
    let start = left_behind(s).await;
    s.locks_until(start).await;
    s.locks_until(start - 1).await;
}

async fn scan_of_locks_in_a_range(s: &mut Script) {
    left_behind(s).await;
    for (start, end) in [("b", "z"), ("a", "c"), ("b", "b\0"), ("c\0", "z"), ("z", "a")] {
        s.send_to_tikv(s.scan_lock(start, end, u64::MAX), "tells all locks of the region").await;
    }
}

async fn scan_of_locks_with_a_limit(s: &mut Script) {
    left_behind(s).await;
    for limit in [1, 2, 3, 4, 0] {
        let request = s.scan_lock("a", "z", u64::MAX);
        s.send_to_tikv(kv::ScanLockRequest { limit, ..request }, "counts other locks").await;
    }
}

async fn scan_of_locks_of_old_transactions(s: &mut Script) {
    let first = s.ts().await;
    s.send(s.prewrite_puts(first, &[("b", "1")])).await;
    let second = s.ts().await;
    s.send(s.prewrite_puts(second, &[("a", "1")])).await;
    for max in [first - 1, first, second - 1, second] {
        s.locks_until(max).await;
    }
}

async fn scan_of_locks_of_all_kinds(s: &mut Script) {
    let (first, second, third) = (s.ts().await, s.ts().await, s.ts().await);
    let mutations =
        vec![s.put_of("a", "1"), s.mutation(kv::Op::Del, "b"), s.mutation(kv::Op::Lock, "c")];
    s.send(s.prewrite(first, mutations)).await;
    s.send(s.lock(second, third, &["d"])).await;
    s.send(s.prewrite(third, vec![s.insert_of("e", "1")])).await;
    s.locks().await;
}

async fn scan_where_no_lock_is(s: &mut Script) {
    s.put(&[("a", "0")]).await;
    s.locks().await;
}
