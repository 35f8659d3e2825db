//! Tables whose description contradicts itself.

/// A table whose description contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("inconsistent metadata of table {table} (id {table_id}): {reason}")]
pub struct InconsistentTable {
    /// The table's name.
    pub table: String,
    /// The table's id.
    pub table_id: i64,
    /// The contradiction.
    pub reason: Inconsistency,
}

/// How a table's description contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Inconsistency {
    /// `pk_is_handle` without a column of the primary key.
    #[error("its primary key is the handle, but no column is marked as primary key")]
    NoHandleColumn,
    /// `is_common_handle` without a primary index.
    #[error("its primary key is a common handle, but no index is the primary key")]
    NoPrimaryIndex,
    /// An index column that the table does not have.
    #[error(
        "index {index} names column {column} at offset {offset}, which the table does not have"
    )]
    NoIndexColumn {
        /// The index.
        index: String,
        /// The column's name there.
        column: String,
        /// Its offset there.
        offset: usize,
    },
    /// Two visible columns of one name.
    #[error("two columns are named {column}")]
    DuplicateColumn {
        /// The name.
        column: String,
    },
}
