//! The embedded cluster against the playground: the same requests, answer by answer.
//!
//! A case is a script of requests. What is answered is written down field by field, with names for what differs from
//! run to run (`harness/names.rs`, `harness/reflect.rs`), and compared with `golden/`, where the answers of
//! the playground are recorded: so the embedded cluster is compared on machines that have no playground, and where
//! there is one its answers are compared too, so that the recordings cannot go stale. Where the embedded cluster
//! differs from the playground on purpose, because TiKV does, the group of cases says so, with the answer that is
//! right and why; a difference that is gone fails the test as well.
//!
//! `TIFUSION_COMPLETE_CONFORMANCE=1` records anew what the playground answers. With
//! `TIFUSION_TEST_CLUSTER=external` the cases run on that cluster, and are to be answered as by the embedded one.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]
#![allow(clippy::needless_update, reason = "messages of the protocol get more fields with time")]

mod async_commit;
mod commit;
mod cop;
mod harness;
mod maintenance;
mod metadata;
mod pd;
mod pessimistic;
mod prewrite;
mod read;
mod resolve;
mod rollback;
mod status;
