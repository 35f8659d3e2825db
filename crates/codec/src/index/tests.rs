use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::datum::{self, Datum};
use crate::field_type::{FieldType, flag, tp};
use crate::key::{Handle, decode_index_key};
use crate::row::{Cell, RowReader};
use crate::test_vectors::hex;

fn text_type(code: u8, collate: &str) -> FieldType {
    let charset = collate.split('_').next().unwrap().to_owned();
    FieldType { flen: 64, charset, collate: collate.to_owned(), ..FieldType::new(code, 0) }
}

fn column(id: i64, field_type: &FieldType, prefix: Option<u64>) -> KeyColumn {
    KeyColumn::new(id, field_type, prefix, true).unwrap()
}

fn bytes(text: &str) -> Datum<'_> {
    Datum::Bytes(Cow::Borrowed(text.as_bytes()))
}

/// Keys and values of `KEY (a)` and `UNIQUE KEY (a, b)` over a `VARCHAR` and a `CHAR`, as TiDB wrote
/// them into table 118.
#[test]
fn entries_are_those_of_tidb() {
    let a = column(1, &text_type(tp::VARCHAR, "utf8mb4_bin"), None);
    let b = column(2, &text_type(tp::STRING, "utf8mb4_bin"), None);
    let (value_a, value_b) = (bytes("trail  "), bytes("y"));
    let handle = Handle::Int(2);
    let columns = [a.clone(), b];
    let (key, distinct) =
        encode_index_key(118, 3, true, &columns, &[&value_a, &value_b], &handle).unwrap();
    let want = "7480000000000000765f698000000000000003\
                01747261696c000000fc017900000000000000f8";
    assert_eq!((key, distinct), (hex(want), true));
    let restored = restored_version0(&columns, &[&value_a, &value_b]).unwrap();
    let value = IndexValue {
        handle: Some(handle.clone()),
        restored: restored.as_deref(),
        ..IndexValue::default()
    };
    assert_eq!(
        value.encode(IndexValueForm::Version0).unwrap(),
        hex("0880000200000001020700080 0747261696c2020790000000000000002"
            .replace(' ', "")
            .as_str())
    );

    let (key, distinct) = encode_index_key(118, 1, false, &[a], &[&value_a], &handle).unwrap();
    let want = "7480000000000000765f69800000000000000101747261696c000000fc038000000000000002";
    assert_eq!((key, distinct), (hex(want), false));
}

#[test]
fn a_unique_entry_with_null_is_not_distinct() {
    let a = column(1, &FieldType::new(tp::LONG, 0), None);
    let handle = Handle::Int(7);
    let (null, one) = (Datum::Null, Datum::Int(1));
    let (key, distinct) =
        encode_index_key(1, 2, true, &[a.clone(), a.clone()], &[&one, &null], &handle).unwrap();
    assert!(!distinct);
    let (_, _, mut rest) = decode_index_key(&key).unwrap();
    assert_eq!(datum::decode_one(&mut rest), Ok(Datum::Int(1)));
    assert_eq!(datum::decode_one(&mut rest), Ok(Datum::Null));
    assert_eq!(datum::decode_one(&mut rest), Ok(Datum::Int(7)));
    assert!(encode_index_key(1, 2, true, &[a], &[&one, &null], &handle).is_err());
}

#[test]
fn a_prefix_is_of_characters_or_of_bytes() {
    let value = bytes("größe");
    for (collate, prefix, want) in [
        ("utf8mb4_bin", Some(3), "grö"),
        ("utf8mb4_bin", Some(4), "größ"),
        ("utf8mb4_bin", Some(5), "größe"),
        ("utf8mb4_bin", Some(9), "größe"),
        ("utf8mb4_bin", Some(0), ""),
        ("utf8mb4_bin", None, "größe"),
        ("binary", Some(2), "gr"),
        ("binary", Some(4), "grö"),
    ] {
        let column = column(1, &text_type(tp::VARCHAR, collate), prefix);
        assert_eq!(column.cut(&value), bytes(want), "{collate} {prefix:?}");
    }
}

#[test]
fn text_is_restored_where_its_key_lacks_something() {
    let needs = |code, collate| column(1, &text_type(code, collate), None).needs_restoring();
    assert!(needs(tp::VARCHAR, "utf8mb4_bin"));
    assert!(!needs(tp::STRING, "utf8mb4_bin"));
    assert!(!needs(tp::BLOB, "utf8mb4_bin"));
    assert!(needs(tp::BLOB, "utf8mb4_general_ci"));
    assert!(needs(tp::STRING, "utf8mb4_unicode_ci"));
    assert!(!needs(tp::VARCHAR, "utf8mb4_0900_bin"));
    assert!(!needs(tp::VARCHAR, "binary"));
    let old = KeyColumn::new(1, &text_type(tp::VARCHAR, "utf8mb4_general_ci"), None, false);
    assert!(!old.unwrap().needs_restoring());
}

#[test]
fn blanks_of_the_index_are_unsigned_and_those_of_the_handle_signed() {
    let field_type = text_type(tp::VARCHAR, "utf8mb4_bin");
    let (own, handle) = (column(1, &field_type, None), column(2, &field_type, None));
    let text = format!("x{}", " ".repeat(130));
    let value = bytes(&text);
    let restored = restored_version1(&[own], &[&value], &[handle], &[&value]).unwrap().unwrap();
    let row = RowReader::new(&restored).unwrap();
    assert_eq!(row.get(1), Ok(Cell::Value(&[130])));
    assert_eq!(row.get(2), Ok(Cell::Value(&[130, 0])));
}

#[test]
fn a_column_of_handle_and_index_is_restored_to_the_longer_prefix() {
    let field_type = text_type(tp::VARCHAR, "utf8mb4_general_ci");
    let part = |prefix| column(1, &field_type, prefix);
    let value = bytes("abcdef");
    for (index, primary, want) in
        [(Some(2), Some(4), "abcd"), (Some(5), Some(4), "abcde"), (None, Some(4), "abcdef")]
    {
        let restored = restored_version1(&[part(index)], &[&value], &[part(primary)], &[&value]);
        let restored = restored.unwrap().unwrap();
        let cell = RowReader::new(&restored).unwrap().get(1);
        assert_eq!(cell, Ok(Cell::Value(want.as_bytes())));
    }
}

#[test]
fn what_no_key_holds_is_refused_by_name() {
    for code in [tp::JSON, tp::TIDB_VECTOR_FLOAT32, tp::GEOMETRY, tp::NULL] {
        assert!(KeyColumn::new(1, &FieldType::new(code, 0), None, true).is_err(), "{code}");
    }
    let gbk = text_type(tp::VARCHAR, "gbk_chinese_ci");
    let error = KeyColumn::new(1, &gbk, None, true).unwrap_err().to_string();
    assert!(error.contains("gbk"), "{error}");
    let signed = column(1, &FieldType::new(tp::LONG, 0), None);
    for value in [Datum::UInt(1), bytes("1"), Datum::Float(1.0), Datum::Duration(1)] {
        assert!(signed.encode(&mut Vec::new(), &value).is_err(), "{value:?}");
    }
    let unsigned = column(1, &FieldType::new(tp::LONG, flag::UNSIGNED), None);
    assert!(unsigned.encode(&mut Vec::new(), &Datum::Int(1)).is_err());
    assert!(encode_common_handle(&[signed], &[&Datum::Null]).is_err());
}

#[test]
fn values_of_each_form_have_the_bytes_of_tidb() {
    use IndexValueForm::{Version0, Version1};
    let int = || Some(Handle::Int(-5));
    let common = || Some(Handle::common(vec![3, 128, 0, 0, 0, 0, 0, 0, 1]));
    let value = |handle, partition_id| IndexValue { handle, partition_id, restored: None };
    for (value, form, want) in [
        (value(None, None), Version0, "30"),
        (value(int(), None), Version0, "fffffffffffffffb"),
        (value(None, Some(3)), Version0, "007e8000000000000003"),
        (value(int(), Some(3)), Version0, "087e8000000000000003fffffffffffffffb"),
        (value(common(), None), Version0, "007f0009038000000000000001"),
        (value(None, None), Version1, "007d01"),
        (value(common(), Some(3)), Version1, "007d017f00090380000000000000017e8000000000000003"),
    ] {
        let bytes = value.encode(form).unwrap();
        assert_eq!(bytes, hex(want));
        assert_eq!(IndexValue::decode(&bytes).unwrap(), value);
    }
    // Handles whose bytes look like the head of another form.
    for handle in [0x007d_0100_0000_0005, 0x017d_0000_0000_0001, -0x0082_ff00_0000_0000] {
        let plain = value(Some(Handle::Int(handle)), None);
        let mut bytes = plain.encode(Version0).unwrap();
        assert_eq!(bytes.len(), 8);
        assert_eq!(IndexValue::decode(&bytes).unwrap(), plain, "{handle:#x}");
        bytes.push(b'1');
        assert_eq!(IndexValue::decode(&bytes).unwrap(), plain, "{handle:#x}, untouched");
    }
    assert!(value(int(), None).encode(Version1).is_err());
    let long = Some(Handle::Common(vec![0; 65536]));
    assert!(value(long, None).encode(Version0).is_err());
}

proptest! {
    #[test]
    fn an_entry_s_value_is_read_as_written(
        handle in prop_oneof![
            Just(None),
            any::<i64>().prop_map(|value| Some(Handle::Int(value))),
            proptest::collection::vec(1..=255_u8, 9..40).prop_map(|b| Some(Handle::Common(b))),
        ],
        partition_id in proptest::option::of(any::<i64>()),
        is_restored in any::<bool>(),
    ) {
        let restored = [crate::row::VERSION, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6];
        let restored = is_restored.then_some(&restored[..]);
        let value = IndexValue { handle, partition_id, restored };
        let forms = if matches!(value.handle, Some(Handle::Int(_))) {
            &[IndexValueForm::Version0][..]
        } else {
            &[IndexValueForm::Version0, IndexValueForm::Version1]
        };
        for form in forms {
            let bytes = value.encode(*form).unwrap();
            prop_assert_eq!(&IndexValue::decode(&bytes).unwrap(), &value);
        }
    }

    #[test]
    fn hostile_values_are_errors_at_worst(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = IndexValue::decode(&bytes);
    }

    #[test]
    fn keys_of_numbers_compare_as_the_numbers(a in any::<i64>(), b in any::<i64>()) {
        let column = column(1, &FieldType::new(tp::LONG_LONG, 0), None);
        let key = |value| {
            let mut out = Vec::new();
            column.encode(&mut out, &Datum::Int(value)).unwrap();
            out
        };
        prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
    }
}
