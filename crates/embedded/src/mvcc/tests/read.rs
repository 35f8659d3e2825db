use std::ops::Range;

use tifusion_proto::kvrpcpb::{
    BatchGetRequest, Context, IsolationLevel, Op, ScanRequest, write_conflict::Reason,
};

use super::super::MvccError;
use super::super::{Blocked, ReadOptions, Rows};
use super::*;

fn isolated(isolation: IsolationLevel) -> Option<Context> {
    Some(Context { isolation_level: isolation.into(), ..Context::default() })
}

fn rows(storage: &Storage, ts: u64) -> super::super::Reader {
    storage.reader(ReadOptions { ts, ..ReadOptions::default() })
}

fn texts(pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<String> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    pairs.into_iter().map(|(key, value)| text(key) + "=" + &text(value)).collect()
}

/// a=1 at 10; b long at 10, deleted at 20; c=3 at 10, =4 at 20, locked for nothing at 30; d only rolled back; e=5 at
/// 20.
fn sample() -> Storage {
    let storage = Storage::memory();
    must_put(&storage, "a", "1", 5, 10);
    must_put(&storage, "b", &long('b'), 6, 10);
    must_put(&storage, "c", "3", 7, 10);
    must_prewrite(&storage, 15, &[mutation(Op::Del, "b", ""), put("c", "4")]);
    must_commit(&storage, &["b", "c"], 15, 20);
    must_put(&storage, "e", "5", 16, 20);
    must_prewrite(&storage, 25, &[mutation(Op::Lock, "c", "")]);
    must_commit(&storage, &["c"], 25, 30);
    must_rollback(&storage, &["c", "d"], 35);
    storage
}

#[test]
fn each_timestamp_has_its_versions() {
    let storage = sample();
    for (ts, expected) in [
        (9, vec![]),
        (10, vec!["a=1".to_owned(), "b=".to_owned() + &long('b'), "c=3".to_owned()]),
        (19, vec!["a=1".to_owned(), "b=".to_owned() + &long('b'), "c=3".to_owned()]),
        (20, vec!["a=1".to_owned(), "c=4".to_owned(), "e=5".to_owned()]),
        (u64::MAX, vec!["a=1".to_owned(), "c=4".to_owned(), "e=5".to_owned()]),
    ] {
        let mut reader = rows(&storage, ts);
        assert_eq!(texts(reader.scan(b"".as_slice()..b"", 99, false).unwrap()), expected);
        let mut reversed = texts(reader.scan(b"".as_slice()..b"", 99, true).unwrap());
        reversed.reverse();
        assert_eq!(reversed, expected);
        for key in ["a", "b", "c", "d", "e"] {
            let value = reader.get(key.as_bytes()).unwrap();
            let scanned = expected.iter().find_map(|pair| pair.strip_prefix(&format!("{key}=")));
            assert_eq!(value.as_deref(), scanned.map(str::as_bytes), "{key} at {ts}");
        }
    }
}

#[test]
fn a_scan_ends_at_its_range_and_limit() {
    let storage = sample();
    let mut reader = rows(&storage, 20);
    let mut scan = |range: Range<&str>, limit, descending| {
        texts(reader.scan(range.start.as_bytes()..range.end.as_bytes(), limit, descending).unwrap())
    };
    assert_eq!(scan("a".."c", 9, false), ["a=1"]);
    assert_eq!(scan("a".."c\0", 9, false), ["a=1", "c=4"]);
    assert_eq!(scan("a\0".."", 1, false), ["c=4"]);
    assert_eq!(scan("".."e", 1, true), ["c=4"]);
    assert_eq!(scan("".."", 0, true), [""; 0]);
    assert_eq!(scan("c".."a", 9, false), [""; 0]);
}

#[test]
fn a_reader_shows_what_was_there_when_it_was_made() {
    let storage = sample();
    let mut reader = rows(&storage, 100);
    must_put(&storage, "f", "6", 40, 50);
    assert_eq!(reader.get(b"f").unwrap(), None);
    assert_eq!(rows(&storage, 100).get(b"f").unwrap().unwrap(), b"6");
}

#[test]
fn a_lock_stops_snapshots_behind_its_start() {
    let storage = sample();
    must_prewrite(&storage, 40, &[put("c", "5")]);
    must_get(&storage, "c", 39, "4");
    let lock = must_be_locked(&storage, "c", 40);
    assert_eq!((lock.lock_version, lock.lock_ttl), (40, 3000));
    assert_eq!((lock.key, lock.primary_lock), (b"c".to_vec(), b"c".to_vec()));
    let mut reader = rows(&storage, 40);
    assert_eq!(texts(reader.scan(b"".as_slice()..b"c", 9, false).unwrap()), ["a=1"]);
    // The first key is all that was asked for: the lock behind it is no matter.
    assert_eq!(texts(reader.scan(b"".as_slice()..b"", 1, false).unwrap()), ["a=1"]);
    for descending in [false, true] {
        let blocked = reader.scan(b"".as_slice()..b"", 9, descending).unwrap_err();
        assert!(matches!(blocked, Blocked::Locked(info) if info.key == b"c"));
    }
}

#[test]
fn locks_that_write_nothing_and_pessimistic_ones_stop_nobody() {
    let storage = sample();
    must_prewrite(&storage, 40, &[mutation(Op::Lock, "c", "")]);
    must_get(&storage, "c", 100, "4");
}

#[test]
fn the_newest_read_passes_an_undecided_primary_only() {
    let storage = sample();
    must_prewrite(&storage, 40, &[put("a", "x"), put("c", "y")]);
    must_get(&storage, "a", u64::MAX, "1");
    must_be_locked(&storage, "c", u64::MAX);
    let storage = sample();
    assert!(storage.prewrite(&async_request(40, &[put("a", "x")])).min_commit_ts > 40);
    must_be_locked(&storage, "a", u64::MAX);
}

#[test]
fn resolved_locks_are_passed_and_committed_ones_read_through() {
    let storage = sample();
    must_prewrite(
        &storage,
        40,
        &[put("a", "new"), mutation(Op::Del, "c", ""), put("d", &long('d'))],
    );
    let options = ReadOptions { ts: 50, ..ReadOptions::default() };
    let mut passing = storage.reader(ReadOptions { resolved_locks: vec![40], ..options.clone() });
    let all = passing.scan(b"".as_slice()..b"", 99, false).unwrap();
    assert_eq!(texts(all), ["a=1", "c=4", "e=5"]);
    let mut through = storage.reader(ReadOptions { committed_locks: vec![40], ..options });
    let expected = ["a=new".to_owned(), "d=".to_owned() + &long('d'), "e=5".to_owned()];
    for limit in [3, 99] {
        let all = through.scan(b"".as_slice()..b"", limit, false).unwrap();
        assert_eq!(texts(all), expected);
    }
    assert_eq!(
        texts(through.scan(b"".as_slice()..b"", 2, true).unwrap()),
        [expected[2].clone(), expected[1].clone()]
    );
    assert_eq!(through.get(b"a").unwrap().unwrap(), b"new");
    assert_eq!(through.get(b"c").unwrap(), None);
}

#[test]
fn a_pushed_transaction_stops_nobody_below_its_least_commit_timestamp() {
    let storage = sample();
    let mut request = prewrite_request(40, &[put("c", "5")]);
    request.min_commit_ts = 60;
    assert!(storage.prewrite(&request).errors.is_empty());
    must_get(&storage, "c", 59, "4");
    must_be_locked(&storage, "c", 60);
}

#[test]
fn read_committed_passes_locks_and_check_ts_fails_on_newer_versions() {
    let storage = sample();
    must_prewrite(&storage, 40, &[put("c", "5")]);
    let read = |isolation, key: &str, version| {
        let context = isolated(isolation);
        storage.get(&GetRequest { context, key: key.into(), version, need_commit_ts: true })
    };
    let committed = read(IsolationLevel::Rc, "c", 50);
    assert_eq!((&committed.value[..], committed.commit_ts, committed.error), (&b"4"[..], 20, None));
    let conflict = read(IsolationLevel::RcCheckTs, "c", 50).error.unwrap().conflict.unwrap();
    assert_eq!((conflict.reason(), conflict.conflict_ts), (Reason::RcCheckTs, 40));
    let conflict = read(IsolationLevel::RcCheckTs, "e", 19).error.unwrap().conflict.unwrap();
    assert_eq!((conflict.reason(), conflict.conflict_commit_ts), (Reason::RcCheckTs, 20));
    assert_eq!(&read(IsolationLevel::RcCheckTs, "e", 20).value[..], b"5");
    for descending in [false, true] {
        let mut reader = storage.reader(ReadOptions {
            ts: 19,
            isolation: IsolationLevel::RcCheckTs,
            ..ReadOptions::default()
        });
        let blocked = reader.scan(b"d".as_slice()..b"", 9, descending).unwrap_err();
        assert!(matches!(blocked, Blocked::Engine(text) if text.contains("write conflict")));
    }
}

#[test]
fn a_scan_request_shows_locked_keys_in_their_place() {
    let storage = sample();
    must_prewrite(&storage, 40, &[put("b", "x"), put("c", "y")]);
    let request = ScanRequest { limit: 3, version: 50, ..ScanRequest::default() };
    let shape = |request: &ScanRequest| -> Vec<String> {
        let response = storage.scan(request);
        assert_eq!(response.error, None);
        let shape = response.pairs.into_iter().map(|pair| match pair.error {
            Some(error) => format!("!{}", String::from_utf8(error.locked.unwrap().key).unwrap()),
            None => {
                String::from_utf8(pair.key).unwrap()
                    + "="
                    + std::str::from_utf8(&pair.value).unwrap()
            }
        });
        shape.collect()
    };
    assert_eq!(shape(&request), ["a=1", "!b", "!c"]);
    assert_eq!(
        shape(&ScanRequest { key_only: true, limit: 9, ..request.clone() }),
        ["a=", "!b", "!c", "e="]
    );
    let reversed = ScanRequest { reverse: true, start_key: b"d".to_vec(), ..request.clone() };
    assert_eq!(shape(&reversed), ["!c", "!b", "a=1"]);
    assert_eq!(shape(&ScanRequest { sample_step: 2, limit: 9, ..request }), ["a=1", "!c"]);
}

#[test]
fn a_batch_of_keys_keeps_their_order_and_leaves_missing_ones_out() {
    let storage = sample();
    must_prewrite(&storage, 40, &[put("c", "y")]);
    let keys = ["e", "x", "c", "a"].map(|key| key.as_bytes().to_vec()).to_vec();
    let request =
        BatchGetRequest { keys, version: 50, need_commit_ts: true, ..BatchGetRequest::default() };
    let response = storage.batch_get(&request);
    assert_eq!(response.pairs.len(), 3);
    assert_eq!((&response.pairs[0].value[..], response.pairs[0].commit_ts), (&b"5"[..], 20));
    assert_eq!(response.pairs[1].error.as_ref().unwrap().locked.as_ref().unwrap().key, b"c");
    assert_eq!(&response.pairs[2].key, b"a");
}

#[test]
fn a_read_moves_the_newest_timestamp_read_at() {
    let storage = sample();
    must_get_none(&storage, "x", 77);
    assert_eq!(storage.max_ts(), 77);
    must_get_none(&storage, "x", u64::MAX);
    assert_eq!(storage.max_ts(), 77);
}

#[test]
fn ingested_pairs_are_committed() {
    let storage = sample();
    let pairs = (0..20_000).map(|n| (format!("r{n:05}").into_bytes(), vec![b'v'; n % 600]));
    must_ingest(&storage, pairs, 90);
    let mut reader = rows(&storage, 90);
    let all = reader.scan(b"r".as_slice()..b"s", usize::MAX, false).unwrap();
    assert_eq!(all.len(), 20_000);
    assert!(all.iter().enumerate().all(|(n, (_, value))| value.len() == n % 600));
    assert_eq!(rows(&storage, 89).scan(b"r".as_slice()..b"s", 9, false).unwrap(), []);
}

#[test]
fn a_load_is_refused_as_a_whole() {
    let storage = sample();
    must_prewrite(&storage, 30, &[put("locked", "x")]);
    let load = |key: &str, start_ts, is_new: fn(&[u8]) -> bool| {
        let pairs = ["a0", key].map(|key| (key.as_bytes().to_vec(), b"v".to_vec())).to_vec();
        storage.ingest(pairs, Ingest { start_ts, is_new }, || start_ts + 1).unwrap_err()
    };
    assert!(matches!(load("a", 300, |_| true), MvccError::AlreadyExist { key } if key == b"a"));
    assert!(matches!(load("a", 5, |_| false), MvccError::WriteConflict(_)));
    assert!(matches!(load("locked", 300, |_| false), MvccError::Locked(_)));
    must_get_none(&storage, "a0", u64::MAX);
}

#[test]
fn a_snapshot_behind_a_load_meets_its_locks() {
    let storage = Storage::memory();
    let pairs = ["a", "b"].map(|key| (key.as_bytes().to_vec(), b"v".to_vec())).to_vec();
    let load = Ingest { start_ts: 10, is_new: |_| true };
    let commit_ts = storage.ingest(pairs, load, || {
        assert!(matches!(rows(&storage, 21).get(b"b"), Err(Blocked::Locked(_))));
        assert_eq!(rows(&storage, 9).get(b"b").unwrap(), None);
        20
    });
    assert_eq!(commit_ts.unwrap(), 20);
    must_get(&storage, "b", 21, "v");
    must_get_none(&storage, "b", 19);
}

#[test]
fn a_reader_tells_whether_what_it_read_can_be_cached() {
    let storage = sample();
    let newer = |ts, keys: Range<&str>| {
        [true, false].map(|descending| {
            let mut reader = rows(&storage, ts);
            reader.scan(keys.start.as_bytes()..keys.end.as_bytes(), 99, descending).unwrap();
            reader.met_newer_ts_data()
        })
    };
    assert_eq!(newer(100, "".."z"), [false; 2]);
    assert_eq!(newer(19, "a".."b"), [false; 2]);
    assert_eq!(newer(19, "e".."f"), [true; 2]);
    must_prewrite(&storage, 200, &[put("a", "x")]);
    assert_eq!(newer(100, "a".."b"), [true; 2]);
    for (key, ts, expected) in
        [("a", 100, true), ("e", 100, false), ("e", 19, true), ("x", 19, false)]
    {
        let mut reader = rows(&storage, ts);
        reader.get(key.as_bytes()).unwrap();
        assert_eq!(reader.met_newer_ts_data(), expected, "{key} at {ts}");
    }
}

#[test]
fn a_store_is_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn sent<T: Send>(_: &T) {}
    let storage = sample();
    shared(&storage);
    sent(&rows(&storage, 1));
}
