//! What a statement asks of the writer: plain data.

use std::fmt;
use std::sync::Arc;

use crate::sql_port::SqlMode;

/// What is done with the rows of the input.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum WriteKind {
    /// They are new rows. For each column of the input the offset of the table's column that it is for;
    /// columns of the table that are not there have their defaults. Where several are for one column of the
    /// table, its value is the first of theirs that is not `NULL`.
    Insert {
        /// The columns.
        columns: Vec<usize>,
        /// What is done about rows of the table with the same primary or unique key.
        on_duplicate: OnDuplicate,
    },
    /// They tell rows of the table, which are deleted: the columns are those of
    /// [`WriteTarget::row_key_columns`](super::WriteTarget::row_key_columns).
    Delete,
    /// They tell rows of the table, and behind that have new values for these columns, by their offsets.
    Update {
        /// The columns.
        columns: Vec<usize>,
    },
    /// There are none: TiDB finds them by the statement.
    Statement(Arc<SqlStatement>),
}

/// A statement that TiDB is given as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SqlStatement {
    /// What it does, in upper case.
    pub(crate) what: &'static str,
    /// Its text.
    pub(crate) sql: String,
    /// How that is to be read.
    pub(crate) mode: SqlMode,
    /// The database of names without one.
    pub(crate) database: Option<String>,
}

/// What is done about rows of the table with the same primary or unique key as a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum OnDuplicate {
    /// The statement fails and names the key.
    Fail,
    /// They are deleted, all of them.
    Replace,
    /// They stay, and the new row is passed over, as it is if a row before it in the input has its key.
    Skip,
}

impl WriteKind {
    /// The statement's first word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Insert { on_duplicate: OnDuplicate::Fail, .. } => "insert",
            Self::Insert { on_duplicate: OnDuplicate::Replace, .. } => "replace",
            Self::Insert { on_duplicate: OnDuplicate::Skip, .. } => "insert ignore",
            Self::Delete => "delete",
            Self::Update { .. } => "update",
            Self::Statement(statement) => match statement.what {
                "DELETE" => "delete",
                "INSERT" => "insert",
                _ => "update",
            },
        }
    }
}

impl fmt::Display for WriteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
