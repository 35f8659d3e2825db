//! The checks of invariants find what they look for: each violation is put into the engine by hand.

use super::super::invariants::Violation;
use super::super::key;
use super::*;
use crate::engine::{Batch, Column};

const KEY: &str = "k";

/// A store with a good transaction on another key, and these entries.
fn store(entries: impl FnOnce(&mut Batch)) -> Storage {
    let storage = Storage::memory();
    must_put(&storage, "other", &long('o'), 1, 2);
    let mut batch = Batch::default();
    entries(&mut batch);
    storage.shared.engine.write(batch).unwrap();
    storage
}

fn record(batch: &mut Batch, key: &str, commit_ts: u64, write: &Write) {
    batch.put(Column::Write, key::versioned(key.as_bytes(), commit_ts), write.to_bytes());
}

fn write(kind: WriteKind, start_ts: u64, value: Option<&str>) -> Write {
    let short_value = value.map(|value| value.as_bytes().to_vec());
    Write { kind, start_ts, short_value, has_overlapped_rollback: false }
}

fn short(start_ts: u64) -> Write {
    write(WriteKind::Put, start_ts, Some("v"))
}

fn raw(key: &str) -> Vec<u8> {
    key.as_bytes().to_vec()
}

#[test]
fn a_sound_store_has_no_violations() {
    let storage = store(|batch| {
        record(batch, KEY, 10, &short(9));
        record(batch, KEY, 12, &write(WriteKind::Delete, 11, None));
        record(batch, KEY, 13, &Write::rollback(13, true));
    });
    must_prewrite(&storage, 20, &[put(KEY, &long('k'))]);
    assert_eq!(storage.check_invariants().unwrap(), []);
}

#[test]
fn a_lock_beside_a_record_of_its_transaction_is_found() {
    let storage = store(|_| {});
    must_prewrite(&storage, 20, &[put(KEY, "v")]);
    let mut batch = Batch::default();
    record(&mut batch, KEY, 21, &short(20));
    storage.shared.engine.write(batch).unwrap();
    let found = Violation::LockAndWrite { key: raw(KEY), start_ts: 20, commit_ts: 21 };
    assert_eq!(storage.check_invariants().unwrap(), [found]);
}

#[test]
fn two_records_of_a_transaction_on_a_key_are_found_and_that_it_ended_twice() {
    let storage = store(|batch| {
        record(batch, KEY, 21, &short(20));
        record(batch, KEY, 22, &short(20));
    });
    let found = storage.check_invariants().unwrap();
    let ends = [21, 22].into();
    let expected = [
        Violation::TwoWrites { key: raw(KEY), start_ts: 20 },
        Violation::TwoEnds { start_ts: 20, ends },
    ];
    assert_eq!(found, expected);
}

#[test]
fn values_that_are_missing_or_nobodys_are_found() {
    let storage = store(|batch| {
        record(batch, KEY, 21, &write(WriteKind::Put, 20, None));
        batch.put(Column::Default, key::versioned(b"x", 30), b"v".to_vec());
    });
    must_prewrite(&storage, 40, &[put("y", &long('y'))]);
    let mut batch = Batch::default();
    batch.delete(Column::Default, key::versioned(b"y", 40));
    storage.shared.engine.write(batch).unwrap();
    let expected = [
        Violation::NoValue { key: raw(KEY), start_ts: 20 },
        Violation::NoValue { key: raw("y"), start_ts: 40 },
        Violation::OrphanValue { key: raw("x"), start_ts: 30 },
    ];
    assert_eq!(storage.check_invariants().unwrap(), expected);
}

#[test]
fn records_that_are_not_behind_their_start_are_found() {
    let storage = store(|batch| {
        record(batch, KEY, 20, &short(20));
        record(batch, "r", 31, &Write::rollback(30, false));
    });
    let expected = [
        Violation::Misplaced { key: raw(KEY), start_ts: 20, commit_ts: 20 },
        Violation::Misplaced { key: raw("r"), start_ts: 30, commit_ts: 31 },
    ];
    assert_eq!(storage.check_invariants().unwrap(), expected);
}

#[test]
fn a_transaction_that_ended_differently_on_two_keys_is_found() {
    let two_commits = store(|batch| {
        record(batch, "a", 21, &short(20));
        record(batch, "b", 22, &short(20));
    });
    let ends = [21, 22].into();
    assert_eq!(
        two_commits.check_invariants().unwrap(),
        [Violation::TwoEnds { start_ts: 20, ends }]
    );
    let both = store(|batch| {
        record(batch, "a", 21, &short(20));
        record(batch, "b", 20, &Write::rollback(20, true));
    });
    let ends = [0, 21].into();
    assert_eq!(both.check_invariants().unwrap(), [Violation::TwoEnds { start_ts: 20, ends }]);
    let overlapped = store(|batch| {
        record(batch, "a", 21, &short(20));
        let other = Write { has_overlapped_rollback: true, ..short(19) };
        record(batch, "b", 20, &other);
    });
    let ends = [0, 21].into();
    assert_eq!(overlapped.check_invariants().unwrap(), [Violation::TwoEnds { start_ts: 20, ends }]);
}
