//! Tests of keys.

use proptest::prelude::*;

use super::*;
use crate::datum::encode_key;
use crate::test_vectors::{hex, rows};

const VECTORS: &str = include_str!("../../testdata/key.txt");

fn numbers(text: &str) -> Vec<i64> {
    text.split(',').map(|number| number.parse().unwrap()).collect()
}

#[test]
fn keys_are_those_of_tidb() {
    for row in rows(VECTORS) {
        let key = hex(row[2]);
        let ids = if matches!(row[0], "common" | "next") || row[1] == "-" {
            vec![]
        } else {
            numbers(row[1])
        };
        let made = match row[0] {
            "table" => table_prefix(ids[0]),
            "records" => record_prefix(ids[0]),
            "record" => encode_record_key(ids[0], &Handle::Int(ids[1])),
            "index" => index_prefix(ids[0], ids[1]),
            "scan-start" => int_handle_range(ids[0], i64::MIN, i64::MAX).0,
            "scan-end" => int_handle_range(ids[0], i64::MIN, i64::MAX).1,
            "common" => encode_record_key(45, &Handle::common(hex(row[1]))),
            "next" => prefix_next(&hex(row[1])),
            "schema-version" => meta::schema_version_key(),
            "schema-diff" => meta::schema_diff_key(ids[0]),
            "bootstrap" => meta::bootstrap_key(),
            "global-id" => meta::next_global_id_key(),
            "databases" => meta::databases_range().0,
            "database" => meta::database_key(ids[0]),
            "db-fields" => meta::database_fields_range(ids[0]).0,
            "db-table" => meta::table_key(ids[0], ids[1]),
            "db-tid" => meta::auto_table_id_key(ids[0], ids[1]),
            other => panic!("{other}"),
        };
        assert_eq!(made, key, "{row:?}");
    }
}

#[test]
fn record_keys_of_tidb_are_decoded() {
    for row in rows(VECTORS).filter(|row| row[0] == "record") {
        let ids = numbers(row[1]);
        assert_eq!(decode_record_key(&hex(row[2])), Ok((ids[0], Handle::Int(ids[1]))));
    }
    for row in rows(VECTORS).filter(|row| row[0] == "common") {
        let handle = Handle::common(hex(row[1]));
        assert_eq!(decode_record_key(&hex(row[2])), Ok((45, handle.clone())));
        let mut rest = &hex(row[1])[..];
        for datum in handle.datums().unwrap() {
            assert_eq!(datum, datum::decode_one(&mut rest).unwrap());
        }
        assert!(rest.is_empty());
    }
}

#[test]
fn a_table_holds_its_rows_and_indexes_and_no_others() {
    let inside = |key: &[u8], (start, end): (Vec<u8>, Vec<u8>)| *start <= *key && *key < *end;
    for id in [0, 1, 45, 255, -1, i64::MIN, i64::MAX - 1] {
        for handle in [i64::MIN, -1, 0, i64::MAX] {
            let key = encode_record_key(id, &Handle::Int(handle));
            assert!(inside(&key, record_range(id)) && inside(&key, table_range(id)));
            assert!(inside(&key, int_handle_range(id, handle, handle)));
            assert!(inside(&key, int_handle_range(id, i64::MIN, i64::MAX)));
            assert!(!inside(&key, record_range(id + 1)) && !inside(&key, table_range(id + 1)));
            assert!(!inside(&key, index_range(id, 1)));
        }
        let common = encode_record_key(id, &Handle::Common(vec![0xff; 20]));
        assert!(inside(&common, record_range(id)));
        let mut entry = index_prefix(id, 7);
        entry.extend_from_slice(&[0xff; 20]);
        assert!(inside(&entry, index_range(id, 7)) && inside(&entry, table_range(id)));
        assert!(!inside(&entry, index_range(id, 8)) && !inside(&entry, record_range(id)));
    }
}

#[test]
fn the_last_table_and_index_have_an_end() {
    let (start, end) = table_range(i64::MAX);
    assert!(start < end && end == b"u\0\0\0\0\0\0\0\0");
    let (start, end) = index_range(1, i64::MAX);
    assert!(start < end && end > record_prefix(0) && end < record_prefix(1));
}

#[test]
fn a_range_of_handles_ends_where_it_says() {
    let (start, end) = int_handle_range(45, -5, 7);
    let key = |handle| encode_record_key(45, &Handle::Int(handle));
    assert_eq!((start, &end), (key(-5), &key(8)));
    assert!(key(7) < end);
    let (_, end) = int_handle_range(45, 0, i64::MAX);
    assert!(key(i64::MAX) < end && end < record_range(45).1);
}

#[test]
fn handles_take_their_form_from_their_length() {
    assert_eq!(Handle::common(vec![3]), Handle::Common(vec![3, 0, 0, 0, 0, 0, 0, 0, 0]));
    let mut out = Vec::new();
    Handle::Int(1).encode_in_index(&mut out);
    assert_eq!(out, [3, 0x80, 0, 0, 0, 0, 0, 0, 1]);
    out.clear();
    Handle::Common(vec![1, 2, 3]).encode_in_index(&mut out);
    assert_eq!(out, [1, 2, 3]);
    assert_eq!(Handle::decode(&[0x80, 0, 0, 0, 0, 0, 0, 1]), Ok(Handle::Int(1)));
    assert!(Handle::decode(&[]).is_err());
    assert!(Handle::decode(&[99; 9]).is_err());
    assert_eq!(Handle::Int(5).datums(), Ok(vec![Datum::Int(5)]));
}

#[test]
fn keys_of_other_kinds_are_refused() {
    for (key, message) in [
        (b"".to_vec(), "table key: 1 more bytes needed, 0 left"),
        (b"x".to_vec(), "table key: it does not start with t"),
        (table_prefix(1), "table key: 2 more bytes needed, 0 left"),
        ([&table_prefix(1)[..], b"_x"].concat(), "table key: neither _r nor _i after the table id"),
        (record_prefix(1), "record key: no handle"),
        (index_prefix(1, 2), "record key: it is an index key"),
    ] {
        assert_eq!(decode_record_key(&key).unwrap_err().to_string(), message);
        let mut rest = &key[..];
        if decode_head(&mut rest).is_err() {
            assert_eq!(rest, key);
        }
    }
    let record = encode_record_key(1, &Handle::Int(2));
    let error = decode_index_key(&record).unwrap_err();
    assert_eq!(error.to_string(), "index key: it is a record key");
    let entry = [&index_prefix(1, 2)[..], &[0]].concat();
    assert_eq!(decode_index_key(&entry), Ok((1, 2, &[0][..])));
}

#[test]
fn region_boundaries_are_encoded_keys() {
    assert_eq!(region_key(b""), b"");
    assert_eq!(from_region_key(b""), Ok(vec![]));
    assert_eq!(region_key(b"t"), b"t\0\0\0\0\0\0\0\xf8");
    assert_eq!(from_region_key(b"t\0\0\0\0\0\0\0\xf8"), Ok(b"t".to_vec()));
    assert!(from_region_key(b"t").is_err());
    let error = from_region_key(b"t\0\0\0\0\0\0\0\xf8x").unwrap_err();
    assert_eq!(error.to_string(), "region key: 1 bytes too many");
}

#[test]
fn meta_keys_are_taken_apart() {
    assert_eq!(
        meta::decode(&meta::table_key(2, 104)),
        Ok(meta::MetaKey::Hash { name: b"DB:2".to_vec(), field: b"Table:104".to_vec() })
    );
    assert_eq!(
        meta::decode(&meta::schema_diff_key(9)),
        Ok(meta::MetaKey::String(b"Diff:9".to_vec()))
    );
    assert_eq!(meta::decode_hash_field(&meta::database_key(2)), Ok(b"DB:2".to_vec()));
    for (key, message) in [
        (meta::schema_version_key(), "meta key: it is a string's"),
        (b"".to_vec(), "meta key: it does not start with m"),
        (b"t123".to_vec(), "meta key: it does not start with m"),
        (b"m".to_vec(), "bytes: 8 more bytes needed, 0 left"),
        ([&meta::database_key(2)[..], b"x"].concat(), "meta key: 1 bytes too many"),
        (
            [b"m" as &[u8], &region_key(b"DBs"), &u64::from(b'H').to_be_bytes()].concat(),
            "meta key: type 72",
        ),
    ] {
        assert_eq!(meta::decode_hash_field(&key).unwrap_err().to_string(), message);
    }
}

#[test]
fn the_tables_of_a_database_are_a_range() {
    let inside = |key: &[u8], (start, end): (Vec<u8>, Vec<u8>)| *start <= *key && *key < *end;
    for table in [0, 1, 9, 10, 104, 99_999_999, i64::MAX] {
        let key = meta::table_key(2, table);
        assert!(inside(&key, meta::database_tables_range(2)), "{table}");
        assert!(inside(&key, meta::database_fields_range(2)));
        assert!(!inside(&key, meta::database_tables_range(20)));
        let other = meta::auto_table_id_key(2, table);
        assert!(!inside(&other, meta::database_tables_range(2)));
        assert!(inside(&other, meta::database_fields_range(2)));
        assert_eq!(meta::parse_table_field(&meta::decode_hash_field(&key).unwrap()), Some(table));
        assert_eq!(meta::parse_table_field(&meta::decode_hash_field(&other).unwrap()), None);
        assert!(inside(&meta::database_key(table), meta::databases_range()));
    }
    assert_eq!(meta::parse_database_field(b"DB:2"), Some(2));
    for field in [&b"DB:"[..], b"DB:x", b"DB:-1", b"DBs", b"\xff", b"DB:99999999999999999999"] {
        assert_eq!(meta::parse_database_field(field), None);
    }
}

#[test]
fn keys_are_shown_for_people() {
    let mut common = Vec::new();
    encode_key(&mut common, &Datum::Bytes(b"a".into())).unwrap();
    for (key, shown) in [
        (vec![], "(empty)".to_owned()),
        (vec![1, 0xab], "01ab".to_owned()),
        (table_prefix(45), "t45".to_owned()),
        (record_prefix(45), "t45_r".to_owned()),
        (encode_record_key(45, &Handle::Int(-12)), "t45_r-12".to_owned()),
        (encode_record_key(45, &Handle::Common(common)), "t45_r016100000000000000f8".to_owned()),
        (index_prefix(45, 3), "t45_i3_".to_owned()),
        (meta::table_key(2, 104), "mDB:2:Table:104".to_owned()),
        (meta::schema_version_key(), "mSchemaVersionKey".to_owned()),
        (b"m\xff".to_vec(), "6dff".to_owned()),
        (b"t123".to_vec(), "74313233".to_owned()),
        (vec![0xee; 50], format!("{}… (2 bytes more)", "ee".repeat(48))),
    ] {
        assert_eq!(display_key(&key), shown);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn record_keys_come_back_and_keep_their_order(
        table: i64, other: i64, handle: i64, next: i64, numbers in prop::collection::vec(any::<i64>(), 1..4),
    ) {
        let key = encode_record_key(table, &Handle::Int(handle));
        prop_assert_eq!(decode_record_key(&key), Ok((table, Handle::Int(handle))));
        let after = encode_record_key(other, &Handle::Int(next));
        prop_assert_eq!(key.cmp(&after), (table, handle).cmp(&(other, next)));
        let mut datums = Vec::new();
        for number in &numbers {
            encode_key(&mut datums, &Datum::Int(*number)).unwrap();
        }
        let common = Handle::common(datums);
        prop_assert_eq!(common.datums().unwrap().len(), numbers.len());
        let key = encode_record_key(table, &common);
        prop_assert_eq!(decode_record_key(&key), Ok((table, common)));
    }

    #[test]
    fn region_keys_come_back_and_keep_their_order(a: Vec<u8>, b: Vec<u8>) {
        prop_assert_eq!(from_region_key(&region_key(&a)), Ok(a.clone()));
        if !a.is_empty() && !b.is_empty() {
            prop_assert_eq!(region_key(&a).cmp(&region_key(&b)), a.cmp(&b));
        }
    }

    #[test]
    fn what_starts_with_a_prefix_is_before_the_next(
        prefix in prop::collection::vec(prop_oneof![Just(0xff_u8), any::<u8>()], 1..6),
        tail in prop::collection::vec(any::<u8>(), 0..6),
    ) {
        let key = [&prefix[..], &tail].concat();
        let next = prefix_next(&prefix);
        prop_assert!(prefix < next);
        if prefix.iter().any(|byte| *byte != 0xff) {
            prop_assert!(key < next);
            prop_assert_eq!(next.len(), prefix.len());
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(
        start in prop::sample::select(vec![&b""[..], b"t", b"m", b"t\x80\0\0\0\0\0\0\x01_r", b"t\x80\0\0\0\0\0\0\x01_i"]),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let key = [start, &bytes].concat();
        prop_assert!(!display_key(&key).is_empty());
        let _ = decode_index_key(&key);
        let _ = from_region_key(&key);
        if let Ok((table, handle)) = decode_record_key(&key) {
            let back = encode_record_key(table, &handle);
            prop_assert!(back.starts_with(&key) && back.len() <= key.len().max(20));
        }
        if let Ok(meta::MetaKey::Hash { name, field }) = meta::decode(&key) {
            prop_assert_eq!(meta::hash_key(&name, &field), key);
        }
    }
}
