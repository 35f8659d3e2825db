//! Statements and rows.

use std::sync::{Arc, Weak};

use arrow_array::RecordBatch;
use tifusion_schema::TableInfo;
use tifusion_schema::model::TiFlashReplica;

use super::{ClusterError, EmbeddedCluster, background};
use crate::bootstrap::{Bootstrap, BootstrapError};
use crate::catalog::{Catalog, LoadError};
use crate::state::State;

/// Runs statements on a cluster, wherever that is held, until it ends: made by [`EmbeddedCluster::statements`].
#[derive(Debug, Clone)]
pub struct Statements {
    /// Whoever may run statements does not keep the data open.
    state: Weak<State>,
    catalog: Arc<Catalog>,
}

impl Statements {
    /// As [`EmbeddedCluster::execute`]; names without a database are of `database`, if there is one.
    ///
    /// # Errors
    /// [`LoadError`], with nothing changed.
    pub async fn execute(&self, database: Option<&str>, sql: &str) -> Result<(), LoadError> {
        let sql = match database {
            Some(database) => format!("USE `{}`; {sql}", database.replace('`', "``")),
            None => sql.to_owned(),
        };
        self.change(move |bootstrap| bootstrap.execute(&sql)).await
    }

    async fn change(
        &self,
        change: impl FnOnce(&mut Bootstrap) -> Result<(), BootstrapError> + Send + 'static,
    ) -> Result<(), LoadError> {
        let state = self.state.upgrade().ok_or(LoadError::Ended)?;
        let (of_change, catalog) = (Arc::clone(&state), Arc::clone(&self.catalog));
        let changed = tokio::task::spawn_blocking(move || catalog.change(&of_change, change)).await;
        changed.map_err(|error| LoadError::Data(error.to_string()))??;
        background::look_at_sizes(&state, false).await;
        Ok(())
    }
}

impl EmbeddedCluster {
    /// The way to run statements on the cluster from elsewhere.
    #[must_use]
    pub fn statements(&self) -> Statements {
        Statements { state: Arc::downgrade(&self.state), catalog: Arc::clone(&self.catalog) }
    }

    /// Runs statements, separated by semicolons: `CREATE DATABASE`, `CREATE TABLE`, `INSERT` of literals, and
    /// `USE`, which holds until the end of the text. All of them count, or none.
    ///
    /// A new table gets regions of its own, as TiDB gives them. Clusters begin with the databases `test` and
    /// `mysql`, and with the new collations.
    ///
    /// # Errors
    /// [`LoadError`], with nothing changed.
    pub async fn execute(&self, sql: &str) -> Result<(), LoadError> {
        self.statements().execute(None, sql).await
    }

    /// Adds the rows of a batch to a table, all of them or none, with their index entries, each in its partition.
    /// Columns are found by name; those that the batch lacks get their defaults. It is one transaction in memory,
    /// so give large data in parts.
    ///
    /// # Errors
    /// [`LoadError`], with nothing added: a value that is none of its column, a key that is there already.
    pub async fn load(
        &self,
        database: &str,
        table: &str,
        batch: &RecordBatch,
    ) -> Result<(), LoadError> {
        let (database, table, batch) = (database.to_owned(), table.to_owned(), batch.clone());
        let loaded = move |bootstrap: &mut Bootstrap| bootstrap.load(&database, &table, &batch);
        self.statements().change(loaded).await
    }

    /// Notes which TiFlash replicas a table that was made here has, and of which of its partitions they are whole, as
    /// `ALTER TABLE ... SET TIFLASH REPLICA` and the work after it do. The data is there in any case: every region
    /// has a replica on each TiFlash store.
    ///
    /// # Errors
    /// [`LoadError`], with nothing changed.
    pub async fn set_tiflash_replica(
        &self,
        database: &str,
        table: &str,
        replica: Option<TiFlashReplica>,
    ) -> Result<(), LoadError> {
        let (database, table) = (database.to_owned(), table.to_owned());
        let change = move |bootstrap: &mut Bootstrap| {
            bootstrap.set_tiflash_replica(&database, &table, replica)
        };
        self.statements().change(change).await
    }

    /// TiDB's description of a table that a statement here has made or found; `None` for others.
    #[must_use]
    pub fn table_info(&self, database: &str, table: &str) -> Option<TableInfo> {
        self.catalog.table(database, table)
    }

    /// Gives a new cluster what every cluster has.
    pub(super) async fn found(&self) -> Result<(), ClusterError> {
        let (state, catalog) = (Arc::clone(&self.state), Arc::clone(&self.catalog));
        let founded = tokio::task::spawn_blocking(move || catalog.found(&state)).await;
        let founded = founded.map_err(|error| ClusterError::Data(error.to_string()))?;
        founded.map_err(|error| ClusterError::Data(error.to_string()))
    }
}
