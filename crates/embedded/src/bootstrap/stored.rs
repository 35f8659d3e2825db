//! What a store already has.

use std::collections::BTreeMap;

use tifusion_codec::key::meta::{self, MetaKey};
use tifusion_schema::row_id::Counter;
use tifusion_schema::{DbInfo, TableInfo};

use super::error::{BootstrapError, Result};
use super::ids::Allocators;

/// The metadata of a store.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) last_id: i64,
    pub(super) schema_version: i64,
    pub(super) databases: Vec<DbInfo>,
    /// With the ids of their databases.
    pub(super) tables: Vec<(i64, TableInfo)>,
    /// By database and table.
    pub(super) allocators: BTreeMap<(i64, i64), Allocators>,
}

/// Reads the pairs under `m`.
///
/// # Errors
/// [`BootstrapError::Metadata`] when something is not as it should be.
pub(super) fn read(pairs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Stored> {
    let refuse = |error: String| BootstrapError::Metadata(error);
    let mut stored = Stored::default();
    for (key, value) in pairs {
        match meta::decode(&key).map_err(|error| refuse(error.to_string()))? {
            MetaKey::String(name) => match name.as_slice() {
                b"NextGlobalID" => stored.last_id = number(&value)?,
                b"SchemaVersionKey" => stored.schema_version = number(&value)?,
                _ => {}
            },
            MetaKey::Hash { name, .. } if name == b"DBs" => {
                let database = DbInfo::from_json(&value).map_err(|e| refuse(e.to_string()))?;
                stored.databases.push(database);
            }
            MetaKey::Hash { name, field } => {
                if let Some(db_id) = meta::parse_database_field(&name) {
                    stored.add_field(db_id, &field, &value)?;
                }
            }
        }
    }
    Ok(stored)
}

impl Stored {
    fn add_field(&mut self, db_id: i64, field: &[u8], value: &[u8]) -> Result<()> {
        if meta::parse_table_field(field).is_some() {
            let table = TableInfo::from_json(value)
                .map_err(|error| BootstrapError::Metadata(error.to_string()))?;
            self.tables.push((db_id, table));
            return Ok(());
        }
        let text = String::from_utf8_lossy(field);
        let Some((kind, id)) = text.split_once(':') else { return Ok(()) };
        let Ok(table_id) = id.parse() else { return Ok(()) };
        let allocators = self.allocators.entry((db_id, table_id)).or_default();
        match kind {
            "TID" => allocators.set(Counter::RowId, number(value)?),
            "IID" => allocators.set(Counter::Increment, number(value)?),
            "TARID" => allocators.set(Counter::Random, number(value)?),
            _ => {}
        }
        Ok(())
    }
}

fn number(value: &[u8]) -> Result<i64> {
    let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| {
        BootstrapError::Metadata(format!("{:?} is no number", value.escape_ascii().to_string()))
    })
}
