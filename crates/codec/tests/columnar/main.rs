//! The columnar decoders against chunks and rows written by an encoder of the tests' own.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "test code"
)]

mod check;
mod decimals;
mod decoder;
mod documents;
mod encoder;
mod enumerated;
mod floats;
mod ints;
mod layout;
mod properties;
mod strings;
mod temporal;
mod vectors;
mod writer;
