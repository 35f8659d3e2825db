//! Databases, tables and rows by statement and bulk load: what [`Bootstrap`] makes of them is written to the
//! cluster's data.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tifusion_codec::key::{region_key, table_prefix};
use tifusion_schema::TableInfo;

use crate::bootstrap::{Bootstrap, BootstrapError, BootstrapOptions, Pair};
use crate::mvcc::{Blocked, Ingest, MvccError, ReadOptions, Rows as _};
use crate::state::{State, Write};

/// Metadata is between these keys.
const META: (&[u8], &[u8]) = (b"m", b"n");
/// The first byte of rows and index entries.
const TABLES: u8 = b't';

/// Why a statement or a batch of rows was not taken; nothing of it was written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It is refused.
    #[error("{0}")]
    Refused(#[source] Box<BootstrapError>),
    /// A transaction writes to the same keys: it may work when that has ended.
    #[error("a transaction is in the way: {0}")]
    Conflict(String),
    /// The data cannot be read or written.
    #[error("the cluster's data: {0}")]
    Data(String),
    /// The cluster was shut down.
    #[error("the cluster has ended")]
    Ended,
}

impl From<BootstrapError> for LoadError {
    fn from(error: BootstrapError) -> Self {
        Self::Refused(Box::new(error))
    }
}

/// What the cluster's metadata says, as of the last look at it.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    known: Mutex<Option<Known>>,
}

#[derive(Debug)]
struct Known {
    meta: BTreeMap<Vec<u8>, Vec<u8>>,
    bootstrap: Bootstrap,
}

impl Catalog {
    /// Gives data without metadata the databases and the table that every cluster has.
    ///
    /// # Errors
    /// [`LoadError::Data`], [`LoadError::Conflict`].
    pub(crate) fn found(&self, state: &State) -> Result<(), LoadError> {
        if state.first_key(META.0..META.1).is_some() {
            return Ok(());
        }
        let start_ts = state.timestamp();
        let mut bootstrap = Bootstrap::new(options(start_ts))?;
        // The one region is enough for them.
        let _ = bootstrap.take_splits();
        let known = Known { meta: BTreeMap::new(), bootstrap };
        self.write(state, start_ts, known, &mut self.known.lock())
    }

    /// The description of a table.
    pub(crate) fn table(&self, database: &str, table: &str) -> Option<TableInfo> {
        self.known.lock().as_ref()?.bootstrap.table(database, table).cloned()
    }

    /// Changes tables or adds rows, and writes what follows, all of it or nothing.
    ///
    /// # Errors
    /// [`LoadError`].
    pub(crate) fn change(
        &self,
        state: &State,
        change: impl FnOnce(&mut Bootstrap) -> Result<(), BootstrapError>,
    ) -> Result<(), LoadError> {
        let mut slot = self.known.lock();
        let start_ts = state.timestamp();
        let meta = read_meta(state, start_ts)?;
        // Others may have changed it, by transactions.
        let mut bootstrap = match slot.take() {
            Some(known) if known.meta == meta => known.bootstrap,
            _ => Bootstrap::open(options(start_ts), meta.clone())?,
        };
        let before = bootstrap.clone();
        bootstrap.begin(start_ts);
        let known = Known { meta, bootstrap };
        let mut changed = known;
        if let Err(error) = change(&mut changed.bootstrap) {
            *slot = Some(Known { bootstrap: before, ..changed });
            return Err(error.into());
        }
        self.write(state, start_ts, changed, &mut slot)
    }

    /// Moves the number under a key of the metadata, which is 0 before there is one, to what `next` says, and leaves it
    /// where that says nothing. The number before comes back.
    ///
    /// # Errors
    /// [`LoadError::Conflict`] when a transaction has written or writes the same number, [`LoadError::Data`].
    pub(crate) fn advance(
        &self,
        state: &State,
        key: &[u8],
        next: impl FnOnce(i64) -> Option<i64>,
    ) -> Result<i64, LoadError> {
        // What is known of the metadata does not hold afterwards, which the next look at it tells.
        let _turn = self.known.lock();
        let start_ts = state.timestamp();
        let mut rows = state.storage.reader(ReadOptions { ts: start_ts, ..ReadOptions::default() });
        let value = rows.get(key).map_err(blocked)?;
        drop(rows);
        let number = |value: &Vec<u8>| std::str::from_utf8(value).ok()?.parse().ok();
        let last = value.as_ref().map_or(Some(0), number);
        let last = last.ok_or_else(|| LoadError::Data("a counter is no number".to_owned()))?;
        let Some(next) = next(last).filter(|next| *next != last) else { return Ok(last) };
        let pairs = vec![(key.to_vec(), next.to_string().into_bytes())];
        let on_record = on_record(state, &pairs);
        let load = Ingest { start_ts, is_new };
        let written = state.storage.ingest(pairs, load, || state.timestamp());
        drop(on_record);
        written.map_err(refusal)?;
        Ok(last)
    }

    /// Writes the pairs that were made, and keeps what they were made from.
    fn write(
        &self,
        state: &State,
        start_ts: u64,
        mut known: Known,
        slot: &mut Option<Known>,
    ) -> Result<(), LoadError> {
        let pairs = known.bootstrap.take_pairs();
        let splits = known.bootstrap.take_splits();
        let meta = pairs.iter().filter(|(key, _)| !is_new(key)).cloned();
        let meta: Vec<Pair> = meta.collect();
        let on_record = on_record(state, &pairs);
        let load = Ingest { start_ts, is_new };
        let written = state.storage.ingest(pairs, load, || state.timestamp());
        drop(on_record);
        written.map_err(|error| refusal_of(&known.bootstrap, error))?;
        known.meta.extend(meta);
        *slot = Some(known);
        let splits: Vec<_> = splits.iter().map(|key| region_key(key)).collect();
        if !splits.is_empty() {
            // They are encodings made just now.
            let _ = state.change(|topology| topology.split(&splits));
        }
        Ok(())
    }
}

fn options(timestamp: u64) -> BootstrapOptions {
    BootstrapOptions { new_collation: true, timestamp }
}

/// Rows and entries must not be there yet; metadata is written over.
fn is_new(key: &[u8]) -> bool {
    key.first() == Some(&TABLES)
}

fn read_meta(state: &State, ts: u64) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, LoadError> {
    let mut rows = state.storage.reader(ReadOptions { ts, ..ReadOptions::default() });
    let pairs = rows.scan(META.0..META.1, usize::MAX, false);
    Ok(pairs.map_err(blocked)?.into_iter().collect())
}

fn blocked(blocked: Blocked) -> LoadError {
    match blocked {
        Blocked::Locked(lock) => {
            LoadError::Conflict(format!("the metadata is locked by {}", lock.lock_version))
        }
        Blocked::Engine(error) => LoadError::Data(error),
    }
}

/// Puts the writes of pairs, which are in order, on record: one per table.
fn on_record<'a>(state: &'a State, pairs: &[Pair]) -> Vec<Write<'a>> {
    let of_table = table_prefix(0).len();
    let table = |(key, _): &Pair| {
        let length = if is_new(key) { of_table } else { 1 };
        key.get(..length).unwrap_or(key).to_vec()
    };
    let tables = pairs.chunk_by(|a, b| table(a) == table(b));
    let record = |pairs: &[Pair]| {
        let border = |pair: Option<&Pair>| pair.map(|(key, _)| key.clone()).unwrap_or_default();
        let (start, mut end) = (border(pairs.first()), border(pairs.last()));
        end.push(0);
        let bytes = pairs.iter().map(|(key, value)| key.len().saturating_add(value.len())).sum();
        Write::begin(state, region_key(&start), region_key(&end), bytes)
    };
    tables.map(record).collect()
}

fn refusal_of(bootstrap: &Bootstrap, error: MvccError) -> LoadError {
    match error {
        MvccError::AlreadyExist { key } => match bootstrap.owner(&key) {
            Some((table, name)) => LoadError::from(BootstrapError::Duplicate {
                table: table.name.original.clone(),
                key: name.to_owned(),
            }),
            None => LoadError::Conflict("a new key exists already".to_owned()),
        },
        other => refusal(other),
    }
}

fn refusal(error: MvccError) -> LoadError {
    match error {
        MvccError::Locked(_) | MvccError::WriteConflict(_) => {
            LoadError::Conflict(error.to_string())
        }
        other => LoadError::Data(other.to_string()),
    }
}
