use tifusion_proto::kvrpcpb::{DeleteRangeRequest, MvccGetByKeyRequest};

use super::*;
use crate::engine::Column;

fn delete(storage: &Storage, key: &str, start_ts: u64, commit_ts: u64) {
    must_prewrite(storage, start_ts, &[mutation(Op::Del, key, "")]);
    must_commit(storage, &[key], start_ts, commit_ts);
}

#[test]
fn only_what_a_snapshot_at_the_safe_point_shows_is_left() {
    let storage = Storage::memory();
    for (start_ts, commit_ts) in [(10, 11), (20, 21), (30, 31)] {
        must_put(&storage, "a", &long('a'), start_ts, commit_ts);
    }
    must_put(&storage, "b", "b", 10, 11);
    must_put(&storage, "b", "b", 20, 21);
    must_rollback(&storage, &["a"], 22);
    delete(&storage, "b", 24, 25);
    must_put(&storage, "b", "b", 30, 31);
    must_prewrite(&storage, 26, &[mutation(Op::Lock, "c", "")]);
    must_commit(&storage, &["c"], 26, 27);
    assert_eq!(storage.gc(29).unwrap(), 6);
    use WriteKind::Put;
    assert_eq!(outline(&storage, "a"), [(Put, 30, 31), (Put, 20, 21)]);
    assert_eq!(outline(&storage, "b"), [(Put, 30, 31)]);
    assert_eq!(outline(&storage, "c"), []);
    let value = |start_ts| {
        view(&storage).get(Column::Default, &super::super::key::versioned(b"a", start_ts))
    };
    assert_eq!(value(10).unwrap(), None);
    must_get(&storage, "a", 29, &long('a'));
    must_get_none(&storage, "b", 29);
    must_get(&storage, "b", 31, "b");
    assert_eq!(storage.gc(29).unwrap(), 0);
}

#[test]
fn more_records_than_are_looked_at_at_a_time() {
    let storage = Storage::memory();
    for commit_ts in [10, 20, 30] {
        let pairs = (0..5000).map(|n| (format!("k{n:05}").into_bytes(), b"v".to_vec()));
        must_ingest(&storage, pairs, commit_ts);
    }
    assert_eq!(storage.gc(25).unwrap(), 5000);
    assert_eq!(storage.gc(30).unwrap(), 5000);
    must_get(&storage, "k04999", 30, "v");
}

#[test]
fn a_deleted_range_is_empty() {
    let storage = Storage::memory();
    for key in ["a", "b", "c"] {
        must_put(&storage, key, &long('v'), 5, 10);
    }
    must_prewrite(&storage, 20, &[put("b", &long('w'))]);
    let mut request = DeleteRangeRequest {
        start_key: b"b".to_vec(),
        end_key: b"c".to_vec(),
        notify_only: true,
        ..DeleteRangeRequest::default()
    };
    storage.delete_range(&request);
    must_get(&storage, "b", 10, &long('v'));
    request.notify_only = false;
    assert_eq!(storage.delete_range(&request).error, "");
    must_get_none(&storage, "b", 100);
    must_get(&storage, "a", 100, &long('v'));
    must_get(&storage, "c", 100, &long('v'));
}

#[test]
fn a_key_shows_all_that_is_known_of_it() {
    let storage = Storage::memory();
    must_put(&storage, "a", &long('v'), 5, 10);
    delete(&storage, "a", 11, 12);
    storage.prewrite(&async_request(20, &[put("a", "x"), put("b", "y")]));
    let request = MvccGetByKeyRequest { key: b"a".to_vec(), ..MvccGetByKeyRequest::default() };
    let info = storage.mvcc_get_by_key(&request).info.unwrap();
    let lock = info.lock.unwrap();
    assert_eq!(
        (lock.start_ts, &lock.short_value[..], lock.secondaries),
        (20, &b"x"[..], vec![b"b".to_vec()])
    );
    let writes: Vec<_> =
        info.writes.iter().map(|write| (write.r#type(), write.start_ts, write.commit_ts)).collect();
    assert_eq!(writes, [(Op::Del, 11, 12), (Op::Put, 5, 10)]);
    assert_eq!((info.values.len(), info.values[0].start_ts), (1, 5));
}
