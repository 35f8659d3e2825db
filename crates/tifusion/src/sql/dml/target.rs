//! The table that a statement writes to.

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::execution::session_state::SessionState;
use datafusion::sql::sqlparser::ast::{
    Delete, FromTable, ObjectName, Statement, TableFactor, TableObject, TableWithJoins,
};

use crate::error::{Error, Result};
use crate::meta::{Need, View};
use crate::session::TidbSession;
use crate::sql::guard::resolve;
use crate::sql::missing::{no_database, no_table};
use crate::sql::plan::Names;
use crate::table::TidbTable;

/// The table that a statement writes to, as of the schema that it is planned with.
pub(crate) struct Target {
    view: View,
    pub(crate) table: Arc<TidbTable>,
}

impl Target {
    /// The table of this name; `None` if it is not one of the cluster's.
    ///
    /// # Errors
    /// When the cluster has no such table, it is one that can't be read, or the cluster can't be reached.
    pub(crate) async fn find(
        session: &TidbSession,
        state: &SessionState,
        name: &TableReference,
    ) -> Result<Option<Self>> {
        let full = resolve(name, state);
        let catalog = session.catalog();
        if *full.catalog != *catalog.name() {
            return Ok(None);
        }
        let missing = || no_database(&full.schema);
        let database = catalog.database_of(&full.schema).ok_or_else(missing)?;
        let (cluster, config) = (catalog.cluster(), session.config());
        if let Some(rights) = cluster.rights().await? {
            rights.check_known(database, &full.table)?;
        }
        let databases = [database.to_owned()];
        let deadline = cluster.deadline(&config);
        let view = cluster.meta().view(Need::Tables(&databases), deadline).await?;
        view.names.database(database).ok_or_else(missing)?;
        let missing = || no_table(&full.schema, &full.table);
        let (database, found) = view.find(database, &full.table).ok_or_else(missing)?;
        let info = cluster.meta().table(&view, database.id, found.id).await?.ok_or_else(missing)?;
        info.check_readable().map_err(tifusion_schema::Error::from)?;
        let database = (database.id, Arc::clone(&database.name));
        let table = TidbTable::new(Arc::clone(cluster), database, info, view.version(), &config)?;
        Ok(Some(Self { table: Arc::new(table), view }))
    }

    /// The schema with the names that the statement's query has too.
    ///
    /// # Errors
    /// When the cluster can't be reached.
    pub(super) async fn view_with(&self, names: &Names) -> Result<View> {
        let need = names.need().unwrap_or(Need::Databases);
        self.table.cluster().meta().with_more(&self.view, need).await
    }
}

/// The name of the table that a statement writes to; `None` if it writes to none.
///
/// # Errors
/// When it writes to several, or to something without a name.
pub(super) fn name(statement: &Statement) -> Result<Option<ObjectName>> {
    Ok(match statement {
        Statement::Insert(insert) => match &insert.table {
            TableObject::TableName(name) => Some(name.clone()),
            other => return Err(Error::unsupported(format!("INSERT INTO {other}"))),
        },
        Statement::Delete(delete) => Some(factor_name(deleted_from(delete)?)?.clone()),
        Statement::Update(update) => Some(factor_name(&update.table)?.clone()),
        _ => None,
    })
}

/// What a `DELETE` deletes from.
///
/// # Errors
/// When that is more than one table.
pub(super) fn deleted_from(delete: &Delete) -> Result<&TableWithJoins> {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    match (from.as_slice(), delete.tables.is_empty(), &delete.using) {
        ([table], true, None) => Ok(table),
        _ => Err(Error::unsupported(
            "DELETE from several tables, or by a join: use WHERE … IN (SELECT …) or EXISTS",
        )),
    }
}

fn factor_name(table: &TableWithJoins) -> Result<&ObjectName> {
    match &table.relation {
        TableFactor::Table {
            name,
            alias,
            args: None,
            partitions,
            version: None,
            sample: None,
            ..
        } if table.joins.is_empty()
            && partitions.is_empty()
            && alias.as_ref().is_none_or(|alias| alias.columns.is_empty()) =>
        {
            Ok(name)
        }
        _ => Err(Error::unsupported(format!(
            "writing to {table}: a statement writes to one table, by its name; joins go into WHERE, as \
             IN (SELECT …) or EXISTS"
        ))),
    }
}
