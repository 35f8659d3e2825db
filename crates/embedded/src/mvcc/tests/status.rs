use tifusion_proto::kvrpcpb::{Action, CheckTxnStatusResponse, write_conflict::Reason};

use super::*;

fn acted(action: Action) -> CheckTxnStatusResponse {
    CheckTxnStatusResponse { action: action.into(), ..CheckTxnStatusResponse::default() }
}

fn check(
    storage: &Storage,
    primary: &str,
    lock_ts: u64,
    caller: u64,
    now: u64,
) -> CheckTxnStatusResponse {
    storage.check_txn_status(&status_request(primary, lock_ts, caller, now))
}

#[test]
fn an_ended_transaction_says_how_it_ended() {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 5, 10);
    let committed =
        CheckTxnStatusResponse { commit_version: 10, ..CheckTxnStatusResponse::default() };
    assert_eq!(check(&storage, "a", 5, 20, 20), committed);
    must_rollback(&storage, &["a"], 15);
    assert_eq!(check(&storage, "a", 15, 20, 20), acted(Action::NoAction));
    assert_eq!(storage.max_ts(), 20);
}

#[test]
fn an_unknown_transaction_is_reported_or_rolled_back_for_good() {
    let storage = Storage::memory();
    let missing = check(&storage, "a", 5, 20, 20).error.unwrap().txn_not_found.unwrap();
    assert_eq!((missing.start_ts, missing.primary_key), (5, b"a".to_vec()));
    assert_eq!(records(&storage, "a"), []);
    let request =
        CheckTxnStatusRequest { rollback_if_not_exist: true, ..status_request("a", 5, 20, 20) };
    assert_eq!(storage.check_txn_status(&request), acted(Action::LockNotExistRollback));
    assert!(records(&storage, "a")[0].1.is_protected());
    assert_eq!(storage.check_txn_status(&request), acted(Action::NoAction));
    let late = prewrite(&storage, 5, &[put("a", "1")]);
    assert_eq!(late.errors[0].conflict.as_ref().unwrap().reason(), Reason::SelfRolledBack);
    // Asked for a pessimistic lock, nothing is certain yet.
    let request = CheckTxnStatusRequest {
        rollback_if_not_exist: true,
        resolving_pessimistic_lock: true,
        ..status_request("a", 6, 20, 20)
    };
    assert_eq!(storage.check_txn_status(&request), acted(Action::LockNotExistDoNothing));
    assert_eq!(records(&storage, "a").len(), 1);
}

#[test]
fn a_lock_lives_for_its_time_and_is_rolled_back_then() {
    let storage = Storage::memory();
    must_prewrite(&storage, ms(10), &[put("a", "1")]);
    let alive = check(&storage, "a", ms(10), 0, ms(3010));
    assert_eq!((alive.lock_ttl, alive.action()), (3000, Action::NoAction));
    assert_eq!(alive.lock_info.unwrap().lock_version, ms(10));
    assert_eq!(check(&storage, "a", ms(10), 0, ms(3011)), acted(Action::TtlExpireRollback));
    assert_eq!(lock_of(&storage, "a"), None);
    assert!(records(&storage, "a")[0].1.is_protected());
}

#[test]
fn a_transaction_that_expects_it_is_pushed_behind_the_asker() {
    let storage = Storage::memory();
    let mut request = prewrite_request(ms(10), &[put("a", "1")]);
    request.min_commit_ts = ms(10) + 1;
    storage.prewrite(&request);
    // (asker, now) -> least commit timestamp
    for (caller, now, least, action) in [
        (0, ms(11), ms(10) + 1, Action::NoAction),
        (ms(10), ms(11), ms(10) + 1, Action::MinCommitTsPushed),
        (ms(12), ms(11), ms(12) + 1, Action::MinCommitTsPushed),
        (ms(13), ms(15), ms(15), Action::MinCommitTsPushed),
        (u64::MAX, ms(15), ms(15), Action::MinCommitTsPushed),
    ] {
        let response = check(&storage, "a", ms(10), caller, now);
        assert_eq!((response.action(), response.lock_ttl), (action, 3000));
        assert_eq!(response.lock_info.unwrap().min_commit_ts, least);
        assert_eq!(lock_of(&storage, "a").unwrap().min_commit_ts, least);
    }
    assert!(commit(&storage, &["a"], ms(10), ms(15) - 1).unwrap().commit_ts_expired.is_some());
}

#[test]
fn a_transaction_without_a_least_timestamp_is_not_pushed() {
    let storage = Storage::memory();
    must_prewrite(&storage, ms(10), &[put("a", "1")]);
    let response = check(&storage, "a", ms(10), ms(12), ms(12));
    assert_eq!((response.action(), response.lock_ttl), (Action::NoAction, 3000));
    assert_eq!(lock_of(&storage, "a").unwrap().min_commit_ts, 0);
}

#[test]
fn an_async_commit_is_neither_rolled_back_nor_pushed_unless_forced() {
    let storage = Storage::memory();
    storage.prewrite(&async_request(ms(10), &[put("a", "1"), put("b", "1")]));
    let response = check(&storage, "a", ms(10), ms(9000), ms(9000));
    assert_eq!((response.action(), response.lock_ttl), (Action::NoAction, 3000));
    let lock = response.lock_info.unwrap();
    assert_eq!((lock.use_async_commit, lock.min_commit_ts), (true, ms(10) + 1));
    assert_eq!(lock.secondaries, [b"b".to_vec()]);
    let request = CheckTxnStatusRequest {
        force_sync_commit: true,
        ..status_request("a", ms(10), ms(9000), ms(9000))
    };
    assert_eq!(storage.check_txn_status(&request), acted(Action::TtlExpireRollback));
}

#[test]
fn a_secondary_is_no_primary() {
    let storage = Storage::memory();
    must_prewrite(&storage, 5, &[put("a", "1"), put("b", "1")]);
    let error = check(&storage, "b", 5, 9, 9).error.unwrap();
    assert_eq!(error.primary_mismatch.unwrap().lock_info.unwrap().primary_lock, b"a");
    let unverified =
        CheckTxnStatusRequest { verify_is_primary: false, ..status_request("b", 5, 9, 9) };
    assert_eq!(storage.check_txn_status(&unverified).lock_ttl, 3000);
}

#[test]
fn another_transactions_lock_says_nothing() {
    let storage = Storage::memory();
    must_prewrite(&storage, 8, &[put("a", "1")]);
    assert!(check(&storage, "a", 5, 9, 9).error.unwrap().txn_not_found.is_some());
    let request =
        CheckTxnStatusRequest { rollback_if_not_exist: true, ..status_request("a", 5, 9, 9) };
    assert_eq!(storage.check_txn_status(&request), acted(Action::LockNotExistRollback));
    assert_eq!(lock_of(&storage, "a").unwrap().start_ts, 8);
}
