use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::time::{CoreTime, TimeKind};

use super::*;
use crate::model::{
    CiStr, ColumnInfo, PartitionDefinition, PartitionInfo, PartitionType, TableInfo,
};

fn columns() -> Vec<(&'static str, FieldType)> {
    vec![
        ("a", FieldType::new(tp::LONG_LONG, 0)),
        ("u", FieldType::new(tp::LONG_LONG, flag::UNSIGNED)),
        ("d", FieldType::new(tp::DATETIME, 0)),
        ("ts", FieldType::new(tp::TIMESTAMP, 0)),
        ("ts3", FieldType { decimal: 3, ..FieldType::new(tp::TIMESTAMP, 0) }),
        ("s", FieldType::new(tp::VARCHAR, 0)),
    ]
}

fn parse(text: &str) -> Result<PartitionExpr, PartitionError> {
    PartitionExpr::parse(text, &|name| {
        let columns = columns();
        let at = columns.iter().position(|(column, _)| column.eq_ignore_ascii_case(name))?;
        Some((at, columns[at].1.clone()))
    })
}

fn time(text: &str) -> Datum<'static> {
    Datum::UInt(CoreTime::parse(text, TimeKind::DateTime, 6).unwrap().to_packed())
}

/// A row of the columns above.
fn row(a: Datum<'static>, u: u64, d: &str) -> Vec<Datum<'static>> {
    vec![a, Datum::UInt(u), time(d), time(d), time(d), Datum::Null]
}

#[test]
fn an_expression_is_shown_as_tidb_keeps_it() {
    for (text, want) in [
        ("a", "`a`"),
        ("`A`", "`A`"),
        ("a + 1", "(`a`+1)"),
        ("a*2 + MOD(u, 3) - MONTH(d)", "(((`a`*2)+(`u`%3))-MONTH(`d`))"),
        ("(a + u) DIV 2", "(((`a`+`u`)) DIV 2)"),
        ("a mod 7", "(`a`%7)"),
        ("to_days( d )", "TO_DAYS(`d`)"),
        ("-a", "-`a`"),
        ("1 + 2 * 3", "(1+(2*3))"),
        ("unix_timestamp('2024-01-01')", "UNIX_TIMESTAMP('2024-01-01')"),
    ] {
        let expr = parse(text).unwrap();
        assert_eq!(expr.to_string(), want);
        // What is kept means the same when it is read again.
        let row = row(Datum::Int(7), 5, "2024-02-29");
        assert_eq!(parse(want).unwrap().eval(&row), expr.eval(&row), "{text}");
    }
}

#[test]
fn an_expression_has_the_value_of_mysql() {
    let row = row(Datum::Int(-7), 5, "2024-02-29 13:14:15");
    for (text, want) in [
        ("a", Some(-7)),
        ("a DIV 2", Some(-3)),
        ("a % 3", Some(-1)),
        ("ABS(a)", Some(7)),
        ("2 + 3 * 4 - 1", Some(13)),
        ("-(2 + 3)", Some(-5)),
        ("u * 2", Some(10)),
        ("YEAR(d) * 100 + MONTH(d)", Some(202_402)),
        ("QUARTER(d)", Some(1)),
        ("DAYOFYEAR(d)", Some(60)),
        ("DAYOFWEEK(d)", Some(5)),
        ("WEEKDAY(d)", Some(3)),
        ("HOUR(d) + MINUTE(d) + SECOND(d)", Some(42)),
        ("TO_DAYS(d)", Some(739_310)),
        ("TO_SECONDS(d)", Some(739_310 * 86_400 + 47_655)),
        ("UNIX_TIMESTAMP(ts)", Some(1_709_212_455)),
        ("TO_DAYS('2024-01-01')", Some(739_251)),
        ("UNIX_TIMESTAMP('2024-01-01 00:00:00')", Some(1_704_067_200)),
        ("-9223372036854775808", Some(i128::from(i64::MIN))),
    ] {
        assert_eq!(parse(text).unwrap().eval(&row), Ok(want), "{text}");
    }
    let null = vec![Datum::Null; 6];
    for text in ["a", "a + 1", "YEAR(d)", "ABS(a)", "-a"] {
        assert_eq!(parse(text).unwrap().eval(&null), Ok(None), "{text}");
    }
}

#[test]
fn what_has_no_value_is_an_error() {
    let overflows = row(Datum::Int(i64::MAX), u64::MAX, "2024-01-01");
    let small = row(Datum::Int(-1), 0, "2024-01-01");
    for (text, row) in [
        ("a + 1", &overflows),
        ("a * 2", &overflows),
        ("u + 1", &overflows),
        ("a + u", &small),
        ("u - 1", &small),
        ("a DIV u", &small),
        ("a % u", &small),
    ] {
        let error = parse(text).unwrap().eval(row);
        assert!(matches!(error, Err(PartitionError::Value { .. })), "{text}: {error:?}");
    }
    let mut zero = small.clone();
    (zero[2], zero[3]) = (Datum::UInt(0), Datum::UInt(0));
    assert!(parse("YEAR(d)").unwrap().eval(&zero).is_err());
    assert_eq!(parse("UNIX_TIMESTAMP(ts)").unwrap().eval(&zero), Ok(Some(0)));
}

#[test]
fn what_is_not_evaluated_is_refused_by_name() {
    for (text, named) in [
        ("", "expression"),
        ("a +", "expression"),
        ("(a", "parenthesis"),
        ("a b", "follows"),
        ("b", "column b"),
        ("`a", "name"),
        ("FLOOR(a)", "FLOOR"),
        ("a / 2", "follows"),
        ("a << 1", "follows"),
        ("YEAR(ts)", "YEAR"),
        ("YEAR(a)", "YEAR"),
        ("YEAR(d, d)", "YEAR"),
        ("UNIX_TIMESTAMP(d)", "UNIX_TIMESTAMP"),
        ("UNIX_TIMESTAMP(ts3)", "UNIX_TIMESTAMP"),
        ("ABS(d)", "datetime"),
        ("s", "varchar"),
        ("'x'", "text"),
        ("1.5", "follows"),
        ("99999999999999999999", "number"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(named), "{text}: {error}");
    }
    assert!(parse(&"(".repeat(10_000)).is_err());
    assert!(parse(&"-".repeat(10_000)).is_err());
    assert!(parse(&format!("1{}", " + 1".repeat(1_000_000))).is_err());
}

pub(super) fn table(partition: PartitionInfo) -> TableInfo {
    let column = |(offset, (name, field_type)): (usize, (&str, FieldType))| ColumnInfo {
        id: i64::try_from(offset).unwrap() + 1,
        name: CiStr::new(name),
        offset,
        field_type,
        ..ColumnInfo::default()
    };
    let columns = columns().into_iter().enumerate().map(column).collect();
    TableInfo { columns, partition: Some(partition), ..TableInfo::default() }
}

pub(super) fn definition(
    id: i64,
    less_than: &[&str],
    in_values: &[&[&str]],
) -> PartitionDefinition {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    PartitionDefinition {
        id,
        less_than: texts(less_than),
        in_values: in_values.iter().map(|values| texts(values)).collect(),
        ..PartitionDefinition::default()
    }
}

pub(super) fn info(
    kind: PartitionType,
    expr: &str,
    definitions: Vec<PartitionDefinition>,
) -> PartitionInfo {
    PartitionInfo {
        partition_type: kind,
        expr: expr.to_owned(),
        enable: true,
        definitions,
        ..PartitionInfo::default()
    }
}

#[test]
fn old_metadata_has_bounds_that_are_expressions() {
    let definitions =
        vec![definition(1, &["TO_DAYS('2024-01-01')"], &[]), definition(2, &["maxvalue"], &[])];
    let table = table(info(PartitionType::Range, "to_days(`d`)", definitions));
    let router = PartitionRouter::new(&table, true).unwrap();
    assert_eq!(router.route(&row(Datum::Int(0), 0, "2023-12-31")), Ok(1));
    assert_eq!(router.route(&row(Datum::Int(0), 0, "2024-01-01")), Ok(2));
}

#[test]
fn a_value_without_a_partition_is_named() {
    let definitions = vec![definition(1, &["10"], &[]), definition(2, &["20"], &[])];
    let range = table(info(PartitionType::Range, "`a`", definitions));
    let router = PartitionRouter::new(&range, true).unwrap();
    for (value, want) in [(Datum::Null, 1), (Datum::Int(-5), 1), (Datum::Int(19), 2)] {
        assert_eq!(router.route(&row(value, 0, "2024-01-01")), Ok(want));
    }
    let error = router.route(&row(Datum::Int(20), 0, "2024-01-01")).unwrap_err();
    assert!(error.to_string().contains("20"), "{error}");
}

#[test]
fn hash_goes_by_the_sign_less_remainder() {
    let definitions = (0..3).map(|id| definition(id, &[], &[])).collect();
    let hash = table(info(PartitionType::Hash, "`a`", definitions));
    let router = PartitionRouter::new(&hash, true).unwrap();
    for (value, want) in [(7, 1), (-7, 1), (0, 0), (i64::MIN, 2), (i64::MAX, 1)] {
        assert_eq!(router.route(&row(Datum::Int(value), 0, "2024-01-01")), Ok(want), "{value}");
    }
    assert_eq!(router.route(&row(Datum::Null, 0, "2024-01-01")), Ok(0));
}

#[test]
fn contradictory_partitions_are_refused() {
    let range = |bounds: &[&str]| {
        let definitions = bounds.iter().zip(1..).map(|(b, id)| definition(id, &[b], &[])).collect();
        PartitionRouter::new(&table(info(PartitionType::Range, "`a`", definitions)), true)
    };
    assert!(range(&["1", "2"]).is_ok());
    for bounds in [&["2", "1"][..], &["1", "1"], &["MAXVALUE", "1"], &["x"], &["NULL"], &[]] {
        assert!(range(bounds).is_err(), "{bounds:?}");
    }
    let list = |lists: Vec<PartitionDefinition>| {
        PartitionRouter::new(&table(info(PartitionType::List, "`a`", lists)), true)
    };
    let (one, same) = (definition(1, &[], &[&["1"], &["NULL"]]), definition(2, &[], &[&["1"]]));
    assert!(list(vec![one.clone(), definition(2, &[], &[&["DEFAULT"]])]).is_ok());
    assert!(list(vec![one, same]).is_err());
    let mut by_time = info(PartitionType::Key, "", vec![definition(1, &[], &[])]);
    by_time.columns = vec![CiStr::new("ts")];
    assert!(PartitionRouter::new(&table(by_time), true).is_err());
    assert!(PartitionRouter::new(&TableInfo::default(), true).is_err());
}
