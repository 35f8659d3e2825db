//! The table that a `SHOW` names.

use std::sync::Arc;

use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::ObjectName;
use tifusion_schema::TableInfo;
use tifusion_schema::model::ci_str::to_lower;

use super::view;
use crate::auth::Rights;
use crate::error::{Error, ErrorKind, Result};
use crate::meta::{Need, View};
use crate::session::TidbSession;
use crate::sql::guard::resolve;
use crate::sql::missing::{no_database, no_table};

/// A table, view or sequence of the cluster, as of a view of its schema.
pub(super) struct Shown {
    pub(super) view: View,
    pub(super) database_id: i64,
    /// The database's name in TiDB.
    pub(super) database: Arc<str>,
    pub(super) info: Arc<TableInfo>,
    /// What the user may do; any privilege on it is there.
    pub(super) rights: Option<Arc<Rights>>,
}

/// What `name` means; `None` when that is in another catalog.
///
/// # Errors
/// When there is no such table, the user has no privilege on it, or the cluster can't be reached.
pub(super) async fn find(session: &TidbSession, name: &ObjectName) -> Result<Option<Shown>> {
    let state = session.engine().state();
    let lower_case = state.config_options().sql_parser.enable_ident_normalization;
    let reference = object_name_to_table_reference(name.clone(), lower_case)?;
    let full = resolve(&reference, &state);
    if to_lower(&full.catalog) != session.connected().catalog() {
        return Ok(None);
    }
    let database = session.catalog().database_of(&full.schema);
    let database = database.ok_or_else(|| no_database(&full.schema))?.to_owned();
    let rights = session.catalog().cluster().rights().await?;
    if let Some(rights) = &rights {
        rights.check_known(&database, &full.table)?;
    }
    let view = view(session, Need::Tables(std::slice::from_ref(&database))).await?;
    if view.names.database(&database).is_none() {
        return Err(no_database(&full.schema));
    }
    let found = view.find(&database, &full.table);
    let (database, table) = found.ok_or_else(|| no_table(&full.schema, &full.table))?;
    let (database_id, database) = (database.id, Arc::clone(&database.name));
    let info = session.catalog().cluster().meta().table(&view, database_id, table.id).await?;
    let info = info.ok_or_else(|| {
        Error::new(ErrorKind::Data, "the table's name is known, but not its description")
            .with_context("table", format!("{database}.{}", table.name))
    })?;
    Ok(Some(Shown { view, database_id, database, info, rights }))
}
