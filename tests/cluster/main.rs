//! TiFusion against a real cluster, with TiDB as the judge: every answer is also TiDB's, or the test
//! says what it must be.
//!
//! All tests of this binary share the clusters that it starts (see `tifusion_testkit::cluster`);
//! each makes databases of its own, so they run side by side. Without a cluster they say so and pass
//! by; in CI that is a failure.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod access;
mod as_of;
mod authorization;
mod bad_input;
mod catalog;
mod differences;
mod gc;
mod joins;
#[path = "../../crates/embedded/tests/serving/keystores.rs"]
#[allow(unreachable_pub, reason = "the tests of the embedded cluster have it too")]
mod keystores;
mod null_in;
mod order;
mod prepared;
mod pushdown;
mod queries;
mod read_by_sql;
mod regions;
mod show;
mod sql;
mod statement;
mod stats;
mod tls;
mod tpch;
mod types;
mod views;
mod write;
