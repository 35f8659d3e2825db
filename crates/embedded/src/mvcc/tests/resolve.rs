use tifusion_proto::kvrpcpb::{ResolveLockRequest, ResolveLockResponse, ScanLockRequest, TxnInfo};

use super::*;

/// Three transactions that left locks: 5 on a to c, 6 on d, 7 on e.
fn left_behind() -> Storage {
    let storage = Storage::memory();
    must_prewrite(&storage, 5, &[put("a", "1"), put("b", "1"), put("c", "1")]);
    must_prewrite(&storage, 6, &[put("d", "1")]);
    must_prewrite(&storage, 7, &[put("e", "1")]);
    storage
}

fn held(storage: &Storage) -> String {
    ["a", "b", "c", "d", "e"].into_iter().filter(|key| lock_of(storage, key).is_some()).collect()
}

fn resolve(storage: &Storage, request: ResolveLockRequest) {
    for _ in 0..2 {
        assert_eq!(storage.resolve_lock(&request), ResolveLockResponse::default());
    }
}

#[test]
fn all_locks_of_a_transaction_are_committed_or_rolled_back() {
    for (commit_version, kind) in [(9, WriteKind::Put), (0, WriteKind::Rollback)] {
        let storage = left_behind();
        resolve(
            &storage,
            ResolveLockRequest {
                start_version: 5,
                commit_version,
                ..ResolveLockRequest::default()
            },
        );
        assert_eq!(held(&storage), "de");
        assert_eq!(records(&storage, "b")[0].1.kind, kind);
    }
}

#[test]
fn locks_on_given_keys_only() {
    let storage = left_behind();
    let keys = vec![b"b".to_vec(), b"c".to_vec()];
    resolve(
        &storage,
        ResolveLockRequest {
            start_version: 5,
            commit_version: 9,
            keys,
            ..ResolveLockRequest::default()
        },
    );
    assert_eq!(held(&storage), "ade");
}

#[test]
fn locks_of_many_transactions_by_their_fate() {
    let storage = left_behind();
    let txn_infos = [(5, 9), (7, 0)]
        .map(|(txn, status)| TxnInfo { txn, status, ..TxnInfo::default() })
        .to_vec();
    resolve(&storage, ResolveLockRequest { txn_infos, ..ResolveLockRequest::default() });
    assert_eq!(held(&storage), "d");
    must_get(&storage, "c", 9, "1");
    assert_eq!(outline(&storage, "e"), [(WriteKind::Rollback, 7, 7)]);
}

#[test]
fn only_the_locks_of_one_region() {
    let storage = left_behind();
    let request = ResolveLockRequest { start_version: 5, ..ResolveLockRequest::default() };
    storage.resolve_lock_within(&request, b"b".as_slice()..b"c".as_slice());
    assert_eq!(held(&storage), "acde");
}

#[test]
fn more_locks_than_are_resolved_at_a_time() {
    let storage = Storage::memory();
    let mutations: Vec<_> = (0..1000).map(|n| put(&format!("k{n:04}"), "1")).collect();
    must_prewrite(&storage, 5, &mutations);
    resolve(
        &storage,
        ResolveLockRequest { start_version: 5, commit_version: 6, ..ResolveLockRequest::default() },
    );
    for n in [0, 255, 256, 512, 999] {
        must_get(&storage, &format!("k{n:04}"), 6, "1");
    }
}

#[test]
fn a_fate_that_contradicts_the_records_is_an_error() {
    let storage = left_behind();
    let keys = vec![b"x".to_vec()];
    let request = ResolveLockRequest {
        start_version: 5,
        commit_version: 9,
        keys,
        ..ResolveLockRequest::default()
    };
    assert!(storage.resolve_lock(&request).error.unwrap().txn_lock_not_found.is_some());
    let request =
        ResolveLockRequest { start_version: 5, commit_version: 4, ..ResolveLockRequest::default() };
    assert!(storage.resolve_lock(&request).error.unwrap().abort.contains("InvalidTxnTso"));
    assert_eq!(held(&storage), "abcde");
}

#[test]
fn locks_are_listed_by_age_range_and_limit() {
    let storage = left_behind();
    let keys = |max_version, start: &str, end: &str, limit| -> String {
        let (start_key, end_key) = (start.into(), end.into());
        let request = ScanLockRequest {
            max_version,
            start_key,
            end_key,
            limit,
            ..ScanLockRequest::default()
        };
        let response = storage.scan_lock(&request);
        assert_eq!(response.error, None);
        response.locks.into_iter().map(|lock| String::from_utf8(lock.key).unwrap()).collect()
    };
    assert_eq!(keys(100, "", "", 0), "abcde");
    assert_eq!(keys(6, "", "", 0), "abcd");
    assert_eq!(keys(5, "b", "e", 0), "bc");
    assert_eq!(keys(100, "b", "", 3), "bcd");
    assert_eq!(storage.max_ts(), 100);
}
