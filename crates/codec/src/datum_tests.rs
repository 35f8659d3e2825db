//! Tests of datums.

use proptest::prelude::*;

use super::*;
use crate::test_vectors::{encoded, hex, rows};

const VECTORS: &str = include_str!("../testdata/datum.txt");

fn datum(kind: &str, value: &str, key: &[u8]) -> Datum<'static> {
    match kind {
        "null" => Datum::Null,
        "min" => Datum::MinNotNull,
        "max" => Datum::Max,
        "int" => Datum::Int(value.parse().unwrap()),
        "uint" => Datum::UInt(value.parse().unwrap()),
        "float" => Datum::Float(value.parse().unwrap()),
        "bytes" => Datum::Bytes(Cow::Owned(hex(value))),
        "decimal" => Datum::Decimal(value.parse().unwrap()),
        "duration" => Datum::Duration(value.parse().unwrap()),
        "json" => Datum::Json(key[1], Cow::Owned(key[2..].to_vec())),
        "vector" => Datum::VectorFloat32(Cow::Owned(key[1..].to_vec())),
        other => panic!("{other}"),
    }
}

fn key_of(datum: &Datum<'_>) -> Vec<u8> {
    encoded(|out| encode_key(out, datum).unwrap())
}

fn value_of(datum: &Datum<'_>) -> Vec<u8> {
    encoded(|out| encode_value(out, datum).unwrap())
}

#[test]
fn datums_are_encoded_as_tidb_does() {
    for row in rows(VECTORS) {
        let (key, value) = (hex(row[2]), hex(row[3]));
        let datum = datum(row[0], row[1], &key);
        assert_eq!(key_of(&datum), key, "{row:?}");
        assert_eq!(value_of(&datum), value, "{row:?}");
    }
}

#[test]
fn datums_of_tidb_are_decoded() {
    for row in rows(VECTORS).filter(|row| !matches!(row[0], "min" | "max")) {
        let datum = datum(row[0], row[1], &hex(row[2]));
        for bytes in [hex(row[2]), hex(row[3])] {
            let with_tail = [&bytes[..], b"tail"].concat();
            let mut rest = &with_tail[..];
            assert_eq!(decode_one(&mut rest), Ok(datum.clone()), "{row:?}");
            assert_eq!(rest, b"tail");
            let mut rest = &with_tail[..];
            assert_eq!(skip_one(&mut rest), Ok(&bytes[..]));
            assert_eq!(rest, b"tail");
            for len in 0..bytes.len() {
                let mut rest = &bytes[..len];
                assert!(decode_one(&mut rest).is_err(), "{row:?} cut to {len}");
                assert!(skip_one(&mut rest).is_err(), "{row:?} cut to {len}");
                assert_eq!(rest.len(), len, "a failed decoder leaves the input as it was");
            }
        }
    }
}

#[test]
fn json_and_vectors_print_as_their_values() {
    for row in rows(VECTORS) {
        match decode_one(&mut &hex(row[2])[..]) {
            Ok(Datum::Json(tp, body)) => {
                let mut text = String::new();
                json::write_text(&mut text, tp, &body).unwrap();
                assert_eq!(text, row[1]);
            }
            Ok(Datum::VectorFloat32(bytes)) => {
                let vector = VectorRef::from_cell(&bytes).unwrap();
                assert_eq!(format!("{:?}", vector.to_vec()), row[1]);
            }
            _ => {}
        }
    }
}

#[test]
fn an_unknown_flag_is_refused() {
    for flag in (0..=u8::MAX).filter(|flag| !matches!(flag, 0..=10 | 20)) {
        let bytes = [flag, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let message = format!("datum: unknown flag {flag}");
        assert_eq!(decode_one(&mut &bytes[..]).unwrap_err().to_string(), message);
        assert_eq!(skip_one(&mut &bytes[..]).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_columns_decimals_share_precision_and_scale() {
    let encode = |text: &str| {
        let value = text.parse().unwrap();
        encoded(|out| encode_decimal(out, &value, 10, 2).unwrap())
    };
    let mut keys: Vec<_> = ["2", "-10.5", "1.25", "99999999.99", "0", "-10.51"].map(encode).into();
    keys.sort();
    let texts = keys.iter().map(|key| match decode_one(&mut &key[..]) {
        Ok(Datum::Decimal(value)) => value.to_string(),
        other => panic!("{other:?}"),
    });
    let texts: Vec<_> = texts.collect();
    assert_eq!(texts, ["-10.51", "-10.50", "0.00", "1.25", "2.00", "99999999.99"]);
    let mut out = vec![1];
    assert!(encode_decimal(&mut out, &"1.125".parse().unwrap(), 10, 2).is_err());
    assert_eq!(out, [1], "a failed encoder leaves the output as it was");
}

#[test]
fn the_ends_of_ranges_enclose_every_value() {
    let (null, least, most) =
        (key_of(&Datum::Null), key_of(&Datum::MinNotNull), key_of(&Datum::Max));
    for row in rows(VECTORS).filter(|row| !matches!(row[0], "null" | "min" | "max")) {
        let key = hex(row[2]);
        assert!(null < least && least < key && key < most, "{row:?}");
    }
}

#[test]
fn owned_datums_are_equal() {
    let bytes = value_of(&Datum::Bytes(Cow::Borrowed(b"abc")));
    let owned = decode_one(&mut &bytes[..]).unwrap().into_owned();
    drop(bytes);
    assert_eq!(owned, Datum::Bytes(Cow::Borrowed(b"abc")));
    assert_eq!((owned.kind(), Datum::Null.into_owned().kind()), ("bytes", "NULL"));
}

fn any_datum() -> impl Strategy<Value = Datum<'static>> {
    prop_oneof![
        Just(Datum::Null),
        any::<i64>().prop_map(Datum::Int),
        any::<u64>().prop_map(Datum::UInt),
        any::<f64>().prop_map(|value| Datum::Float(if value == 0.0 { 0.0 } else { value })),
        prop::collection::vec(any::<u8>(), 0..30).prop_map(|v| Datum::Bytes(Cow::Owned(v))),
        any::<i64>().prop_map(Datum::Duration),
        (any::<i64>(), 0_u8..19).prop_map(|(unscaled, scale)| {
            Datum::Decimal(Decimal::from_i128(i128::from(unscaled), scale).unwrap())
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn rows_of_datums_come_back(row in prop::collection::vec(any_datum(), 0..8), as_key: bool) {
        let mut bytes = Vec::new();
        for datum in &row {
            if as_key { encode_key(&mut bytes, datum) } else { encode_value(&mut bytes, datum) }.unwrap();
        }
        let mut rest = &bytes[..];
        let mut skipping = &bytes[..];
        for datum in &row {
            let before = rest;
            let back = decode_one(&mut rest).unwrap();
            match (&back, datum) {
                (Datum::Decimal(back), Datum::Decimal(value)) => {
                    prop_assert_eq!(back.to_string(), value.to_string());
                }
                _ => prop_assert_eq!(&back, datum),
            }
            let len = before.len() - rest.len();
            prop_assert_eq!(skip_one(&mut skipping), Ok(&before[..len]));
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn keys_compare_as_their_values(
        a in prop::collection::vec((0_i64..3, "[ab]{0,10}"), 0..4),
        b in prop::collection::vec((0_i64..3, "[ab]{0,10}"), 0..4),
    ) {
        let key = |row: &Vec<(i64, String)>| encoded(|out| {
            for (number, text) in row {
                encode_key(out, &Datum::Int(*number)).unwrap();
                encode_key(out, &Datum::Bytes(Cow::Borrowed(text.as_bytes()))).unwrap();
            }
        });
        prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
    }

    #[test]
    fn any_bytes_are_read_without_panic(
        flag in 0_u8..22, bytes in prop::collection::vec(any::<u8>(), 0..60), small: bool,
    ) {
        let mut all = vec![flag];
        all.extend(bytes.iter().map(|byte| if small { byte % 12 } else { *byte }));
        let mut rest = &all[..];
        let decoded = decode_one(&mut rest);
        let mut skipping = &all[..];
        let skipped = skip_one(&mut skipping);
        if decoded.is_ok() {
            prop_assert!(rest.len() < all.len());
            prop_assert_eq!(skipped.unwrap().len(), all.len() - rest.len());
        } else {
            prop_assert_eq!(rest, &all[..]);
        }
    }
}
