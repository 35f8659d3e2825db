//! No decoder allocates by the bytes' own claim: the most memory it ever held is bounded by its input.
//!
//! The only test of its binary, since it counts every allocation of the process.
#![allow(clippy::cast_possible_truncation, clippy::indexing_slicing, reason = "test code")]

use std::alloc::System;

use peakmem_alloc::{INSTRUMENTED_SYSTEM, PeakMemAllocTrait};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

#[path = "../../../fuzz/src/codec.rs"]
#[allow(unreachable_pub, reason = "public in the fuzz crate")]
mod codec;

#[global_allocator]
static ALLOCATOR: &peakmem_alloc::PeakMemAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes held at once per byte of input: the columns' vectors while they grow, and the arrays.
const PER_BYTE: usize = 250;
/// Bytes for schemas, dictionaries and messages.
const EXTRA: usize = 128 * 1024;

/// A decoder's name and its fuzz target's function.
type Entry = (&'static str, fn(&[u8]));

fn check(what: &str, entry: fn(&[u8]), data: &[u8]) {
    ALLOCATOR.reset_peak_memory();
    entry(data);
    let peak = ALLOCATOR.get_peak_memory();
    let limit = EXTRA + PER_BYTE * data.len();
    assert!(peak <= limit, "{what}: {peak} bytes for {} of input: {data:?}", data.len());
}

#[test]
fn claims_don_t_allocate() {
    let entries: [Entry; 9] = [
        ("chunk", codec::chunk),
        ("rows", codec::rows),
        ("datum", codec::datum),
        ("key", codec::key),
        ("decimal", codec::decimal),
        ("time", codec::time),
        ("json", codec::json),
        ("duration", codec::duration),
        ("vector", codec::vector),
    ];
    // Warm up what is made once.
    for (_, entry) in entries {
        entry(&[0; 64]);
    }
    for first in 0..codec::pairs().len() as u8 {
        for claim in [1_u32 << 8, 1 << 16, 1 << 24, 1 << 31, u32::MAX] {
            for nulls in [0, 1, claim] {
                for fill in [0, 1, 0x7f, 0xff] {
                    let mut data = vec![first, 0, 0];
                    data.extend_from_slice(&claim.to_le_bytes());
                    data.extend_from_slice(&nulls.to_le_bytes());
                    data.resize(1000, fill);
                    check("chunk", codec::chunk, &data);
                }
            }
        }
        // As many rows as there are bytes.
        check("rows of NULLs", codec::rows, &[&[first, 0, 0], [0; 5000].as_slice()].concat());
    }
    // Counts in front of a string, a vector, a JSON array and object, a JSON string, a compact datum.
    for flag in [[2_u8, 0], [20, 0], [10, 3], [10, 1], [10, 12], [10, 13], [1, 0], [6, 81]] {
        for fill in [0x7f, 0xff, 0x80] {
            let mut data = vec![0, 0, 0, flag[0], flag[1]];
            data.resize(100, fill);
            for (name, entry) in entries {
                check(name, entry, &data);
                check(name, entry, &data[3..]);
                check(name, entry, &data[4..]);
            }
        }
    }
    let mut runner = TestRunner::deterministic();
    let bytes = proptest::collection::vec(0_u8..24, 0..300);
    for _ in 0..2000 {
        let Ok(tree) = bytes.new_tree(&mut runner) else { continue };
        let data = tree.current();
        for (name, entry) in entries {
            check(name, entry, &data);
        }
    }
}
