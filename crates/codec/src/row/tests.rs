use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::datum::{self, Datum};
use crate::decimal::Decimal;
use crate::error::Error;
use crate::field_type::{FieldType, flag, tp};
use crate::test_vectors::hex;
use crate::time::{CoreTime, TimeKind};

fn int(code: u8, flag: u32) -> FieldType {
    FieldType::new(code, flag)
}

fn text(code: u8, flen: i64, charset: &str) -> FieldType {
    let collate = if charset == "binary" { "binary".to_owned() } else { format!("{charset}_bin") };
    FieldType { flen, charset: charset.to_owned(), collate, ..FieldType::new(code, 0) }
}

fn sized(code: u8, flen: i64, decimal: i64) -> FieldType {
    FieldType { flen, decimal, ..FieldType::new(code, 0) }
}

fn bytes_of(text: &str) -> Datum<'_> {
    Datum::Bytes(Cow::Borrowed(text.as_bytes()))
}

fn time(text: &str, kind: TimeKind) -> Datum<'static> {
    Datum::UInt(CoreTime::parse(text, kind, 6).unwrap().to_packed())
}

fn decimal(text: &str) -> Datum<'static> {
    Datum::Decimal(text.parse().unwrap())
}

fn written(columns: &[(i64, FieldType, Datum<'_>)]) -> Vec<u8> {
    let mut row = RowBuilder::new();
    for (id, field_type, value) in columns {
        row.push(*id, field_type, value).unwrap();
    }
    let mut out = Vec::new();
    row.write(&mut out).unwrap();
    out
}

/// A row that TiDB wrote; the columns come in another order here.
#[test]
fn a_row_is_written_as_tidb_writes_it() {
    let unsigned = flag::UNSIGNED;
    let row = written(&[
        (19, int(tp::TINY, 0), Datum::Int(1)),
        (18, sized(tp::BIT, 10, 0), Datum::UInt(1023)),
        (17, int(tp::YEAR, 0), Datum::Int(2024)),
        (16, sized(tp::NEW_DECIMAL, 65, 30), decimal("-1.5")),
        (15, sized(tp::NEW_DECIMAL, 10, 0), decimal("99")),
        (14, sized(tp::NEW_DECIMAL, 20, 4), decimal("12345.6789")),
        (13, int(tp::DOUBLE, 0), Datum::Float(-2.25)),
        (12, int(tp::FLOAT, 0), Datum::Float(1.5)),
        (11, int(tp::LONG_LONG, unsigned), Datum::UInt(u64::MAX)),
        (10, int(tp::LONG_LONG, 0), Datum::Int(i64::MIN)),
        (9, int(tp::LONG, unsigned), Datum::UInt(4_294_967_295)),
        (8, int(tp::LONG, 0), Datum::Int(-2_147_483_648)),
        (7, int(tp::INT24, unsigned), Datum::UInt(16_777_215)),
        (6, int(tp::INT24, 0), Datum::Int(-8_388_608)),
        (5, int(tp::SHORT, unsigned), Datum::UInt(65535)),
        (4, int(tp::SHORT, 0), Datum::Int(-32768)),
        (3, int(tp::TINY, unsigned), Datum::UInt(255)),
        (2, int(tp::TINY, 0), Datum::Int(-128)),
    ]);
    let want = "80001200000002030405060708090a0b0c0d0e0f1011121301000200040006000a000e0012001600\
                1e0026002e0036004200490069006b006d006e0080ff0080ffff000080ffffffff0000000080ffff\
                ffff0000000000000080ffffffffffffffffbff80000000000003ffdffffffffffff140480000000\
                000030391a850a008000000063411e7ffffffffffffffffffffffffffffffee2329affffffffffff\
                ffffffffffe807ff0301";
    assert_eq!(row, hex(want));
}

#[test]
fn a_row_is_large_by_ids_or_bytes() {
    let blob = text(tp::LONG_BLOB, i64::from(u32::MAX), "binary");
    let filled = |len| Datum::Bytes(Cow::Owned(vec![7; len]));
    let flags = |columns: &[(i64, FieldType, Datum<'_>)]| written(columns)[1];
    assert_eq!(flags(&[(255, blob.clone(), filled(65535))]), 0);
    assert_eq!(flags(&[(255, blob.clone(), filled(65536))]), FLAG_LARGE);
    assert_eq!(flags(&[(256, blob.clone(), filled(1))]), FLAG_LARGE);
    assert_eq!(flags(&[(1, blob.clone(), filled(1)), (256, blob, Datum::Null)]), FLAG_LARGE);
    assert_eq!(written(&[]), hex("800000000000"));
}

#[test]
fn a_row_has_each_column_once_and_only_ids_that_exist() {
    let mut row = RowBuilder::new();
    row.push(1, &int(tp::LONG, 0), &Datum::Int(1)).unwrap();
    for id in [0, -1, i64::from(u32::MAX) + 1] {
        assert!(row.push(id, &int(tp::LONG, 0), &Datum::Int(1)).is_err(), "{id}");
    }
    row.push(1, &int(tp::LONG, 0), &Datum::Null).unwrap();
    let mut out = vec![9];
    assert!(row.write(&mut out).is_err());
    assert_eq!(out, [9]);
    row.clear();
    row.write(&mut out).unwrap();
}

#[test]
fn a_value_that_the_column_cannot_hold_is_refused() {
    let elems = |code, count: usize| FieldType {
        elems: (0..count).map(|i| i.to_string()).collect(),
        ..FieldType::new(code, 0)
    };
    let utf8 = |text: &'static str| Datum::Bytes(Cow::Borrowed(text.as_bytes()));
    for (field_type, value) in [
        (int(tp::TINY, 0), Datum::Int(128)),
        (int(tp::TINY, flag::UNSIGNED), Datum::UInt(256)),
        (int(tp::INT24, 0), Datum::Int(-8_388_609)),
        (int(tp::LONG, 0), Datum::UInt(1)),
        (int(tp::LONG, flag::UNSIGNED), Datum::Int(1)),
        (int(tp::LONG, flag::NOT_NULL), Datum::Null),
        (int(tp::YEAR, 0), Datum::Int(1900)),
        (int(tp::FLOAT, 0), Datum::Float(0.1)),
        (int(tp::DOUBLE, 0), Datum::Float(f64::NAN)),
        (int(tp::DOUBLE, flag::UNSIGNED), Datum::Float(-1.0)),
        (sized(tp::NEW_DECIMAL, 5, 2), decimal("1000")),
        (sized(tp::NEW_DECIMAL, 5, 2), decimal("0.001")),
        (int(tp::NEW_DECIMAL, 0), Datum::Float(1.0)),
        (int(tp::DATE, 0), time("2024-01-01 00:00:01", TimeKind::DateTime)),
        (int(tp::DATE, 0), time("2023-02-29", TimeKind::Date)),
        (sized(tp::DATETIME, 19, 0), time("2024-01-01 00:00:00.1", TimeKind::DateTime)),
        (int(tp::TIMESTAMP, 0), time("1970-01-01 00:00:00", TimeKind::DateTime)),
        (int(tp::TIMESTAMP, 0), time("2038-01-19 03:14:08", TimeKind::DateTime)),
        (int(tp::DATETIME, 0), Datum::UInt(u64::MAX)),
        (int(tp::DATETIME, 0), Datum::Int(0)),
        (sized(tp::DURATION, 10, 0), Datum::Duration(1_000_000)),
        (int(tp::DURATION, 0), Datum::Duration(i64::MIN)),
        (elems(tp::ENUM, 3), Datum::UInt(4)),
        (elems(tp::SET, 3), Datum::UInt(8)),
        (sized(tp::BIT, 3, 0), Datum::UInt(8)),
        (text(tp::VARCHAR, 2, "utf8mb4"), utf8("äöü")),
        (text(tp::VARCHAR, 2, "utf8"), utf8("😀")),
        (text(tp::VARCHAR, 2, "ascii"), utf8("ä")),
        (text(tp::VARCHAR, 2, "latin1"), utf8("ä")),
        (text(tp::VARCHAR, 2, "gbk"), utf8("a")),
        (text(tp::VARCHAR, 2, "utf8mb4"), Datum::Bytes(Cow::Borrowed(b"\xff"))),
        (text(tp::STRING, 2, "utf8mb4"), utf8("a ")),
        (text(tp::STRING, 2, "binary"), utf8("a")),
        (text(tp::TINY_BLOB, 3, "utf8mb4"), utf8("ää")),
        (text(tp::VARCHAR, 2, "utf8mb4"), Datum::Int(1)),
        (int(tp::JSON, 0), Datum::Json(0x0c, Cow::Borrowed(&[5, b'a']))),
        (sized(tp::TIDB_VECTOR_FLOAT32, 2, 0), Datum::VectorFloat32(Cow::Borrowed(&[0; 4]))),
        (int(tp::GEOMETRY, 0), utf8("x")),
        (int(tp::LONG, 0), Datum::Max),
    ] {
        assert!(check_stored(&field_type, &value).is_err(), "{field_type:?} {value:?}");
        let mut row = RowBuilder::new();
        assert!(row.push(1, &field_type, &value).is_err());
        assert!(row.is_empty());
    }
}

#[test]
fn values_at_the_edge_of_a_type_pass() {
    let set = FieldType {
        elems: (0..64).map(|i| format!("m{i}")).collect(),
        ..FieldType::new(tp::SET, 0)
    };
    for (field_type, value) in [
        (int(tp::INT24, 0), Datum::Int(-8_388_608)),
        (int(tp::LONG_LONG, 0), Datum::Int(i64::MIN)),
        (int(tp::LONG_LONG, flag::UNSIGNED), Datum::UInt(u64::MAX)),
        (int(tp::FLOAT, 0), Datum::Float(f64::from(0.1_f32))),
        (int(tp::YEAR, 0), Datum::Int(0)),
        (int(tp::DATE, 0), Datum::UInt(0)),
        (int(tp::DATE, 0), time("2024-00-00", TimeKind::Date)),
        (int(tp::TIMESTAMP, 0), Datum::UInt(0)),
        (sized(tp::TIMESTAMP, 26, 6), time("2038-01-19 03:14:07.999999", TimeKind::DateTime)),
        (sized(tp::DATETIME, 23, 3), time("2024-01-01 00:00:00.123", TimeKind::DateTime)),
        (set, Datum::UInt(u64::MAX)),
        (sized(tp::BIT, 64, 0), Datum::UInt(u64::MAX)),
        (text(tp::VARCHAR, 3, "utf8mb4"), bytes_of("äöü")),
        (text(tp::VARCHAR, 3, "utf8mb4"), bytes_of("a  ")),
        (text(tp::STRING, 2, "binary"), bytes_of("a\0")),
    ] {
        check_stored(&field_type, &value).unwrap();
    }
}

/// Rows that TiDB wrote with `tidb_enable_row_level_checksum`.
#[test]
fn a_checksum_behind_a_row_is_passed_over() {
    let bytes = hex("8002020000000203010004000761626302167e8615");
    let row = RowReader::new(&bytes).unwrap();
    assert_eq!(row.get(3), Ok(Cell::Value(b"abc")));
    assert!(RowReader::new(&hex("8002000000000281fbf9eb")).is_ok());
    assert!(RowReader::new(&hex("800200000000080102030405060708")).is_ok());
    for bytes in
        ["8002000000000281fbf9", "8002000000000281fbf9ebff", "80000000000000", "8004000000000000"]
    {
        assert!(RowReader::new(&hex(bytes)).is_err(), "{bytes}");
    }
}

#[test]
fn a_row_of_the_first_format_is_read() {
    let mut bytes = Vec::new();
    for (id, value) in [
        (4, Datum::Int(-1)),
        (2, Datum::Bytes(Cow::Borrowed(b"abc"))),
        (9, Datum::Null),
        (300, Datum::UInt(7)),
    ] {
        datum::encode_value(&mut bytes, &Datum::Int(id)).unwrap();
        datum::encode_value(&mut bytes, &value).unwrap();
    }
    assert!(is_old_row(&bytes) && !is_old_row(&written(&[])));
    let columns = decode_old_row(&bytes).unwrap();
    assert_eq!(columns.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [4, 2, 9, 300]);
    let value = |at: usize, field_type: FieldType| old_value(columns[at].1, &field_type);
    assert_eq!(value(0, int(tp::LONG, 0)), Ok(Datum::Int(-1)));
    assert_eq!(value(0, int(tp::LONG_LONG, flag::UNSIGNED)), Ok(Datum::UInt(u64::MAX)));
    assert_eq!(value(0, int(tp::DURATION, 0)), Ok(Datum::Duration(-1)));
    assert_eq!(value(1, text(tp::VARCHAR, 3, "utf8mb4")), Ok(bytes_of("abc")));
    assert_eq!(value(2, int(tp::LONG, 0)), Ok(Datum::Null));
    assert_eq!(value(3, int(tp::BIT, 0)), Ok(Datum::UInt(7)));
    assert!(value(1, int(tp::LONG, 0)).is_err());
    assert!(value(3, int(tp::DURATION, 0)).is_err());
    assert_eq!(decode_old_row(&[0]), Ok(vec![]));
    assert!(decode_old_row(&bytes[..bytes.len() - 1]).is_err());
    assert!(decode_old_row(&[0, 0]).is_err());
}

/// What a column of some type may hold.
fn column() -> impl Strategy<Value = (FieldType, Datum<'static>)> {
    let ints = prop_oneof![Just(tp::TINY), Just(tp::SHORT), Just(tp::LONG), Just(tp::LONG_LONG)];
    let bits = |code| match code {
        tp::TINY => 56,
        tp::SHORT => 48,
        tp::LONG => 32,
        _ => 0,
    };
    prop_oneof![
        (ints.clone(), any::<i64>())
            .prop_map(move |(code, value)| (int(code, 0), Datum::Int(value >> bits(code)))),
        (ints, any::<u64>()).prop_map(move |(code, value)| {
            (int(code, flag::UNSIGNED), Datum::UInt(value >> bits(code)))
        }),
        any::<f64>()
            .prop_filter("a number", |value| value.is_finite() && *value != 0.0)
            .prop_map(|value| (int(tp::DOUBLE, 0), Datum::Float(value))),
        (any::<i64>(), 0..=9_u8).prop_map(|(value, scale)| {
            let value = Decimal::from_i128(i128::from(value), scale).unwrap();
            (sized(tp::NEW_DECIMAL, 30, 9), Datum::Decimal(value))
        }),
        "\\PC{0,40}".prop_map(|value| {
            (text(tp::VARCHAR, 40, "utf8mb4"), Datum::Bytes(Cow::Owned(value.into_bytes())))
        }),
        (-3_020_399_i64..=3_020_399).prop_map(|seconds| {
            (int(tp::DURATION, 0), Datum::Duration(seconds * 1_000_000_000))
        }),
        Just((int(tp::LONG, 0), Datum::Null)),
    ]
}

fn is_same(a: &Datum<'_>, b: &Datum<'_>) -> bool {
    match (a, b) {
        (Datum::Decimal(a), Datum::Decimal(b)) => a.to_i128(9) == b.to_i128(9),
        _ => a == b,
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        columns in proptest::collection::btree_map(1..600_i64, column(), 0..20),
        absent in 1..600_i64,
    ) {
        let list: Vec<_> = columns.iter().rev()
            .map(|(id, (field_type, value))| (*id, field_type.clone(), value.clone())).collect();
        let bytes = written(&list);
        let row = RowReader::new(&bytes).unwrap();
        for (id, field_type, value) in &list {
            match row.get(*id).unwrap() {
                Cell::Missing => prop_assert!(false, "column {id} is lost"),
                Cell::Null => prop_assert_eq!(value, &Datum::Null),
                Cell::Value(cell) => {
                    let read = decode_value(cell, field_type).unwrap();
                    prop_assert!(is_same(&read, value), "{:?} is not {:?}", read, value);
                }
            }
        }
        if !columns.contains_key(&absent) {
            prop_assert_eq!(row.get(absent).unwrap(), Cell::Missing);
        }
        prop_assert_eq!(row.value_ids().count() + row.null_ids().count(), list.len());
    }

    #[test]
    fn hostile_rows_are_errors_at_worst(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..80),
        is_row in any::<bool>(),
    ) {
        if is_row && bytes.len() > 1 {
            bytes[0] = VERSION;
            bytes[1] &= 3;
        }
        let _ = decode_old_row(&bytes);
        if let Ok(row) = RowReader::new(&bytes) {
            for id in row.value_ids().take(300) {
                if let Ok(Cell::Value(cell)) = row.get(i64::from(id)) {
                    for code in [tp::LONG, tp::DOUBLE, tp::NEW_DECIMAL, tp::JSON, tp::VARCHAR] {
                        let _: Result<_, Error> = decode_value(cell, &FieldType::new(code, 0));
                    }
                }
            }
        }
    }
}
