//! Why a value is refused.

use std::fmt;

use crate::error::Error;
use crate::field_type::FieldType;
use crate::time::Zone;

/// Characters of a value that a message shows.
const SHOWN: usize = 64;

/// Why a value can't become one of a column, or values of a type never can.
///
/// Values are shown by their start. Table, column and row are the caller's to add.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// Values of this Arrow type never become values of such a column.
    #[error("no conversion from {from} to {to}")]
    Unsupported {
        /// The Arrow type.
        from: String,
        /// The column's type.
        to: String,
    },
    /// A column of a type or character set that this version does not write.
    #[error("columns of type {to} are not written: {reason}")]
    UnsupportedColumn {
        /// The column's type.
        to: String,
        /// What is not known about it.
        reason: &'static str,
    },
    /// The array is not of the type that the conversion was planned for.
    #[error("an array of {found} where {planned} was planned")]
    OtherArray {
        /// The type of the plan.
        planned: String,
        /// The array's type.
        found: String,
    },
    /// The array has no such row, or its dictionary no such key.
    #[error("no value {index} in an array of {length}")]
    NoSuchValue {
        /// The row or key.
        index: usize,
        /// How many there are.
        length: usize,
    },
    /// `NULL` for a column that is `NOT NULL`.
    #[error("NULL for a column of type {to} NOT NULL")]
    Null {
        /// The column's type.
        to: String,
    },
    /// The value is beyond what the column can hold.
    #[error("{value} is out of range of {to}")]
    OutOfRange {
        /// The value.
        value: String,
        /// The column's type.
        to: String,
    },
    /// The text is longer than the column can hold.
    #[error("{value} is too long for {to}")]
    TooLong {
        /// The value.
        value: String,
        /// The column's type.
        to: String,
    },
    /// The value is none of the column's type, or only the start of it is.
    #[error("{value} is no {to}")]
    Incorrect {
        /// The value.
        value: String,
        /// The column's type.
        to: String,
    },
    /// The value is not among the members of an `ENUM` or `SET`.
    #[error("{value} is not among the members of the {to}")]
    NotAMember {
        /// The value.
        value: String,
        /// The column's type.
        to: String,
    },
    /// A date or time that no calendar has, which strict mode refuses; or none at all.
    #[error("{value} is no valid {to}")]
    InvalidTime {
        /// The value.
        value: String,
        /// The column's type.
        to: String,
    },
    /// A wall time that the time zone's clocks skip.
    #[error("{value} does not exist in the time zone {zone}, so it is no {to}")]
    NonexistentLocalTime {
        /// The value.
        value: String,
        /// The column's type.
        to: String,
        /// The session's time zone.
        zone: Zone,
    },
    /// Bytes that are no text of the column's character set.
    #[error("{value} is no text of the character set {charset}")]
    InvalidText {
        /// The value, with what is not ASCII escaped.
        value: String,
        /// The column's character set.
        charset: String,
    },
    /// Text that is no JSON document TiDB accepts.
    #[error("{value} is no JSON document: {reason}")]
    InvalidJson {
        /// The text.
        value: String,
        /// What is wrong with it.
        reason: Error,
    },
    /// A vector of another number of dimensions, or one that TiDB refuses.
    #[error("a vector of {dimensions} dimensions does not fit {to}")]
    Dimensions {
        /// The vector's dimensions.
        dimensions: usize,
        /// The column's type.
        to: String,
    },
}

/// Why a value is refused, before anybody wrote down which one it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    Unsupported,
    OutOfRange,
    TooLong,
    Incorrect,
    NotAMember,
    InvalidTime,
    Nonexistent,
    InvalidText,
    InvalidJson(Error),
    Dimensions(usize),
}

impl Refusal {
    #[cold]
    pub(super) fn into_error(
        self,
        value: &impl fmt::Display,
        field_type: &FieldType,
        zone: Zone,
    ) -> InputError {
        let to = field_type.to_string();
        let shown = shorten(value);
        match self {
            Self::Unsupported => InputError::Unsupported { from: shown, to },
            Self::OutOfRange => InputError::OutOfRange { value: shown, to },
            Self::TooLong => InputError::TooLong { value: shown, to },
            Self::Incorrect => InputError::Incorrect { value: shown, to },
            Self::NotAMember => InputError::NotAMember { value: shown, to },
            Self::InvalidTime => InputError::InvalidTime { value: shown, to },
            Self::Nonexistent => InputError::NonexistentLocalTime { value: shown, to, zone },
            Self::InvalidText => {
                InputError::InvalidText { value: shown, charset: field_type.charset.clone() }
            }
            Self::InvalidJson(reason) => InputError::InvalidJson { value: shown, reason },
            Self::Dimensions(dimensions) => InputError::Dimensions { dimensions, to },
        }
    }
}

/// The start of a value for a message.
fn shorten(value: &impl fmt::Display) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN).and_then(|(end, _)| text.get(..end)) {
        Some(start) => format!("{start}…"),
        None => text,
    }
}
