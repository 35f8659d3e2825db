//! The first phase of optimistic transactions.

use tifusion_proto::kvrpcpb as kv;

use crate::harness::group::{Group, cases, group_tests};
use crate::harness::script::Script;

group_tests!();

fn group() -> Group {
    Group {
        name: "prewrite",
        cases: cases![
            a_value_is_locked_and_committed,
            a_deletion_is_locked_and_committed,
            a_lock_of_nothing_is_committed,
            a_value_and_a_deletion_of_several_keys,
            twice_the_same,
            twice_with_another_value,
            another_transaction_s_lock,
            several_locks_in_the_way,
            a_newer_version,
            a_version_of_the_very_start,
            a_newer_lock_record,
            a_newer_deletion,
            an_older_version,
            a_rollback_record,
            a_rollback_of_another_transaction,
            a_newer_rollback_of_another_transaction,
            after_it_was_committed,
            a_retry_after_it_was_committed,
            insert_of_a_new_key,
            insert_of_a_key_that_exists,
            insert_of_a_deleted_key,
            insert_of_a_key_that_was_only_locked,
            insert_of_a_key_written_later,
            insert_of_a_locked_key,
            check_that_a_key_is_not_there,
            check_that_a_key_is_not_there_which_is,
            check_that_a_key_is_not_there_which_is_locked,
            check_that_a_key_is_not_there_which_is_newer,
            assertions_that_hold,
            asserted_to_exist_and_does_not,
            asserted_not_to_exist_and_does,
            assertions_that_are_off,
            an_assertion_and_a_conflict,
            a_secondary_whose_primary_is_elsewhere,
            a_least_commit_timestamp_in_the_lock,
            a_long_value_in_the_way,
            one_locked_key_leaves_all_alone,
            a_conflict_leaves_all_alone,
            constraint_check_skipped,
            nothing_at_all,
        ],
    }
}

async fn a_value_is_locked_and_committed(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    s.locks().await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["a"])).await;
    s.locks().await;
    s.send(s.get("a", commit)).await;
}

async fn a_deletion_is_locked_and_committed(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    s.send(s.prewrite(start, vec![s.mutation(kv::Op::Del, "a")])).await;
    let now = s.ts().await;
    s.send(s.get("a", now)).await;
    s.locks().await;
    s.send(s.commit(start, now, &["a"])).await;
    s.send(s.get("a", now)).await;
}

async fn a_lock_of_nothing_is_committed(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    s.send(s.prewrite(start, vec![s.mutation(kv::Op::Lock, "a"), s.mutation(kv::Op::Lock, "b")]))
        .await;
    s.locks().await;
    let now = s.ts().await;
    s.send(s.commit(start, now, &["a", "b"])).await;
    s.send(s.batch_get(&["a", "b"], now)).await;
}

async fn a_value_and_a_deletion_of_several_keys(s: &mut Script) {
    s.put(&[("a", "1"), ("b", "1")]).await;
    let start = s.ts().await;
    let mutations = vec![
        s.put_of("a", "2"),
        s.mutation(kv::Op::Del, "b"),
        s.put_of("c", ""),
        s.insert_of("d", "4"),
    ];
    s.send(s.prewrite(start, mutations)).await;
    s.locks().await;
    let now = s.ts().await;
    s.send(s.commit(start, now, &["a", "b", "c", "d"])).await;
    s.send(s.scan("a", "z", now)).await;
}

async fn twice_the_same(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1"), ("b", "2")])).await;
    s.send(s.prewrite_puts(start, &[("a", "1"), ("b", "2")])).await;
    s.locks().await;
}

async fn twice_with_another_value(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    s.send(s.prewrite_puts(start, &[("a", "2")])).await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["a"])).await;
    s.send(s.get("a", commit)).await;
}

async fn another_transaction_s_lock(s: &mut Script) {
    let first = s.ts().await;
    s.send(s.prewrite_puts(first, &[("a", "1")])).await;
    let second = s.ts().await;
    s.send(s.prewrite_puts(second, &[("a", "2")])).await;
    s.send(s.prewrite_puts(first - 1, &[("a", "2")])).await;
    s.send(s.prewrite(second, vec![s.mutation(kv::Op::Lock, "a")])).await;
    s.send(s.prewrite(second, vec![s.mutation(kv::Op::Del, "a")])).await;
}

async fn several_locks_in_the_way(s: &mut Script) {
    let first = s.ts().await;
    s.send(s.prewrite_puts(first, &[("a", "1"), ("c", "1")])).await;
    let second = s.ts().await;
    s.send(s.prewrite_puts(second, &[("a", "2"), ("b", "2"), ("c", "2")])).await;
    s.locks().await;
}

async fn a_newer_version(s: &mut Script) {
    let start = s.ts().await;
    s.put(&[("a", "1")]).await;
    s.send(s.prewrite_puts(start, &[("a", "2")])).await;
    s.send(s.prewrite(start, vec![s.mutation(kv::Op::Del, "a")])).await;
    s.send(s.prewrite(start, vec![s.mutation(kv::Op::Lock, "a")])).await;
}

async fn a_version_of_the_very_start(s: &mut Script) {
    let (_, commit) = s.put(&[("a", "1")]).await;
    s.send(s.prewrite_puts(commit, &[("a", "2")])).await;
    s.send(s.prewrite_puts(commit - 1, &[("a", "2")])).await;
}

async fn a_newer_lock_record(s: &mut Script) {
    let start = s.ts().await;
    let lock = s.mutation(kv::Op::Lock, "a");
    s.change(vec![lock]).await;
    s.send(s.prewrite_puts(start, &[("a", "2")])).await;
}

async fn a_newer_deletion(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    s.delete(&["a"]).await;
    s.send(s.prewrite_puts(start, &[("a", "2")])).await;
}

async fn an_older_version(s: &mut Script) {
    let (_, commit) = s.put(&[("a", "1")]).await;
    s.send(s.prewrite_puts(commit + 1, &[("a", "2")])).await;
    s.send(s.commit(commit + 1, commit + 2, &["a"])).await;
    s.send(s.get("a", commit + 2)).await;
}

async fn a_rollback_record(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.rollback(start, &["a"])).await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    s.locks().await;
}

async fn a_rollback_of_another_transaction(s: &mut Script) {
    let first = s.ts().await;
    s.send(s.rollback(first, &["a"])).await;
    let second = s.ts().await;
    s.send(s.prewrite_puts(second, &[("a", "1")])).await;
}

async fn a_newer_rollback_of_another_transaction(s: &mut Script) {
    let (first, second) = (s.ts().await, s.ts().await);
    s.send(s.rollback(second, &["a"])).await;
    s.send(s.prewrite_puts(first, &[("a", "1")])).await;
}

async fn after_it_was_committed(s: &mut Script) {
    let (start, _) = s.put(&[("a", "1")]).await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    s.locks().await;
}

async fn a_retry_after_it_was_committed(s: &mut Script) {
    let (start, _) = s.put(&[("a", "1")]).await;
    let context = Some(kv::Context { is_retry_request: true, ..kv::Context::default() });
    s.send(kv::PrewriteRequest { context, ..s.prewrite_puts(start, &[("a", "1")]) }).await;
    s.locks().await;
}

async fn insert_of_a_new_key(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite(start, vec![s.insert_of("a", "1")])).await;
    s.locks().await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["a"])).await;
    s.send(s.get("a", commit)).await;
}

async fn insert_of_a_key_that_exists(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    s.send(s.prewrite(start, vec![s.insert_of("a", "2")])).await;
    s.send(s.prewrite(start, vec![s.put_of("b", "2"), s.insert_of("a", "2")])).await;
    s.locks().await;
}

async fn insert_of_a_deleted_key(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    s.delete(&["a"]).await;
    let start = s.ts().await;
    s.send(s.prewrite(start, vec![s.insert_of("a", "2")])).await;
}

async fn insert_of_a_key_that_was_only_locked(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let locks = vec![s.mutation(kv::Op::Lock, "a"), s.mutation(kv::Op::Lock, "b")];
    s.change(locks).await;
    let start = s.ts().await;
    s.send(s.prewrite(start, vec![s.insert_of("a", "2")])).await;
    s.send(s.prewrite(start, vec![s.insert_of("b", "2")])).await;
}

async fn insert_of_a_key_written_later(s: &mut Script) {
    let start = s.ts().await;
    s.put(&[("a", "1")]).await;
    s.send(s.prewrite(start, vec![s.insert_of("a", "2")])).await;
}

async fn insert_of_a_locked_key(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "2")])).await;
    let second = s.ts().await;
    s.send(s.prewrite(second, vec![s.insert_of("a", "3")])).await;
}

async fn check_that_a_key_is_not_there(s: &mut Script) {
    let start = s.ts().await;
    let check = s.mutation(kv::Op::CheckNotExists, "a");
    s.send(s.prewrite(start, vec![s.put_of("b", "1"), check])).await;
    s.locks().await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["b"])).await;
    s.send(s.scan("a", "z", commit)).await;
}

async fn check_that_a_key_is_not_there_which_is(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    s.send(s.prewrite(start, vec![s.mutation(kv::Op::CheckNotExists, "a")])).await;
    let check = s.mutation(kv::Op::CheckNotExists, "a");
    s.send(s.prewrite(start, vec![s.put_of("b", "1"), check])).await;
    s.locks().await;
}

async fn check_that_a_key_is_not_there_which_is_locked(s: &mut Script) {
    let first = s.ts().await;
    s.send(s.prewrite_puts(first, &[("a", "1")])).await;
    let start = s.ts().await;
    let check = s.mutation(kv::Op::CheckNotExists, "a");
    s.send(s.prewrite(start, vec![s.put_of("b", "1"), check])).await;
    s.locks().await;
}

async fn check_that_a_key_is_not_there_which_is_newer(s: &mut Script) {
    let start = s.ts().await;
    s.put(&[("a", "1")]).await;
    let check = s.mutation(kv::Op::CheckNotExists, "a");
    s.send(s.prewrite(start, vec![s.put_of("b", "1"), check])).await;
}

fn asserted(assertion: kv::Assertion, mutation: kv::Mutation) -> kv::Mutation {
    kv::Mutation { assertion: assertion.into(), ..mutation }
}

/// A prewrite that checks its assertions.
fn strict(request: kv::PrewriteRequest) -> kv::PrewriteRequest {
    kv::PrewriteRequest { assertion_level: kv::AssertionLevel::Strict.into(), ..request }
}

async fn assertions_that_hold(s: &mut Script) {
    s.put(&[("a", "1"), ("c", "1")]).await;
    s.delete(&["c"]).await;
    let start = s.ts().await;
    let exists = asserted(kv::Assertion::Exist, s.put_of("a", "2"));
    let is_new = asserted(kv::Assertion::NotExist, s.put_of("b", "2"));
    let is_deleted = asserted(kv::Assertion::NotExist, s.put_of("c", "2"));
    s.send(strict(s.prewrite(start, vec![exists, is_new, is_deleted]))).await;
}

async fn asserted_to_exist_and_does_not(s: &mut Script) {
    s.put(&[("b", "1")]).await;
    s.delete(&["b"]).await;
    let start = s.ts().await;
    let never = asserted(kv::Assertion::Exist, s.put_of("a", "2"));
    s.send(strict(s.prewrite(start, vec![never]))).await;
    let deleted = asserted(kv::Assertion::Exist, s.put_of("b", "2"));
    s.send(strict(s.prewrite(start, vec![deleted]))).await;
}

async fn asserted_not_to_exist_and_does(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    let exists = asserted(kv::Assertion::NotExist, s.put_of("a", "2"));
    s.send(strict(s.prewrite(start, vec![exists]))).await;
}

async fn assertions_that_are_off(s: &mut Script) {
    let start = s.ts().await;
    let never = asserted(kv::Assertion::Exist, s.put_of("a", "2"));
    s.send(s.prewrite(start, vec![never])).await;
}

async fn an_assertion_and_a_conflict(s: &mut Script) {
    let start = s.ts().await;
    s.put(&[("a", "1")]).await;
    let exists = asserted(kv::Assertion::NotExist, s.put_of("a", "2"));
    s.send(strict(s.prewrite(start, vec![exists]))).await;
}

async fn a_secondary_whose_primary_is_elsewhere(s: &mut Script) {
    let start = s.ts().await;
    let primary_lock = s.key("primary");
    let request = s.prewrite_puts(start, &[("a", "1")]);
    s.send(kv::PrewriteRequest { primary_lock, txn_size: 7, ..request }).await;
    s.send(s.get("a", start)).await;
}

async fn a_least_commit_timestamp_in_the_lock(s: &mut Script) {
    let start = s.ts().await;
    let request = s.prewrite_puts(start, &[("a", "1")]);
    s.send(kv::PrewriteRequest { min_commit_ts: start + 5, ..request }).await;
    s.send(s.get("a", start)).await;
    s.send(s.commit(start, start + 4, &["a"])).await;
    s.send(s.commit(start, start + 5, &["a"])).await;
}

async fn a_long_value_in_the_way(s: &mut Script) {
    let long = "x".repeat(10_000);
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", &long)])).await;
    s.send(s.get("a", start)).await;
    s.send(s.commit(start, start + 1, &["a"])).await;
    s.send(s.get("a", start + 1)).await;
}

async fn one_locked_key_leaves_all_alone(s: &mut Script) {
    let first = s.ts().await;
    s.send(s.prewrite_puts(first, &[("b", "1")])).await;
    let second = s.ts().await;
    s.send(s.prewrite_puts(second, &[("a", "2"), ("b", "2"), ("c", "2")])).await;
    s.locks().await;
}

async fn a_conflict_leaves_all_alone(s: &mut Script) {
    let start = s.ts().await;
    s.put(&[("b", "1")]).await;
    s.send(s.prewrite_puts(start, &[("a", "2"), ("b", "2"), ("c", "2")])).await;
    s.locks().await;
}

async fn constraint_check_skipped(s: &mut Script) {
    let start = s.ts().await;
    s.put(&[("b", "1")]).await;
    let request = s.prewrite_puts(start, &[("a", "2")]);
    s.send(kv::PrewriteRequest { skip_constraint_check: true, ..request }).await;
}

async fn nothing_at_all(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite(start, vec![])).await;
}
