//! The way by TiFlash's replicas, which keep a table by its columns.

use tifusion_schema::TableInfo;

use super::{Candidate, Chooser, Way, cost};
use crate::access::handle_range::HandleRanges;
use crate::config::ReadEngines;
use crate::error::Error;

/// Whether all of these physical tables can be read from TiFlash.
fn is_available(info: &TableInfo, physical_ids: &[i64]) -> bool {
    let replica = info.tiflash_replica.as_ref();
    replica.is_some_and(|replica| physical_ids.iter().all(|id| replica.is_available(*id)))
}

impl Chooser<'_> {
    /// The way by columns; `None` where that is not wanted, or not all of it is there.
    pub(super) fn by_columns(
        &self,
        handle: &HandleRanges,
        partitions: &[i64],
    ) -> Option<Candidate> {
        let (info, needed) = (self.table.info, self.demand.columns);
        let is_stored = |id: &i64| {
            !info.find_column_by_id(*id).is_some_and(|column| column.is_virtual_generated())
        };
        let may = self.demand.engines.tiflash
            && is_available(info, partitions)
            && needed.iter().all(is_stored);
        may.then(|| {
            let rows = self.estimator.of_handle(handle);
            let width = self.widths.columns(needed);
            Candidate {
                cost: cost::of_columns(rows.count, handle.len(), width),
                // Few rows are nothing for an engine that reads them by the thousand.
                is_few: false,
                is_guess: false,
                rows,
                way: Way::Columnar(handle.clone()),
            }
        })
    }
}

/// The error of a table that none of the engines has which may be read.
pub(super) fn none_has(info: &TableInfo, engines: ReadEngines) -> Error {
    let replica = match &info.tiflash_replica {
        Some(replica) if replica.count > 0 => {
            "its TiFlash replica is not whole yet, or lacks a column that is needed: wait for it \
             (information_schema.tiflash_replica in TiDB)"
        }
        _ => "it has no TiFlash replica: ALTER TABLE ... SET TIFLASH REPLICA 1 in TiDB makes one",
    };
    Error::invalid(format!(
        "the table can't be read from TiFlash alone: {replica}, or add tikv to isolation_read_engines"
    ))
    .with_context("table", info.name.as_str())
    .with_context("isolation_read_engines", engines.to_string())
}
