//! Scans: from keys and values to rows of values.

mod cell;
mod ranges;
mod row_v2;
mod special;
mod table;

pub(crate) use ranges::RangeScanner;
pub(crate) use table::TableReader;
