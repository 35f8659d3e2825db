//! What no recorded table shows; `tests/recorded.rs` has TiDB's own bytes for every type.

use tifusion_codec::field_type::flag;

use super::*;
use crate::model::TableInfo;
use crate::model::value::Bytes;

fn column(code: u8, default: DefaultLiteral) -> ColumnInfo {
    ColumnInfo {
        name: "c".into(),
        field_type: FieldType { flen: 10, decimal: 0, ..FieldType::new(code, 0) },
        origin_default: Some(default),
        version: 2,
        ..ColumnInfo::default()
    }
}

fn text(code: u8, default: &str) -> ColumnInfo {
    column(code, DefaultLiteral::Text(default.to_owned()))
}

fn bytes_of(datum: &Datum<'_>) -> Option<Vec<u8>> {
    Some(encode(datum).unwrap())
}

fn default_of(column: &ColumnInfo) -> Option<Vec<u8>> {
    origin_default_datum(column, None).unwrap()
}

fn refusal(column: &ColumnInfo) -> DefaultValueReason {
    origin_default_datum(column, None).unwrap_err().reason
}

#[test]
fn without_a_default_nothing_is_sent() {
    let column = ColumnInfo { origin_default: None, ..text(tp::LONG, "") };
    assert_eq!(default_of(&column), None);
}

#[test]
fn numbers_and_booleans_of_old_metadata_count_as_their_text() {
    assert_eq!(
        default_of(&column(tp::LONG, DefaultLiteral::Number(7.0))),
        bytes_of(&Datum::Int(7))
    );
    assert_eq!(default_of(&column(tp::TINY, DefaultLiteral::Bool(true))), bytes_of(&Datum::Int(1)));
    assert_eq!(
        default_of(&column(tp::LONG, DefaultLiteral::Number(-2.5))),
        bytes_of(&Datum::Int(-3))
    );
    assert_eq!(
        default_of(&column(tp::YEAR, DefaultLiteral::Number(0.0))),
        bytes_of(&Datum::Int(0))
    );
    assert_eq!(
        default_of(&column(tp::DOUBLE, DefaultLiteral::Number(1e300))),
        bytes_of(&Datum::Float(1e300))
    );
    assert_eq!(
        default_of(&column(tp::VARCHAR, DefaultLiteral::Number(1.5))),
        bytes_of(&Datum::Bytes(b"1.5".into()))
    );
    assert_eq!(default_of(&column(tp::DATETIME, DefaultLiteral::Number(0.0))), Some(vec![0]));
    assert_eq!(refusal(&column(tp::LONG, DefaultLiteral::Other)), DefaultValueReason::Unsupported);
}

#[test]
fn a_bit_without_bytes_of_its_own_takes_its_text() {
    assert_eq!(default_of(&text(tp::BIT, "\u{1}\u{2}")), bytes_of(&Datum::UInt(0x0102)));
    let mut wide = text(tp::BIT, "");
    wide.origin_default_bit = Some(Bytes(vec![0, 0, 4, 0]));
    assert_eq!(refusal(&wide), DefaultValueReason::OutOfRange);
    wide.field_type.flen = 64;
    assert_eq!(default_of(&wide), bytes_of(&Datum::UInt(0x400)));
    wide.origin_default_bit = Some(Bytes(vec![1; 9]));
    assert!(matches!(refusal(&wide), DefaultValueReason::Malformed(_)));
}

#[test]
fn a_timestamp_of_version_0_is_in_the_servers_zone() {
    let mut column = ColumnInfo { version: 0, ..text(tp::TIMESTAMP, "2018-07-01 08:00:00") };
    assert_eq!(refusal(&column), DefaultValueReason::UnknownZone);
    let zone: Zone = "Asia/Shanghai".parse().unwrap();
    let utc = text(tp::TIMESTAMP, "2018-07-01 00:00:00");
    assert_eq!(origin_default_datum(&column, Some(zone)).unwrap(), default_of(&utc));
    column.version = 1;
    assert_eq!(
        origin_default_datum(&column, Some(zone)).unwrap(),
        default_of(&text(tp::TIMESTAMP, "2018-07-01 08:00:00"))
    );
    // The zero time has no zone.
    let zero = ColumnInfo { version: 0, ..text(tp::TIMESTAMP, "0000-00-00 00:00:00") };
    assert_eq!(default_of(&zero), bytes_of(&Datum::UInt(0)));
    // A DATETIME has none either.
    let datetime = ColumnInfo { version: 0, ..text(tp::DATETIME, "2018-07-01 08:00:00") };
    assert!(default_of(&datetime).is_some());
}

#[test]
fn the_current_time_is_no_value_of_old_rows() {
    for now in ["CURRENT_TIMESTAMP", "current_timestamp(3)", "CURRENT_DATE"] {
        assert_eq!(refusal(&text(tp::DATETIME, now)), DefaultValueReason::NotConstant, "{now}");
    }
}

#[test]
fn what_is_no_value_of_the_type_is_refused_with_its_column() {
    for (code, value) in [
        (tp::LONG, "many"),
        (tp::DOUBLE, ""),
        (tp::NEW_DECIMAL, "1,5"),
        (tp::DATE, "yesterday"),
        (tp::DURATION, "noon"),
        (tp::YEAR, "soon"),
        (tp::TIDB_VECTOR_FLOAT32, "[1,x]"),
        (tp::TIDB_VECTOR_FLOAT32, "1"),
    ] {
        let error = origin_default_datum(&text(code, value), None).unwrap_err();
        assert!(matches!(error.reason, DefaultValueReason::Malformed(_)), "{error}");
        assert_eq!((error.column.as_str(), error.value.as_str()), ("c", value));
    }
    assert_eq!(refusal(&text(tp::ENUM, "x")), DefaultValueReason::NoMember);
    assert_eq!(refusal(&text(tp::JSON, "{}")), DefaultValueReason::Unsupported);
    assert_eq!(refusal(&text(tp::GEOMETRY, "")), DefaultValueReason::Unsupported);
    let mut unsigned = text(tp::LONG_LONG, "-1");
    unsigned.field_type.flag = flag::UNSIGNED;
    assert_eq!(refusal(&unsigned), DefaultValueReason::OutOfRange);
    assert_eq!(refusal(&text(tp::FLOAT, "1e300")), DefaultValueReason::OutOfRange);
}

#[test]
fn an_enormous_length_is_not_believed() {
    let mut binary = text(tp::STRING, "ab");
    binary.field_type.charset = "binary".to_owned();
    binary.field_type.flen = i64::MAX;
    assert!(default_of(&binary).unwrap().len() < 300);
    let mut decimal = text(tp::NEW_DECIMAL, "1");
    decimal.field_type.flen = 250;
    decimal.field_type.decimal = 250;
    assert!(matches!(refusal(&decimal), DefaultValueReason::Malformed(_)));
}

#[test]
fn vectors_of_any_length() {
    let mut want = Vec::new();
    vector::encode(&mut want, &[1.0, -2.5]).unwrap();
    let column = text(tp::TIDB_VECTOR_FLOAT32, "[1, -2.5]");
    assert_eq!(default_of(&column), bytes_of(&Datum::VectorFloat32(want.into())));
}

#[test]
fn a_default_of_the_wrong_kind_in_json_is_kept_apart() {
    let json = br#"{"cols":[{"origin_default":["a"],"type":{"Tp":3}}]}"#;
    let table = TableInfo::from_json(json).unwrap();
    assert_eq!(refusal(&table.columns[0]), DefaultValueReason::Unsupported);
}
