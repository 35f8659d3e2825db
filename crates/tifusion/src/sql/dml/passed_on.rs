//! Statements that TiDB is given as they were written: `UPDATE`, `DELETE`, and the forms of `INSERT` that look at
//! the rows in their way.

use std::sync::Arc;

use datafusion::execution::session_state::SessionState;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{Insert, OnInsert, Statement};
use tifusion_schema::model::ci_str::to_lower;

use super::{Write, select, update};
use crate::error::{Error, Result};
use crate::meta::Need;
use crate::session::TidbSession;
use crate::sql::as_of;
use crate::sql::plan::Names;
use crate::sql::source::SqlText;
use crate::table::TidbTable;
use crate::write::{SqlStatement, WriteKind};

/// Parts of the name of a table that has the catalog in front.
const PARTS: usize = 3;

/// Whether an `INSERT` says what becomes of rows whose keys are there, which TiDB's engine alone decides.
pub(super) fn is_for_tidb(insert: &Insert) -> bool {
    insert.ignore || matches!(insert.on, Some(OnInsert::DuplicateKeyUpdate(_)))
}

/// A statement on its way to TiDB.
pub(super) struct PassedOn<'a> {
    pub(super) sql: &'a Statement,
    pub(super) text: Option<&'a SqlText>,
    /// The table that it changes.
    pub(super) table: &'a TidbTable,
}

impl PassedOn<'_> {
    /// What is done: one engine, TiDB's, decides which rows it means.
    ///
    /// # Errors
    /// When it names what TiDB does not have, or changes all rows unasked.
    pub(super) async fn write(&self, session: &TidbSession, state: &SessionState) -> Result<Write> {
        let config = session.config();
        let (what, extra) = match self.sql {
            Statement::Insert(insert) => {
                let extra = insert.or.is_some()
                    || insert.overwrite
                    || insert.returning.is_some()
                    || insert.output.is_some();
                ("INSERT", extra)
            }
            Statement::Delete(delete) => {
                update::check_filtered(&delete.selection, "DELETE", self.table, &config)?;
                ("DELETE", delete.returning.is_some() || delete.output.is_some())
            }
            Statement::Update(update) => {
                let extra = update.returning.is_some()
                    || update.output.is_some()
                    || update.or.is_some()
                    || update.from.is_some();
                update::check_filtered(&update.selection, "UPDATE", self.table, &config)?;
                ("UPDATE", extra)
            }
            other => return Err(Error::unsupported(format!("{other} through TiDB's SQL port"))),
        };
        if extra {
            return Err(Error::unsupported(format!(
                "{what} with FROM, OR, OVERWRITE, OUTPUT or RETURNING: TiDB has none of them"
            )));
        }
        self.check_names(session, state, what).await?;
        let text = self.text.ok_or_else(|| {
            Error::invalid(format!("the text of {what} was not found in the script: give it alone"))
        })?;
        if let Some(misread) = &text.misread {
            return Err(Error::unsupported(format!(
                "{what} with {misread}, which TiDB would take for something else: say it in another way"
            )));
        }
        let defaults = &state.config_options().catalog;
        let catalog = session.connected().catalog();
        if text.names_catalog(catalog, PARTS) && has_database(session, catalog).await? {
            return Err(Error::unsupported(format!(
                "{what} through TiDB's SQL port: there is a database {catalog} too, and names that begin so are read \
                 in two ways; write them without the catalog"
            )));
        }
        let database = match to_lower(&defaults.default_catalog) == catalog {
            true => Some(defaults.default_schema.clone()),
            false => Some(self.table.database().to_owned()),
        };
        // Who may not use a database has to name it, and TiDB does not let them make it that of other names.
        let rights = session.catalog().cluster().rights().await?;
        let may_use =
            |name: &String| rights.as_ref().is_none_or(|rights| rights.sees_database(name));
        let database = database.filter(may_use);
        let (sql, mode) = (text.for_tidb(catalog, PARTS), text.mode);
        let statement = Arc::new(SqlStatement { what, sql, mode, database });
        Ok(Write { kind: WriteKind::Statement(statement), query: select::nothing()? })
    }

    async fn check_names(
        &self,
        session: &TidbSession,
        state: &SessionState,
        what: &str,
    ) -> Result<()> {
        if !session.connected().settings().db_prefix.is_empty() {
            return Err(Error::unsupported(format!(
                "{what} through TiDB's SQL port under db_prefix, with which names are not those in TiDB: use a \
                 session without it"
            )));
        }
        let statement = DfStatement::Statement(Box::new(self.sql.clone()));
        if as_of::timestamp(session, &statement, state).await?.is_some() {
            return Err(as_of::writes());
        }
        let names = Names::of(&statement, state, session.catalog())?;
        match names.foreign() {
            None => Ok(()),
            Some(name) => {
                let other = if what == "INSERT" { "" } else { "SET tidb.write.mode = bypass, or " };
                Err(Error::unsupported(format!(
                    "{what} through TiDB's SQL port goes there as it is, and {name} is not TiDB's: {other}put its \
                     rows into a table of TiDB first"
                )))
            }
        }
    }
}

async fn has_database(session: &TidbSession, name: &str) -> Result<bool> {
    let cluster = session.catalog().cluster();
    let deadline = cluster.deadline(&session.config());
    let view = cluster.meta().view(Need::Databases, deadline).await?;
    Ok(view.names.database(name).is_some())
}
