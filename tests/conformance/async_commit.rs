//! Async commit and one-phase commit.

use tifusion_proto::kvrpcpb as kv;

use crate::harness::group::{Group, cases, group_tests};
use crate::harness::script::Script;

group_tests!();

fn group() -> Group {
    Group {
        name: "async_commit",
        cases: cases![
            all_keys_locked,
            all_keys_locked_twice,
            a_least_commit_timestamp_of_the_client,
            committed_by_its_timestamp,
            too_late_a_commit_timestamp,
            secondaries_that_are_all_there,
            secondaries_of_which_one_is_missing,
            secondaries_that_are_committed,
            secondaries_that_are_rolled_back,
            secondaries_of_pessimistic_locks,
            secondaries_that_another_transaction_holds,
            a_secondary_that_comes_too_late,
            one_phase,
            one_phase_twice,
            one_phase_with_a_conflict,
            one_phase_with_a_lock_in_the_way,
            one_phase_of_a_deletion_and_a_lock,
            one_phase_over_a_pessimistic_lock,
            one_phase_that_is_too_late,
        ],
    }
}

async fn all_keys_locked(s: &mut Script) {
    let start = s.ts().await;
    s.send_async(start, &[("a", "1"), ("b", "2")]).await;
    s.locks().await;
}

async fn all_keys_locked_twice(s: &mut Script) {
    let start = s.ts().await;
    s.send_async(start, &[("a", "1"), ("b", "2")]).await;
    s.send_async(start, &[("a", "1"), ("b", "2")]).await;
}

async fn a_least_commit_timestamp_of_the_client(s: &mut Script) {
    let start = s.ts().await;
    let request = s.prewrite_async(start, &[("a", "1"), ("b", "2")]);
    s.send(kv::PrewriteRequest { min_commit_ts: start + 7, ..request }).await;
    s.locks().await;
}

async fn committed_by_its_timestamp(s: &mut Script) {
    let start = s.ts().await;
    let commit = s.send_async(start, &[("a", "1"), ("b", "2")]).await;
    s.send(s.commit(start, commit, &["a", "b"])).await;
    s.send(s.scan("a", "z", commit)).await;
    s.send(s.scan("a", "z", commit - 1)).await;
}

async fn too_late_a_commit_timestamp(s: &mut Script) {
    let start = s.ts().await;
    let request = s.prewrite_async(start, &[("a", "1"), ("b", "2")]);
    s.send(kv::PrewriteRequest { max_commit_ts: start, ..request }).await;
    s.locks().await;
}

async fn secondaries_that_are_all_there(s: &mut Script) {
    let start = s.ts().await;
    s.send_async(start, &[("a", "1"), ("b", "2"), ("c", "3")]).await;
    s.send(s.secondaries(start, &["b", "c"])).await;
}

async fn secondaries_of_which_one_is_missing(s: &mut Script) {
    let start = s.ts().await;
    s.send_async(start, &[("a", "1"), ("b", "2")]).await;
    s.send(s.secondaries(start, &["b", "c"])).await;
    s.locks().await;
    s.send(s.secondaries(start, &["c", "b"])).await;
    s.send(s.prewrite_puts(start, &[("c", "3")])).await;
}

async fn secondaries_that_are_committed(s: &mut Script) {
    let start = s.ts().await;
    let commit = s.send_async(start, &[("a", "1"), ("b", "2"), ("c", "3")]).await;
    s.send(s.commit(start, commit, &["b"])).await;
    s.send(s.secondaries(start, &["b", "c"])).await;
    s.send(s.secondaries(start, &["c", "b"])).await;
}

async fn secondaries_that_are_rolled_back(s: &mut Script) {
    let start = s.ts().await;
    s.send_async(start, &[("a", "1"), ("b", "2")]).await;
    s.send(s.rollback(start, &["b"])).await;
    s.send(s.secondaries(start, &["b"])).await;
}

async fn secondaries_of_pessimistic_locks(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a", "b"])).await;
    s.send(s.secondaries(start, &["b"])).await;
    s.locks().await;
    s.send(s.lock(start, start, &["b"])).await;
}

async fn secondaries_that_another_transaction_holds(s: &mut Script) {
    let (start, other) = (s.ts().await, s.ts().await);
    s.send(s.prewrite_puts(other, &[("b", "2")])).await;
    s.send(s.secondaries(start, &["b"])).await;
    s.locks().await;
}

async fn a_secondary_that_comes_too_late(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.secondaries(start, &["b"])).await;
    s.send_async(start, &[("a", "1"), ("b", "2")]).await;
    s.locks().await;
}

/// A prewrite that is the commit.
fn at_once(request: kv::PrewriteRequest) -> kv::PrewriteRequest {
    kv::PrewriteRequest {
        try_one_pc: true,
        use_async_commit: true,
        min_commit_ts: request.start_version + 1,
        ..request
    }
}

async fn one_phase(s: &mut Script) {
    let start = s.ts().await;
    let told = s.send(at_once(s.prewrite_puts(start, &[("a", "1"), ("b", "2")]))).await;
    s.send(s.scan("a", "z", told.one_pc_commit_ts)).await;
    s.send(s.scan("a", "z", told.one_pc_commit_ts - 1)).await;
    s.locks().await;
    let now = s.ts().await;
    s.send(s.status(start, "a", now)).await;
}

async fn one_phase_twice(s: &mut Script) {
    let start = s.ts().await;
    s.send(at_once(s.prewrite_puts(start, &[("a", "1")]))).await;
    let context = Some(kv::Context { is_retry_request: true, ..kv::Context::default() });
    let again = at_once(s.prewrite_puts(start, &[("a", "1")]));
    s.send(kv::PrewriteRequest { context, ..again }).await;
    s.locks().await;
}

async fn one_phase_with_a_conflict(s: &mut Script) {
    let start = s.ts().await;
    s.put(&[("a", "1")]).await;
    s.send(at_once(s.prewrite_puts(start, &[("a", "2")]))).await;
    s.locks().await;
}

async fn one_phase_with_a_lock_in_the_way(s: &mut Script) {
    let other = s.ts().await;
    s.send(s.prewrite_puts(other, &[("b", "1")])).await;
    let start = s.ts().await;
    s.send(at_once(s.prewrite_puts(start, &[("a", "2"), ("b", "2")]))).await;
    s.send(s.get("a", start)).await;
    s.locks().await;
}

async fn one_phase_of_a_deletion_and_a_lock(s: &mut Script) {
    s.put(&[("a", "1"), ("b", "1")]).await;
    let start = s.ts().await;
    let mutations =
        vec![s.mutation(kv::Op::Del, "a"), s.mutation(kv::Op::Lock, "b"), s.insert_of("c", "1")];
    s.send(at_once(s.prewrite(start, mutations))).await;
    let now = s.ts().await;
    s.send(s.scan("a", "z", now)).await;
}

async fn one_phase_over_a_pessimistic_lock(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a"])).await;
    s.send(at_once(s.prewrite_locked(start, start, &[("a", "1")]))).await;
    s.locks().await;
    let now = s.ts().await;
    s.send(s.get("a", now)).await;
}

async fn one_phase_that_is_too_late(s: &mut Script) {
    let start = s.ts().await;
    let request = at_once(s.prewrite_puts(start, &[("a", "1")]));
    s.send(kv::PrewriteRequest { max_commit_ts: start, ..request }).await;
    s.locks().await;
}
