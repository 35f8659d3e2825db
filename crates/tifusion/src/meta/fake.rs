//! A TiDB's metadata in memory, with its history.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tifusion_client::Timestamp;
use tifusion_codec::key::meta;

use super::reader::{MetaReader, OnPair, ReadAt};
use crate::error::{Error, ErrorKind, Result};

type Versions = Vec<(Timestamp, Option<Bytes>)>;

type OnTimestamp = fn(&FakeMeta);

/// Metadata that a test writes and a store reads.
#[derive(Debug, Default)]
pub(crate) struct FakeMeta {
    pairs: Mutex<BTreeMap<Vec<u8>, Versions>>,
    clock: AtomicU64,
    /// Calls of `get`.
    pub(crate) gets: AtomicU64,
    /// Calls of `scan`.
    pub(crate) scans: AtomicU64,
    /// Calls of `timestamp`.
    pub(crate) timestamps: AtomicU64,
    /// Calls of `newest`.
    pub(crate) newest: AtomicU64,
    /// Whether the newest values are those of a transaction that is being committed.
    pub(crate) locked: AtomicBool,
    /// What to do when a certain timestamp is asked for, counted from one.
    on_timestamp: Mutex<Option<(u64, OnTimestamp)>>,
    /// Makes every read fail.
    pub(crate) broken: AtomicBool,
}

impl FakeMeta {
    /// A cluster at schema version 10 with databases `test` (1), `Shop` (2) and the tables
    /// `test.t` (100) and `Shop.Orders` (200).
    pub(crate) fn new() -> Arc<Self> {
        let fake = Arc::new(Self::default());
        fake.put(meta::database_key(1), &database(1, "test"));
        fake.put(meta::database_key(2), &database(2, "Shop"));
        fake.put(meta::table_key(1, 100), &table(100, "t", &[(1, "id", 8), (2, "UserId", 8)]));
        fake.put(meta::table_key(2, 200), &table(200, "Orders", &[(1, "id", 8)]));
        fake.put_text(meta::schema_version_key(), "10");
        fake.put(
            meta::schema_diff_key(10),
            &json!({"version": 10, "type": 3, "schema_id": 1, "table_id": 100}),
        );
        fake
    }

    /// Does `then` just before the timestamp `count` is given.
    pub(crate) fn on_timestamp(&self, count: u64, then: OnTimestamp) {
        *self.on_timestamp.lock() = Some((count, then));
    }

    fn tick(&self) -> Timestamp {
        Timestamp::new(self.clock.fetch_add(1, Ordering::SeqCst) + 1)
    }

    fn write(&self, key: Vec<u8>, value: Option<Bytes>) {
        let ts = self.tick();
        self.pairs.lock().entry(key).or_default().push((ts, value));
    }

    pub(crate) fn put(&self, key: Vec<u8>, value: &Value) {
        self.write(key, Some(Bytes::from(value.to_string())));
    }

    pub(crate) fn put_text(&self, key: Vec<u8>, text: &str) {
        self.write(key, Some(Bytes::from(text.to_owned())));
    }

    pub(crate) fn delete(&self, key: Vec<u8>) {
        self.write(key, None);
    }

    /// Raises the schema version, as the first transaction of a schema change does.
    pub(crate) fn raise(&self) -> i64 {
        let version = self.version() + 1;
        self.put_text(meta::schema_version_key(), &version.to_string());
        version
    }

    pub(crate) fn version(&self) -> i64 {
        let pairs = self.pairs.lock();
        let versions = &pairs[&meta::schema_version_key()];
        let value = versions.last().unwrap().1.clone().unwrap();
        std::str::from_utf8(&value).unwrap().parse().unwrap()
    }

    /// A whole schema change: `write`, then the diff with the given members.
    pub(crate) fn change(&self, diff: Value, write: impl FnOnce(&Self)) -> i64 {
        let version = self.raise();
        write(self);
        self.put_diff(version, diff);
        version
    }

    pub(crate) fn put_diff(&self, version: i64, mut diff: Value) {
        diff["version"] = json!(version);
        self.put(meta::schema_diff_key(version), &diff);
    }

    fn read(&self, versions: &Versions, at: ReadAt) -> Option<Bytes> {
        versions.iter().rev().find(|(ts, _)| *ts <= at.ts)?.1.clone()
    }

    fn check(&self) -> Result<()> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "the fake is broken"));
        }
        Ok(())
    }
}

#[async_trait]
impl MetaReader for FakeMeta {
    async fn timestamp(&self, _: Option<Instant>) -> Result<Timestamp> {
        self.check()?;
        let count = self.timestamps.fetch_add(1, Ordering::SeqCst) + 1;
        let due = self.on_timestamp.lock().take_if(|(due, _)| *due == count);
        if let Some((_, then)) = due {
            then(self);
        }
        Ok(self.tick())
    }

    async fn get(&self, at: ReadAt, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Bytes>>> {
        self.check()?;
        self.gets.fetch_add(1, Ordering::SeqCst);
        let pairs = self.pairs.lock();
        let value = |key: &Vec<u8>| pairs.get(key).and_then(|versions| self.read(versions, at));
        Ok(keys.iter().map(value).collect())
    }

    async fn newest(
        &self,
        keys: Vec<Vec<u8>>,
        deadline: Option<Instant>,
    ) -> Result<Option<Vec<Option<Bytes>>>> {
        self.check()?;
        self.newest.fetch_add(1, Ordering::SeqCst);
        if self.locked.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let at = ReadAt { ts: Timestamp::MAX, deadline };
        let pairs = self.pairs.lock();
        let value = |key: &Vec<u8>| pairs.get(key).and_then(|versions| self.read(versions, at));
        Ok(Some(keys.iter().map(value).collect()))
    }

    async fn scan(&self, at: ReadAt, start: &[u8], end: &[u8], on_pair: OnPair<'_>) -> Result<()> {
        self.check()?;
        self.scans.fetch_add(1, Ordering::SeqCst);
        let range = start.to_vec()..end.to_vec();
        for (key, versions) in self.pairs.lock().range(range) {
            if let Some(value) = self.read(versions, at) {
                on_pair(key, &value)?;
            }
        }
        Ok(())
    }
}

/// A public database.
pub(crate) fn database(id: i64, name: &str) -> Value {
    json!({
        "id": id, "db_name": {"O": name, "L": name.to_lowercase()},
        "charset": "utf8mb4", "collate": "utf8mb4_bin", "state": 5,
    })
}

/// A public table with columns of these ids, names and types.
pub(crate) fn table(id: i64, name: &str, columns: &[(i64, &str, u8)]) -> Value {
    let column = |(offset, (id, name, tp)): (usize, &(i64, &str, u8))| {
        json!({
            "id": id, "name": {"O": name, "L": name.to_lowercase()}, "offset": offset, "state": 5,
            "type": {"Tp": tp, "Flag": 0, "Flen": 20, "Decimal": 0, "Charset": "binary",
                     "Collate": "binary", "Elems": null},
        })
    };
    json!({
        "id": id, "name": {"O": name, "L": name.to_lowercase()}, "charset": "utf8mb4",
        "collate": "utf8mb4_bin", "state": 5, "version": 5,
        "cols": columns.iter().enumerate().map(column).collect::<Vec<_>>(),
        "index_info": null, "max_col_id": columns.len(),
    })
}

/// A public view with one column `x`.
pub(crate) fn view(id: i64, name: &str) -> Value {
    view_of(id, name, "SELECT 1")
}

/// A public view of this `SELECT`, with one column `x`.
pub(crate) fn view_of(id: i64, name: &str, select: &str) -> Value {
    let mut view = table(id, name, &[(1, "x", 0)]);
    view["view"] = json!({
        "view_algorithm": 0, "view_definer": {"Username": "root", "Hostname": "%"},
        "view_security": 0, "view_select": select, "view_checkoption": 1, "view_cols": null,
    });
    view
}
