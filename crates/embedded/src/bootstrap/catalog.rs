//! Databases and tables as statements make them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use tifusion_codec::key::{self, Handle, KeyHead, meta};
use tifusion_schema::model::{CiStr, TiFlashReplica};
use tifusion_schema::{RowIds, TableEncoder, TableInfo};

use super::arrow::BatchReader;
use super::build::{BuildOptions, Charset, build_table, resolve};
use super::error::{BootstrapError, Result};
use super::ids::Allocators;
use super::load::{Loader, Pair, Source};
use super::sql::{self, CreateDatabase, CreateTable, Insert, Statement, TableName};
use super::{json, stored};

/// The version that TiDB of June 2025 bootstraps a cluster to.
const BOOTSTRAP_VERSION: i64 = 249;
/// `SchemaDiff` of `CREATE DATABASE`.
const CREATE_SCHEMA: u8 = 1;
/// `SchemaDiff` of `CREATE TABLE`.
const CREATE_TABLE: u8 = 3;
/// `SchemaDiff` of `ALTER TABLE ... SET TIFLASH REPLICA`.
const SET_TIFLASH_REPLICA: u8 = 30;

/// What a new cluster is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootstrapOptions {
    /// Whether it runs with the new collations, as clusters since 6.0 do.
    pub new_collation: bool,
    /// When the statements run, a timestamp of the store: tables note it, and it is the time of
    /// `CURRENT_TIMESTAMP`.
    pub timestamp: u64,
}

#[derive(Debug, Clone)]
struct Database {
    id: i64,
    name: CiStr,
    charset: Charset,
}

/// Clones share what does not change.
#[derive(Debug, Clone)]
struct Table {
    database: i64,
    info: Arc<TableInfo>,
    /// `None` for a table of the store that can't be written.
    encoder: Option<Arc<TableEncoder>>,
    allocators: Allocators,
}

/// Databases and tables, and the pairs of what statements and rows made that no store has taken yet.
///
/// A statement or batch that fails leaves no pair behind.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    options: BootstrapOptions,
    last_id: i64,
    schema_version: i64,
    databases: Vec<Database>,
    tables: Vec<Table>,
    current: Option<String>,
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Where regions are to be split for new tables.
    splits: Vec<Vec<u8>>,
}

impl Bootstrap {
    /// A new cluster with the databases `mysql` and `test`, and with the table `mysql.tidb`, which says
    /// how the cluster is configured.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn new(options: BootstrapOptions) -> Result<Self> {
        let mut bootstrap = Self {
            options,
            last_id: 0,
            schema_version: 0,
            databases: Vec::new(),
            tables: Vec::new(),
            current: None,
            pairs: BTreeMap::new(),
            splits: Vec::new(),
        };
        bootstrap.put(meta::bootstrap_key(), BOOTSTRAP_VERSION.to_string());
        bootstrap.execute(&system_statements(bootstrap.options.new_collation))?;
        bootstrap.current = None;
        Ok(bootstrap)
    }

    /// A cluster whose store already has metadata: `meta` are all pairs whose key starts with `m`.
    ///
    /// # Errors
    /// [`BootstrapError::Metadata`] if they can't be read.
    pub fn open(options: BootstrapOptions, meta: impl IntoIterator<Item = Pair>) -> Result<Self> {
        let stored = stored::read(meta)?;
        let database = |info: tifusion_schema::DbInfo| {
            let charset = resolve(Some(&info.charset), Some(&info.collate))
                .ok()
                .flatten()
                .unwrap_or(Charset::DEFAULT);
            Database { id: info.id, name: info.name, charset }
        };
        let table = |(database, info): (i64, TableInfo)| Table {
            database,
            encoder: TableEncoder::new(&info, options.new_collation).ok().map(Arc::new),
            allocators: stored.allocators.get(&(database, info.id)).copied().unwrap_or_default(),
            info: Arc::new(info),
        };
        Ok(Self {
            last_id: stored.last_id,
            schema_version: stored.schema_version,
            databases: stored.databases.into_iter().map(database).collect(),
            tables: stored.tables.into_iter().map(table).collect(),
            current: None,
            pairs: BTreeMap::new(),
            splits: Vec::new(),
            options,
        })
    }

    /// Runs statements, separated by semicolons: `CREATE DATABASE`, `CREATE TABLE`, `USE`, `INSERT` of
    /// literals, under strict SQL mode and in UTC. A row's keys are compared with those of pairs that were
    /// not taken out yet, not with what a store has.
    ///
    /// # Errors
    /// [`BootstrapError`] for the first that is refused; those before it stay.
    pub fn execute(&mut self, statements: &str) -> Result<()> {
        for statement in sql::parse(statements)? {
            match statement {
                Statement::CreateDatabase(create) => self.create_database(&create)?,
                Statement::CreateTable(create) => self.create_table(&create)?,
                Statement::Use(name) => {
                    self.database(&name)?;
                    self.current = Some(name);
                }
                Statement::Insert(insert) => self.insert(&insert)?,
            }
        }
        Ok(())
    }

    /// Adds the rows of `batch` to a table. Its columns are found by name; those of the table that it
    /// lacks get their defaults. Numbers, text and times may come in any Arrow type that holds them
    /// exactly.
    ///
    /// # Errors
    /// [`BootstrapError`] when a column is not known or a value doesn't fit, with nothing added.
    pub fn load(&mut self, database: &str, table: &str, batch: &RecordBatch) -> Result<()> {
        let name = TableName { database: Some(database.to_owned()), table: table.to_owned() };
        let at = self.find(&name)?;
        let new_collation = self.options.new_collation;
        self.load_rows(at, &mut |encoder| {
            BatchReader::new(encoder.table(), batch, new_collation)
                .map(|reader| Box::new(reader) as _)
        })
    }

    /// Notes the TiFlash replicas of a table, which are the same rows as everywhere.
    ///
    /// # Errors
    /// [`BootstrapError::Invalid`] if there is no such table.
    pub fn set_tiflash_replica(
        &mut self,
        database: &str,
        table: &str,
        replica: Option<TiFlashReplica>,
    ) -> Result<()> {
        let name = TableName { database: Some(database.to_owned()), table: table.to_owned() };
        let at = self.find(&name)?;
        let Some(table) = self.tables.get_mut(at) else { return Ok(()) };
        let info = TableInfo { tiflash_replica: replica, ..TableInfo::clone(&table.info) };
        let (database, id, value) = (table.database, info.id, json::table(&info));
        table.info = Arc::new(info);
        self.put(meta::table_key(database, id), value);
        self.note_change(SET_TIFLASH_REPLICA, database, id);
        Ok(())
    }

    /// A table's description.
    #[must_use]
    pub fn table(&self, database: &str, table: &str) -> Option<&TableInfo> {
        let name = TableName { database: Some(database.to_owned()), table: table.to_owned() };
        self.find(&name).ok().and_then(|at| self.tables.get(at)).map(|table| &*table.info)
    }

    /// The tables of a database.
    pub fn tables<'a>(&'a self, database: &str) -> impl Iterator<Item = &'a TableInfo> + use<'a> {
        let id = self.database(database).map(|database| database.id).ok();
        self.tables.iter().filter(move |t| Some(t.database) == id).map(|table| &*table.info)
    }

    /// Where TiDB splits the regions of a new table, in order: at its start, at that of each partition, and
    /// in as many parts as `PRE_SPLIT_REGIONS` asks for.
    ///
    /// # Errors
    /// [`BootstrapError::Invalid`] if there is no such table.
    pub fn split_keys(&self, database: &str, table: &str) -> Result<Vec<Vec<u8>>> {
        let info = self.table(database, table).ok_or_else(|| {
            BootstrapError::Invalid(format!("there is no table {database}.{table}"))
        })?;
        Ok(split_keys_of(info))
    }

    /// Statements run at this timestamp from here on, without a database in use.
    pub fn begin(&mut self, timestamp: u64) {
        self.options.timestamp = timestamp;
        self.current = None;
    }

    /// The table that a row's or an index entry's key belongs to, and the key's name: `PRIMARY` or the index's.
    #[must_use]
    pub fn owner(&self, key: &[u8]) -> Option<(&TableInfo, &str)> {
        let mut rest = key;
        let (physical_id, index_id) = match key::decode_head(&mut rest).ok()? {
            KeyHead::Record { table_id } => (table_id, None),
            KeyHead::Index { table_id, index_id } => (table_id, Some(index_id)),
        };
        let mut tables = self.tables.iter().map(|table| &*table.info);
        let table = tables
            .find(|info| info.id == physical_id || info.physical_ids().contains(&physical_id))?;
        let index = |id| table.indices.iter().find(|index| index.id == id);
        Some((table, index_id.and_then(index).map_or("PRIMARY", |index| index.name.as_str())))
    }

    /// Takes out the pairs made since the last time, in order of keys.
    #[must_use]
    pub fn take_pairs(&mut self) -> Vec<Pair> {
        std::mem::take(&mut self.pairs).into_iter().collect()
    }

    /// Takes out the [`Bootstrap::split_keys`] of the tables made since the last time.
    #[must_use]
    pub fn take_splits(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.splits)
    }

    /// Lets the next id be above `last_id`.
    #[cfg(test)]
    pub(super) fn catch_up_to(&mut self, last_id: i64) {
        self.last_id = last_id;
    }

    fn put(&mut self, key: Vec<u8>, value: impl Into<Vec<u8>>) {
        self.pairs.insert(key, value.into());
    }

    fn database(&self, name: &str) -> Result<&Database> {
        let found = self.databases.iter().find(|database| database.name.matches(name));
        found.ok_or_else(|| BootstrapError::Invalid(format!("there is no database {name:?}")))
    }

    fn database_of(&self, name: &TableName) -> Result<&Database> {
        let database = name.database.as_ref().or(self.current.as_ref());
        self.database(database.ok_or_else(|| {
            BootstrapError::Invalid(format!("table {:?}: no database is in use", name.table))
        })?)
    }

    /// Where a table stands in the list.
    fn find(&self, name: &TableName) -> Result<usize> {
        let database = self.database_of(name)?;
        let is_it =
            |table: &Table| table.database == database.id && table.info.name.matches(&name.table);
        self.tables.iter().position(is_it).ok_or_else(|| {
            BootstrapError::Invalid(format!("there is no table {}.{:?}", database.name, name.table))
        })
    }

    fn create_database(&mut self, create: &CreateDatabase) -> Result<()> {
        if self.database(&create.name).is_ok() {
            if create.if_not_exists {
                return Ok(());
            }
            let text = format!("database {:?} is already there", create.name);
            return Err(BootstrapError::Invalid(text));
        }
        let charset = resolve(create.charset.as_deref(), create.collate.as_deref())?
            .unwrap_or(Charset::DEFAULT);
        self.last_id += 1;
        let database =
            Database { id: self.last_id, name: CiStr::new(create.name.clone()), charset };
        let Database { id, name, .. } = &database;
        let value = json::database(*id, name, charset.charset, charset.collate);
        self.put(meta::database_key(database.id), value);
        self.note_change(CREATE_SCHEMA, database.id, 0);
        self.databases.push(database);
        Ok(())
    }

    fn create_table(&mut self, create: &CreateTable) -> Result<()> {
        if self.find(&create.name).is_ok() {
            if create.if_not_exists {
                return Ok(());
            }
            let text = format!("table {:?} is already there", create.name.table);
            return Err(BootstrapError::Invalid(text));
        }
        let Database { id: database, charset, .. } = *self.database_of(&create.name)?;
        let mut last_id = self.last_id;
        let mut next_id = || {
            last_id += 1;
            last_id
        };
        let mut options = BuildOptions {
            new_collation: self.options.new_collation,
            charset,
            timestamp: self.options.timestamp,
            next_id: &mut next_id,
        };
        let info = build_table(create, &mut options)?;
        let encoder = Some(Arc::new(TableEncoder::new(&info, self.options.new_collation)?));
        self.last_id = last_id;
        self.put(meta::table_key(database, info.id), json::table(&info));
        let ids = RowIds::of(&info)?;
        let allocators = Allocators::of_new(&info, &ids);
        self.pairs.extend(allocators.pairs(&ids, database, info.id));
        self.note_change(CREATE_TABLE, database, info.id);
        self.splits.extend(split_keys_of(&info));
        self.tables.push(Table { database, info: Arc::new(info), encoder, allocators });
        Ok(())
    }

    /// The next schema version, with what changed.
    fn note_change(&mut self, kind: u8, database: i64, table: i64) {
        self.schema_version += 1;
        let version = self.schema_version;
        let diff = json::schema_diff(version, kind, database, table);
        self.put(meta::schema_diff_key(version), diff);
        self.put(meta::schema_version_key(), version.to_string());
        self.put(meta::next_global_id_key(), self.last_id.to_string());
    }

    fn insert(&mut self, insert: &Insert) -> Result<()> {
        let at = self.find(&insert.name)?;
        let new_collation = self.options.new_collation;
        self.load_rows(at, &mut |encoder| {
            super::load::InsertReader::new(encoder.table(), insert, new_collation)
                .map(|reader| Box::new(reader) as _)
        })
    }

    fn load_rows<'a>(
        &mut self,
        at: usize,
        source: &mut dyn FnMut(&TableEncoder) -> Result<Box<dyn Source + 'a>>,
    ) -> Result<()> {
        let missing = || BootstrapError::Invalid("there is no such table".to_owned());
        let table = self.tables.get_mut(at).ok_or_else(missing)?;
        let Some(encoder) = &table.encoder else {
            // Says why.
            return match TableEncoder::new(&table.info, self.options.new_collation) {
                Err(error) => Err(error.into()),
                Ok(_) => Err(missing()),
            };
        };
        let statement = (self.options.timestamp, self.options.new_collation);
        let mut loader = Loader::new(encoder, table.allocators, statement, &self.pairs)?;
        loader.run(source(encoder)?.as_mut())?;
        let ids = loader.ids().clone();
        let (pairs, allocators) = loader.finish();
        self.pairs.extend(pairs);
        if allocators != table.allocators {
            table.allocators = allocators;
            self.pairs.extend(allocators.pairs(&ids, table.database, table.info.id));
        }
        Ok(())
    }
}

/// Where the regions of a table are split.
fn split_keys_of(info: &TableInfo) -> Vec<Vec<u8>> {
    let mut ids = info.physical_ids();
    ids.sort_unstable();
    ids.into_iter().flat_map(|id| split_keys_of_part(info, id)).collect()
}

/// The start of a table or partition, and where the scattered bits of its row ids cut it.
fn split_keys_of_part(info: &TableInfo, physical_id: i64) -> Vec<Vec<u8>> {
    let bits = info.shard_row_id_bits.max(info.auto_random_bits).min(15);
    let mut keys = vec![key::table_prefix(physical_id)];
    if info.pre_split_regions == 0 || bits == 0 {
        return keys;
    }
    let parts = 1_i64 << info.pre_split_regions.min(bits);
    let width = 1_i64 << (bits - info.pre_split_regions.min(bits));
    for part in 1..parts {
        let handle = Handle::Int((part * width) << (63 - bits));
        keys.push(key::encode_record_key(physical_id, &handle));
    }
    keys
}

/// The databases that every cluster has, and the table in which it says how it is configured.
fn system_statements(new_collation: bool) -> String {
    let is_new = if new_collation { "True" } else { "False" };
    format!(
        "CREATE DATABASE mysql;
        CREATE DATABASE test;
        CREATE TABLE mysql.tidb (
            VARIABLE_NAME VARCHAR(64) NOT NULL PRIMARY KEY NONCLUSTERED,
            VARIABLE_VALUE VARCHAR(1024) DEFAULT NULL,
            COMMENT VARCHAR(1024));
        INSERT INTO mysql.tidb VALUES
            ('bootstrapped', 'True', 'Bootstrap flag. Do not delete.'),
            ('tidb_server_version', '{BOOTSTRAP_VERSION}', 'Bootstrap version. Do not delete.'),
            ('system_tz', 'UTC', 'TiDB Global System Timezone.'),
            ('new_collation_enabled', '{is_new}', 'If the new collations are enabled. Do not edit it.');"
    )
}
