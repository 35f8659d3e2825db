use tifusion_codec::FieldType;
use tifusion_codec::decimal::Decimal;

use super::*;
use crate::model::value::Bytes;

fn column(code: u8, flags: u32, default: Option<&str>) -> ColumnInfo {
    ColumnInfo {
        name: "c".into(),
        field_type: FieldType { flen: 10, decimal: 2, ..FieldType::new(code, flags) },
        default: default.map(|text| DefaultLiteral::Text(text.to_owned())),
        version: 2,
        ..ColumnInfo::default()
    }
}

fn of(column: &ColumnInfo) -> Result<ColumnDefault, DefaultValueReason> {
    ColumnDefault::of(column, true, None).map_err(|error| error.reason)
}

fn value(datum: Datum<'static>) -> Result<ColumnDefault, DefaultValueReason> {
    Ok(ColumnDefault::Value(datum))
}

fn packed(text: &str, kind: TimeKind) -> Result<ColumnDefault, DefaultValueReason> {
    value(Datum::UInt(CoreTime::parse(text, kind, 6).unwrap().to_packed()))
}

#[test]
fn without_a_default_it_is_null_or_the_row_is_refused() {
    assert_eq!(of(&column(tp::LONG, 0, None)), Ok(ColumnDefault::Null));
    let not_null = flag::NOT_NULL | flag::NO_DEFAULT_VALUE;
    assert_eq!(of(&column(tp::LONG, not_null, None)), Ok(ColumnDefault::Required));
    assert_eq!(of(&column(tp::TIMESTAMP, flag::NOT_NULL, None)), Ok(ColumnDefault::Required));
    // ALTER TABLE … ALTER COLUMN c DROP DEFAULT.
    let dropped = column(tp::LONG, flag::NO_DEFAULT_VALUE, None);
    assert_eq!(of(&dropped), Ok(ColumnDefault::Required));
}

#[test]
fn an_enum_that_is_not_null_has_its_first_member() {
    let mut members = column(tp::ENUM, flag::NOT_NULL | flag::NO_DEFAULT_VALUE, None);
    members.field_type.elems = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(of(&members), value(Datum::UInt(1)));
    members.field_type.flag = 0;
    assert_eq!(of(&members), Ok(ColumnDefault::Null));
    members.default = Some(DefaultLiteral::Text("b".to_owned()));
    members.field_type.collate = "utf8mb4_bin".to_owned();
    assert_eq!(of(&members), value(Datum::UInt(2)));
}

#[test]
fn values_are_those_that_a_row_with_the_text_would_have() {
    assert_eq!(of(&column(tp::LONG, 0, Some("-7"))), value(Datum::Int(-7)));
    assert_eq!(of(&column(tp::LONG, flag::UNSIGNED, Some("7"))), value(Datum::UInt(7)));
    assert_eq!(of(&column(tp::DOUBLE, 0, Some("1.5"))), value(Datum::Float(1.5)));
    let decimal = "1.50".parse::<Decimal>().unwrap();
    assert_eq!(of(&column(tp::NEW_DECIMAL, 0, Some("1.5"))), value(Datum::Decimal(decimal)));
    assert_eq!(of(&column(tp::YEAR, 0, Some("0"))), value(Datum::Int(2000)));
    let mut text = column(tp::STRING, 0, Some("ab "));
    text.field_type.charset = "utf8mb4".to_owned();
    assert_eq!(of(&text), value(Datum::Bytes(b"ab".to_vec().into())));
    text.field_type.charset = "binary".to_owned();
    text.field_type.flen = 4;
    assert_eq!(of(&text), value(Datum::Bytes(b"ab \0".to_vec().into())));
    let mut bits = column(tp::BIT, 0, Some("\u{fffd}"));
    bits.default_bit = Some(Bytes(vec![1, 0xff]));
    assert_eq!(of(&bits), value(Datum::UInt(0x1ff)));
}

#[test]
fn what_the_column_can_not_hold_is_refused() {
    for (code, text) in
        [(tp::TINY, "128"), (tp::NEW_DECIMAL, "123456789"), (tp::VARCHAR, "12345678901")]
    {
        let mut column = column(code, 0, Some(text));
        column.field_type.charset = "utf8mb4".to_owned();
        let refusal = of(&column);
        assert!(matches!(refusal, Err(DefaultValueReason::Refused(_))), "{text}: {refusal:?}");
    }
}

#[test]
fn an_expression_is_refused_by_name() {
    let mut column = column(tp::VARCHAR, 0, Some("uuid()"));
    column.default_is_expr = true;
    let error = ColumnDefault::of(&column, true, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "default \"uuid()\" of column c, a varchar: it is an expression, which is not evaluated here: \
         give the column a value"
    );
}

#[test]
fn times_of_the_statement() {
    for text in ["CURRENT_TIMESTAMP", "current_timestamp"] {
        for code in [tp::TIMESTAMP, tp::DATETIME] {
            assert_eq!(of(&column(code, 0, Some(text))), Ok(ColumnDefault::CurrentTimestamp));
        }
    }
    assert_eq!(of(&column(tp::DATE, 0, Some("CURRENT_DATE"))), Ok(ColumnDefault::CurrentDate));
}

#[test]
fn constant_times() {
    let text = "2024-02-29 12:34:56.78";
    assert_eq!(of(&column(tp::DATETIME, 0, Some(text))), packed(text, TimeKind::DateTime));
    assert_eq!(of(&column(tp::TIMESTAMP, 0, Some(text))), packed(text, TimeKind::Timestamp));
    assert_eq!(of(&column(tp::DATE, 0, Some("2024-02-29"))), packed("2024-02-29", TimeKind::Date));
    for code in [tp::DATETIME, tp::TIMESTAMP] {
        assert_eq!(of(&column(code, 0, Some("0000-00-00 00:00:00"))), value(Datum::UInt(0)));
        for text in ["2024-00-10 00:00:00", "2024-02-31 00:00:00"] {
            let refusal = of(&column(code, 0, Some(text)));
            assert!(matches!(refusal, Err(DefaultValueReason::Malformed(_))), "{text}");
        }
    }
    let old = ColumnInfo { version: 0, ..column(tp::TIMESTAMP, 0, Some("2018-07-01 08:00:00")) };
    assert_eq!(of(&old), Err(DefaultValueReason::UnknownZone));
    let zone: Zone = "Asia/Shanghai".parse().unwrap();
    let utc = packed("2018-07-01 00:00:00", TimeKind::Timestamp);
    assert_eq!(ColumnDefault::of(&old, true, Some(zone)).map_err(|e| e.reason), utc);
}

#[test]
fn the_current_time_is_cut_and_in_the_sessions_zone() {
    let zone: Zone = "+05:45".parse().unwrap();
    let now = 1_709_210_096_999_999;
    for (code, text) in [
        (tp::TIMESTAMP, "2024-02-29 12:34:56.99"),
        (tp::DATETIME, "2024-02-29 18:19:56.99"),
        (tp::DATE, "2024-02-29"),
    ] {
        let kind = if code == tp::DATE { TimeKind::Date } else { TimeKind::DateTime };
        let wanted = CoreTime::parse(text, kind, 6).unwrap().to_packed();
        assert_eq!(
            current_time(&column(code, 0, None), now, zone),
            Ok(Datum::UInt(wanted)),
            "{text}"
        );
    }
    let midnight = 1_709_247_600_000_000;
    let date = CoreTime::parse("2024-03-01", TimeKind::Date, 0).unwrap().to_packed();
    assert_eq!(current_time(&column(tp::DATE, 0, None), midnight, zone), Ok(Datum::UInt(date)));
    assert!(current_time(&column(tp::DATETIME, 0, None), i64::MAX, zone).is_err());
    assert!(is_set_on_update(&column(tp::DATETIME, flag::ON_UPDATE_NOW, None)));
    assert!(!is_set_on_update(&column(tp::DATETIME, 0, None)));
}
