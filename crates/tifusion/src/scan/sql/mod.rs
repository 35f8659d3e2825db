//! A scan through TiDB's SQL port: the same spec as a scan of the stores, as one `SELECT`.

mod read;
mod statement;
mod value;

use std::sync::Arc;

use tifusion_codec::FieldType;
use tifusion_codec::field_type::tp;

use crate::pushdown::sql_text::SqlText;
use crate::sql_port::SqlPort;

pub(super) use read::{SqlPart, open};
pub(super) use statement::statement;

/// Where a scan's rows are asked for by SQL.
#[derive(Debug, Clone)]
pub(crate) struct SqlSource {
    /// The way to TiDB.
    pub(crate) port: Arc<SqlPort>,
    /// The table, with the partitions that are read.
    pub(crate) from: String,
    /// The columns' types, by the places that the spec knows them by.
    pub(crate) columns: Vec<SqlColumn>,
    /// How expressions over them are written.
    pub(crate) text: Arc<SqlText>,
}

/// A column that TiDB is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqlColumn {
    /// Its name.
    pub(crate) name: String,
    /// Its type in the table.
    pub(crate) field_type: FieldType,
}

/// The type in which a column of this type comes: documents and sets are texts on the way.
pub(crate) fn sent_type(field_type: &FieldType) -> FieldType {
    match field_type.tp {
        tp::JSON | tp::SET => {
            let charset = "utf8mb4".to_owned();
            FieldType { charset, ..FieldType::new(tp::VARCHAR, field_type.flag) }
        }
        _ => field_type.clone(),
    }
}
