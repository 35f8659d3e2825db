//! Why a statement or a row is refused.

use tifusion_codec::input::InputError;
use tifusion_schema::default_value::DefaultValueError;
use tifusion_schema::row_id::RowIdError;
use tifusion_schema::{EncodeError, NotWritable, PartitionError};

/// Why a statement or a row is refused; nothing of it was kept then.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapError {
    /// The text is no statement.
    #[error("SQL: {0}")]
    Syntax(String),
    /// A part of a statement that this version does not know, by name.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// A statement that contradicts itself or what is there.
    #[error("{0}")]
    Invalid(String),
    /// A table whose rows can't be written.
    #[error(transparent)]
    NotWritable(#[from] NotWritable),
    /// Partitioning that is not known.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// A row that can't be written.
    #[error(transparent)]
    Row(#[from] EncodeError),
    /// A row of a batch or an `INSERT` is refused.
    #[error("table {table}, row {row}: {reason}")]
    AtRow {
        /// The table's name.
        table: String,
        /// Which row it is, counted from 1.
        row: usize,
        /// What is wrong with it.
        #[source]
        reason: Box<BootstrapError>,
    },
    /// A value that can't become one of its column.
    #[error("column {column}: {value} is no {type_name}: {reason}")]
    Value {
        /// The column's name.
        column: String,
        /// The start of the value as text.
        value: String,
        /// The column's type.
        type_name: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A value that its column does not store.
    #[error("column {column}: {error}")]
    Input {
        /// The column's name.
        column: String,
        /// What is wrong.
        #[source]
        error: InputError,
    },
    /// A default that is not known.
    #[error(transparent)]
    Default(#[from] DefaultValueError),
    /// A row that gets no id.
    #[error(transparent)]
    RowId(#[from] RowIdError),
    /// Two rows have the same key.
    #[error("table {table}: two rows have the same {key}")]
    Duplicate {
        /// The table's name.
        table: String,
        /// The key: `PRIMARY` or an index's name.
        key: String,
    },
    /// Metadata in the store that can't be read.
    #[error("metadata in the store: {0}")]
    Metadata(String),
}

/// A result of this part of the crate.
pub(crate) type Result<T, E = BootstrapError> = std::result::Result<T, E>;
