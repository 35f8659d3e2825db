//! The cluster's databases and tables as DataFusion's catalog.
//!
//! Names are read once and kept up by schema diffs (see [`meta`](crate::meta)); a table's
//! description is read when a statement names it. Nothing here reads every table of a large cluster
//! unless somebody lists their columns. Names of databases and tables compare without regard to
//! case, as in TiDB.
//!
//! A catalog is live, and asks the cluster for every table, or pinned to the one [`View`] of a
//! statement.

mod live;
mod schema;
mod statement;
mod unreadable;
mod view;

use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, SchemaProvider};
use datafusion::common::Result as DataFusionResult;

pub(crate) use live::LiveConfig;
pub(crate) use schema::TidbSchema;
pub(crate) use statement::StatementCatalogs;
pub(crate) use unreadable::UnreadableTable;
pub(crate) use view::ViewPlanner;

use crate::auth::Rights;
use crate::cluster::Cluster;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::meta::{Names, Need, View};
use crate::reading::ViewUse;
use tifusion_client::Timestamp;
use view::OpenedViews;

/// The catalog of one cluster.
#[derive(Debug)]
pub struct TidbCatalog {
    source: Source,
}

/// Where a catalog and its schemas have their answers from.
#[derive(Debug, Clone)]
struct Source {
    cluster: Arc<Cluster>,
    config: LiveConfig,
    /// The schema of the one statement that this is for, with the configuration of its session.
    pinned: Option<View>,
    pinned_config: Option<Arc<Config>>,
    /// The time in the past that the statement reads.
    as_of: Option<Timestamp>,
    views: Arc<dyn ViewPlanner>,
    /// The views of the statement.
    opened: Option<OpenedViews>,
    /// The views that this is the catalog within, the outermost first: names in them are TiDB's, without
    /// `db_prefix`.
    inside: Vec<Arc<ViewUse>>,
}

impl Source {
    fn config(&self) -> Arc<Config> {
        self.pinned_config.clone().unwrap_or_else(|| self.config.get())
    }

    /// The catalog within a view: as `view` has it.
    fn within(&self, view: View, used: &Arc<ViewUse>) -> TidbCatalog {
        let mut source = self.clone();
        source.pinned_config = Some(self.config());
        source.pinned = Some(view);
        source.opened.get_or_insert_default();
        source.inside.push(Arc::clone(used));
        TidbCatalog { source }
    }

    /// What the user may do as it was last read, before names are listed where nobody can wait for TiDB: the query
    /// planner has it read before a statement lists names. `None` where nobody asks, or within a view, whose names
    /// are not the user's to name.
    fn last_rights(&self) -> Option<Option<Arc<Rights>>> {
        let authorizer = self.cluster.authorizer().filter(|_| self.inside.is_empty())?;
        Some(authorizer.last())
    }

    /// Whether a database is listed.
    fn lists_database(&self, database: &str) -> bool {
        match self.last_rights() {
            None => true,
            Some(rights) => rights.is_some_and(|rights| rights.sees_database(database)),
        }
    }

    /// Whether a table is listed.
    fn lists_table(&self, database: &str, table: &str) -> bool {
        match self.last_rights() {
            None => true,
            Some(rights) => rights.is_some_and(|rights| {
                rights.sees_database(database) && rights.sees_table(database, table)
            }),
        }
    }

    /// What the user may do, where that decides which tables there are.
    ///
    /// # Errors
    /// When TiDB can't be asked.
    async fn rights(&self) -> Result<Option<Arc<Rights>>> {
        match self.inside.is_empty() {
            true => self.cluster.rights().await,
            false => Ok(None),
        }
    }

    /// The names to list: those of the statement, or the last that were read of the time that the session
    /// reads at.
    fn names(&self) -> Option<Arc<Names>> {
        match (&self.pinned, self.config().settings().stale_read) {
            (Some(view), _) => Some(Arc::clone(&view.names)),
            (None, Some(ms)) => self.cluster.meta().past(Timestamp::from_parts(ms, 0)?),
            (None, None) => self.cluster.meta().latest(),
        }
    }
}

impl TidbCatalog {
    /// The catalog of `cluster` for the session that `config` follows.
    pub(crate) fn live(
        cluster: Arc<Cluster>,
        config: LiveConfig,
        views: Arc<dyn ViewPlanner>,
    ) -> Self {
        let source = Source {
            cluster,
            config,
            pinned: None,
            pinned_config: None,
            as_of: None,
            views,
            opened: None,
            inside: Vec::new(),
        };
        Self { source }
    }

    /// The catalog for one statement, which reads as of `as_of` if that is a time in the past.
    pub(crate) fn pinned(&self, view: View, config: Arc<Config>, as_of: Option<Timestamp>) -> Self {
        let source = Source {
            pinned: Some(view),
            pinned_config: Some(config),
            as_of,
            opened: Some(OpenedViews::default()),
            ..self.source.clone()
        };
        Self { source }
    }

    /// The same catalog of one statement, with the names of the tables of these databases.
    ///
    /// # Errors
    /// When the cluster can't be reached.
    pub(crate) async fn with_tables_of(mut self, databases: &[String]) -> Result<Self> {
        if let Some(view) = &self.source.pinned {
            let meta = self.source.cluster.meta();
            self.source.pinned = Some(meta.with_more(view, Need::Tables(databases)).await?);
        }
        Ok(self)
    }

    /// The catalog's name.
    pub(crate) fn name(&self) -> &str {
        self.source.config.connected().catalog()
    }

    /// The cluster.
    pub(crate) fn cluster(&self) -> &Arc<Cluster> {
        &self.source.cluster
    }

    /// The names that it lists.
    pub(crate) fn names(&self) -> Option<Arc<Names>> {
        self.source.names()
    }

    /// The database that a schema's name means: without `db_prefix`, and `None` where it lacks it.
    pub(crate) fn database_of<'a>(&self, schema: &'a str) -> Option<&'a str> {
        strip_prefix_ci(schema, self.prefix())
    }

    fn prefix(&self) -> &str {
        if self.source.inside.is_empty() {
            &self.source.config.connected().settings().db_prefix
        } else {
            ""
        }
    }

    /// The schema's name of a database: with `db_prefix`.
    pub(crate) fn schema_of(&self, database: &str) -> String {
        format!("{}{database}", self.prefix())
    }
}

impl CatalogProvider for TidbCatalog {
    fn schema_names(&self) -> Vec<String> {
        let names = self.source.names();
        let databases = names.iter().flat_map(|names| names.databases());
        let databases = databases.filter(|database| self.source.lists_database(&database.name));
        databases.map(|database| self.schema_of(&database.name)).collect()
    }

    /// The schema of this name. A live catalog can't tell here whether it is there, only its tables
    /// can.
    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let database = self.database_of(name)?;
        // Where rights are asked for, whether a database is there is not said to everybody.
        if let Some(view) = &self.source.pinned
            && self.source.last_rights().is_none()
        {
            view.names.database(database)?;
        }
        Some(Arc::new(TidbSchema::new(self.source.clone(), database)))
    }

    fn register_schema(
        &self,
        name: &str,
        _schema: Arc<dyn SchemaProvider>,
    ) -> DataFusionResult<Option<Arc<dyn SchemaProvider>>> {
        Err(read_only("create", name).into())
    }

    fn deregister_schema(
        &self,
        name: &str,
        _cascade: bool,
    ) -> DataFusionResult<Option<Arc<dyn SchemaProvider>>> {
        Err(read_only("drop", name).into())
    }
}

/// The refusal of anything that would change the cluster.
pub(crate) fn read_only(what: &str, name: &str) -> Error {
    Error::unsupported(format!(
        "can't {what} {name}: databases, tables and views are made, changed and dropped in TiDB itself. A \
         table or view of this session goes into DataFusion's own catalog, as datafusion.public.<name>"
    ))
}

/// `name` without `prefix`, whose case doesn't matter.
fn strip_prefix_ci<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = name.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests;
