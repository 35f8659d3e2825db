//! The last look before the commit: the tables are what the rows were encoded for.
//!
//! TiDB's servers wait for one another before a schema change goes on; this writer is none of them. So it
//! looks itself: the descriptions of its tables, as of the very timestamp that the rows will be committed
//! at, must be byte for byte those of its snapshot. A change that comes later has a later timestamp, and
//! what it does to existing rows (filling a new index, say) sees these.

use std::error::Error as StdError;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tifusion_client::txn::CommitGuard;
use tifusion_client::{QueryId, Timestamp};
use tifusion_codec::key::meta;
use tifusion_schema::TableInfo;

use super::refuse;
use super::target::WriteTarget;
use crate::error::{Error, ErrorKind, Result};

/// Allows a commit if the description of no target has changed.
#[derive(Debug, Default)]
pub(super) struct SchemaGuards {
    guards: Vec<SchemaGuard>,
}

impl SchemaGuards {
    /// Looks at this one's target, too.
    pub(super) fn add(&mut self, guard: SchemaGuard) {
        self.guards.push(guard);
    }
}

/// What a target's description was.
#[derive(Debug)]
pub(super) struct SchemaGuard {
    target: Arc<WriteTarget>,
    query: QueryId,
    /// The database's and the table's descriptions at the snapshot.
    before: [Option<Bytes>; 2],
}

impl SchemaGuard {
    /// Remembers what the descriptions are at the statement's snapshot.
    ///
    /// # Errors
    /// [`ErrorKind::SchemaChanged`] if the table is not the one that the statement was planned with, or
    /// what kept the cluster from answering.
    pub(super) async fn new(
        target: Arc<WriteTarget>,
        start_ts: Timestamp,
        query: QueryId,
    ) -> Result<Self> {
        let before = read(&target, start_ts, query).await?;
        let planned = match &before {
            [Some(_), Some(table)] => {
                let table = TableInfo::from_json(table).map_err(tifusion_schema::Error::from)?;
                table == *target.info
            }
            _ => false,
        };
        if !planned {
            return Err(changed(&target, "between planning and running"));
        }
        Ok(Self { target, query, before })
    }

    /// The table's description, as TiDB keeps it.
    pub(super) fn table_json(&self) -> Bytes {
        let [_, table] = &self.before;
        table.clone().unwrap_or_default()
    }

    async fn check(&self, commit_ts: Timestamp) -> Result<()> {
        if read(&self.target, commit_ts, self.query).await? != self.before {
            return Err(changed(&self.target, "while it was written to"));
        }
        // Another table may have a new foreign key to this one.
        refuse::check_referenced_now(&self.target).await
    }
}

/// The descriptions as of `ts`.
async fn read(target: &WriteTarget, ts: Timestamp, query: QueryId) -> Result<[Option<Bytes>; 2]> {
    let snapshot = target.snapshot(ts, query, None);
    let database = snapshot.get(&meta::database_key(target.database_id)).await?;
    let table = snapshot.get(&meta::table_key(target.database_id, target.info.id)).await?;
    Ok([database, table])
}

fn changed(target: &WriteTarget, when: &str) -> Error {
    Error::new(
        ErrorKind::SchemaChanged,
        format!("{} was changed {when}: nothing was written, run it again", target.label()),
    )
}

#[async_trait]
impl CommitGuard for SchemaGuards {
    async fn allow(&self, commit_ts: Timestamp) -> Result<(), Box<dyn StdError + Send + Sync>> {
        for guard in &self.guards {
            guard.check(commit_ts).await?;
        }
        Ok(())
    }
}
