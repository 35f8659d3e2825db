//! Whether this version knows a table well enough to write to it.

use tifusion_codec::field_type::flag;

use super::refusal::{NotWritable, NotWritableReason};
use crate::model::state::{IndexType, TableCacheStatus};
use crate::model::{ColumnInfo, IndexInfo, TableInfo};

/// The latest version of a table's description that is known.
const TABLE_VERSION: u16 = 5;
/// The latest version of a column's description that is known.
const COLUMN_VERSION: u64 = 2;
/// The latest version of common handles that is known.
const COMMON_HANDLE_VERSION: u16 = 1;

impl TableInfo {
    /// Whether rows of the table can be encoded: nothing about it is unknown to this version, nothing
    /// is in a schema change, no column is computed, no index is of a kind that is not written.
    ///
    /// Foreign keys and checks don't matter here: they say which rows may be written, not how.
    ///
    /// # Errors
    /// [`NotWritable`] with the first reason.
    pub fn check_writable(&self) -> Result<(), NotWritable> {
        self.not_writable_reason()
            .map_err(|reason| NotWritable { table: self.name.original.clone(), reason })
    }

    fn not_writable_reason(&self) -> Result<(), NotWritableReason> {
        self.check_readable()?;
        self.check_consistent()?;
        let unknown = self.unknown_fields();
        if !unknown.is_empty() {
            return Err(NotWritableReason::UnknownFields(unknown));
        }
        check_version("description", self.version.into(), TABLE_VERSION.into())?;
        check_version(
            "common handle",
            self.common_handle_version.into(),
            COMMON_HANDLE_VERSION.into(),
        )?;
        if self.cache_status != TableCacheStatus::Disable {
            return Err(NotWritableReason::Cached);
        }
        if self.lock.as_ref().is_some_and(|lock| lock.state != 0 || !lock.sessions.is_empty()) {
            return Err(NotWritableReason::Locked);
        }
        if self.exchange_partition.is_some() {
            return Err(NotWritableReason::ExchangesPartition);
        }
        if self.partition.as_ref().is_some_and(|partition| partition.is_changing()) {
            return Err(NotWritableReason::PartitionsChange);
        }
        self.columns.iter().try_for_each(check_column)?;
        self.indices.iter().try_for_each(check_index)
    }
}

fn check_version(what: &'static str, version: u64, known: u64) -> Result<(), NotWritableReason> {
    if version > known {
        return Err(NotWritableReason::Version { what, version, known });
    }
    Ok(())
}

fn check_column(column: &ColumnInfo) -> Result<(), NotWritableReason> {
    let name = || column.name.original.clone();
    if !column.state.is_public() || column.change_state.is_some() {
        return Err(NotWritableReason::ColumnChanges { column: name(), state: column.state });
    }
    if column.has_flag(flag::PREVENT_NULL_INSERT) {
        return Err(NotWritableReason::ColumnBecomesNotNull { column: name() });
    }
    if column.is_generated() || column.hidden {
        return Err(NotWritableReason::GeneratedColumn { column: name() });
    }
    check_version("column", column.version, COLUMN_VERSION)
}

fn check_index(index: &IndexInfo) -> Result<(), NotWritableReason> {
    let name = || index.name.original.clone();
    if !index.state.is_public() || index.backfill_state != 0 {
        return Err(NotWritableReason::IndexChanges { index: name(), state: index.state });
    }
    let kind = if index.is_columnar() {
        "one of TiFlash"
    } else if index.is_partial() || !index.affect_columns.is_empty() {
        "one over a part of the rows"
    } else if index.multi_valued {
        "one over the elements of an array"
    } else if index.global_index_version != 0 {
        "a global one of a later version"
    } else {
        match index.index_type {
            IndexType::Invalid | IndexType::Btree | IndexType::Hash | IndexType::Rtree => {
                return Ok(());
            }
            _ => "of a type that is not written",
        }
    };
    Err(NotWritableReason::Index { index: name(), kind })
}
