//! The names of databases and tables at one schema version: plain data.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tifusion_schema::model::ci_str::to_lower;
use tifusion_schema::name_info::TableKind;
use tifusion_schema::{DbInfo, NameInfo};

/// All databases, and the tables of those that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    /// The schema version.
    pub(crate) version: i64,
    /// Databases by their names in lower case.
    databases: BTreeMap<String, Arc<Database>>,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Database {
    /// Its id.
    pub(crate) id: i64,
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Its tables, views and sequences by their names in lower case; `None` before anybody asked.
    pub(crate) tables: Option<Arc<Tables>>,
}

/// Tables by their names in lower case.
pub(crate) type Tables = HashMap<String, TableName>;

/// A table, view or sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableName {
    /// Its id.
    pub(crate) id: i64,
    /// Its name.
    pub(crate) name: Arc<str>,
    /// What it is.
    pub(crate) kind: TableKind,
    /// The tables that its foreign keys refer to, as database and table in lower case.
    pub(crate) references: References,
}

/// Tables by database and name, in lower case.
pub(crate) type References = Arc<[(String, String)]>;

impl Names {
    /// These databases, their tables not known.
    pub(crate) fn new(version: i64, databases: impl IntoIterator<Item = Database>) -> Self {
        let databases = databases.into_iter().map(|d| (to_lower(&d.name), Arc::new(d))).collect();
        Self { version, databases }
    }

    /// All databases in order of their names.
    pub(crate) fn databases(&self) -> impl Iterator<Item = &Arc<Database>> {
        self.databases.values()
    }

    /// The database of this name, in whatever case.
    pub(crate) fn database(&self, name: &str) -> Option<&Arc<Database>> {
        self.databases.get(&to_lower(name))
    }

    /// The database of this id.
    pub(crate) fn database_by_id(&self, id: i64) -> Option<&Arc<Database>> {
        self.databases.values().find(|database| database.id == id)
    }

    /// Puts a database in, in place of the one with its id.
    pub(crate) fn put(&mut self, database: Database) {
        self.remove(database.id);
        self.databases.insert(to_lower(&database.name), Arc::new(database));
    }

    /// Takes the database of this id out.
    pub(crate) fn remove(&mut self, id: i64) {
        self.databases.retain(|_, database| database.id != id);
    }

    /// Sets the tables of a database.
    pub(crate) fn set_tables(&mut self, database_id: i64, tables: Tables) {
        if let Some(database) = self.databases.values_mut().find(|d| d.id == database_id) {
            Arc::make_mut(database).tables = Some(Arc::new(tables));
        }
    }
}

impl Database {
    /// A database that users see; `None` for one that is being made or dropped.
    pub(crate) fn from_info(info: &DbInfo) -> Option<Self> {
        let name = Arc::from(info.name.as_str());
        info.state.is_public().then_some(Self { id: info.id, name, tables: None })
    }

    /// The table of this name, in whatever case; `None` too where tables are not known.
    pub(crate) fn table(&self, name: &str) -> Option<&TableName> {
        self.tables.as_ref()?.get(&to_lower(name))
    }
}

impl TableName {
    /// The table, with its name in lower case; `None` for one that is being made or dropped.
    pub(crate) fn from_info(info: NameInfo) -> Option<(String, Self)> {
        if !info.state.is_public() {
            return None;
        }
        let name = Arc::from(info.name.original.as_str());
        let references = info.references.into();
        Some((info.name.lower, Self { id: info.id, name, kind: info.kind, references }))
    }
}
