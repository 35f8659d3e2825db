//! Parts of plans of other processes.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = tifusion::distribute::check(&[tifusion::distribute::PlanCodec::MAGIC, bytes].concat());
});
