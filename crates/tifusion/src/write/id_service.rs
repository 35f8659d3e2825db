//! Ids of tables with `AUTO_ID_CACHE 1`, which come from a service of TiDB's servers.

use tifusion_client::QueryId;
use tifusion_client::auto_id::{AutoIdService, AutoIdTable, PATIENCE};
use tifusion_client::backoff::Backoffer;
use tifusion_schema::row_id::Allocator;

use super::refuse::HINT;
use super::target::WriteTarget;
use crate::error::{Error, ErrorKind, Result};

/// The way to a table's ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service<'a> {
    target: &'a WriteTarget,
    table: AutoIdTable,
    query: QueryId,
}

impl<'a> Service<'a> {
    /// The service for the ids of an allocator; `None` for one whose ids are in the metadata alone.
    ///
    /// # Errors
    /// For a table of which it is not known under which database the service counts.
    pub(super) fn of(
        target: &'a WriteTarget,
        allocator: &Allocator,
        query: QueryId,
    ) -> Result<Option<Self>> {
        if !allocator.has_service() {
            return Ok(None);
        }
        let (db_id, table_id) = (target.database_id, target.info.id);
        if allocator.keys(db_id, table_id).len() > 1 {
            return Err(Error::unsupported(format!(
                "{} has AUTO_ID_CACHE 1 and was renamed into another database: by version, TiDB's auto id service \
                 counts under the one or the other; {HINT}",
                target.label()
            )));
        }
        let table = AutoIdTable { db_id, table_id, is_unsigned: allocator.is_unsigned() };
        Ok(Some(Self { target, table, query }))
    }

    /// Takes so many ids; the number that they follow comes back.
    ///
    /// # Errors
    /// When the service has no more, or can't be reached.
    pub(super) async fn take(self, count: u64) -> Result<i64> {
        let mut bo = self.backoffer();
        let taken = self.ids().take(&mut bo, self.table, count).await;
        let (min, max) = taken.map_err(|error| self.told(error.into()))?;
        // Else others may be given some of them.
        let many = max.cast_unsigned().wrapping_sub(min.cast_unsigned());
        if many != count {
            return Err(self.told(Error::new(
                ErrorKind::Data,
                format!("TiDB's auto id service was asked for {count} ids and gave {many}"),
            )));
        }
        Ok(min)
    }

    /// Sees to it that ids up to the count `given` are not given again.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub(super) async fn rebase(self, given: i64) -> Result<()> {
        let mut bo = self.backoffer();
        let rebased = self.ids().rebase(&mut bo, self.table, given).await;
        rebased.map_err(|error| self.told(error.into()))
    }

    fn ids(self) -> &'a AutoIdService {
        self.target.cluster.client().auto_ids()
    }

    fn backoffer(self) -> Backoffer {
        self.target.cluster.client().backoffer(PATIENCE).with_query(Some(self.query))
    }

    fn told(self, error: Error) -> Error {
        error.with_context("ids of", self.target.label())
    }
}
