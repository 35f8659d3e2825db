//! Ids that rows get without being given any: `_tidb_rowid`, `AUTO_INCREMENT`, `AUTO_RANDOM`.
//!
//! TiDB keeps the greatest id handed out for a table in its metadata, one number for each allocator, and
//! takes a batch by raising it in a transaction of its own (`meta/autoid`, `meta/meta_autoid.go`). Here
//! is what is to be read and written there; who runs the transaction is elsewhere.
//!
//! | table | `_tidb_rowid` | column |
//! |---|---|---|
//! | without a clustered key | allocator of row ids | |
//! | with `AUTO_INCREMENT` | | the allocator of row ids too |
//! | with `AUTO_INCREMENT` and `AUTO_ID_CACHE 1`, from version 5 on | | an allocator of its own, which TiDB leaves to its auto id service |
//! | with `AUTO_RANDOM` | | an allocator of its own |
//!
//! `SHARD_ROW_ID_BITS` and `AUTO_RANDOM` scatter high bits of an id; only the rest of it counts.

mod allocator;
mod batch;
mod error;
mod numbered;

pub use allocator::{Allocator, Counter, Reading};
pub use batch::{Batch, Stride};
pub use error::RowIdError;
pub use numbered::{NumberedColumn, Numbering};

use tifusion_codec::field_type::flag;

use crate::inconsistent::InconsistentTable;
use crate::lookup::HandleKind;
use crate::model::{ColumnInfo, TableInfo};

/// Where the ids of a table's rows come from.
#[derive(Debug, Clone, PartialEq)]
pub struct RowIdPlan {
    /// `_tidb_rowid` of each row; `None` where a column or several are the key.
    pub record: Option<Allocator>,
    /// The column that is numbered where rows bring no value.
    pub column: Option<NumberedColumn>,
}

/// The way into [`RowIdPlan`].
#[derive(Debug, Clone, Copy)]
pub struct RowIds;

impl RowIds {
    /// Where the ids of the rows of `table` come from.
    ///
    /// # Errors
    /// [`RowIdError`] if the description contradicts itself or says more bits than an id has.
    pub fn of(table: &TableInfo) -> Result<RowIdPlan, RowIdError> {
        let record = match table.handle()? {
            HandleKind::RowId => Some(Allocator::of_records(table)?),
            HandleKind::Int(_) | HandleKind::Common(_) => None,
        };
        let column = match increment_column(table) {
            Some((offset, column)) => {
                let allocator = Allocator::of_increment(table, column);
                Some(NumberedColumn::new(offset, column, Numbering::Increment, allocator))
            }
            None => match random_column(table)? {
                Some((offset, column)) => {
                    let allocator = Allocator::of_random(table, column)?;
                    Some(NumberedColumn::new(offset, column, Numbering::Random, allocator))
                }
                None => None,
            },
        };
        Ok(RowIdPlan { record, column })
    }
}

/// The `AUTO_INCREMENT` column and where it is in the table's list.
fn increment_column(table: &TableInfo) -> Option<(usize, &ColumnInfo)> {
    table.columns.iter().enumerate().find(|(_, column)| column.has_flag(flag::AUTO_INCREMENT))
}

/// The `AUTO_RANDOM` column: the first one of the clustered key.
fn random_column(table: &TableInfo) -> Result<Option<(usize, &ColumnInfo)>, InconsistentTable> {
    if table.auto_random_bits == 0 {
        return Ok(None);
    }
    let first = match table.handle()? {
        HandleKind::Int(column) => Some(column.id),
        HandleKind::Common(index) => {
            table.index_columns(index)?.first().map(|(_, column)| column.id)
        }
        HandleKind::RowId => None,
    };
    Ok(table.columns.iter().enumerate().find(|(_, column)| Some(column.id) == first))
}

#[cfg(test)]
mod tests;
