//! Expected values are MySQL's, as TiKV and TiDB have them too.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;

fn number(text: &str) -> tifusion_codec::decimal::Decimal {
    parse(text).unwrap().0
}

fn shown((value, fit): (tifusion_codec::decimal::Decimal, Fit)) -> (String, Fit) {
    (value.to_string(), fit)
}

#[test]
fn texts_are_read_as_far_as_they_are_numbers() {
    for (text, expected, rest) in [
        ("12.5", "12.5", false),
        ("-0012.50", "-12.50", false),
        (".5", "0.5", false),
        ("7.", "7", false),
        ("1e3", "1000", false),
        ("1.25e-2", "0.0125", false),
        ("12ab", "12", true),
        ("1e", "1", true),
        ("1e5e", "100000", true),
        ("0.000000000000000000001", "0.000000000000000000001", false),
    ] {
        let (value, fit, more) = parse(text).unwrap();
        assert_eq!((value.to_string().as_str(), fit, more), (expected, Fit::Whole, rest), "{text}");
    }
    assert!(parse("").is_none());
    assert!(parse("x").is_none());
    assert!(parse("-.").is_none());
    assert_eq!(parse("1e200").unwrap().1, Fit::Overflow);
    assert_eq!(parse("1e-200").unwrap().1, Fit::Truncated);
}

#[test]
fn sums_keep_the_longer_fraction() {
    for (a, b, sum, difference) in [
        ("123.45", "12345.0", "12468.45", "-12221.55"),
        ("5", "-6.0", "-1.0", "11.0"),
        ("999999999.9", "0.1", "1000000000.0", "999999999.8"),
        ("-123.45", "-12345", "-12468.45", "12221.55"),
        ("1.5", "1.5", "3.0", "0"),
    ] {
        assert_eq!(shown(add(&number(a), &number(b))), (sum.to_owned(), Fit::Whole), "{a} + {b}");
        let got = shown(subtract(&number(a), &number(b)));
        assert_eq!(got, (difference.to_owned(), Fit::Whole), "{a} - {b}");
    }
    let nines = "9".repeat(81);
    let (value, fit) = shown(add(&number(&nines), &number("1")));
    assert_eq!((value, fit), (nines, Fit::Overflow));
}

#[test]
fn products_add_the_digits_after_the_point() {
    for (a, b, product) in [
        ("12", "10", "120"),
        ("-123.456", "98765.4321", "-12193185.1853376"),
        ("123456", "987654321", "121931851853376"),
        ("0.1", "-0.0", "0.00"),
    ] {
        let got = shown(multiply(&number(a), &number(b)));
        assert_eq!(got, (product.to_owned(), Fit::Whole), "{a} * {b}");
    }
    assert_eq!(multiply(&number(&"9".repeat(60)), &number(&"9".repeat(60))).1, Fit::Overflow);
}

#[test]
fn quotients_fill_whole_words_and_show_what_was_asked_for() {
    for (a, b, more, quotient, digits) in [
        ("120", "10", 4, "12.000000000", 4),
        ("123", "0.01", 4, "12300.000000000", 4),
        ("1", "3", 4, "0.333333333", 4),
        ("-12193185.1853376", "98765.4321", 4, "-123.456000000000000000", 11),
        ("121931851853376", "987654321", 4, "123456.000000000", 4),
        ("0", "987", 4, "0.0000", 4),
        ("-3", "3", 0, "-1", 0),
    ] {
        let (value, _) = divide(&number(a), &number(b), more).unwrap();
        assert_eq!(
            (value.to_string().as_str(), value.result_scale()),
            (quotient, digits),
            "{a}/{b}"
        );
    }
    assert!(divide(&number("1"), &number("0.00"), 4).is_none());
    let (value, _) = divide(&number(&"8".repeat(40)), &number(&"7".repeat(20)), 4).unwrap();
    assert!(value.to_string().starts_with("114285714285714285715"), "{value}");
}

#[test]
fn remainders_have_the_sign_of_the_dividend() {
    for (a, b, rest) in [
        ("234", "10", "4"),
        ("234.567", "10.555", "2.357"),
        ("-234.567", "10.555", "-2.357"),
        ("234.567", "-10.555", "2.357"),
        ("99999999999999999999999999999999999999", "3", "0"),
        ("20", "0.3", "0.2"),
    ] {
        assert_eq!(remainder(&number(a), &number(b)).unwrap().0.to_string(), rest, "{a} % {b}");
    }
    assert!(remainder(&number("1"), &number("0")).is_none());
}

#[test]
fn rounding_is_half_away_from_zero() {
    for (text, frac, half, cut) in [
        ("123456789.987654321", 1, "123456790.0", "123456789.9"),
        ("15.1", 0, "15", "15"),
        ("15.5", 0, "16", "15"),
        ("-15.5", 0, "-16", "-15"),
        ("15.17", 1, "15.2", "15.1"),
        ("15.4", -1, "20", "10"),
        ("5.4", -1, "10", "0"),
        (".999", 0, "1", "0"),
        ("999999999", -9, "1000000000", "0"),
        ("9.8", 3, "9.800", "9.800"),
        ("0.05", 1, "0.1", "0.0"),
    ] {
        let value = number(text);
        assert_eq!(round(&value, frac, Rounding::HalfUp).0.to_string(), half, "{text} to {frac}");
        assert_eq!(
            round(&value, frac, Rounding::Truncate).0.to_string(),
            cut,
            "{text} cut to {frac}"
        );
    }
}

#[test]
fn floor_and_ceiling_go_to_the_next_whole_number() {
    for (text, down, up) in [
        ("123456789.987", "123456789", "123456790"),
        ("-15.1", "-16", "-15"),
        ("0.5", "0", "1"),
        ("-0.5", "-1", "0"),
        ("7.0", "7", "7"),
    ] {
        assert_eq!(floor(&number(text)).0.to_string(), down);
        assert_eq!(ceiling(&number(text)).0.to_string(), up);
    }
}

#[test]
fn integers_are_cut_and_capped() {
    for (text, signed, unsigned) in [
        ("12.9", (12, Fit::Truncated), (12, Fit::Truncated)),
        ("-12.9", (-12, Fit::Truncated), (0, Fit::Overflow)),
        ("-9223372036854775808", (i64::MIN, Fit::Whole), (0, Fit::Overflow)),
        ("9223372036854775808", (i64::MAX, Fit::Overflow), (1 << 63, Fit::Whole)),
        ("18446744073709551616", (i64::MAX, Fit::Overflow), (u64::MAX, Fit::Overflow)),
        ("-9223372036854775809", (i64::MIN, Fit::Overflow), (0, Fit::Overflow)),
    ] {
        assert_eq!(to_i64(&number(text)), signed, "{text}");
        assert_eq!(to_u64(&number(text)), unsigned, "{text}");
    }
}

#[test]
fn floats_take_their_shortest_decimal() {
    for (value, text) in [(0.1, "0.1"), (-1e15, "-1000000000000000"), (1e-7, "0.0000001")] {
        let (decimal, fit) = from_f64(value).unwrap();
        assert_eq!((decimal.to_string().as_str(), fit), (text, Fit::Whole));
        assert!((to_f64(&decimal) - value).abs() <= f64::EPSILON * value.abs());
    }
    assert!(from_f64(f64::NAN).is_none());
}

#[test]
fn zeros_at_the_end_do_not_count_in_comparisons() {
    for (a, b, ordering) in [
        ("12", "12.000", Ordering::Equal),
        ("-0.5", "0.5", Ordering::Less),
        ("0", "-0.0", Ordering::Equal),
        ("1000000000", "999999999.9", Ordering::Greater),
        ("-2", "-3", Ordering::Greater),
        ("0.01", "0.1", Ordering::Less),
    ] {
        assert_eq!(compare(&number(a), &number(b)), ordering, "{a} {b}");
    }
}

#[test]
fn shifts_move_the_point() {
    assert_eq!(shift(&number("12.5"), 2).0.to_string(), "1250");
    assert_eq!(shift(&number("12.5"), -2).0.to_string(), "0.125");
}

fn of(unscaled: i128, scale: u8) -> tifusion_codec::decimal::Decimal {
    tifusion_codec::decimal::Decimal::from_i128(unscaled, scale).unwrap()
}

proptest! {
    #[test]
    fn arithmetic_is_that_of_whole_numbers(
        a in any::<i64>(), b in any::<i64>(), scale_a in 0..12_u8, scale_b in 0..12_u8,
    ) {
        let (x, y) = (of(a.into(), scale_a), of(b.into(), scale_b));
        let scale = scale_a.max(scale_b);
        let wide = |value: i64, from: u8| i128::from(value) * 10_i128.pow(u32::from(scale - from));
        let (wa, wb) = (wide(a, scale_a), wide(b, scale_b));
        prop_assert_eq!(add(&x, &y).0.to_i128(scale).unwrap(), wa + wb);
        prop_assert_eq!(subtract(&x, &y).0.to_i128(scale).unwrap(), wa - wb);
        let product = multiply(&x, &y).0.to_i128(scale_a + scale_b).unwrap();
        prop_assert_eq!(product, i128::from(a) * i128::from(b));
        prop_assert_eq!(compare(&x, &y), wa.cmp(&wb));
        if wb != 0 {
            prop_assert_eq!(remainder(&x, &y).unwrap().0.to_i128(scale).unwrap(), wa % wb);
        }
    }

    #[test]
    fn a_quotient_times_its_divisor_is_the_dividend_but_for_the_last_digit(
        a in any::<i128>(), b in any::<i128>(), scale in 0..6_u8,
    ) {
        prop_assume!(b != 0);
        let (x, y) = (of(a / 8, scale), of(b / (1 << 70), 0));
        prop_assume!(!y.is_zero());
        let (quotient, fit) = divide(&x, &y, 4).unwrap();
        prop_assert_eq!(fit, Fit::Whole);
        let (rest, _) = subtract(&x, &multiply(&quotient, &y).0);
        // The remainder is below one unit of the quotient's last digit, times the divisor.
        let unit = of(1, quotient.scale());
        let (bound, _) = multiply(&unit, &y);
        let size = |value: &tifusion_codec::decimal::Decimal| {
            if value.is_negative() { negate(value) } else { *value }
        };
        prop_assert_eq!(compare(&size(&rest), &size(&bound)), Ordering::Less);
    }

    #[test]
    fn rounding_moves_less_than_half_a_unit(a in any::<i64>(), scale in 0..18_u8, to in -5..18_i32) {
        let x = of(a.into(), scale);
        let (rounded, _) = round(&x, to, Rounding::HalfUp);
        let unit = shift(&number("0.5"), -to).0;
        let distance = subtract(&rounded, &x).0;
        let distance = if distance.is_negative() { negate(&distance) } else { distance };
        prop_assert!(compare(&distance, &unit).is_le(), "{} to {}: {}", x, to, rounded);
    }
}
