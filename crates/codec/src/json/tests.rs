//! Tests of JSON.

use proptest::prelude::*;

use super::*;
use crate::error::Error;
use crate::test_vectors::{hex, rows};

const VECTORS: &str = include_str!("../../testdata/json.txt");

fn text(cell: &[u8]) -> crate::Result<String> {
    let mut out = String::new();
    write_cell_text(&mut out, cell).map(|()| out)
}

/// An array of the given values, each as type and body, literals in place.
fn array(values: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut bodies: Vec<u8> = Vec::new();
    let base = 8 + 5 * values.len();
    for (tp, body) in values {
        entries.push(*tp);
        if *tp == tp::LITERAL {
            entries.extend_from_slice(&[body[0], 0, 0, 0]);
        } else {
            let offset = u32::try_from(base + bodies.len()).unwrap();
            entries.extend_from_slice(&offset.to_le_bytes());
            bodies.extend_from_slice(body);
        }
    }
    let size = u32::try_from(base + bodies.len()).unwrap();
    let mut out = u32::try_from(values.len()).unwrap().to_le_bytes().to_vec();
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(&entries);
    out.extend_from_slice(&bodies);
    out
}

fn int(value: i64) -> (u8, Vec<u8>) {
    (tp::I64, value.to_le_bytes().to_vec())
}

#[test]
fn values_print_as_in_tidb() {
    for row in rows(VECTORS) {
        let cell = hex(row[0]);
        assert_eq!(text(&cell).as_deref(), Ok(row[1]), "{}", row[0]);
        let mut rest = &cell[..];
        assert_eq!(take_value(&mut rest), Ok((cell[0], &cell[1..])));
        assert!(rest.is_empty());
    }
}

#[test]
fn printed_text_is_json() {
    for row in rows(VECTORS) {
        serde_json::from_str::<serde_json::Value>(row[1]).unwrap();
    }
}

/// TiDB's own printing goes wrong here: it looks for `e-0` at the wrong place and cuts the text.
#[test]
fn a_small_number_behind_a_string_with_an_exponent_in_it() {
    let string = (tp::STRING, b"\x04e-01".to_vec());
    let number = (tp::DOUBLE, (-1e-20_f64).to_le_bytes().to_vec());
    let cell = [&[tp::ARRAY][..], &array(&[string, number])].concat();
    assert_eq!(text(&cell).as_deref(), Ok(r#"["e-01", -1e-20]"#));
}

#[test]
fn every_cut_of_a_value_is_refused() {
    for row in rows(VECTORS) {
        let cell = hex(row[0]);
        for len in 0..cell.len().min(400) {
            let mut out = "kept".to_owned();
            assert!(write_cell_text(&mut out, &cell[..len]).is_err(), "{row:?} cut to {len}");
            assert_eq!(out, "kept");
            let mut rest = &cell[..len];
            assert!(take_value(&mut rest).is_err());
            assert_eq!(rest.len(), len, "a failed decoder leaves the input as it was");
        }
    }
}

#[test]
fn bytes_that_are_no_value_are_refused() {
    let one = array(&[int(1)]);
    let with = |at: usize, byte: u8| {
        let mut body = one.clone();
        body[at] = byte;
        [&[tp::ARRAY][..], &body].concat()
    };
    for (cell, message) in [
        (vec![], "JSON: 1 more bytes needed, 0 left"),
        (vec![0], "JSON: unknown type 0x00"),
        (vec![tp::LITERAL, 3], "JSON: literal 3"),
        (vec![tp::STRING, 5, b'x'], "JSON: 4 more bytes needed, 2 left"),
        (vec![tp::ARRAY, 0, 0, 0, 0, 7, 0, 0, 0], "JSON: size 7 of an object or array"),
        (with(0, 2), "JSON: 9 more bytes needed, 1 left"),
        (with(0, 9), "JSON: 32 more bytes needed, 13 left"),
        (with(8, 0x7f), "JSON: unknown type 0x7f"),
        (with(9, 21), "JSON: 8 more bytes needed, 0 left"),
        (with(9, 22), "JSON: offset 22 in a value of 21 bytes"),
        (with(12, 0xff), "JSON: offset 4278190093 in a value of 21 bytes"),
        (with(8, tp::STRING), "x"),
    ] {
        match text(&cell) {
            Err(error) => assert_eq!(error.to_string(), message, "{cell:?}"),
            Ok(text) => assert_eq!((text.as_str(), message), (r#"["\u0000"]"#, "x")),
        }
    }
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let cell = [&[tp::DOUBLE][..], &number.to_le_bytes()].concat();
        assert!(matches!(text(&cell), Err(Error::Malformed { .. })));
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| {
        let mut value = (tp::ARRAY, array(&[]));
        for _ in 1..depth {
            value = (tp::ARRAY, array(&[value]));
        }
        [&[tp::ARRAY][..], &value.1].concat()
    };
    let deepest = text(&nested(MAX_DEPTH)).unwrap();
    assert_eq!(deepest, "[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH));
    let error = text(&nested(MAX_DEPTH + 1)).unwrap_err();
    assert_eq!(error.to_string(), "JSON: nested deeper than 256");
}

#[test]
fn an_array_that_holds_itself_ends() {
    let mut body = array(&[(tp::ARRAY, vec![])]);
    body[9..13].copy_from_slice(&0_u32.to_le_bytes());
    let cell = [&[tp::ARRAY][..], &body].concat();
    assert!(matches!(text(&cell), Err(Error::Malformed { .. })));
}

#[test]
fn shared_values_cannot_blow_the_text_up() {
    // Forty levels, each with two entries that point to the same value: 2^40 leaves.
    let levels = 40_usize;
    let size = 18_u32 * u32::try_from(levels).unwrap() + 8;
    let mut body = Vec::new();
    for level in 0..levels {
        body.extend_from_slice(&2_u32.to_le_bytes());
        body.extend_from_slice(&(size - 18 * u32::try_from(level).unwrap()).to_le_bytes());
        for _ in 0..2 {
            body.push(tp::ARRAY);
            body.extend_from_slice(&18_u32.to_le_bytes());
        }
    }
    body.extend_from_slice(&[0, 0, 0, 0, 8, 0, 0, 0]);
    let mut out = String::new();
    let error = write_text(&mut out, tp::ARRAY, &body).unwrap_err();
    assert_eq!(error.to_string(), "JSON: values overlap");
    assert!(out.is_empty() && out.capacity() < 20 * body.len());
}

#[test]
fn the_longest_honest_text_is_within_the_limit() {
    // Control characters and bytes that are not UTF-8 make six bytes of text each.
    for byte in [0x01, 0xff] {
        let data = vec![byte; 300];
        let body = [&[0xac, 0x02][..], &data].concat();
        let values = array(&vec![(tp::STRING, body); 3]);
        let mut out = String::new();
        write_text(&mut out, tp::ARRAY, &values).unwrap();
        assert_eq!(out.len(), 3 * (300 * 6 + 2) + 2 * 2 + 2);
    }
    // The longest numbers, and the shortest values between separators.
    let number = (tp::DOUBLE, (-2.225_073_858_507_201_4e-15_f64).to_le_bytes().to_vec());
    let mut out = String::new();
    write_text(&mut out, tp::ARRAY, &array(&vec![number; 50])).unwrap();
    write_text(&mut out, tp::ARRAY, &array(&vec![(tp::LITERAL, vec![2]); 50])).unwrap();
}

fn any_value() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(int),
        any::<u64>().prop_map(|value| (tp::U64, value.to_le_bytes().to_vec())),
        any::<f64>().prop_map(|value| (tp::DOUBLE, value.to_le_bytes().to_vec())),
        (0_u8..3).prop_map(|byte| (tp::LITERAL, vec![byte])),
        ".{0,12}".prop_map(|text| {
            let mut body = vec![u8::try_from(text.len()).unwrap()];
            body.extend_from_slice(text.as_bytes());
            (tp::STRING, body)
        }),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop::collection::vec(inner, 0..6).prop_map(|values| (tp::ARRAY, array(&values)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn values_print_as_json_that_reads_back((tp, body) in any_value()) {
        // -0.0 and numbers of more than 17 digits are read back as the same double.
        let mut out = String::new();
        write_text(&mut out, tp, &body).unwrap();
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        if tp == tp::STRING {
            prop_assert_eq!(value.as_str().unwrap().as_bytes(), &body[1..]);
        }
        if tp == tp::DOUBLE {
            prop_assert_eq!(out.parse::<f64>().unwrap().to_le_bytes(), &body[..]);
        }
    }

    #[test]
    fn damaged_values_are_read_without_panic(
        index in 0..1000_usize, damage in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6),
    ) {
        let all: Vec<_> = rows(VECTORS).collect();
        let mut cell = hex(all[index % all.len()][0]);
        let len = cell.len();
        for (at, byte) in damage {
            cell[at % len] = byte;
        }
        let mut out = String::new();
        let written = write_cell_text(&mut out, &cell);
        prop_assert!(out.len() <= 6 * cell.len() + 64);
        prop_assert!(written.is_ok() || out.is_empty());
    }

    #[test]
    fn any_bytes_are_read_without_panic(
        tp in 0_u8..0x14, count in 0_u32..4, body in prop::collection::vec(any::<u8>(), 0..60),
        small: bool,
    ) {
        let mut cell = vec![tp];
        if small {
            cell.extend_from_slice(&count.to_le_bytes());
            cell.extend_from_slice(&u32::try_from(body.len() + 8).unwrap().to_le_bytes());
            cell.extend(body.iter().map(|byte| byte % 24));
        } else {
            cell.extend_from_slice(&body);
        }
        let mut out = String::new();
        let _ = write_cell_text(&mut out, &cell);
        let _ = write_text(&mut out, tp, &cell[1..]);
        let mut rest = &cell[..];
        if let Ok((_, body)) = take_value(&mut rest) {
            prop_assert_eq!(body.len() + 1 + rest.len(), cell.len());
        }
    }
}
