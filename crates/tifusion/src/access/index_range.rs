//! The ranges of index keys.

use std::collections::BTreeMap;

use tifusion_codec::index::KeyColumn;
use tifusion_codec::key;
use tifusion_schema::key_range::{KeyRanges, key_ranges};
use tifusion_schema::{Domain, IndexInfo, TableInfo};

use crate::error::Result;
use crate::scan::spec::KeyRange;

/// The entries of an index to read, the same in all partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexRanges {
    index_id: i64,
    /// Ids of the columns that narrow the ranges.
    columns: Vec<i64>,
    ranges: KeyRanges,
}

impl IndexRanges {
    /// The entries of rows with values of `domains`, which are by the column's id; `None` if all are.
    ///
    /// # Errors
    /// When the table does not have the index's columns.
    pub(crate) fn of(
        table: &TableInfo,
        index: &IndexInfo,
        domains: &BTreeMap<i64, Domain>,
        new_collation: Option<bool>,
    ) -> Result<Option<Self>> {
        let parts = key_columns(table, index, new_collation)?;
        let with: Vec<_> = parts.iter().map(|part| (part, domains.get(&part.id))).collect();
        Ok(key_ranges(&with).map(|ranges| {
            let columns = parts.iter().take(ranges.columns).map(|part| part.id).collect();
            Self { index_id: index.id, columns, ranges }
        }))
    }

    /// The ranges of keys in a physical table.
    pub(crate) fn in_table(&self, physical_id: i64) -> Vec<KeyRange> {
        let prefix = key::index_prefix(physical_id, self.index_id);
        let with = |values: &[u8]| [prefix.as_slice(), values].concat();
        let ranges = self.ranges.ranges.iter();
        ranges.map(|(start, end)| KeyRange { start: with(start), end: with(end) }).collect()
    }

    /// Ids of the columns that narrow the ranges.
    pub(crate) fn columns(&self) -> &[i64] {
        &self.columns
    }
}

/// The columns of an index as its keys have them, up to the first of which this version can't make
/// keys; `new_collation` is `None` if nobody knows how text compares.
pub(super) fn key_columns(
    table: &TableInfo,
    index: &IndexInfo,
    new_collation: Option<bool>,
) -> Result<Vec<KeyColumn>> {
    let mut parts = Vec::new();
    for (part, column) in table.index_columns(index)? {
        let field_type = &column.field_type;
        if field_type.is_string() && new_collation.is_none() {
            break;
        }
        let (prefix, new_collation) = (part.prefix_length(), new_collation.unwrap_or_default());
        let Ok(part) = KeyColumn::new(column.id, field_type, prefix, new_collation) else { break };
        parts.push(part);
    }
    Ok(parts)
}
