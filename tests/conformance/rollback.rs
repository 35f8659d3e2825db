//! `BatchRollback` and Cleanup.

use tifusion_proto::kvrpcpb as kv;

use crate::harness::group::{Group, cases, group_tests};
use crate::harness::script::Script;

group_tests!();

fn group() -> Group {
    Group {
        name: "rollback",
        cases: cases![
            of_locks,
            twice,
            of_keys_that_were_never_locked,
            after_the_commit,
            with_another_transaction_s_lock_there,
            of_a_pessimistic_lock,
            of_a_long_value,
            of_a_deletion,
            many_rollbacks_of_one_key,
            at_another_transaction_s_commit,
            cleanup_of_an_expired_lock,
            cleanup_of_a_living_lock,
            cleanup_without_a_clock,
            cleanup_after_the_commit,
            cleanup_twice,
            cleanup_of_nothing,
            cleanup_of_another_transaction_s_lock,
            cleanup_of_a_pessimistic_lock,
        ],
    }
}

async fn of_locks(s: &mut Script) {
    s.put(&[("a", "0")]).await;
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1"), ("b", "2")])).await;
    s.send(s.rollback(start, &["a", "b"])).await;
    s.locks().await;
    s.send(s.scan("a", "z", start)).await;
}

async fn twice(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    s.send(s.rollback(start, &["a"])).await;
    s.send(s.rollback(start, &["a"])).await;
}

async fn of_keys_that_were_never_locked(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.rollback(start, &["a", "b"])).await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    s.send(s.prewrite_puts(start, &[("b", "1")])).await;
}

async fn after_the_commit(s: &mut Script) {
    let (start, commit) = s.put(&[("a", "1")]).await;
    s.send(s.rollback(start, &["a"])).await;
    s.send(s.get("a", commit)).await;
}

async fn with_another_transaction_s_lock_there(s: &mut Script) {
    let (first, second) = (s.ts().await, s.ts().await);
    s.send(s.prewrite_puts(second, &[("a", "1")])).await;
    s.send(s.rollback(first, &["a"])).await;
    s.locks().await;
    let commit = s.ts().await;
    s.send(s.commit(second, commit, &["a"])).await;
    s.send(s.prewrite_puts(first, &[("a", "0")])).await;
}

async fn of_a_pessimistic_lock(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a"])).await;
    s.send(s.rollback(start, &["a"])).await;
    s.locks().await;
    s.send(s.lock(start, start, &["a"])).await;
}

async fn of_a_long_value(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", &"x".repeat(5000))])).await;
    s.send(s.rollback(start, &["a"])).await;
    let second = s.ts().await;
    s.send(s.prewrite_puts(second, &[("a", &"y".repeat(5000))])).await;
    s.send(s.commit(second, second + 1, &["a"])).await;
    s.send(s.get("a", second + 1)).await;
}

async fn of_a_deletion(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    s.send(s.prewrite(start, vec![s.mutation(kv::Op::Del, "a")])).await;
    s.send(s.rollback(start, &["a"])).await;
    s.send(s.get("a", start)).await;
}

async fn many_rollbacks_of_one_key(s: &mut Script) {
    let (_, commit) = s.put(&[("a", "1")]).await;
    let mut starts = Vec::new();
    for _ in 0..5 {
        let start = s.ts().await;
        s.send(s.rollback(start, &["a"])).await;
        starts.push(start);
    }
    s.send(s.prewrite_puts(starts[4], &[("a", "2")])).await;
    s.send(s.get("a", commit)).await;
    s.send(s.get("a", u64::MAX)).await;
}

/// The rollback's record falls on the timestamp of a commit's.
async fn at_another_transaction_s_commit(s: &mut Script) {
    let (_, commit) = s.put(&[("a", "1")]).await;
    s.send(s.rollback(commit, &["a"])).await;
    s.send(s.get("a", commit)).await;
    s.send(s.prewrite_puts(commit, &[("a", "2")])).await;
    s.send(s.get("a", u64::MAX)).await;
}

async fn cleanup_of_an_expired_lock(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    let expired = s.later(start, 3001);
    s.send(s.cleanup(start, "a", expired)).await;
    s.locks().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
}

async fn cleanup_of_a_living_lock(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    let living = s.later(start, 3000);
    s.send(s.cleanup(start, "a", living)).await;
    s.locks().await;
}

async fn cleanup_without_a_clock(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    s.send(s.cleanup(start, "a", 0)).await;
    s.locks().await;
}

async fn cleanup_after_the_commit(s: &mut Script) {
    let (start, _) = s.put(&[("a", "1")]).await;
    s.send(s.cleanup(start, "a", 0)).await;
}

async fn cleanup_twice(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    s.send(s.cleanup(start, "a", 0)).await;
    s.send(s.cleanup(start, "a", 0)).await;
}

async fn cleanup_of_nothing(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.cleanup(start, "a", 0)).await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
}

async fn cleanup_of_another_transaction_s_lock(s: &mut Script) {
    let (first, second) = (s.ts().await, s.ts().await);
    s.send(s.prewrite_puts(second, &[("a", "1")])).await;
    s.send(s.cleanup(first, "a", 0)).await;
    s.locks().await;
    s.send(s.prewrite_puts(first, &[("a", "0")])).await;
}

async fn cleanup_of_a_pessimistic_lock(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a"])).await;
    s.send(s.cleanup(start, "a", 0)).await;
    s.locks().await;
}
