//! The cluster as its clients see it: PD, reads through `tifusion-client`, transactions through the
//! generated gRPC clients, and faults in all of them.
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::needless_update)]
#![allow(clippy::indexing_slicing, clippy::panic, missing_docs)]

mod cached;
mod certificates;
mod changes;
mod commands;
mod durable;
mod faults;
#[allow(unreachable_pub, reason = "the testkit has it too")]
mod keystores;
mod networks;
mod odd;
mod pd;
mod raw;
mod rotation;
mod rows;
mod secure;
mod secure_matrix;
mod transactions;
mod waiting;
