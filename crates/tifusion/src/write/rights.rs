//! Whether the session's user may write to a table.

use super::command::{OnDuplicate, WriteKind};
use super::target::WrittenTable;
use crate::auth::{Privilege, Rights};
use crate::error::Result;

/// Refuses a write that the user may not do. What it reads is its scans' to ask.
///
/// # Errors
/// [`AccessDenied`](crate::AccessDenied).
pub(crate) fn check_write(target: &WrittenTable, kind: &WriteKind, rights: &Rights) -> Result<()> {
    let (info, database) = (&target.info, &*target.database.1);
    let table = info.name.as_str();
    let named = |offsets: &[usize]| {
        let columns = offsets.iter().filter_map(|offset| info.columns.get(*offset));
        columns.map(|column| column.name.as_str()).collect::<Vec<_>>()
    };
    match kind {
        WriteKind::Insert { columns, on_duplicate } => {
            rights.check_columns(Privilege::Insert, (database, table), named(columns))?;
            match on_duplicate {
                OnDuplicate::Fail | OnDuplicate::Skip => Ok(()),
                OnDuplicate::Replace => rights.check(Privilege::Delete, database, table),
            }
        }
        WriteKind::Delete => rights.check(Privilege::Delete, database, table),
        WriteKind::Update { columns } => {
            rights.check_columns(Privilege::Update, (database, table), named(columns))
        }
        // TiDB is given the statement as it is, and looks at the same user's rights itself.
        WriteKind::Statement(_) => Ok(()),
    }
}
