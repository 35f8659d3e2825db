//! TiFusion's SQL over the embedded cluster: what needs nothing but Rust.
//!
//! TiDB is not asked here. Where answers matter they are what it said once (the files of `tests/slt`), or
//! DataFusion's own over the same data in memory; and while everything goes wrong that can go wrong between a
//! client and its cluster, answers are right or errors that say where.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod bank;
mod batches;
mod busy;
mod cache;
mod cancel;
/// Certificates of the embedded cluster's own tests.
#[path = "../../crates/embedded/tests/serving/certificates.rs"]
#[expect(dead_code, reason = "those tests use all of it")]
mod certificates;
mod engines;
mod extremes;
mod faults;
mod gc;
mod join_order;
mod joins;
#[path = "../../crates/embedded/tests/serving/keystores.rs"]
#[allow(unreachable_pub, reason = "as above")]
mod keystores;
mod limit;
mod lookup;
mod past;
mod prepared;
mod queries;
/// The client of the embedded cluster's own tests, which knows the protocol and nothing else.
#[path = "../../crates/embedded/tests/serving/raw.rs"]
#[expect(dead_code, reason = "those tests use all of it")]
mod raw;
mod rc;
/// Reads from replicas.
mod replicas;
mod same_names;
mod schema;
mod seeing;
mod soak;
mod statistics;
mod tables;
mod tls;
mod tpch;
mod write;
