//! What a scan is expected to take and to bring, for the order in which tables are joined.

use super::TikvScanExec;
use super::dynamic::{ByValues, KnownColumn};

/// What is expected of a scan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Expected {
    /// Rows that the stores look at.
    pub(crate) looked_at: u64,
    /// Rows that they send.
    pub(crate) rows: u64,
    /// Bytes of a row that is sent.
    pub(crate) row_bytes: f64,
}

impl TikvScanExec {
    /// What is expected of it; `None` if nobody counted the table's rows.
    pub(crate) fn expected(&self) -> Option<Expected> {
        let rows = self.estimates.rows()?;
        let reads_all = self.spec.source.is_rows() && self.spec.access.ranges.is_none();
        let all = self.estimates.all_rows().filter(|_| reads_all);
        let looked_at = all.map_or(rows, |all| all.max(rows));
        Some(Expected { looked_at, rows, row_bytes: self.estimates.row_bytes() })
    }

    /// What is known of the output's column at `place`.
    pub(crate) fn known_column(&self, place: usize) -> Option<KnownColumn> {
        self.estimates.known_columns().nth(place)
    }

    /// What a join's values of the output's column at `place` do for it; `None` if nothing.
    pub(crate) fn by_values(&self, place: usize) -> crate::error::Result<Option<ByValues>> {
        let dynamic = self.dynamic.as_ref().filter(|_| self.is_plain());
        let Some(dynamic) = dynamic else { return Ok(None) };
        dynamic.by_values(place, self.columns.schema(), &self.spec).map(Some)
    }
}
