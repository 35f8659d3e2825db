#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tifusion_fuzz::stats::stats_values(data));
