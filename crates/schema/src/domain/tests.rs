use std::ops::Bound::{Excluded, Included, Unbounded};

use proptest::prelude::*;
use tifusion_codec::field_type::{FieldType, flag, tp};

use super::*;

fn number(n: i128) -> Value {
    Value::Number(n)
}

fn bytes(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec())
}

/// Whether a domain has a value, by its definition.
fn has(domain: &Domain, value: &Value) -> bool {
    domain.intervals().iter().any(|interval| {
        let above = match interval.low() {
            Unbounded => true,
            Included(low) => value >= low,
            Excluded(low) => value > low,
        };
        let below = match interval.high() {
            Unbounded => true,
            Included(high) => value <= high,
            Excluded(high) => value < high,
        };
        above && below
    })
}

fn shown(domain: &Domain) -> String {
    let parts: Vec<String> = domain.intervals().iter().map(ToString::to_string).collect();
    parts.join(" ")
}

#[test]
fn intervals_of_numbers_include_their_bounds() {
    let interval = Interval::new(Excluded(number(1)), Excluded(number(4))).unwrap();
    assert_eq!(interval.to_string(), "[2,3]");
    assert_eq!(Interval::new(Excluded(number(1)), Excluded(number(2))), None);
    assert_eq!(Interval::new(Included(number(2)), Included(number(1))), None);
    assert_eq!(Interval::new(Excluded(number(i128::MAX)), Unbounded), None);
    assert_eq!(Interval::new(Unbounded, Excluded(number(i128::MIN))), None);
    assert_eq!(Interval::new(Included(bytes("a")), Excluded(bytes("a"))), None);
    assert!(
        Interval::new(Included(bytes("a")), Included(bytes("a"))).unwrap().as_point().is_some()
    );
}

#[test]
fn what_touches_becomes_one() {
    let of = |pairs: &[(i128, i128)]| {
        Domain::of(pairs.iter().map(|(low, high)| {
            Interval::new(Included(number(*low)), Included(number(*high))).unwrap()
        }))
    };
    assert_eq!(shown(&of(&[(5, 6), (1, 2), (3, 4), (9, 9)])), "[1,6] [9,9]");
    assert_eq!(shown(&of(&[(1, 9), (2, 3)])), "[1,9]");
    let text = Domain::of([
        Interval::new(Unbounded, Excluded(bytes("b"))).unwrap(),
        Interval::new(Excluded(bytes("b")), Unbounded).unwrap(),
    ]);
    assert_eq!(shown(&text), "(-inf,\"b\") (\"b\",+inf)");
    let text = text.union(&Domain::point(bytes("b")));
    assert!(!text.is_all() && text.with_null().is_all());
}

#[test]
fn types_have_their_values() {
    let unsigned = |code| FieldType::new(code, flag::UNSIGNED);
    let decimal = |flen, decimal| FieldType { flen, decimal, ..FieldType::new(tp::NEW_DECIMAL, 0) };
    for (field_type, want) in [
        (FieldType::new(tp::TINY, 0), Some((-128, 127))),
        (unsigned(tp::INT24), Some((0, 16_777_215))),
        (FieldType::new(tp::LONG_LONG, 0), Some((i64::MIN.into(), i64::MAX.into()))),
        (unsigned(tp::LONG_LONG), Some((0, u64::MAX.into()))),
        (decimal(3, 1), Some((-999, 999))),
        (decimal(39, 0), None),
        (FieldType::new(tp::DOUBLE, 0), None),
        (FieldType::new(tp::ENUM, 0), None),
        (FieldType::new(tp::BIT, 0), None),
    ] {
        assert_eq!(number_range(&field_type), want, "{field_type:?}");
    }
}

#[test]
fn the_ends_of_every_type_are_datums_and_what_lies_beyond_is_not() {
    for code in [tp::TINY, tp::LONG_LONG, tp::YEAR, tp::NEW_DECIMAL, tp::DATE, tp::DATETIME] {
        let field_type = FieldType::new(code, 0);
        let (least, greatest) = number_range(&field_type).unwrap();
        for (value, fits) in
            [(least, true), (greatest, true), (least - 1, false), (greatest + 1, false)]
        {
            assert_eq!(datum(&field_type, &number(value)).is_some(), fits, "{code} {value}");
        }
        assert_eq!(datum(&field_type, &bytes("x")), None);
    }
    assert!(datum(&FieldType::new(tp::VARCHAR, 0), &bytes("x")).is_some());
    assert_eq!(datum(&FieldType::new(tp::VARCHAR, 0), &number(1)), None);
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..12_i128).prop_map(Value::Number),
        "[abc]{0,2}".prop_map(|text| Value::Bytes(text.into_bytes())),
    ]
}

fn domain() -> impl Strategy<Value = (Domain, bool)> {
    let bound = |included: bool, value: Value| match included {
        true => Included(value),
        false => Excluded(value),
    };
    let one = (any::<bool>(), any::<bool>(), any::<[bool; 2]>(), value(), value());
    let interval = one.prop_map(move |(low, high, ends, a, b)| {
        let low = if low { bound(ends[0], a) } else { Unbounded };
        let high = if high { bound(ends[1], b) } else { Unbounded };
        Interval::new(low, high)
    });
    (proptest::collection::vec(interval, 0..4), any::<bool>()).prop_map(|(intervals, null)| {
        let domain = Domain::of(intervals.into_iter().flatten());
        (if null { domain.with_null() } else { domain }, null)
    })
}

/// Each value near the bounds that the strategies make.
fn all_values() -> Vec<Value> {
    let mut values: Vec<Value> = (-1..14).map(Value::Number).collect();
    for first in ["", "a", "b", "c", "d"] {
        for second in ["", "\0", "a", "b", "c"] {
            values.push(bytes(&format!("{first}{second}")));
            values.push(bytes(&format!("{first}{second}\0")));
        }
    }
    values
}

proptest! {
    #[test]
    fn sets_are_sets((a, a_null) in domain(), (b, b_null) in domain()) {
        let (union, intersection, others) = (a.union(&b), a.intersect(&b), a.other_values());
        prop_assert_eq!(union.has_null(), a_null || b_null);
        prop_assert_eq!(intersection.has_null(), a_null && b_null);
        prop_assert!(!others.has_null());
        for value in all_values() {
            let (in_a, in_b) = (has(&a, &value), has(&b, &value));
            prop_assert_eq!(has(&union, &value), in_a || in_b, "{:?}", value);
            prop_assert_eq!(has(&intersection, &value), in_a && in_b, "{:?}", value);
            prop_assert_eq!(has(&others, &value), !in_a, "{:?}", value);
        }
        for domain in [union, intersection, others] {
            let again = Domain::of(domain.intervals().iter().cloned());
            prop_assert_eq!(again.intervals(), domain.intervals());
        }
    }
}
