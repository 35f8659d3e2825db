//! The statistics that a statement is planned with.

use std::collections::HashMap;

use tifusion_schema::stats::TableStatistics;

use super::need::Need;

/// What is known of the tables of a statement, by their ids. The query planner leaves it in the session
/// configuration that the physical plan is made with.
#[derive(Debug, Default)]
pub(crate) struct StatementStatistics {
    tables: HashMap<i64, PlannedTable>,
}

/// What is known of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct PlannedTable {
    /// Its statistics.
    pub(crate) statistics: TableStatistics,
    /// Whether the statement compares columns of it, so that those were looked at.
    pub(crate) is_compared: bool,
}

impl StatementStatistics {
    /// What was loaded for `needs`.
    pub(crate) fn new(needs: &[Need], loaded: Vec<TableStatistics>) -> Self {
        let tables = needs.iter().zip(loaded).map(|(need, statistics)| {
            let is_compared = !need.histograms.is_empty();
            (need.table.id, PlannedTable { statistics, is_compared })
        });
        Self { tables: tables.collect() }
    }

    /// What is known of a table.
    pub(crate) fn of(&self, table_id: i64) -> Option<&PlannedTable> {
        self.tables.get(&table_id)
    }
}
