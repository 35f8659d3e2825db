//! Bringing names up to date.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use tifusion_codec::key::meta;
use tifusion_schema::{Change, DbInfo, NameInfo};

use super::names::{Database, Names, TableName, Tables};
use super::reader::{MetaReader, ReadAt};
use crate::error::Result;

/// What of the caches a list of changes touches.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Touched {
    /// Databases, with all their tables.
    pub(super) databases: BTreeSet<i64>,
    /// Tables as they were and as they are, by database and id.
    pub(super) tables: BTreeSet<(i64, i64)>,
}

impl Touched {
    /// What `changes` touch.
    pub(super) fn by(changes: &[Change]) -> Self {
        let mut touched = Self::default();
        for change in changes {
            match change {
                Change::Database(id) => drop(touched.databases.insert(*id)),
                Change::Table(table) => {
                    touched.tables.insert((table.old_database_id, table.old_table_id));
                    touched.tables.insert((table.database_id, table.table_id));
                }
                Change::Everything => {}
            }
        }
        touched
    }
}

/// `names` at `version`, which is the schema version at the snapshot; `touched` is all that changed
/// in between.
///
/// # Errors
/// When the snapshot can't be read, or its metadata is malformed.
pub(super) async fn advance(
    reader: &dyn MetaReader,
    at: ReadAt,
    names: &Names,
    version: i64,
    touched: &Touched,
) -> Result<Names> {
    let mut next = names.clone();
    next.version = version;
    let keys = touched.databases.iter().map(|id| meta::database_key(*id)).collect();
    let databases = reader.get(at, keys).await?;
    for (id, json) in touched.databases.iter().zip(databases) {
        next.remove(*id);
        if let Some(database) = json.as_deref().map(parse_database).transpose()?.flatten() {
            next.put(database);
        }
    }
    let mut by_database: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (database, table) in &touched.tables {
        let loaded = next.database_by_id(*database).and_then(|database| database.tables.as_ref());
        if loaded.is_some() {
            by_database.entry(*database).or_default().push(*table);
        }
    }
    for (database, tables) in by_database {
        let keys = tables.iter().map(|table| meta::table_key(database, *table)).collect();
        let found = reader.get(at, keys).await?;
        let Some(old) = next.database_by_id(database).and_then(|d| d.tables.clone()) else {
            continue;
        };
        let tables = replaced(&old, &tables, found)?;
        next.set_tables(database, tables);
    }
    Ok(next)
}

/// `old` with the tables `ids` as they are `found` now.
fn replaced(old: &Arc<Tables>, ids: &[i64], found: Vec<Option<Bytes>>) -> Result<Tables> {
    let gone: HashSet<i64> = ids.iter().copied().collect();
    let mut tables = Tables::clone(old);
    tables.retain(|_, table| !gone.contains(&table.id));
    for (id, json) in ids.iter().zip(&found) {
        let Some(json) = json else { continue };
        let table = parse_table(json);
        tables.extend(table.map_err(|error| error.with_context("table id", id.to_string()))?);
    }
    Ok(tables)
}

/// All databases at the snapshot.
///
/// # Errors
/// When the snapshot can't be read, or its metadata is malformed.
pub(super) async fn load_databases(
    reader: &dyn MetaReader,
    at: ReadAt,
    version: i64,
) -> Result<Names> {
    let mut databases = Vec::new();
    let (start, end) = meta::databases_range();
    let mut on_pair = |_: &[u8], json: &[u8]| {
        databases.extend(parse_database(json)?);
        Ok(())
    };
    reader.scan(at, &start, &end, &mut on_pair).await?;
    Ok(Names::new(version, databases))
}

/// The names of all tables of a database at the snapshot.
///
/// # Errors
/// When the snapshot can't be read, or its metadata is malformed.
pub(super) async fn load_tables(
    reader: &dyn MetaReader,
    at: ReadAt,
    database_id: i64,
) -> Result<Tables> {
    let mut tables = Tables::new();
    let (start, end) = meta::database_tables_range(database_id);
    let mut on_pair = |key: &[u8], json: &[u8]| {
        let table = parse_table(json);
        tables.extend(table.map_err(|error| {
            let key = key.escape_ascii().to_string();
            error.with_context("database id", database_id.to_string()).with_context("key", key)
        })?);
        Ok(())
    };
    reader.scan(at, &start, &end, &mut on_pair).await?;
    Ok(tables)
}

fn parse_database(json: &[u8]) -> Result<Option<Database>> {
    let info = DbInfo::from_json(json).map_err(tifusion_schema::Error::from)?;
    Ok(Database::from_info(&info))
}

fn parse_table(json: &[u8]) -> Result<Option<(String, TableName)>> {
    let info = NameInfo::from_json(json).map_err(tifusion_schema::Error::from)?;
    Ok(TableName::from_info(info))
}
