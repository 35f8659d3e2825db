//! Whether a table can be read.

use crate::model::state::{SchemaState, TableMode, TempTableType};
use crate::model::{IndexInfo, TableInfo};

/// Why a table can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("table {table} can't be read: {reason}")]
pub struct NotReadable {
    /// The table's name.
    pub table: String,
    /// The reason.
    pub reason: NotReadableReason,
}

/// The reason in [`NotReadable`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotReadableReason {
    /// It is a view: a query, not rows. Its `SELECT` is to be planned instead.
    #[error("it is a view")]
    View,
    /// It is a sequence.
    #[error("it is a sequence, which has no rows")]
    Sequence,
    /// It is a global temporary table.
    #[error("it is a global temporary table, whose rows live in the TiDB session that wrote them")]
    GlobalTemporary,
    /// It is a local temporary table.
    #[error("it is a local temporary table, which only the TiDB session that made it sees")]
    LocalTemporary,
    /// It is being made or dropped.
    #[error("it is in state `{state}` of a schema change, not public")]
    NotPublic {
        /// The state.
        state: SchemaState,
    },
    /// An import or a restore owns it.
    #[error("it is in mode {mode}; wait until that is done")]
    Mode {
        /// The mode.
        mode: TableMode,
    },
    /// Its rows are elsewhere.
    #[error("it has no rows in TiKV: they are in TiFlash only")]
    Columnar,
    /// Rows that were deleted stay in it, marked, until TiDB takes them away.
    #[error("it keeps rows that were deleted ({key}), which TiDB alone leaves out")]
    SoftDelete {
        /// The key of its description that says so.
        key: String,
    },
    /// The index by which its rows are stored is of a kind that is not known.
    #[error(
        "its primary key has {key}, which is not known here: its rows may be stored in another way"
    )]
    UnknownKey {
        /// The key of the index's description.
        key: String,
    },
}

/// Keys of tables in which deleted rows stay (TiDB's `SOFTDELETE`, and tables that are written in several clusters).
const SOFT_DELETE: [&str; 2] = ["softdelete_info", "is_active_active"];

impl TableInfo {
    /// Whether its rows can be read from the store. Cached tables can: TiDB keeps a copy in memory,
    /// the rows are in the store all the same.
    ///
    /// # Errors
    /// [`NotReadable`] with the reason.
    pub fn check_readable(&self) -> Result<(), NotReadable> {
        match self.not_readable_reason() {
            None => Ok(()),
            Some(reason) => Err(NotReadable { table: self.name.original.clone(), reason }),
        }
    }

    /// Whether its rows can be read from the store; [`TableInfo::check_readable`] says why not.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.not_readable_reason().is_none()
    }

    fn not_readable_reason(&self) -> Option<NotReadableReason> {
        if self.is_view() {
            return Some(NotReadableReason::View);
        }
        if self.is_sequence() {
            return Some(NotReadableReason::Sequence);
        }
        match self.temp_table_type {
            TempTableType::None => {}
            TempTableType::Local => return Some(NotReadableReason::LocalTemporary),
            _ => return Some(NotReadableReason::GlobalTemporary),
        }
        if !self.state.is_public() {
            return Some(NotReadableReason::NotPublic { state: self.state });
        }
        if self.mode != TableMode::Normal {
            return Some(NotReadableReason::Mode { mode: self.mode });
        }
        if self.is_columnar {
            return Some(NotReadableReason::Columnar);
        }
        let is_known = |key: &&String| SOFT_DELETE.contains(&key.as_str());
        if let Some(key) = self.unknown_fields.iter().find(is_known) {
            return Some(NotReadableReason::SoftDelete { key: key.clone() });
        }
        let primary = self.indices.iter().filter(|index| index.primary && self.is_common_handle);
        let key = primary.flat_map(IndexInfo::all_unknown_fields).next()?;
        Some(NotReadableReason::UnknownKey { key: key.clone() })
    }
}
