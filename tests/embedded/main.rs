//! TiFusion over the embedded cluster: what needs nothing but Rust.
//!
//! TiDB is not asked here. Where answers matter they are what it said once (the files of `tests/slt`),
//! or DataFusion's own over the same data in memory.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod cache;
mod queries;
mod tpch;
