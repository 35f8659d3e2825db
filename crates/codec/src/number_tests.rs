//! Tests of numbers.

use proptest::prelude::*;

use super::*;
use crate::test_vectors::{encoded, hex, rows};

const VECTORS: &str = include_str!("../testdata/number.txt");

/// A decoder that must take all of its input.
fn all<T>(bytes: &[u8], decode: impl Fn(&mut &[u8]) -> Result<T>) -> T {
    let mut rest = bytes;
    let value = decode(&mut rest).unwrap();
    assert!(rest.is_empty(), "{rest:?} left of {bytes:?}");
    value
}

#[test]
fn signed_integers_are_encoded_as_tidb_does() {
    for row in rows(VECTORS).filter(|row| row[0] == "i64") {
        let value: i64 = row[1].parse().unwrap();
        let [asc, desc, compact] = [2, 3, 4].map(|at| hex(row[at]));
        assert_eq!(encoded(|out| encode_i64(out, value)), asc);
        assert_eq!(encoded(|out| encode_i64_desc(out, value)), desc);
        assert_eq!(encoded(|out| encode_varint(out, value)), compact);
        assert_eq!(all(&asc, decode_i64), value);
        assert_eq!(all(&desc, decode_i64_desc), value);
        assert_eq!(all(&compact, decode_varint), value);
    }
}

#[test]
fn unsigned_integers_are_encoded_as_tidb_does() {
    for row in rows(VECTORS).filter(|row| row[0] == "u64") {
        let value: u64 = row[1].parse().unwrap();
        let [asc, desc, compact] = [2, 3, 4].map(|at| hex(row[at]));
        assert_eq!(encoded(|out| encode_u64(out, value)), asc);
        assert_eq!(encoded(|out| encode_u64_desc(out, value)), desc);
        assert_eq!(encoded(|out| encode_uvarint(out, value)), compact);
        assert_eq!(all(&asc, decode_u64), value);
        assert_eq!(all(&desc, decode_u64_desc), value);
        assert_eq!(all(&compact, decode_uvarint), value);
    }
}

#[test]
fn floats_are_encoded_as_tidb_does() {
    for row in rows(VECTORS).filter(|row| row[0] == "f64") {
        let value: f64 = row[1].parse().unwrap();
        let [asc, desc] = [2, 3].map(|at| hex(row[at]));
        assert_eq!(encoded(|out| encode_f64(out, value)), asc);
        assert_eq!(encoded(|out| encode_f64_desc(out, value)), desc);
        // Equal as numbers: -0.0 comes back as 0.0.
        assert!(all(&asc, decode_f64) == value && all(&desc, decode_f64_desc) == value);
    }
}

#[test]
fn little_endian_numbers_are_read() {
    let bytes = [1, 0, 0, 0, 0, 0, 0, 0x80];
    assert_eq!(decode_u16_le(&mut &bytes[..]), Ok(1));
    assert_eq!(decode_u32_le(&mut &bytes[..]), Ok(1));
    assert_eq!(decode_u64_le(&mut &bytes[..]), Ok(1 | 1 << 63));
    assert_eq!(decode_i64_le(&mut &bytes[..]), Ok(i64::MIN + 1));
    assert_eq!(decode_f64_le(&mut &2.5_f64.to_le_bytes()[..]), Ok(2.5));
    assert!(decode_u16_le(&mut &bytes[..1]).is_err());
}

#[test]
fn a_varint_of_more_than_64_bits_is_refused() {
    let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert_eq!(decode_uvarint(&mut &most[..]), Ok(u64::MAX));
    for last in [0x02, 0x7f, 0x80, 0x81, 0xff] {
        let mut bytes = most;
        bytes[9] = last;
        let mut rest = &bytes[..];
        assert!(matches!(decode_uvarint(&mut rest), Err(Error::Malformed { .. })), "{last:#x}");
        assert_eq!(rest, bytes, "a failed decoder leaves the input as it was");
    }
}

#[test]
fn a_cut_number_says_what_is_missing() {
    let mut rest = &[1, 2, 3][..];
    assert_eq!(decode_i64(&mut rest), Err(Error::Truncated { what: "i64", needed: 5, left: 3 }));
    assert_eq!(rest, [1, 2, 3]);
    let mut rest = &[0x80, 0x80][..];
    assert_eq!(
        decode_uvarint(&mut rest),
        Err(Error::Truncated { what: "varint", needed: 1, left: 0 })
    );
    assert_eq!(rest, [0x80, 0x80]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn integers_come_back_and_keep_their_order(a: i64, b: i64) {
        let [asc_a, asc_b] = [a, b].map(|v| encoded(|out| encode_i64(out, v)));
        let [desc_a, desc_b] = [a, b].map(|v| encoded(|out| encode_i64_desc(out, v)));
        prop_assert_eq!(asc_a.cmp(&asc_b), a.cmp(&b));
        prop_assert_eq!(desc_a.cmp(&desc_b), b.cmp(&a));
        prop_assert_eq!(all(&asc_a, decode_i64), a);
        prop_assert_eq!(all(&desc_a, decode_i64_desc), a);
        prop_assert_eq!(all(&encoded(|out| encode_varint(out, a)), decode_varint), a);
        let (a, b) = (a.cast_unsigned(), b.cast_unsigned());
        let [asc_a, asc_b] = [a, b].map(|v| encoded(|out| encode_u64(out, v)));
        prop_assert_eq!(asc_a.cmp(&asc_b), a.cmp(&b));
        prop_assert_eq!(all(&encoded(|out| encode_uvarint(out, a)), decode_uvarint), a);
    }

    #[test]
    fn floats_come_back_and_keep_their_order(a: f64, b: f64) {
        let [asc_a, asc_b] = [a, b].map(|v| encoded(|out| encode_f64(out, v)));
        let [desc_a, desc_b] = [a, b].map(|v| encoded(|out| encode_f64_desc(out, v)));
        prop_assert_eq!(Some(asc_a.cmp(&asc_b)), a.partial_cmp(&b));
        prop_assert_eq!(Some(desc_a.cmp(&desc_b)), b.partial_cmp(&a));
        prop_assert!(all(&asc_a, decode_f64) == a);
        prop_assert!(all(&desc_a, decode_f64_desc) == a);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
        let decoders: [fn(&mut &[u8]) -> bool; 8] = [
            |input| decode_u64(input).is_ok(),
            |input| decode_i64_desc(input).is_ok(),
            |input| decode_f64(input).is_ok(),
            |input| decode_f64_desc(input).is_ok(),
            |input| decode_uvarint(input).is_ok(),
            |input| decode_varint(input).is_ok(),
            |input| decode_u16_le(input).is_ok(),
            |input| decode_u32_le(input).is_ok(),
        ];
        for decode in decoders {
            let mut rest = &bytes[..];
            let ok = decode(&mut rest);
            prop_assert_eq!(ok, rest.len() < bytes.len());
            prop_assert!(bytes.ends_with(rest));
        }
    }
}
