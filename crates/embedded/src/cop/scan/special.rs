//! Columns that no row stores.

/// The partition that a global index entry points into.
pub(crate) const PARTITION_ID: i64 = -2;
/// The table or partition that the key belongs to.
pub(crate) const PHYSICAL_TABLE_ID: i64 = -3;
/// When the row was committed.
pub(crate) const COMMIT_TS: i64 = -5;
