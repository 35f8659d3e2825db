//! The functions of the fuzz targets on random and on damaged bytes, for compilers that can't fuzz.
#![allow(clippy::cast_possible_truncation, clippy::indexing_slicing, reason = "test code")]

use proptest::collection::vec;
use proptest::prelude::*;

#[path = "../../../fuzz/src/codec.rs"]
#[allow(unreachable_pub, reason = "public in the fuzz crate")]
mod codec;

/// A byte that looks like what decoders read: a flag, a small count, an end of a range, text.
fn likely(byte: u8) -> u8 {
    let index = usize::from(byte);
    match byte {
        0..110 => byte % 24,
        110..170 => [0, 0xff, 0x80, 0x7f][index % 4],
        170..220 => b"0123456789-+.:eE "[index % 17],
        220.. => byte.wrapping_mul(151),
    }
}

fn likely_bytes(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), len).prop_map(|bytes| bytes.into_iter().map(likely).collect())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![likely_bytes(0..24), likely_bytes(0..150), vec(any::<u8>(), 0..300)]
}

/// A chunk's column: counts, bitmap and offsets that are right or nearly so.
fn column() -> impl Strategy<Value = Vec<u8>> {
    let claims = prop_oneof![6 => 0_u32..20, 1 => Just(u32::MAX), 1 => Just(1 << 30)];
    (0_u32..20, weighted_claim(claims), likely_bytes(0..200), vec(0_i64..12, 0..22)).prop_map(
        |(rows, null_count, data, steps)| {
            let mut out = rows.to_le_bytes().to_vec();
            out.extend_from_slice(&null_count.unwrap_or(0).to_le_bytes());
            if null_count.is_some_and(|count| count > 0) {
                out.extend_from_slice(&data[..data.len().min(3)]);
            }
            let mut end = 0;
            for step in steps {
                out.extend_from_slice(&i64::to_le_bytes(end));
                end += step;
            }
            out.extend_from_slice(&data);
            out
        },
    )
}

fn weighted_claim(claims: impl Strategy<Value = u32>) -> impl Strategy<Value = Option<u32>> {
    proptest::option::weighted(0.3, claims)
}

macro_rules! survives {
    ($($entry:ident)*) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(256))]
            $(
                #[test]
                fn $entry(data in bytes()) {
                    codec::$entry(&data);
                }
            )*
        }
    };
}

survives!(chunk rows datum key decimal time json duration vector);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]
    #[test]
    fn columns_of_every_type(first in any::<u8>(), column in column()) {
        let mut data = vec![first, 0, 0];
        data.extend(column);
        codec::chunk(&data);
    }
}

#[test]
fn every_kind_of_column_is_among_the_pairs() {
    let pairs = codec::pairs();
    for code in [1_u8, 2, 3, 4, 5, 7, 8, 10, 11, 12, 13, 15, 16, 0xe1, 0xf5, 0xf6, 0xf7, 0xf8, 0xfc]
    {
        assert!(pairs.iter().any(|(field_type, _)| field_type.tp == code), "{code}");
    }
}
