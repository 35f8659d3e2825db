use tifusion_proto::kvrpcpb::prewrite_request::{ForUpdateTsConstraint, PessimisticAction};
use tifusion_proto::kvrpcpb::{
    Action, Assertion, Op, PessimisticLockKeyResultType, PessimisticLockRequest,
    PessimisticLockResponse, PessimisticLockWakeUpMode, PessimisticRollbackRequest,
    PessimisticRollbackResponse, write_conflict::Reason,
};

use super::*;

fn lock_request(keys: &[&str], start_ts: u64, for_update_ts: u64) -> PessimisticLockRequest {
    PessimisticLockRequest {
        mutations: keys.iter().map(|key| mutation(Op::PessimisticLock, key, "")).collect(),
        primary_lock: keys[0].into(),
        start_version: start_ts,
        for_update_ts,
        lock_ttl: 3000,
        wait_timeout: -1,
        ..PessimisticLockRequest::default()
    }
}

fn force_request(key: &str, start_ts: u64, for_update_ts: u64) -> PessimisticLockRequest {
    let mut request = lock_request(&[key], start_ts, for_update_ts);
    request.set_wake_up_mode(PessimisticLockWakeUpMode::WakeUpModeForceLock);
    request
}

pub(super) fn must_lock(storage: &Storage, key: &str, start_ts: u64, for_update_ts: u64) {
    let response = storage.pessimistic_lock(&lock_request(&[key], start_ts, for_update_ts));
    assert_eq!(response, PessimisticLockResponse::default());
}

fn error(response: PessimisticLockResponse) -> KeyError {
    let [error] = &response.errors[..] else { panic!("{response:?}") };
    error.clone()
}

fn prewrite_locked(start_ts: u64, for_update_ts: u64, mutations: &[Mutation]) -> PrewriteRequest {
    PrewriteRequest {
        for_update_ts,
        pessimistic_actions: vec![PessimisticAction::DoPessimisticCheck.into(); mutations.len()],
        ..prewrite_request(start_ts, mutations)
    }
}

fn give_back(storage: &Storage, keys: &[&str], start_version: u64, for_update_ts: u64) {
    let keys = keys.iter().map(|key| key.as_bytes().to_vec()).collect();
    let response = storage.pessimistic_rollback(&PessimisticRollbackRequest {
        start_version,
        for_update_ts,
        keys,
        ..PessimisticRollbackRequest::default()
    });
    assert_eq!(response, PessimisticRollbackResponse::default());
}

#[test]
fn a_locked_key_is_prewritten_and_committed() {
    let storage = Storage::memory();
    must_lock(&storage, "a", 10, 20);
    let lock = lock_of(&storage, "a").unwrap();
    assert!(lock.is_pessimistic());
    assert_eq!((lock.for_update_ts, lock.ttl), (20, 3000));
    must_get_none(&storage, "a", 30);
    let request = prewrite_locked(10, 20, &[put("a", "1")]);
    for _ in 0..2 {
        assert_eq!(storage.prewrite(&request), PrewriteResponse::default());
        assert!(!lock_of(&storage, "a").unwrap().is_pessimistic());
    }
    must_commit(&storage, &["a"], 10, 40);
    must_get(&storage, "a", 40, "1");
}

#[test]
fn what_the_keys_hold_is_shown_as_asked() {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 5, 10);
    must_put(&storage, "b", &long('b'), 5, 10);
    let keys = ["a", "b", "c"];
    let mut request = lock_request(&keys, 20, 20);
    request.check_existence = true;
    let response = storage.pessimistic_lock(&request);
    assert_eq!((response.not_founds, response.values), (vec![false, false, true], vec![]));
    request.return_values = true;
    for for_update_ts in [20, 21] {
        request.for_update_ts = for_update_ts;
        let response = storage.pessimistic_lock(&request);
        assert_eq!(response.not_founds, [false, false, true]);
        assert_eq!(response.values, [b"1".to_vec(), long('b').into_bytes(), vec![]]);
        assert_eq!(lock_of(&storage, "c").unwrap().for_update_ts, for_update_ts);
    }
    assert_eq!(storage.max_ts(), 21);
}

#[test]
fn a_lock_on_what_does_not_exist_can_be_left_out() {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 5, 10);
    let mut request = lock_request(&["a", "c"], 20, 20);
    request.lock_only_if_exists = true;
    assert!(error(storage.pessimistic_lock(&request)).abort.contains("return_values"));
    request.return_values = true;
    assert_eq!(storage.pessimistic_lock(&request).not_founds, [false, true]);
    assert!(lock_of(&storage, "a").is_some());
    assert_eq!(lock_of(&storage, "c"), None);
}

#[test]
fn a_newer_version_is_a_conflict_and_nothing_is_locked() {
    let storage = Storage::memory();
    must_put(&storage, "b", "1", 25, 30);
    let conflict =
        error(storage.pessimistic_lock(&lock_request(&["a", "b"], 20, 29))).conflict.unwrap();
    assert_eq!((conflict.reason(), conflict.conflict_commit_ts), (Reason::PessimisticRetry, 30));
    assert_eq!(lock_of(&storage, "a"), None);
    must_lock(&storage, "b", 20, 30);
}

#[test]
fn a_rolled_back_transaction_gets_no_lock() {
    let storage = Storage::memory();
    must_rollback(&storage, &["a", "b"], 20);
    must_put(&storage, "b", "1", 25, 30);
    must_put(&storage, "c", "1", 5, 20);
    storage.check_txn_status(&CheckTxnStatusRequest {
        rollback_if_not_exist: true,
        ..status_request("c", 20, 0, 0)
    });
    for key in ["a", "b", "c"] {
        let text = error(storage.pessimistic_lock(&lock_request(&[key], 20, 40))).abort;
        assert!(text.contains("PessimisticLockRolledBack"), "{key}: {text}");
    }
}

#[test]
fn a_key_that_must_not_exist_is_checked() {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 5, 10);
    let mut request = lock_request(&["a"], 20, 20);
    request.mutations[0].set_assertion(Assertion::NotExist);
    assert!(error(storage.pessimistic_lock(&request)).already_exist.is_some());
    request.mutations[0].key = b"new".to_vec();
    assert_eq!(storage.pessimistic_lock(&request), PessimisticLockResponse::default());
    // With force it is the conflict that is told, for the client has not seen the version.
    must_put(&storage, "b", "1", 25, 30);
    let mut request = force_request("b", 20, 20);
    request.mutations[0].set_assertion(Assertion::NotExist);
    assert!(error(storage.pessimistic_lock(&request)).conflict.is_some());
}

#[test]
fn a_force_lock_is_taken_in_spite_of_a_conflict() {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 25, 30);
    let request = force_request("a", 20, 20);
    for _ in 0..2 {
        let response = storage.pessimistic_lock(&request);
        let [result] = &response.results[..] else { panic!("{response:?}") };
        assert_eq!(result.r#type(), PessimisticLockKeyResultType::LockResultLockedWithConflict);
        assert_eq!((&result.value[..], result.existence), (&b"1"[..], true));
        assert_eq!(result.locked_with_conflict_ts, 30);
        let lock = lock_of(&storage, "a").unwrap();
        assert_eq!((lock.for_update_ts, lock.locked_with_conflict), (30, true));
    }
    let [normal] = &storage.pessimistic_lock(&force_request("b", 20, 20)).results[..] else {
        panic!()
    };
    assert_eq!(normal.r#type(), PessimisticLockKeyResultType::LockResultNormal);
    let response = storage.pessimistic_lock(&force_request("a", 21, 40));
    assert_eq!(response.results[0].r#type(), PessimisticLockKeyResultType::LockResultFailed);
    assert!(error(response).locked.is_some());
    let many = PessimisticLockRequest {
        mutations: lock_request(&["x", "y"], 5, 5).mutations,
        ..force_request("x", 5, 5)
    };
    assert!(error(storage.pessimistic_lock(&many)).abort.contains("multiple keys"));
}

#[test]
fn a_prewrite_checks_that_the_force_lock_is_the_one_it_knows() {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 25, 30);
    storage.pessimistic_lock(&force_request("a", 20, 20));
    let mut request = prewrite_locked(20, 40, &[put("a", "2")]);
    for (expected, ok) in [(20, false), (30, true)] {
        request.for_update_ts_constraints =
            vec![ForUpdateTsConstraint { index: 0, expected_for_update_ts: expected }];
        let response = storage.prewrite(&request);
        assert_eq!(response.errors.is_empty(), ok, "{response:?}");
    }
    request.for_update_ts_constraints[0].index = 7;
    assert!(storage.prewrite(&request).errors[0].abort.contains("invalid request"));
}

#[test]
fn a_stale_force_lock_is_recognised_by_the_records() {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 20, 25);
    must_put(&storage, "a", "2", 26, 30);
    storage.pessimistic_lock(&force_request("a", 20, 20));
    let response = storage.check_txn_status(&status_request("a", 20, 40, 40));
    assert_eq!((response.commit_version, response.lock_ttl), (25, 0));
    assert_eq!(lock_of(&storage, "a"), None);
}

#[test]
fn a_lost_lock_is_made_up_for_if_nobody_wrote_the_key() {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 5, 10);
    assert_eq!(
        storage.prewrite(&prewrite_locked(20, 20, &[put("a", "2")])),
        PrewriteResponse::default()
    );
    must_rollback(&storage, &["a"], 20);
    for (setup, reason) in [(0, "LockMissingAmendFail"), (1, "LockTsMismatch")] {
        let storage = Storage::memory();
        must_put(&storage, "a", "1", 25, 30);
        if setup == 1 {
            must_prewrite(&storage, 35, &[put("a", "x")]);
        }
        let response = storage.prewrite(&prewrite_locked(20, 20, &[put("a", "2")]));
        let text = &response.errors[0].abort;
        assert!(text.contains("PessimisticLockNotFound") && text.contains(reason), "{text}");
    }
}

#[test]
fn a_repeated_pessimistic_prewrite_after_the_commit_locks_nothing() {
    let storage = Storage::memory();
    must_lock(&storage, "a", 10, 20);
    let mut request = prewrite_locked(10, 20, &[put("a", "1"), put("i", "1")]);
    request.pessimistic_actions[1] = PessimisticAction::SkipPessimisticCheck.into();
    assert_eq!(storage.prewrite(&request), PrewriteResponse::default());
    must_commit(&storage, &["a", "i"], 10, 40);
    assert_eq!(storage.prewrite(&request), PrewriteResponse::default());
    assert_eq!((lock_of(&storage, "a"), lock_of(&storage, "i")), (None, None));
    // The store remembers the commit, so that a key without a pessimistic lock is checked even if it comes alone.
    must_put(&storage, "i", "2", 45, 50);
    let mut alone = prewrite_locked(10, 20, &[put("i", "1")]);
    alone.pessimistic_actions = vec![PessimisticAction::SkipPessimisticCheck.into()];
    assert_eq!(storage.prewrite(&alone), PrewriteResponse::default());
    assert_eq!(lock_of(&storage, "i"), None);
}

#[test]
fn a_pessimistic_transaction_may_check_keys_lazily() {
    let storage = Storage::memory();
    must_put(&storage, "u", "1", 25, 30);
    let mut request = prewrite_locked(20, 40, &[put("u", "2")]);
    request.pessimistic_actions = vec![PessimisticAction::DoConstraintCheck.into()];
    let conflict = storage.prewrite(&request).errors[0].conflict.clone().unwrap();
    assert_eq!(conflict.reason(), Reason::LazyUniquenessCheck);
    // Others' locks on such keys may be resolved at once.
    must_prewrite(&storage, 35, &[put("v", "x")]);
    request.mutations = vec![put("v", "2")];
    assert_eq!(storage.prewrite(&request).errors[0].locked.as_ref().unwrap().lock_ttl, 0);
}

#[test]
fn pessimistic_locks_are_given_back_unless_newer_or_prewritten() {
    let storage = Storage::memory();
    for (key, for_update_ts) in [("a", 20), ("b", 30), ("c", 20)] {
        must_lock(&storage, key, 10, for_update_ts);
    }
    must_lock(&storage, "d", 11, 20);
    storage.prewrite(&prewrite_locked(10, 20, &[put("c", "1")]));
    let held = || -> String {
        ["a", "b", "c", "d"].into_iter().filter(|key| lock_of(&storage, key).is_some()).collect()
    };
    give_back(&storage, &["a", "b", "c", "d", "e"], 10, 20);
    assert_eq!(held(), "bcd");
    assert_eq!(records(&storage, "a"), []);
    give_back(&storage, &[], 10, 30);
    assert_eq!(held(), "cd");
}

#[test]
fn an_expired_pessimistic_primary() {
    for (resolving, action, record) in
        [(true, Action::TtlExpirePessimisticRollback, 0), (false, Action::TtlExpireRollback, 1)]
    {
        let storage = Storage::memory();
        must_lock(&storage, "a", ms(10), ms(10));
        let request = CheckTxnStatusRequest {
            resolving_pessimistic_lock: resolving,
            ..status_request("a", ms(10), 0, ms(3011))
        };
        let alive = CheckTxnStatusRequest { current_ts: ms(3010), ..request.clone() };
        assert_eq!(storage.check_txn_status(&alive).lock_ttl, 3000);
        assert_eq!(storage.check_txn_status(&request).action(), action);
        assert_eq!((lock_of(&storage, "a"), records(&storage, "a").len()), (None, record));
    }
}

#[test]
fn a_pessimistic_lock_with_another_primary_is_stale_to_a_prewritten_one() {
    let storage = Storage::memory();
    let mut request = lock_request(&["b"], 10, 20);
    request.primary_lock = b"a".to_vec();
    storage.pessimistic_lock(&request);
    let ask =
        CheckTxnStatusRequest { rollback_if_not_exist: true, ..status_request("b", 10, 30, 30) };
    let resolving = CheckTxnStatusRequest { resolving_pessimistic_lock: true, ..ask.clone() };
    assert!(storage.check_txn_status(&resolving).error.unwrap().primary_mismatch.is_some());
    assert_eq!(storage.check_txn_status(&ask).action(), Action::LockNotExistRollback);
    assert_eq!(lock_of(&storage, "b"), None);
    assert!(records(&storage, "b")[0].1.is_protected());
}

#[test]
fn committing_a_pessimistic_lock_only_removes_it() {
    let storage = Storage::memory();
    must_lock(&storage, "a", 10, 20);
    must_commit(&storage, &["a"], 10, 30);
    assert_eq!((lock_of(&storage, "a"), records(&storage, "a").len()), (None, 0));
}

#[test]
fn a_pessimistic_prewrite_can_commit_at_once() {
    let storage = Storage::memory();
    must_lock(&storage, "a", 10, 20);
    must_get_none(&storage, "a", 50);
    let mut released = storage.released();
    released.mark_unchanged();
    let mut request = prewrite_locked(10, 20, &[put("a", "1")]);
    request.try_one_pc = true;
    assert_eq!(storage.prewrite(&request).one_pc_commit_ts, 51);
    assert_eq!(lock_of(&storage, "a"), None);
    assert!(released.has_changed().unwrap());
    assert_eq!(storage.prewrite(&request).one_pc_commit_ts, 51);
}

#[test]
fn waiting_in_a_circle_is_a_deadlock() {
    let storage = Storage::memory();
    must_lock(&storage, "a", 10, 10);
    must_lock(&storage, "b", 20, 20);
    let mut first = lock_request(&["b"], 10, 30);
    first.wait_timeout = 1000;
    let mut second = lock_request(&["a"], 20, 30);
    second.wait_timeout = 0;
    let guard = storage.wait_guard(&first);
    for _ in 0..2 {
        assert!(error(storage.pessimistic_lock(&first)).locked.is_some());
    }
    let deadlock = error(storage.pessimistic_lock(&second)).deadlock.unwrap();
    assert_eq!((deadlock.lock_ts, &deadlock.lock_key[..]), (10, &b"a"[..]));
    let chain: Vec<_> =
        deadlock.wait_chain.iter().map(|wait| (wait.txn, wait.wait_for_txn)).collect();
    assert_eq!(chain, [(10, 20), (20, 10)]);
    // Who does not wait cannot be part of it.
    second.wait_timeout = -1;
    assert!(error(storage.pessimistic_lock(&second)).locked.is_some());
    // Once the first gives up waiting, the second may wait.
    drop(guard);
    second.wait_timeout = 0;
    assert!(error(storage.pessimistic_lock(&second)).locked.is_some());
}

#[test]
fn a_released_lock_ends_the_waits_for_it() {
    let storage = Storage::memory();
    must_lock(&storage, "a", 10, 10);
    must_lock(&storage, "b", 20, 20);
    let mut first = lock_request(&["b"], 10, 30);
    first.wait_timeout = 0;
    let guard = storage.wait_guard(&first);
    let mut released = storage.released();
    assert!(error(storage.pessimistic_lock(&first)).locked.is_some());
    give_back(&storage, &["b"], 20, 20);
    assert!(released.has_changed().unwrap());
    released.mark_unchanged();
    let mut second = lock_request(&["a"], 20, 30);
    second.wait_timeout = 0;
    assert!(error(storage.pessimistic_lock(&second)).locked.is_some());
    drop(guard);
    drop(storage.wait_guard(&second));
    assert!(storage.shared.detector.lock().is_empty());
}

#[tokio::test]
async fn who_waits_gets_the_lock_once_it_is_released() {
    let storage = Storage::memory();
    must_lock(&storage, "a", 10, 10);
    let mut request = lock_request(&["a"], 20, 30);
    request.wait_timeout = 0;
    let mut waiters = Vec::new();
    for start_ts in [20, 21, 22] {
        let storage = storage.clone();
        let request = PessimisticLockRequest { start_version: start_ts, ..request.clone() };
        waiters.push(tokio::spawn(async move {
            let _waiting = storage.wait_guard(&request);
            let mut released = storage.released();
            let mut tries = 0;
            loop {
                released.borrow_and_update();
                tries += 1;
                if storage.pessimistic_lock(&request).errors.is_empty() {
                    give_back(&storage, &["a"], start_ts, 30);
                    return tries;
                }
                released.changed().await.unwrap();
            }
        }));
    }
    tokio::task::yield_now().await;
    assert!(lock_of(&storage, "a").unwrap().start_ts == 10);
    give_back(&storage, &["a"], 10, 10);
    for waiter in waiters {
        assert!(waiter.await.unwrap() >= 2);
    }
    assert_eq!(lock_of(&storage, "a"), None);
    assert!(storage.shared.detector.lock().is_empty());
}
