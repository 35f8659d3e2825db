//! Which way to a table's rows is taken.

use crate::access::filter::Restriction;
use crate::access::handle_range::HandleRanges;
use crate::access::index_range::IndexRanges;
use crate::access::{FilteredTable, PhysicalRanges, TableAccess, explain, filter};
use crate::error::Result;
use crate::scan::entries::IndexEntries;
use crate::scan::spec::AccessSummary;

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathSource {
    /// The rows.
    Table,
    /// The entries of an index, which have all columns.
    Covering {
        /// The index.
        index_id: i64,
    },
    /// Rows that the entries of indexes tell.
    Lookup {
        /// The indexes.
        index_ids: Vec<i64>,
    },
}

/// A way to a table's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessPath {
    /// What is read.
    pub(crate) source: PathSource,
    /// Its keys: of records, or of entries, for each index if there are several.
    pub(crate) tables: Vec<PhysicalRanges>,
    /// For `EXPLAIN`.
    pub(crate) summary: AccessSummary,
}

impl From<TableAccess> for AccessPath {
    fn from(TableAccess { tables, summary }: TableAccess) -> Self {
        Self { source: PathSource::Table, tables, summary }
    }
}

impl FilteredTable<'_> {
    /// PLACEHOLDER until paths are chosen by their costs: the first index that the conjuncts narrow, if they do not
    /// narrow the handle.
    pub(crate) fn path(
        &self,
        conjuncts: &[std::sync::Arc<dyn datafusion::physical_plan::PhysicalExpr>],
        needed: &[i64],
    ) -> Result<AccessPath> {
        let by_rows = self.access(conjuncts)?;
        let Restriction::Columns(columns) = filter::all_of(conjuncts, self.schema) else {
            return Ok(by_rows.into());
        };
        let domains = self.by_id(columns);
        if HandleRanges::of(self.info, &domains, self.new_collation)? != HandleRanges::All {
            return Ok(by_rows.into());
        }
        for index in &self.info.indices {
            let Ok(entries) = IndexEntries::of(self.info, index) else { continue };
            if index.invisible {
                continue;
            }
            let Some(ranges) = IndexRanges::of(self.info, index, &domains, self.new_collation)?
            else {
                continue;
            };
            let source = if entries.covers(needed.iter().copied()) {
                PathSource::Covering { index_id: index.id }
            } else if entries.handle_columns(self.new_collation).is_ok() {
                PathSource::Lookup { index_ids: vec![index.id] }
            } else {
                continue;
            };
            let physical = self.handles_of_partitions(&HandleRanges::All, &domains);
            let tables = physical.into_iter().map(|(physical_id, _)| PhysicalRanges {
                physical_id,
                ranges: ranges.in_table(physical_id),
            });
            let tables: Vec<_> = tables.filter(|table| !table.ranges.is_empty()).collect();
            let summary = explain::summary(self.info, &tables, ranges.columns(), &domains);
            return Ok(AccessPath { source, tables, summary });
        }
        Ok(by_rows.into())
    }
}
