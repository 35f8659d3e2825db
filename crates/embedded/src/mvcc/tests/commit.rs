use super::*;

#[test]
fn a_repeated_commit_changes_nothing() {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 5, 10);
    must_commit(&storage, &["a"], 5, 10);
    must_commit(&storage, &["a"], 5, 12);
    assert_eq!(outline(&storage, "a"), [(WriteKind::Put, 5, 10)]);
}

#[test]
fn a_commit_without_its_lock_fails() {
    let storage = Storage::memory();
    let missing = |key: &str, start_ts| {
        let error = commit(&storage, &[key], start_ts, 20).unwrap();
        assert_eq!(error.txn_lock_not_found.unwrap().key, key.as_bytes());
        assert!(error.retryable.contains("TxnLockNotFound"));
    };
    missing("a", 5);
    must_prewrite(&storage, 6, &[put("b", "1")]);
    missing("b", 5);
    must_rollback(&storage, &["b"], 6);
    missing("b", 6);
}

#[test]
fn one_bad_key_leaves_all_uncommitted() {
    let storage = Storage::memory();
    must_prewrite(&storage, 5, &[put("a", "1")]);
    assert!(commit(&storage, &["a", "b"], 5, 10).is_some());
    assert_eq!(lock_of(&storage, "a").unwrap().start_ts, 5);
}

#[test]
fn a_commit_must_be_behind_the_start_and_the_least_timestamp() {
    let storage = Storage::memory();
    let mut request = prewrite_request(5, &[put("a", "1")]);
    request.min_commit_ts = 50;
    storage.prewrite(&request);
    assert!(commit(&storage, &["a"], 5, 5).unwrap().abort.contains("InvalidTxnTso"));
    let expired = commit(&storage, &["a"], 5, 49).unwrap().commit_ts_expired.unwrap();
    assert_eq!((expired.start_ts, expired.attempted_commit_ts, expired.min_commit_ts), (5, 49, 50));
    must_commit(&storage, &["a"], 5, 50);
}

#[test]
fn a_released_lock_is_told_to_who_waits() {
    let storage = Storage::memory();
    let mut released = storage.released();
    must_prewrite(&storage, 5, &[put("a", "1")]);
    assert!(!released.has_changed().unwrap());
    must_commit(&storage, &["a"], 5, 6);
    assert!(released.has_changed().unwrap());
    released.mark_unchanged();
    must_commit(&storage, &["a"], 5, 6);
    assert!(!released.has_changed().unwrap());
}
