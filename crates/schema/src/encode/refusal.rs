//! Why a table or a row is not encoded.

use crate::inconsistent::InconsistentTable;
use crate::model::state::SchemaState;
use crate::partition::PartitionError;

/// A table whose rows this version does not write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("table {table} is not written to: {reason}")]
pub struct NotWritable {
    /// The table's name.
    pub table: String,
    /// Why.
    pub reason: NotWritableReason,
}

/// The reason in [`NotWritable`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotWritableReason {
    /// It can't even be read: a view, a sequence, a temporary table, one in a schema change.
    #[error(transparent)]
    NotReadable(#[from] crate::readable::NotReadable),
    /// Its description contradicts itself.
    #[error(transparent)]
    Inconsistent(#[from] InconsistentTable),
    /// Its description holds something that this version does not know.
    #[error("its metadata has fields this version does not know: {}", .0.join(", "))]
    UnknownFields(Vec<String>),
    /// Its description is of a later version.
    #[error("its {what} is of version {version}, this version knows up to {known}")]
    Version {
        /// What is versioned.
        what: &'static str,
        /// The version found.
        version: u64,
        /// The latest version known.
        known: u64,
    },
    /// TiDB servers keep it in their memory, under a lease.
    #[error("TiDB servers cache it")]
    Cached,
    /// `LOCK TABLES` holds it.
    #[error("LOCK TABLES holds it")]
    Locked,
    /// A partition is being exchanged with another table.
    #[error("it exchanges a partition")]
    ExchangesPartition,
    /// A schema change runs on its partitions.
    #[error("a schema change runs on its partitions")]
    PartitionsChange,
    /// A column is in a schema change.
    #[error("column {column} is in a schema change, {state}")]
    ColumnChanges {
        /// The column's name.
        column: String,
        /// Its state.
        state: SchemaState,
    },
    /// A schema change is making a column `NOT NULL`.
    #[error("column {column} is about to be NOT NULL")]
    ColumnBecomesNotNull {
        /// The column's name.
        column: String,
    },
    /// A column is computed from others.
    #[error("column {column} is a generated one")]
    GeneratedColumn {
        /// The column's name.
        column: String,
    },
    /// An index is in a schema change.
    #[error("index {index} is in a schema change, {state}")]
    IndexChanges {
        /// The index's name.
        index: String,
        /// Its state.
        state: SchemaState,
    },
    /// An index of a kind this version does not write.
    #[error("index {index} is {kind}")]
    Index {
        /// The index's name.
        index: String,
        /// Its kind.
        kind: &'static str,
    },
    /// A column of a type, character set or collation that this version does not write.
    #[error("column {column}: {error}")]
    Column {
        /// The column's name.
        column: String,
        /// Why.
        error: tifusion_codec::Error,
    },
    /// Partitioning this version does not know.
    #[error(transparent)]
    Partition(#[from] PartitionError),
}

/// A row that is not encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A value is not one the column can hold.
    #[error("column {column} of table {table}: {error}")]
    Value {
        /// The table's name.
        table: String,
        /// The column's name.
        column: String,
        /// What is wrong.
        error: tifusion_codec::Error,
    },
    /// The keys or values could not be put together.
    #[error("table {table}, {part}: {error}")]
    Codec {
        /// The table's name.
        table: String,
        /// The record or an index, by name.
        part: String,
        /// What is wrong.
        error: tifusion_codec::Error,
    },
    /// There are more or fewer values than columns.
    #[error("table {table} has {columns} columns, the row {values} values")]
    Count {
        /// The table's name.
        table: String,
        /// How many columns it has.
        columns: usize,
        /// How many values there are.
        values: usize,
    },
    /// The rows of the table have a row id, and none was given.
    #[error("table {table} needs a row id for each row")]
    NoRowId {
        /// The table's name.
        table: String,
    },
    /// No partition takes the row.
    #[error(transparent)]
    Partition(#[from] PartitionError),
}
