//! Reads of metadata by SQL.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use lru::LruCache;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tifusion_client::Timestamp;
use tifusion_codec::key::meta::{self, MetaKey, decode, parse_database_field, parse_table_field};
use tifusion_schema::model::ci_str::to_lower;

use super::table::{
    COLUMNS, Details, INDEXES, PARTITIONS, Rows, TableRow, VIEWS, by_table, cell, describe, name_of,
};
use crate::error::{Error, ErrorKind, Result};
use crate::meta::reader::{MetaReader, OnPair, ReadAt};
use crate::sql_port::text::quoted_text;
use crate::sql_port::{SqlPort, SqlSession};

/// Databases that TiDB makes up and keeps nowhere.
const MADE_UP: [&str; 3] = ["information_schema", "performance_schema", "metrics_schema"];

/// Timestamps of which the schema version is remembered.
const VERSIONS_KEPT: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// How often a timestamp is taken again since the schema changed meanwhile.
const TRIES: usize = 3;

/// Asks TiDB.
#[derive(Debug)]
pub(crate) struct SqlReader {
    port: Arc<SqlPort>,
    databases: Mutex<DatabaseIds>,
    /// The schema versions at timestamps that were taken here.
    versions: Mutex<LruCache<u64, i64>>,
}

/// Ids given to databases, which TiDB shows none of.
#[derive(Debug, Default)]
struct DatabaseIds {
    names: Vec<String>,
    places: HashMap<String, usize>,
}

impl DatabaseIds {
    fn id_of(&mut self, name: &str) -> i64 {
        let place = *self.places.entry(to_lower(name)).or_insert_with(|| {
            self.names.push(name.to_owned());
            self.names.len()
        });
        i64::try_from(place).unwrap_or(i64::MAX)
    }

    fn name_of(&self, id: i64) -> Option<String> {
        self.names.get(usize::try_from(id).ok()?.checked_sub(1)?).cloned()
    }
}

impl SqlReader {
    /// Asks the TiDB that `port` leads to.
    pub(crate) fn new(port: Arc<SqlPort>) -> Self {
        let versions = Mutex::new(LruCache::new(VERSIONS_KEPT));
        Self { port, databases: Mutex::default(), versions }
    }

    /// The schema version at a snapshot, which is in none of TiDB's tables. Where it is not known the timestamp
    /// stands for it: what was read at one that is different is then not taken for what is at this.
    fn version_at(&self, ts: Timestamp) -> i64 {
        let known = self.versions.lock().get(&ts.version()).copied();
        known.unwrap_or_else(|| i64::try_from(ts.version()).unwrap_or(i64::MAX))
    }

    async fn databases(
        &self,
        session: &mut SqlSession,
        only: Option<&str>,
    ) -> Result<Vec<(i64, Value)>> {
        // Who may see but tables of a database finds it here, and not in information_schema.schemata.
        let rows = session.query("SHOW", "SHOW DATABASES").await?.rows;
        let mut ids = self.databases.lock();
        let is_kept = |row: &&Vec<Option<String>>| {
            let name = cell(row, 0);
            let is_wanted = only.is_none_or(|only| only.eq_ignore_ascii_case(name));
            is_wanted && !MADE_UP.iter().any(|made_up| made_up.eq_ignore_ascii_case(name))
        };
        let info = |row: &Vec<Option<String>>| {
            let (name, id) = (cell(row, 0), ids.id_of(cell(row, 0)));
            let info = json!({"id": id, "db_name": {"O": name, "L": to_lower(name)}, "state": 5});
            (id, info)
        };
        Ok(rows.iter().filter(is_kept).map(info).collect())
    }

    /// Tables of a database: all, or those with these ids.
    async fn tables(
        &self,
        session: &mut SqlSession,
        database: &str,
        ids: Option<&[i64]>,
    ) -> Result<Vec<TableRow>> {
        let mut sql = format!(
            "SELECT TABLE_NAME, TIDB_TABLE_ID, TABLE_TYPE, TABLE_COLLATION, TABLE_COMMENT, TIDB_PK_TYPE, \
             CREATE_OPTIONS FROM information_schema.TABLES WHERE TABLE_SCHEMA = {}",
            quoted_text(database)
        );
        if let Some(ids) = ids {
            let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
            sql.push_str(&format!(" AND TIDB_TABLE_ID IN ({})", ids.join(", ")));
        }
        let rows = session.query("SELECT", &sql).await?.rows;
        let table = |row: &Vec<Option<String>>| TableRow {
            name: cell(row, 0).to_owned(),
            id: cell(row, 1).parse().unwrap_or_default(),
            kind: cell(row, 2).to_owned(),
            collation: cell(row, 3).to_owned(),
            comment: cell(row, 4).to_owned(),
            is_clustered: cell(row, 5) == "CLUSTERED",
            is_partitioned: cell(row, 6).contains("partitioned"),
        };
        Ok(rows.iter().map(table).collect())
    }

    /// The descriptions of tables of a database, by their ids.
    async fn descriptions(
        &self,
        session: &mut SqlSession,
        database: &str,
        ids: &[i64],
    ) -> Result<HashMap<i64, Value>> {
        let tables = self.tables(session, database, Some(ids)).await?;
        if tables.is_empty() {
            return Ok(HashMap::new());
        }
        let named = |pick: fn(&TableRow) -> bool| {
            let names = tables.iter().filter(|table| pick(table));
            names.map(|table| quoted_text(&table.name)).collect::<Vec<_>>().join(", ")
        };
        let all = named(|_| true);
        let based = named(|table| table.kind != "VIEW");
        let partitioned = named(|table| table.is_partitioned);
        let views = named(|table| table.kind == "VIEW");
        let mut asked = Asked { session, database };
        let details = Details {
            columns: asked.rows(COLUMNS, "COLUMNS", &all, "ORDINAL_POSITION").await?,
            indexes: asked.rows(INDEXES, "STATISTICS", &based, "SEQ_IN_INDEX").await?,
            partitions: asked
                .rows(PARTITIONS, "PARTITIONS", &partitioned, "PARTITION_ORDINAL_POSITION")
                .await?,
            views: asked.rows(VIEWS, "VIEWS", &views, "TABLE_NAME").await?,
        };
        Ok(tables.iter().map(|table| (table.id, describe(table, &details))).collect())
    }

    fn database_of(&self, name: &[u8]) -> Option<(i64, String)> {
        let id = parse_database_field(name)?;
        Some((id, self.databases.lock().name_of(id)?))
    }

    async fn get_all(&self, at: ReadAt, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Bytes>>> {
        let mut values: Vec<Option<Bytes>> = vec![None; keys.len()];
        let mut tables: BTreeMap<i64, Vec<(usize, i64)>> = BTreeMap::new();
        let mut databases = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            match decode(key) {
                Ok(MetaKey::String(name)) => {
                    if let Some(value) = values.get_mut(place) {
                        *value = self.text_of(&name, self.version_at(at.ts));
                    }
                }
                Ok(MetaKey::Hash { name, field }) if name == b"DBs" => {
                    databases.extend(parse_database_field(&field).map(|id| (place, id)));
                }
                Ok(MetaKey::Hash { name, field }) => {
                    if let (Some(id), Some(table)) =
                        (parse_database_field(&name), parse_table_field(&field))
                    {
                        tables.entry(id).or_default().push((place, table));
                    }
                }
                Err(_) => {}
            }
        }
        if tables.is_empty() && databases.is_empty() {
            return Ok(values);
        }
        let mut session = self.port.reading_session(Some(at.ts)).await?;
        let mut put = |place: usize, info: &Value| {
            if let Some(value) = values.get_mut(place) {
                *value = Some(Bytes::from(info.to_string()));
            }
        };
        for (place, id) in databases {
            let Some(name) = self.databases.lock().name_of(id) else { continue };
            for (_, info) in self.databases(&mut session, Some(&name)).await? {
                put(place, &info);
            }
        }
        for (id, wanted) in tables {
            let Some(name) = self.databases.lock().name_of(id) else { continue };
            let ids: Vec<i64> = wanted.iter().map(|(_, table)| *table).collect();
            let found = self.descriptions(&mut session, &name, &ids).await?;
            for (place, table) in wanted {
                if let Some(info) = found.get(&table) {
                    put(place, info);
                }
            }
        }
        Ok(values)
    }

    /// The value of a key that is a text: the schema version, and what changed by one, which nobody tells.
    fn text_of(&self, name: &[u8], version: i64) -> Option<Bytes> {
        if meta::string_key(name) == meta::schema_version_key() {
            return Some(Bytes::from(version.to_string()));
        }
        let of: i64 = std::str::from_utf8(name).ok()?.strip_prefix("Diff:")?.parse().ok()?;
        let everything = json!({"version": of, "regenerate_schema_map": true});
        (of <= version).then(|| Bytes::from(everything.to_string()))
    }

    async fn take_timestamp(&self) -> Result<Timestamp> {
        let mut session = self.port.reading_session(None).await?;
        let mut before = schema_version(&mut session).await?;
        let mut tries = 0;
        loop {
            session.execute("BEGIN", "BEGIN").await?;
            let ts = session.query("SELECT", "SELECT @@tidb_current_ts").await?;
            session.execute("ROLLBACK", "ROLLBACK").await?;
            let ts = ts.first().and_then(|ts| ts.parse().ok()).filter(|ts| *ts > 0);
            let ts: u64 = ts.ok_or_else(|| {
                Error::new(ErrorKind::Data, "TiDB has no timestamp for a transaction")
            })?;
            // The version between is this one, unless the schema has changed. Where it does all the time the
            // timestamp stands for it.
            let after = schema_version(&mut session).await?;
            tries += 1;
            if after == before {
                self.versions.lock().put(ts, after);
            }
            if after == before || tries == TRIES {
                return Ok(Timestamp::new(ts));
            }
            before = after;
        }
    }
}

/// Questions about tables of a database.
struct Asked<'a> {
    session: &'a mut SqlSession,
    database: &'a str,
}

impl Asked<'_> {
    /// These columns of a table of `information_schema`, for the tables of these names between quotes.
    async fn rows(&mut self, columns: &str, from: &str, names: &str, order: &str) -> Result<Rows> {
        if names.is_empty() {
            return Ok(Rows::new());
        }
        let sql = format!(
            "SELECT {columns} FROM information_schema.{from} WHERE TABLE_SCHEMA = {} AND TABLE_NAME IN ({names}) \
             ORDER BY {order}",
            quoted_text(self.database)
        );
        Ok(by_table(self.session.query("SELECT", &sql).await?))
    }
}

async fn schema_version(session: &mut SqlSession) -> Result<i64> {
    let rows = session.query("SHOW", "SHOW STATUS LIKE 'ddl_schema_version'").await?;
    let version = rows.rows.first().and_then(|row| cell(row, 1).parse().ok());
    version.ok_or_else(|| {
        let message = "SHOW STATUS tells no ddl_schema_version: check that tidb.addr is a TiDB's";
        Error::new(ErrorKind::NotFound, message)
    })
}

/// Waits for an answer until `deadline`.
async fn by<T>(deadline: Option<Instant>, answer: impl Future<Output = Result<T>>) -> Result<T> {
    let Some(deadline) = deadline else { return answer.await };
    tokio::time::timeout_at(deadline.into(), answer).await.unwrap_or_else(|_| {
        let message = "statement.timeout passed while TiDB was asked for metadata";
        Err(Error::new(ErrorKind::DeadlineExceeded, message))
    })
}

#[async_trait]
impl MetaReader for SqlReader {
    async fn timestamp(&self, deadline: Option<Instant>) -> Result<Timestamp> {
        by(deadline, self.take_timestamp()).await
    }

    async fn get(&self, at: ReadAt, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Bytes>>> {
        by(at.deadline, self.get_all(at, keys)).await
    }

    async fn newest(
        &self,
        _keys: Vec<Vec<u8>>,
        _deadline: Option<Instant>,
    ) -> Result<Option<Vec<Option<Bytes>>>> {
        // A connection has a snapshot of some time, and that is what is cheap here.
        Ok(None)
    }

    async fn scan(&self, at: ReadAt, start: &[u8], _end: &[u8], on_pair: OnPair<'_>) -> Result<()> {
        let Ok(MetaKey::Hash { name, .. }) = hash_of(start) else { return Ok(()) };
        let pairs = by(at.deadline, async {
            let mut session = self.port.reading_session(Some(at.ts)).await?;
            let mut pairs = Vec::new();
            if name == b"DBs" {
                for (id, info) in self.databases(&mut session, None).await? {
                    pairs.push((meta::database_key(id), info));
                }
            } else if let Some((id, database)) = self.database_of(&name) {
                for table in self.tables(&mut session, &database, None).await? {
                    pairs.push((meta::table_key(id, table.id), name_of(&table)));
                }
            }
            Ok(pairs)
        });
        for (key, info) in pairs.await? {
            on_pair(&key, info.to_string().as_bytes())?;
        }
        Ok(())
    }
}

/// The hash that a range of keys begins in, whose first key may be of no field.
fn hash_of(start: &[u8]) -> Result<MetaKey, tifusion_codec::error::Error> {
    if start == meta::databases_range().0 {
        return Ok(MetaKey::Hash { name: b"DBs".to_vec(), field: Vec::new() });
    }
    decode(start)
}
