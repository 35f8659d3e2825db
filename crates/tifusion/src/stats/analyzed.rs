//! A table with its statistics, for those who ask.

use std::sync::Arc;

use tifusion_schema::TableInfo;
use tifusion_schema::stats::{Estimate, HistogramId, KeyRange, TableStatistics};

/// A table and what `ANALYZE` left of it.
#[derive(Debug, Clone)]
pub struct AnalyzedTable {
    info: Arc<TableInfo>,
    statistics: TableStatistics,
}

impl AnalyzedTable {
    /// The table that `info` describes.
    pub(crate) fn new(info: Arc<TableInfo>, statistics: TableStatistics) -> Self {
        Self { info, statistics }
    }

    /// The statistics.
    #[must_use]
    pub fn statistics(&self) -> &TableStatistics {
        &self.statistics
    }

    /// What the statistics of the column of this name, in whatever case, are found by.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<HistogramId> {
        self.info.find_column(name).map(|column| HistogramId::Column(column.id))
    }

    /// What the statistics of the index of this name, in whatever case, are found by.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<HistogramId> {
        self.info.find_index(name).map(|index| HistogramId::Index(index.id))
    }

    /// How many rows have keys in one of `ranges`, see [`TableStatistics::estimate`].
    #[must_use]
    pub fn estimate(&self, id: HistogramId, ranges: &[KeyRange]) -> Estimate {
        self.statistics.estimate(&self.info, id, ranges)
    }
}
