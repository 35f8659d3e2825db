//! What the fuzz targets do with their bytes, one module per crate.
//!
//! A crate's stable tests run the same functions on random bytes: `crates/codec/tests/hostile_bytes.rs`
//! includes [`codec`] by its path. Functions of another crate get a module of their own here, a file per
//! target in `fuzz_targets/` and a test of their crate's.

pub mod codec;
pub mod stats;
