//! Statements and rows.

use std::sync::Arc;

use arrow_array::RecordBatch;
use tifusion_schema::TableInfo;

use super::{ClusterError, EmbeddedCluster, background};
use crate::bootstrap::{Bootstrap, BootstrapError};
use crate::catalog::LoadError;

impl EmbeddedCluster {
    /// Runs statements, separated by semicolons: `CREATE DATABASE`, `CREATE TABLE`, `INSERT` of literals, and
    /// `USE`, which holds until the end of the text. All of them count, or none.
    ///
    /// A new table gets regions of its own, as TiDB gives them. Clusters begin with the databases `test` and
    /// `mysql`, and with the new collations.
    ///
    /// # Errors
    /// [`LoadError`], with nothing changed.
    pub async fn execute(&self, sql: &str) -> Result<(), LoadError> {
        let sql = sql.to_owned();
        self.change(move |bootstrap| bootstrap.execute(&sql)).await
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
        self.change(move |bootstrap| bootstrap.load(&database, &table, &batch)).await
    }

    /// TiDB's description of a table that a statement here has made or found; `None` for others.
    #[must_use]
    pub fn table_info(&self, database: &str, table: &str) -> Option<TableInfo> {
        self.catalog.table(database, table)
    }

    async fn change(
        &self,
        change: impl FnOnce(&mut Bootstrap) -> Result<(), BootstrapError> + Send + 'static,
    ) -> Result<(), LoadError> {
        let (state, catalog) = (Arc::clone(&self.state), Arc::clone(&self.catalog));
        let changed = tokio::task::spawn_blocking(move || catalog.change(&state, change)).await;
        changed.map_err(|error| LoadError::Data(error.to_string()))??;
        background::look_at_sizes(&self.state, false).await;
        Ok(())
    }

    /// Gives a new cluster what every cluster has.
    pub(super) async fn found(&self) -> Result<(), ClusterError> {
        let (state, catalog) = (Arc::clone(&self.state), Arc::clone(&self.catalog));
        let founded = tokio::task::spawn_blocking(move || catalog.found(&state)).await;
        let founded = founded.map_err(|error| ClusterError::Data(error.to_string()))?;
        founded.map_err(|error| ClusterError::Data(error.to_string()))
    }
}
