//! Pessimistic locks, and prewrites over them.

use tifusion_proto::kvrpcpb as kv;

use crate::harness::group::{Group, cases, group_tests};
use crate::harness::script::Script;

group_tests!();

fn group() -> Group {
    Group {
        name: "pessimistic",
        cases: cases![
            the_first_lock,
            a_lock_again,
            a_lock_again_later,
            a_lock_again_earlier,
            another_transaction_s_lock,
            another_transaction_s_prewrite,
            its_own_prewrite,
            a_newer_version,
            a_version_of_before,
            a_newer_version_of_another_of_its_keys,
            values_on_request,
            existence_on_request,
            values_of_deleted_and_missing_keys,
            values_of_a_lock_again,
            a_key_that_must_not_be_there,
            a_key_that_must_not_be_there_and_is,
            a_key_that_must_not_be_there_and_was_deleted,
            only_if_it_exists,
            only_if_it_exists_without_values,
            in_spite_of_a_newer_version,
            in_spite_of_a_newer_version_which_was_deleted,
            force_without_a_conflict,
            force_of_a_held_key,
            after_its_rollback,
            after_its_commit,
            rollback_of_locks,
            rollback_of_older_locks_alone,
            rollback_of_a_prewrite,
            rollback_of_nothing,
            rollback_of_all_its_locks,
            a_prewrite_over_locks,
            a_prewrite_over_locks_with_a_newer_version,
            a_prewrite_whose_lock_is_gone,
            a_prewrite_whose_lock_is_gone_and_its_key_newer,
            a_prewrite_whose_key_another_transaction_took,
            a_prewrite_of_a_key_that_needs_no_lock,
            a_prewrite_of_a_key_that_needs_no_lock_and_is_newer,
            a_prewrite_that_checks_uniqueness_late,
            a_prewrite_with_a_longer_life,
            a_prewrite_with_a_shorter_life,
            a_prewrite_after_it_was_committed,
        ],
    }
}

async fn the_first_lock(s: &mut Script) {
    let (start, at) = (s.ts().await, s.ts().await);
    s.send(kv::PessimisticLockRequest { is_first_lock: true, ..s.lock(start, at, &["a", "b"]) })
        .await;
    s.locks().await;
}

async fn a_lock_again(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a"])).await;
    s.send(s.lock(start, start, &["a"])).await;
    s.locks().await;
}

async fn a_lock_again_later(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a"])).await;
    let at = s.ts().await;
    s.send(s.lock(start, at, &["a"])).await;
    s.locks().await;
}

async fn a_lock_again_earlier(s: &mut Script) {
    let (start, at) = (s.ts().await, s.ts().await);
    s.send(s.lock(start, at, &["a"])).await;
    s.send(s.lock(start, start, &["a"])).await;
    s.locks().await;
}

async fn another_transaction_s_lock(s: &mut Script) {
    let first = s.ts().await;
    s.send(s.lock(first, first, &["a"])).await;
    let second = s.ts().await;
    s.send(s.lock(second, second, &["a"])).await;
    s.send(s.lock(second, second, &["b", "a"])).await;
    s.locks().await;
}

async fn another_transaction_s_prewrite(s: &mut Script) {
    let first = s.ts().await;
    s.send(s.prewrite_puts(first, &[("a", "1")])).await;
    let second = s.ts().await;
    s.send(s.lock(second, second, &["a"])).await;
}

async fn its_own_prewrite(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    s.send(s.lock(start, start, &["a"])).await;
}

async fn a_newer_version(s: &mut Script) {
    let start = s.ts().await;
    s.put(&[("a", "1")]).await;
    s.send(s.lock(start, start, &["a"])).await;
    let now = s.ts().await;
    s.send(s.lock(start, now, &["a"])).await;
}

async fn a_version_of_before(s: &mut Script) {
    let (_, commit) = s.put(&[("a", "1")]).await;
    s.send(s.lock(commit + 1, commit + 1, &["a"])).await;
}

async fn a_newer_version_of_another_of_its_keys(s: &mut Script) {
    let start = s.ts().await;
    s.put(&[("b", "1")]).await;
    s.send(s.lock(start, start, &["a", "b", "c"])).await;
    s.locks().await;
}

fn with_values(request: kv::PessimisticLockRequest) -> kv::PessimisticLockRequest {
    kv::PessimisticLockRequest { return_values: true, ..request }
}

async fn values_on_request(s: &mut Script) {
    s.put(&[("a", "1"), ("b", "")]).await;
    let start = s.ts().await;
    s.send(with_values(s.lock(start, start, &["a", "b", "c"]))).await;
}

async fn existence_on_request(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    let request = s.lock(start, start, &["a", "b"]);
    s.send(kv::PessimisticLockRequest { check_existence: true, ..request }).await;
    let request = with_values(s.lock(start, start, &["a", "c"]));
    s.send(kv::PessimisticLockRequest { check_existence: true, ..request }).await;
}

async fn values_of_deleted_and_missing_keys(s: &mut Script) {
    s.put(&[("a", "1"), ("b", "1")]).await;
    s.delete(&["a"]).await;
    let lock = s.mutation(kv::Op::Lock, "b");
    s.change(vec![lock]).await;
    let start = s.ts().await;
    s.send(with_values(s.lock(start, start, &["a", "b", "c"]))).await;
}

async fn values_of_a_lock_again(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a", "b"])).await;
    s.send(with_values(s.lock(start, start, &["a", "b"]))).await;
}

/// Locks of keys that must not be there.
fn unique(mut request: kv::PessimisticLockRequest) -> kv::PessimisticLockRequest {
    for mutation in &mut request.mutations {
        mutation.assertion = kv::Assertion::NotExist.into();
    }
    request
}

async fn a_key_that_must_not_be_there(s: &mut Script) {
    let start = s.ts().await;
    s.send(unique(s.lock(start, start, &["a"]))).await;
    s.send(unique(s.lock(start, start, &["a"]))).await;
    s.locks().await;
}

async fn a_key_that_must_not_be_there_and_is(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    s.send(unique(s.lock(start, start, &["b", "a"]))).await;
    s.locks().await;
}

async fn a_key_that_must_not_be_there_and_was_deleted(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    s.delete(&["a"]).await;
    let start = s.ts().await;
    s.send(unique(s.lock(start, start, &["a"]))).await;
}

async fn only_if_it_exists(s: &mut Script) {
    s.put(&[("a", "1"), ("c", "1")]).await;
    s.delete(&["c"]).await;
    let start = s.ts().await;
    let request = with_values(s.lock(start, start, &["a", "b", "c"]));
    s.send(kv::PessimisticLockRequest { lock_only_if_exists: true, ..request }).await;
    s.locks().await;
}

async fn only_if_it_exists_without_values(s: &mut Script) {
    let start = s.ts().await;
    let request = s.lock(start, start, &["a"]);
    s.send(kv::PessimisticLockRequest { lock_only_if_exists: true, ..request }).await;
}

/// A lock that is taken in spite of newer versions.
fn forced(request: kv::PessimisticLockRequest) -> kv::PessimisticLockRequest {
    let mode = kv::PessimisticLockWakeUpMode::WakeUpModeForceLock;
    kv::PessimisticLockRequest { wake_up_mode: mode.into(), ..request }
}

async fn in_spite_of_a_newer_version(s: &mut Script) {
    let start = s.ts().await;
    s.put(&[("a", "1")]).await;
    s.send(forced(with_values(s.lock(start, start, &["a"])))).await;
    s.locks().await;
    s.send_to_tikv(forced(with_values(s.lock(start, start, &["a"]))), "dies of it").await;
}

async fn in_spite_of_a_newer_version_which_was_deleted(s: &mut Script) {
    let start = s.ts().await;
    s.put(&[("a", "1")]).await;
    s.delete(&["a"]).await;
    s.send(forced(s.lock(start, start, &["a"]))).await;
}

async fn force_without_a_conflict(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    s.send(forced(with_values(s.lock(start, start, &["a"])))).await;
    s.send(forced(with_values(s.lock(start, start, &["b"])))).await;
    s.send(forced(s.lock(start, start, &["c"]))).await;
    let request = forced(s.lock(start, start, &["d"]));
    s.send(kv::PessimisticLockRequest { check_existence: true, ..request }).await;
}

async fn force_of_a_held_key(s: &mut Script) {
    let first = s.ts().await;
    s.send(s.lock(first, first, &["a"])).await;
    let second = s.ts().await;
    s.send(forced(s.lock(second, second, &["a"]))).await;
}

async fn after_its_rollback(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.rollback(start, &["a"])).await;
    s.send(s.lock(start, start, &["a"])).await;
    s.locks().await;
}

async fn after_its_commit(s: &mut Script) {
    let (start, _) = s.put(&[("a", "1")]).await;
    s.send(s.lock(start, start, &["a"])).await;
}

async fn rollback_of_locks(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a", "b"])).await;
    s.send(s.unlock(start, start, &["a", "b"])).await;
    s.locks().await;
    s.send(s.lock(start, start, &["a"])).await;
}

async fn rollback_of_older_locks_alone(s: &mut Script) {
    let (start, at) = (s.ts().await, s.ts().await);
    s.send(s.lock(start, at, &["a"])).await;
    s.send(s.unlock(start, at - 1, &["a"])).await;
    s.locks().await;
    s.send(s.unlock(start, at, &["a"])).await;
    s.locks().await;
}

async fn rollback_of_a_prewrite(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "1")])).await;
    s.send(s.unlock(start, start, &["a"])).await;
    s.locks().await;
}

async fn rollback_of_nothing(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.unlock(start, start, &["a"])).await;
    s.send(s.lock(start, start, &["a"])).await;
    s.send(s.unlock(start - 1, start, &["a"])).await;
    s.locks().await;
}

async fn rollback_of_all_its_locks(s: &mut Script) {
    let (first, second) = (s.ts().await, s.ts().await);
    s.send(s.lock(first, first, &["a", "b"])).await;
    s.send(s.lock(second, second, &["c"])).await;
    s.send(s.unlock(first, first, &[])).await;
    s.locks().await;
}

async fn a_prewrite_over_locks(s: &mut Script) {
    let (start, at) = (s.ts().await, s.ts().await);
    s.send(s.lock(start, at, &["a", "b"])).await;
    s.send(s.prewrite_locked(start, at, &[("a", "1"), ("b", "2")])).await;
    s.locks().await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["a", "b"])).await;
    s.send(s.scan("a", "z", commit)).await;
}

async fn a_prewrite_over_locks_with_a_newer_version(s: &mut Script) {
    let start = s.ts().await;
    s.put(&[("a", "1")]).await;
    let at = s.ts().await;
    s.send(s.lock(start, at, &["a"])).await;
    s.send(s.prewrite_locked(start, at, &[("a", "2")])).await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["a"])).await;
    s.send(s.get("a", commit)).await;
}

async fn a_prewrite_whose_lock_is_gone(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.prewrite_locked(start, start, &[("a", "1")])).await;
    s.locks().await;
}

async fn a_prewrite_whose_lock_is_gone_and_its_key_newer(s: &mut Script) {
    let start = s.ts().await;
    s.put(&[("a", "1")]).await;
    s.send(s.prewrite_locked(start, start, &[("a", "2")])).await;
    s.locks().await;
}

async fn a_prewrite_whose_key_another_transaction_took(s: &mut Script) {
    let (first, second) = (s.ts().await, s.ts().await);
    s.send(s.lock(second, second, &["a"])).await;
    s.send(s.prewrite_locked(first, first, &[("a", "1")])).await;
}

/// A pessimistic transaction's prewrite of a key for which it takes no lock.
fn unlocked(
    request: kv::PrewriteRequest,
    action: kv::prewrite_request::PessimisticAction,
) -> kv::PrewriteRequest {
    let pessimistic_actions = request.mutations.iter().map(|_| action.into()).collect();
    kv::PrewriteRequest { pessimistic_actions, ..request }
}

async fn a_prewrite_of_a_key_that_needs_no_lock(s: &mut Script) {
    let start = s.ts().await;
    let skip = kv::prewrite_request::PessimisticAction::SkipPessimisticCheck;
    s.send(unlocked(s.prewrite_locked(start, start, &[("a", "1")]), skip)).await;
    s.locks().await;
}

async fn a_prewrite_of_a_key_that_needs_no_lock_and_is_newer(s: &mut Script) {
    let start = s.ts().await;
    s.put(&[("a", "1")]).await;
    let at = s.ts().await;
    let skip = kv::prewrite_request::PessimisticAction::SkipPessimisticCheck;
    s.send(unlocked(s.prewrite_locked(start, at, &[("a", "2")]), skip)).await;
}

async fn a_prewrite_that_checks_uniqueness_late(s: &mut Script) {
    let start = s.ts().await;
    let check = kv::prewrite_request::PessimisticAction::DoConstraintCheck;
    s.send(unlocked(s.prewrite_locked(start, start, &[("a", "1")]), check)).await;
    s.put(&[("b", "1")]).await;
    let at = s.ts().await;
    s.send(unlocked(s.prewrite_locked(start, at, &[("b", "2")]), check)).await;
}

async fn a_prewrite_with_a_longer_life(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a"])).await;
    let request = s.prewrite_locked(start, start, &[("a", "1")]);
    s.send(kv::PrewriteRequest { lock_ttl: 50_000, ..request }).await;
    s.locks().await;
}

async fn a_prewrite_with_a_shorter_life(s: &mut Script) {
    let start = s.ts().await;
    s.send(kv::PessimisticLockRequest { lock_ttl: 50_000, ..s.lock(start, start, &["a"]) }).await;
    s.send(s.prewrite_locked(start, start, &[("a", "1")])).await;
    s.locks().await;
}

async fn a_prewrite_after_it_was_committed(s: &mut Script) {
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a"])).await;
    s.send(s.prewrite_locked(start, start, &[("a", "1")])).await;
    let commit = s.ts().await;
    s.send(s.commit(start, commit, &["a"])).await;
    let context = Some(kv::Context { is_retry_request: true, ..kv::Context::default() });
    let request = s.prewrite_locked(start, start, &[("a", "1")]);
    s.send(kv::PrewriteRequest { context, ..request }).await;
    s.locks().await;
}
