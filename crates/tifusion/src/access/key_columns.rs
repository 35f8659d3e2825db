//! The columns of keys.

use tifusion_codec::index::KeyColumn;
use tifusion_schema::{IndexInfo, TableInfo};

use crate::error::Result;

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
