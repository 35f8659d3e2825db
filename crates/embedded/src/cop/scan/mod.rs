//! Scans: from keys and values to rows of values.

mod cell;
mod index;
mod index_value;
mod ranges;
mod special;
mod table;

pub(crate) use index::IndexReader;
pub(crate) use ranges::RangeScanner;
pub(crate) use table::TableReader;
