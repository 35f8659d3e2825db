//! `DECIMAL`.

use arrow_array::{Decimal128Array, Decimal256Array};
use arrow_buffer::i256;
use arrow_schema::DataType;
use tifusion_codec::field_type::tp;

use crate::check::{Column, field_type};
use crate::writer::Cell::{self, Null};

fn column(data_type: DataType) -> Column {
    Column::new(field_type(tp::NEW_DECIMAL, 0), data_type)
}

fn cells(texts: &[&str]) -> Vec<Cell> {
    let cell = |text: &&str| if *text == "NULL" { Null } else { Cell::Decimal((*text).into()) };
    texts.iter().map(cell).collect()
}

/// Checks the texts against the same digits without the point.
fn check(precision: u8, scale: i8, texts: &[&str], unscaled: &[&str]) {
    let small: Vec<Option<i128>> = unscaled.iter().map(|text| text.parse().ok()).collect();
    if precision <= 38 {
        let expected = Decimal128Array::from(small);
        let expected = expected.with_precision_and_scale(precision, scale).unwrap();
        column(DataType::Decimal128(precision, scale)).check(&cells(texts), expected);
    }
    let large: Vec<Option<i256>> = unscaled.iter().map(|text| i256::from_string(text)).collect();
    let expected = Decimal256Array::from(large).with_precision_and_scale(precision, scale).unwrap();
    column(DataType::Decimal256(precision, scale)).check(&cells(texts), expected);
}

#[test]
fn money() {
    check(
        15,
        2,
        &["0.00", "0.01", "-0.01", "NULL", "9999999999999.99", "-9999999999999.99", "1", "1.5"],
        &["0", "1", "-1", "NULL", "999999999999999", "-999999999999999", "100", "150"],
    );
}

#[test]
fn integers_at_every_word_boundary() {
    for digits in 1..=38_u8 {
        let nines = "9".repeat(digits.into());
        let minus = format!("-{nines}");
        let one = format!("1{}", "0".repeat(usize::from(digits) - 1));
        let texts = [nines.as_str(), &minus, &one, "0"];
        check(digits, 0, &texts, &texts);
    }
}

#[test]
fn fractions_at_every_word_boundary() {
    for scale in 1..=30_usize {
        let frac = "9".repeat(scale);
        let low = format!("{}1", "0".repeat(scale - 1));
        let texts = [format!("12.{frac}"), format!("-0.{low}"), format!("0.{frac}")];
        let unscaled = [format!("12{frac}"), format!("-{low}"), frac.clone()];
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let unscaled: Vec<&str> = unscaled.iter().map(String::as_str).collect();
        check(scale as u8 + 2, scale as i8, &texts, &unscaled);
    }
}

#[test]
fn the_longest_decimals() {
    let int = "9".repeat(35);
    let frac = "8".repeat(30);
    let text = format!("{int}.{frac}");
    let negative = format!("-{text}");
    let unscaled = format!("{int}{frac}");
    let minus = format!("-{unscaled}");
    check(65, 30, &[&text, "NULL", &negative], &[&unscaled, "NULL", &minus]);
    let all = "9".repeat(65);
    check(65, 0, &[&all], &[&all]);
}

#[test]
fn leading_zeros_and_minus_zero_don_t_matter() {
    check(5, 2, &["000000000000000000001.10", "-0.00", "-0"], &["110", "0", "0"]);
}

#[test]
fn trailing_zeros_beyond_the_scale_are_cut_off() {
    check(5, 2, &["1.1000", "1.10000000000000000000"], &["110", "110"]);
}

#[test]
fn no_rows_and_only_nulls() {
    check(10, 2, &[], &[]);
    check(10, 2, &["NULL", "NULL"], &["NULL", "NULL"]);
}

#[test]
fn a_digit_beyond_the_scale_is_refused() {
    for data_type in [DataType::Decimal128(10, 2), DataType::Decimal256(10, 2)] {
        let column = column(data_type);
        let error = column.decode_chunk(&cells(&["1.10", "NULL", "1.101"])).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("column 0 (row 2): "), "{message}");
        assert!(message.contains("1.101"), "{message}");
    }
}

#[test]
fn more_digits_than_the_precision_are_refused() {
    let message = "DECIMAL: 10000 without its point does not fit 9999";
    column(DataType::Decimal128(4, 2)).refuses(&cells(&["99.99", "100.00"]), 1, message);
    column(DataType::Decimal256(4, 2)).refuses(&cells(&["99.99", "100.00"]), 1, message);
}

#[test]
fn what_no_decimal128_holds_is_refused() {
    let digits = "9".repeat(65);
    let error = column(DataType::Decimal128(38, 0)).decode_chunk(&cells(&["1", &digits]));
    assert!(error.unwrap_err().to_string().starts_with("column 0 (row 1): "));
}
