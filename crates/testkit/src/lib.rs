//! What TiFusion's tests share: a cluster to run on, TiDB as the judge of answers, data, faults.
//!
//! Not published, and only ever a dev-dependency: panics are how a test fails.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test support fails by panicking and tells on stderr what it skips"
)]

pub mod arrow_cells;
pub mod cell;
pub mod cluster;
pub mod compare;
pub mod connector;
pub mod differences;
pub mod edges;
pub mod generator;
pub mod raw_cluster;
pub mod raw_writer;
pub mod slt;
pub mod statistics;
pub mod tidb;
pub mod tpch;
