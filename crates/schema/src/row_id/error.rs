//! Why there is no id.

use crate::inconsistent::InconsistentTable;

/// Why a row gets no id, or the one it brings along is refused. Table and row are the caller's to add.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RowIdError {
    /// The table's description contradicts itself.
    #[error(transparent)]
    Inconsistent(#[from] InconsistentTable),
    /// More bits than an id has.
    #[error("{shard_bits} scattered bits of {range_bits} are no id")]
    Bits {
        /// Bits that are scattered.
        shard_bits: u64,
        /// Bits in all, the sign's among them.
        range_bits: u64,
    },
    /// The number in the metadata is none.
    #[error("{value:?} in the metadata is no number of an allocator")]
    Malformed {
        /// What is there, escaped.
        value: String,
    },
    /// No ids are left.
    #[error("no id is left: {wanted} more behind {last}, and the greatest is {most}")]
    Exhausted {
        /// The greatest id handed out.
        last: i128,
        /// How many more were asked for.
        wanted: u64,
        /// The greatest there is.
        most: u64,
    },
    /// A step or a start that no session has.
    #[error(
        "auto_increment_increment and auto_increment_offset are 1 to 65535, not {increment} and {offset}"
    )]
    Stride {
        /// The step.
        increment: u64,
        /// The start.
        offset: u64,
    },
    /// A row brings a value for an `AUTO_RANDOM` column.
    #[error(
        "column {column} is AUTO_RANDOM: rows bring no value of their own unless \
         allow_auto_random_explicit_insert is on"
    )]
    ExplicitRandom {
        /// The column's name.
        column: String,
    },
    /// A value of the numbered column that is no number.
    #[error("column {column}: a {kind} is no id")]
    NoNumber {
        /// The column's name.
        column: String,
        /// The kind of value.
        kind: &'static str,
    },
    /// An id that the column can't hold.
    #[error("column {column}: the id {id} is out of range of {to}")]
    OutOfRange {
        /// The column's name.
        column: String,
        /// The id.
        id: i128,
        /// The column's type.
        to: String,
    },
}
