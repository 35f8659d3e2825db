//! Why a row has no partition, or a table no router.

/// Why a row has no partition, or a table's partitioning is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartitionError {
    /// A part of the partitioning that this version does not evaluate.
    #[error("partitioning by {text}: {reason}")]
    Unsupported {
        /// The expression or bound.
        text: String,
        /// What of it is not known.
        reason: String,
    },
    /// A value of a bound or list that its column can't hold.
    #[error("partition value {text}: {reason}")]
    Bound {
        /// The value as the metadata has it.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The expression has no value for this row.
    #[error("partitioning by {text}: {reason}")]
    Value {
        /// The expression.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// No partition takes the value.
    #[error("table {table} has no partition for value {value}")]
    NoPartition {
        /// The table's name.
        table: String,
        /// The value.
        value: String,
    },
}
