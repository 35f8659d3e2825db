//! Tests of byte strings.

use proptest::prelude::*;

use super::*;
use crate::test_vectors::{encoded, hex, rows};

const VECTORS: &str = include_str!("../testdata/bytes.txt");

#[test]
fn byte_strings_are_encoded_as_tidb_does() {
    for row in rows(VECTORS) {
        let [data, asc, desc, compact] = [0, 1, 2, 3].map(|at| hex(row[at]));
        assert_eq!(encoded(|out| encode_bytes(out, &data)), asc);
        assert_eq!(asc.len(), encoded_len(data.len()));
        assert_eq!(encoded(|out| encode_bytes_desc(out, &data)), desc);
        assert_eq!(encoded(|out| encode_compact_bytes(out, &data)), compact);
        assert_eq!(decode_bytes(&mut &asc[..]), Ok(data.clone()));
        assert_eq!(decode_bytes_desc(&mut &desc[..]), Ok(data.clone()));
        assert_eq!(decode_compact_bytes(&mut &compact[..]), Ok(&data[..]));
    }
}

#[test]
fn an_encoder_appends() {
    let mut out = vec![9];
    encode_bytes(&mut out, b"a");
    encode_bytes_desc(&mut out, b"a");
    encode_compact_bytes(&mut out, b"a");
    assert_eq!(out[0], 9);
    let mut rest = &out[1..];
    assert_eq!(decode_bytes(&mut rest), Ok(b"a".to_vec()));
    assert_eq!(decode_bytes_desc(&mut rest), Ok(b"a".to_vec()));
    assert_eq!(decode_compact_bytes(&mut rest), Ok(&b"a"[..]));
    assert!(rest.is_empty());
}

#[test]
fn a_bad_group_is_refused_and_leaves_the_input() {
    let cases: [(&[u8], &str); 4] = [
        (&[0, 0, 0, 0, 0, 0, 0, 0, 0xf6], "bytes: group marker 0xf6"),
        (&[1, 0, 0, 0, 0, 0, 0, 9, 0xf8], "bytes: padding of the last group is not zero"),
        (&[1, 2, 3], "bytes: 5 more bytes needed, 3 left"),
        (&[1, 2, 3, 4, 5, 6, 7, 8, 0xff], "bytes: 8 more bytes needed, 0 left"),
    ];
    for (bytes, message) in cases {
        let mut rest = bytes;
        assert_eq!(decode_bytes(&mut rest).unwrap_err().to_string(), message);
        assert_eq!(skip_bytes(&mut rest).unwrap_err().to_string(), message);
        assert_eq!(rest, bytes);
        let inverted: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
        assert_eq!(decode_bytes_desc(&mut &inverted[..]).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_claimed_length_is_not_believed() {
    let huge = encoded(|out| number::encode_varint(out, i64::MAX));
    let mut rest = &huge[..];
    assert!(matches!(decode_compact_bytes(&mut rest), Err(Error::Truncated { left: 0, .. })));
    assert_eq!(rest, huge);
    let negative = encoded(|out| number::encode_varint(out, -1));
    assert_eq!(
        decode_compact_bytes(&mut &negative[..]),
        Err(Error::malformed("compact bytes", "length -1".to_owned()))
    );
}

#[test]
fn skipping_returns_the_encoded_bytes() {
    let mut out = encoded(|out| encode_bytes(out, b"123456789"));
    let len = out.len();
    out.extend_from_slice(b"tail");
    let mut rest = &out[..];
    assert_eq!(skip_bytes(&mut rest), Ok(&out[..len]));
    assert_eq!(rest, b"tail");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn byte_strings_come_back_and_keep_their_order(a: Vec<u8>, b: Vec<u8>) {
        let [asc_a, asc_b] = [&a, &b].map(|v| encoded(|out| encode_bytes(out, v)));
        let [desc_a, desc_b] = [&a, &b].map(|v| encoded(|out| encode_bytes_desc(out, v)));
        prop_assert_eq!(asc_a.cmp(&asc_b), a.cmp(&b));
        prop_assert_eq!(desc_a.cmp(&desc_b), b.cmp(&a));
        prop_assert_eq!(decode_bytes(&mut &asc_a[..]), Ok(a.clone()));
        prop_assert_eq!(decode_bytes_desc(&mut &desc_a[..]), Ok(a));
    }

    /// Short strings over few letters meet at their ends far more often.
    #[test]
    fn strings_that_share_a_start_keep_their_order(
        a in prop::collection::vec(prop::sample::select(vec![0_u8, 1, 0xff]), 0..20),
        b in prop::collection::vec(prop::sample::select(vec![0_u8, 1, 0xff]), 0..20),
    ) {
        let [asc_a, asc_b] = [&a, &b].map(|v| encoded(|out| encode_bytes(out, v)));
        prop_assert_eq!(asc_a.cmp(&asc_b), a.cmp(&b));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(
        prop_oneof![any::<u8>(), Just(0), Just(0xff), 0xf5_u8..=0xff], 0..40)) {
        let mut rest = &bytes[..];
        if let Ok(data) = decode_bytes(&mut rest) {
            let used = bytes.len() - rest.len();
            prop_assert_eq!(encoded(|out| encode_bytes(out, &data)), &bytes[..used]);
            prop_assert_eq!(skip_bytes(&mut &bytes[..]), Ok(&bytes[..used]));
        }
        let mut rest = &bytes[..];
        if let Ok(data) = decode_bytes_desc(&mut rest) {
            let used = bytes.len() - rest.len();
            prop_assert_eq!(encoded(|out| encode_bytes_desc(out, &data)), &bytes[..used]);
        }
        let mut rest = &bytes[..];
        if let Ok(data) = decode_compact_bytes(&mut rest) {
            prop_assert!(data.len() < bytes.len());
        }
    }
}
