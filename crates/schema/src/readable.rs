//! Whether a table can be read.

use crate::model::TableInfo;
use crate::model::state::{SchemaState, TableMode, TempTableType};

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
}

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
        None
    }
}
