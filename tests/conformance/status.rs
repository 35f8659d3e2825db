//! `CheckTxnStatus` and `TxnHeartBeat`: what a primary lock tells of its transaction.

use tifusion_proto::kvrpcpb as kv;

use crate::harness::group::{Group, cases, group_tests};
use crate::harness::script::Script;

group_tests!();

fn group() -> Group {
    Group {
        name: "status",
        cases: cases![
            of_a_living_async_commit,
            of_an_expired_async_commit,
            of_an_expired_async_commit_made_synchronous,
            of_a_living_lock,
            of_a_living_lock_whose_commit_can_be_pushed,
            of_a_lock_that_was_pushed_already,
            of_a_living_lock_by_the_newest_reader,
            of_a_living_lock_by_nobody,
            of_a_lock_at_the_end_of_its_life,
            of_an_expired_lock,
            of_an_expired_lock_twice,
            of_a_committed_transaction,
            of_a_rolled_back_transaction,
            of_nothing,
            of_nothing_which_is_rolled_back,
            of_nothing_while_another_transaction_is_there,
            of_nothing_for_a_pessimistic_lock,
            of_a_living_pessimistic_lock,
            of_an_expired_pessimistic_lock,
            of_an_expired_pessimistic_lock_for_another,
            of_a_secondary,
            of_a_pessimistic_secondary,
            of_a_secondary_unchecked,
            heartbeat_of_a_lock,
            heartbeat_that_would_shorten,
            heartbeat_of_a_pessimistic_lock,
            heartbeat_of_nothing,
            heartbeat_after_the_commit,
            heartbeat_of_another_transaction,
            a_longer_life_after_a_heartbeat,
        ],
    }
}

/// A lock with a least commit timestamp, as TiDB writes it, whose reader can push it.
async fn pushable(s: &mut Script) -> u64 {
    let start = s.ts().await;
    let request = s.prewrite_puts(start, &[("a", "1")]);
    s.send(kv::PrewriteRequest { min_commit_ts: start + 1, ..request }).await;
    start
}

async fn of_a_living_lock(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1"), ("b", "2")])).await;
    let now = s.ts().await;
    s.send(s.status(start, "a", now)).await;
    s.locks().await;
}

async fn of_a_living_lock_whose_commit_can_be_pushed(s: &mut Script) {
    let start = pushable(s).await;
    let (reader, now) = (s.ts().await, s.ts().await);
    s.send(kv::CheckTxnStatusRequest { caller_start_ts: reader, ..s.status(start, "a", now) })
        .await;
    s.locks().await;
    s.send(s.commit(start, reader, &["a"])).await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["a"])).await;
    s.send(s.get("a", reader)).await;
}

async fn of_a_lock_that_was_pushed_already(s: &mut Script) {
    let start = pushable(s).await;
    let (first, second) = (s.ts().await, s.ts().await);
    s.send(kv::CheckTxnStatusRequest { current_ts: start, ..s.status(start, "a", second) }).await;
    s.send(kv::CheckTxnStatusRequest { current_ts: start, ..s.status(start, "a", first) }).await;
    s.locks().await;
}

async fn of_a_living_lock_by_the_newest_reader(s: &mut Script) {
    let start = pushable(s).await;
    let now = s.ts().await;
    s.send(kv::CheckTxnStatusRequest { caller_start_ts: u64::MAX, ..s.status(start, "a", now) })
        .await;
    s.locks().await;
}

async fn of_a_living_lock_by_nobody(s: &mut Script) {
    let start = pushable(s).await;
    let now = s.ts().await;
    s.send(kv::CheckTxnStatusRequest { caller_start_ts: 0, ..s.status(start, "a", now) }).await;
    s.locks().await;
}

async fn of_a_lock_at_the_end_of_its_life(s: &mut Script) {
    let start = pushable(s).await;
    let last = s.later(start, 3000);
    s.send(s.status(start, "a", last)).await;
}

async fn of_an_expired_lock(s: &mut Script) {
    let start = pushable(s).await;
    let expired = s.later(start, 3001);
    s.send(s.status(start, "a", expired)).await;
    s.locks().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    s.send(s.commit(start, expired, &["a"])).await;
}

async fn of_an_expired_lock_twice(s: &mut Script) {
    let start = pushable(s).await;
    let expired = s.later(start, 3001);
    s.send(s.status(start, "a", expired)).await;
    s.send(s.status(start, "a", expired)).await;
}

async fn of_a_committed_transaction(s: &mut Script) {
    let (start, _) = s.put(&[("a", "1")]).await;
    let now = s.ts().await;
    s.send(s.status(start, "a", now)).await;
    s.send(kv::CheckTxnStatusRequest { rollback_if_not_exist: true, ..s.status(start, "a", now) })
        .await;
    s.put(&[("a", "2")]).await;
    s.send(s.status(start, "a", now)).await;
}

async fn of_a_rolled_back_transaction(s: &mut Script) {
    let start = pushable(s).await;
    s.send(s.rollback(start, &["a"])).await;
    let now = s.ts().await;
    s.send(s.status(start, "a", now)).await;
    s.send(kv::CheckTxnStatusRequest { rollback_if_not_exist: true, ..s.status(start, "a", now) })
        .await;
}

async fn of_nothing(s: &mut Script) {
    let (start, now) = (s.ts().await, s.ts().await);
    s.send(s.status(start, "a", now)).await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
}

async fn of_nothing_which_is_rolled_back(s: &mut Script) {
    let (start, now) = (s.ts().await, s.ts().await);
    s.send(kv::CheckTxnStatusRequest { rollback_if_not_exist: true, ..s.status(start, "a", now) })
        .await;
    s.send(s.status(start, "a", now)).await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
}

async fn of_nothing_while_another_transaction_is_there(s: &mut Script) {
    let (start, other) = (s.ts().await, s.ts().await);
    s.send(s.prewrite_puts(other, &[("a", "1")])).await;
    let now = s.ts().await;
    s.send(s.status(start, "a", now)).await;
    s.send(kv::CheckTxnStatusRequest { rollback_if_not_exist: true, ..s.status(start, "a", now) })
        .await;
    s.send(s.commit(other, now, &["a"])).await;
    s.send(s.status(start, "a", now)).await;
}

/// A pessimistic transaction may come back with another primary: nothing is written.
async fn of_nothing_for_a_pessimistic_lock(s: &mut Script) {
    let (start, now) = (s.ts().await, s.ts().await);
    let status = kv::CheckTxnStatusRequest {
        rollback_if_not_exist: true,
        resolving_pessimistic_lock: true,
        ..s.status(start, "a", now)
    };
    s.send(status).await;
    s.send(s.lock(start, now, &["a"])).await;
}

async fn of_a_living_pessimistic_lock(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a"])).await;
    let now = s.ts().await;
    s.send(s.status(start, "a", now)).await;
    let status = s.status(start, "a", now);
    s.send(kv::CheckTxnStatusRequest { resolving_pessimistic_lock: true, ..status }).await;
}

async fn of_an_expired_pessimistic_lock(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a"])).await;
    let expired = s.later(start, 3001);
    s.send(s.status(start, "a", expired)).await;
    s.locks().await;
    s.send(s.lock(start, start, &["a"])).await;
}

async fn of_an_expired_pessimistic_lock_for_another(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a"])).await;
    let expired = s.later(start, 3001);
    let status = s.status(start, "a", expired);
    s.send(kv::CheckTxnStatusRequest { resolving_pessimistic_lock: true, ..status }).await;
    s.locks().await;
    s.send(s.lock(start, start, &["a"])).await;
}

async fn of_a_living_async_commit(s: &mut Script) {
    let start = s.ts().await;
    s.send_async(start, &[("a", "1"), ("b", "2")]).await;
    let now = s.ts().await;
    s.send(s.status(start, "a", now)).await;
}

async fn of_an_expired_async_commit(s: &mut Script) {
    let start = s.ts().await;
    s.send_async(start, &[("a", "1"), ("b", "2")]).await;
    let expired = s.later(start, 3001);
    s.send(s.status(start, "a", expired)).await;
}

async fn of_an_expired_async_commit_made_synchronous(s: &mut Script) {
    let start = s.ts().await;
    s.send_async(start, &[("a", "1"), ("b", "2")]).await;
    let expired = s.later(start, 3001);
    s.send(kv::CheckTxnStatusRequest { force_sync_commit: true, ..s.status(start, "a", expired) })
        .await;
    s.locks().await;
}

async fn of_a_secondary(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1"), ("b", "2")])).await;
    let now = s.ts().await;
    s.send(kv::CheckTxnStatusRequest { verify_is_primary: true, ..s.status(start, "b", now) })
        .await;
    s.send(kv::CheckTxnStatusRequest { verify_is_primary: true, ..s.status(start, "a", now) })
        .await;
    s.locks().await;
}

async fn of_a_pessimistic_secondary(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a", "b"])).await;
    let now = s.ts().await;
    let status = kv::CheckTxnStatusRequest {
        verify_is_primary: true,
        resolving_pessimistic_lock: true,
        ..s.status(start, "b", now)
    };
    s.send(status).await;
    s.locks().await;
}

async fn of_a_secondary_unchecked(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1"), ("b", "2")])).await;
    let now = s.ts().await;
    s.send(s.status(start, "b", now)).await;
}

async fn heartbeat_of_a_lock(s: &mut Script) {
    let start = pushable(s).await;
    s.send(s.heartbeat(start, "a", 20_000)).await;
    s.locks().await;
}

async fn heartbeat_that_would_shorten(s: &mut Script) {
    let start = pushable(s).await;
    s.send(s.heartbeat(start, "a", 10)).await;
    s.locks().await;
}

async fn heartbeat_of_a_pessimistic_lock(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a"])).await;
    s.send(s.heartbeat(start, "a", 20_000)).await;
}

async fn heartbeat_of_nothing(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.heartbeat(start, "a", 20_000)).await;
}

async fn heartbeat_after_the_commit(s: &mut Script) {
    let (start, _) = s.put(&[("a", "1")]).await;
    s.send(s.heartbeat(start, "a", 20_000)).await;
}

async fn heartbeat_of_another_transaction(s: &mut Script) {
    let start = pushable(s).await;
    s.send(s.heartbeat(start + 1, "a", 20_000)).await;
}

async fn a_longer_life_after_a_heartbeat(s: &mut Script) {
    let start = pushable(s).await;
    s.send(s.heartbeat(start, "a", 20_000)).await;
    let late = s.later(start, 20_000);
    s.send(s.status(start, "a", late)).await;
    let later = s.later(start, 20_001);
    s.send(s.status(start, "a", later)).await;
}
