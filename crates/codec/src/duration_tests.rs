//! Tests of `TIME` values.

use proptest::prelude::*;

use super::*;
use crate::test_vectors::rows;

#[test]
fn a_time_prints_as_in_tidb() {
    for row in rows(include_str!("../testdata/duration.txt")) {
        let (nanos, fsp) = (row[0].parse().unwrap(), row[1].parse().unwrap());
        assert_eq!(to_text(nanos, fsp), row[2], "{nanos} ns, {fsp} digits");
    }
}

#[test]
fn a_literal_is_read_as_in_tidb() {
    for row in rows(include_str!("../testdata/duration_literal.txt")) {
        let parsed = parse(row[0], row[1].parse().unwrap());
        assert_eq!(
            parsed.map_err(|_| "error".to_owned()),
            row[2].parse().map_err(|_| row[2].to_owned()),
            "{row:?}"
        );
    }
}

#[test]
fn text_that_is_no_time_is_refused() {
    for text in [
        "",
        "-",
        "1",
        "1:2",
        "1:60:00",
        "1:00:60",
        "1:2:3:4",
        "a:b:c",
        "1:2:3.x",
        "--1:2:3",
        "1:2:-3",
        "9999999999:00:00",
    ] {
        assert!(matches!(parse(text, 6), Err(Error::Malformed { .. })), "{text:?}");
    }
    for text in ["838:59:59.5", "839:00:00", "999999999:00:00", "-838:59:59.000001"] {
        assert!(matches!(parse(text, 6), Err(Error::OutOfRange { .. })), "{text:?}");
    }
}

#[test]
fn microseconds_are_rounded_toward_zero() {
    assert_eq!(
        [to_micros(1999), to_micros(-1999), to_micros(MAX_NANOS)],
        [1, -1, 3_020_399_000_000]
    );
    assert_eq!(from_micros(-3), Some(-3000));
    assert_eq!(from_micros(i64::MAX), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_time_comes_back(micros in -(MAX_NANOS / 1000)..=MAX_NANOS / 1000) {
        let nanos = micros * 1000;
        prop_assert_eq!(parse(&to_text(nanos, 6), 6), Ok(nanos));
    }

    #[test]
    fn any_number_prints_and_any_text_is_parsed(nanos: i64, fsp: u8, text in "[-0-9:. ]{0,20}|.{0,12}") {
        let printed = to_text(nanos, fsp);
        prop_assert!(printed.len() <= 24, "{}", printed);
        let _ = parse(&text, fsp);
    }
}
