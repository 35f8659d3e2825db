//! One database as DataFusion's schema.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::logical_expr::TableType;
use tifusion_client::Timestamp;
use tifusion_schema::name_info::TableKind;

use super::unreadable::UnreadableTable;
use super::{Source, read_only, view};
use crate::error::{Error, ErrorKind, Result};
use crate::meta::{Need, ReadAt, View};
use crate::reading::Reading;
use crate::table::TidbTable;

/// Tables that are read together when all are asked for one by one.
const AHEAD: usize = 127;

/// A database.
#[derive(Debug)]
pub(crate) struct TidbSchema {
    source: Source,
    /// The database's name in TiDB, in whatever case.
    database: String,
    /// Its tables in the order in which they are listed, once they were.
    listed: OnceLock<Vec<(String, i64)>>,
}

impl TidbSchema {
    pub(super) fn new(source: Source, database: impl Into<String>) -> Self {
        Self { source, database: database.into(), listed: OnceLock::new() }
    }

    /// The schema with the names of this database's tables: the statement's, or that of the time that the
    /// session reads at, which comes back too.
    async fn view(&self) -> Result<(View, Option<Timestamp>)> {
        let databases = [self.database.clone()];
        let (need, cluster) = (Need::Tables(&databases), &self.source.cluster);
        if let Some(view) = &self.source.pinned {
            return Ok((cluster.meta().with_more(view, need).await?, self.source.as_of));
        }
        let config = self.source.config();
        let deadline = cluster.deadline(&config);
        let as_of = cluster.stale_read(&config, deadline).await?;
        let view = match as_of {
            Some(ts) => cluster.meta().view_of_past(ReadAt { ts, deadline }, need).await?,
            None => cluster.meta().view(need, deadline).await?,
        };
        Ok((view, as_of))
    }

    /// The tables listed after `name`: who has listed the names and now asks for one will ask for
    /// them too.
    fn listed_after(&self, name: &str) -> Vec<i64> {
        let Some(listed) = self.listed.get() else { return Vec::new() };
        let from = listed.partition_point(|(listed, _)| listed.as_str() <= name);
        listed.iter().skip(from).take(AHEAD).map(|(_, id)| *id).collect()
    }

    async fn open(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let rights = self.source.rights().await?;
        if let Some(rights) = &rights {
            rights.check_known(&self.database, name)?;
        }
        let (view, as_of) = self.view().await?;
        let Some((database, table)) = view.find(&self.database, name) else { return Ok(None) };
        if let Some(Err(denied)) = rights.map(|rights| rights.check_describe(&self.database, name))
        {
            let is_view = table.kind == TableKind::View;
            return Ok(Some(Arc::new(UnreadableTable::forbidden(denied, is_view))));
        }
        let cluster = &self.source.cluster;
        let more = self.listed_after(&table.name);
        let info = cluster.meta().table_and_more(&view, database.id, table.id, &more).await?;
        let info = info.filter(|info| info.name.matches(&table.name)).ok_or_else(|| {
            Error::new(
                ErrorKind::Data,
                "the table's name is known, but not its description: if catalog.cache_dir is set, \
                 empty that folder and connect again",
            )
            .with_context("table", format!("{}.{}", database.name, table.name))
        })?;
        let named = (database.id, Arc::clone(&database.name));
        if info.is_view() {
            let source = Source { as_of, ..self.source.clone() };
            return Ok(Some(view::open(&source, view.clone(), named, info).await?));
        }
        if let Err(reason) = info.check_readable() {
            return Ok(Some(Arc::new(UnreadableTable::new(&database.name, &info, &reason))));
        }
        let config = self.source.config();
        let table = TidbTable::new(Arc::clone(cluster), named, info, view.version(), &config)?;
        let views = self.source.inside.clone();
        Ok(Some(Arc::new(table.read(Reading { as_of, views, ..Reading::default() })?)))
    }
}

#[async_trait]
impl SchemaProvider for TidbSchema {
    /// The names as they were last read; the query planner reads them before a statement lists them.
    fn table_names(&self) -> Vec<String> {
        let names = self.source.names();
        let database = names.as_ref().and_then(|names| names.database(&self.database));
        let Some(tables) = database.and_then(|database| database.tables.as_ref()) else {
            return Vec::new();
        };
        let listed = self.listed.get_or_init(|| {
            let mut all: Vec<_> =
                tables.values().map(|table| (table.name.to_string(), table.id)).collect();
            all.sort_unstable();
            all
        });
        let listed = listed.iter().map(|(name, _)| name);
        listed.filter(|name| self.source.lists_table(&self.database, name)).cloned().collect()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        Ok(self.open(name).await?)
    }

    /// Without reading the table's description: listing ten thousand of them stays cheap.
    async fn table_type(&self, name: &str) -> DataFusionResult<Option<TableType>> {
        if !self.source.lists_table(&self.database, name) {
            return Ok(None);
        }
        let kind_in = |view: &View| view.find(&self.database, name).map(|(_, table)| table.kind);
        let known = self.source.names().and_then(|names| {
            names.database(&self.database).and_then(|d| d.table(name)).map(|table| table.kind)
        });
        let kind = match known {
            Some(kind) => Some(kind),
            None => kind_in(&self.view().await?.0),
        };
        Ok(kind.map(|kind| match kind {
            TableKind::View => TableType::View,
            _ => TableType::Base,
        }))
    }

    /// Whether the table is known; one of a database whose names were not read yet may be there.
    fn table_exist(&self, name: &str) -> bool {
        let names = self.source.names();
        if !self.source.lists_table(&self.database, name) {
            return false;
        }
        match names.as_ref().and_then(|names| names.database(&self.database)) {
            None => self.source.pinned.is_none(),
            Some(database) => database.tables.is_none() || database.table(name).is_some(),
        }
    }

    fn register_table(
        &self,
        name: String,
        _table: Arc<dyn TableProvider>,
    ) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        Err(read_only("create", &format!("{}.{name}", self.database)).into())
    }

    fn deregister_table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        Err(read_only("drop", &format!("{}.{name}", self.database)).into())
    }
}
