//! The one error type of the codec.

use std::fmt;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why bytes could not be decoded or a value could not be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input ended before the value did.
    #[error("{what}: {needed} more bytes needed, {left} left")]
    Truncated {
        /// What was being decoded.
        what: &'static str,
        /// Bytes the value still needs.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// The input is not a value of this format.
    #[error("{what}: {reason}")]
    Malformed {
        /// What was being decoded.
        what: &'static str,
        /// What is wrong with it.
        reason: Reason,
    },
    /// The value is a valid one but does not fit the target.
    #[error("{what}: {value} does not fit {target}")]
    OutOfRange {
        /// What was being converted.
        what: &'static str,
        /// The value, as text.
        value: String,
        /// The target type.
        target: String,
    },
    /// A column whose type this version cannot convert to the requested Arrow type.
    #[error("MySQL type {tp} ({name}) cannot be read as {target}")]
    UnsupportedType {
        /// MySQL type code.
        tp: u8,
        /// MySQL type name.
        name: &'static str,
        /// The requested Arrow type.
        target: String,
    },
    /// Something that this version does not know how to write or read, by name.
    #[error("{what}: {name} is not supported")]
    Unsupported {
        /// What was being written or read.
        what: &'static str,
        /// The part of it that is not known.
        name: String,
    },
    /// An error in one column of a chunk or row.
    #[error("column {column} (row {row}): {source}")]
    Column {
        /// Offset of the column in the output.
        column: usize,
        /// Row in the chunk, counted from zero.
        row: usize,
        /// The error itself.
        source: Box<Error>,
    },
    /// Arrow refused the arrays made from the bytes.
    #[error("{what}: {message}")]
    Arrow {
        /// What was being built.
        what: &'static str,
        /// Arrow's own words.
        message: String,
    },
}

impl Error {
    /// A [`Error::Malformed`] with a fixed reason.
    #[must_use]
    pub fn malformed(what: &'static str, reason: impl Into<Reason>) -> Self {
        Self::Malformed { what, reason: reason.into() }
    }

    /// An [`Error::Unsupported`] with the name of what is not known.
    #[must_use]
    pub fn unsupported(what: &'static str, name: impl Into<String>) -> Self {
        Self::Unsupported { what, name: name.into() }
    }

    /// A [`Error::Truncated`] unless `left` covers `needed`.
    ///
    /// # Errors
    /// Fails when fewer than `needed` bytes are left.
    pub fn need(what: &'static str, needed: usize, left: usize) -> Result<()> {
        if left < needed {
            return Err(Self::Truncated { what, needed: needed - left, left });
        }
        Ok(())
    }

    /// Wraps an error with the column and row it happened in.
    #[must_use]
    pub fn in_column(self, column: usize, row: usize) -> Self {
        Self::Column { column, row, source: Box::new(self) }
    }
}

/// The reason in [`Error::Malformed`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A sentence known at compile time.
    Static(&'static str),
    /// A sentence with the offending value in it.
    Owned(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static(text) => f.write_str(text),
            Self::Owned(text) => f.write_str(text),
        }
    }
}

impl From<&'static str> for Reason {
    fn from(text: &'static str) -> Self {
        Self::Static(text)
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self::Owned(text)
    }
}
