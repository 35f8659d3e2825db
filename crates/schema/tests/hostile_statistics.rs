//! The functions of the fuzz targets of statistics on random bytes, for compilers that can't fuzz.
#![allow(clippy::cast_precision_loss, clippy::panic, reason = "test code")]

use proptest::collection::vec;
use proptest::prelude::*;

#[path = "../../../fuzz/src/stats.rs"]
#[allow(unreachable_pub, reason = "public in the fuzz crate")]
mod stats;

/// A byte that looks like what is read: a flag, a small count, text of a number or a time.
fn likely(byte: u8) -> u8 {
    let index = usize::from(byte);
    let pick = |from: &[u8]| from.get(index % from.len()).copied().unwrap_or(0);
    match byte {
        0..110 => byte % 12,
        110..170 => pick(&[0, 0xff, 0x80, 0x7f, 0xfa]),
        170..235 => pick(b"0123456789-+.:e abNaNinf"),
        235.. => byte.wrapping_mul(151),
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let likely_bytes = |len| vec(any::<u8>().prop_map(likely), len);
    prop_oneof![likely_bytes(0..24), likely_bytes(0..300), vec(any::<u8>(), 0..300)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn estimates_are_numbers_of_rows(data in bytes()) {
        stats::stats(&data);
    }

    #[test]
    fn values_are_keys_or_errors(data in bytes()) {
        stats::stats_values(&data);
    }
}
