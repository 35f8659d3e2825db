//! The metadata that is known, and the way to know more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::RwLock;
use tifusion_client::Timestamp;
use tifusion_codec::key::meta;
use tifusion_schema::TableInfo;
use tokio::sync::{Mutex, MutexGuard};

use super::advance::{Touched, advance, load_databases, load_tables};
use super::disk::DiskCache;
use super::names::{Database, Names, TableName};
use super::outlook::{AskedTimestamp, Outlook};
use super::reader::{MetaReader, ReadAt};
use super::tables::TableCache;
use super::version::{changes_between, is_newest, schema_version};
use crate::error::{Error, ErrorKind, Result};

/// Times in the past whose names are kept.
const TIMES_OF_PAST: usize = 4;

/// How long after names were right at a timestamp that timestamp may be read at: far less than the ten minutes for which
/// TiDB keeps what was overwritten.
const SEEN_RIGHT_FOR: Duration = Duration::from_secs(60);

/// Which names a view is to have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need<'a> {
    /// Those of databases.
    Databases,
    /// Those of databases, and of the tables of these databases.
    Tables(&'a [String]),
    /// All.
    Everything,
}

/// Names, and a timestamp at which they were the cluster's.
#[derive(Debug, Clone)]
struct Known {
    names: Arc<Names>,
    ts: Timestamp,
    when: Instant,
}

/// The schema as of one timestamp.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// The names.
    pub(crate) names: Arc<Names>,
    /// The timestamp; the schema version at it is that of the names.
    pub(crate) at: ReadAt,
    /// Where tables are read: the same, or a time before at which the names were right.
    tables_at: ReadAt,
}

impl View {
    fn new(names: Arc<Names>, at: ReadAt) -> Self {
        Self { names, at, tables_at: at }
    }

    /// The schema version.
    pub(crate) fn version(&self) -> i64 {
        self.names.version
    }

    /// The timestamp.
    pub(crate) fn ts(&self) -> Timestamp {
        self.at.ts
    }

    /// The table of this name in the database of this name, in whatever case.
    pub(crate) fn find(&self, database: &str, table: &str) -> Option<(&Arc<Database>, &TableName)> {
        let database = self.names.database(database)?;
        Some((database, database.table(table)?))
    }

    fn has(&self, need: Need<'_>) -> bool {
        missing(&self.names, need).is_empty()
    }
}

/// The databases of `need` whose tables are not known.
fn missing(names: &Names, need: Need<'_>) -> Vec<i64> {
    let unknown = |database: &&Arc<Database>| database.tables.is_none();
    match need {
        Need::Databases => Vec::new(),
        Need::Tables(wanted) => {
            let found = wanted.iter().filter_map(|name| names.database(name));
            let mut ids: Vec<i64> = found.filter(unknown).map(|database| database.id).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        }
        Need::Everything => names.databases().filter(unknown).map(|d| d.id).collect(),
    }
}

/// Takes note that names of this version are those of `ts` too.
fn confirm(current: &RwLock<Option<Known>>, version: i64, ts: Timestamp, when: Instant) {
    let mut current = current.write();
    if let Some(known) = current.as_mut().filter(|known| known.names.version == version)
        && known.ts < ts
    {
        (known.ts, known.when) = (ts, when);
    }
}

/// A cluster's metadata.
#[derive(Debug)]
pub(crate) struct MetaStore {
    reader: Arc<dyn MetaReader>,
    disk: Option<DiskCache>,
    /// Held while names are brought up to date, so that this is done once.
    updating: Mutex<()>,
    current: Arc<RwLock<Option<Known>>>,
    /// The names of the past that were read last, and of when.
    past: RwLock<VecDeque<(Timestamp, Arc<Names>)>>,
    tables: TableCache,
}

impl MetaStore {
    /// The metadata that `reader` reads, with names from `disk` to begin with.
    pub(crate) fn new(reader: Arc<dyn MetaReader>, disk: Option<DiskCache>) -> Self {
        Self {
            reader,
            disk,
            updating: Mutex::new(()),
            current: Arc::default(),
            past: RwLock::default(),
            tables: TableCache::new(),
        }
    }

    /// The names as they were last seen; `None` before the first view.
    pub(crate) fn latest(&self) -> Option<Arc<Names>> {
        self.current.read().as_ref().map(|known| Arc::clone(&known.names))
    }

    /// The names as of `ts` as they were last read; `None` before, and once those of many other times were.
    pub(crate) fn past(&self, ts: Timestamp) -> Option<Arc<Names>> {
        let past = self.past.read();
        past.iter().find(|(at, _)| *at == ts).map(|(_, names)| Arc::clone(names))
    }

    /// Waits for those who are reading names, until `deadline`.
    async fn updating(&self, deadline: Option<Instant>) -> Result<MutexGuard<'_, ()>> {
        let lock = self.updating.lock();
        let Some(deadline) = deadline else { return Ok(lock.await) };
        tokio::time::timeout_at(deadline.into(), lock).await.map_err(|_| {
            Error::new(
                ErrorKind::DeadlineExceeded,
                "statement.timeout passed while another statement was reading the cluster's names",
            )
        })
    }

    /// The schema as of now.
    ///
    /// # Errors
    /// When PD or the stores can't be reached, or the metadata is malformed.
    pub(crate) async fn view(&self, need: Need<'_>, deadline: Option<Instant>) -> Result<View> {
        if let Some(names) = self.latest() {
            let when = Instant::now();
            let at = ReadAt { ts: self.reader.timestamp(deadline).await?, deadline };
            let version = schema_version(&*self.reader, at, names.version).await?;
            let view = View::new(names, at);
            if view.version() == version && view.has(need) {
                confirm(&self.current, version, at.ts, when);
                return Ok(view);
            }
        }
        let _updating = self.updating(deadline).await?;
        let at = ReadAt { ts: self.reader.timestamp(deadline).await?, deadline };
        let names = self.update(at, need).await?;
        Ok(View::new(names, at))
    }

    /// The schema as it was last seen, to resolve a statement's names with: whether it still is that is left to be
    /// looked at. `None` if it was not seen lately.
    pub(crate) fn seen(&self, need: Need<'_>, deadline: Option<Instant>) -> Option<View> {
        let Known { names, ts, .. } = self.seen_lately()?;
        let view = View::new(names, ReadAt { ts, deadline });
        view.has(need).then_some(view)
    }

    /// What tells whether this is the newest schema version: for one round trip, during which there is something to do.
    pub(crate) fn outlook(&self, version: i64, deadline: Option<Instant>) -> Outlook {
        let reader = Arc::clone(&self.reader);
        Outlook::new(async move { is_newest(&*reader, version, deadline).await })
    }

    /// Asks for a timestamp, for [`MetaStore::view_ahead`], while there is something else to do.
    pub(crate) fn ask_timestamp(&self, deadline: Option<Instant>) -> AskedTimestamp {
        AskedTimestamp::new(Arc::clone(&self.reader), deadline)
    }

    /// Whether the newest schema version is this one; `false` also where that could not be told at once.
    ///
    /// # Errors
    /// As [`MetaStore::view`].
    pub(crate) async fn is_newest(&self, version: i64, deadline: Option<Instant>) -> Result<bool> {
        is_newest(&*self.reader, version, deadline).await
    }

    /// The schema as it was last seen, at a timestamp of now, and what tells whether it is that of the timestamp:
    /// for a round trip less than [`MetaStore::view`] where there is something to do meanwhile, and two less where the
    /// timestamp was `asked` for before. `None` if it was not seen lately. What has come of a schema that was another is
    /// to be thrown away.
    ///
    /// # Errors
    /// When PD can't be reached.
    pub(crate) async fn view_ahead(
        &self,
        need: Need<'_>,
        deadline: Option<Instant>,
        asked: Option<AskedTimestamp>,
    ) -> Result<Option<(View, Outlook)>> {
        let Some(Known { names, ts, .. }) = self.seen_lately() else { return Ok(None) };
        let tables_at = ReadAt { ts, deadline };
        let mut view = View { names, at: tables_at, tables_at };
        if !view.has(need) {
            return Ok(None);
        }
        let mut when = Instant::now();
        let mut answer = None;
        if let Some(asked) = asked {
            when = asked.asked();
            answer = asked.answer().await?;
        }
        view.at.ts = match answer {
            Some(ts) => ts,
            None => self.reader.timestamp(deadline).await?,
        };
        let (at, version) = (view.at, view.version());
        let (reader, current) = (Arc::clone(&self.reader), Arc::clone(&self.current));
        let check = async move {
            let is_same = schema_version(&*reader, at, version).await? == version;
            if is_same {
                confirm(&current, version, at.ts, when);
            }
            Ok(is_same)
        };
        Ok(Some((view, Outlook::new(check))))
    }

    fn seen_lately(&self) -> Option<Known> {
        let known = self.current.read().clone();
        known.filter(|known| known.when.elapsed() < SEEN_RIGHT_FOR)
    }

    /// The schema as of the snapshot `at`, whose schema version is `version`; `None` if the names
    /// have gone on to another.
    ///
    /// # Errors
    /// As [`MetaStore::view`].
    pub(crate) async fn view_at(
        &self,
        at: ReadAt,
        version: i64,
        need: Need<'_>,
    ) -> Result<Option<View>> {
        let _updating = self.updating(at.deadline).await?;
        let Some(known) = self.latest().filter(|names| names.version == version) else {
            return Ok(None);
        };
        let mut names = Names::clone(&known);
        for database_id in missing(&known, need) {
            names.set_tables(database_id, load_tables(&*self.reader, at, database_id).await?);
        }
        let names = Arc::new(names);
        if let Some(known) = self.current.write().as_mut() {
            known.names = Arc::clone(&names);
        }
        Ok(Some(View::new(names, at)))
    }

    /// A timestamp of now.
    ///
    /// # Errors
    /// When PD can't be reached.
    pub(crate) async fn timestamp(&self, deadline: Option<Instant>) -> Result<Timestamp> {
        self.reader.timestamp(deadline).await
    }

    /// The schema as it was at `at`, a time in the past. The names of now stay as they are.
    ///
    /// # Errors
    /// As [`MetaStore::view`].
    pub(crate) async fn view_of_past(&self, at: ReadAt, need: Need<'_>) -> Result<View> {
        let reader = &*self.reader;
        let same = self.past(at.ts);
        let mut known: Vec<_> = same.into_iter().chain(self.latest()).collect();
        known.extend(self.past.read().iter().map(|(_, names)| Arc::clone(names)));
        let guess = known.first().map_or(0, |names| names.version);
        let version = schema_version(reader, at, guess).await?;
        let known = known.into_iter().find(|names| names.version == version);
        let names = match known {
            Some(names) => names,
            None => Arc::new(load_databases(reader, at, version).await?),
        };
        let view = self.with_more(&View::new(names, at), need).await?;
        let mut past = self.past.write();
        past.retain(|(ts, _)| *ts != at.ts);
        past.push_front((at.ts, Arc::clone(&view.names)));
        past.truncate(TIMES_OF_PAST);
        drop(past);
        Ok(view)
    }

    /// `view` with these names too.
    ///
    /// # Errors
    /// As [`MetaStore::view`].
    pub(crate) async fn with_more(&self, view: &View, need: Need<'_>) -> Result<View> {
        let missing = missing(&view.names, need);
        if missing.is_empty() {
            return Ok(view.clone());
        }
        let mut names = Names::clone(&view.names);
        for database_id in missing {
            names.set_tables(
                database_id,
                load_tables(&*self.reader, view.tables_at, database_id).await?,
            );
        }
        Ok(View { names: Arc::new(names), ..*view })
    }

    /// Brings the names up to date with a snapshot and reads those that are missing.
    async fn update(&self, at: ReadAt, need: Need<'_>) -> Result<Arc<Names>> {
        let reader = &*self.reader;
        let known = match self.latest() {
            Some(names) => Some(names),
            None => self.read_disk().await.map(Arc::new),
        };
        let version = schema_version(reader, at, known.as_ref().map_or(0, |n| n.version)).await?;
        let (mut names, mut changed, touched) = match known {
            Some(names) if names.version == version => {
                (Names::clone(&names), false, Some(Touched::default()))
            }
            Some(names) => match changes_between(reader, at, names.version, version).await? {
                Some(changes) => {
                    let touched = Touched::by(&changes);
                    let next = advance(reader, at, &names, version, &touched).await?;
                    (next, true, Some(touched))
                }
                None => (load_databases(reader, at, version).await?, true, None),
            },
            None => (load_databases(reader, at, version).await?, true, None),
        };
        for database_id in missing(&names, need) {
            names.set_tables(database_id, load_tables(reader, at, database_id).await?);
            changed = true;
        }
        let names = Arc::new(names);
        self.tables.advance(version, touched.as_ref());
        let known = Known { names: Arc::clone(&names), ts: at.ts, when: Instant::now() };
        *self.current.write() = Some(known);
        if changed {
            self.write_disk(&names).await;
        }
        Ok(names)
    }

    async fn read_disk(&self) -> Option<Names> {
        let disk = self.disk.clone()?;
        tokio::task::spawn_blocking(move || disk.load()).await.ok().flatten()
    }

    async fn write_disk(&self, names: &Arc<Names>) {
        if let Some(disk) = self.disk.clone() {
            let names = Arc::clone(names);
            drop(tokio::task::spawn_blocking(move || disk.save(&names)).await);
        }
    }

    /// The table of this id in this database as of `view`.
    ///
    /// # Errors
    /// When the stores can't be reached, or the metadata is malformed.
    pub(crate) async fn table(
        &self,
        view: &View,
        database_id: i64,
        table_id: i64,
    ) -> Result<Option<Arc<TableInfo>>> {
        self.table_and_more(view, database_id, table_id, &[]).await
    }

    /// The values of raw keys of the metadata, one for each in the same order.
    ///
    /// # Errors
    /// When the stores can't be reached.
    pub(crate) async fn values(
        &self,
        at: ReadAt,
        keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Option<Bytes>>> {
        self.reader.get(at, keys).await
    }

    /// As [`MetaStore::table`]. If the table has to be read, those with the ids `more` are read
    /// and kept too, in the same request: for somebody who is going through a database.
    ///
    /// # Errors
    /// As [`MetaStore::table`].
    pub(crate) async fn table_and_more(
        &self,
        view: &View,
        database_id: i64,
        table_id: i64,
        more: &[i64],
    ) -> Result<Option<Arc<TableInfo>>> {
        if let Some(table) = self.tables.get(view.version(), (database_id, table_id)) {
            return Ok(Some(table));
        }
        let ids: Vec<i64> = std::iter::once(table_id).chain(more.iter().copied()).collect();
        let keys = ids.iter().map(|id| meta::table_key(database_id, *id)).collect();
        let found = self.reader.get(view.tables_at, keys).await?;
        let mut wanted = None;
        for (id, json) in ids.into_iter().zip(found) {
            let Some(json) = json else { continue };
            match TableInfo::from_json(&json) {
                Ok(table) => {
                    let table = Arc::new(table);
                    self.tables.put(view.version(), (database_id, id), Arc::clone(&table));
                    if id == table_id {
                        wanted = Some(table);
                    }
                }
                Err(error) if id == table_id => {
                    let error = Error::from(tifusion_schema::Error::from(error));
                    return Err(error
                        .with_context("database id", database_id.to_string())
                        .with_context("table id", id.to_string()));
                }
                // Who asks for that one will hear of it.
                Err(error) => {
                    tracing::debug!(%error, table = id, "a table's metadata is malformed")
                }
            }
        }
        Ok(wanted)
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
