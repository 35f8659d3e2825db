//! The second phase.

use tifusion_proto::kvrpcpb as kv;

use crate::harness::group::{Group, cases, group_tests};
use crate::harness::script::Script;

group_tests!();

fn group() -> Group {
    Group {
        name: "commit",
        cases: cases![
            once,
            twice,
            twice_at_another_timestamp,
            keys_one_after_the_other,
            of_a_key_that_was_never_locked,
            of_a_key_that_another_transaction_holds,
            after_a_rollback,
            after_the_rollback_of_another_transaction,
            below_the_least_commit_timestamp,
            at_the_least_commit_timestamp,
            before_its_start,
            at_its_start,
            one_of_two_keys_is_missing,
            of_a_pessimistic_lock,
            in_the_middle_of_other_versions,
            of_no_keys,
            over_another_transaction_s_rollback,
        ],
    }
}

async fn once(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1"), ("b", "2")])).await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["a", "b"])).await;
    s.send(s.scan("a", "z", commit)).await;
}

async fn twice(s: &mut Script) {
    let (start, commit) = s.put(&[("a", "1")]).await;
    s.send(s.commit(start, commit, &["a"])).await;
    s.send(s.get("a", commit)).await;
}

async fn twice_at_another_timestamp(s: &mut Script) {
    let (start, commit) = s.put(&[("a", "1")]).await;
    let later = s.ts().await;
    s.send(s.commit(start, later, &["a"])).await;
    s.send(s.get("a", commit)).await;
    s.send(kv::GetRequest { need_commit_ts: false, ..s.get("a", commit - 1) }).await;
}

async fn keys_one_after_the_other(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1"), ("b", "2")])).await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["a"])).await;
    s.send(s.get("b", commit)).await;
    s.send(s.commit(start, commit, &["b"])).await;
    s.send(s.get("b", commit)).await;
}

async fn of_a_key_that_was_never_locked(s: &mut Script) {
    let (start, commit) = (s.ts().await, s.ts().await);
    s.send(s.commit(start, commit, &["a"])).await;
}

async fn of_a_key_that_another_transaction_holds(s: &mut Script) {
    let (first, second) = (s.ts().await, s.ts().await);
    s.send(s.prewrite_puts(second, &[("a", "1")])).await;
    let commit = s.ts().await;
    s.send(s.commit(first, commit, &["a"])).await;
    s.locks().await;
}

async fn after_a_rollback(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    s.send(s.rollback(start, &["a"])).await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["a"])).await;
    s.send(s.get("a", commit)).await;
}

async fn after_the_rollback_of_another_transaction(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    let other = s.ts().await;
    s.send(s.rollback(other, &["a"])).await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["a"])).await;
    s.send(s.get("a", commit)).await;
}

async fn below_the_least_commit_timestamp(s: &mut Script) {
    let start = s.ts().await;
    let request = s.prewrite_puts(start, &[("a", "1")]);
    s.send(kv::PrewriteRequest { min_commit_ts: start + 10, ..request }).await;
    s.send(s.commit(start, start + 9, &["a"])).await;
    let now = s.ts().await;
    s.send(s.status(start, "a", now)).await;
    s.send(s.commit(start, now, &["a"])).await;
    s.locks().await;
}

async fn at_the_least_commit_timestamp(s: &mut Script) {
    let start = s.ts().await;
    let request = s.prewrite_puts(start, &[("a", "1")]);
    s.send(kv::PrewriteRequest { min_commit_ts: start + 10, ..request }).await;
    s.send(s.commit(start, start + 10, &["a"])).await;
    s.send(s.get("a", start + 10)).await;
}

async fn before_its_start(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    s.send(s.commit(start, start - 1, &["a"])).await;
    s.locks().await;
}

async fn at_its_start(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    s.send(s.commit(start, start, &["a"])).await;
}

async fn one_of_two_keys_is_missing(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["a", "b"])).await;
    s.locks().await;
}

async fn of_a_pessimistic_lock(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a"])).await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["a"])).await;
    s.locks().await;
    s.send(s.get("a", commit)).await;
}

async fn in_the_middle_of_other_versions(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "2")])).await;
    s.send(s.commit(start, start + 3, &["a"])).await;
    for version in [start, start + 2, start + 3] {
        s.send(s.get("a", version)).await;
    }
}

async fn of_no_keys(s: &mut Script) {
    let (start, commit) = (s.ts().await, s.ts().await);
    s.send(s.commit(start, commit, &[])).await;
}

/// The commit's record falls on the timestamp of a rollback's.
async fn over_another_transaction_s_rollback(s: &mut Script) {
    let (first, second) = (s.ts().await, s.ts().await);
    s.send(s.prewrite_puts(first, &[("a", "1")])).await;
    s.send(s.rollback(second, &["a"])).await;
    s.send(s.commit(first, second, &["a"])).await;
    s.send(s.get("a", second)).await;
    s.send(s.prewrite_puts(second, &[("a", "2")])).await;
}
