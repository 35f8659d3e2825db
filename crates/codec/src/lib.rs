//! Every byte format of TiDB that TiFusion reads and writes.
//!
//! Pure functions over bytes: no I/O, no async, no clock, no panic. Each decoder takes bytes that
//! came from outside, so each returns an [`Error`] instead of panicking and never allocates by the
//! bytes' own claim.
//!
//! | module | format |
//! |---|---|
//! | [`cursor`], [`number`], [`bytes`](mod@bytes) | memory-comparable and compact numbers and byte strings |
//! | [`datum`] | self-describing values: index keys, `TypeDefault` rows, meta hash fields |
//! | [`key`] | table, record, index and meta keys |
//! | [`field_type`] | MySQL column types, flags and collations |
//! | [`decimal`], [`time`], [`duration`], [`json`], [`enum_set`] | the values behind them |
//! | [`output`] | the Arrow types that answers can become |
//! | [`chunk`] | `TypeChunk` answers to Arrow, and their columns written |
//! | [`rows`] | `TypeDefault` answers to Arrow |
//! | [`row`] | rows in the store |
//! | [`index`] | index entries in the store |
//! | [`input`] | what columns store for values of other types |
//! | [`collation`] | sort keys of text |

pub mod bytes;
pub mod chunk;
pub mod collation;
pub mod cursor;
pub mod datum;
pub mod decimal;
pub mod duration;
pub mod enum_set;
pub mod error;
pub mod field_type;
pub mod index;
pub mod input;
pub mod json;
pub mod key;
pub mod number;
pub mod output;
pub mod row;
pub mod rows;
#[cfg(test)]
mod test_vectors;
pub mod time;
pub mod vector;

pub use error::{Error, Result};
pub use field_type::FieldType;
