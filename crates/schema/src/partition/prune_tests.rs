use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};

use proptest::prelude::*;
use tifusion_codec::datum::Datum;
use tifusion_codec::time::{CoreTime, TimeKind};

use super::tests::{definition, info, table};
use super::*;
use crate::domain::{Domain, Interval, Value, datum};
use crate::model::state::SchemaState;
use crate::model::{ActionType, CiStr, PartitionDefinition, PartitionType, TableInfo};

/// Offsets of the columns of [`table`].
const A: usize = 0;
const U: usize = 1;
const D: usize = 2;
const TS: usize = 3;
const S: usize = 5;

fn micros(text: &str) -> i128 {
    CoreTime::parse(text, TimeKind::DateTime, 6).unwrap().to_micros().unwrap().into()
}

fn between(low: i128, high: i128) -> Domain {
    Domain::of(Interval::new(Included(Value::Number(low)), Included(Value::Number(high))))
}

fn below(high: i128) -> Domain {
    Domain::of(Interval::new(Unbounded, Excluded(Value::Number(high))))
}

fn at(number: i128) -> Domain {
    Domain::point(Value::Number(number))
}

fn text(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec())
}

fn ranges(bounds: &[&str]) -> Vec<PartitionDefinition> {
    bounds.iter().zip(1..).map(|(bound, id)| definition(id, &[bound], &[])).collect()
}

fn by(kind: PartitionType, expr: &str, definitions: Vec<PartitionDefinition>) -> TableInfo {
    table(info(kind, expr, definitions))
}

fn by_columns(
    kind: PartitionType,
    columns: &[&str],
    definitions: Vec<PartitionDefinition>,
) -> TableInfo {
    let mut partition = info(kind, "", definitions);
    partition.columns = columns.iter().map(|name| CiStr::new(*name)).collect();
    let mut table = table(partition);
    let text = &mut table.columns[S].field_type;
    (text.charset, text.collate) = ("utf8mb4".to_owned(), "utf8mb4_general_ci".to_owned());
    table
}

fn pruned(table: &TableInfo, domains: impl IntoIterator<Item = (usize, Domain)>) -> Vec<i64> {
    let pruner = PartitionPruner::new(table, true).unwrap();
    pruner.prune(&domains.into_iter().collect())
}

#[test]
fn ranges_of_a_column() {
    let table = by(PartitionType::Range, "`a`", ranges(&["10", "20", "30", "MAXVALUE"]));
    for (domain, want) in [
        (at(10), vec![2]),
        (at(9), vec![1]),
        (between(19, 20), vec![2, 3]),
        (below(10), vec![1]),
        (below(11), vec![1, 2]),
        (between(30, i128::MAX), vec![4]),
        (Domain::only_null(), vec![1]),
        (at(25).with_null(), vec![1, 3]),
        (at(5).union(&at(25)), vec![1, 3]),
        (Domain::none(), vec![]),
        (Domain::all(), vec![1, 2, 3, 4]),
        (Domain::not_null(), vec![1, 2, 3, 4]),
        (at(i128::from(i64::MAX) + 1), vec![]),
    ] {
        assert_eq!(pruned(&table, [(A, domain.clone())]), want, "{domain:?}");
    }
    assert_eq!(pruned(&table, [(U, at(1))]), [1, 2, 3, 4]);
    let table = by(PartitionType::Range, "`a`", ranges(&["10", "20"]));
    assert_eq!(pruned(&table, [(A, at(20))]), Vec::<i64>::new());
}

#[test]
fn ranges_of_an_unsigned_column_go_beyond_the_signed_ones() {
    let bounds = ["5", "9223372036854775808", "18446744073709551615", "MAXVALUE"];
    let table = by(PartitionType::Range, "`u`", ranges(&bounds));
    for (domain, want) in [
        (at(i64::MAX.into()), vec![2]),
        (at(i128::from(i64::MAX) + 1), vec![3]),
        (at(u64::MAX.into()), vec![4]),
        (at(-1), vec![]),
        (between(-7, 4), vec![1]),
        (between(u64::MAX.into(), i128::MAX), vec![4]),
    ] {
        assert_eq!(pruned(&table, [(U, domain.clone())]), want, "{domain:?}");
    }
}

#[test]
fn ranges_of_what_rises_with_a_time() {
    let day = |text: &str| micros(text);
    let years = by(PartitionType::Range, "YEAR(`d`)", ranges(&["2023", "2024", "MAXVALUE"]));
    for (domain, want) in [
        (below(day("2023-01-01")), vec![1]),
        (below(day("2023-01-01") + 1), vec![1, 2]),
        (between(day("2023-01-01"), day("2023-12-31 23:59:59.999999")), vec![2]),
        (at(day("2024-02-29")), vec![3]),
        (Domain::not_null(), vec![1, 2, 3]),
        (at(day("2024-02-29")).with_null(), vec![1, 2, 3]),
    ] {
        assert_eq!(pruned(&years, [(D, domain.clone())]), want, "{domain:?}");
    }
    let days = by(PartitionType::Range, "TO_DAYS(`d`)", ranges(&["739251", "739300"]));
    assert_eq!(pruned(&days, [(D, at(day("2023-12-31 12:00:00")))]), [1]);
    assert_eq!(pruned(&days, [(D, at(day("2024-01-01")))]), [2]);
    let unix = by(
        PartitionType::Range,
        "UNIX_TIMESTAMP(`ts`)",
        ranges(&["UNIX_TIMESTAMP('2024-01-01 00:00:00')", "MAXVALUE"]),
    );
    assert_eq!(pruned(&unix, [(TS, below(day("2024-01-01")))]), [1]);
    assert_eq!(pruned(&unix, [(TS, between(day("2024-01-01"), i128::MAX))]), [2]);
}

#[test]
fn arithmetic_that_rises_or_falls() {
    for (expr, domain, want) in [
        ("`a` + 5", below(5), vec![1]),
        ("`a` * 2 - 1", between(6, 10), vec![2]),
        ("-`a`", between(-19, -10), vec![2]),
        ("100 - `a`", between(81, i128::MAX), vec![1, 2]),
        ("`a` DIV -3", between(-60, -59), vec![2, 3]),
        ("`a` * 0", at(77), vec![1]),
        ("`a` + `a`", at(5), vec![2]),
        ("MOD(`a`, 10) + 10", at(13), vec![2]),
        ("MOD(`a`, 10) + 10", between(0, i128::MAX), vec![1, 2, 3]),
        ("ABS(`a`)", between(-12, -11), vec![2]),
        // Beyond the overflow there is no row.
        ("`a` + 9223372036854775807", between(i64::MIN.into(), -9), vec![1, 2, 3]),
    ] {
        let table = by(PartitionType::Range, expr, ranges(&["10", "20", "MAXVALUE"]));
        assert_eq!(pruned(&table, [(A, domain)]), want, "{expr}");
    }
}

#[test]
fn ranges_of_several_columns() {
    let definitions = vec![
        definition(1, &["5", "'m'"], &[]),
        definition(2, &["10", "'m'"], &[]),
        definition(3, &["10", "MAXVALUE"], &[]),
        definition(4, &["MAXVALUE", "MAXVALUE"], &[]),
    ];
    let table = by_columns(PartitionType::Range, &["a", "s"], definitions);
    let is = |value: &str| Domain::point(text(value));
    for (a, s, want) in [
        (at(5), None, vec![1, 2]),
        (at(5), Some(is("a")), vec![1]),
        (at(5), Some(is("N")), vec![2]),
        (at(10), Some(is("zzz")), vec![3]),
        (at(11), None, vec![4]),
        // Nothing is above MAXVALUE.
        (at(10), None, vec![2, 3]),
        (between(6, 10), None, vec![2, 3]),
        (below(5), Some(is("zzz")), vec![1]),
        (Domain::only_null(), None, vec![1]),
        (Domain::all(), Some(is("a")), vec![1, 2, 3, 4]),
        // A collation does not order as bytes do.
        (at(5), Some(Domain::of(Interval::new(Unbounded, Excluded(text("b"))))), vec![1, 2]),
    ] {
        let domains = [(A, a.clone())].into_iter().chain(s.clone().map(|s| (S, s)));
        assert_eq!(pruned(&table, domains), want, "{a:?} {s:?}");
    }
}

#[test]
fn hash_and_key_by_single_values_and_short_ranges() {
    let four = || (0..4).map(|id| definition(id, &[], &[])).collect::<Vec<_>>();
    let hash = by(PartitionType::Hash, "`a`", four());
    for (domain, want) in [
        (at(6), vec![2]),
        (at(-6), vec![2]),
        (Domain::only_null(), vec![0]),
        (between(4, 5), vec![0, 1]),
        (between(4, 7), vec![0, 1, 2, 3]),
        (between(4, i128::MAX), vec![0, 1, 2, 3]),
        (at(1).union(&at(5)).union(&at(9)), vec![1]),
    ] {
        assert_eq!(pruned(&hash, [(A, domain.clone())]), want, "{domain:?}");
    }
    let years = by(PartitionType::Hash, "YEAR(`d`)", four());
    let year = between(micros("2023-01-01"), micros("2024-12-31"));
    assert_eq!(pruned(&years, [(D, year)]), [0, 3]);
    let key = by_columns(PartitionType::Key, &["a", "s"], four());
    assert_eq!(pruned(&key, [(A, at(1))]).len(), 4);
    let one = pruned(&key, [(A, at(1)), (S, Domain::point(text("x")))]);
    assert_eq!(one.len(), 1);
    let router = PartitionRouter::new(&key, true).unwrap();
    let mut row = vec![Datum::Null; 6];
    (row[A], row[S]) = (Datum::Int(1), Datum::Bytes(b"x".into()));
    assert_eq!(router.route(&row), Ok(one[0]));
}

#[test]
fn lists_and_what_is_in_none() {
    let lists = || {
        vec![
            definition(1, &[], &[&["1"], &["3"], &["NULL"]]),
            definition(2, &[], &[&["2"], &["4"]]),
            definition(3, &[], &[&["DEFAULT"]]),
        ]
    };
    let list = by(PartitionType::List, "`a`", lists());
    for (domain, want) in [
        (at(1), vec![1]),
        (at(2).union(&at(4)), vec![2]),
        (between(1, 4), vec![1, 2]),
        (between(1, 5), vec![1, 2, 3]),
        (at(9), vec![3]),
        (Domain::only_null(), vec![1]),
        (between(4, i128::MAX), vec![2, 3]),
        (Domain::none(), vec![]),
    ] {
        assert_eq!(pruned(&list, [(A, domain.clone())]), want, "{domain:?}");
    }
    let pairs = vec![
        definition(1, &[], &[&["1", "'x'"], &["2", "'x'"]]),
        definition(2, &[], &[&["1", "'y'"], &["NULL", "NULL"]]),
        definition(3, &[], &[&["DEFAULT"]]),
    ];
    let table = by_columns(PartitionType::List, &["a", "s"], pairs);
    let is = |value: &str| Domain::point(text(value));
    for (a, s, want) in [
        (Some(at(1)), Some(is("X")), vec![1]),
        (None, Some(is("y")), vec![2, 3]),
        (Some(at(2)), None, vec![1, 3]),
        (Some(at(2)), Some(is("y")), vec![3]),
        (Some(Domain::only_null()), Some(Domain::only_null()), vec![2]),
    ] {
        let domains = a.clone().map(|a| (A, a)).into_iter().chain(s.clone().map(|s| (S, s)));
        assert_eq!(pruned(&table, domains), want, "{a:?} {s:?}");
    }
}

#[test]
fn partitions_in_a_schema_change_are_not_pruned() {
    let mut table = by(PartitionType::Range, "`a`", ranges(&["10", "20"]));
    let partition = table.partition.as_mut().unwrap();
    (partition.ddl_action, partition.ddl_state) =
        (ActionType::ReorganizePartition, SchemaState::WriteReorganization);
    assert!(PartitionPruner::new(&table, true).is_err());
}

/// Tables of every kind over the columns `a`, `u`, `d` and `s`.
fn tables() -> Vec<TableInfo> {
    let five = || (0..5).map(|id| definition(id, &[], &[])).collect::<Vec<_>>();
    let numbers = || ranges(&["-3", "0", "2", "MAXVALUE"]);
    let days = || ranges(&["719526", "719528", "719530", "MAXVALUE"]);
    let lists = || {
        vec![
            definition(1, &[], &[&["-2"], &["3"], &["NULL"]]),
            definition(2, &[], &[&["0"], &["1"]]),
            definition(3, &[], &[&["DEFAULT"]]),
        ]
    };
    let mut tables = vec![
        by(PartitionType::Range, "TO_DAYS(`d`)", days()),
        by(PartitionType::Hash, "TO_DAYS(`d`)", five()),
        by(PartitionType::Hash, "DAYOFMONTH(`d`)", five()),
        by(PartitionType::Range, "`u`", ranges(&["2", "4", "MAXVALUE"])),
        by(PartitionType::Hash, "`a` + `u`", five()),
        by_columns(PartitionType::Key, &["a", "s"], five()),
        by_columns(PartitionType::Key, &["d"], five()),
        by_columns(
            PartitionType::Range,
            &["s", "a"],
            vec![
                definition(1, &["'a'", "0"], &[]),
                definition(2, &["'b'", "MAXVALUE"], &[]),
                definition(3, &["MAXVALUE", "MAXVALUE"], &[]),
            ],
        ),
        by_columns(
            PartitionType::List,
            &["s", "a"],
            vec![
                definition(1, &[], &[&["'a'", "0"], &["'B'", "1"]]),
                definition(2, &[], &[&["'a'", "1"], &["NULL", "NULL"]]),
                definition(3, &[], &[&["DEFAULT"]]),
            ],
        ),
    ];
    for expr in ["`a`", "`a` * -2 + 1", "5 - `a` DIV 2", "ABS(`a`)", "`a` % 3"] {
        tables.push(by(PartitionType::Range, expr, numbers()));
        tables.push(by(PartitionType::Hash, expr, five()));
        tables.push(by(PartitionType::List, expr, lists()));
    }
    tables
}

/// Half days around 1970, which the domains of times are made of.
const HALF_DAY: i128 = 43_200_000_000;

fn domain_of(value: fn(i128) -> Value) -> impl Strategy<Value = Domain> {
    let interval =
        (-5..6_i128, 0..4_i128, any::<[bool; 3]>()).prop_map(move |(low, more, ends)| {
            let (low, high) = (value(low), value(low + more));
            let low = match ends {
                [true, true, _] => Unbounded,
                [true, ..] => Excluded(low),
                _ => Included(low),
            };
            let high = if ends[1] && ends[2] { Unbounded } else { Included(high) };
            Interval::new(low, high)
        });
    let points = proptest::collection::vec(-5..6_i128, 1..4).prop_map(move |numbers| {
        Domain::of(numbers.into_iter().map(|number| Interval::point(value(number))))
    });
    let intervals = proptest::collection::vec(interval, 1..3)
        .prop_map(|intervals| Domain::of(intervals.into_iter().flatten()));
    (prop_oneof![points, intervals], any::<bool>())
        .prop_map(|(domain, null)| if null { domain.with_null() } else { domain })
}

fn letter(number: i128) -> Value {
    text(["", "A", "a", "a ", "b", "B", "é", "z"][usize::try_from(number.rem_euclid(8)).unwrap()])
}

fn has(domain: Option<&Domain>, value: Option<&Value>) -> bool {
    let Some(domain) = domain else { return true };
    match value {
        None => domain.has_null(),
        Some(value) => !Domain::point(value.clone()).intersect(domain).is_none(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_partition_of_every_row_is_left_in(
        table in 0..24_usize,
        a in proptest::option::of(domain_of(Value::Number)),
        u in proptest::option::of(domain_of(Value::Number)),
        d in proptest::option::of(domain_of(|number| Value::Number(number * HALF_DAY))),
        s in proptest::option::of(domain_of(letter)),
        rows in proptest::collection::vec(
            (
                proptest::option::of(-7..8_i128),
                proptest::option::of(0..8_i128),
                proptest::option::of(-8..9_i128),
                proptest::option::of(0..8_i128),
            ),
            1..20,
        ),
    ) {
        let tables = tables();
        prop_assert_eq!(tables.len(), 24);
        let table = &tables[table];
        let domains: BTreeMap<usize, Domain> = [(A, a), (U, u), (D, d), (S, s)]
            .into_iter()
            .filter_map(|(offset, domain)| domain.map(|domain| (offset, domain)))
            .collect();
        let left = PartitionPruner::new(table, true).unwrap().prune(&domains);
        let router = PartitionRouter::new(table, true).unwrap();
        for (a, u, d, s) in rows {
            let values = [
                (A, a.map(Value::Number)),
                (U, u.map(Value::Number)),
                (D, d.map(|number| Value::Number(number * HALF_DAY))),
                (S, s.map(letter)),
            ];
            let matches =
                values.iter().all(|(offset, value)| has(domains.get(offset), value.as_ref()));
            let mut row = vec![Datum::Null; 6];
            for (offset, value) in &values {
                if let Some(value) = value {
                    let field_type = &table.columns[*offset].field_type;
                    row[*offset] = datum(field_type, value).unwrap().into_owned();
                }
            }
            let Ok(id) = router.route(&row) else { continue };
            if matches {
                prop_assert!(left.contains(&id), "{values:?} in {id}, left {left:?} by {domains:?}");
            }
        }
    }
}
