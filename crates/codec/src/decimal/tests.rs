//! Tests of decimals.

use proptest::prelude::*;

use super::*;
use crate::test_vectors::{encoded, hex, rows};

const VECTORS: &str = include_str!("../../testdata/decimal.txt");

fn cell(text: &str) -> [u8; CHUNK_LEN] {
    hex(text).try_into().unwrap()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// `text × 10^scale` as text, by moving the point.
fn shifted(text: &str, scale: usize) -> String {
    let (int, frac) = text.split_once('.').unwrap_or((text, ""));
    let (sign, int) = int.strip_prefix('-').map_or(("", int), |int| ("-", int));
    let digits = format!("{int}{frac:0<scale$}");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() { "0".to_owned() } else { format!("{sign}{digits}") }
}

#[test]
fn text_is_parsed_and_printed_as_tidb_does() {
    for row in rows(VECTORS) {
        assert_eq!(decimal(row[0]).to_string(), row[1], "{}", row[0]);
    }
}

#[test]
fn chunk_cells_are_those_of_tidb() {
    for row in rows(VECTORS) {
        let (printed, bytes) = (row[1], cell(row[2]));
        let value = Decimal::from_chunk(&bytes).unwrap();
        assert_eq!(value.to_string(), printed);
        assert_eq!(value.to_chunk(), bytes);
    }
}

#[test]
fn datum_bodies_are_those_of_tidb() {
    for row in rows(VECTORS) {
        let value = decimal(row[0]);
        let own = hex(row[3]);
        assert_eq!([value.precision(), value.scale()], own[..2], "{}", row[0]);
        let (precision, scale) = row[4].split_once(':').unwrap();
        let (precision, scale) = (precision.parse().unwrap(), scale.parse().unwrap());
        for (precision, scale, bytes) in
            [(own[0], own[1], own.clone()), (precision, scale, hex(row[5]))]
        {
            let out = encoded(|out| value.encode(out, precision, scale).unwrap());
            assert_eq!(out, bytes, "{} as ({precision}, {scale})", row[0]);
            let mut rest = &bytes[..];
            let back = Decimal::decode(&mut rest).unwrap();
            assert!(rest.is_empty());
            assert_eq!(back.scale(), scale);
            let scale = usize::from(scale);
            assert_eq!(shifted(&back.to_string(), scale), shifted(row[1], scale));
            assert_eq!(Decimal::skip(&mut &bytes[..]), Ok(&bytes[..]));
        }
    }
}

#[test]
fn integers_at_a_scale_equal_the_digits() {
    let mut in_128 = 0;
    for row in rows(VECTORS) {
        let (bytes, value) = (cell(row[2]), decimal(row[0]));
        for extra in [0, 1, 9, 10] {
            let scale = value.scale() + extra;
            let digits = shifted(row[1], usize::from(scale));
            let count = digits.trim_start_matches('-').len();
            if count <= 38 {
                in_128 += 1;
                let wanted: i128 = digits.parse().unwrap();
                assert_eq!(chunk_to_i128(&bytes, scale), Ok(wanted), "{}", row[0]);
                assert_eq!(value.to_i128(scale), Ok(wanted));
                assert_eq!(decode_to_i128(&mut &hex(row[3])[..], scale), Ok(wanted));
            } else {
                let error = chunk_to_i128(&bytes, scale).unwrap_err();
                assert!(error.to_string().contains("does not fit 38 digits"), "{error}");
                assert_eq!(value.to_i128(scale).unwrap_err(), error);
            }
            if count <= 76 {
                let wanted = i256::from_string(&digits).unwrap();
                assert_eq!(chunk_to_i256(&bytes, scale), Ok(wanted), "{}", row[0]);
                assert_eq!(value.to_i256(scale), Ok(wanted));
                assert_eq!(decode_to_i256(&mut &hex(row[3])[..], scale), Ok(wanted));
            } else {
                assert!(chunk_to_i256(&bytes, scale).is_err());
            }
        }
    }
    assert!(in_128 > 200, "{in_128} cases fit 38 digits");
}

#[test]
fn a_smaller_scale_drops_zeros_only() {
    for (text, scale, wanted) in [
        ("1.50", 1, Some(15)),
        ("1.50", 0, None),
        ("1.00", 0, Some(1)),
        ("-0.000000001000", 9, Some(-1)),
        ("-0.000000001000", 8, None),
        ("1.0000000000", 0, Some(1)),
        ("1.000000000001", 9, None),
        ("1.000000000000000000001", 20, None),
        ("0.000000000000000000", 0, Some(0)),
    ] {
        let value = decimal(text);
        let (narrow, wide) = (value.to_i128(scale), value.to_i256(scale));
        assert_eq!(narrow.clone().ok(), wanted, "{text} at {scale}");
        assert_eq!(wide.ok(), wanted.map(i256::from_i128));
        assert_eq!(chunk_to_i128(&value.to_chunk(), scale), narrow);
        if let Err(error) = narrow {
            let message = format!("decimal: {text} does not fit {scale} digits after the point");
            assert_eq!(error.to_string(), message);
        }
    }
}

#[test]
fn the_limits_of_both_integers_are_exact() {
    let nines = |count: usize| "9".repeat(count);
    for sign in ["", "-"] {
        let value = decimal(&format!("{sign}{}", nines(38)));
        assert_eq!(value.to_i128(0).unwrap().unsigned_abs(), 10_u128.pow(38) - 1);
        assert!(value.to_i128(1).is_err());
        assert!(decimal(&format!("{sign}1{}", "0".repeat(38))).to_i128(0).is_err());
        // The largest i128 has 39 digits: it is no Decimal128.
        assert!(decimal(&format!("{sign}{}", i128::MAX)).to_i128(0).is_err());
        let value = decimal(&format!("{sign}{}", nines(76)));
        assert_eq!(value.to_i256(0).unwrap().to_string(), format!("{sign}{}", nines(76)));
        assert!(value.to_i256(1).is_err());
        assert!(decimal(&format!("{sign}1{}", "0".repeat(76))).to_i256(0).is_err());
        assert!(decimal(&format!("{sign}{}", nines(81))).to_i256(0).is_err());
    }
    assert_eq!(decimal("0").to_i128(u8::MAX), Ok(0));
    assert!(decimal("1").to_i128(u8::MAX).is_err());
    assert!(decimal("1").to_i256(u8::MAX).is_err());
}

#[test]
fn a_cell_that_is_no_decimal_is_refused() {
    let good = decimal("12345678901.5").to_chunk();
    for (at, byte, message) in [
        (0, 82, "decimal: 82 + 1 digits are more than nine words"),
        (0, 255, "decimal: 255 + 1 digits are more than nine words"),
        (1, 73, "decimal: 11 + 73 digits are more than nine words"),
        (7, 0xff, "decimal: word 4278190092 has more than nine digits"),
        (15, 0xff, "decimal: word 4291650816 has more than nine digits"),
    ] {
        let mut bad = good;
        bad[at] = byte;
        assert_eq!(chunk_to_i128(&bad, 1).unwrap_err().to_string(), message);
        assert_eq!(chunk_to_i256(&bad, 1).unwrap_err().to_string(), message);
        assert_eq!(Decimal::from_chunk(&bad).unwrap_err().to_string(), message);
    }
    // Words behind the digits are not looked at.
    let mut padded = good;
    padded[39] = 0xff;
    assert_eq!(chunk_to_i128(&padded, 1), Ok(123_456_789_015));
    assert_eq!(Decimal::from_chunk(&padded).unwrap().to_chunk(), good);
}

#[test]
fn digits_beyond_the_counts_are_dropped() {
    // One digit before and one after the point, in words that hold more.
    let mut bytes = decimal("2.5").to_chunk();
    bytes[4..8].copy_from_slice(&987_654_322_u32.to_le_bytes());
    bytes[8..12].copy_from_slice(&567_890_123_u32.to_le_bytes());
    assert_eq!(chunk_to_i128(&bytes, 1), Ok(25));
    assert_eq!(chunk_to_i128(&bytes, 5), Ok(250_000));
    let value = Decimal::from_chunk(&bytes).unwrap();
    assert_eq!((value, value.to_string()), (decimal("2.5"), "2.5".to_owned()));
}

#[test]
fn a_body_that_is_no_decimal_is_refused() {
    for (bytes, message) in [
        (&[][..], "decimal: 2 more bytes needed, 0 left"),
        (&[5], "decimal: 1 more bytes needed, 1 left"),
        (&[5, 2], "decimal: 3 more bytes needed, 0 left"),
        (&[0, 0, 0x80], "decimal: precision 0, scale 0"),
        (&[82, 0, 0x80], "decimal: precision 82, scale 0"),
        (&[40, 31, 0x80], "decimal: precision 40, scale 31"),
        (&[2, 3, 0x80], "decimal: precision 2, scale 3"),
        (&[81, 1, 0x80], "decimal: precision 81, scale 1"),
        (&[1, 0, 0x8a], "decimal: word 10 has more than 1 digits"),
        (&[9, 0, 0xff, 0xff, 0xff, 0xff], "decimal: word 2147483647 has more than 9 digits"),
    ] {
        let mut rest = bytes;
        assert_eq!(Decimal::decode(&mut rest).unwrap_err().to_string(), message);
        assert_eq!(rest, bytes, "a failed decoder leaves the input as it was");
    }
}

#[test]
fn equal_decimals_print_the_same() {
    let padded = Decimal::decode(&mut &hex("0a028000000139")[..]).unwrap();
    assert_eq!((padded.to_string(), padded), ("1.57".to_owned(), decimal("1.57")));
    assert_ne!(decimal("1.57"), decimal("1.570"));
    assert_ne!(decimal("1.57"), decimal("-1.57"));
    assert_ne!(decimal("1000000001"), decimal("1"));
}

#[test]
fn encoding_keeps_every_digit_or_fails() {
    for (text, precision, scale) in
        [("100", 2, 0), ("1.25", 3, 1), ("-10", 1, 0), ("0.1", 1, 0), ("1", 1, 1), ("1", 0, 0)]
    {
        let mut out = vec![7];
        assert!(decimal(text).encode(&mut out, precision, scale).is_err(), "{text}");
        assert_eq!(out, [7]);
    }
    let error = decimal("1.25").encode(&mut Vec::new(), 3, 1).unwrap_err();
    assert_eq!(error.to_string(), "decimal: 1.25 does not fit DECIMAL(3, 1)");
}

#[test]
fn text_that_is_no_decimal_is_refused() {
    for text in ["", " ", "-", ".", "+-1", "1.2.3", "1e", "e5", "1e5.5", "0x10", "１", "1 2", "NaN"]
    {
        let error = text.parse::<Decimal>().unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{text:?}: {error}");
    }
    for text in [
        format!("1{}", "0".repeat(81)),
        format!("0.{}1", "0".repeat(30)),
        "1e81".to_owned(),
        "1e-31".to_owned(),
        "1e99999999999999999999".to_owned(),
        "1e-99999999999999999999".to_owned(),
        "9".repeat(1000),
    ] {
        let error = text.parse::<Decimal>().unwrap_err();
        assert!(matches!(error, Error::OutOfRange { .. }), "{text:?}: {error}");
    }
    assert_eq!(decimal("0e99999999999999999999").to_string(), "0");
    assert_eq!(decimal("0.1000000000000000000000000000000000000").scale(), MAX_SCALE);
    assert_eq!(decimal("-0.00").to_string(), "0.00");
}

#[test]
fn arrow_integers_become_decimals() {
    for (unscaled, scale, text) in [
        (0, 0, "0"),
        (0, 2, "0.00"),
        (15, 1, "1.5"),
        (-15, 3, "-0.015"),
        (7, 30, "0.000000000000000000000000000007"),
    ] {
        assert_eq!(Decimal::from_i128(unscaled, scale).unwrap().to_string(), text);
        let wide = i256::from_i128(unscaled);
        assert_eq!(Decimal::from_i256(wide, scale).unwrap().to_string(), text);
    }
    assert_eq!(Decimal::from_i128(i128::MIN, 0).unwrap().to_string(), i128::MIN.to_string());
    assert_eq!(Decimal::from_i256(i256::MIN, 0).unwrap().to_string(), i256::MIN.to_string());
    assert!(Decimal::from_i128(1, 31).is_err());
    assert!(Decimal::from_i256(i256::ONE, 31).is_err());
}

fn any_decimal() -> impl Strategy<Value = String> {
    (any::<bool>(), "[0-9]{1,35}", "[0-9]{0,30}").prop_map(|(negative, int, frac)| {
        let sign = if negative { "-" } else { "" };
        if frac.is_empty() { format!("{sign}{int}") } else { format!("{sign}{int}.{frac}") }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_decimal_comes_back_from_both_forms(text in any_decimal()) {
        let value = decimal(&text);
        prop_assert_eq!(Decimal::from_chunk(&value.to_chunk()), Ok(value));
        let body = encoded(|out| value.encode(out, 65, 30).unwrap());
        let back = Decimal::decode(&mut &body[..]).unwrap();
        prop_assert_eq!(back.to_i256(30), value.to_i256(30));
        let body = encoded(|out| value.encode(out, value.precision(), value.scale()).unwrap());
        prop_assert_eq!(Decimal::decode(&mut &body[..]).unwrap().to_string(), value.to_string());
        prop_assert_eq!(value.to_string().parse(), Ok(value));
    }

    #[test]
    fn integers_come_back(unscaled: i128, scale in 0_u8..=30) {
        let unscaled = unscaled % 10_i128.pow(38);
        let value = Decimal::from_i128(unscaled, scale).unwrap();
        prop_assert_eq!(value.to_i128(scale), Ok(unscaled));
        prop_assert_eq!(chunk_to_i128(&value.to_chunk(), scale), Ok(unscaled));
        let wide = i256::from_i128(unscaled);
        prop_assert_eq!(Decimal::from_i256(wide, scale), Ok(value));
        prop_assert_eq!(chunk_to_i256(&value.to_chunk(), scale), Ok(wide));
    }

    #[test]
    fn bodies_of_one_precision_compare_as_the_numbers(a: i64, b: i64, shift in 0_u32..60) {
        let [body_a, body_b] = [a >> shift, b >> shift].map(|unscaled| {
            let value = Decimal::from_i128(i128::from(unscaled), 5).unwrap();
            encoded(|out| value.encode(out, 30, 8).unwrap())
        });
        prop_assert_eq!(body_a.cmp(&body_b), (a >> shift).cmp(&(b >> shift)));
    }

    #[test]
    fn any_cell_is_read_without_panic(
        head in prop::array::uniform4(0_u8..90), words in prop::array::uniform9(any::<u32>()),
        small: bool, scale: u8,
    ) {
        let mut bytes = [0; CHUNK_LEN];
        bytes[..4].copy_from_slice(&head);
        for (to, word) in bytes[4..].chunks_mut(4).zip(words) {
            let word = if small { word % WORD_BASE } else { word };
            to.copy_from_slice(&word.to_le_bytes());
        }
        let [narrow, wide] = [
            chunk_to_i128(&bytes, scale).map(i256::from_i128),
            chunk_to_i256(&bytes, scale),
        ];
        if let Ok(narrow) = narrow {
            prop_assert_eq!(wide.clone(), Ok(narrow));
        }
        match Decimal::from_chunk(&bytes) {
            Ok(value) => {
                prop_assert_eq!(value.to_i256(scale), wide);
                prop_assert!(value.precision() <= 81);
                prop_assert!(value.to_string().len() <= 84);
                prop_assert_eq!(Decimal::from_chunk(&value.to_chunk()), Ok(value));
            }
            Err(error) => prop_assert_eq!(wide, Err(error)),
        }
    }

    /// The short way of `chunk_to_i128` and the long one of `chunk_to_i256` agree, on words with too
    /// many digits too.
    #[test]
    fn both_widths_agree_on_short_cells(
        int_digits in 0_u8..22, frac_digits in 0_u8..12, negative: bool,
        words in prop::array::uniform4((0_u32..1_000_100_000, 0_u32..10)), more in 0_u8..2,
    ) {
        let mut bytes = [0; CHUNK_LEN];
        bytes[..4].copy_from_slice(&[int_digits, frac_digits, frac_digits, u8::from(negative)]);
        for (to, (word, digits)) in bytes[4..].chunks_mut(4).zip(words) {
            // Half of the words are short, so that leading words often fit.
            let word = if digits < 5 { word % 10_u32.pow(digits + 1) } else { word };
            to.copy_from_slice(&word.to_le_bytes());
        }
        let scale = frac_digits + more;
        let narrow = chunk_to_i128(&bytes, scale);
        prop_assert_eq!(narrow.clone().map(i256::from_i128), chunk_to_i256(&bytes, scale));
        if let Ok(narrow) = narrow {
            prop_assert_eq!(Decimal::from_chunk(&bytes).unwrap().to_i128(scale), Ok(narrow));
        }
    }

    #[test]
    fn any_body_is_read_without_panic(
        precision in 0_u8..90, scale in 0_u8..40,
        bytes in prop::collection::vec(any::<u8>(), 0..45), zeros: bool,
    ) {
        let mut body = vec![precision, scale];
        body.extend(bytes.iter().map(|byte| if zeros { byte & 0x85 } else { *byte }));
        let mut rest = &body[..];
        if let Ok(value) = Decimal::decode(&mut rest) {
            let used = body.len() - rest.len();
            prop_assert_eq!(Decimal::skip(&mut &body[..]), Ok(&body[..used]));
            let back = encoded(|out| value.encode(out, precision, scale).unwrap());
            prop_assert!(value.is_zero() || back == body[..used]);
        }
    }

    #[test]
    fn any_text_is_parsed_without_panic(text in "[-+0-9.eE ]{0,40}|.{0,20}") {
        let _ = text.parse::<Decimal>();
    }
}

#[test]
fn rounding_is_half_away_from_zero() {
    for (number, scale, rounded) in [
        ("1.005", 2, "1.01"),
        ("1.004", 2, "1.00"),
        ("-1.005", 2, "-1.01"),
        ("9.99", 1, "10.0"),
        ("9.5", 0, "10"),
        ("-0.5", 0, "-1"),
        ("-0.4", 0, "0"),
        ("0.4", 0, "0"),
        ("12", 3, "12.000"),
        ("12.5", 3, "12.500"),
        ("99.999", 3, "99.999"),
        ("999999999.9999999995", 9, "1000000000.000000000"),
        ("0.000000000000000000000000000001", 29, "0.00000000000000000000000000000"),
    ] {
        let value: Decimal = number.parse().unwrap();
        assert_eq!(value.rounded(scale).unwrap().to_string(), rounded, "{number} to {scale}");
    }
    let most: Decimal = "9".repeat(81).parse().unwrap();
    assert_eq!(most.rounded(0), Some(most));
    assert_eq!(most.rounded(1), None);
    assert_eq!(most.rounded(31), None);
}

proptest! {
    #[test]
    fn rounded_decimals_equal_rounded_integers(unscaled: i64, scale in 0..=30_u8, to in 0..=30_u8) {
        let value = Decimal::from_i128(unscaled.into(), scale).unwrap();
        let rounded = value.rounded(to).unwrap();
        let wanted = match scale.checked_sub(to) {
            None => i128::from(unscaled) * 10_i128.pow((to - scale).min(19).into()),
            Some(drop) => {
                let unit = 10_i128.pow(drop.into());
                let half = if unit > 1 { unit / 2 } else { 0 };
                let magnitude = (i128::from(unscaled).abs() + half) / unit;
                magnitude * i128::from(unscaled.signum())
            }
        };
        prop_assume!(to <= scale.saturating_add(19));
        prop_assert_eq!(rounded, Decimal::from_i128(wanted, to).unwrap());
    }
}
