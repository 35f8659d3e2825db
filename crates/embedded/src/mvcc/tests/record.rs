use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::super::key;
use super::super::lock::LockKind;
use super::*;
use crate::engine::Column;

fn bytes(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=longest)
}

fn lock() -> impl Strategy<Value = Lock> {
    let kind = proptest::sample::select(vec![
        LockKind::Put,
        LockKind::Delete,
        LockKind::Lock,
        LockKind::Pessimistic,
    ]);
    let head = (kind, bytes(20), any::<u64>(), any::<u64>(), option::of(bytes(255)));
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>());
    let rest = (option::of(vec(bytes(9), 0..4)), vec(any::<u64>(), 0..4), any::<bool>());
    (head, numbers, rest).prop_map(|(head, numbers, rest)| Lock {
        kind: head.0,
        primary: head.1,
        start_ts: head.2,
        ttl: head.3,
        short_value: head.4,
        for_update_ts: numbers.0,
        txn_size: numbers.1,
        min_commit_ts: numbers.2,
        use_async_commit: rest.0.is_some(),
        secondaries: rest.0.unwrap_or_default(),
        rollback_ts: rest.1,
        locked_with_conflict: rest.2,
        use_one_pc: false,
    })
}

fn write() -> impl Strategy<Value = Write> {
    let kind = proptest::sample::select(vec![
        WriteKind::Put,
        WriteKind::Delete,
        WriteKind::Lock,
        WriteKind::Rollback,
    ]);
    (kind, any::<u64>(), option::of(bytes(255)), any::<bool>()).prop_map(
        |(kind, start_ts, short_value, has_overlapped_rollback)| Write {
            kind,
            start_ts,
            short_value,
            has_overlapped_rollback,
        },
    )
}

proptest! {
    #[test]
    fn locks_come_back_from_their_bytes(lock in lock()) {
        prop_assert_eq!(Lock::parse(&lock.to_bytes()).unwrap(), lock);
    }

    #[test]
    fn records_come_back_from_their_bytes(write in write()) {
        prop_assert_eq!(Write::parse(&write.to_bytes()).unwrap(), write);
    }

    #[test]
    fn bytes_cut_short_or_of_something_else_are_errors_or_values(
        lock in lock(), write in write(), cut in 0_usize..40, any in bytes(60),
    ) {
        for bytes in [lock.to_bytes(), write.to_bytes(), any] {
            let bytes = &bytes[..bytes.len().saturating_sub(cut)];
            if let Ok(lock) = Lock::parse(bytes) {
                prop_assert_eq!(Lock::parse(&lock.to_bytes()).unwrap(), lock);
            }
            if let Ok(write) = Write::parse(bytes) {
                prop_assert_eq!(Write::parse(&write.to_bytes()).unwrap(), write);
            }
        }
    }

    #[test]
    fn keys_keep_their_order_and_versions_come_newest_first(
        a in bytes(20), b in bytes(20), s in any::<u64>(), t in any::<u64>(),
    ) {
        let order = key::versioned(&a, s).cmp(&key::versioned(&b, t));
        prop_assert_eq!(order, a.cmp(&b).then(t.cmp(&s)));
        let version = key::versioned(&a, s);
        let (user, ts) = key::split_version(Column::Write, &version).unwrap();
        prop_assert_eq!((key::raw(Column::Write, user).unwrap(), ts), (a, s));
    }
}

#[test]
fn records_have_the_bytes_of_tikv() {
    let write = Write::of_lock(LockKind::Put, 5, Some(b"v".to_vec())).unwrap();
    assert_eq!(write.to_bytes(), b"P\x05v\x01v");
    assert_eq!(Write::rollback(300, true).to_bytes(), b"R\xac\x02v\x01p");
    let storage = Storage::memory();
    let mut request = prewrite_request(5, &[put("k", "v")]);
    request.lock_ttl = 3;
    request.txn_size = 1;
    storage.prewrite(&request);
    // Kind, length of the primary as a signed integer, primary, start, time to live; then the fields.
    let expected = b"P\x02k\x05\x03v\x01vt\0\0\0\0\0\0\0\x01";
    let stored = view(&storage).get(Column::Lock, &key::encoded(b"k")).unwrap().unwrap();
    assert_eq!(stored, expected);
}

#[test]
fn a_damaged_entry_is_an_error_that_names_it() {
    let storage = Storage::memory();
    for (column, key) in
        [(Column::Lock, key::encoded(b"a")), (Column::Write, key::versioned(b"b", 5))]
    {
        let mut batch = crate::engine::Batch::default();
        batch.put(column, key, b"?".to_vec());
        storage.write(batch).unwrap();
    }
    for (key, column) in [("a", "Lock"), ("b", "Write")] {
        let error = get(&storage, key, 10).unwrap_err();
        assert!(error.abort.contains(column) && error.abort.contains("bad entry"), "{error:?}");
    }
}
