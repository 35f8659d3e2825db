//! What a write is, for processes that take part in it.

use std::sync::Arc;

use bytes::Bytes;
use tifusion_schema::TableInfo;

use crate::cluster::Cluster;
use crate::config::{Config, TimeZone};
use crate::error::{Error, ErrorKind, Result};
use crate::statement::StatementSnapshot;
use crate::write::command::{OnDuplicate, WriteKind};
use crate::write::job::WriteJob;
use crate::write::options::WriteOptions;
use crate::write::target::{WriteTarget, WrittenTable};

/// A write as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SentWrite {
    pub(crate) database_id: i64,
    pub(crate) database: String,
    /// The table's description, as TiDB keeps it.
    pub(crate) table: Bytes,
    pub(crate) kind: SentKind,
    pub(crate) update_statistics: bool,
    pub(crate) new_collation: bool,
    pub(crate) system_zone: Option<String>,
    pub(crate) time_zone: String,
    pub(crate) allows_random: bool,
}

/// What is done with rows; columns by their places in the table's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SentKind {
    Insert { columns: Vec<usize> },
    Delete,
    Update { columns: Vec<usize> },
}

impl SentKind {
    /// The kind of a write; `None` for one that is not sent: whose rows' order counts, or whose rows others make way
    /// for, which nobody could tell in advance.
    pub(super) fn of(kind: &WriteKind) -> Option<Self> {
        match kind {
            WriteKind::Insert { columns, on_duplicate: OnDuplicate::Fail } => {
                Some(Self::Insert { columns: columns.clone() })
            }
            WriteKind::Update { columns } => Some(Self::Update { columns: columns.clone() }),
            WriteKind::Delete => Some(Self::Delete),
            WriteKind::Insert { .. } | WriteKind::Statement(_) => None,
        }
    }

    fn kind(&self) -> WriteKind {
        match self {
            Self::Insert { columns } => {
                let (columns, on_duplicate) = (columns.clone(), OnDuplicate::Fail);
                WriteKind::Insert { columns, on_duplicate }
            }
            Self::Update { columns } => WriteKind::Update { columns: columns.clone() },
            Self::Delete => WriteKind::Delete,
        }
    }
}

impl SentWrite {
    /// What is sent of `job`, to a table with this description.
    pub(super) fn of(job: &WriteJob, kind: SentKind, table: Bytes) -> Self {
        let target = &job.target;
        Self {
            database_id: target.database_id,
            database: target.database.to_string(),
            table,
            kind,
            update_statistics: job.options.update_statistics,
            new_collation: target.cluster.new_collation(),
            system_zone: zone_of(&target.cluster),
            time_zone: job.settings.time_zone.as_str().to_owned(),
            allows_random: job.settings.write_auto_random,
        }
    }

    /// A part of the write in this process.
    ///
    /// # Errors
    /// When this process knows the cluster otherwise, or the description makes no sense.
    pub(super) fn job(
        &self,
        cluster: &Arc<Cluster>,
        snapshot: Arc<StatementSnapshot>,
        config: &Config,
    ) -> Result<Arc<WriteJob>> {
        if cluster.known_collation() != Some(self.new_collation) {
            return Err(self.other("whether the cluster's strings compare by the new collations"));
        }
        if zone_of(cluster) != self.system_zone {
            return Err(self.other("the zone of TiDB's servers"));
        }
        let info = TableInfo::from_json(&self.table).map_err(tifusion_schema::Error::from)?;
        let table = WrittenTable {
            cluster: Arc::clone(cluster),
            database: (self.database_id, Arc::from(self.database.as_str())),
            info: Arc::new(info),
            schema_version: snapshot.schema_version(),
        };
        let target = Arc::new(WriteTarget::new(&table)?);
        let options =
            WriteOptions { update_statistics: self.update_statistics, ..WriteOptions::default() };
        let mut job = WriteJob::new(target, (self.kind.kind(), options), snapshot, config)?;
        job.settings.write_auto_random = self.allows_random;
        job.settings.time_zone = TimeZone::parse(&self.time_zone).ok_or_else(|| {
            let message = "a write of another process is of a time zone that is none";
            Error::new(ErrorKind::Data, message).with_context("time_zone", self.time_zone.clone())
        })?;
        Ok(Arc::new(job))
    }

    fn other(&self, what: &str) -> Error {
        Error::invalid(format!(
            "the session and this process know otherwise, or do not know, {what}: give them the same configuration, \
             and have them read mysql.tidb"
        ))
        .with_context("database", self.database.clone())
    }
}

fn zone_of(cluster: &Cluster) -> Option<String> {
    cluster.system_zone().map(|zone| zone.to_string())
}
