//! Tables from SQL and Arrow, read back by a client: metadata, rows, partitions and indexes.
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod loading;
mod reading;
mod rows;
