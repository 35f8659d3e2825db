use std::ops::Bound::{Excluded, Included, Unbounded};

use proptest::prelude::*;
use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::{FieldType, flag, tp};

use super::*;
use crate::domain::{Interval, Value, datum};

const COLLATIONS: [&str; 6] = [
    "utf8mb4_bin",
    "utf8mb4_0900_bin",
    "utf8mb4_general_ci",
    "utf8mb4_unicode_ci",
    "utf8mb4_0900_ai_ci",
    "binary",
];

fn text_type(collate: &str) -> FieldType {
    let charset = collate.split('_').next().unwrap().to_owned();
    FieldType { flen: 64, charset, collate: collate.to_owned(), ..FieldType::new(tp::VARCHAR, 0) }
}

fn column(field_type: &FieldType, prefix: Option<u64>) -> KeyColumn {
    KeyColumn::new(1, field_type, prefix, true).unwrap()
}

fn int() -> KeyColumn {
    column(&FieldType::new(tp::LONG_LONG, 0), None)
}

fn numbers(pairs: &[(i128, i128)]) -> Domain {
    Domain::of(pairs.iter().map(|(low, high)| {
        Interval::new(Included(Value::Number(*low)), Included(Value::Number(*high))).unwrap()
    }))
}

fn key(columns: &[&KeyColumn], values: &[Option<Value>]) -> Vec<u8> {
    let mut key = Vec::new();
    for (column, value) in columns.iter().zip(values) {
        let datum = value.as_ref().map_or(Datum::Null, |v| datum(column.field_type(), v).unwrap());
        column.encode(&mut key, &column.cut(&datum)).unwrap();
    }
    key
}

fn holds(ranges: &KeyRanges, key: &[u8]) -> bool {
    ranges.ranges.iter().any(|(start, end)| start.as_slice() <= key && key < end.as_slice())
}

fn check_shape(ranges: &KeyRanges) {
    assert!(ranges.ranges.iter().all(|(start, end)| start < end), "{ranges:?}");
    let pairs = ranges.ranges.iter().zip(ranges.ranges.iter().skip(1));
    assert!(pairs.into_iter().all(|((_, end), (start, _))| end <= start), "{ranges:?}");
}

#[test]
fn equalities_then_one_interval() {
    let (a, b, c) = (int(), int(), int());
    let (points, interval) = (numbers(&[(1, 1), (5, 5)]), numbers(&[(3, 9)]));
    let ranges =
        key_ranges(&[(&a, Some(&points)), (&b, Some(&interval)), (&c, Some(&points))]).unwrap();
    assert_eq!((ranges.ranges.len(), ranges.columns, ranges.is_points), (2, 2, false));
    let at = |a, b, c| {
        let values = [a, b, c].map(|n| Some(Value::Number(n)));
        holds(&ranges, &key(&[&int(), &int(), &int()], &values))
    };
    for (a, b, c, want) in [
        (1, 3, i64::MIN.into(), true),
        (5, 9, i64::MAX.into(), true),
        (1, 2, 0, false),
        (1, 10, 0, false),
        (2, 3, 0, false),
    ] {
        assert_eq!(at(a, b, c), want, "{a} {b} {c}");
    }
    check_shape(&ranges);
}

#[test]
fn what_excludes_nothing_has_no_ranges_and_what_excludes_all_has_none() {
    let (a, b) = (int(), int());
    let point = Domain::point(Value::Number(1));
    assert_eq!(key_ranges(&[(&a, None), (&b, Some(&point))]), None);
    assert_eq!(key_ranges(&[(&a, Some(&Domain::all())), (&b, Some(&point))]), None);
    let none = key_ranges(&[(&a, None), (&b, Some(&Domain::none()))]).unwrap();
    assert!(none.ranges.is_empty());
    let beyond = numbers(&[(i128::from(i64::MAX) + 1, i128::MAX)]);
    assert!(key_ranges(&[(&a, Some(&beyond))]).unwrap().ranges.is_empty());
}

#[test]
fn constants_beyond_the_type_bound_nothing() {
    let tiny = column(&FieldType::new(tp::TINY, flag::UNSIGNED), None);
    let wide = numbers(&[(-5, 1000)]);
    let ranges = key_ranges(&[(&tiny, Some(&wide))]).unwrap();
    assert_eq!(ranges.ranges, [(vec![1], vec![250])]);
    let upper = numbers(&[(7, 255)]);
    let ranges = key_ranges(&[(&tiny, Some(&upper))]).unwrap();
    assert_eq!(ranges.ranges, [(vec![4, 0, 0, 0, 0, 0, 0, 0, 7], vec![250])]);
}

#[test]
fn a_product_too_large_is_cut_to_fewer_columns() {
    let (a, b) = (int(), int());
    let many = |n: i128| Domain::of((0..n).map(|at| Interval::point(Value::Number(at * 2))));
    let (forty, twenty) = (many(40), many(20));
    let product = |a_values: &Domain, b_values: &Domain| {
        let ranges = key_ranges(&[(&a, Some(a_values)), (&b, Some(b_values))]).unwrap();
        check_shape(&ranges);
        (ranges.ranges.len(), ranges.columns)
    };
    assert_eq!(product(&forty, &twenty), (800, 2));
    assert_eq!(product(&forty, &forty), (40, 1));
    assert_eq!(product(&many(5000), &many(1)), (5000, 2));
    assert_eq!(product(&many(5000), &many(2)), (5000, 1));
}

#[test]
fn nulls_come_first_and_dates_that_are_null_may_be_anywhere() {
    let a = int();
    let null = Domain::only_null();
    let ranges = key_ranges(&[(&a, Some(&null))]).unwrap();
    assert_eq!(ranges.ranges, [(vec![0], vec![1])]);
    let low = numbers(&[(i128::from(i64::MIN), 3)]).with_null();
    let ranges = key_ranges(&[(&a, Some(&low))]).unwrap();
    assert!(holds(&ranges, &key(&[&a], &[None])));
    let date = column(&FieldType::new(tp::DATE, 0), None);
    assert_eq!(key_ranges(&[(&date, Some(&null))]), None);
    assert_eq!(key_ranges(&[(&date, Some(&numbers(&[(1, 2)]).with_null()))]), None);
    assert!(key_ranges(&[(&date, Some(&numbers(&[(1, 2)])))]).is_some());
}

#[test]
fn text_is_narrowed_as_its_collation_allows() {
    let text = |collate: &str| column(&text_type(collate), None);
    let interval = |low: &str, high: &str| {
        let (low, high) = (low.as_bytes().to_vec(), high.as_bytes().to_vec());
        Domain::of(Interval::new(Included(Value::Bytes(low)), Excluded(Value::Bytes(high))))
    };
    let domain = interval("b", "d");
    let narrows = |collate| key_ranges(&[(&text(collate), Some(&domain))]).is_some();
    let narrowing: Vec<_> = COLLATIONS.into_iter().filter(|collate| narrows(collate)).collect();
    assert_eq!(narrowing, ["utf8mb4_bin", "utf8mb4_0900_bin", "binary"]);
    // "b" and blanks is above "b\t", and has the key of "b".
    let padded = text("utf8mb4_bin");
    let tab = interval("b\t", "c");
    let ranges = key_ranges(&[(&padded, Some(&tab))]).unwrap();
    let key = |text: &str| key(&[&padded], &[Some(Value::Bytes(text.as_bytes().to_vec()))]);
    assert!(holds(&ranges, &key("b  ")));
    assert!(!holds(&ranges, &key("a")));
    // One key for both.
    let both = ["A", "a"].map(|text| Interval::point(Value::Bytes(text.as_bytes().to_vec())));
    let ranges = key_ranges(&[(&text("utf8mb4_general_ci"), Some(&Domain::of(both)))]).unwrap();
    assert_eq!((ranges.ranges.len(), ranges.is_points), (1, true));
}

fn text_value() -> BoxedStrategy<Value> {
    // Blanks, what is below a blank, cases, and characters of several bytes.
    "[ \t\u{1}aAbéÉßz😀]{0,5}".prop_map(|text| Value::Bytes(text.into_bytes())).boxed()
}

fn interval_of(
    value: impl Strategy<Value = Value> + Clone,
) -> impl Strategy<Value = Option<Interval>> {
    (value.clone(), value, 0..6_u8).prop_map(|(a, b, kind)| match kind {
        0 => Some(Interval::point(a)),
        1 => Interval::new(Included(a), Included(b)),
        2 => Interval::new(Excluded(a), Excluded(b)),
        3 => Interval::new(Excluded(a), Unbounded),
        4 => Interval::new(Unbounded, Excluded(a)),
        _ => Interval::new(Included(a), Excluded(b)),
    })
}

fn domain_of(value: impl Strategy<Value = Value> + Clone) -> impl Strategy<Value = Domain> {
    (proptest::collection::vec(interval_of(value), 0..4), any::<bool>()).prop_map(
        |(intervals, null)| {
            let domain = Domain::of(intervals.into_iter().flatten());
            if null { domain.with_null() } else { domain }
        },
    )
}

fn in_domain(domain: &Domain, value: Option<&Value>) -> bool {
    let Some(value) = value else { return domain.has_null() };
    !Domain::point(value.clone()).intersect(domain).is_none()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_text_of_a_domain_has_its_key_in_the_ranges(
        collation in 0..COLLATIONS.len(),
        prefix in proptest::option::of(0..4_u64),
        domain in domain_of(text_value()),
        values in proptest::collection::vec(proptest::option::of(text_value()), 1..30),
    ) {
        let column = column(&text_type(COLLATIONS[collation]), prefix);
        let Some(ranges) = key_ranges(&[(&column, Some(&domain))]) else { return Ok(()) };
        check_shape(&ranges);
        for value in values {
            if in_domain(&domain, value.as_ref()) {
                let key = key(&[&column], std::slice::from_ref(&value));
                prop_assert!(holds(&ranges, &key), "{value:?} of {domain:?} not in {ranges:?}");
            }
        }
    }

    #[test]
    fn keys_of_several_columns_are_in_the_ranges(
        a in domain_of((-3..4_i128).prop_map(Value::Number)),
        b in domain_of(text_value()),
        c in domain_of((-3..4_i128).prop_map(Value::Number)),
        rows in proptest::collection::vec(
            (proptest::option::of(-4..5_i128), text_value(), proptest::option::of(-4..5_i128)),
            1..30,
        ),
    ) {
        let date = column(&FieldType::new(tp::DATE, 0), None);
        let text = column(&text_type("utf8mb4_bin"), None);
        let columns = [&int(), &text, &date];
        let with = [(columns[0], Some(&a)), (columns[1], Some(&b)), (columns[2], Some(&c))];
        let Some(ranges) = key_ranges(&with) else { return Ok(()) };
        check_shape(&ranges);
        for (first, second, third) in rows {
            let row = [first.map(Value::Number), Some(second), third.map(Value::Number)];
            let matches =
                [&a, &b, &c].into_iter().zip(&row).all(|(d, v)| in_domain(d, v.as_ref()));
            if matches {
                let key = key(&columns, &row);
                prop_assert!(holds(&ranges, &key), "{row:?} not in {ranges:?}");
            }
        }
    }

    #[test]
    fn ranges_of_numbers_hold_nothing_else(
        domain in domain_of((-6..7_i128).prop_map(Value::Number)),
    ) {
        let column = int();
        let Some(ranges) = key_ranges(&[(&column, Some(&domain))]) else { return Ok(()) };
        for number in -9..10_i128 {
            let value = Some(Value::Number(number));
            let key = key(&[&column], std::slice::from_ref(&value));
            prop_assert_eq!(holds(&ranges, &key), in_domain(&domain, value.as_ref()), "{}", number);
        }
    }
}
