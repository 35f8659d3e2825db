//! Whole tables, kept while they stay as they are.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use tifusion_schema::TableInfo;

use super::advance::Touched;

/// Tables kept: a description with its columns is some ten kilobytes.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1000).unwrap();

/// Tables by database and id, all as of one schema version.
#[derive(Debug)]
pub(super) struct TableCache {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    version: i64,
    tables: LruCache<(i64, i64), Arc<TableInfo>>,
}

impl TableCache {
    /// An empty cache.
    pub(super) fn new() -> Self {
        Self { inner: Mutex::new(Inner { version: 0, tables: LruCache::new(CAPACITY) }) }
    }

    /// The table as of `version`, if it is known.
    pub(super) fn get(&self, version: i64, key: (i64, i64)) -> Option<Arc<TableInfo>> {
        let mut inner = self.inner.lock();
        if inner.version == version { inner.tables.get(&key).cloned() } else { None }
    }

    /// Keeps a table that was read at `version`, unless the cache is at another.
    pub(super) fn put(&self, version: i64, key: (i64, i64), table: Arc<TableInfo>) {
        let mut inner = self.inner.lock();
        if inner.version == version {
            inner.tables.put(key, table);
        }
    }

    /// Goes on to `version`; without what was touched everything is forgotten.
    pub(super) fn advance(&self, version: i64, touched: Option<&Touched>) {
        let mut inner = self.inner.lock();
        inner.version = version;
        let Some(touched) = touched else {
            inner.tables.clear();
            return;
        };
        let is_gone =
            |key: &(i64, i64)| touched.tables.contains(key) || touched.databases.contains(&key.0);
        let gone: Vec<_> =
            inner.tables.iter().map(|(key, _)| *key).filter(|key| is_gone(key)).collect();
        for key in gone {
            inner.tables.pop(&key);
        }
    }
}
