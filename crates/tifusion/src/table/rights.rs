//! Whether the session's user may read a table.

use std::sync::Arc;

use datafusion::catalog::Session;
use tifusion_schema::ColumnInfo;

use super::TidbTable;
use crate::auth::{Privilege, Rights};
use crate::error::Result;
use crate::reading::ViewUse;
use crate::statement::statement_rights;

impl TidbTable {
    /// The views on the way to the table that are the user's to read, the outermost first, and whether the table
    /// itself is: what is in a view with `SQL SECURITY DEFINER` is read by whoever defined it.
    pub(crate) fn read_by_user(&self) -> (&[Arc<ViewUse>], bool) {
        let views = &self.reading.views;
        match views.iter().position(|view| view.is_definers()) {
            Some(last) => (views.get(..=last).unwrap_or(views), false),
            None => (views, true),
        }
    }

    /// Refuses a user who may read nothing of the table, or not a view on the way to it.
    ///
    /// # Errors
    /// [`AccessDenied`](crate::AccessDenied).
    pub(crate) fn check_read(&self, rights: &Rights) -> Result<()> {
        self.check_columns(rights, std::iter::empty())
    }

    /// Refuses a user who may not read these columns, or not a view on the way to the table.
    ///
    /// # Errors
    /// [`AccessDenied`](crate::AccessDenied).
    fn check_columns<'a>(
        &self,
        rights: &Rights,
        columns: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        let (views, reads_table) = self.read_by_user();
        for view in views {
            // Which columns of a view are read is not known any more where its plan is a part of a larger one.
            let all = view.info.public_columns().into_iter().map(|column| column.name.as_str());
            let name = (&*view.database, view.info.name.as_str());
            rights.check_columns(Privilege::Select, name, all)?;
        }
        match reads_table {
            true => {
                rights.check_columns(Privilege::Select, (self.database(), self.name()), columns)
            }
            false => Ok(()),
        }
    }

    /// Refuses a scan of these columns by a user who may not read them: the last place that it has to pass.
    ///
    /// # Errors
    /// [`AccessDenied`](crate::AccessDenied), and where nobody has said what the user may do.
    pub(super) fn check_scan<'a>(
        &self,
        session: &dyn Session,
        columns: impl Iterator<Item = &'a ColumnInfo>,
    ) -> Result<()> {
        if self.cluster.authorizer().is_none() {
            return Ok(());
        }
        let rights = statement_rights(session)?;
        self.check_columns(&rights, columns.map(|column| column.name.as_str()))
    }
}
