use tifusion_proto::kvrpcpb::{CleanupRequest, CleanupResponse};

use super::*;

fn cleanup(storage: &Storage, key: &str, start_ts: u64, current_ts: u64) -> CleanupResponse {
    storage.cleanup(&CleanupRequest {
        key: key.into(),
        start_version: start_ts,
        current_ts,
        ..CleanupRequest::default()
    })
}

fn flags(storage: &Storage, key: &str) -> Vec<(u64, bool, bool)> {
    let flags =
        |(ts, write): &(u64, Write)| (*ts, write.is_protected(), write.has_overlapped_rollback);
    records(storage, key).iter().map(flags).collect()
}

#[test]
fn a_rollback_removes_lock_and_value_and_can_be_repeated() {
    let storage = Storage::memory();
    must_prewrite(&storage, 5, &[put("a", &long('a')), put("b", "1")]);
    for _ in 0..2 {
        must_rollback(&storage, &["a", "b"], 5);
        assert_eq!(outline(&storage, "a"), [(WriteKind::Rollback, 5, 5)]);
        // A primary's rollback decides over the transaction.
        assert_eq!(flags(&storage, "a"), [(5, true, false)]);
        assert_eq!(flags(&storage, "b"), [(5, false, false)]);
    }
    let value = super::super::key::versioned(b"a", 5);
    assert_eq!(view(&storage).get(crate::engine::Column::Default, &value).unwrap(), None);
    must_get_none(&storage, "a", 9);
}

#[test]
fn a_committed_key_is_not_rolled_back() {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 5, 10);
    assert!(rollback(&storage, &["a"], 5).unwrap().abort.contains("Committed"));
    must_get(&storage, "a", 10, "1");
}

#[test]
fn rollbacks_of_little_worth_are_collapsed() {
    let storage = Storage::memory();
    for start_ts in [5, 6, 7] {
        must_rollback(&storage, &["a"], start_ts);
    }
    assert_eq!(flags(&storage, "a"), [(7, false, false)]);
    assert_eq!(cleanup(&storage, "a", 8, 0), CleanupResponse::default());
    must_rollback(&storage, &["a"], 9);
    must_rollback(&storage, &["a"], 10);
    // The protected one stays, and as it collapses nothing itself, the one before it too.
    assert_eq!(flags(&storage, "a"), [(10, false, false), (8, true, false), (7, false, false)]);
}

#[test]
fn a_rollback_leaves_other_transactions_locks_alone() {
    let storage = Storage::memory();
    must_prewrite(&storage, 8, &[put("a", "1")]);
    must_rollback(&storage, &["a"], 5);
    assert_eq!(cleanup(&storage, "a", 6, 0), CleanupResponse::default());
    assert_eq!(lock_of(&storage, "a").unwrap().start_ts, 8);
    must_commit(&storage, &["a"], 8, 9);
    for start_ts in [5, 6] {
        assert!(!prewrite(&storage, start_ts, &[put("a", "x")]).errors.is_empty());
    }
}

#[test]
fn a_rollback_at_a_commits_timestamp_becomes_a_flag_if_it_must_be_kept() {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 5, 10);
    must_rollback(&storage, &["a"], 10);
    assert_eq!(flags(&storage, "a"), [(10, false, false)]);
    assert_eq!(cleanup(&storage, "a", 10, 0), CleanupResponse::default());
    assert_eq!(flags(&storage, "a"), [(10, false, true)]);
    must_get(&storage, "a", 10, "1");
    let response = prewrite(&storage, 10, &[put("a", "2")]);
    assert_eq!(
        response.errors[0].conflict.as_ref().unwrap().reason(),
        kvrpcpb::write_conflict::Reason::SelfRolledBack
    );
    // It counts as a rollback from then on.
    assert_eq!(cleanup(&storage, "a", 10, 0), CleanupResponse::default());
    assert_eq!(cleanup(&storage, "a", 5, 0).commit_version, 10);
}

#[test]
fn a_commit_upon_a_protected_rollback_keeps_it() {
    // An async commit may pick the timestamp at which another transaction on the key began.
    let storage = Storage::memory();
    let response = storage.prewrite(&async_request(20, &[put("a", "1"), put("b", "1")]));
    assert_eq!(response.min_commit_ts, 21);
    assert_eq!(cleanup(&storage, "b", 30, 0), CleanupResponse::default());
    assert_eq!(cleanup(&storage, "b", 20 - 1, 0), CleanupResponse::default());
    assert_eq!(lock_of(&storage, "b").unwrap().rollback_ts, [30]);
    must_commit(&storage, &["b"], 20, 30);
    assert_eq!(flags(&storage, "b"), [(30, false, true), (19, true, false)]);
    assert!(!prewrite(&storage, 30, &[put("b", "2")]).errors.is_empty());
}

#[test]
fn cleanup_respects_a_lock_that_has_not_expired() {
    let storage = Storage::memory();
    must_prewrite(&storage, ms(10), &[put("a", "1")]);
    let response = cleanup(&storage, "a", ms(10), ms(3010));
    assert_eq!(response.error.unwrap().locked.unwrap().lock_version, ms(10));
    assert_eq!(cleanup(&storage, "a", ms(10), ms(3011)), CleanupResponse::default());
    assert_eq!(lock_of(&storage, "a"), None);
    assert_eq!(flags(&storage, "a"), [(ms(10), true, false)]);
    assert_eq!(storage.max_ts(), ms(10));
}
