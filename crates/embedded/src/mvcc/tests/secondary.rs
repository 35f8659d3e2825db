use tifusion_proto::kvrpcpb::{
    CheckSecondaryLocksRequest, CheckSecondaryLocksResponse, TxnHeartBeatRequest,
    TxnHeartBeatResponse,
};

use super::pessimistic::must_lock;
use super::*;

fn check(storage: &Storage, keys: &[&str], start_version: u64) -> CheckSecondaryLocksResponse {
    let keys = keys.iter().map(|key| key.as_bytes().to_vec()).collect();
    let request = CheckSecondaryLocksRequest { keys, start_version, ..Default::default() };
    let response = storage.check_secondary_locks(&request);
    assert_eq!(storage.check_secondary_locks(&request), response, "asked twice");
    response
}

#[test]
fn all_locks_are_shown_while_they_are_there() {
    let storage = Storage::memory();
    must_get_none(&storage, "x", 40);
    storage.prewrite(&async_request(20, &[put("a", "1"), put("b", "1"), put("c", "1")]));
    let response = check(&storage, &["b", "c"], 20);
    assert_eq!(response.locks.len(), 2);
    assert!(response.locks.iter().all(|lock| lock.use_async_commit && lock.min_commit_ts == 41));
    assert_eq!(response.commit_ts, 0);
}

#[test]
fn a_committed_key_decides() {
    let storage = Storage::memory();
    storage.prewrite(&async_request(20, &[put("a", "1"), put("b", "1"), put("c", "1")]));
    must_commit(&storage, &["c"], 20, 30);
    let committed = CheckSecondaryLocksResponse { commit_ts: 30, ..Default::default() };
    assert_eq!(check(&storage, &["b", "c"], 20), committed);
}

#[test]
fn a_missing_key_is_rolled_back_for_good() {
    let storage = Storage::memory();
    storage.prewrite(&async_request(20, &[put("a", "1"), put("b", "1")]));
    assert_eq!(check(&storage, &["b", "c"], 20), CheckSecondaryLocksResponse::default());
    assert!(records(&storage, "c")[0].1.is_protected());
    assert!(!prewrite(&storage, 20, &[put("c", "1")]).errors.is_empty());
    // What comes later to the key cannot land upon the rollback.
    let later = storage.prewrite(&async_request(15, &[put("d", "1")]));
    assert!(later.min_commit_ts > 20);
}

#[test]
fn a_pessimistic_lock_is_no_promise() {
    let storage = Storage::memory();
    must_lock(&storage, "b", 20, 20);
    assert_eq!(check(&storage, &["b"], 20), CheckSecondaryLocksResponse::default());
    assert_eq!(lock_of(&storage, "b"), None);
    assert!(records(&storage, "b")[0].1.is_protected());
}

#[test]
fn another_async_commit_remembers_the_rollback() {
    let storage = Storage::memory();
    storage.prewrite(&async_request(10, &[put("b", "1")]));
    assert_eq!(check(&storage, &["b"], 20), CheckSecondaryLocksResponse::default());
    assert_eq!(lock_of(&storage, "b").unwrap().rollback_ts, [20]);
    must_commit(&storage, &["b"], 10, 20);
    assert_eq!(check(&storage, &["b"], 20), CheckSecondaryLocksResponse::default());
    must_get(&storage, "b", 20, "1");
}

#[test]
fn an_overlapped_rollback_is_one() {
    let storage = Storage::memory();
    must_put(&storage, "b", "1", 10, 20);
    assert_eq!(check(&storage, &["b"], 20), CheckSecondaryLocksResponse::default());
    assert!(records(&storage, "b")[0].1.has_overlapped_rollback);
    must_get(&storage, "b", 20, "1");
}

#[test]
fn a_heart_beat_lengthens_only_its_own_lock() {
    let storage = Storage::memory();
    must_prewrite(&storage, 5, &[put("a", "1")]);
    let beat = |start_version, advise_lock_ttl| {
        storage.txn_heart_beat(&TxnHeartBeatRequest {
            primary_lock: b"a".to_vec(),
            start_version,
            advise_lock_ttl,
            ..TxnHeartBeatRequest::default()
        })
    };
    for (advised, ttl) in [(9000, 9000), (100, 9000)] {
        assert_eq!(beat(5, advised), TxnHeartBeatResponse { lock_ttl: ttl, ..Default::default() });
        assert_eq!(lock_of(&storage, "a").unwrap().ttl, ttl);
    }
    assert_eq!(beat(6, 1).error.unwrap().txn_not_found.unwrap().start_ts, 6);
    must_commit(&storage, &["a"], 5, 7);
    assert!(beat(5, 1).error.unwrap().txn_not_found.is_some());
}
