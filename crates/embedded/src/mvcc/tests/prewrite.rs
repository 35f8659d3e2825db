use tifusion_proto::kvrpcpb::{Assertion, AssertionLevel, Context, Op, write_conflict::Reason};

use super::*;

fn conflict(response: &PrewriteResponse) -> (Reason, u64, u64) {
    let [error] = &response.errors[..] else { panic!("{response:?}") };
    assert!(!error.retryable.is_empty());
    let conflict = error.conflict.as_ref().unwrap();
    (conflict.reason(), conflict.conflict_ts, conflict.conflict_commit_ts)
}

#[test]
fn values_of_any_length_come_back_after_the_commit() {
    let storage = Storage::memory();
    for (n, value) in
        [String::new(), "x".repeat(255), "x".repeat(256), "x".repeat(70_000)].iter().enumerate()
    {
        let key = n.to_string();
        must_put(&storage, &key, value, 5, 10);
        must_get(&storage, &key, 10, value);
    }
}

#[test]
fn a_repeated_prewrite_changes_nothing() {
    let storage = Storage::memory();
    must_prewrite(&storage, 5, &[put("a", "1"), put("b", "2")]);
    let lock = lock_of(&storage, "a");
    let mut repeated = prewrite_request(5, &[put("a", "other"), put("b", "2")]);
    repeated.lock_ttl = 1;
    assert_eq!(storage.prewrite(&repeated), PrewriteResponse::default());
    assert_eq!(lock_of(&storage, "a"), lock);
    must_commit(&storage, &["a", "b"], 5, 6);
    must_get(&storage, "a", 6, "1");
}

#[test]
fn a_repeated_prewrite_after_the_commit_locks_nothing() {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 5, 10);
    assert_eq!(prewrite(&storage, 5, &[put("a", "1")]), PrewriteResponse::default());
    assert_eq!(lock_of(&storage, "a"), None);
    // And not if another transaction locked the key since.
    must_prewrite(&storage, 15, &[put("a", "2")]);
    assert_eq!(prewrite(&storage, 5, &[put("a", "1")]), PrewriteResponse::default());
    assert_eq!(lock_of(&storage, "a").unwrap().start_ts, 15);
}

#[test]
fn another_transactions_locks_are_named_all_and_nothing_is_written() {
    let storage = Storage::memory();
    must_prewrite(&storage, 5, &[put("a", "1"), put("c", "1")]);
    let response = prewrite(&storage, 6, &[put("a", "2"), put("b", "2"), put("c", "2")]);
    let keys: Vec<_> =
        response.errors.iter().map(|error| error.locked.clone().unwrap().key).collect();
    assert_eq!(keys, [b"a".to_vec(), b"c".to_vec()]);
    assert_eq!(lock_of(&storage, "b"), None);
}

#[test]
fn a_newer_version_is_a_conflict() {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 5, 10);
    assert_eq!(
        conflict(&prewrite(&storage, 9, &[put("b", "x"), put("a", "2")])),
        (Reason::Optimistic, 5, 10)
    );
    assert_eq!(lock_of(&storage, "b"), None);
    // A commit at the start timestamp itself is not newer.
    must_prewrite(&storage, 10, &[put("a", "2")]);
    let mut unchecked = prewrite_request(7, &[put("b", "2")]);
    unchecked.skip_constraint_check = true;
    must_put(&storage, "b", "1", 8, 9);
    assert_eq!(storage.prewrite(&unchecked), PrewriteResponse::default());
}

#[test]
fn a_prewrite_after_the_rollback_fails() {
    let storage = Storage::memory();
    must_rollback(&storage, &["a"], 5);
    assert_eq!(conflict(&prewrite(&storage, 5, &[put("a", "1")])), (Reason::SelfRolledBack, 5, 5));
    // Another's rollback that is newer counts as a newer version.
    assert_eq!(conflict(&prewrite(&storage, 4, &[put("a", "1")])), (Reason::Optimistic, 5, 5));
    must_prewrite(&storage, 6, &[put("a", "1")]);
}

#[test]
fn inserts_and_checks_fail_on_a_key_that_exists() {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 5, 10);
    for op in [Op::Insert, Op::CheckNotExists] {
        let response = prewrite(&storage, 20, &[mutation(op, "a", "2")]);
        assert_eq!(response.errors[0].already_exist.as_ref().unwrap().key, b"a");
        assert_eq!(prewrite(&storage, 20, &[mutation(op, "new", "2")]).errors, []);
    }
    assert_eq!(storage.max_ts(), 20);
    // Behind a lock record and a rollback the value still counts.
    must_prewrite(&storage, 21, &[mutation(Op::Lock, "a", "")]);
    must_commit(&storage, &["a"], 21, 22);
    must_rollback(&storage, &["a"], 23);
    assert!(
        prewrite(&storage, 30, &[mutation(Op::Insert, "a", "2")]).errors[0].already_exist.is_some()
    );
    must_prewrite(&storage, 31, &[mutation(Op::Del, "a", "")]);
    must_commit(&storage, &["a"], 31, 32);
    must_prewrite(&storage, 40, &[mutation(Op::Insert, "a", "2")]);
    // A check leaves no lock.
    must_prewrite(&storage, 50, &[mutation(Op::CheckNotExists, "gone", "")]);
    assert_eq!(lock_of(&storage, "gone"), None);
}

#[test]
fn false_assertions_fail_by_their_level() {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 5, 10);
    let run = |key: &str, assertion: Assertion, level: AssertionLevel, skip: bool| {
        let mut request = prewrite_request(20, &[put(key, "2")]);
        request.mutations[0].set_assertion(assertion);
        request.set_assertion_level(level);
        request.skip_constraint_check = skip;
        let failed = storage.prewrite(&request).errors.into_iter().next();
        if failed.is_none() {
            must_rollback(&storage, &[key], 20);
            // For the next case without the record that the rollback leaves.
            storage.gc(20).unwrap();
        }
        failed.map(|error| {
            let failed = error.assertion_failed.unwrap();
            (failed.assertion(), failed.existing_start_ts, failed.existing_commit_ts)
        })
    };
    use Assertion::{Exist, NotExist};
    use AssertionLevel::{Fast, Off, Strict};
    for (key, assertion, level, skip, failed) in [
        ("a", Exist, Strict, false, None),
        ("a", NotExist, Strict, false, Some((NotExist, 5, 10))),
        ("a", NotExist, Fast, false, Some((NotExist, 5, 10))),
        ("a", NotExist, Off, false, None),
        ("b", Exist, Strict, false, Some((Exist, 0, 0))),
        ("b", NotExist, Strict, false, None),
        // Nothing was looked up, and a fast check looks nothing up for itself.
        ("b", Exist, Fast, true, None),
        ("b", Exist, Strict, true, Some((Exist, 0, 0))),
    ] {
        assert_eq!(
            run(key, assertion, level, skip),
            failed,
            "{key} {assertion:?} {level:?} {skip}"
        );
    }
}

#[test]
fn a_failed_assertion_gives_way_to_other_errors() {
    let storage = Storage::memory();
    must_put(&storage, "b", "1", 25, 30);
    let mut request = prewrite_request(20, &[put("a", "2"), put("b", "2")]);
    request.set_assertion_level(AssertionLevel::Strict);
    request.mutations[0].set_assertion(Assertion::Exist);
    assert_eq!(conflict(&storage.prewrite(&request)).0, Reason::Optimistic);
}

#[test]
fn async_commit_starts_above_every_read() {
    let storage = Storage::memory();
    must_get_none(&storage, "x", 100);
    let request = async_request(20, &[put("a", "1"), put("b", "2")]);
    let response = storage.prewrite(&request);
    assert_eq!((response.min_commit_ts, response.one_pc_commit_ts), (101, 0));
    let primary = lock_of(&storage, "a").unwrap();
    assert!(primary.use_async_commit);
    assert_eq!((primary.min_commit_ts, primary.secondaries), (101, vec![b"b".to_vec()]));
    let secondary = lock_of(&storage, "b").unwrap();
    assert!(secondary.use_async_commit && secondary.secondaries.is_empty());
    // Repeated, it says the same, although others have read since.
    must_get_none(&storage, "x", 200);
    assert_eq!(storage.prewrite(&request).min_commit_ts, 101);
    assert!(commit(&storage, &["a"], 20, 100).unwrap().commit_ts_expired.is_some());
    must_commit(&storage, &["a", "b"], 20, 101);
    assert_eq!(storage.prewrite(&request).min_commit_ts, 101);
    assert_eq!(lock_of(&storage, "a"), None);
}

#[test]
fn async_commit_respects_the_clients_own_bounds() {
    let storage = Storage::memory();
    let mut request = async_request(20, &[put("a", "1")]);
    request.min_commit_ts = 500;
    assert_eq!(storage.prewrite(&request).min_commit_ts, 500);
    let mut request = async_request(20, &[put("b", "1"), put("c", "1")]);
    request.max_commit_ts = 90;
    must_get_none(&storage, "x", 100);
    // Too late to commit by 90: two phases.
    let response = storage.prewrite(&request);
    assert_eq!((response.min_commit_ts, response.errors.len()), (0, 0));
    for key in ["b", "c"] {
        assert!(!lock_of(&storage, key).unwrap().use_async_commit);
    }
    assert_eq!(storage.prewrite(&request).min_commit_ts, 0);
}

#[test]
fn one_phase_commits_at_once_above_every_read() {
    let storage = Storage::memory();
    must_get_none(&storage, "x", 100);
    let request =
        one_pc_request(20, &[put("a", "1"), put("b", &long('b')), mutation(Op::Del, "c", "")]);
    let response = storage.prewrite(&request);
    assert_eq!((response.one_pc_commit_ts, response.errors.len()), (101, 0));
    assert_eq!(lock_of(&storage, "a"), None);
    must_get_none(&storage, "a", 100);
    must_get(&storage, "a", 101, "1");
    must_get(&storage, "b", 101, &long('b'));
    assert_eq!(outline(&storage, "c"), [(WriteKind::Delete, 20, 101)]);
    // Its answer lost, the request comes again.
    must_get(&storage, "a", 200, "1");
    assert_eq!(storage.prewrite(&request).one_pc_commit_ts, 101);
    assert_eq!(outline(&storage, "a"), [(WriteKind::Put, 20, 101)]);
}

#[test]
fn one_phase_falls_back_to_two() {
    let storage = Storage::memory();
    must_get_none(&storage, "x", 100);
    let mut request = one_pc_request(20, &[put("a", "1"), put("b", "2")]);
    request.max_commit_ts = 100;
    let response = storage.prewrite(&request);
    assert_eq!(
        (response.one_pc_commit_ts, response.min_commit_ts, response.errors.len()),
        (0, 0, 0)
    );
    for key in ["a", "b"] {
        assert_eq!(lock_of(&storage, key).unwrap().min_commit_ts, 0);
    }
    // Repeated with a higher bound it stays with its locks.
    request.max_commit_ts = 0;
    assert_eq!(storage.prewrite(&request).one_pc_commit_ts, 0);
    must_commit(&storage, &["a", "b"], 20, 110);
}

#[test]
fn one_phase_writes_nothing_if_a_key_is_locked() {
    let storage = Storage::memory();
    must_prewrite(&storage, 10, &[put("b", "1")]);
    let response = storage.prewrite(&one_pc_request(20, &[put("a", "1"), put("b", "2")]));
    assert_eq!((response.one_pc_commit_ts, response.errors.len()), (0, 1));
    assert_eq!((lock_of(&storage, "a"), records(&storage, "a").len()), (None, 0));
    // No lock stays in memory either.
    must_get_none(&storage, "a", 300);
}

#[test]
fn unknown_operations_are_refused_by_name() {
    let storage = Storage::memory();
    for (op, text) in [(Op::SharedLock, "shared locks"), (Op::Rollback, "mismatch Op")] {
        let error = &prewrite(&storage, 5, &[mutation(op, "a", "")]).errors[0];
        assert!(error.abort.contains(text), "{error:?}");
    }
}

#[test]
fn a_retry_flag_does_not_hinder_a_first_request() {
    let storage = Storage::memory();
    let mut request = prewrite_request(5, &[put("a", "1")]);
    request.context = Some(Context { is_retry_request: true, ..Context::default() });
    assert_eq!(storage.prewrite(&request), PrewriteResponse::default());
}
