//! What a user may not do.

use super::privilege::Privilege;
use crate::error::{Error, ErrorKind};

/// A privilege that the session's user lacks. The words are TiDB's, and so are the numbers in [`AccessDenied::code`].
///
/// [`Error::downcast_ref`] takes it out of an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessDenied {
    /// A privilege on a table or view.
    #[error("{privilege} command denied to user {user} for table '{table}'")]
    Table {
        /// The account, `'user'@'host'`.
        user: String,
        /// What is lacking.
        privilege: Privilege,
        /// The table's database.
        database: String,
        /// The table, or view.
        table: String,
    },
    /// A privilege on a column, where the user has it on others of the table.
    #[error("{privilege} command denied to user {user} for column '{column}' in table '{table}'")]
    Column {
        /// The account, `'user'@'host'`.
        user: String,
        /// What is lacking.
        privilege: Privilege,
        /// The table's database.
        database: String,
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// Any privilege on a database.
    #[error("Access denied for user {user} to database '{database}'")]
    Database {
        /// The account, `'user'@'host'`.
        user: String,
        /// The database.
        database: String,
    },
    /// The right to see what a view is made of, which its plan shows: `SHOW VIEW` on it, and `SELECT` on the views in it.
    #[error(
        "EXPLAIN/SHOW can not be issued; lacking privileges for underlying table ({privilege} on view \
         '{table}' for user {user})"
    )]
    ViewPlan {
        /// The account, `'user'@'host'`.
        user: String,
        /// What is lacking.
        privilege: Privilege,
        /// The view's database.
        database: String,
        /// The view.
        table: String,
    },
}

impl AccessDenied {
    /// TiDB's number for it.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::Table { .. } => 1142,
            Self::Column { .. } => 1143,
            Self::Database { .. } => 1044,
            Self::ViewPlan { .. } => 1345,
        }
    }
}

impl From<AccessDenied> for Error {
    fn from(denied: AccessDenied) -> Self {
        let (code, message) = (denied.code(), denied.to_string());
        let mut context = vec![("code", code.to_string())];
        match &denied {
            AccessDenied::Table { database, .. }
            | AccessDenied::Column { database, .. }
            | AccessDenied::ViewPlan { database, .. } => {
                context.push(("database", database.clone()))
            }
            AccessDenied::Database { .. } => {}
        }
        let told = Self::retelling(ErrorKind::Security, message, denied);
        context.into_iter().fold(told, |told, (name, value)| told.with_context(name, value))
    }
}
