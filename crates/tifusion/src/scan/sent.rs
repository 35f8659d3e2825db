//! A scan on its way to another process: what is sent of it, and the scan that is made of that there.

use std::sync::Arc;

use tifusion_client::Client;

use super::answer::ScanColumns;
use super::exec::{ScanReader, TikvScanExec, properties};
use super::order::RowOrder;
use super::pushed::Pushdown;
use super::spec::{Segment, TableScanSpec};
use crate::config::Settings;
use crate::error::{Error, Result};
use crate::statement::StatementSnapshot;

/// What is sent of a scan, besides what its partitions read.
#[derive(Debug, Clone)]
pub(crate) struct SentScan {
    /// What it reads.
    pub(crate) spec: Arc<TableScanSpec>,
    /// What becomes of the answers.
    pub(crate) columns: Arc<ScanColumns>,
    /// What its rows are in the order of.
    pub(crate) row_order: Arc<RowOrder>,
}

impl TikvScanExec {
    /// What is sent of it.
    ///
    /// # Errors
    /// When it asks TiDB, whose snapshot belongs to connections of this process.
    pub(crate) fn sent(&self) -> Result<SentScan> {
        match &self.reader {
            ScanReader::Stores(_) => Ok(SentScan {
                spec: Arc::clone(&self.spec),
                columns: Arc::clone(&self.columns),
                row_order: Arc::clone(&self.row_order),
            }),
            ScanReader::SqlPort(_) => Err(Error::unsupported(
                "read.mode = sql in a distributed statement: its snapshot belongs to the connections of one process; \
                 read from the stores (read.mode = bypass), or without Ballista",
            )
            .with_context("table", self.spec.label())),
        }
    }

    /// The scan that was sent, without anything to read yet.
    pub(crate) fn arrived(
        client: Client,
        settings: Settings,
        snapshot: Arc<StatementSnapshot>,
        sent: SentScan,
    ) -> Self {
        let SentScan { spec, columns, row_order } = sent;
        let spec = Arc::unwrap_or_clone(spec);
        let reader = ScanReader::Stores(client);
        let parts = (spec, Arc::clone(&columns));
        let scan = Self::of_parts(reader, settings, snapshot, parts, Pushdown::none(), Vec::new());
        Self { properties: properties(&columns, 0, &row_order), row_order, ..scan }
    }

    /// The snapshot that it reads.
    pub(crate) fn snapshot(&self) -> &Arc<StatementSnapshot> {
        &self.snapshot
    }

    /// What each output partition reads.
    pub(crate) fn segments(&self) -> &[Vec<Segment>] {
        &self.partitions
    }

    /// The same, reading these segments in one partition.
    pub(crate) fn reading(&self, segments: Vec<Segment>) -> Self {
        self.with_partitions(vec![segments])
    }
}
