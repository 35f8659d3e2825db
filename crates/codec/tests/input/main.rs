//! Values on their way in, held to what TiDB stores (`testdata/input.txt`).
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    missing_docs,
    reason = "test code"
)]

mod arrays;
mod hostile;
mod judged;
mod known;
mod literal;
mod record;
mod stored;
mod types;
