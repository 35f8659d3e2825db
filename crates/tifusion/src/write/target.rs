//! The table that a statement writes to, with what is needed to encode its rows.

use std::sync::Arc;
use std::time::Instant;

use tifusion_client::snapshot::{Snapshot, SnapshotOptions};
use tifusion_client::{QueryId, Timestamp};
use tifusion_codec::key::Handle;
use tifusion_schema::{ColumnInfo, HandleKind, RowDecoder, TableEncoder, TableInfo};

use crate::cluster::Cluster;
use crate::error::{Error, Result};

/// A table as a statement that writes to it was planned with.
#[derive(Debug, Clone)]
pub(crate) struct WrittenTable {
    pub(crate) cluster: Arc<Cluster>,
    /// Id and name of its database.
    pub(crate) database: (i64, Arc<str>),
    pub(crate) info: Arc<TableInfo>,
    /// The schema version that the description is of.
    pub(crate) schema_version: i64,
}

impl WrittenTable {
    /// `database.table`, for people.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.database.1, self.info.name)
    }
}

/// A table that is written to.
#[derive(Debug)]
pub(crate) struct WriteTarget {
    pub(super) cluster: Arc<Cluster>,
    pub(super) database_id: i64,
    pub(super) database: Arc<str>,
    pub(super) info: Arc<TableInfo>,
    pub(super) encoder: TableEncoder,
    pub(super) decoder: RowDecoder,
}

/// What names a row in the results of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RowKeyColumn {
    /// `_tidb_rowid`.
    RowId,
    /// The column of this offset in [`TableInfo::columns`].
    Column(usize),
}

impl WriteTarget {
    /// The columns that tell which row is meant: those of its handle, and those that its partition depends
    /// on where the handle does not hold them.
    ///
    /// # Errors
    /// When the table's description contradicts itself.
    pub(crate) fn row_key_columns(&self) -> Result<Vec<RowKeyColumn>> {
        let info = &self.info;
        let offset = |column: &ColumnInfo| info.column_offset(column.id).map(RowKeyColumn::Column);
        let mut key = match info.handle()? {
            HandleKind::RowId => vec![RowKeyColumn::RowId],
            HandleKind::Int(column) => offset(column).into_iter().collect(),
            HandleKind::Common(_) => {
                info.primary_key_columns()?.into_iter().filter_map(offset).collect()
            }
        };
        for offset in self.encoder.partition_columns() {
            let part = RowKeyColumn::Column(offset);
            if !key.contains(&part) {
                key.push(part);
            }
        }
        Ok(key)
    }

    /// `table` as one to write to.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) when this version does not know the table
    /// to the last detail, or whether the cluster's strings compare by the new collations.
    pub(crate) fn new(table: &WrittenTable) -> Result<Self> {
        let cluster = Arc::clone(&table.cluster);
        let (database_id, database) = (table.database.0, Arc::clone(&table.database.1));
        let new_collation = cluster.known_collation().ok_or_else(|| {
            Error::unsupported(
                "whether the cluster's strings compare by the new collations is not known, and keys \
                 depend on it: set new_collation_enable to what mysql.tidb says",
            )
        })?;
        let info = Arc::clone(&table.info);
        let encoder = TableEncoder::new(&info, new_collation)?;
        let decoder = RowDecoder::new(&info, cluster.system_zone())?;
        Ok(Self { cluster, database_id, database, info, encoder, decoder })
    }

    /// `database.table`, for people.
    pub(super) fn label(&self) -> String {
        format!("{}.{}", self.database, self.info.name)
    }

    /// The table's data as of `start_ts`.
    pub(super) fn snapshot(
        &self,
        start_ts: Timestamp,
        query: QueryId,
        deadline: Option<Instant>,
    ) -> Snapshot {
        let options = SnapshotOptions {
            deadline,
            label: Some(self.label().into()),
            query: Some(query),
            ..SnapshotOptions::default()
        };
        self.cluster.client().snapshot(start_ts, options)
    }

    /// The row id of a record, where the table's rows have one.
    pub(super) fn row_id_of(&self, handle: &Handle) -> Option<i64> {
        match handle {
            Handle::Int(id) if self.encoder.needs_row_id() => Some(*id),
            _ => None,
        }
    }
}
