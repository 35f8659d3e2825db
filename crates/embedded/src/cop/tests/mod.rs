//! Whole requests over rows in memory.
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

mod aggregation;
mod fake;
mod hostile;
mod index_scan;
mod paging;
mod table_scan;
mod top_n;
