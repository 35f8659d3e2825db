//! Rows to the pairs of keys and values that the store holds for them: one record and an entry for
//! each index.
//!
//! A table this version does not know to the last detail is refused by name before anything is
//! encoded: see [`check_writable`](crate::TableInfo::check_writable).

mod refusal;
mod row_decoder;
mod table_encoder;
mod writable;

pub use refusal::{EncodeError, NotWritable, NotWritableReason};
pub use row_decoder::{DecodeRowError, RowDecoder};
pub use table_encoder::{EncodedEntry, EncodedRow, TableEncoder};

#[cfg(test)]
mod tests;
